//! The wording of what can be wrong with a workshop.

use std::ops::Range;
use std::sync::Arc;

use crate::document::findings::instead;
use crate::document::{Finding, Location, MapKey, Node, Source};

pub use super::engine_findings::*;
pub use super::notebook_findings::*;
pub use super::option_findings::*;

/// A name that cannot be part of a host name.
#[must_use]
pub fn not_a_workshop_name(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{name}` cannot be the name of a workshop"),
        "use up to 40 lower-case letters, digits and hyphens, a letter first, like `galaxy-2026`",
    )
    .at(source, node.span.clone(), "not a name")
}

/// An engine that is not there.
#[must_use]
pub fn unknown_engine(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    Finding::error(format!("there is no engine `{name}`"), "write `engine: swarm` or `engine: classic`").at(
        source,
        node.span.clone(),
        "not an engine",
    )
}

/// A list without anybody in it.
#[must_use]
pub fn no_users(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "the workshop has no users",
        "add `- range: {prefix: training, first: 1, count: 30, width: 2, uid: 2001}`, or remove `users`",
    )
    .at(source, node.span.clone(), "nobody")
}

/// A name that no Linux account can have.
#[must_use]
pub fn impossible_name(what: &str, name: &str, location: &Location) -> Finding {
    Finding::error(
        format!("`{name}` is impossible as a {what} name"),
        "use up to 32 lower-case letters, digits, `-`, `_` and `.`, a letter or a digit first, and not only digits",
    )
    .at_place(location, format!("not a {what} name"))
}

/// A name that the system keeps for itself.
#[must_use]
pub fn reserved_name(what: &str, name: &str, location: &Location) -> Finding {
    Finding::error(
        format!("the {what} name `{name}` is reserved"),
        "choose another one; Debian or a package of the images has an account or a group of this name",
    )
    .at_place(location, "reserved")
}

/// An id outside the range for people.
#[must_use]
pub fn reserved_id(what: &str, id: i64, location: &Location) -> Finding {
    Finding::error(
        format!("{what} {id} is not for people"),
        "choose one from 1000 to 59999; Debian keeps 0 to 999 and 60000 to 65535 for the system, and imagegen has its \
         own accounts from 60900 to 60999",
    )
    .at_place(location, "reserved")
}

/// Something that two users have both.
#[must_use]
pub fn given_twice(what: &str, again: &Location, first: &Location) -> Finding {
    let finding = Finding::error(
        format!("{what} is given twice"),
        if what.starts_with("GID") {
            "give each user a GID of their own, or declare the group that they share under `groups`"
        } else {
            "give each user and each group a name and a number of their own"
        },
    );
    if again == first {
        return finding.at_place(again, "both here");
    }
    finding.at_place(again, "given again here").at_place(first, "first given here")
}

/// A group of a user that nobody has declared.
#[must_use]
pub fn undeclared_group(name: &str, location: &Location) -> Finding {
    Finding::error(
        format!("there is no group `{name}`"),
        format!(
            "declare it, so that its GID is the same everywhere: `groups: [{{name: {name}, gid: 3000}}]`"
        ),
    )
    .at_place(location, "not declared")
}

/// A name with a character that `/etc/passwd` uses for itself, or none of a person's name.
#[must_use]
pub fn impossible_full_name(location: &Location) -> Finding {
    Finding::error(
        "this cannot stand in the account table as a full name",
        "leave out colons, commas, tabs, line breaks and other control characters",
    )
    .at_place(location, "not possible")
}

/// Text that is no hash of crypt(5), or a weak one. It is not shown in the message.
#[must_use]
pub fn not_a_password_hash(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "this is not a usable password hash",
        "paste what `mkpasswd --method=yescrypt` prints; weak kinds such as MD5 and DES are refused",
    )
    .at(source, node.span.start..node.span.start, "begins here")
}

/// A file that the workshop names cannot be had.
#[must_use]
pub fn unreadable_part(source: &Arc<Source>, name: &str, reason: &str, node: &Node) -> Finding {
    Finding::error(
        format!("the file `{name}` cannot be read: {reason}"),
        "name a text file in UTF-8, by its path from the folder of the workshop file",
    )
    .at(source, node.span.clone(), "named here")
}

/// A key of a single user in an entry of many.
#[must_use]
pub fn beside_many_users(source: &Arc<Source>, key: &MapKey, whole: &str) -> Finding {
    let inside =
        if whole == "csv" { "give the roster a column for it" } else { "put `groups` into the range" };
    Finding::error(
        format!("`{}` beside `{whole}` would apply to no user", key.name),
        format!("make it an entry of its own, or {inside}"),
    )
    .at(source, key.span.clone(), "not used")
}

/// A roster without one of the columns that it needs.
#[must_use]
pub fn roster_lacks_column(source: &Arc<Source>, name: &str, header: Range<usize>) -> Finding {
    Finding::error(
        format!("the roster has no column `{name}`"),
        "begin the file with a line like `name,uid,full_name`",
    )
    .at(source, header, "these are the columns")
}

/// A column that means nothing.
#[must_use]
pub fn unknown_column(source: &Arc<Source>, name: &str, span: Range<usize>, known: &[&str]) -> Finding {
    Finding::error(format!("unknown column `{name}`"), instead(name, known, "columns"))
        .at(source, span, "unknown")
}

/// A column that another one before it has the name of.
#[must_use]
pub fn column_twice(source: &Arc<Source>, name: &str, span: Range<usize>) -> Finding {
    Finding::error(format!("there are two columns `{name}`"), "remove one of them").at(
        source,
        span,
        "the second",
    )
}

/// A roster with a first line and nothing below it.
#[must_use]
pub fn empty_roster(source: &Arc<Source>) -> Finding {
    let text = source.text.trim_end();
    let marked = text.len() - text.trim_start_matches('\u{feff}').len();
    let last = text.rfind('\n').map_or(marked, |end| end + 1);
    Finding::error("the roster has no users", "add a row for each user below the first line").at(
        source,
        last..text.len(),
        "nobody below this line",
    )
}

/// A row with more cells than there are columns.
#[must_use]
pub fn row_too_long(location: &Location, columns: usize) -> Finding {
    Finding::error(
        format!("this row has more than {columns} cells"),
        "put a cell with a separator in it between double quotes",
    )
    .at_place(location, "too long")
}

/// A row without a cell that it needs.
#[must_use]
pub fn row_lacks(location: &Location, column: &str) -> Finding {
    Finding::error(format!("this row has no `{column}`"), "fill in the cell, or remove the row")
        .at_place(location, "something is missing")
}

/// A cell that should be a number.
#[must_use]
pub fn not_a_number(location: &Location, column: &str, text: &str) -> Finding {
    Finding::error(format!("`{text}` is not a whole number for `{column}`"), "write a whole number")
        .at_place(location, "not a number")
}

/// A cell that should be yes or no.
#[must_use]
pub fn not_yes_or_no(location: &Location, text: &str) -> Finding {
    Finding::error(format!("`{text}` is neither yes nor no"), "write `yes`, `no`, or nothing")
        .at_place(location, "yes or no?")
}

/// Text that is not a size in Docker's notation.
#[must_use]
pub fn not_a_size(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::error(format!("`{text}` is not a size"), "write it like `10m`: a number and `k`, `m` or `g`").at(
        source,
        node.span.clone(),
        "not a size",
    )
}

/// Text that is no address of a registry.
#[must_use]
pub fn not_a_mirror(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{text}` is not the address of a registry mirror"),
        "write it like `https://mirror.example.org`",
    )
    .at(source, node.span.clone(), "not a URL of a host")
}

