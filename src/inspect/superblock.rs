//! The superblock of an ext file system (Linux, fs/ext4/ext4.h, `struct ext4_super_block`), and the marks of others.

use super::disk::{Window, le16, le32};

/// Where the superblock begins, in bytes.
const START: u64 = 1024;
/// `EXT4_SUPER_MAGIC`.
const MAGIC: u16 = 0xef53;
/// `EXT4_VALID_FS` and `EXT4_ERROR_FS` of `s_state`.
const VALID: u16 = 1;
const ERRORS: u16 = 2;
/// Groups of blocks that we are ready to keep descriptors of; 2^20 of the usual size are 128 TiB.
const MOST_GROUPS: u64 = 1 << 20;

/// File systems and the like that a partition may hold besides, by the place of a mark.
const OTHERS: &[(u64, &[u8], &str)] = &[
    (0, b"XFSB", "XFS"),
    (0x1_0040, b"_BHRfS_M", "Btrfs"),
    (0, b"LUKS\xba\xbe", "encrypted (LUKS)"),
    (0x200, b"LABELONE", "a volume of LVM"),
    (0x400, b"\x10\x20\xf5\xf2", "F2FS"),
];

/// Incompatible features that GRUB 2.12 reads or may ignore (grub-core/fs/ext2.c, `EXT2_DRIVER_SUPPORTED_INCOMPAT` and
/// `EXT2_DRIVER_IGNORED_INCOMPAT`): file types, journal recovery, meta block groups, extents, 64 bits, multiple mount
/// protection, flexible block groups, checksum seed, large directories.
const GRUB_READS: u32 = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x2000 | 0x4000;
/// Names of those that it does not read.
const NAMES: &[(u32, &str)] = &[
    (0x1, "compression"),
    (0x8, "journal_dev"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];
const RECOVERY: u32 = 0x4;
const HAS_JOURNAL: u32 = 0x4;

/// What a superblock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superblock {
    /// In bytes.
    pub(super) size: u64,
    pub(super) uuid: String,
    state: u16,
    compatible: u32,
    incompatible: u32,
    errors: u32,
    groups: u64,
}

/// What a partition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartitionContent {
    /// ext2, ext3 or ext4.
    Ext(Superblock),
    /// Something else, which is called this.
    Other(&'static str),
    Unknown,
}

impl PartitionContent {
    pub(super) fn of(window: &Window) -> Self {
        let mut bytes = vec![0; 1024];
        if window.fill(START, &mut bytes).is_ok() && le16(&bytes, 0x38) == MAGIC {
            return Self::Ext(Superblock::parse(&bytes));
        }
        let marked = |(place, mark, _): &&(u64, &[u8], &str)| {
            let mut found = vec![0; mark.len()];
            window.fill(*place, &mut found).is_ok() && found == *mark
        };
        OTHERS.iter().find(marked).map_or(Self::Unknown, |(_, _, name)| Self::Other(name))
    }
}

impl Superblock {
    fn parse(bytes: &[u8]) -> Self {
        let incompatible = le32(bytes, 0x60);
        let high = if incompatible & 0x80 == 0 { 0 } else { le32(bytes, 0x150) };
        let blocks = u64::from(high) << 32 | u64::from(le32(bytes, 0x4));
        let per_group = u64::from(le32(bytes, 0x20)).max(1);
        Self {
            size: blocks
                .saturating_mul(1_u64.checked_shl(10 + le32(bytes, 0x18).min(30)).unwrap_or(u64::MAX)),
            uuid: uuid(&bytes[0x68..0x78]),
            state: le16(bytes, 0x3a),
            compatible: le32(bytes, 0x5c),
            incompatible,
            errors: le32(bytes, 0x194),
            groups: blocks.div_ceil(per_group),
        }
    }

    /// Whether its tables have a size that we can keep in memory.
    pub(super) fn reasonable(&self) -> bool {
        self.groups <= MOST_GROUPS
    }

    /// Why it is not clean; none where it is.
    pub(super) fn unclean(&self) -> Option<String> {
        if self.state & ERRORS != 0 || self.errors > 0 {
            return Some(format!("the kernel has noted {} errors in it", self.errors.max(1)));
        }
        if self.incompatible & RECOVERY != 0 {
            return Some("its journal holds changes that are not in their places".into());
        }
        (self.state & VALID == 0).then(|| "it was in use when the image was taken".into())
    }

    /// The features that keep GRUB from reading it.
    pub(super) fn beyond_grub(&self) -> Vec<String> {
        let beyond = self.incompatible & !GRUB_READS;
        let bits = (0..32).map(|bit| 1_u32 << bit).filter(|bit| beyond & bit != 0);
        bits.map(|bit| {
            let known = NAMES.iter().find(|(it, _)| *it == bit);
            known.map_or_else(|| format!("feature {bit:#x}"), |(_, name)| (*name).to_owned())
        })
        .collect()
    }

    pub(super) fn has_journal(&self) -> bool {
        self.compatible & HAS_JOURNAL != 0
    }
}

fn uuid(bytes: &[u8]) -> String {
    let hex = crate::util::hex(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &hex[range]);
    parts.join("-")
}
