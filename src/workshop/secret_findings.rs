//! The wording of what can be wrong with secrets. Nothing of a secret is ever shown.

use time::Date;

use crate::document::Finding;

/// What brings lost secrets back.
const RESTORE: &str =
    "`imagegen restore-secrets FILE`, where FILE is what `imagegen hub` printed for the running hub";

/// A file that does not contain what imagegen wrote.
#[must_use]
pub fn damaged_secrets(name: &str, reason: &str) -> Finding {
    Finding::error(
        format!("the secrets file {name} is damaged: {reason}"),
        format!(
            "restore it from a copy; or remove it and run {RESTORE}; without either, launch all machines again with \
             new user-data"
        ),
    )
}

/// A command that needs secrets, and must not make new ones.
#[must_use]
pub fn no_secrets(name: &str) -> Finding {
    Finding::error(
        format!("there is no secrets file {name}, and the passwords are derived from it"),
        format!(
            "run `imagegen hub` first, which makes it; if the hub is running already, restore it by {RESTORE}"
        ),
    )
}

/// Secrets of an earlier imagegen, by a command that must not change them.
#[must_use]
pub fn no_authority() -> Finding {
    Finding::error(
        "the secrets file has no authority for the page's certificate: it was made by an earlier imagegen",
        "run `imagegen hub`, which adds one, and launch the hub with the new text; nodes may keep theirs",
    )
}

/// A certificate of the page that is not for the future.
#[must_use]
pub fn page_ends(name: &str, last: Date, today: Date) -> Finding {
    let ends = if last < today { "ended" } else { "ends" };
    Finding::warning(
        format!("the page's certificate {ends} on {last}"),
        format!(
            "if the hub is to run for longer, write `page_since: {today}` in {name}, print the hub's text again, and \
             launch the hub with it; nodes need no new text, and cards get a new fingerprint"
        ),
    )
}

/// A certificate of the page that is only for the future.
#[must_use]
pub fn page_not_valid_yet(name: &str, first: Date, today: Date) -> Finding {
    Finding::warning(
        format!("the page's certificate is valid from {first} on, and this machine's clock says {today}"),
        format!("set the clock right, or write another day as `page_since` in {name}"),
    )
}

/// A comparison with a text whose secrets are not there.
#[must_use]
pub fn no_secrets_to_compare(name: &str) -> Finding {
    Finding::warning(
        format!("there is no secrets file {name}, so that all secrets appear as changed"),
        format!("restore it by {RESTORE}"),
    )
}

/// Secrets that the user may not read, as after a run with sudo.
#[must_use]
pub fn secrets_of_another_user(name: &str) -> Finding {
    Finding::error(
        format!("you may not read the secrets file {name}: it belongs to another user"),
        format!(
            "make it yours with `sudo chown \"$USER\" {}`, or name another file by --secrets",
            quoted(name)
        ),
    )
}

/// Secrets that others can read.
#[must_use]
pub fn open_secrets(name: &str, mode: u32) -> Finding {
    Finding::error(
        format!("others can read the secrets file {name} (its mode is {mode:o})"),
        format!("chmod 600 {}", quoted(name)),
    )
}

/// Secrets that others can read, where `chmod` changes nothing.
#[must_use]
pub fn open_secrets_for_good(name: &str, mode: u32) -> Finding {
    Finding::error(
        format!(
            "others can read the secrets file {name}: its file system does not keep permissions (the mode stays {mode:o})"
        ),
        format!(
            "copy it to one that does, and name the copy: `install -m 600 {} ~/workshop.secrets.yaml`, then `--secrets \
             ~/workshop.secrets.yaml` with each command",
            quoted(name)
        ),
    )
}

/// Secrets that are to be made where everybody could read them.
#[must_use]
pub fn no_place_for_secrets(name: &str, mode: u32) -> Finding {
    Finding::error(
        format!(
            "others could read the secrets file {name}: its file system does not keep permissions (a new file has mode \
             {mode:o})"
        ),
        "name a file on one that does, with each command: `--secrets ~/workshop.secrets.yaml`",
    )
}

/// A text to restore from that is a node's.
#[must_use]
pub fn text_of_a_node(name: &str) -> Finding {
    Finding::error(
        format!("{name} is the user-data of a node, and nodes do not hold the workshop's secrets"),
        "name the hub's: what `imagegen hub` printed, or /var/lib/cloud/instance/user-data.txt on the hub",
    )
}

/// A text to restore from that does not contain the secrets, or not whole.
#[must_use]
pub fn nothing_to_restore(name: &str, reason: &str) -> Finding {
    Finding::error(
        format!("no secrets can be restored from {name}: {reason}"),
        "name a file with the whole text that `imagegen hub` printed, or with the user-data that the cloud shows for the hub",
    )
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    shlex::try_quote(path).map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned)
}
