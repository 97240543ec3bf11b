//! The wording of what can be wrong with the files that a command reads and writes.

use crate::document::Finding;
use crate::failure::cause;

/// Advisories in a format that is not known, or of another release.
#[must_use]
pub fn unknown_advisories(name: &str, reason: &str) -> Finding {
    Finding::error(
        format!("{name} cannot be used as advisories: {reason}"),
        "name the JSON of Debian's security tracker, or OSV's advisories for the image's distribution, unpacked: one after \
         the other, or in a list",
    )
}

/// An image without a list of packages.
#[must_use]
pub fn no_packages(name: &str) -> Finding {
    Finding::error(
        format!("{name} has no dpkg packages"),
        "name a disk image with a Debian or an Ubuntu in it; `imagegen inspect` without --advisories says what is wrong with it",
    )
}

/// An image with vulnerabilities that are too bad.
#[must_use]
pub fn vulnerable(name: &str, count: usize, severity: &str) -> Finding {
    let apply =
        if count == 1 { "1 vulnerability applies".into() } else { format!("{count} vulnerabilities apply") };
    Finding::error(
        format!("{apply} to {name} whose severity is {severity} or worse"),
        "build the image again for those that are fixed; for the others, decide whether the risk is acceptable",
    )
}

/// A workshop file that is not there, or not text.
pub(super) fn unreadable_workshop(name: &str, error: &std::io::Error) -> Finding {
    Finding::error(
        format!("the workshop file {name} cannot be read: {}", cause(error)),
        "name another workshop file; without one there are 30 students",
    )
}

/// Two workshop files, of which either could be meant.
pub(super) fn two_workshop_files(names: [&str; 2]) -> Finding {
    Finding::error(
        format!("there are two workshop files here, {} and {}", names[0], names[1]),
        "remove one of them, or name one on the command line",
    )
}

/// A file that is to be made where there is no folder for it.
pub(super) fn no_folder_for(name: &str) -> Finding {
    Finding::error(
        format!("the folder of {name} does not exist"),
        "create it first, or name a file elsewhere",
    )
}

/// A file that must not be written over.
pub(super) fn file_is_there(name: &str) -> Finding {
    Finding::error(format!("{name} already exists"), "name another file, or remove this one")
}

/// A secrets file that must not be written over.
pub(super) fn secrets_are_there(name: &str) -> Finding {
    Finding::error(
        format!("the secrets file {name} already exists and is never overwritten"),
        "move it away first, or restore into another file by --secrets",
    )
}

/// A place where no file can be written.
pub(super) fn unwritable(name: &str, error: &std::io::Error) -> Finding {
    Finding::error(
        format!("{name} cannot be written: {}", cause(error)),
        "name a file in a folder with write permission",
    )
}

/// A text that others can read although it holds secrets.
pub(super) fn others_can_read(name: &str, mode: u32) -> Finding {
    Finding::warning(
        format!("others can read {name}: its file system does not keep permissions (its mode is {mode:o})"),
        "it holds secrets: move it to a file system that does, or remove it after use",
    )
}

/// Secrets of a hub whose workshop has another name than the one at hand.
pub(super) fn another_workshop(restored: &str, own: &str) -> Finding {
    Finding::warning(
        format!("the hub's workshop is `{restored}`, and yours here is `{own}`, which has other passwords"),
        format!("write `name: {restored}` in the workshop file before you print cards or texts"),
    )
}
