//! Partition tables: the MBR, and a GPT with its backup.

use std::io;

use gpt::disk::LogicalBlockSize;
use gpt::header::{Header, HeaderError, read_header_from_arbitrary_device};
use gpt::partition_types;

use super::disk::{Disk, le16, le32, le64};
use crate::plan::disk::{Extent, SECTOR};

/// The type of the one partition of a protective MBR (UEFI specification, 5.2.3).
const PROTECTIVE: u8 = 0xee;
/// Partition entries that we are ready to read; every tool makes 128.
const MOST_ENTRIES: u32 = 1024;
/// Where the records of an MBR begin, and how long each is.
const RECORDS: (usize, usize) = (446, 16);

/// One of the four records of an MBR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MbrRecord {
    pub(super) active: u8,
    pub(super) first_chs: [u8; 3],
    pub(super) kind: u8,
    pub(super) first_sector: u32,
    pub(super) sectors: u32,
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartitionKind {
    BiosBoot,
    Efi,
    Other,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) number: u32,
    pub(super) kind: PartitionKind,
    pub(super) name: String,
    pub(super) extent: Extent,
}

/// One of the two copies of a GPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) header: Header,
    pub(super) partitions: Vec<Partition>,
}

/// Both copies; the text says why one cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gpt {
    pub(super) primary: Result<Copy, String>,
    pub(super) backup: Result<Copy, String>,
}

/// All that a disk says about its partitions.
#[derive(Debug, Clone)]
pub(super) struct PartitionTable {
    /// The first sector.
    pub(super) sector: Vec<u8>,
    pub(super) records: Vec<MbrRecord>,
    pub(super) gpt: Option<Gpt>,
    pub(super) partitions: Vec<Partition>,
}

impl PartitionTable {
    pub(super) fn read(disk: &Disk) -> io::Result<Self> {
        let sector = disk.bytes(0, 512)?;
        let records: Vec<MbrRecord> = if le16(&sector, 510) == 0xaa55 { records(&sector) } else { vec![] };
        let protective = records.iter().any(|record| record.kind == PROTECTIVE);
        let signed = disk.bytes(SECTOR, 8).is_ok_and(|bytes| bytes == b"EFI PART");
        let gpt = (protective || signed).then(|| Gpt::read(disk));
        let partitions = match &gpt {
            Some(gpt) => gpt.partitions(),
            None => of_records(&records),
        };
        Ok(Self { sector, records, gpt, partitions })
    }

    /// The MBR of a GPT, as firmware and Glance demand it; none where it is right.
    pub(super) fn protective_fault(&self) -> Option<String> {
        let used: Vec<usize> =
            (0..self.records.len()).filter(|index| self.records[*index].kind != 0).collect();
        let Some(first) = self.records.first() else { return Some("it has no signature".into()) };
        if let Some(record) = self.records.iter().find(|record| !matches!(record.active, 0 | 0x80)) {
            return Some(format!("a record has the boot flag {:#04x}", record.active));
        }
        match (used.as_slice(), first) {
            ([0], MbrRecord { kind: PROTECTIVE, first_chs: [0, 2, 0], first_sector: 1, .. }) => None,
            ([0], MbrRecord { kind: PROTECTIVE, .. }) => {
                Some("its one partition does not begin at sector 1".into())
            }
            ([], _) => Some("it has no partition".into()),
            _ => Some(format!("{} of its records are used, and not only the first", used.len())),
        }
    }
}

fn records(sector: &[u8]) -> Vec<MbrRecord> {
    let (start, length) = RECORDS;
    let records = (0..4).map(|index| &sector[start + index * length..][..length]);
    records
        .map(|bytes| MbrRecord {
            active: bytes[0],
            first_chs: [bytes[1], bytes[2], bytes[3]],
            kind: bytes[4],
            first_sector: le32(bytes, 8),
            sectors: le32(bytes, 12),
        })
        .collect()
}

fn of_records(records: &[MbrRecord]) -> Vec<Partition> {
    let numbered = (1..).zip(records).filter(|(_, record)| record.kind != 0 && record.sectors != 0);
    numbered
        .map(|(number, record)| Partition {
            number,
            kind: if record.kind == 0xef { PartitionKind::Efi } else { PartitionKind::Other },
            name: String::new(),
            extent: Extent {
                start: u64::from(record.first_sector) * SECTOR,
                size: u64::from(record.sectors) * SECTOR,
            },
        })
        .collect()
}

impl Gpt {
    fn read(disk: &Disk) -> Self {
        let primary = Copy::read(disk, SECTOR);
        let last = (disk.size() / SECTOR).saturating_sub(1) * SECTOR;
        let place = match &primary {
            Ok(copy) => copy.header.backup_lba.saturating_mul(SECTOR),
            Err(_) => last,
        };
        Self { primary, backup: Copy::read(disk, place) }
    }

    /// Those of the copy that can be read.
    fn partitions(&self) -> Vec<Partition> {
        let copy = self.primary.as_ref().or(self.backup.as_ref());
        copy.map(|copy| copy.partitions.clone()).unwrap_or_default()
    }
}

impl Copy {
    /// The copy whose header is at byte `place`.
    fn read(disk: &Disk, place: u64) -> Result<Self, String> {
        if place.saturating_add(SECTOR) > disk.size() || place < SECTOR {
            return Err(format!("it would be at byte {place} of {}", disk.size()));
        }
        // The crate looks for a header in the second sector of what it is given.
        let mut window = disk.window(Extent { start: place - SECTOR, size: 2 * SECTOR });
        let read = read_header_from_arbitrary_device(&mut window, LogicalBlockSize::Lb512);
        let header = read.map_err(|error| match error {
            HeaderError::InvalidGptSignature => "there is none".to_owned(),
            HeaderError::InvalidCRC32Checksum => "its checksum is wrong".to_owned(),
            other => other.to_string(),
        })?;
        if header.part_size != 128 || header.num_parts > MOST_ENTRIES {
            return Err(format!("it has {} entries of {} bytes", header.num_parts, header.part_size));
        }
        if header.current_lba.saturating_mul(SECTOR) != place {
            return Err("it says that it is somewhere else".into());
        }
        let mut whole = disk.window(Extent { start: 0, size: disk.size() });
        let entries = gpt::partition::file_read_partitions(&mut whole, &header, LogicalBlockSize::Lb512)
            .map_err(|error| format!("its entries cannot be read: {error}"))?;
        let partitions = entries.into_iter().map(|(number, entry)| partition(number, &entry)).collect();
        Ok(Self { header, partitions })
    }
}

fn partition(number: u32, entry: &gpt::partition::Partition) -> Partition {
    let kind = match &entry.part_type_guid {
        kind if *kind == partition_types::BIOS => PartitionKind::BiosBoot,
        kind if *kind == partition_types::EFI => PartitionKind::Efi,
        _ => PartitionKind::Other,
    };
    let start = entry.first_lba.saturating_mul(SECTOR);
    let end = entry.last_lba.saturating_add(1).saturating_mul(SECTOR);
    Partition {
        number,
        kind,
        name: entry.name.clone(),
        extent: Extent { start, size: end.saturating_sub(start) },
    }
}

/// Where the code in a boot sector of GRUB loads the core image from: the number at 0x5c
/// (`GRUB_BOOT_MACHINE_KERNEL_SECTOR`); none where the code is not GRUB's.
pub(super) fn grub_core_sector(sector: &[u8]) -> Option<u64> {
    let code = sector.get(..440)?;
    code.windows(5).any(|window| window == b"GRUB ").then(|| le64(code, 0x5c))
}
