//! A small disk with all that a golden image has, made by the real tools: GRUB's marks, a FAT, an ext4 by mke2fs.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use gpt::partition::Partition;
use gpt::partition_types::{self, Type};

const MIB: u64 = 1 << 20;
/// The file system's id, as the menu names it.
pub(super) const UUID: &str = "b262980d-f98d-8d57-8195-4340b8483735";
/// Where its parts are, in MiB: BIOS boot, EFI system partition, root.
pub(super) const BIOS_BOOT: u64 = 1;
pub(super) const ESP: u64 = 2;
pub(super) const ROOT: u64 = 4;
/// The root partition and the disk, in MiB.
const ROOT_SIZE: u64 = 8;
const TOTAL: u64 = 13;

const MENU: &str = "menuentry Debian {\n\tlinux /vmlinuz root=UUID=b262980d-f98d-8d57-8195-4340b8483735 rw console=tty0 \
                    console=ttyS0,115200\n\tinitrd /boot/initrd.img-6.12\n}\n";
const STATUS: &str = "Package: cloud-init\nStatus: install ok installed\nArchitecture: all\nVersion: 25.1\n\n\
                      Package: linux-image\nStatus: install ok installed\nArchitecture: amd64\nVersion: 6.12-1\n\n";

/// The tree of a root file system, and how its disk is made.
pub(super) struct Sample {
    folder: tempfile::TempDir,
    /// Options of mke2fs.
    pub(super) mke2fs: Vec<&'static str>,
    /// Commands for debugfs on the finished file system.
    pub(super) debugfs: Vec<String>,
    /// Partitions by number, name, type, and first and last MiB.
    pub(super) partitions: Vec<(u32, &'static str, Type, u64, u64)>,
    /// Files of the EFI system partition, with what is in them.
    pub(super) esp: Vec<(&'static str, &'static str)>,
}

impl Sample {
    /// One with nothing wrong in it.
    pub(super) fn new() -> Self {
        let mut sample = Self {
            folder: tempfile::tempdir().unwrap(),
            mke2fs: vec![],
            debugfs: vec![],
            partitions: vec![
                (14, "bios boot", partition_types::BIOS, BIOS_BOOT, ESP),
                (15, "esp", partition_types::EFI, ESP, ROOT),
                (1, "root", partition_types::LINUX_FS, ROOT, ROOT + ROOT_SIZE),
            ],
            esp: vec![("EFI/BOOT/BOOTX64.EFI", "MZ shim,4,UEFI shim"), ("EFI/BOOT/grubx64.efi", "MZ")],
        };
        for (path, content) in [
            ("boot/grub/grub.cfg", MENU),
            ("boot/vmlinuz-6.12", "kernel"),
            ("boot/initrd.img-6.12", "initrd"),
            ("lib/modules/6.12/modules.dep", ""),
            ("etc/machine-id", ""),
            ("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n"),
            ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"),
            ("etc/shadow", "root:*:1::::::\n"),
            ("etc/group", "root:x:0:\nshadow:x:42:\nstaff:x:50:\n"),
            ("usr/bin/su", "elf"),
            ("usr/bin/chage", "elf"),
            ("usr/bin/own", "elf"),
            ("var/lib/dpkg/info/util-linux.list", "/.\n/bin/su\n"),
            ("var/lib/dpkg/info/passwd.list", "/.\n/usr/bin/chage\n"),
            ("var/lib/dpkg/statoverride", "root shadow 4750 /usr/bin/own\n"),
            ("etc/fstab", "UUID=b262980d-f98d-8d57-8195-4340b8483735 / ext4 defaults 0 1\n"),
            ("etc/hosts", "127.0.0.1 localhost\n"),
            ("etc/cloud/cloud.cfg.d/90-sources.cfg", "datasource_list: [ConfigDrive, OpenStack]\n"),
            ("etc/apt/apt.conf.d/70debconf", "DPkg::Pre-Install-Pkgs {};\n"),
            ("usr/bin/cloud-init", "#!/usr/bin/python3\n"),
            ("usr/lib/systemd/system/docker.service", "[Service]\n"),
            ("var/lib/dpkg/status", STATUS),
            ("var/log/wtmp", ""),
        ] {
            sample.write(path, content);
        }
        sample.link("vmlinuz", "boot/vmlinuz-6.12");
        sample.link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
        sample.link("etc/systemd/system/apt-daily.timer", "/dev/null");
        let enabled = "etc/systemd/system/multi-user.target.wants/docker.service";
        sample.link(enabled, "/usr/lib/systemd/system/docker.service");
        sample.mode("etc/shadow", "0100640", 0, 42);
        sample.mode("usr/bin/su", "0104755", 0, 0);
        sample.mode("usr/bin/chage", "0102755", 0, 42);
        sample.mode("usr/bin/own", "0104750", 0, 42);
        sample
    }

    /// A folder for whatever a test needs.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn place(&self, path: &str) -> std::path::PathBuf {
        let place = self.folder.path().join("tree").join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        place
    }

    pub(super) fn write(&self, path: &str, content: &str) {
        let place = self.place(path);
        if place.is_symlink() {
            std::fs::remove_file(&place).unwrap();
        }
        std::fs::write(place, content).unwrap();
    }

    /// Sets mode, user and group of a file in the file system.
    pub(super) fn mode(&mut self, path: &str, mode: &str, user: u32, group: u32) {
        for (field, value) in [("mode", mode), ("uid", &user.to_string()), ("gid", &group.to_string())] {
            self.debugfs.push(format!("sif {path} {field} {value}"));
        }
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        symlink(target, self.place(path)).unwrap();
    }

