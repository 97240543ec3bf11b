//! The UID table as instances get it; `images/base/usr/lib/imagegen/users.py` reads it. Full names are not in it: nothing on
//! a machine shows them.

use sha2::{Digest, Sha256};

use super::pack;
use crate::failure::Result;
use crate::workshop::{AccountEntry, Group, User, UserRange, Users};

/// How single users are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A line each.
    Lines,
    /// As many as possible in one line, first all numbers and then all names: that takes a fifth off the compressed table.
    Dense,
    /// That, as LZMA in base85, below a line that says so.
    Packed,
}

/// The first line of a packed table.
const PACKED: &str = "lzma base85\n";
/// The most bytes that a packed table may unpack to.
const LARGEST: u64 = 1 << 24;

/// The table of some users.
pub(super) fn render(users: &Users, style: Style) -> Result<String> {
    let lines = lines(users, style);
    if style != Style::Packed {
        return Ok(lines);
    }
    Ok(format!("{PACKED}{}\n", pack::base85(&pack::lzma(lines.as_bytes())?)))
}

/// SHA-256 of what a table says, in hexadecimal, as `images/base/usr/lib/imagegen/hub/exchange.py` works it out of any style.
pub(super) fn digest(users: &Users) -> String {
    let mut lines: Vec<String> =
        users.accounts().map(|user| format!("{}:{}:{}\n", user.uid, user.gid, user.name)).collect();
    lines.extend(users.groups.iter().filter_map(|group| {
        let members = users.accounts().filter(|user| user.groups.contains(&group.name));
        let members: Vec<String> = members.map(|user| user.name).collect();
        (!members.is_empty()).then(|| format!("@{}:{}:{}\n", group.gid, group.name, members.join(",")))
    }));
    lines.sort();
    crate::util::hex(&Sha256::digest(lines.concat()))
}

/// A line for each declared group, and then for each user or range, in the order of their UIDs.
fn lines(users: &Users, style: Style) -> String {
    let mut entries: Vec<&AccountEntry> = users.entries.iter().collect();
    entries.sort_by_key(|entry| first_uid(entry));
    let mut table: String = users.groups.iter().map(|group| group_line(group, users)).collect();
    let dense = |entry: &&AccountEntry| style != Style::Lines && is_plain(entry);
    table.extend(entries.iter().filter(|entry| !dense(entry)).map(|entry| match entry {
        AccountEntry::Single(user) => single_line(user),
        AccountEntry::Range(range) => format!("{}\t{}\n", range.uid, braces(range)),
    }));
    table + &dense_lines(entries.into_iter().filter(dense))
}

/// Whether a user is nothing but a name and a number.
fn is_plain(entry: &AccountEntry) -> bool {
    matches!(entry, AccountEntry::Single(user) if user.gid == user.uid)
}

/// The digits of a step from one UID to the next, which has two.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// `+1000`, `000`, `057`, `ada bob eve`: the first UID, the high and the low digits of the steps from each UID to the next,
/// and the names. High digits are nearly all the same, which compresses well. A user beyond the largest step begins another
/// line.
fn dense_lines<'a>(entries: impl Iterator<Item = &'a AccountEntry>) -> String {
    let mut lines: Vec<DenseLine<'_>> = vec![];
    for entry in entries {
        let AccountEntry::Single(user) = entry else { continue };
        if !lines.last_mut().is_some_and(|line| line.takes(user)) {
            let mut line = DenseLine::beginning_at(user.uid);
            line.takes(user);
            lines.push(line);
        }
    }
    lines.iter().map(DenseLine::text).collect()
}

/// Users without anything but a name and a UID, in the order of their UIDs.
struct DenseLine<'a> {
    first: u32,
    last: u32,
    high: String,
    low: String,
    names: Vec<&'a str>,
}

impl<'a> DenseLine<'a> {
    fn beginning_at(uid: u32) -> Self {
        Self { first: uid, last: uid, high: String::new(), low: String::new(), names: vec![] }
    }

    /// Whether the user is near enough to be in it.
    fn takes(&mut self, user: &'a User) -> bool {
        let step = (user.uid - self.last) as usize;
        let (Some(high), low) = (DIGITS.get(step / 64), DIGITS[step % 64]) else { return false };
        self.high.push(char::from(*high));
        self.low.push(char::from(low));
        self.names.push(&user.name);
        self.last = user.uid;
        true
    }

    fn text(&self) -> String {
        format!("+{}\t{}\t{}\t{}\n", self.first, self.high, self.low, self.names.join(" "))
    }
}

/// The table with a line for each user who stands in a dense one, in the order of their UIDs as where all have a line, so
/// that two tables can be compared.
pub(super) fn in_lines(table: &str) -> String {
    let unpacked = table.strip_prefix(PACKED).and_then(unpacked);
    let mut lines = vec![];
    for line in unpacked.as_deref().unwrap_or(table).lines() {
        match line.strip_prefix('+').map(|line| line.split('\t').collect::<Vec<_>>()).as_deref() {
            Some([first, high, low, names]) => lines.extend(of_dense(first, [high, low], names)),
            _ => lines.push(format!("{line}\n")),
        }
    }
    // Groups come first, in their own order.
    lines.sort_by_key(|line| if line.starts_with('@') { 0 } else { uid_of(line) });
    lines.concat()
}

