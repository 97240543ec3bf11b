//! The disk: its partition table, as firmware and Glance want it, and the order of its partitions.

use super::Check;
use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::{Level, Violation};
use crate::inspect::table::{Copy, Gpt, Partition, PartitionTable};
use crate::plan::disk::SECTOR;

const AGAIN: &str = "copy the image again and compare its SHA-256; `sgdisk --verify` says more, and `sgdisk -e` moves a \
                     backup to the end of a disk that has grown";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "partition-table",
        severity: Level::Error,
        message: "the disk has no partition table, so no firmware starts from it",
        remedy: "make it a whole disk with a partition table and a boot loader, not a bare file system",
        look: |evidence| match (&evidence.container.disk, &evidence.table) {
            (Some(_), Some(table)) if table.gpt.is_none() && table.partitions.is_empty() => {
                vec![Violation::at("the disk", "")]
            }
            (Some(_), None) => vec![Violation::at("the disk", "")],
            _ => vec![],
        },
    },
    Check {
        name: "protective-mbr",
        severity: Level::Error,
        message: "the protective MBR before the GPT is not as the UEFI specification and Glance want it: {}",
        remedy: "make its first record the only one, of type 0xEE from sector 1 on: `sgdisk --mbrtogpt` writes it so",
        look: |evidence| {
            let table = evidence.table.as_ref().filter(|table| table.gpt.is_some());
            table
                .and_then(PartitionTable::protective_fault)
                .map(|fault| Violation::at("the first sector", fault))
                .into_iter()
                .collect()
        },
    },
    Check {
        name: "boot-flag",
        severity: Level::Error,
        message: "a record of the MBR has the boot flag {}, for which Glance refuses the image",
        remedy: "make the flag 0x80 for the partition to start from, and 0x00 for the others",
        look: |evidence| {
            let Some(table) = evidence.table.as_ref().filter(|table| table.gpt.is_none()) else {
                return vec![];
            };
            // Glance looks at the flags of unused records too.
            let wrong = table.records.iter().filter(|record| !matches!(record.active, 0 | 0x80));
            wrong.map(|record| Violation::at("the first sector", format!("{:#04x}", record.active))).collect()
        },
    },
    Check {
        name: "gpt-primary",
        severity: Level::Error,
        message: "the GPT at the beginning cannot be used: {}",
        remedy: AGAIN,
        look: |evidence| unusable(evidence, |gpt| &gpt.primary),
    },
    Check {
        name: "gpt-backup",
        severity: Level::Error,
        message: "the backup of the GPT cannot be used: {}",
        remedy: AGAIN,
        look: |evidence| unusable(evidence, |gpt| &gpt.backup),
    },
    Check {
        name: "gpt-copies",
        severity: Level::Error,
        message: "the GPT and its backup differ",
        remedy: AGAIN,
        look: |evidence| match gpt(evidence) {
            Some(Gpt { primary: Ok(primary), backup: Ok(backup) })
                if primary.partitions != backup.partitions
                    || primary.header.disk_guid != backup.header.disk_guid =>
            {
                vec![Violation::at("the partition table", "")]
            }
            _ => vec![],
        },
    },
    Check {
        name: "gpt-place",
        severity: Level::Warning,
        message: "the backup of the GPT is {} bytes before the end of the disk",
        remedy: "move it to the end: sgdisk -e",
        look: |evidence| {
            let (Some(Gpt { primary: Ok(primary), .. }), Some(disk)) =
                (gpt(evidence), &evidence.container.disk)
            else {
                return vec![];
            };
            let end = primary.header.backup_lba.saturating_add(1).saturating_mul(SECTOR);
            let left = (disk.size() / SECTOR * SECTOR).saturating_sub(end);
            if left == 0 { vec![] } else { vec![Violation::at("the partition table", left.to_string())] }
        },
    },
    Check {
        name: "partition-bounds",
        severity: Level::Error,
        message: "the partition {}",
        remedy: "the image is truncated, or its partition table was made for another disk: make it again",
        look: out_of_bounds,
    },
    Check {
        name: "root-last",
        severity: Level::Error,
        message: "partition {} lies behind the root file system, which cannot grow to the flavour's disk then",
        remedy: "put the root partition last on the disk; its number does not matter",
        look: |evidence| {
            let (Some(table), Some(root)) =
                (&evidence.table, evidence.root.as_ref().and_then(|it| it.partition.as_ref()))
            else {
                return vec![];
            };
            let behind = table.partitions.iter().filter(|it| it.extent.start > root.extent.start);
            behind
                .map(|it| Violation::at(format!("partition {}", root.number), it.number.to_string()))
                .collect()
        },
    },
];

fn gpt(facts: &ImageFacts) -> Option<&Gpt> {
    facts.table.as_ref()?.gpt.as_ref()
}

fn unusable(facts: &ImageFacts, copy: impl Fn(&Gpt) -> &Result<Copy, String>) -> Vec<Violation> {
    let fault = gpt(facts).and_then(|gpt| copy(gpt).as_ref().err());
    fault.map(|fault| Violation::at("the partition table", fault.as_str())).into_iter().collect()
}

fn out_of_bounds(facts: &ImageFacts) -> Vec<Violation> {
    let (Some(table), Some(disk)) = (&facts.table, &facts.container.disk) else { return vec![] };
    let mut partitions: Vec<&Partition> = table.partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.extent.start);
    let place = |partition: &Partition| format!("partition {}", partition.number);
    let mut faults = vec![];
    for (index, partition) in partitions.iter().enumerate() {
        let end = partition.extent.start.saturating_add(partition.extent.size);
        if partition.extent.size == 0 {
            faults.push(Violation::at(place(partition), "ends before it begins"));
        } else if end > disk.size() {
            let detail = format!("ends at byte {end}, and the disk has {}", disk.size());
            faults.push(Violation::at(place(partition), detail));
        }
        if let Some(next) = partitions.get(index + 1).filter(|next| next.extent.start < end) {
            faults.push(Violation::at(place(partition), format!("reaches into partition {}", next.number)));
        }
    }
    faults
}
