//! The rules as data, for the script that applies them inside a machine (userdata/provision/hygiene.py).

use serde::Serialize;

use super::{EMPTY, FIRST_LOGIN_UID, FORBIDDEN, LOCKED, NOT_LOGIN, PathPattern, RULES, SHADOWED};

/// What the script has to know.
#[derive(Debug, Serialize)]
pub struct Rules {
    dropped: Vec<&'static PathPattern>,
    empty: &'static [&'static str],
    forbidden: Vec<&'static str>,
    locked: [char; 2],
    shadowed: &'static str,
    first_login_uid: u32,
    not_login: &'static [&'static str],
}

/// All rules.
#[must_use]
pub fn rules() -> Rules {
    Rules {
        dropped: RULES.iter().flat_map(|rule| rule.places).collect(),
        empty: EMPTY,
        forbidden: FORBIDDEN.iter().map(|(path, _)| *path).collect(),
        locked: LOCKED,
        shadowed: SHADOWED,
        first_login_uid: FIRST_LOGIN_UID,
        not_login: NOT_LOGIN,
    }
}
