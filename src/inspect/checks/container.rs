//! The file: what Glance's inspector demands of it (oslo.utils, `imageutils/format_inspector.py`), and what a cloud would
//! stumble over later.

use super::Check;
use crate::inspect::disk::Disk;
use crate::inspect::disk_format::Format;
use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::{Level, Violation};
use crate::inspect::header::{Header, feature};

const CONVERT: &str = "convert it: qemu-img convert -O qcow2 OLD NEW";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "format",
        severity: Level::Error,
        message: "this is {}, not a disk image that can be inspected",
        remedy: "unpack or decrypt it, and turn it into one: qemu-img convert -O qcow2 OLD NEW",
        look: |evidence| match evidence.container.format {
            Format::Other(name) => vec![file(name)],
            Format::Raw if evidence.container.file_size == 0 => vec![file("empty")],
            _ => vec![],
        },
    },
    Check {
        name: "qcow2-damaged",
        severity: Level::Error,
        message: "the file is damaged or truncated: {}",
        remedy: "copy it again and compare its SHA-256; `qemu-img check` says more",
        look: |evidence| evidence.container.faults.iter().map(|fault| file(fault.as_str())).collect(),
    },
    Check {
        name: "qcow2-version",
        severity: Level::Error,
        message: "this is qcow2 of version {}, which Glance refuses",
        remedy: CONVERT,
        look: |evidence| {
            let wrong = |header: &Header| !matches!(header.version, 2 | 3);
            header_fault(evidence, wrong, |header| header.version.to_string())
        },
    },
    Check {
        name: "qcow2-backing-file",
        severity: Level::Error,
        message: "it is a layer over another file, which Glance refuses",
        remedy: "convert it with all of its data: qemu-img convert -O qcow2 OLD NEW",
        look: |evidence| header_fault(evidence, |header| header.backing_file, |_| String::new()),
    },
    Check {
        name: "qcow2-data-file",
        severity: Level::Error,
        message: "its data is in another file, which Glance refuses",
        remedy: "convert it with all of its data: qemu-img convert -O qcow2 OLD NEW",
        look: |evidence| has_feature(evidence, feature::DATA_FILE),
    },
    Check {
        name: "qcow2-features",
        severity: Level::Error,
        message: "it uses features that Glance does not know: {}",
        remedy: "convert it without them (extended_l2 is one): qemu-img convert -O qcow2 OLD NEW",
        look: |evidence| {
            let unknown = |header: &Header| header.unknown_features() != 0;
            header_fault(evidence, unknown, |header| format!("bits {:#x}", header.unknown_features()))
        },
    },
    Check {
        name: "qcow2-encrypted",
        severity: Level::Error,
        message: "it is encrypted and cannot be inspected",
        remedy: "decrypt it: qemu-img convert with the key and -O qcow2",
        look: |evidence| header_fault(evidence, |header| header.encrypted, |_| String::new()),
    },
    Check {
        name: "qcow2-corrupt",
        severity: Level::Error,
        message: "QEMU has marked it as corrupt",
        remedy: "build it again, or repair it with `qemu-img check -r all`",
        look: |evidence| has_feature(evidence, feature::CORRUPT),
    },
    Check {
        name: "qcow2-dirty",
        severity: Level::Warning,
        message: "it was not closed by the program that wrote it last",
        remedy: "stop that program, and repair it: qemu-img check -r all",
        look: |evidence| has_feature(evidence, feature::DIRTY),
    },
    Check {
        name: "qcow2-snapshots",
        severity: Level::Warning,
        message: "{} snapshots in it keep what has been deleted since",
        remedy: "convert it without them: qemu-img convert -O qcow2 OLD NEW",
        look: |evidence| {
            header_fault(evidence, |header| header.snapshots > 0, |header| header.snapshots.to_string())
        },
    },
    Check {
        name: "disk-size",
        severity: Level::Error,
        message: "the disk has {} bytes, which is not a whole number of sectors",
        remedy: "it is truncated, or was never a disk: copy it again and compare its SHA-256",
        look: |evidence| {
            let size = evidence.container.disk.as_ref().map_or(0, Disk::size);
            if size % 512 == 0 { vec![] } else { vec![file(size.to_string())] }
        },
    },
];

fn file(detail: impl Into<String>) -> Violation {
    Violation::at("the file", detail)
}

fn header_fault(
    facts: &ImageFacts,
    wrong: impl Fn(&Header) -> bool,
    detail: impl Fn(&Header) -> String,
) -> Vec<Violation> {
    match &facts.container.format {
        Format::Qcow2(header) if wrong(header) => vec![file(detail(header))],
        _ => vec![],
    }
}

fn has_feature(facts: &ImageFacts, bit: u64) -> Vec<Violation> {
    header_fault(facts, |header| header.features & bit != 0, |_| String::new())
}
