//! What a golden image may not have, by the rules that the build itself follows ([`crate::plan::hygiene`]).

use std::collections::BTreeMap;

use super::Check;
use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::{Level, Violation};
use crate::inspect::system::System;
use crate::plan::hygiene::{self, Class, MACHINE_ID};

/// The random seed of one machine in its EFI system partition (systemd-boot-random-seed.service(8)), in capital letters.
const EFI_SEED: &str = "LOADER/RANDOM-SEED";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "identity",
        severity: Level::Error,
        message: "{}, which all instances would share",
        remedy: "delete it after the last start of the machine; each instance makes its own",
        look: |evidence| broken(evidence, Class::Identity).into_iter().chain(efi_seed(evidence)).collect(),
    },
    Check {
        name: "machine-id",
        severity: Level::Error,
        message: "{}",
        remedy: "let it be an empty file: each instance gets its own id then, and units stay as they are enabled",
        look: |evidence| {
            let fault = evidence.system().and_then(machine_id_fault);
            fault.map(|fault| Violation::file(MACHINE_ID, fault)).into_iter().collect()
        },
    },
    Check {
        name: "secret",
        severity: Level::Error,
        message: "{}, which everybody with the image would have",
        remedy: "delete it, and revoke the credential wherever it is used",
        look: |evidence| broken(evidence, Class::Secret),
    },
    Check {
        name: "private-key",
        severity: Level::Error,
        message: "a private key, which everybody with the image would have",
        remedy: "delete it, and have each instance make its own or get it by user-data",
        look: |evidence| of_system(evidence, |system| paths(&system.private_keys)),
    },
    Check {
        name: "password",
        severity: Level::Error,
        message: "the account `{}` has a password, or needs none",
        remedy: "lock it: passwd --lock NAME",
        look: |evidence| {
            let open = |path| accounts(evidence, path, hygiene::accounts_with_password);
            open("etc/passwd").into_iter().chain(open("etc/shadow")).collect()
        },
    },
    Check {
        name: "login-user",
        severity: Level::Error,
        message: "there is a login user `{}`",
        remedy: "delete it: deluser --remove-home NAME; user-data makes the users of an instance",
        look: |evidence| accounts(evidence, "etc/passwd", hygiene::login_users),
    },
    Check {
        name: "forbidden",
        severity: Level::Error,
        message: "{}",
        remedy: "remove its package",
        look: |evidence| {
            of_system(evidence, |system| {
                system.forbidden.iter().map(|(path, why)| Violation::file(path, *why)).collect()
            })
        },
    },
    Check {
        name: "leftover",
        severity: Level::Error,
        message: "{}, which was meant for the build only",
        remedy: "delete it at the end of the build",
        look: |evidence| broken(evidence, Class::Leftover),
    },
    Check {
        name: "trace",
        severity: Level::Warning,
        message: "{}, of the machine that the image was made of",
        remedy: "delete it at the end of the build",
        look: |evidence| broken(evidence, Class::Trace),
    },
    Check {
        name: "log",
        severity: Level::Warning,
        message: "a log that is not empty{}",
        remedy: "empty it, or delete it where no package put it there",
        look: |evidence| {
            let logs = evidence.system().map_or(&[][..], |system| &system.logs);
            let more = logs.len().saturating_sub(1);
            let detail = if more == 0 { String::new() } else { format!(", and {more} more") };
            logs.first().map(|first| Violation::file(first, detail)).into_iter().collect()
        },
    },
];

fn of_system(facts: &ImageFacts, look: impl Fn(&System) -> Vec<Violation>) -> Vec<Violation> {
    facts.system().map(look).unwrap_or_default()
}

fn paths(paths: &[String]) -> Vec<Violation> {
    paths.iter().map(|path| Violation::file(path, "")).collect()
}

/// Those in a table of accounts whom `find` finds.
fn accounts(facts: &ImageFacts, path: &str, find: impl Fn(&str) -> Vec<&str>) -> Vec<Violation> {
    let text = facts.system().and_then(|system| system.tree.text(path)).unwrap_or_default();
    find(&text).into_iter().map(|name| Violation::file(path, name)).collect()
}

/// What systemd's boot loader leaves in the EFI system partition.
fn efi_seed(facts: &ImageFacts) -> Option<Violation> {
    let esp = facts.esp.as_ref()?;
    let there = esp.files.as_ref().is_ok_and(|files| files.iter().any(|(path, _)| path == EFI_SEED));
    there.then(|| Violation::at(format!("partition {}", esp.number), format!("the random seed {EFI_SEED}")))
}

/// One fault for each rule, at the first place that breaks it.
fn broken(facts: &ImageFacts, class: Class) -> Vec<Violation> {
    let marked = facts.system().map_or(&[][..], |system| &system.marked);
    let mut rules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, rule) in marked.iter().filter(|(_, rule)| rule.class == class) {
        rules.entry(rule.what).or_default().push(path);
    }
    let faults = rules.into_iter().map(|(what, paths)| match paths.len() {
        1 => Violation::file(paths[0], what),
        count => Violation::file(paths[0], format!("{what} (and {} more)", count - 1)),
    });
    faults.collect()
}

fn machine_id_fault(system: &System) -> Option<String> {
    let Some(text) = system.tree.text(MACHINE_ID) else {
        return Some(
            "it is missing, so each instance has a first boot that enables and disables units again".into(),
        );
    };
    match text.trim() {
        "" => None,
        "uninitialized" => {
            Some("it says `uninitialized`, which enables and disables units again at the first boot".into())
        }
        _ => Some("it holds the id of one machine, which all instances would share".into()),
    }
}
