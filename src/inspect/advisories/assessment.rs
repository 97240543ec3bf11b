//! What an image has installed, and what advisories make of it.

use std::collections::{BTreeMap, BTreeSet};

use super::severity::Rating;

/// The system that an image has, as advisories name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// `debian`, `ubuntu`.
    pub id: String,
    /// `13`, `24.04`.
    pub version: String,
    /// `trixie`, `noble`.
    pub codename: String,
    /// The versions of each source package that has packages in the image.
    pub sources: BTreeMap<String, BTreeSet<String>>,
}

impl Installed {
    /// From `os-release` and the status file of dpkg.
    #[must_use]
    pub fn of(os_release: &str, status: &str) -> Self {
        let value = |key: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (source, version) in status.split("\n\n").filter_map(source_of) {
            sources.entry(source.to_owned()).or_default().insert(version.to_owned());
        }
        Self { id: value("ID"), version: value("VERSION_ID"), codename: value("VERSION_CODENAME"), sources }
    }

    pub(super) fn versions(&self, source: &str) -> impl Iterator<Item = &str> {
        self.sources.get(source).into_iter().flatten().map(String::as_str)
    }
}

/// What an advisory says about the version of a source package in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assessment {
    /// How bad it is; the worst comes first in a report.
    pub severity: Rating,
    /// The CVE's number, or the advisory's.
    pub id: String,
    /// The source package.
    pub source: String,
    /// Its version in the image.
    pub version: String,
    /// What follows for the image.
    pub outcome: Applicability,
}

/// Whether a vulnerability is in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applicability {
    /// It is, and this version has it no longer, if there is one.
    Affected(Option<String>),
    /// The image has a version in which it is mended.
    Fixed,
    /// The package of this distribution never had it.
    NotAffected,
}

/// The source of an installed package, and its version, which differs from the package's where that was only built again.
pub(super) fn source_of(stanza: &str) -> Option<(&str, &str)> {
    let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    // One that is held is there all the same.
    field("Status").filter(|status| status.ends_with(" ok installed"))?;
    let (package, version) = (field("Package")?, field("Version")?);
    let Some(source) = field("Source") else { return Some((package, version)) };
    match source.split_once(" (") {
        Some((source, version)) => Some((source, version.trim_end_matches(')'))),
        None => Some((source, version)),
    }
}
