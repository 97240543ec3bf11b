//! The checks, as data: what each looks for, how bad it is, and what to do.

mod boot;
mod check;
mod container;
mod disk;
mod files;
mod hygiene;
mod modes;
mod system;

pub(super) use boot::boots_bios;

use super::facts::ImageFacts;
use super::finding::ImageFinding;
use check::Check;

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
pub(super) fn run_checks(facts: &ImageFacts) -> Vec<ImageFinding> {
    let mut findings: Vec<ImageFinding> = all().flat_map(|check| check.findings(facts)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}
