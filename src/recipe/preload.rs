//! The container images that a machine's image carries: made by a recipe, fetched from a registry, or from a file.

use super::inside::is_inside;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{Catalogue, container, findings};
use crate::document::{Fields, Finding, Node, Source};

/// Docker's own registry, which names without one are of.
const DOCKER_HUB: [&str; 2] = ["docker.io/", "index.docker.io/"];
/// Where Docker's registry keeps what has a name of one word.
const OFFICIAL: &str = "library/";
const DIGEST: &str = "sha256:";
/// How archives end that would have to be unpacked twice.
const COMPRESSED: [&str; 6] = [".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar.bz2", ".oci.gz"];
/// The longest tag (the grammar of `distribution/reference`).
const LONGEST_TAG: usize = 128;

/// One entry of `containers`; `Made` is what stands for a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preload<Made> {
    /// Made by a recipe with a section `container`.
    Made(Made),
    /// Fetched from a registry.
    Registry(Reference),
    /// A file, by its path in the folder of recipes.
    Archive(String),
}

/// An image of a registry, pinned by its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reference {
    /// Registry and repository as Docker writes them: without `docker.io` and its `library`.
    pub name: String,
    /// A tag that Docker is to show too. It decides nothing.
    pub tag: Option<String>,
    /// The digest of the manifest, or of the index of several platforms, with `sha256:`.
    pub digest: String,
}

impl Reference {
    /// Reads `registry.example.org/team/app:1.0@sha256:…`; none where it is written otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (named, digest) = text.split_once('@')?;
        let (name, tag) = split_tag(named);
        let sound = is_digest(digest) && is_name(name) && tag.is_none_or(is_tag);
        sound.then(|| Self {
            name: familiar(name).to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.to_owned(),
        })
    }

    /// What a registry is asked for: a tag beside a digest would say the same twice.
    #[must_use]
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.name, self.digest)
    }

    /// Registry and repository in full.
    #[must_use]
    pub fn repository(&self) -> String {
        match (registry(&self.name), self.name.contains('/')) {
            (Some(_), _) => self.name.clone(),
            (None, true) => format!("{}{}", DOCKER_HUB[0], self.name),
            (None, false) => format!("{}{OFFICIAL}{}", DOCKER_HUB[0], self.name),
        }
    }

    /// The registry alone.
    #[must_use]
    pub fn registry(&self) -> &str {
        registry(&self.name).unwrap_or("docker.io")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(formatter, "{}:{tag}@{}", self.name, self.digest),
            None => formatter.write_str(&self.pinned()),
        }
    }
}

/// Reads the list `containers`.
pub(super) fn read(
    catalogue: &Catalogue,
    source: &Arc<Source>,
    fields: &mut Fields<'_, '_>,
) -> Vec<Preload<String>> {
    let mut entries = vec![];
    for (text, node) in fields.texts("containers", "containers: [notebook]") {
        match entry(catalogue, source, text, node) {
            Ok(entry) => entries.push(entry),
            Err(finding) => fields.findings().push(finding),
        }
    }
    entries
}

fn entry(
    catalogue: &Catalogue,
    source: &Arc<Source>,
    text: &str,
    node: &Node,
) -> Result<Preload<String>, Finding> {
    if text.contains('@') {
        let reference = Reference::parse(text).map(Preload::Registry);
        return reference.ok_or_else(|| findings::not_a_reference(source, text, node));
    }
    if COMPRESSED.iter().any(|ending| text.ends_with(ending)) {
        return Err(findings::compressed_archive(source, text, node));
    }
    if text.ends_with(Catalogue::ARCHIVE) {
        let there = is_inside(text) && catalogue.has_archive(text);
        let archive = there.then(|| Preload::Archive(text.to_owned()));
        return archive.ok_or_else(|| findings::no_such_archive(source, text, node));
    }
    let known = catalogue.recipes();
    if known.contains(&text) {
        return Ok(Preload::Made(text.to_owned()));
    }
    Err(if text.contains(['/', ':', '.']) {
        findings::not_pinned(source, text, node)
    } else {
        findings::no_such_recipe(text, &known, Some((source, node)))
    })
}

/// A colon before the last slash is that of a port.
fn split_tag(named: &str) -> (&str, Option<&str>) {
    match named.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (named, None),
    }
}

/// The part before the first slash, where it can only be a host: it has a dot or a port, or is `localhost`.
fn registry(name: &str) -> Option<&str> {
    let (first, _) = name.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some(first)
}