/// Text that is not a network.
#[must_use]
pub fn not_a_network(source: &Arc<Source>, text: &str, node: &Node, remedy: &str) -> Finding {
    Finding::error(format!("`{text}` is not a network"), remedy).at(
        source,
        node.span.clone(),
        "not a network",
    )
}

/// An address that no hub can have.
#[must_use]
pub fn not_a_hub_address(location: &Location, reason: &str, remedy: &str) -> Finding {
    Finding::error(format!("the hub cannot have this address: {reason}"), remedy).at_place(location, reason)
}

/// Neither command line nor file say where the hub is.
#[must_use]
pub fn no_hub_address() -> Finding {
    Finding::error(
        "nodes need the hub's address",
        "add `--hub-ip 10.0.0.5`, or write `network: {hub_ip: 10.0.0.5}` in the workshop file",
    )
}

/// A volume over `/home` of an image that has users of its own there.
#[must_use]
pub fn volume_hides_local_homes() -> Finding {
    Finding::error(
        "on a stock image a volume at /home would hide the home of the image's own user",
        "put the homes elsewhere: `homes: {export: /srv/homes, volume: …}`",
    )
}

/// A UID that the login user of a cloud image has.
#[must_use]
pub fn uid_of_the_images_user(name: &str) -> Finding {
    Finding::warning(
        format!("{name} has UID or GID 1000, which most cloud images give to their own user"),
        "give UIDs from 2001; on such an image no accounts would be made",
    )
}

/// Cards without an address on them.
#[must_use]
pub fn no_address_for_cards() -> Finding {
    Finding::error(
        "cards need the address that students type",
        "add `--address jupyter.example.org`, or write `network: {hub_name: jupyter.example.org}` in the workshop file",
    )
}
