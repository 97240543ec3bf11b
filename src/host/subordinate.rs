//! The subordinate ids that let a user build without being root, as /etc/subuid and /etc/subgid have them: lines of
//! name, first id and number of ids (subuid(5)).

use std::ops::Range;

use super::shell::quote;
use crate::failure::MissingPrerequisite;

/// How many ids a Debian system needs: up to `nobody`, 65534.
const NEEDED: u64 = 65_536;
/// Where they begin on Debian (`SUB_UID_MIN` in login.defs(5)); below are the ids of accounts.
const LOWEST: u64 = 100_000;
/// The largest 32-bit number is not an id: system calls take it for none.
const END: u64 = 0xffff_ffff;

/// One of the two files.
struct SubidTable<'a> {
    file: &'static str,
    /// The option of usermod that adds a line to it.
    option: &'static str,
    text: &'a str,
}

/// What the user `name` lacks by the texts of both files.
pub(super) fn missing(name: &str, of_users: &str, of_groups: &str) -> Vec<MissingPrerequisite> {
    let tables = [
        SubidTable { file: "/etc/subuid", option: "--add-subuids", text: of_users },
        SubidTable { file: "/etc/subgid", option: "--add-subgids", text: of_groups },
    ];
    let free = free_ids(&tables);
    tables.iter().filter_map(|table| missing_in(table, name, free)).collect()
}

fn missing_in(table: &SubidTable<'_>, name: &str, free: Option<u64>) -> Option<MissingPrerequisite> {
    let SubidTable { file, option, text } = table;
    let line = first_line(text, name);
    if line.is_some_and(|(_, ids)| ids >= NEEDED) {
        return None;
    }
    let what = format!("{NEEDED} subordinate ids for {name} in {file}, to build without being root");
    let (what, remedy) = match (line, free) {
        (_, None) => (what, format!("take out of {file} what nobody needs any more")),
        (None, Some(first)) => {
            (what, format!("sudo usermod {option} {first}-{} {}", first + NEEDED - 1, quote(name)))
        }
        (Some((number, ids)), Some(first)) => (
            format!("{what} (the first line for {name}, which alone counts, has {ids})"),
            format!("sudo sed -i '{number}s/:.*/:{first}:{NEEDED}/' {file}"),
        ),
    };
    Some(MissingPrerequisite { what, remedy })
}

/// The number of the user's first line, and how many ids it has: mmdebstrap reads no further one.
fn first_line(text: &str, name: &str) -> Option<(usize, u64)> {
    (1..).zip(text.lines()).find_map(|(number, line)| {
        let (user, rest) = line.split_once(':')?;
        (user == name).then(|| (number, ids(rest).map_or(0, |ids| ids.end - ids.start)))
    })
}

/// Where ids begin that nobody has in either of the tables: above all others, or where these go up to the end, in the
/// highest gap. usermod itself does not look, and users with the same ids could change each other's files.
fn free_ids(tables: &[SubidTable<'_>]) -> Option<u64> {
    let lines = tables.iter().flat_map(|table| table.text.lines());
    let taken: Vec<_> = lines.filter_map(|line| ids(line.split_once(':')?.1)).collect();
    let is_free = |first: &u64| {
        let end = first + NEEDED;
        end <= END && taken.iter().all(|ids| ids.end <= *first || end <= ids.start)
    };
    let starts = taken.iter().map(|ids| ids.end.max(LOWEST)).chain([LOWEST]);
    starts.filter(is_free).max()
}

/// The ids of a line behind its name.
fn ids(rest: &str) -> Option<Range<u64>> {
    let (first, number) = rest.split_once(':')?;
    let (first, number): (u32, u32) = (first.trim().parse().ok()?, number.trim().parse().ok()?);
    let first = u64::from(first);
    Some(first..first + u64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedies(of_users: &str, of_groups: &str) -> Vec<String> {
        missing("bob", of_users, of_groups).into_iter().map(|shortage| shortage.remedy).collect()
    }

    #[test]
    fn a_user_with_enough_ids_in_both_files_lacks_nothing() {
        assert_eq!(missing("bob", "ada:100000:65536\nbob:165536:65536\n", "bob:100000:100000"), []);
    }

    #[test]
    fn nobody_is_told_to_take_the_ids_of_another_user() {
        assert_eq!(
            remedies("ada:100000:65536\n", "ada:100000:65536\neve:300000:65536\n"),
            ["sudo usermod --add-subuids 365536-431071 bob", "sudo usermod --add-subgids 365536-431071 bob"]
        );
        assert_eq!(
            remedies("ada:100000:65536\n", "bob:165536:65536\n"),
            ["sudo usermod --add-subuids 231072-296607 bob"]
        );
    }

    #[test]
    fn the_first_user_gets_what_debian_would_give() {
        let [uids, gids] =
            ["uids", "gids"].map(|ids| format!("sudo usermod --add-sub{ids} 100000-165535 bob"));
        assert_eq!(remedies("", "ada:1000:1\nnot a line\n"), [uids, gids]);
    }

    #[test]
    fn ids_up_to_the_end_leave_the_gap_below_them() {
        let end = "containers:2147483647:2147483648\n";
        let remedy = |text: &str| remedies(text, "bob:0:65536").remove(0);
        assert_eq!(remedy(end), "sudo usermod --add-subuids 100000-165535 bob");
        assert_eq!(
            remedy(&format!("{end}ada:100000:65536\n")),
            "sudo usermod --add-subuids 165536-231071 bob"
        );
        assert_eq!(remedy("root:0:4294967295\n"), "take out of /etc/subuid what nobody needs any more");
    }

    #[test]
    fn a_first_line_that_is_too_short_is_to_be_replaced() {
        let text = "ada:100000:65536\n\nbob:165536:1000\nbob:200000:65536\n";
        let [shortage] = &missing("bob", text, "bob:100000:65536")[..] else { panic!("one is short") };
        assert!(shortage.what.ends_with("(the first line for bob, which alone counts, has 1000)"));
        assert_eq!(shortage.remedy, "sudo sed -i '3s/:.*/:265536:65536/' /etc/subuid");
        assert_eq!(remedies("bob:many\n", text).len(), 2, "a line that cannot be read has none");
    }
}
