//! The root file system itself.

use super::Check;
use crate::inspect::facts::{ImageFacts, RootFacts};
use crate::inspect::finding::{Level, Violation};
use crate::inspect::superblock::PartitionContent;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "root-file-system",
        severity: Level::Error,
        message: "the root file system cannot be inspected: {}",
        remedy: "use ext4 without encryption and volume managers for the root file system",
        look: unreadable_root,
    },
    Check {
        name: "file-system-clean",
        severity: Level::Error,
        message: "the root file system is not clean: {}",
        remedy: "shut the machine down before its image is taken, or repair it: e2fsck -f",
        look: |evidence| root_fault(evidence, |root| root.superblock.unclean()),
    },
    Check {
        name: "file-system-size",
        severity: Level::Error,
        message: "the root file system is larger than its place: {}",
        remedy: "shrink the file system first and the partition then: resize2fs",
        look: |evidence| {
            root_fault(evidence, |root| {
                let (size, place) = (root.superblock.size, root.extent.size);
                (size > place).then(|| format!("it has {size} bytes of {place}"))
            })
        },
    },
    Check {
        name: "file-system-features",
        severity: Level::Error,
        message: "GRUB cannot read the root file system for its features: {}",
        remedy: "make it without them: mke2fs -O ^FEATURE",
        look: |evidence| {
            root_fault(evidence, |root| {
                let beyond = root.superblock.beyond_grub();
                (!beyond.is_empty()).then(|| beyond.join(", "))
            })
        },
    },
    Check {
        name: "file-system-journal",
        severity: Level::Warning,
        message: "the root file system has no journal, and an instance that loses power may lose files",
        remedy: "give it one: tune2fs -j",
        look: |evidence| root_fault(evidence, |root| (!root.superblock.has_journal()).then(String::new)),
    },
    Check {
        name: "file-system-damaged",
        severity: Level::Error,
        message: "it cannot be read: {}",
        remedy: "repair the file system: e2fsck -f",
        look: |evidence| {
            let faults = evidence.system().map(|system| system.tree.faults()).unwrap_or_default();
            faults.into_iter().map(|(place, fault)| Violation::at(place, fault)).collect()
        },
    },
];

fn root_fault(facts: &ImageFacts, look: impl Fn(&RootFacts) -> Option<String>) -> Vec<Violation> {
    let Some(root) = &facts.root else { return vec![] };
    look(root).map(|fault| Violation::at(place(root), fault)).into_iter().collect()
}

fn place(root: &RootFacts) -> String {
    root.partition.as_ref().map_or_else(|| "the disk".into(), |it| format!("partition {}", it.number))
}

fn unreadable_root(facts: &ImageFacts) -> Vec<Violation> {
    match &facts.root {
        Some(root) => root
            .system
            .as_ref()
            .err()
            .map(|why| Violation::at(place(root), why.as_str()))
            .into_iter()
            .collect(),
        None if facts.container.disk.is_none() => vec![],
        None => {
            let others = facts.contents.iter().filter_map(|(partition, content)| match content {
                PartitionContent::Other(name) => Some(format!("partition {} is {name}", partition.number)),
                _ => None,
            });
            let others: Vec<String> = others.collect();
            let why = if others.is_empty() { "there is no ext4".into() } else { others.join(", ") };
            vec![Violation::at("the disk", why)]
        }
    }
}
