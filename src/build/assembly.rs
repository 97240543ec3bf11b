//! A bootable disk by plain file writes: no loop device, no mount, no grub-install.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use gpt::disk::LogicalBlockSize;
use gpt::partition::Partition;
use gpt::partition_types::{self, Type};

use super::compose::RootfsSpec;
use super::resolved_inputs::ResolvedInputs;
use super::rootfs::Rootfs;
use super::target_tools::TargetTools;
use super::{esp, file_tree, qcow2};
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::memory::{MemoryBudget, TemporaryFile};
use crate::host::tools;
use crate::host::workdir::WorkDir;
use crate::plan::disk::{self, Extent, Layout, SECTOR};
use crate::plan::{CacheKey, DiskImage};

/// What GRUB must know to find and start a kernel; built into its core image, so that no module on the disk can ever be
/// of another version than the core.
const GRUB_MODULES: &[&str] = &[
    "biosdisk", "cat", "echo", "ext2", "linux", "ls", "normal", "part_gpt", "probe", "reboot", "serial",
    "terminal",
];

/// `boot.img` holds at this offset the first sector of the core image, as a 64-bit number
/// (`GRUB_BOOT_MACHINE_KERNEL_SECTOR` in GRUB's include/grub/i386/pc/boot.h).
const BOOT_KERNEL_SECTOR: usize = 0x5c;
/// A jump at this offset makes GRUB trust the BIOS's drive number; two NOPs keep its own check
/// (`GRUB_BOOT_MACHINE_DRIVE_CHECK`).
const BOOT_DRIVE_CHECK: usize = 0x66;
/// The core image's own list of the sectors after its first; grub-mkimage leaves the right length in it, and the start
/// is ours to fill in (`struct grub_pc_bios_boot_blocklist`).
const CORE_NEXT_SECTOR: usize = 0x1f4;
/// Bytes of code in a master boot record; the partition table follows.
const BOOT_CODE: usize = 440;

/// A finished raw disk.
#[derive(Debug)]
pub(super) struct DiskParts {
    pub(super) file: TemporaryFile,
    pub(super) layout: Layout,
    pub(super) root_uuid: String,
}

/// Makes the disk of an image from its root file system, which is to be as it was measured.
pub(super) fn assemble(
    spec: &RootfsSpec<'_>,
    rootfs: &Rootfs,
    resolved: &ResolvedInputs,
    tools: &TargetTools,
    work: &WorkDir,
    budget: &MemoryBudget,
) -> Result<DiskParts> {
    let image = spec.image;
    let efi = if image.esp.is_empty() { 0 } else { disk::EFI_SIZE };
    let disk = DiskParts {
        file: budget.file(rootfs.contents.blocks_bytes, work.path(&format!("{}.raw", image.recipe))),
        layout: Layout::new(efi, rootfs.contents.file_system_size()),
        root_uuid: disk::uuid(&resolved.identity, "root file system"),
    };
    fs_err::File::create(disk.file.path())?.set_len(disk.layout.total)?;
    make_file_system(&disk, spec, &resolved.identity, tools)?;
    let made = fs_err::File::open(disk.file.path())?.into_parts().0;
    rootfs.written.ensure_in(&file_tree::open(made, disk.layout.root.start)?)?;
    let core = core_image(image, tools, work)?;
    write_boot_loader(&disk, &tools.boot_img()?, core)?;
    if efi > 0 {
        esp::write(disk.file.path(), disk.layout.efi, &resolved.identity, &esp::files(image, tools)?)?;
    }
    write_partition_table(&disk, &resolved.identity)?;
    Ok(disk)
}

/// More of the root file system.
const FILE_SYSTEM: &str = "root_owner=0:0,assume_storage_prezeroed=1";

/// mke2fs reads the tar while it is written.
fn make_file_system(
    disk: &DiskParts,
    spec: &RootfsSpec<'_>,
    key: &CacheKey,
    tools: &TargetTools,
) -> Result<()> {
    let Extent { start, size } = disk.layout.root;
    let hash_seed = disk::uuid(key, "directory hashes");
    tools
        .mke2fs()
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L", "root", "-U", &disk.root_uuid])
        .arg("-E")
        // One list: mke2fs before 1.47.4 keeps only the last -E. The file is sparse, so its tables are zero already.
        .arg(format!("offset={start},hash_seed={hash_seed},{FILE_SYSTEM}"))
        .args(["-d", "-"])
        .arg(disk.file.path())
        .arg(format!("{}k", size / 1024))
        .env("SOURCE_DATE_EPOCH", spec.epoch.to_string())
        .run_with_stdin(|pipe| spec.write(pipe).map(drop))?;
    count_what_users_store(disk, spec, tools)
}

/// Has the file system count what each user stores, so that a machine can limit it. mke2fs would count before it fills the
/// file system, which fsck then calls wrong.
fn count_what_users_store(disk: &DiskParts, spec: &RootfsSpec<'_>, tools: &TargetTools) -> Result<()> {
    tools
        .tune2fs()
        .args(["-Q", "usrquota"])
        .arg(format!("{}?offset={}", disk.file.path().display(), disk.layout.root.start))
        .env("SOURCE_DATE_EPOCH", spec.epoch.to_string())
        .run()
}

