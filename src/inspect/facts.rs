//! All that the checks look at, gathered in one go through an image.

use std::io;

use super::disk::{Disk, Source};
use super::disk_format::DiskFormat;
use super::esp::Esp;
use super::superblock::{PartitionContent, Superblock};
use super::system::System;
use super::table::{Partition, PartitionKind, PartitionTable, grub_core_sector};
use super::tree::{self, Tree};
use crate::plan::disk::{Extent, SECTOR};

/// What an image consists of; what could not be reached is not there.
pub(super) struct ImageFacts {
    pub(super) container: DiskFormat,
    pub(super) table: Option<PartitionTable>,
    /// The first sector of the core image that the boot code would load.
    pub(super) core: Option<Vec<u8>>,
    pub(super) esp: Option<Esp>,
    /// What the partitions hold.
    pub(super) contents: Vec<(Partition, PartitionContent)>,
    pub(super) root: Option<RootFacts>,
}

/// The root file system.
pub(super) struct RootFacts {
    /// None where the file system begins with the disk, without a partition table.
    pub(super) partition: Option<Partition>,
    pub(super) extent: Extent,
    pub(super) superblock: Superblock,
    /// What is in it, or why there is no telling.
    pub(super) system: Result<System, String>,
}

impl ImageFacts {
    /// Fails where the file itself cannot be read.
    pub(super) fn gather(file: Box<dyn Source>) -> io::Result<Self> {
        let container = DiskFormat::open(file)?;
        let empty = Self { container, table: None, core: None, esp: None, contents: vec![], root: None };
        let Some(disk) = empty.container.disk.clone() else { return Ok(empty) };
        // A disk without as much as one sector has no table, which is a finding.
        let Ok(table) = PartitionTable::read(&disk) else { return Ok(empty) };
        let core = grub_core_sector(&table.sector)
            .and_then(|sector| disk.bytes(sector.checked_mul(SECTOR)?, 512).ok());
        let esp = table.partitions.iter().find(|partition| partition.kind == PartitionKind::Efi);
        let esp = esp.map(|partition| Esp::read(partition.number, disk.window(partition.extent)));
        let contents: Vec<_> = table.partitions.iter().map(|it| (it.clone(), content(&disk, it))).collect();
        let root = RootFacts::find(&disk, &contents);
        Ok(Self { table: Some(table), core, esp, contents, root, ..empty })
    }

    /// What is in the root file system, where it can be read.
    pub(super) fn system(&self) -> Option<&System> {
        self.root.as_ref()?.system.as_ref().ok()
    }

    /// The partition for GRUB's core image.
    pub(super) fn bios_boot(&self) -> Option<&Partition> {
        self.table.as_ref()?.partitions.iter().find(|partition| partition.kind == PartitionKind::BiosBoot)
    }
}

fn content(disk: &Disk, partition: &Partition) -> PartitionContent {
    PartitionContent::of(&disk.window(partition.extent))
}

impl RootFacts {
    /// The largest ext file system; another one is mounted on its /boot if it holds a kernel.
    fn find(disk: &Disk, contents: &[(Partition, PartitionContent)]) -> Option<Self> {
        let mut ext: Vec<(Option<&Partition>, Extent, Superblock)> = contents
            .iter()
            .filter_map(|(partition, content)| match content {
                PartitionContent::Ext(superblock) => {
                    Some((Some(partition), partition.extent, superblock.clone()))
                }
                _ => None,
            })
            .collect();
        let whole = Extent { start: 0, size: disk.size() };
        if let (true, PartitionContent::Ext(superblock)) =
            (contents.is_empty(), PartitionContent::of(&disk.window(whole)))
        {
            ext.push((None, whole, superblock));
        }
        ext.sort_by_key(|(_, extent, _)| extent.size);
        let (partition, extent, superblock) = ext.pop()?;
        let opened = tree::open(disk.window(extent), &superblock).map(Tree::new);
        let system = opened.map(|tree| {
            let others = ext.iter().filter_map(|(_, extent, it)| tree::open(disk.window(*extent), it).ok());
            let boot = others.into_iter().find(|boot| Tree::new(boot.clone()).has_kernel(""));
            System::of(match boot {
                Some(boot) => tree.with_boot(boot),
                None => tree,
            })
        });
        Some(Self { partition: partition.cloned(), extent, superblock, system })
    }
}