    pub(super) fn remove(&self, path: &str) {
        let place = self.place(path);
        if place.is_dir() {
            std::fs::remove_dir_all(place).unwrap();
        } else {
            std::fs::remove_file(place).unwrap();
        }
    }

    /// The raw disk.
    pub(super) fn image(&self) -> Vec<u8> {
        let mut disk = vec![0; usize::try_from(TOTAL * MIB).unwrap()];
        put(&mut disk, ROOT * MIB, &self.file_system("tree", ROOT_SIZE));
        if self.partitions.iter().any(|(number, ..)| *number == 15) {
            put(&mut disk, ESP * MIB, &self.fat());
        }
        boot_code(&mut disk);
        self.table(disk)
    }

    /// The same with /boot in a partition of its own, as Ubuntu has it.
    pub(super) fn image_with_boot_partition(mut self) -> Vec<u8> {
        let tree = self.folder.path().join("tree/boot");
        std::fs::rename(tree, self.folder.path().join("boot")).unwrap();
        std::fs::create_dir(self.folder.path().join("tree/boot")).unwrap();
        let menu = MENU.replace("/boot/", "/").replace("/vmlinuz ", "/vmlinuz-6.12 ");
        std::fs::write(self.folder.path().join("boot/grub/grub.cfg"), menu).unwrap();
        let mut disk = vec![0; usize::try_from(TOTAL * MIB).unwrap()];
        put(&mut disk, ROOT * MIB, &self.file_system("boot", 3));
        put(&mut disk, (ROOT + 3) * MIB, &self.file_system("tree", 5));
        put(&mut disk, ESP * MIB, &self.fat());
        boot_code(&mut disk);
        self.partitions.pop();
        self.partitions.push((16, "boot", partition_types::LINUX_FS, ROOT, ROOT + 3));
        self.partitions.push((1, "root", partition_types::LINUX_FS, ROOT + 3, ROOT + ROOT_SIZE));
        self.table(disk)
    }

    fn file_system(&self, tree: &str, mib: u64) -> Vec<u8> {
        let path = self.folder.path().join("file-system");
        std::fs::File::create(&path).unwrap().set_len(mib * MIB).unwrap();
        let mut mke2fs = Command::new(crate::program("mke2fs"));
        mke2fs.args([
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "1024",
            "-U",
            if tree == "tree" { UUID } else { "random" },
        ]);
        mke2fs.args(["-O", "metadata_csum,64bit"]).args(&self.mke2fs).arg("-d");
        run(mke2fs.arg(self.folder.path().join(tree)).arg(&path));
        if tree == "tree" {
            let commands = self.folder.path().join("debugfs");
            std::fs::write(&commands, self.debugfs.join("\n") + "\n").unwrap();
            run(Command::new(crate::program("debugfs")).arg("-w").arg("-f").arg(commands).arg(&path));
        }
        std::fs::read(path).unwrap()
    }

    fn fat(&self) -> Vec<u8> {
        let mut disk = Cursor::new(vec![0; usize::try_from((ROOT - ESP) * MIB).unwrap()]);
        fatfs::format_volume(&mut disk, fatfs::FormatVolumeOptions::new()).unwrap();
        disk.rewind().unwrap();
        let system = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
        for (path, content) in &self.esp {
            for (end, _) in path.match_indices('/') {
                system.root_dir().create_dir(&path[..end]).unwrap();
            }
            system.root_dir().create_file(path).unwrap().write_all(content.as_bytes()).unwrap();
        }
        drop(system);
        disk.into_inner()
    }

    fn table(&self, disk: Vec<u8>) -> Vec<u8> {
        let mut disk = Cursor::new(disk);
        gpt::mbr::ProtectiveMBR::with_lb_size(u32::try_from(TOTAL * MIB / 512 - 1).unwrap())
            .update_conservative(&mut disk)
            .unwrap();
        let config = gpt::GptConfig::new().writable(true);
        let mut table = config.create_from_device(disk, None).unwrap();
        let partitions = self.partitions.iter().map(|(number, name, kind, first, end)| {
            let partition = Partition {
                part_type_guid: kind.clone(),
                part_guid: format!("b262980d-f98d-8d57-8195-4340b84837{number:02}").parse().unwrap(),
                first_lba: first * MIB / 512,
                last_lba: end * MIB / 512 - 1,
                flags: 0,
                name: (*name).to_owned(),
            };
            (*number, partition)
        });
        table.update_partitions(partitions.collect()).unwrap();
        let mut disk = table.write().unwrap();
        let mut bytes = vec![];
        disk.seek(SeekFrom::Start(0)).unwrap();
        disk.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

/// The marks by which GRUB's two first stages are known, and the numbers that lead from one to the other.
fn boot_code(disk: &mut [u8]) {
    let first = BIOS_BOOT * MIB / 512;
    put(disk, 0x180, b"GRUB \0Geom");
    put(disk, 0x5c, &first.to_le_bytes());
    put(disk, BIOS_BOOT * MIB, &[0x52; 4096]);
    put(disk, BIOS_BOOT * MIB + 0x1f4, &(first + 1).to_le_bytes());
    put(disk, BIOS_BOOT * MIB + 0x1fc, &7_u16.to_le_bytes());
}

pub(super) fn put(disk: &mut [u8], place: u64, bytes: &[u8]) {
    let place = usize::try_from(place).unwrap();
    disk[place..place + bytes.len()].copy_from_slice(bytes);
}

/// Runs qemu-img in a folder.
pub(super) fn qemu_img(folder: &Path, arguments: &[&str]) {
    run(Command::new(crate::program("qemu-img")).args(arguments).current_dir(folder));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