fn core_image(image: &DiskImage, tools: &TargetTools, work: &WorkDir) -> Result<Vec<u8>> {
    let path = work.path(&format!("{}.core.img", image.recipe));
    tools
        .grub_mkimage()
        .args(["--format", "i386-pc"])
        // Without a drive before the comma GRUB takes the one that the BIOS booted from.
        .args(["--prefix", &format!("(,gpt{})/boot/grub", disk::ROOT_NUMBER)])
        .arg("--output")
        .arg(&path)
        .args(GRUB_MODULES)
        .run()?;
    Ok(fs_err::read(path)?)
}

fn write_boot_loader(disk: &DiskParts, boot: &[u8], mut core: Vec<u8>) -> Result<()> {
    let place = disk.layout.bios_boot;
    ensure_fits(boot, &core, place)?;
    let mut sector = boot[..BOOT_CODE].to_vec();
    put(&mut sector, BOOT_KERNEL_SECTOR, &place.first_sector().to_le_bytes());
    put(&mut sector, BOOT_DRIVE_CHECK, &[0x90, 0x90]);
    put(&mut core, CORE_NEXT_SECTOR, &(place.first_sector() + 1).to_le_bytes());

    let mut file = fs_err::OpenOptions::new().write(true).open(disk.file.path())?;
    file.write_all(&sector)?;
    file.seek(SeekFrom::Start(place.start))?;
    file.write_all(&core)?;
    Ok(())
}

fn ensure_fits(boot: &[u8], core: &[u8], place: Extent) -> Result<()> {
    let fits = || -> anyhow::Result<()> {
        ensure!(boot.len() == 512, "GRUB's boot.img has {} bytes instead of 512", boot.len());
        ensure!(core.len() > 512, "GRUB's core image has only {} bytes", core.len());
        ensure!(
            core.len() as u64 <= place.size,
            "GRUB's core image has {} bytes, but its partition has only {}",
            core.len(),
            place.size
        );
        Ok(())
    };
    Ok(fits()?)
}

fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}

fn write_partition_table(disk: &DiskParts, key: &CacheKey) -> Result<()> {
    let mut file = fs_err::OpenOptions::new().read(true).write(true).open(disk.file.path())?.into_parts().0;
    protective_mbr(disk.layout.total, &mut file)?;
    let mut table = gpt::GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(file, Some(parse(&disk::uuid(key, "disk"))?))
        .context("creating the partition table")?;
    let partitions = [
        (disk::BIOS_BOOT_NUMBER, "bios boot", partition_types::BIOS, disk.layout.bios_boot),
        (disk::EFI_NUMBER, "esp", partition_types::EFI, disk.layout.efi),
        (disk::ROOT_NUMBER, "root", partition_types::LINUX_FS, disk.layout.root),
    ];
    let partitions = partitions
        .into_iter()
        .filter(|(_, _, _, extent)| extent.size > 0)
        .map(|(number, name, kind, extent)| Ok((number, partition(name, kind, extent, key)?)))
        .collect::<Result<_>>()?;
    table.update_partitions(partitions).context("writing the partitions")?;
    table.write().context("writing the partition table")?;
    Ok(())
}

/// Keeps the boot code: only the partition record and the signature are written.
fn protective_mbr(total: u64, file: &mut std::fs::File) -> Result<()> {
    let sectors = u32::try_from(total / SECTOR - 1).unwrap_or(u32::MAX);
    let mbr = gpt::mbr::ProtectiveMBR::with_lb_size(sectors);
    mbr.update_conservative(file).map_err(|error| anyhow!("writing the protective MBR: {error}"))?;
    Ok(())
}

fn partition(name: &str, kind: Type, extent: Extent, key: &CacheKey) -> Result<Partition> {
    Ok(Partition {
        part_type_guid: kind,
        part_guid: parse(&disk::uuid(key, name))?,
        first_lba: extent.first_sector(),
        last_lba: extent.last_sector(),
        flags: 0,
        name: name.to_owned(),
    })
}

fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(uuid: &str) -> Result<T> {
    Ok(uuid.parse().with_context(|| format!("`{uuid}` is not a UUID"))?)
}

/// The raw disk as a compressed qcow2.
pub(super) fn compress(
    disk: &DiskParts,
    image: &DiskImage,
    threads: usize,
    work: &WorkDir,
) -> Result<PathBuf> {
    let path = work.path(&format!("{}.qcow2", image.recipe));
    qcow2::write(disk.file.path(), &path, threads)?;
    Ok(path)
}

/// A disk in any format of QEMU's as a compressed qcow2, whole in itself.
pub(super) fn compress_from(format: &str, disk: &Path, target: &Path) -> Result<()> {
    Cmd::new(tools::QEMU_IMG.name)
        .args(["convert", "-f", format, "-O", "qcow2", "-c", "-o", "compression_type=zstd"])
        .arg(disk)
        .arg(target)
        .run()
}
