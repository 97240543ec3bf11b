//! Which published vulnerabilities an image has, by the versions of its source packages. Nothing is asked of the network.

mod assessment;
mod debian;
mod osv;
mod severity;
mod version;
mod vex;

use serde_json::Value as Json;

pub use assessment::{Applicability, Assessment, Installed};
pub use severity::Rating;
pub use version::compare_versions;
pub use vex::document as vex;

impl Installed {
    /// What advisories say about it, the worst first; the reason where they are not in a format that is known.
    ///
    /// # Errors
    /// Where the text is neither the JSON of Debian's security tracker nor OSV's.
    pub fn judge(&self, advisories: &str) -> Result<Vec<Assessment>, String> {
        let documents: Result<Vec<Json>, _> =
            serde_json::Deserializer::from_str(advisories).into_iter::<Json>().collect();
        let documents = documents.map_err(|error| format!("it is not JSON: {error}"))?;
        let mut verdicts = match documents.as_slice() {
            [tracker] if debian::is_tracker(tracker) => debian::judge(self, tracker)?,
            _ => osv::judge(self, &documents)?,
        };
        verdicts.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.cmp(other)));
        verdicts.dedup();
        Ok(verdicts)
    }
}

/// A report for a person: a line for each vulnerability that the image has.
#[must_use]
pub fn report(verdicts: &[Assessment]) -> String {
    let mut lines: Vec<String> = verdicts.iter().filter_map(line).collect();
    let (affected, others) = (lines.len(), verdicts.len() - lines.len());
    let apply =
        if affected == 1 { "1 vulnerability applies" } else { &format!("{affected} vulnerabilities apply") };
    lines.push(format!("{apply}, {others} of the advisories for these packages do not"));
    lines.join("\n") + "\n"
}

fn line(verdict: &Assessment) -> Option<String> {
    let Assessment { severity, id, source, version, outcome } = verdict;
    let Applicability::Affected(fixed) = outcome else { return None };
    let remedy = fixed.as_ref().map_or("not fixed".into(), |fixed| format!("fixed in {fixed}"));
    Some(format!("{} {id}: {source} {version}, {remedy}", severity.name()))
}

