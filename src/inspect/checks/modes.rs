//! Modes and owners that packages do not give to their files.

use super::Check;
use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::{Level, Violation};
use crate::inspect::modes::Strange;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "privileged",
        severity: Level::Error,
        message: "it runs as its owner or group, and no package declares that: {}",
        remedy: "remove the bits: chmod u-s,g-s FILE; register intended ones with dpkg: dpkg-statoverride --add",
        look: |evidence| faults(evidence, |strange| &strange.privileged),
    },
    Check {
        name: "writable",
        severity: Level::Error,
        message: "users other than root may write it: {}",
        remedy: "remove the permission: chmod g-w,o-w FILE; a directory for everyone has the sticky bit and is below /tmp or /var",
        look: |evidence| faults(evidence, |strange| &strange.writable),
    },
    Check {
        name: "password-hashes",
        severity: Level::Error,
        message: "password hashes are readable by users other than root and the group shadow: {}",
        remedy: "restrict it: chown root:shadow FILE && chmod 0640 FILE",
        look: |evidence| faults(evidence, |strange| &strange.open),
    },
    Check {
        name: "owner",
        severity: Level::Warning,
        message: "a system file is not owned by root: {}",
        remedy: "give it to root: chown root:root FILE; register an intended owner with dpkg: dpkg-statoverride --add",
        look: |evidence| faults(evidence, |strange| &strange.foreign),
    },
];

fn faults(facts: &ImageFacts, list: impl Fn(&Strange) -> &Vec<(String, String)>) -> Vec<Violation> {
    let Some(system) = facts.system() else { return vec![] };
    list(&system.strange).iter().map(|(path, told)| Violation::file(path, told.as_str())).collect()
}
