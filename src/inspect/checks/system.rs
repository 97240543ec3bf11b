//! How the system in the image is set up: packages, units, cloud-init, names.

use super::Check;
use crate::inspect::apt_conf;
use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::{Level, Violation};
use crate::inspect::system::{System, UnitState};
use crate::inspect::tree::EntryKind;

const APT: &str = "etc/apt/apt.conf";
const APT_PARTS: &str = "etc/apt/apt.conf.d";
const ENVIRONMENT: &str = "etc/environment";
const FSTAB: &str = "etc/fstab";
const CLOUD: &str = "etc/cloud/cloud.cfg.d";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "package-state",
        severity: Level::Error,
        message: "the package {} is not completely installed",
        remedy: "finish it: dpkg --configure -a",
        look: |evidence| {
            let unfinished = evidence.system().map_or(&[][..], |system| &system.unfinished);
            let detail = |(name, state): &(String, String)| {
                Violation::file("var/lib/dpkg/status", format!("{name} ({state})"))
            };
            unfinished.iter().map(detail).collect()
        },
    },
    Check {
        name: "packages",
        severity: Level::Note,
        message: "dpkg lists no packages, so the contents of the image are unknown",
        remedy: "leave /var/lib/dpkg in place; images of other distributions are inspected without their packages",
        look: |evidence| missing(evidence, "var/lib/dpkg/status", |system| !system.packages.is_empty()),
    },
    Check {
        name: "unit",
        severity: Level::Warning,
        message: "{} is enabled but does not exist",
        remedy: "delete the link, or install the unit",
        look: |evidence| {
            let units = evidence.system().map_or(&[][..], |system| &system.units);
            let dangling = units.iter().filter_map(|unit| match &unit.state {
                UnitState::Enabled { link, there: false } => Some(Violation::file(link, unit.name.as_str())),
                _ => None,
            });
            dangling.collect()
        },
    },
    Check {
        name: "cloud-init",
        severity: Level::Error,
        message: "there is no cloud-init, so an instance does nothing with its user-data",
        remedy: "install cloud-init",
        look: |evidence| {
            missing(evidence, "usr/bin/cloud-init", |system| system.tree.exists("usr/bin/cloud-init"))
        },
    },
    Check {
        name: "cloud-init-sources",
        severity: Level::Note,
        message: "no file names the sources of user-data, so cloud-init guesses by the machine's maker",
        remedy: "for clouds with another product name, set datasource_list: [ConfigDrive, OpenStack, NoCloud, None]",
        look: |evidence| missing(evidence, CLOUD, names_sources),
    },
    Check {
        name: "proxy",
        severity: Level::Error,
        message: "a proxy of the build is set for {}",
        remedy: "delete the setting at the end of the build",
        look: |evidence| {
            let all = lines(evidence, ENVIRONMENT, sets_proxy);
            let all = all.first().map(|_| Violation::file(ENVIRONMENT, "all programs"));
            apt_proxies(evidence).into_iter().chain(all).collect()
        },
    },
    Check {
        name: "resolver",
        severity: Level::Warning,
        message: "it lists the name servers of one network, which other networks do not have",
        remedy: "link it to ../run/systemd/resolve/stub-resolv.conf, or delete it",
        look: |evidence| {
            let entry = evidence.system().and_then(|system| system.tree.entry("etc/resolv.conf"));
            let written = entry.is_some_and(|entry| entry.kind == EntryKind::File && entry.size > 0);
            if written { vec![Violation::file("etc/resolv.conf", "")] } else { vec![] }
        },
    },
    Check {
        name: "hosts",
        severity: Level::Warning,
        message: "127.0.1.1 has the name of one machine: {}",
        remedy: "delete the line; cloud-init writes the instance's own with manage_etc_hosts",
        look: |evidence| lines(evidence, "etc/hosts", |line| line.starts_with("127.0.1.1")),
    },
    Check {
        name: "fstab",
        severity: Level::Warning,
        message: "a disk is named by a device name that other clouds give to another disk, or to none: {}",
        remedy: "name it by UUID= or LABEL=",
        look: |evidence| {
            let named = |line: &str| {
                ["/dev/sd", "/dev/vd", "/dev/xvd", "/dev/nvme"].iter().any(|it| line.starts_with(it))
            };
            lines(evidence, FSTAB, named)
        },
    },
    Check {
        name: "fstab-cloud-init",
        severity: Level::Warning,
        message: "cloud-init mounted a disk of one instance: {}",
        remedy: "delete the line; cloud-init writes one for each instance",
        look: |evidence| lines(evidence, FSTAB, |line| line.contains("comment=cloudconfig")),
    },
];

fn missing(facts: &ImageFacts, path: &str, has: impl Fn(&System) -> bool) -> Vec<Violation> {
    match facts.system() {
        Some(system) if !has(system) => vec![Violation::file(path, "")],
        _ => vec![],
    }
}

fn names_sources(system: &System) -> bool {
    let names = system.tree.list(CLOUD).into_iter().map(|(name, _)| format!("{CLOUD}/{name}"));
    names.chain(["etc/cloud/cloud.cfg".to_owned()]).any(|path| {
        let text = system.tree.text(&path).unwrap_or_default();
        text.lines().any(|line| line.starts_with("datasource_list:"))
    })
}

/// The files that have apt go through a proxy.
fn apt_proxies(facts: &ImageFacts) -> Vec<Violation> {
    let Some(system) = facts.system() else { return vec![] };
    let parts = system.tree.list(APT_PARTS).into_iter().map(|(name, _)| format!("{APT_PARTS}/{name}"));
    let files = parts.chain([APT.to_owned()]);
    let setting = files.filter(|path| {
        let text = system.tree.text(path).unwrap_or_default();
        apt_conf::settings(&text).iter().any(|(name, value)| is_proxy(name, value))
    });
    setting.map(|path| Violation::file(&path, "apt")).collect()
}

/// `Acquire::http::Proxy`, also for one host behind that, and the programs that look for one (apt.conf(5)).
fn is_proxy(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let of_proxy = |part: &str| matches!(part, "proxy" | "proxy-auto-detect" | "proxyautodetect");
    let none = value.is_empty() || ["direct", "false"].iter().any(|it| value.eq_ignore_ascii_case(it));
    name.starts_with("acquire::") && name.split("::").any(of_proxy) && !none
}

/// A line of environment(5).
fn sets_proxy(line: &str) -> bool {
    let setting = line.strip_prefix("export ").unwrap_or(line).trim_start().to_ascii_lowercase();
    let Some((name, value)) = setting.split_once('=') else { return false };
    name != "no_proxy" && name.ends_with("_proxy") && !value.trim_matches(['"', '\'']).is_empty()
}

/// Such lines of a file.
fn lines(facts: &ImageFacts, path: &str, wanted: impl Fn(&str) -> bool) -> Vec<Violation> {
    let text = facts.system().and_then(|system| system.tree.text(path)).unwrap_or_default();
    text.lines().map(str::trim).filter(|line| wanted(line)).map(|line| Violation::file(path, line)).collect()
}
