//! The users of a workshop: ranges, single ones and a roster → accounts without a clash.

use super::parsed_users::{PEOPLE, ParsedGroup, ParsedUser, check_full_name, check_id, check_name};
use std::ops::Range;
use std::sync::Arc;

use super::{
    AccountEntry, FileReader, Group, PasswordHash, User, UserRange, Users, conflicts, findings, roster,
};
use crate::document::{Fields, Findings, Location, Node, Source, Value};

pub(super) const ENTRY_KEYS: &[&str] =
    &["range", "csv", "name", "uid", "gid", "full_name", "groups", "admin", "password_hash"];
pub(super) const RANGE_KEYS: &[&str] = &["prefix", "first", "count", "width", "uid", "groups"];
pub(super) const GROUP_KEYS: &[&str] = &["name", "gid"];
const SINGLE: &str = "{name: ada, uid: 1815}";
const RANGE: &str = "range: {prefix: training, first: 1, count: 30, width: 2, uid: 2001}";
const GROUP: &str = "{name: course-a, gid: 3000}";

/// UIDs and GIDs of imagegen's own accounts: Debian gives the range around them out by name and never to people (policy
/// 9.2.2), systemd has nothing in it, and `PEOPLE` ends before.
pub const OWN_IDS: Range<u32> = 60_900..61_000;
/// The UID of the administrator, and the GID of the administrator's group.
pub const ADMIN_ID: u32 = OWN_IDS.start;
const _: () = assert!(PEOPLE.end <= OWN_IDS.start as i64, "what users can have ends before our own");

/// Reads the lists of users and groups.
pub(super) fn read(
    source: &Arc<Source>,
    list: Option<&Node>,
    groups: Option<&Node>,
    reader: FileReader<'_>,
    findings: &mut Findings,
) -> Users {
    let groups = groups.map(|node| read_groups(source, node, findings)).unwrap_or_default();
    let mut claims = vec![];
    for item in list.map(|list| items(source, "users", list, SINGLE, findings)).unwrap_or_default() {
        claims.extend(entry(source, item, reader, findings));
    }
    if let Some(list) = list.filter(|list| list.value == Value::List(vec![])) {
        findings.push(findings::no_users(source, list));
    }
    conflicts::note(&claims, &groups, findings);
    Users {
        entries: claims.into_iter().map(|claim| claim.entry).collect(),
        groups: groups.into_iter().map(|declared| declared.group).collect(),
    }
}

fn items<'a>(
    source: &Arc<Source>,
    key: &str,
    list: &'a Node,
    example: &str,
    findings: &mut Findings,
) -> &'a [Node] {
    if let Value::List(items) = &list.value {
        return items;
    }
    findings.push(crate::document::findings::wrong_kind(source, key, list, "a list", example));
    &[]
}

fn read_groups(source: &Arc<Source>, list: &Node, findings: &mut Findings) -> Vec<ParsedGroup> {
    let mut groups = vec![];
    for item in items(source, "groups", list, GROUP, findings) {
        let mut fields = Fields::of(source, "groups", item, GROUP_KEYS, findings);
        let (name, gid) = (fields.text("name", GROUP), id(source, "GID", "gid", &mut fields));
        fields.require(GROUP_KEYS, GROUP);
        if let Some((name, node)) = name {
            check_name("group", name, &Location::of(source, node), fields.findings());
        }
        if let (Some((name, name_node)), Some((gid, gid_node))) = (name, gid) {
            groups.push(ParsedGroup {
                group: Group { name: name.to_owned(), gid },
                name: Location::of(source, name_node),
                gid: Location::of(source, gid_node),
            });
        }
    }
    groups
}

fn entry(
    source: &Arc<Source>,
    item: &Node,
    reader: FileReader<'_>,
    findings: &mut Findings,
) -> Vec<ParsedUser> {
    let mut fields = Fields::of(source, "users", item, ENTRY_KEYS, findings);
    for whole in ["range", "csv"] {
        if fields.get(whole).is_some() {
            note_what_is_beside(source, item, whole, fields.findings());
        }
    }
    if let Some(node) = fields.get("range") {
        return range(source, node, findings).into_iter().collect();
    }
    match fields.text("csv", "csv: roster.csv") {
        Some((name, node)) => match reader(name) {
            Ok(roster) => roster::read(&roster, findings),
            Err(reason) => {
                findings.push(findings::unreadable_part(source, name, &reason, node));
                vec![]
            }
        },
        None => single(source, item, &mut fields).into_iter().collect(),
    }
}

