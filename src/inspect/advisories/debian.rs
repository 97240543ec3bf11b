//! The JSON of Debian's security tracker: by source package, by CVE, by release.

use serde_json::Value as Json;

use super::version::compare_versions;
use super::{Applicability, Assessment, Installed, Rating};

/// Whether this is such a document.
pub(super) fn is_tracker(document: &Json) -> bool {
    let entries = document.as_object().into_iter().flatten();
    let mut entries = entries.filter_map(|(_, advisories)| advisories.as_object()).flatten();
    entries.next().is_some_and(|(_, advisory)| advisory["releases"].is_object())
}

/// What it says; the reason where it says nothing about the image's release.
pub(super) fn judge(installed: &Installed, tracker: &Json) -> Result<Vec<Assessment>, String> {
    let mut verdicts = vec![];
    let mut known = false;
    for (source, advisories) in tracker.as_object().into_iter().flatten() {
        for (id, advisory) in advisories.as_object().into_iter().flatten() {
            let release = &advisory["releases"][&installed.codename];
            known |= release.is_object();
            if release.is_object() {
                verdicts
                    .extend(installed.versions(source).map(|version| verdict(id, source, version, release)));
            }
        }
    }
    if known {
        Ok(verdicts)
    } else {
        Err(format!("it says nothing about the release `{}`", installed.codename))
    }
}

/// A version of 0 stands for packages that never had it. What is not determined yet is taken for open.
fn verdict(id: &str, source: &str, version: &str, release: &Json) -> Assessment {
    let fixed = release["fixed_version"].as_str();
    let outcome = match fixed {
        Some("0") => Applicability::NotAffected,
        Some(fixed) if compare_versions(version, fixed).is_ge() => Applicability::Fixed,
        fixed => Applicability::Affected(fixed.map(str::to_owned)),
    };
    let severity = Rating::of_word(release["urgency"].as_str().unwrap_or_default());
    Assessment {
        severity: severity.unwrap_or(Rating::Medium),
        id: id.to_owned(),
        source: source.to_owned(),
        version: version.to_owned(),
        outcome,
    }
}
