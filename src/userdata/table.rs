//! The UID table as instances get it; `images/base/usr/lib/imagegen/users.py` reads it. Full names are not in it: nothing on
//! a machine shows them.

use super::pack;
use crate::failure::Result;
use crate::workshop::{Entry, Group, User, UserRange, Users};

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

/// A line for each declared group, and then for each user or range, in the order of their UIDs.
fn lines(users: &Users, style: Style) -> String {
    let mut entries: Vec<&Entry> = users.entries.iter().collect();
    entries.sort_by_key(|entry| first_uid(entry));
    let mut table: String = users.groups.iter().map(|group| group_line(group, users)).collect();
    let dense = |entry: &&Entry| style != Style::Lines && is_plain(entry);
    table.extend(entries.iter().filter(|entry| !dense(entry)).map(|entry| match entry {
        Entry::Single(user) => single_line(user),
        Entry::Range(range) => format!("{}\t{}\n", range.uid, braces(range)),
    }));
    table + &dense_line(entries.into_iter().filter(dense))
}

/// Whether a user is nothing but a name and a number.
fn is_plain(entry: &Entry) -> bool {
    matches!(entry, Entry::Single(user) if user.gid == user.uid)
}

/// `+1000 5 7`, `ada bob eve`: each number is the distance from the UID before.
fn dense_line<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let mut before = 0;
    let mut steps = vec![];
    let mut names = vec![];
    for entry in entries {
        let Entry::Single(user) = entry else { continue };
        steps.push((user.uid - before).to_string());
        names.push(user.name.as_str());
        before = user.uid;
    }
    if names.is_empty() { String::new() } else { format!("+{}\t{}\n", steps.join(" "), names.join(" ")) }
}

/// The table with a line for each user who stands in a dense one, in the order of their UIDs as where all have a line, so
/// that two tables can be compared.
pub(super) fn in_lines(table: &str) -> String {
    let unpacked = table.strip_prefix(PACKED).and_then(unpacked);
    let mut lines = vec![];
    for line in unpacked.as_deref().unwrap_or(table).lines() {
        match line.strip_prefix('+').and_then(|line| line.split_once('\t')) {
            Some((steps, names)) => lines.extend(of_dense(steps, names)),
            None => lines.push(format!("{line}\n")),
        }
    }
    // Groups come first, in their own order.
    lines.sort_by_key(|line| if line.starts_with('@') { 0 } else { uid_of(line) });
    lines.concat()
}

fn unpacked(body: &str) -> Option<String> {
    String::from_utf8(pack::from_lzma(&pack::from_base85(body)?, LARGEST).ok()?).ok()
}

fn of_dense<'a>(steps: &'a str, names: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut uid = 0_u32;
    steps.split(' ').zip(names.split(' ')).map(move |(step, name)| {
        uid = uid.saturating_add(step.parse().unwrap_or(0));
        format!("{uid}\t{name}\n")
    })
}

/// The number that a line begins with.
fn uid_of(line: &str) -> u32 {
    let digits = line.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(u32::MAX)
}

fn first_uid(entry: &Entry) -> u32 {
    match entry {
        Entry::Single(user) => user.uid,
        Entry::Range(range) => range.uid,
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
            Entry::Single(user) => user.name.clone(),
            Entry::Range(range) => braces(range),
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
        users.entries.push(Entry::Single(ada));
        users.groups.push(Group { name: "course".into(), gid: 3000 });
        assert_eq!(
            render(&users, Style::Lines).expect("a table"),
            "@3000\tcourse\tada\n1815:3000\tada\n2001\ttraining{01..30}\n"
        );
    }

    #[test]
    fn dense_tables_count_up_and_say_the_same() {
        let single = |uid: u32| Entry::Single(User::plain(format!("u{uid}"), uid));
        let users = Users { entries: vec![single(2014), single(2000), single(2007)], groups: vec![] };
        let dense = lines(&users, Style::Dense);
        assert_eq!(dense, "+2000 7 7\tu2000 u2007 u2014\n");
        assert_eq!(in_lines(&dense), lines(&users, Style::Lines));
    }

    #[test]
    fn both_forms_of_a_table_are_the_same_in_lines_whoever_is_in_it() {
        let named = |uid: u32| {
            let user = User::plain(format!("u{uid}"), uid);
            Entry::Single(User { full_name: Some("Ada Lovelace".into()), ..user })
        };
        let single = |uid: u32| Entry::Single(User::plain(format!("u{uid}"), uid));
        let mut users = Users::usual();
        users.entries.extend([named(1500), single(1501), named(2600), single(2500)]);
        users.groups = vec![Group { name: "b".into(), gid: 3001 }, Group { name: "a".into(), gid: 3000 }];
        let [lines, dense, packed] = [Style::Lines, Style::Dense, Style::Packed]
            .map(|style| in_lines(&render(&users, style).expect("a table")));
        assert_eq!((&lines, &lines), (&dense, &packed));
        assert_eq!(in_lines("+4294967295 5\tada bob\n"), "4294967295\tada\n4294967295\tbob\n");
    }
}
