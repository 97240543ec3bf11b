//! `imagegen inspect --advisories` on an image with real parts.

use super::sample::Sample;
use crate::{imagegen, text};

const OS: &str =
    "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n";
const TRACKER: &str = r#"{"cloud-init": {
    "CVE-2026-1": {"releases": {"trixie": {"status": "resolved", "fixed_version": "25.2", "urgency": "high"}}},
    "CVE-2026-2": {"releases": {"trixie": {"status": "resolved", "fixed_version": "25.1~rc1", "urgency": "low"}}}}}"#;

#[test]
fn what_applies_is_listed_and_what_does_not_is_written_down() {
    let sample = Sample::new();
    sample.write("etc/os-release", OS);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("disk.img"), sample.image()).unwrap();
    std::fs::write(at("tracker.json"), TRACKER).unwrap();
    std::fs::write(at("other.json"), TRACKER.replace("trixie", "bookworm")).unwrap();
    let run = |options: &[&str]| {
        let output = imagegen(folder.path()).args(["inspect", "disk.img"]).args(options).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let listed = "high CVE-2026-1: cloud-init 25.1, fixed in 25.2\n1 vulnerability applies, 1 of the advisories for these packages do not\n";
    let with = ["--advisories", "tracker.json", "--vex", "vex.json"];
    let (code, shown, said) = run(&with);
    assert_eq!((code, shown.as_str()), (Some(0), listed), "{said}");
    let vex: serde_json::Value = serde_json::from_slice(&std::fs::read(at("vex.json")).unwrap()).unwrap();
    assert_eq!(vex["statements"][0]["vulnerability"]["name"], "CVE-2026-2");
    assert_eq!(vex["statements"][0]["status"], "fixed");
    let product = &vex["statements"][0]["products"][0]["@id"];
    assert_eq!(product, "pkg:deb/debian/cloud-init@25.1?arch=source&distro=debian-13");
    assert_eq!(run(&[&with[..], &["--fail-on", "critical"]].concat()).0, Some(0));
    let (code, shown, said) = run(&[&with[..], &["--fail-on", "high"]].concat());
    assert_eq!((code, shown.as_str()), (Some(1), listed));
    assert!(said.contains("1 vulnerability applies to disk.img whose severity is high or worse"), "{said}");
    let (code, _, said) = run(&["--advisories", "other.json"]);
    assert!(code == Some(1) && said.contains("nothing about the release `trixie`"), "{said}");
    assert_eq!(run(&["--fail-on", "high"]).0, Some(2));
}
