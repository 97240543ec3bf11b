//! What two entries of the user list cannot both have.

use std::collections::{HashMap, HashSet};

use super::users::{Claim, Declared};
use super::{Entry, findings};
use crate::document::{Findings, Place};

/// What belongs to one user or group alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Thing {
    Name(String),
    Uid(u32),
    Gid(u32),
}

impl std::fmt::Display for Thing {
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
    taken: HashMap<Thing, &'a Place>,
    told: HashSet<(std::mem::Discriminant<Thing>, *const Place, *const Place)>,
}

impl<'a> Register<'a> {
    fn take(&mut self, thing: Thing, place: &'a Place, findings: &mut Findings) -> bool {
        let Some(first) = self.taken.get(&thing) else {
            self.taken.insert(thing, place);
            return true;
        };
        let pair = (std::mem::discriminant(&thing), std::ptr::from_ref(*first), std::ptr::from_ref(place));
        if self.told.insert(pair) {
            findings.push(findings::given_twice(&thing.to_string(), place, first));
        }
        false
    }
}

/// Notes every name, UID and GID that is given twice, and every group that nobody has declared.
pub(super) fn note(claims: &[Claim], groups: &[Declared], findings: &mut Findings) {
    for claim in claims {
        for name in
            claim.entry.groups().iter().filter(|name| !groups.iter().any(|it| it.group.name == **name))
        {
            findings.push(findings::undeclared_group(name, &claim.groups));
        }
    }
    let mut register = Register::default();
    for Declared { group, name, gid } in groups {
        register.take(Thing::Name(group.name.clone()), name, findings);
        register.take(Thing::Gid(group.gid), gid, findings);
    }
    let shared: HashSet<u32> = groups.iter().map(|declared| declared.group.gid).collect();
    for claim in claims {
        for user in claim.entry.accounts() {
            register.take(Thing::Name(user.name), &claim.name, findings);
            let alone = register.take(Thing::Uid(user.uid), &claim.uid, findings);
            let joins_a_group = shared.contains(&user.gid) && chose_its_gid(claim);
            // A GID that follows from its UID is told with the UID.
            if (alone || chose_its_gid(claim)) && !joins_a_group {
                register.take(Thing::Gid(user.gid), &claim.gid, findings);
            }
        }
    }
}

fn chose_its_gid(claim: &Claim) -> bool {
    matches!(claim.entry, Entry::Single(_)) && claim.gid != claim.uid
}
