//! Every case of `docker-options.yaml`, of which `.ci/docker-options` shows what dockerd makes.

use super::super::{Workshop, parse};
use super::*;
use crate::document::Severity;

const CASES: &str = include_str!("../../../tests/fixtures/docker-options.yaml");

/// Each section `docker` and its kind.
fn cases() -> Vec<(&'static str, &'static str)> {
    let mut kind = "";
    let mut cases = vec![];
    for line in CASES.lines() {
        if let Some(section) = line.strip_prefix("  - ") {
            cases.push((kind, section));
        } else if let Some(name) = line.strip_suffix(':') {
            kind = name;
        }
    }
    cases
}

fn found(section: &str) -> (Workshop, Findings, String) {
    let text = format!("version: 1\ndocker: {section}\n");
    let mut findings = Findings::default();
    let nothing = |_: &str| Err("there is none".to_owned());
    let workshop = parse(Source::new("workshop.yaml", text.as_str()), &nothing, &mut findings);
    (workshop, findings, text)
}

#[test]
fn what_dockerd_takes_is_taken_and_what_breaks_it_is_refused() {
    let cases = cases();
    let misjudged = cases.iter().filter_map(|(kind, section)| {
        let (_, findings, _) = found(section);
        let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        let sound = ["sound", "elsewhere"].contains(kind);
        (findings.has_errors() == sound).then(|| format!("{kind}: {section}: {told:?}"))
    });
    assert_eq!(misjudged.collect::<Vec<_>>(), [""; 0]);
    for (kind, least) in
        [("sound", 60), ("elsewhere", 5), ("validate", 50), ("start", 60), ("containers", 20), ("takes", 20)]
    {
        let count = cases.iter().filter(|(other, _)| *other == kind).count();
        assert!(count >= least, "{count} of {kind}");
    }
}

#[test]
fn each_fault_is_told_once_where_it_stands() {
    for (_, section) in cases().iter().filter(|(kind, _)| !["sound", "elsewhere"].contains(kind)) {
        let (_, findings, text) = found(section);
        let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        for finding in &errors {
            let whole = text[finding.labels[0].span.clone()].trim();
            assert!(whole != *section && !whole.is_empty(), "{section}: {finding:?}");
            assert!(!finding.remedy.is_empty(), "{section}: {finding:?}");
        }
        assert!(errors.len() <= 2, "{section}: {errors:#?}");
    }
}

#[test]
fn each_key_is_in_some_case() {
    for name in table::names() {
        use rule::OptionRule::{Hosts, Own, Refused};
        let never = matches!(table::rule(name), Some(Own(_) | Refused(..) | Hosts));
        assert!(
            never || CASES.contains(&format!("{{{name}:")) || CASES.contains(&format!(", {name}:")),
            "{name}"
        );
    }
}

#[test]
fn a_profile_of_system_calls_and_a_runtime_come_with_the_workshop() {
    let errors = |text: &str| {
        let mut findings = Findings::default();
        let nothing = |_: &str| Err("there is none".to_owned());
        parse(Source::new("workshop.yaml", format!("version: 1\n{text}")), &nothing, &mut findings);
        findings.iter().map(|finding| finding.severity).collect::<Vec<_>>()
    };
    let profile = "docker: {options: {seccomp-profile: /etc/docker/calls.json}}\n";
    let files = "{files: [{path: /etc/docker/calls.json, content: \"{}\"}]}\n";
    assert_eq!(errors(&format!("{profile}hub: {files}node: {files}")), []);
    assert_eq!(errors(&format!("{profile}node: {files}")), [Severity::Error]);
    let runtime = "docker: {options: {default-runtime: crun, runtimes: {crun: {path: /usr/bin/crun}}}}\n";
    assert_eq!(errors(runtime), [Severity::Warning, Severity::Warning]);
    assert_eq!(errors(&format!("{runtime}node: {{packages: [crun]}}\n")), [Severity::Warning]);
}

