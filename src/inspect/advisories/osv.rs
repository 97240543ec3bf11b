//! Advisories in OSV's format (ossf.github.io/osv-schema): one after the other, or in a list.

use serde_json::Value as Json;

use super::version::compare_versions;
use super::{Applicability, Assessment, Installed, Rating};

/// What they say; the reason where one of them is not in this format.
pub(super) fn judge(installed: &Installed, documents: &[Json]) -> Result<Vec<Assessment>, String> {
    let entries = documents.iter().flat_map(|document| match document {
        Json::Array(entries) => entries.as_slice(),
        entry => std::slice::from_ref(entry),
    });
    let mut verdicts = vec![];
    let mut count = 0;
    for entry in entries {
        let id = entry["id"].as_str().ok_or("it is neither of Debian's security tracker nor of OSV")?;
        count += 1;
        if entry["withdrawn"].is_string() {
            continue;
        }
        for affected in entry["affected"].as_array().into_iter().flatten() {
            let package = &affected["package"];
            let source = package["name"].as_str().unwrap_or_default();
            if is_of(installed, package["ecosystem"].as_str().unwrap_or_default()) {
                verdicts.extend(installed.versions(source).map(|version| Assessment {
                    severity: severity(entry, affected),
                    id: id.to_owned(),
                    source: source.to_owned(),
                    version: version.to_owned(),
                    outcome: outcome(version, affected),
                }));
            }
        }
    }
    if count == 0 { Err("there is no advisory in it".into()) } else { Ok(verdicts) }
}

/// `Debian:13`, `Ubuntu:24.04:LTS`; without a release, it is for each.
fn is_of(installed: &Installed, ecosystem: &str) -> bool {
    let mut parts = ecosystem.split(':').filter(|part| *part != "Pro");
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(&installed.id));
    named && parts.next().is_none_or(|release| release == installed.version)
}

fn outcome(version: &str, affected: &Json) -> Applicability {
    let mut versions = affected["versions"].as_array().into_iter().flatten();
    if versions.any(|it| it.as_str() == Some(version)) {
        return Applicability::Affected(fix_after(version, affected));
    }
    let mut fixed = false;
    for range in
        affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] == "ECOSYSTEM")
    {
        match within(version, range) {
            Some(true) => return Applicability::Affected(fix_after(version, affected)),
            Some(false) => fixed = true,
            None => {}
        }
    }
    if fixed { Applicability::Fixed } else { Applicability::NotAffected }
}

/// Whether a range has the version; none where it begins later. Events need not be in order.
fn within(version: &str, range: &Json) -> Option<bool> {
    let events = range["events"].as_array().into_iter().flatten().filter_map(Json::as_object).flatten();
    let mut events: Vec<(&str, &str)> =
        events.filter_map(|(kind, at)| Some((kind.as_str(), at.as_str()?))).collect();
    events.sort_by(|(_, one), (_, other)| compare(one, other));
    let mut inside = None;
    for (kind, at) in events {
        let order = compare(version, at);
        match kind {
            "introduced" if order.is_ge() => inside = Some(true),
            "fixed" if order.is_ge() => inside = inside.map(|_| false),
            "last_affected" if order.is_gt() => inside = inside.map(|_| false),
            _ => {}
        }
    }
    inside
}

/// `0` is before every version, also before one like `0~beta`.
fn compare(one: &str, other: &str) -> std::cmp::Ordering {
    (one != "0").cmp(&(other != "0")).then_with(|| compare_versions(one, other))
}

/// The first version after this one that is without the fault.
fn fix_after(version: &str, affected: &Json) -> Option<String> {
    let ranges = affected["ranges"].as_array().into_iter().flatten();
    let events = ranges.flat_map(|range| range["events"].as_array().into_iter().flatten());
    let later =
        events.filter_map(|event| event["fixed"].as_str()).filter(|fixed| compare(fixed, version).is_gt());
    later.min_by(|one, other| compare(one, other)).map(str::to_owned)
}

/// The distribution's own word counts before a score.
fn severity(entry: &Json, affected: &Json) -> Rating {
    let words = [&affected["ecosystem_specific"]["urgency"], &entry["database_specific"]["severity"]];
    let mut words = words.into_iter().filter_map(|word| Rating::of_word(word.as_str()?));
    let scores = [&affected["severity"], &entry["severity"]].into_iter().filter_map(Json::as_array).flatten();
    let mut scores = scores.filter_map(|it| it["score"].as_str());
    let by_score = |score: &str| Rating::of_word(score).or_else(|| Rating::of_vector(score));
    words.next().or_else(|| scores.find_map(by_score)).unwrap_or(Rating::Medium)
}
