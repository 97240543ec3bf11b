//! The users of a workshop: ranges and single ones → accounts without a clash.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{User, findings, names};
use crate::document::{Fields, Findings, Node, Source, Value};

const ENTRY_KEYS: &[&str] = &["range", "name", "uid", "gid", "full_name"];
const RANGE_KEYS: &[&str] = &["prefix", "first", "count", "width", "uid"];
const SINGLE: &str = "{name: ada, uid: 1815}";
const RANGE: &str = "range: {prefix: training, first: 1, count: 30, width: 2, uid: 2001}";
/// UIDs and GIDs of people on Debian (policy 9.2.2).
const PEOPLE: Range<i64> = 1000..60_000;
/// More would fit no user-data.
const LARGEST_RANGE: i64 = 5000;

/// A user and where each part of it was written.
struct Claim {
    user: User,
    name: Range<usize>,
    uid: Range<usize>,
    gid: Range<usize>,
}

/// Reads the list of users.
pub(super) fn read(source: &Arc<Source>, list: &Node, findings: &mut Findings) -> Vec<User> {
    let Value::List(items) = &list.value else {
        findings.push(crate::document::findings::wrong_kind(source, "users", list, "a list", SINGLE));
        return vec![];
    };
    if items.is_empty() {
        findings.push(findings::no_users(source, list));
    }
    let mut claims = vec![];
    for item in items {
        claims.extend(entry(source, item, findings));
    }
    note_clashes(source, &claims, findings);
    claims.into_iter().map(|claim| claim.user).collect()
}

fn entry(source: &Arc<Source>, item: &Node, findings: &mut Findings) -> Vec<Claim> {
    let mut fields = Fields::of(source, "users", item, ENTRY_KEYS, findings);
    match fields.get("range") {
        Some(node) => range(source, node, findings),
        None => single(source, &mut fields).into_iter().collect(),
    }
}

fn single(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Option<Claim> {
    let name = fields.text("name", SINGLE);
    let uid = id(source, "UID", "uid", fields);
    let gid = id(source, "GID", "gid", fields);
    let full_name = fields.text("full_name", "full_name: Ada Lovelace");
    if fields.get("name").is_none() {
        fields.missing("name", "name: ada");
    }
    if fields.get("uid").is_none() {
        fields.missing("uid", "uid: 1815");
    }
    if let Some((_, node)) =
        full_name.filter(|(text, _)| text.contains([':', ',']) || text.contains(char::is_control))
    {
        fields.findings().push(findings::impossible_full_name(source, node));
    }
    let (name, name_node) = name?;
    check_name(source, name, &name_node.span, fields.findings());
    let (uid, uid_span) = uid?;
    let (gid, gid_span) = gid.unwrap_or((uid, uid_span.clone()));
    let full_name = full_name.map(|(text, _)| text.to_owned());
    Some(Claim {
        user: User { name: name.to_owned(), uid, gid, full_name },
        name: name_node.span.clone(),
        uid: uid_span,
        gid: gid_span,
    })
}

fn id(
    source: &Arc<Source>,
    what: &str,
    key: &str,
    fields: &mut Fields<'_, '_>,
) -> Option<(u32, Range<usize>)> {
    let (id, node) = fields.int(key, i64::MIN..i64::MAX, &format!("{key}: 2001"))?;
    if !PEOPLE.contains(&id) {
        fields.findings().push(findings::reserved_id(source, what, id, node.span.clone()));
        return None;
    }
    Some((u32::try_from(id).ok()?, node.span.clone()))
}

fn range(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Vec<Claim> {
    let mut fields = Fields::of(source, "range", node, RANGE_KEYS, findings);
    let prefix = fields.text("prefix", RANGE);
    let first = fields.int("first", 0..1_000_000, RANGE).map_or(1, |(first, _)| first);
    let count = fields.int("count", 1..LARGEST_RANGE + 1, RANGE);
    let width = fields.int("width", 1..10, RANGE).map_or(2, |(width, _)| width);
    let uid = fields.int("uid", i64::MIN..i64::MAX, RANGE);
    for key in
        ["prefix", "count", "uid"].into_iter().filter(|key| fields.get(key).is_none()).collect::<Vec<_>>()
    {
        fields.missing(key, RANGE);
    }
    let (Some((prefix, prefix_node)), Some((count, _)), Some((uid, uid_node))) = (prefix, count, uid) else {
        return vec![];
    };
    if let Some(outside) = [uid, uid + count - 1].into_iter().find(|uid| !PEOPLE.contains(uid)) {
        findings.push(findings::reserved_id(source, "UID", outside, uid_node.span.clone()));
        return vec![];
    }
    let width = usize::try_from(width).unwrap_or(1);
    let last = format!("{prefix}{:0width$}", first + count - 1);
    check_name(source, &last, &prefix_node.span, findings);
    (0..count)
        .filter_map(|offset| {
            let id = u32::try_from(uid + offset).ok()?;
            let name = format!("{prefix}{:0width$}", first + offset);
            Some(Claim {
                user: User { name, uid: id, gid: id, full_name: None },
                name: prefix_node.span.clone(),
                uid: uid_node.span.clone(),
                gid: uid_node.span.clone(),
            })
        })
        .collect()
}

fn check_name(source: &Arc<Source>, name: &str, span: &Range<usize>, findings: &mut Findings) {
    if !names::is_possible(name) {
        findings.push(findings::impossible_name(source, name, span.clone()));
    } else if names::is_reserved(name) {
        findings.push(findings::reserved_name(source, name, span.clone()));
    }
}

/// Each name, UID and GID belongs to one user. Of two ranges that overlap, the first clash of a kind is told.
fn note_clashes(source: &Arc<Source>, claims: &[Claim], findings: &mut Findings) {
    let mut told = vec![];
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    for claim in claims {
        let things = [
            ("name", format!("the name `{}`", claim.user.name), &claim.name),
            ("UID", format!("UID {}", claim.user.uid), &claim.uid),
            ("GID", format!("GID {}", claim.user.gid), &claim.gid),
        ];
        for (kind, what, span) in things {
            let Some(first) = seen.get(&what).cloned() else {
                seen.insert(what, span.clone());
                continue;
            };
            // A GID that follows from its UID is told with the UID.
            let follows = kind == "GID" && span == &claim.uid;
            let again = (kind, span.clone(), first.clone());
            if !follows && !told.contains(&again) {
                findings.push(findings::given_twice(&what, source, span.clone(), first));
                told.push(again);
            }
        }
    }
}
