//! YAML → lock, with every finding on the way.

use std::sync::Arc;

use super::{Lock, LockedPackage, LockedTree, findings};
use crate::document::{Document, Fields, Findings, Location, Node, Source};

const LAYER_KEYS: &[&str] = &["recipe", "suite", "epoch", "sources", "packages", "kernel"];
const PACKAGE_KEYS: &[&str] = &["name", "version", "architecture", "sha256", "bytes", "file", "required"];
/// Where an example has to stand for a hash.
const SHA256: &str = "sha256: 64 hexadecimal digits";

/// Reads the file of a lock.
///
/// # Errors
/// Every finding in it.
pub fn parse(source: Arc<Source>) -> Result<Lock, Findings> {
    let document = Document::parse(source)?;
    let mut findings = Findings::default();
    let mut fields =
        Fields::of(&document.source, "the lock", &document.root, &["version", "layers"], &mut findings);
    fields.expect_version();
    let items = fields.list("layers", "layers: […]").unwrap_or_default();
    let layers = layers(&document.source, items, &mut findings);
    findings.or_value(Lock { layers }).map(|(lock, _)| lock)
}

/// Reads the root trees of a lock; what is wrong goes to `findings`, which lists what was left out, too.
pub fn layers(source: &Arc<Source>, items: &[Node], findings: &mut Findings) -> Vec<LockedTree> {
    items.iter().filter_map(|item| layer(source, item, findings)).collect()
}

fn layer(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Option<LockedTree> {
    let mut fields = Fields::of(source, "layers", node, LAYER_KEYS, findings);
    fields.require(&LAYER_KEYS[..LAYER_KEYS.len() - 1], "KEY: VALUE");
    let recipe = fields.text("recipe", "recipe: base");
    let kernel = checked(&mut fields, source, "kernel", "kernel: linux-image-cloud-amd64", is_word);
    let suite = checked(&mut fields, source, "suite", "suite: trixie", is_word);
    let epoch = fields.int("epoch", 0..i64::MAX, "epoch: 1763000000");
    let sources = fields.texts("sources", "sources: [deb URL trixie main]");
    for (_, line) in sources.iter().filter(|(line, _)| !is_source(line)) {
        fields.findings().push(findings::malformed(
            source,
            line,
            "a line of sources.list",
            "deb URL trixie main",
        ));
    }
    let items = fields.list("packages", "packages: […]").unwrap_or_default();
    let packages = items.iter().filter_map(|item| package(source, item, findings)).collect();
    Some(LockedTree {
        recipe: recipe?.0.to_owned(),
        kernel,
        suite: suite?,
        epoch: u64::try_from(epoch?.0).ok()?,
        sources: sources.into_iter().map(|(line, _)| line.to_owned()).collect(),
        packages,
    })
}

fn package(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Option<LockedPackage> {
    let mut fields = Fields::of(source, "packages", node, PACKAGE_KEYS, findings);
    fields.require(&PACKAGE_KEYS[..PACKAGE_KEYS.len() - 1], "KEY: VALUE");
    let place = fields.get("name").map(|name| Location::of(source, name));
    let name = checked(&mut fields, source, "name", "name: libc6", is_word);
    let version = checked(&mut fields, source, "version", "version: \"2.41-12\"", is_word);
    let architecture = checked(&mut fields, source, "architecture", "architecture: amd64", is_word);
    let sha256 = checked(&mut fields, source, "sha256", SHA256, is_sha256);
    let bytes = fields.int("bytes", 1..i64::MAX, "bytes: 2800000");
    let file =
        checked(&mut fields, source, "file", "file: pool/main/g/glibc/libc6_2.41-12_amd64.deb", is_pool_file);
    let required = fields.flag("required", "required: true").unwrap_or(false);
    let (name, version, architecture) = (name?, version?, architecture?);
    let (sha256, bytes, file) = (sha256?, u64::try_from(bytes?.0).ok()?, file?);
    Some(LockedPackage { name, version, architecture, sha256, bytes, file, required, location: place })
}

/// What a key's value has to be, with its article.
fn described(key: &str) -> &str {
    match key {
        "kernel" => "a kernel package",
        "suite" => "a suite",
        "name" => "a package name",
        "version" => "a version",
        "architecture" => "an architecture",
        "sha256" => "a SHA-256",
        "file" => "a path",
        other => other,
    }
}

/// A text that has to have a certain form.
fn checked(
    fields: &mut Fields<'_, '_>,
    source: &Arc<Source>,
    key: &str,
    example: &str,
    is_sound: fn(&str) -> bool,
) -> Option<String> {
    let (text, node) = fields.text(key, example)?;
    if is_sound(text) {
        return Some(text.to_owned());
    }
    fields.findings().push(findings::malformed(source, node, described(key), example));
    None
}

/// What names, versions and architectures of packages and names of suites consist of (Debian policy, 5.6).
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.~:_/".contains(c))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn is_pool_file(text: &str) -> bool {
    text.split('/').all(|part| is_word(part) && part != "..") && text.strip_suffix(".deb").is_some()
}

fn is_source(line: &str) -> bool {
    super::locked::archive(line).is_some() && !line.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let text = "version: 1\nlayers:\n  - recipe: base\n    suite: trixie\n    epoch: soon\n    sources: [rpm here]\n    \
                    packages:\n      - {name: a, version: '1', architecture: all, sha256: abc, bytes: 1, file: ../a.deb}\n";
        let findings = parse(Source::new("lock.yaml", text)).expect_err("wrong");
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`epoch` takes a whole number, and this is text",
                "this is not a line of sources.list",
                "this is not a SHA-256",
                "this is not a path",
            ]
        );
    }
}