fn familiar(name: &str) -> &str {
    let hub = DOCKER_HUB.iter().find_map(|registry| name.strip_prefix(registry));
    hub.map_or(name, |path| path.strip_prefix(OFFICIAL).unwrap_or(path))
}

/// Whether this is the name of an image, without tag and digest.
pub(crate) fn is_name(name: &str) -> bool {
    let Some(host) = registry(name) else { return container::is_repository(name) };
    let (host, port) = host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let path = name.split_once('/').map_or("", |(_, path)| path);
    host.split('.').all(is_label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && container::is_repository(path)
}

/// Whether this is a tag.
pub(crate) fn is_tag(tag: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= LONGEST_TAG
        && tag.starts_with(first)
        && tag.chars().all(|c| first(c) || c == '.' || c == '-')
}

/// Whether this is a digest, with `sha256:`.
pub(crate) fn is_digest(digest: &str) -> bool {
    digest.strip_prefix(DIGEST).is_some_and(|hex| {
        hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Chain;
    use super::*;

    const SHA: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn parsed(text: &str) -> Option<(String, Option<String>)> {
        Reference::parse(text).map(|reference| (reference.name, reference.tag))
    }

    #[test]
    fn references_are_named_as_docker_names_them() {
        for (written, name, tag) in [
            ("registry.example.org/team/app", "registry.example.org/team/app", None),
            ("localhost:5000/app:1.0", "localhost:5000/app", Some("1.0")),
            ("docker.io/library/nginx:1", "nginx", Some("1")),
            ("docker.io/team/app", "team/app", None),
            ("nginx", "nginx", None),
        ] {
            let parts = (name.to_owned(), tag.map(str::to_owned));
            assert_eq!(parsed(&format!("{written}@{SHA}")), Some(parts), "{written}");
        }
    }

    #[test]
    fn a_repository_in_full_begins_with_its_registry() {
        for (name, full) in [
            ("nginx", "docker.io/library/nginx"),
            ("team/app", "docker.io/team/app"),
            ("a.org/app", "a.org/app"),
        ] {
            assert_eq!(Reference::parse(&format!("{name}@{SHA}")).unwrap().repository(), full);
        }
    }

    #[test]
    fn what_is_no_reference_is_not_taken_for_one() {
        for wrong in ["Upper/app", "a//b", "app:", "registry.example.org:99999/app", "-x.org/a b", ""] {
            assert_eq!(parsed(&format!("{wrong}@{SHA}")), None, "{wrong}");
        }
        assert_eq!(parsed(&format!("app@{}", &SHA[..70])), None);
        assert_eq!(parsed(&format!("app@{}", SHA.to_uppercase())), None);
    }

    #[test]
    fn everything_wrong_with_the_list_is_told_at_once() {
        let text = format!(
            "version: 1\nsuite: trixie\ncontainers:\n  - registry.example.org/app:1.0\n  - app@sha256:12\n  - \
             gone.tar\n  - ../out.tar\n  - app.tar.gz\n  - notebok\n  - here.tar\n  - app@{SHA}\n"
        );
        let files = BTreeMap::from([("node.yaml".to_owned(), text.into_bytes())]);
        let catalogue = Catalogue::new("images", files).with_archives(["here.tar".to_owned()]);
        let findings = Chain::load(&catalogue, "node").unwrap_err();
        let told: Vec<String> =
            findings.iter().map(|finding| format!("{}\n  {}", finding.message, finding.remedy)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        `registry.example.org/app:1.0` can be another image tomorrow: it has no digest
          write `registry.example.org/app:1.0@sha256:…`; `skopeo inspect --format '{{.Digest}}' docker://registry.example.org/app:1.0` prints the digest
        `app@sha256:12` names no container image of a registry
          write it in small letters like `registry.example.org/team/app@sha256:…`, with 64 digits from 0 to f at the end
        the archive `gone.tar` is not there
          put it into the folder of recipes, and name it by its path there, like `archives/app.tar`
        the archive `../out.tar` is not there
          put it into the folder of recipes, and name it by its path there, like `archives/app.tar`
        the archive `app.tar.gz` is compressed as a whole
          unpack it (gunzip, xz -d, zstd -d), and name the file that ends in `.tar`
        there is no recipe `notebok`
          write `notebok.yaml`, or use one of these: node
        ");
    }
}
