//! The checks, as data: what each looks for, how bad it is, and what to do.

mod boot;
mod container;
mod disk;
mod files;
mod hygiene;
mod modes;
mod system;

pub(super) use boot::boots_bios;

use super::evidence::Evidence;
use super::finding::{Check as CheckOf, Finding};

type Check = CheckOf<Evidence>;

/// All checks, from the file inwards.
fn all() -> impl Iterator<Item = &'static Check> {
    [
        container::CHECKS,
        disk::CHECKS,
        boot::CHECKS,
        files::CHECKS,
        hygiene::CHECKS,
        modes::CHECKS,
        system::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// The names of all checks.
pub(super) fn names() -> Vec<&'static str> {
    all().map(|check| check.name).collect()
}

/// What is wrong with an image: errors first, and otherwise from the file inwards.
pub(super) fn judge(evidence: &Evidence) -> Vec<Finding> {
    let mut findings: Vec<Finding> = all().flat_map(|check| check.findings(evidence)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}
