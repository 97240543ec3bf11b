//! What was found, for a person and for a program.

use serde::Serialize;

use super::checks::{self, boots_bios};
use super::dpkg::Package;
use super::facts::ImageFacts;
use super::finding::{ImageFinding, Level};
use super::system::System;

/// All that is known of an image.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of this format.
    format: u32,
    file: File,
    /// The ways in which firmware can start it.
    firmware: Vec<&'static str>,
    partitions: Vec<Partition>,
    system: Option<SystemSummary>,
    /// The names of all checks that were made.
    #[serde(rename = "rules")]
    checks: Vec<&'static str>,
    findings: Vec<ImageFinding>,
}

#[derive(Debug, Serialize)]
struct File {
    format: &'static str,
    bytes: u64,
    /// Of the disk in it, where it can be looked into.
    disk_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Partition {
    number: u32,
    name: String,
    start: u64,
    bytes: u64,
}

/// What the root file system holds.
#[derive(Debug, Serialize)]
struct SystemSummary {
    name: String,
    root_uuid: String,
    kernels: Vec<String>,
    packages: Vec<Package>,
    units: Units,
}

#[derive(Debug, Serialize)]
struct Units {
    enabled: Vec<String>,
    masked: Vec<String>,
}

impl Report {
    pub(super) fn of(facts: &ImageFacts) -> Self {
        let container = &facts.container;
        let partitions = facts.table.iter().flat_map(|table| &table.partitions);
        let uefi = facts.esp.as_ref().is_some_and(super::esp::Esp::boots);
        let ways = [(boots_bios(facts), "BIOS"), (uefi, "UEFI")];
        let root_uuid = facts.root.as_ref().map(|root| root.superblock.uuid.clone()).unwrap_or_default();
        Self {
            format: 1,
            file: File {
                format: container.name(),
                bytes: container.file_size,
                disk_bytes: container.disk.as_ref().map(super::disk::Disk::size),
            },
            firmware: ways.into_iter().filter(|(is, _)| *is).map(|(_, way)| way).collect(),
            partitions: partitions
                .map(|it| Partition {
                    number: it.number,
                    name: it.name.clone(),
                    start: it.extent.start,
                    bytes: it.extent.size,
                })
                .collect(),
            system: facts.system().map(|system| SystemSummary::of(system, root_uuid)),
            checks: checks::names(),
            findings: checks::run_checks(facts),
        }
    }

    /// What was found, errors first.
    #[must_use]
    pub fn findings(&self) -> &[ImageFinding] {
        &self.findings
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Level::Error)
    }

    fn count(&self, severity: Level) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The report for a program, as JSON.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The report for a person on the image that is called `name`; `list` adds packages and units, and `size` writes a
    /// number of bytes.
    #[must_use]
    pub fn text(&self, name: &str, list: bool, size: fn(u64) -> String) -> String {
        let mut lines = vec![self.headline(name, size)];
        lines.extend(self.system.iter().flat_map(|system| system.lines(list)));
        lines.extend(self.findings.iter().map(shown));
        let counts = [Level::Error, Level::Warning, Level::Note];
        let counts = counts.map(|severity| counted(self.count(severity), severity.name()));
        lines.push(counts.join(", "));
        lines.join("\n") + "\n"
    }

    fn headline(&self, name: &str, size: fn(u64) -> String) -> String {
        let file = format!("{name}: {}, {}", self.file.format, size(self.file.bytes));
        let Some(disk) = self.file.disk_bytes else { return file };
        let ways = if self.firmware.is_empty() { "nothing".into() } else { self.firmware.join(" and ") };
        format!("{file}; a disk of {}, which starts by {ways}", size(disk))
    }
}

impl SystemSummary {
    fn of(system: &System, root_uuid: String) -> Self {
        let names = |masked| system.unit_names(masked).into_iter().map(str::to_owned).collect();
        Self {
            name: system.name(),
            root_uuid,
            kernels: system.kernels.iter().map(|kernel| kernel.version.clone()).collect(),
            packages: system.packages.clone(),
            units: Units { enabled: names(false), masked: names(true) },
        }
    }

    fn lines(&self, list: bool) -> Vec<String> {
        let kernels = if self.kernels.is_empty() { "no kernel".into() } else { self.kernels.join(" and ") };
        let units = &self.units;
        let mut lines = vec![format!(
            "{}, Linux {kernels}, {}, {} enabled, {} masked",
            self.name,
            counted(self.packages.len(), "package"),
            counted(units.enabled.len(), "unit"),
            units.masked.len()
        )];
        if list {
            let package = |it: &Package| format!("package {} {} {}", it.name, it.version, it.architecture);
            lines.extend(self.packages.iter().map(package));
            lines.extend(units.enabled.iter().map(|name| format!("enabled {name}")));
            lines.extend(units.masked.iter().map(|name| format!("masked {name}")));
        }
        lines
    }
}

fn shown(finding: &ImageFinding) -> String {
    let ImageFinding { check, severity, place, message, remedy } = finding;
    format!("{}[{check}]: {place}: {message}\n    fix: {remedy}", severity.name())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
