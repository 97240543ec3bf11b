//! The EFI system partition: a FAT file system inside the disk, by plain file writes.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Context;
use fatfs::{
    Date, DateTime, Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions, ReadWriteSeek, Time,
    TimeProvider,
};
use fscommon::StreamSlice;

use super::target_tools::TargetTools;
use crate::failure::Result;
use crate::host::files::folders_on;
use crate::plan::disk::{self, Extent};
use crate::plan::{CacheKey, DiskImage};

/// What mount(8) and lsblk(8) call it, padded as FAT wants it.
const LABEL: [u8; 11] = *b"esp        ";

/// Bytes of a sector, and here of a cluster too.
const SECTOR: usize = 512;
/// Bytes of an entry in a folder; four of them at the beginning of each are about itself.
const ENTRY: usize = 32;
/// The first byte of an entry that is not in use any more.
const DELETED: u8 = 0xe5;
/// The attributes of a folder, and those of a piece of a long name (Microsoft's FAT specification 1.03, pages 23, 28).
const FOLDER: u8 = 0x10;
const LONG_NAME: u8 = 0x0f;

/// The files on the partition by their path there.
pub(super) type EspFiles = BTreeMap<String, Vec<u8>>;

/// What goes onto the partition of `image`: files of its overlay, and of its root tree.
pub(super) fn files(image: &DiskImage, tools: &TargetTools) -> Result<EspFiles> {
    let files = image.esp.iter();
    files
        .map(|file| {
            let content = match image.contents.get(&file.source) {
                Some(content) => content.clone(),
                None => tools.file(&file.source)?,
            };
            Ok((file.place.clone(), content))
        })
        .collect()
}

/// Makes the file system in `extent` of the disk; the same files and key make the same bytes.
pub(super) fn write(disk: &Path, extent: Extent, key: &CacheKey, files: &EspFiles) -> Result<()> {
    let file = fs_err::OpenOptions::new().read(true).write(true).open(disk)?.into_parts().0;
    let partition = || StreamSlice::new(file.try_clone()?, extent.start, extent.end());
    // The UEFI specification (13.3.1.1) asks for FAT32, which begins at 65,525 clusters.
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(u32::try_from(disk::SECTOR).context("a sector is small")?)
        .volume_id(volume_id(key)?)
        .volume_label(LABEL);
    fatfs::format_volume(partition()?, options).context("formatting the EFI system partition")?;
    fill(partition()?, files).context("filling the EFI system partition")?;
    straighten(&mut partition()?).context("straightening the EFI system partition")?;
    Ok(())
}

fn fill(partition: impl ReadWriteSeek, files: &EspFiles) -> std::io::Result<()> {
    let volume = FileSystem::new(partition, FsOptions::new().time_provider(&FIRST_DAY))?;
    for (path, content) in files {
        create(&volume.root_dir(), path, content)?;
    }
    // Counts the clusters that are free, which the unmounted file system then knows.
    volume.stats()?;
    volume.unmount()
}

fn create<T: ReadWriteSeek>(root: &Dir<'_, T>, path: &str, content: &[u8]) -> std::io::Result<()> {
    for folder in folders_on(path) {
        root.create_dir(folder)?;
    }
    root.create_file(path)?.write_all(content)
}

/// FAT's first day, for all files.
#[derive(Debug)]
struct FirstDay;

static FIRST_DAY: FirstDay = FirstDay;