/// How many of those that the image has are as bad as this, or worse.
#[must_use]
pub fn count_from(verdicts: &[Assessment], severity: Rating) -> usize {
    let is_bad =
        |it: &&Assessment| it.severity >= severity && matches!(it.outcome, Applicability::Affected(_));
    verdicts.iter().filter(is_bad).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OS: &str = "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n";
    const STATUS: &str = "Package: libssl3t64\nStatus: install ok installed\nSource: openssl\nVersion: 3.5.1-1+deb13u1\n\n\
                          Package: libc6\nStatus: hold ok installed\nSource: glibc (2.41-12)\nVersion: 2.41-12+b1\n\n\
                          Package: bash\nStatus: install ok installed\nVersion: 5.2.37-2\n\n\
                          Package: zsh\nStatus: deinstall ok config-files\nVersion: 5.9\n";

    fn installed() -> Installed {
        Installed::of(OS, STATUS)
    }

    fn shown(advisories: &str) -> Vec<(Rating, String, Applicability)> {
        let verdicts = installed().judge(advisories).expect("known");
        verdicts.into_iter().map(|it| (it.severity, format!("{} {}", it.id, it.source), it.outcome)).collect()
    }

    #[test]
    fn packages_count_by_the_version_of_their_source() {
        let sources: Vec<String> = installed().sources.into_keys().collect();
        assert_eq!(sources, ["bash", "glibc", "openssl"]);
        assert!(installed().sources["glibc"].contains("2.41-12"));
    }

    #[test]
    fn debians_tracker_tells_what_applies() {
        let release =
            |text: &str| format!(r#"{{"releases": {{"trixie": {text}, "sid": {{"status": "open"}}}}}}"#);
        let tracker = format!(
            r#"{{"openssl": {{"CVE-1": {}, "CVE-2": {}, "CVE-3": {}, "CVE-5": {{"releases": {{"sid": {{"status": "open"}}}}}}}},
                 "glibc": {{"CVE-4": {}, "TEMP-1": {}}}, "zsh": {{"CVE-9": {}}}}}"#,
            release(r#"{"status": "resolved", "fixed_version": "3.5.1-1+deb13u2", "urgency": "high"}"#),
            release(r#"{"status": "resolved", "fixed_version": "3.5.1-1", "urgency": "low"}"#),
            release(r#"{"status": "resolved", "fixed_version": "0", "urgency": "unimportant"}"#),
            release(r#"{"status": "open", "urgency": "not yet assigned"}"#),
            release(r#"{"status": "undetermined", "urgency": "unimportant"}"#),
            release(r#"{"status": "open", "urgency": "high"}"#),
        );
        assert_eq!(
            shown(&tracker),
            [
                (
                    Rating::High,
                    "CVE-1 openssl".into(),
                    Applicability::Affected(Some("3.5.1-1+deb13u2".into()))
                ),
                (Rating::Medium, "CVE-4 glibc".into(), Applicability::Affected(None)),
                (Rating::Low, "CVE-2 openssl".into(), Applicability::Fixed),
                (Rating::Unimportant, "CVE-3 openssl".into(), Applicability::NotAffected),
                (Rating::Unimportant, "TEMP-1 glibc".into(), Applicability::Affected(None)),
            ]
        );
        let verdicts = installed().judge(&tracker).expect("known");
        assert_eq!(
            [Rating::Critical, Rating::High, Rating::Low].map(|it| count_from(&verdicts, it)),
            [0, 1, 2]
        );
        assert!(
            report(&verdicts)
                .ends_with("3 vulnerabilities apply, 2 of the advisories for these packages do not\n")
        );
        let vex: Json = serde_json::from_str(&vex(&installed(), &verdicts, 0)).expect("JSON");
        let statuses: Vec<_> =
            vex["statements"].as_array().expect("a list").iter().map(|it| &it["status"]).collect();
        assert_eq!(statuses, ["fixed", "not_affected"]);
    }

    #[test]
    fn osv_tells_what_applies() {
        let entry = |id: &str, ecosystem: &str, package: &str, events: &str, more: &str| {
            format!(
                r#"{{"id": "{id}", "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "{package}"}},
                    "ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]{more}}}],
                    "severity": [{{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}}"#
            )
        };
        let entries = [
            entry("A", "Debian:13", "openssl", r#"{"introduced": "0"}, {"fixed": "3.5.1-1+deb13u2"}"#, ""),
            entry("B", "Debian:13", "openssl", r#"{"introduced": "0"}, {"fixed": "3.5.1-1"}"#, ""),
            entry("C", "Debian:12", "openssl", r#"{"introduced": "0"}"#, ""),
            entry("D", "Debian:13", "glibc", r#"{"introduced": "2.42"}"#, ""),
            entry("E", "Debian:13", "bash", r#"{"introduced": "0"}, {"last_affected": "5.2.37-2"}"#, ""),
            entry("F", "Debian:13", "bash", r#"{"introduced": "9"}"#, r#", "versions": ["5.2.37-2"]"#),
        ];
        let wanted = [
            (
                Rating::Critical,
                "A openssl".to_owned(),
                Applicability::Affected(Some("3.5.1-1+deb13u2".into())),
            ),
            (Rating::Critical, "B openssl".into(), Applicability::Fixed),
            (Rating::Critical, "D glibc".into(), Applicability::NotAffected),
            (Rating::Critical, "E bash".into(), Applicability::Affected(None)),
            (Rating::Critical, "F bash".into(), Applicability::Affected(None)),
        ];
        assert_eq!(shown(&entries.join("\n")), wanted);
        assert_eq!(shown(&format!("[{}]", entries.join(","))), wanted);
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        for text in ["", "{", "[1]", "\"a\"", "{}", r#"{"a": 1}"#, r#"{"id": 1}"#] {
            assert!(installed().judge(text).is_err(), "{text}");
        }
        let unknown = Installed { codename: "nowhere".into(), ..installed() };
        let tracker = r#"{"bash": {"CVE-1": {"releases": {"trixie": {"status": "open"}}}}}"#;
        assert!(unknown.judge(tracker).unwrap_err().contains("nowhere"));
    }
}
