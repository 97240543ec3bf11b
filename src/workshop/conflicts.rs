//! What two entries of the user list cannot both have.

use std::collections::{HashMap, HashSet};

use super::parsed_users::{ParsedGroup, ParsedUser};
use super::{AccountEntry, findings};
use crate::document::{Findings, Location};

/// What belongs to one user or group alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Identifier {
    Name(String),
    Uid(u32),
    Gid(u32),
}

impl std::fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(formatter, "the name `{name}`"),
            Self::Uid(id) => write!(formatter, "UID {id}"),
            Self::Gid(id) => write!(formatter, "GID {id}"),
        }
    }
}

/// Who has what so far. Of two ranges that overlap, the first clash of each kind is told.
#[derive(Default)]
struct Register<'a> {
    taken: HashMap<Identifier, &'a Location>,
    told: HashSet<(std::mem::Discriminant<Identifier>, *const Location, *const Location)>,
}

impl<'a> Register<'a> {
    fn take(&mut self, identifier: Identifier, location: &'a Location, findings: &mut Findings) -> bool {
        let Some(first) = self.taken.get(&identifier) else {
            self.taken.insert(identifier, location);
            return true;
        };
        let pair =
            (std::mem::discriminant(&identifier), std::ptr::from_ref(*first), std::ptr::from_ref(location));
        if self.told.insert(pair) {
            findings.push(findings::given_twice(&identifier.to_string(), location, first));
        }
        false
    }
}

/// Notes every name, UID and GID that is given twice, and every group that nobody has declared.
pub(super) fn note(claims: &[ParsedUser], groups: &[ParsedGroup], findings: &mut Findings) {
    for claim in claims {
        for name in
            claim.entry.groups().iter().filter(|name| !groups.iter().any(|it| it.group.name == **name))
        {
            findings.push(findings::undeclared_group(name, &claim.groups));
        }
    }
    let mut register = Register::default();
    for ParsedGroup { group, name, gid } in groups {
        register.take(Identifier::Name(group.name.clone()), name, findings);
        register.take(Identifier::Gid(group.gid), gid, findings);
    }
    let shared: HashSet<u32> = groups.iter().map(|declared| declared.group.gid).collect();
    for claim in claims {
        for user in claim.entry.accounts() {
            register.take(Identifier::Name(user.name), &claim.name, findings);
            let alone = register.take(Identifier::Uid(user.uid), &claim.uid, findings);
            let joins_a_group = shared.contains(&user.gid) && chose_its_gid(claim);
            // A GID that follows from its UID is told with the UID.
            if (alone || chose_its_gid(claim)) && !joins_a_group {
                register.take(Identifier::Gid(user.gid), &claim.gid, findings);
            }
        }
    }
}

fn chose_its_gid(user: &ParsedUser) -> bool {
    matches!(user.entry, AccountEntry::Single(_)) && user.gid != user.uid
}