/// A range and a roster say all of their users; what stands beside them would be for nobody.
fn note_what_is_beside(source: &Arc<Source>, item: &Node, whole: &str, findings: &mut Findings) {
    let Value::Map(entries) = &item.value else { return };
    for (key, _) in
        entries.iter().filter(|(key, _)| key.name != whole && ENTRY_KEYS.contains(&key.name.as_str()))
    {
        findings.push(findings::beside_many_users(source, key, whole));
    }
}

fn single(source: &Arc<Source>, item: &Node, fields: &mut Fields<'_, '_>) -> Option<ParsedUser> {
    let name = fields.text("name", SINGLE);
    let uid = id(source, "UID", "uid", fields);
    let gid = id(source, "GID", "gid", fields);
    fields.require(&["name", "uid"], SINGLE);
    let full_name = fields.text("full_name", "full_name: Ada Lovelace").map(|(text, node)| {
        check_full_name(text, &Location::of(source, node), fields.findings());
        text.to_owned()
    });
    let groups = fields.texts("groups", "groups: [course-a]").into_iter().map(|(text, _)| text.to_owned());
    let groups: Vec<String> = groups.collect();
    let admin = fields.flag("admin", "admin: true").unwrap_or(false);
    let password_hash = password_hash(source, fields);
    let (name, name_node) = name?;
    check_name("user", name, &Location::of(source, name_node), fields.findings());
    let (uid, uid_node) = uid?;
    let (gid, gid_node) = gid.unwrap_or((uid, uid_node));
    let full_name = full_name.filter(|text| !text.is_empty());
    Some(ParsedUser {
        entry: AccountEntry::Single(User {
            name: name.to_owned(),
            uid,
            gid,
            full_name,
            groups,
            admin,
            password_hash,
        }),
        name: Location::of(source, name_node),
        uid: Location::of(source, uid_node),
        gid: Location::of(source, gid_node),
        groups: Location::of(source, fields.get("groups").unwrap_or(item)),
    })
}

fn id<'a>(
    source: &Arc<Source>,
    what: &str,
    key: &str,
    fields: &mut Fields<'a, '_>,
) -> Option<(u32, &'a Node)> {
    let (id, node) = fields.int(key, i64::MIN..i64::MAX, &format!("{key}: 2001"))?;
    let id = check_id(what, id, &Location::of(source, node), fields.findings())?;
    Some((id, node))
}

/// A hash as mkpasswd(1) prints it. Those that a graphics card opens in an afternoon are refused.
fn password_hash(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Option<PasswordHash> {
    let (hash, node) = fields.text("password_hash", "password_hash: $y$j9T$…")?;
    let strong =
        ["$y$", "$gy$", "$7$", "$6$", "$5$", "$2b$", "$2y$"].iter().any(|kind| hash.starts_with(kind));
    let plain = hash.chars().all(|c| c.is_ascii_alphanumeric() || "$./=,+".contains(c));
    if !strong || !plain || hash.len() < 20 {
        fields.findings().push(findings::not_a_password_hash(source, node));
    }
    Some(PasswordHash(hash.to_owned()))
}

fn range(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Option<ParsedUser> {
    let mut fields = Fields::of(source, "range", node, RANGE_KEYS, findings);
    let prefix = fields.text("prefix", RANGE);
    let first = fields.int("first", 0..1_000_000, RANGE).map_or(1, |(first, _)| first);
    let count = fields.int("count", 1..PEOPLE.end - PEOPLE.start + 1, RANGE);
    let width = fields.int("width", 1..10, RANGE).map_or(2, |(width, _)| width);
    let uid = fields.int("uid", i64::MIN..i64::MAX, RANGE);
    let groups = fields.texts("groups", "groups: [course-a]");
    fields.require(&["prefix", "count", "uid"], RANGE);
    let ((prefix, prefix_node), (count, _), (uid, uid_node)) = (prefix?, count?, uid?);
    let location = Location::of(source, uid_node);
    for id in [uid, uid.saturating_add(count - 1)] {
        check_id("UID", id, &location, fields.findings())?;
    }
    let range = UserRange {
        prefix: prefix.to_owned(),
        first: u32::try_from(first).ok()?,
        count: u32::try_from(count).ok()?,
        width: usize::try_from(width).ok()?,
        uid: u32::try_from(uid).ok()?,
        groups: groups.into_iter().map(|(text, _)| text.to_owned()).collect(),
    };
    let name = Location::of(source, prefix_node);
    check_name("user", &range.name(range.count - 1), &name, fields.findings());
    let groups = Location::of(source, fields.get("groups").unwrap_or(node));
    Some(ParsedUser { entry: AccountEntry::Range(range), name, uid: location.clone(), gid: location, groups })
}