/// Every option that weakens something, and a harmless value of each: dockerd takes both.
const LOOSENED: &[(&str, &str)] = &[
    ("{seccomp-profile: unconfined}", "{}"),
    ("{seccomp-profile: builtin}", "{}"),
    ("{default-cgroupns-mode: host}", "{default-cgroupns-mode: private}"),
    ("{default-ipc-mode: shareable}", "{default-ipc-mode: private}"),
    ("{no-new-privileges: false}", "{no-new-privileges: true}"),
    ("{userland-proxy: false}", "{userland-proxy: true}"),
    ("{debug: true}", "{debug: false}"),
    ("{log-level: debug}", "{log-level: info}"),
    ("{log-level: TRACE}", "{log-level: WARN}"),
    ("{insecure-registries: [\"10.0.0.0/8\"]}", "{insecure-registries: []}"),
    ("{insecure-registries: [\"registry.example.org:5000\"]}", "{}"),
    (
        "{default-ulimits: {rtprio: {Name: rtprio, Hard: 99, Soft: 0}}}",
        "{default-ulimits: {rtprio: {Name: rtprio, Hard: 0, Soft: 0}}}",
    ),
    (
        "{default-ulimits: {x: {name: NICE, hard: 40, soft: 40}}}",
        "{default-ulimits: {nofile: {Name: nofile, Hard: 4096, Soft: 4096}}}",
    ),
    ("{ipv6: true, fixed-cidr-v6: \"fd00:1::/64\"}", "{fixed-cidr-v6: \"fd00:1::/64\"}"),
    (
        "{runtimes: {x: {path: runc, runtimeArgs: [\"--debug\"]}}, default-runtime: x}",
        "{runtimes: {x: {path: runc}}, default-runtime: x}",
    ),
    (
        "{log-driver: splunk, log-opts: {splunk-url: \"https://10.0.0.9:8088\", splunk-token: x, \
         splunk-insecureskipverify: \"true\"}}",
        "{log-driver: splunk, log-opts: {splunk-url: \"https://10.0.0.9:8088\", splunk-token: x, \
         splunk-insecureskipverify: \"false\"}}",
    ),
    (
        "{log-driver: syslog, log-opts: {syslog-tls-skip-verify: \"1\"}}",
        "{log-driver: syslog, log-opts: {syslog-address: \"udp://10.0.0.9:514\"}}",
    ),
    ("{log-opts: {env: \"USER,JUPYTERHUB_API_TOKEN\"}}", "{log-opts: {env: \"USER\"}}"),
    ("{log-opts: {env-regex: \"^JUPYTER\"}}", "{log-opts: {labels-regex: \"^imagegen\"}}"),
];

#[test]
fn what_weakens_protection_is_taken_with_a_reason_and_other_values_without() {
    let warned = |options: &str| {
        let (_, findings, _) = found(&format!("{{options: {options}}}"));
        assert!(!findings.has_errors(), "{options}: {findings:?}");
        findings.iter().count()
    };
    for (weaker, sound) in LOOSENED {
        assert_eq!((warned(weaker), warned(sound)), (1, 0), "{weaker} beside {sound}");
    }
}

#[test]
fn a_profile_of_the_workshop_that_permits_what_it_does_not_name_is_told() {
    let told = |profile: &str| {
        let files = format!("{{files: [{{path: /etc/docker/calls.json, content: '{profile}'}}]}}");
        let options = "{options: {seccomp-profile: /etc/docker/calls.json}}";
        let text = format!("version: 1\ndocker: {options}\nhub: {files}\nnode: {files}\n");
        let mut findings = Findings::default();
        let nothing = |_: &str| Err("there is none".to_owned());
        parse(Source::new("workshop.yaml", text), &nothing, &mut findings);
        findings.iter().map(|finding| finding.severity).collect::<Vec<_>>()
    };
    assert_eq!(told(r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#), [Severity::Warning]);
    assert_eq!(told(r#"{"defaultAction": "SCMP_ACT_LOG"}"#), [Severity::Warning]);
    assert_eq!(told(r#"{"defaultAction": "SCMP_ACT_ERRNO"}"#), []);
}
