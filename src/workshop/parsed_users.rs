//! Users and groups as they were written, and what every one of them has to be.

use std::ops::Range;

use super::{AccountEntry, Group, findings, validate};
use crate::document::{Findings, Location};

/// An entry and where each part of it was written.
pub(super) struct ParsedUser {
    pub(super) entry: AccountEntry,
    pub(super) name: Location,
    pub(super) uid: Location,
    pub(super) gid: Location,
    pub(super) groups: Location,
}

/// A declared group and where.
pub(super) struct ParsedGroup {
    pub(super) group: Group,
    pub(super) name: Location,
    pub(super) gid: Location,
}

/// UIDs and GIDs of people on Debian (policy 9.2.2).
pub(super) const PEOPLE: Range<i64> = 1000..60_000;

/// Checks a number for a user or a group.
pub(super) fn check_id(what: &str, id: i64, location: &Location, findings: &mut Findings) -> Option<u32> {
    if PEOPLE.contains(&id) {
        return u32::try_from(id).ok();
    }
    findings.push(findings::reserved_id(what, id, location));
    None
}

/// Checks the name of a user or a group.
pub(super) fn check_name(what: &str, name: &str, location: &Location, findings: &mut Findings) {
    if !validate::is_possible(name) {
        findings.push(findings::impossible_name(what, name, location));
    } else if validate::is_reserved(name) {
        findings.push(findings::reserved_name(what, name, location));
    }
}

/// `/etc/passwd` separates its fields by colons, and the parts of this one by commas (chfn(1)).
pub(super) fn check_full_name(text: &str, location: &Location, findings: &mut Findings) {
    if text.contains([':', ',']) || text.contains(char::is_control) {
        findings.push(findings::impossible_full_name(location));
    }
}
