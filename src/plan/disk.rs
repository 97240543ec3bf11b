//! Where everything goes on the disk: partition arithmetic, without any I/O.
//!
//! The root partition is physically last, so that growpart can enlarge it to the flavour's disk. It has number 1 all the
//! same, as in Debian's own cloud images: that is where a person looks first.

use super::CacheKey;

/// Bytes per sector of every disk that we make.
pub const SECTOR: u64 = 512;
/// Partitions begin at whole MiB, as every partitioning tool aligns them.
pub const ALIGNMENT: u64 = 1024 * 1024;
/// Room for GRUB's core image, in bytes; it takes about 150 KiB.
pub const BIOS_BOOT_SIZE: u64 = ALIGNMENT;
/// Room for shim and GRUB, twice over while they are brought up to date, in bytes. With clusters of one sector it is
/// also the least, rounded, that FAT32 can have.
pub const EFI_SIZE: u64 = 40 * ALIGNMENT;
/// The backup partition table at the end, in bytes: 32 sectors of entries and one header.
const BACKUP_TABLE: u64 = 33 * SECTOR;

/// The root partition's number; the boot loaders' settings say it too. The numbers have no gap: the crate that writes
/// them would close it.
pub const ROOT_NUMBER: u32 = 1;
/// The BIOS boot partition's number.
pub const BIOS_BOOT_NUMBER: u32 = 2;
/// The EFI system partition's number.
pub const EFI_NUMBER: u32 = 3;

/// A stretch of the disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins.
    pub start: u64,
    /// How long it is.
    pub size: u64,
}

impl Extent {
    /// The first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.size
    }

    /// The first sector.
    #[must_use]
    pub fn first_sector(&self) -> u64 {
        self.start / SECTOR
    }

    /// The last sector, which belongs to it.
    #[must_use]
    pub fn last_sector(&self) -> u64 {
        self.end() / SECTOR - 1
    }
}

/// The layout of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// GRUB's core image.
    pub bios_boot: Extent,
    /// The EFI system partition; of size 0 in images that boot by BIOS alone.
    pub efi: Extent,
    /// The root file system.
    pub root: Extent,
    /// The whole disk, in bytes.
    pub total: u64,
}

impl Layout {
    /// A disk with room for an EFI system partition of `efi` bytes and a root file system of `root` bytes; both are
    /// rounded up to the alignment.
    #[must_use]
    pub fn new(efi: u64, root: u64) -> Self {
        let bios_boot = Extent { start: ALIGNMENT, size: BIOS_BOOT_SIZE };
        let efi = Extent { start: bios_boot.end(), size: aligned(efi) };
        let root = Extent { start: efi.end(), size: aligned(root) };
        Self { bios_boot, efi, root, total: aligned(root.end() + BACKUP_TABLE) }
    }
}

/// What a root file system holds, as far as its size goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileSystemUse {
    /// Bytes in whole blocks of 4 KiB.
    pub blocks_bytes: u64,
    /// Files, folders and links.
    pub inodes: u64,
}

impl FileSystemUse {
    /// Counts one entry of `size` bytes.
    pub fn add(&mut self, size: u64) {
        self.blocks_bytes += size.div_ceil(4096) * 4096;
        self.inodes += 1;
    }

    /// Bytes that a file system for it needs, with room for the first boot: before growpart has run, cloud-init has
    /// written its state and the journal.
    #[must_use]
    pub fn file_system_size(&self) -> u64 {
        const JOURNAL: u64 = 64 * ALIGNMENT;
        const FIRST_BOOT: u64 = 128 * ALIGNMENT;
        // Of mke2fs's own accord (/etc/mke2fs.conf); what has many small files is made larger for them.
        const BYTES_PER_INODE: u64 = 16 * 1024;
        const FIRST_BOOT_INODES: u64 = 4096;
        // Block and inode tables and bitmaps take 1.7 % at that ratio; folders a block each.
        let folders = self.inodes / 8 * 4096;
        let bytes = (self.blocks_bytes + folders + JOURNAL + FIRST_BOOT) * 104 / 100;
        aligned(bytes.max((self.inodes + FIRST_BOOT_INODES) * BYTES_PER_INODE))
    }
}

/// A UUID (version 8, RFC 9562: its content is ours to choose) that is the same for the same key and purpose.
#[must_use]
pub fn uuid(key: &CacheKey, purpose: &str) -> String {
    let digest = CacheKey::of(&(key, purpose));
    let hex = digest.as_str();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

fn aligned(bytes: u64) -> u64 {
    bytes.div_ceil(ALIGNMENT) * ALIGNMENT
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_disk_without_efi_has_the_root_right_after_the_boot_partition() {
        let layout = Layout::new(0, 1_000_000_000);
        assert_eq!(layout.bios_boot, Extent { start: 1_048_576, size: 1_048_576 });
        assert_eq!(layout.root, Extent { start: 2_097_152, size: 1_000_341_504 });
        assert_eq!((layout.root.first_sector(), layout.root.last_sector()), (4096, 1_957_887));
        assert_eq!(layout.total, layout.root.end() + ALIGNMENT);
    }

    #[test]
    fn many_small_files_have_an_inode_each() {
        let small = FileSystemUse { blocks_bytes: 100_000 * 4096, inodes: 100_000 };
        assert!(small.file_system_size() / 16384 > 100_000);
        let large = FileSystemUse { inodes: 10_000, ..small };
        assert!(
            large.file_system_size() < small.file_system_size() / 2,
            "where there are few, nothing is added"
        );
    }

    #[test]
    fn uuids_are_stable_and_differ_by_purpose() {
        let key = CacheKey::of(&"some image");
        assert_eq!(uuid(&key, "root"), uuid(&key, "root"));
        assert_ne!(uuid(&key, "root"), uuid(&key, "disk"));
        assert_eq!(uuid(&key, "root").len(), 36);
    }

    proptest! {
        #[test]
        fn partitions_never_overlap_and_always_fit(efi in 0_u64..1 << 32, root in 1_u64..1 << 44) {
            let layout = Layout::new(efi, root);
            prop_assert!(layout.bios_boot.end() <= layout.efi.start);
            prop_assert!(layout.efi.end() <= layout.root.start);
            prop_assert!(layout.root.end() + BACKUP_TABLE <= layout.total);
            prop_assert!(layout.efi.size >= efi && layout.root.size >= root);
            prop_assert_eq!(layout.root.start % ALIGNMENT, 0);
            prop_assert_eq!(layout.total % ALIGNMENT, 0);
        }
    }
}
