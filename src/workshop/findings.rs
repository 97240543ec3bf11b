//! The wording of what can be wrong with a workshop.

use std::ops::Range;
use std::sync::Arc;

use crate::document::{Finding, Node, Source};

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
    Finding::error(format!("there is no engine `{name}`"), "write `engine: swarm`").at(
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
pub fn impossible_name(source: &Arc<Source>, name: &str, span: Range<usize>) -> Finding {
    Finding::error(
        format!("`{name}` is impossible as a user name"),
        "use up to 32 lower-case letters, digits, `-` and `_`, a letter first",
    )
    .at(source, span, "not a user name")
}

/// A name that the system keeps for itself.
#[must_use]
pub fn reserved_name(source: &Arc<Source>, name: &str, span: Range<usize>) -> Finding {
    Finding::error(
        format!("the user name `{name}` is reserved"),
        "choose another one; Debian or a package of the images has an account or a group of this name",
    )
    .at(source, span, "reserved")
}

/// An id outside the range for people.
#[must_use]
pub fn reserved_id(source: &Arc<Source>, what: &str, id: i64, span: Range<usize>) -> Finding {
    Finding::error(
        format!("{what} {id} is not for people"),
        "choose one from 1000 to 59999; Debian keeps 0 to 999 and 60000 to 65535 for the system",
    )
    .at(source, span, "reserved")
}

/// Something that two users have both.
#[must_use]
pub fn given_twice(what: &str, source: &Arc<Source>, again: Range<usize>, first: Range<usize>) -> Finding {
    let finding = Finding::error(
        format!("{what} is given twice"),
        "give each user a name, a UID and a GID of their own",
    );
    if again == first {
        return finding.at(source, again, "both within this range");
    }
    finding.at(source, again, "given again here").at(source, first, "first given here")
}

/// A name with a character that `/etc/passwd` uses for itself, or none of a person's name.
#[must_use]
pub fn impossible_full_name(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "this cannot stand in the account table as a full name",
        "leave out colons, commas, tabs, line breaks and other control characters",
    )
    .at(source, node.span.clone(), "not possible")
}

/// Text that is no size in Docker's notation.
#[must_use]
pub fn not_a_size(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::error(format!("`{text}` is no size"), "write it like `10m`: a number and `k`, `m` or `g`").at(
        source,
        node.span.clone(),
        "not a size",
    )
}

/// Text that is no address of a registry.
#[must_use]
pub fn not_a_mirror(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{text}` is no address of a registry mirror"),
        "write it like `https://mirror.example.org`",
    )
    .at(source, node.span.clone(), "not a URL of a host")
}

/// Text that is no network.
#[must_use]
pub fn not_a_network(source: &Arc<Source>, text: &str, node: &Node, remedy: &str) -> Finding {
    Finding::error(format!("`{text}` is no network"), remedy).at(source, node.span.clone(), "not a network")
}

/// An address that no hub can have.
#[must_use]
pub fn not_a_hub_address(source: &Arc<Source>, span: Range<usize>, reason: &str, remedy: &str) -> Finding {
    Finding::error(format!("the hub cannot have this address: {reason}"), remedy).at(source, span, reason)
}

/// A workshop file that is not there, or no text.
#[must_use]
pub fn unreadable(name: &str, error: &std::io::Error) -> Finding {
    Finding::error(
        format!("the workshop file {name} cannot be read: {}", error.kind()),
        "name another one by --workshop; without any there are 30 students",
    )
}

/// Secrets that are not what imagegen wrote. Nothing of the file is shown.
#[must_use]
pub fn damaged_secrets(name: &str, reason: &str) -> Finding {
    Finding::error(
        format!("the secrets file {name} is damaged: {reason}"),
        "restore it from a copy; or remove it, and start all machines of the workshop anew with new user-data",
    )
}

/// Secrets that others can read.
#[must_use]
pub fn open_secrets(name: &str, mode: u32) -> Finding {
    Finding::error(
        format!("others can read the secrets file {name} (its mode is {mode:o})"),
        format!("chmod 600 {name}"),
    )
}

/// A text that does not fit into Horizon's box.
#[must_use]
pub fn too_large_for_horizon(what: &str, bytes: usize) -> Finding {
    Finding::warning(
        format!(
            "the user-data of the {what} has {bytes} bytes, and the box of Horizon before 2025.2 takes 16383"
        ),
        "launch by Nova's API or a newer Horizon, which take 49149 bytes; or use fewer users",
    )
}
