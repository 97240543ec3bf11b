//! What machines get beside their part in the workshop: packages, files, keys, time zone and locale.

use crate::util::debug_only;
use std::sync::Arc;

use super::{FileReader, findings, zones};
use crate::document::{Fields, Findings, Node, Source};

pub(super) const KEYS: &[&str] = &["packages", "files"];
pub(super) const HUB_KEYS: &[&str] = &["packages", "files", "notebooks"];
pub(super) const FILE_KEYS: &[&str] = &["path", "content", "from", "mode"];
const FILE: &str = "files: [{path: /etc/motd, content: Welcome}]";

/// What a machine gets beside its part in the workshop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Debian packages.
    pub packages: Vec<String>,
    /// Files.
    pub files: Vec<ExtraFile>,
}

/// A file of the organiser's own.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraFile {
    /// Where it goes.
    pub path: String,
    /// What is in it.
    pub content: String,
    /// Its permission bits in octal, like `0644`.
    pub mode: String,
}

debug_only!(ExtraFile { path, mode });

/// Reads the section `node`.
pub(super) fn read_node(
    source: &Arc<Source>,
    node: &Node,
    reader: FileReader<'_>,
    findings: &mut Findings,
) -> Extras {
    extras(source, &mut Fields::of(source, "node", node, KEYS, findings), reader)
}

/// Reads the section `hub`; gives beside it the place where it says that the hub carries notebooks, if it does.
pub(super) fn read_hub<'a>(
    source: &'a Arc<Source>,
    node: &'a Node,
    reader: FileReader<'_>,
    findings: &mut Findings,
) -> (Extras, Option<&'a Node>) {
    let mut fields = Fields::of(source, "hub", node, HUB_KEYS, findings);
    let carries = fields.flag("notebooks", "notebooks: true").unwrap_or(false);
    let place = fields.get("notebooks").filter(|_| carries);
    (extras(source, &mut fields, reader), place)
}

fn extras(source: &Arc<Source>, fields: &mut Fields<'_, '_>, reader: FileReader<'_>) -> Extras {
    let mut extras = Extras::default();
    for (name, node) in fields.texts("packages", "packages: [r-base-core]") {
        if !is_package(name) {
            fields.findings().push(findings::not_a_package(source, name, node));
        }
        extras.packages.push(name.to_owned());
    }
    let mut seen: Vec<(&str, &Node)> = vec![];
    for item in fields.list("files", FILE).unwrap_or_default() {
        let mut file = Fields::of(source, "files", item, FILE_KEYS, fields.findings());
        let Some((path, node)) = file.text("path", FILE) else {
            file.require(&["path"], FILE);
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == path) {
            file.findings().push(findings::file_twice(source, node, first));
        }
        seen.push((path, node));
        extras.files.extend(extra_file(source, path, node, &mut file, reader));
    }
    extras
}

fn extra_file(
    source: &Arc<Source>,
    path: &str,
    node: &Node,
    file: &mut Fields<'_, '_>,
    reader: FileReader<'_>,
) -> Option<ExtraFile> {
    if !is_file_path(path) {
        file.findings().push(findings::not_a_file_path(source, path, node));
    }
    let mode = file.text("mode", "mode: \"0755\"").map_or("0644", |(text, node)| {
        if !is_mode(text) {
            file.findings().push(findings::not_a_mode(source, text, node));
        }
        text
    });
    let (content, from) = (file.text("content", FILE), file.text("from", "from: motd.txt"));
    let content = match (content, from) {
        (Some((text, _)), None) => text.to_owned(),
        (None, Some((name, node))) => match reader(name) {
            Ok(text) => text.text.clone(),
            Err(reason) => {
                file.findings().push(findings::unreadable_part(source, name, &reason, node));
                return None;
            }
        },
        _ => {
            file.findings().push(findings::content_or_from(source, node));
            return None;
        }
    };
    Some(ExtraFile { path: path.to_owned(), content, mode: mode.to_owned() })
}

/// Debian policy 5.6.7, with the version or architecture that apt takes after it.
fn is_package(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:=~".contains(c))
}

/// Any absolute path of printable ASCII, outside of what imagegen writes itself.
fn is_file_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.ends_with('/')
        && path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..")
        && is_printable(path)
        && !is_our_own(path)
}

/// What imagegen writes has its name somewhere in the path, but for Docker's options and the locale.
fn is_our_own(path: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric();
    ["/etc/docker/daemon.json", "/etc/default/locale"].contains(&path)
        || path.split(|letter| !is_word(letter)).any(|word| word == "imagegen")
}

/// Three octal digits, with a fourth before them for the special bits. Without quotes YAML would make a number of it.
fn is_mode(text: &str) -> bool {
    (3..=4).contains(&text.len()) && text.chars().all(|c| ('0'..='7').contains(&c))
}

/// The keys that may log in. The administrator is the only one who can, and only with them.
pub(super) fn ssh_keys(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Vec<String> {
    let mut keys = vec![];
    for (text, node) in fields.texts("admin_ssh_keys", "admin_ssh_keys: [ssh-ed25519 AAAA… ada@laptop]") {
        if !is_public_key(text) {
            fields.findings().push(findings::not_a_public_key(source, text, node));
        }
        keys.push(text.to_owned());
    }
    keys
}

/// A line of `authorized_keys` without options: kind, base64, comment (sshd(8)).
fn is_public_key(text: &str) -> bool {
    let mut words = text.splitn(3, ' ');
    let kind = words.next().unwrap_or_default();
    let body = words.next().unwrap_or_default();
    let kinds = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    kinds.contains(&kind)
        && body.len() >= 40
        && body.starts_with("AAAA")
        && body.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
        && is_printable(text)
}

/// Only plain ASCII passes through every cloud unharmed, and a line's end would begin another entry.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A name of the time zone database, as far as machines have it.
pub(super) fn timezone(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Option<String> {
    let (text, node) = fields.text("timezone", "timezone: Europe/Zurich")?;
    if let Some(fault) = zones::fault(text) {
        fields.findings().push(findings::not_a_timezone(source, text, fault, node));
    }
    Some(text.to_owned())
}

/// A locale in UTF-8, like glibc's: language, country, encoding.
pub(super) fn locale(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Option<String> {
    let (text, node) = fields.text("locale", "locale: de_CH.UTF-8")?;
    if !is_locale(text) {
        fields.findings().push(findings::not_a_locale(source, text, node));
    }
    Some(text.to_owned())
}

fn is_locale(text: &str) -> bool {
    let Some((place, "UTF-8")) = text.split_once('.') else { return false };
    let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>, is: fn(&char) -> bool| {
        lengths.contains(&part.len()) && part.chars().all(|c| is(&c))
    };
    place == "C"
        || place.split_once('_').is_some_and(|(language, country)| {
            letters(language, 2..=3, char::is_ascii_lowercase)
                && letters(country, 2..=2, char::is_ascii_uppercase)
        })
}