impl TimeProvider for FirstDay {
    fn get_current_date(&self) -> Date {
        Date { year: 1980, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime { date: self.get_current_date(), time: Time { hour: 0, min: 0, sec: 0, millis: 0 } }
    }
}

/// fatfs 0.3 gives `.` and `..` long names too, and has `..` name the cluster of the topmost folder, which FAT's rules
/// call 0: fsck.fat(8) finds fault with both, and firmware might.
fn straighten(partition: &mut (impl Read + Write + Seek)) -> std::io::Result<()> {
    let mut boot_sector = [0; SECTOR];
    partition.read_exact(&mut boot_sector)?;
    let number = |at: usize, size: usize| {
        let bytes = boot_sector[at..at + size].iter().rev();
        bytes.fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    // The sectors before the tables, the tables and their size, and the cluster of the topmost folder.
    let (reserved, tables, size, top) = (number(14, 2), number(16, 1), number(36, 4), number(44, 4));
    let place = |cluster: u64| (reserved + tables * size + cluster - 2) * disk::SECTOR;
    let mut folders = vec![top];
    while let Some(at) = folders.pop() {
        let mut entries = [0; SECTOR];
        partition.seek(SeekFrom::Start(place(at)))?;
        partition.read_exact(&mut entries)?;
        if entries[11] == LONG_NAME && entries[ENTRY] == b'.' {
            entries.copy_within(ENTRY..2 * ENTRY, 0);
            entries.copy_within(3 * ENTRY..4 * ENTRY, ENTRY);
            let parent = &mut entries[ENTRY..2 * ENTRY];
            if cluster(parent) == top {
                for half in [20..22, 26..28] {
                    parent[half].fill(0);
                }
            }
            for unused in entries[2 * ENTRY..4 * ENTRY].chunks_exact_mut(ENTRY) {
                unused.fill(0);
                unused[0] = DELETED;
            }
            partition.seek(SeekFrom::Start(place(at)))?;
            partition.write_all(&entries)?;
        }
        folders.extend(entries.chunks_exact(ENTRY).filter_map(folder));
    }
    Ok(())
}

/// The cluster of the folder that an entry leads down to.
fn folder(entry: &[u8]) -> Option<u64> {
    let leads_down = entry[11] == FOLDER && ![0, DELETED, b'.'].contains(&entry[0]);
    leads_down.then(|| cluster(entry))
}

/// Where an entry's content begins; the number is in two halves.
fn cluster(entry: &[u8]) -> u64 {
    u64::from_le_bytes([entry[26], entry[27], entry[20], entry[21], 0, 0, 0, 0])
}

fn volume_id(key: &CacheKey) -> Result<u32> {
    let uuid = disk::uuid(key, "EFI system partition");
    Ok(u32::from_str_radix(&uuid[..8], 16).with_context(|| format!("`{uuid}` is not a UUID"))?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::host::cmd::Cmd;

    fn disk(key: &CacheKey) -> (tempfile::NamedTempFile, Extent) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let extent = Extent { start: disk::ALIGNMENT, size: disk::EFI_SIZE };
        file.as_file().set_len(extent.end() + disk::ALIGNMENT).expect("room");
        let files = EspFiles::from([
            ("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; 1_000_000]),
            ("EFI/BOOT/grubx64.efi".to_owned(), b"grub".to_vec()),
            ("EFI/debian/grub.cfg".to_owned(), b"configfile".to_vec()),
        ]);
        write(file.path(), extent, key, &files).expect("written");
        (file, extent)
    }

    #[test]
    fn the_files_can_be_read_back_and_the_file_system_is_fat32() {
        let (file, extent) = disk(&CacheKey::of(&"image"));
        let partition =
            StreamSlice::new(file.reopen().expect("the file"), extent.start, extent.end()).expect("a slice");
        let volume = FileSystem::new(partition, FsOptions::new()).expect("a file system");
        assert_eq!((volume.fat_type(), volume.volume_label().as_str()), (FatType::Fat32, "esp"));
        let mut content = vec![];
        let mut shim = volume.root_dir().open_file("EFI/BOOT/BOOTX64.EFI").expect("shim");
        shim.read_to_end(&mut content).expect("its content");
        assert_eq!(content, vec![7; 1_000_000]);
        assert!(volume.root_dir().open_file("EFI/debian/grub.cfg").is_ok());
    }

    #[test]
    fn fsck_finds_no_fault_with_it() {
        let (file, extent) = disk(&CacheKey::of(&"image"));
        let content = fs_err::read(file.path()).expect("the disk");
        let start = usize::try_from(extent.start).expect("small");
        let partition = tempfile::NamedTempFile::new().expect("a file");
        fs_err::write(partition.path(), &content[start..]).expect("written");
        Cmd::new("/usr/sbin/fsck.fat").arg("-n").arg(partition.path()).run().expect("no fault");
    }

    #[test]
    fn it_is_the_same_for_the_same_image_and_stays_within_its_partition() {
        let content = |key: &str| fs_err::read(disk(&CacheKey::of(&key)).0.path()).expect("the disk");
        let one = content("image");
        assert_eq!(one, content("image"));
        assert_ne!(one, content("another"));
        let (start, end) = (1 << 20, (1 << 20) + usize::try_from(disk::EFI_SIZE).expect("small"));
        assert!(one[..start].iter().chain(&one[end..]).all(|byte| *byte == 0));
    }
}