fn unpacked(body: &str) -> Option<String> {
    String::from_utf8(pack::from_lzma(&pack::from_base85(body)?, LARGEST).ok()?).ok()
}

fn of_dense<'a>(first: &str, steps: [&'a str; 2], names: &'a str) -> impl Iterator<Item = String> + 'a {
    let digit = |letter: u8| {
        DIGITS.iter().position(|it| *it == letter).and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
    };
    let mut uid: u32 = first.parse().unwrap_or(0);
    let steps = steps[0].bytes().zip(steps[1].bytes());
    steps.zip(names.split(' ')).map(move |((high, low), name)| {
        uid = uid.saturating_add(64 * digit(high) + digit(low));
        format!("{uid}\t{name}\n")
    })
}

/// The number that a line begins with.
fn uid_of(line: &str) -> u32 {
    let digits = line.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(u32::MAX)
}

fn first_uid(entry: &AccountEntry) -> u32 {
    match entry {
        AccountEntry::Single(user) => user.uid,
        AccountEntry::Range(range) => range.uid,
    }
}

fn single_line(user: &User) -> String {
    let gid = if user.gid == user.uid { String::new() } else { format!(":{}", user.gid) };
    format!("{}{gid}\t{}\n", user.uid, user.name)
}

/// `training{01..30}`, as a shell has it.
fn braces(range: &UserRange) -> String {
    let (first, last) = (range.first, range.first + range.count - 1);
    let width = range.width;
    format!("{}{{{first:0width$}..{last:0width$}}}", range.prefix)
}

fn group_line(group: &Group, users: &Users) -> String {
    let members =
        users.entries.iter().filter(|entry| entry.groups().contains(&group.name)).map(|entry| match entry {
            AccountEntry::Single(user) => user.name.clone(),
            AccountEntry::Range(range) => braces(range),
        });
    format!("@{}\t{}\t{}\n", group.gid, group.name, members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_come_in_the_order_of_their_uids_and_ranges_are_one_line() {
        let mut users = Users::usual();
        let ada = User {
            gid: 3000,
            full_name: Some("Ada Lovelace".into()),
            groups: vec!["course".into()],
            ..User::plain("ada".into(), 1815)
        };
        users.entries.push(AccountEntry::Single(ada));
        users.groups.push(Group { name: "course".into(), gid: 3000 });
        assert_eq!(
            render(&users, Style::Lines).expect("a table"),
            "@3000\tcourse\tada\n1815:3000\tada\n2001\ttraining{01..30}\n"
        );
    }

    #[test]
    fn the_digest_is_the_one_of_the_hubs_program() {
        let member = |user: User| User { groups: vec!["course".into()], ..user };
        let ada = member(User { gid: 3000, ..User::plain("ada".into(), 1815) });
        let range = UserRange {
            prefix: "s".into(),
            first: 1,
            count: 2,
            width: 1,
            uid: 2001,
            groups: vec!["course".into()],
        };
        let bob = User::plain("bob".into(), 1900);
        let groups =
            vec![Group { name: "course".into(), gid: 3000 }, Group { name: "empty".into(), gid: 3001 }];
        let entries = vec![AccountEntry::Single(ada), AccountEntry::Single(bob), AccountEntry::Range(range)];
        // tests/guest/test_users.py has the same table and digest.
        assert_eq!(
            digest(&Users { entries, groups }),
            "417cf692338b2f2688333f7fcebcfd47142d24b35b8d251497bb9c211ce5fd50"
        );
    }

    #[test]
    fn dense_tables_count_up_and_say_the_same() {
        let single = |uid: u32| AccountEntry::Single(User::plain(format!("u{uid}"), uid));
        let users = Users { entries: vec![single(2014), single(2000), single(2007)], groups: vec![] };
        let dense = lines(&users, Style::Dense);
        assert_eq!(dense, "+2000\t000\t077\tu2000 u2007 u2014\n");
        assert_eq!(in_lines(&dense), lines(&users, Style::Lines));
    }

    #[test]
    fn both_forms_of_a_table_are_the_same_in_lines_whoever_is_in_it() {
        let named = |uid: u32| {
            let user = User::plain(format!("u{uid}"), uid);
            AccountEntry::Single(User { full_name: Some("Ada Lovelace".into()), ..user })
        };
        let single = |uid: u32| AccountEntry::Single(User::plain(format!("u{uid}"), uid));
        let mut users = Users::usual();
        users.entries.extend([named(1500), single(1501), named(2600), single(2500)]);
        users.groups = vec![Group { name: "b".into(), gid: 3001 }, Group { name: "a".into(), gid: 3000 }];
        let [lines, dense, packed] = [Style::Lines, Style::Dense, Style::Packed]
            .map(|style| in_lines(&render(&users, style).expect("a table")));
        assert_eq!((&lines, &lines), (&dense, &packed));
        assert_eq!(in_lines("+4294967295\t00\t05\tada bob\n"), "4294967295\tada\n4294967295\tbob\n");
    }
}
