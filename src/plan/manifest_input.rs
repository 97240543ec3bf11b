//! What a manifest says that its image was made from.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::lock::{self, Lock};
use crate::document::{Document, Finding, Findings, Node, Source, Value};
use crate::recipe::Chain;

/// What `imagegen verify` has to know of an image.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestInput {
    /// The recipe's name.
    pub image: String,
    /// The program that made it, with its version.
    built_with: String,
    /// The digest of the chain of recipes.
    recipe_sha256: String,
    /// The image's file.
    pub file: ManifestFile,
    /// The container images in it.
    #[serde(default, rename = "preloaded_images")]
    pub carries: Vec<ManifestContainer>,
    /// The cloud image that it was made from, where it was.
    #[serde(default)]
    base: Option<serde_json::Value>,
    /// The packages; read on its own, so that a finding can point to a line of it.
    #[serde(skip)]
    pub lock: Lock,
}

/// The file of an image.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestFile {
    /// Its name.
    pub name: String,
    /// `qcow2` or `oci-archive`.
    pub format: String,
}

/// A container image in an image.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestContainer {
    /// The digest of its chain of recipes, where one made it.
    recipe: Option<String>,
    recipe_sha256: Option<String>,
    /// The SHA-256 of the archive that the user brought.
    pub archive_sha256: Option<String>,
}

impl ManifestInput {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Findings> {
        let document = Document::parse(Arc::clone(source))?;
        let mut claim: Self =
            serde_json::from_str(&source.text).map_err(|error| no_manifest(source, &error.to_string()))?;
        if std::path::Path::new(&claim.file.name).file_name() != Some(claim.file.name.as_ref()) {
            return Err(no_manifest(source, "the name of its file contains a directory").into());
        }
        let mut findings = Findings::default();
        let layers = get(&document.root, "lock").and_then(|lock| get(lock, "layers"));
        let Some(Node { value: Value::List(items), .. }) = layers else {
            return Err(no_manifest(source, "it has no lock").into());
        };
        claim.lock.layers = lock::layers(source, items, &mut findings);
        findings.or_value(claim).map(|(claim, _)| claim)
    }

    /// What is in the way of rebuilding it from `chain`: other recipes are errors, another version of imagegen is not.
    #[must_use]
    pub fn check(&self, chain: &Chain, version: &str) -> Findings {
        let mut findings = Findings::default();
        if self.built_with != version {
            findings.push(other_version(&self.built_with, version));
        }
        if self.base.is_some() {
            findings.push(from_cloud_image(&self.image));
        }
        if chain.digest() != self.recipe_sha256 {
            findings.push(other_recipes(&self.image));
        }
        for carried in &self.carries {
            let chain = chain.made_containers().find(|it| Some(&it.top().name) == carried.recipe.as_ref());
            if let (Some(name), Some(digest)) = (&carried.recipe, &carried.recipe_sha256)
                && chain.is_none_or(|chain| chain.digest() != *digest)
            {
                findings.push(other_recipes(name));
            }
        }
        findings
    }

    /// Whether the archives at hand, by their SHA-256, are those that the image carries.
    #[must_use]
    pub fn check_archives<'a>(&'a self, at_hand: impl Iterator<Item = &'a str>) -> Findings {
        let claimed = self.carries.iter().filter_map(|carried| carried.archive_sha256.as_deref());
        let claimed: BTreeSet<&str> = claimed.collect();
        let at_hand = at_hand.collect();
        let mut findings = Findings::default();
        claimed.difference(&at_hand).for_each(|sha256| findings.push(missing_archive(sha256)));
        at_hand.difference(&claimed).for_each(|sha256| findings.push(foreign_archive(sha256)));
        findings
    }
}

fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(name, _)| name.name == key).map(|(_, node)| node)
}

fn no_manifest(source: &Arc<Source>, reason: &str) -> Finding {
    Finding::error(
        format!("an image cannot be rebuilt from the manifest {}: {reason}", source.name),
        "give the image together with the NAME.manifest.json that was built with it",
    )
}

/// A manifest that is not there.
#[must_use]
pub fn no_such_manifest(path: &str, reason: &str) -> Finding {
    Finding::error(
        format!("the image's manifest {path} cannot be read: {reason}"),
        "put the NAME.manifest.json that was built with the image beside it",
    )
}

fn other_recipes(name: &str) -> Finding {
    Finding::error(
        format!("the recipe `{name}`, or one below it, differs from the one that the image was built from"),
        "name the folder of its recipes by --recipes, or use the version of imagegen that built it",
    )
}

fn from_cloud_image(name: &str) -> Finding {
    Finding::error(
        format!("{name} was made from a cloud image, in a running machine: its bytes differ each time"),
        "compare its manifest and its SBOM instead",
    )
}

fn other_version(then: &str, now: &str) -> Finding {
    Finding::warning(
        format!("the image was built with {then}, but this is {now}"),
        "use that version if there are differences",
    )
}

fn missing_archive(sha256: &str) -> Finding {
    Finding::error(
        format!("the image contains a container image whose archive is missing, SHA-256 {sha256}"),
        "name that archive by --notebook-image, or put it where the recipe says",
    )
}

fn foreign_archive(sha256: &str) -> Finding {
    Finding::error(
        format!("the image does not contain the archive with the SHA-256 {sha256}"),
        "leave out --notebook-image, or take the archive that was there when the image was built",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::lock::tests::lock;
    use crate::recipe::Catalogue;

    fn manifest(recipe_sha256: &str) -> Arc<Source> {
        let value = serde_json::json!({
            "format": 1, "image": "node", "built_with": "imagegen 0.0.9", "recipe_sha256": recipe_sha256,
            "file": { "name": "node.qcow2", "format": "qcow2" }, "lock": lock(),
        });
        Source::new("node.manifest.json", serde_json::to_string_pretty(&value).expect("JSON"))
    }

    #[test]
    fn a_manifest_gives_back_its_lock() {
        let manifest = ManifestInput::parse(&manifest("0")).expect("sound");
        assert_eq!(manifest.lock.to_string(), lock().to_string());
    }

    #[test]
    fn an_image_is_compared_with_nothing_but_what_is_rebuilt() {
        for name in ["/srv/dist/node.qcow2", "../node.qcow2", "..", ""] {
            let text = manifest("0").text.replace("node.qcow2", name);
            assert!(ManifestInput::parse(&Source::new("node.manifest.json", text)).is_err(), "{name}");
        }
    }

    #[test]
    fn other_recipes_are_an_error_and_another_version_is_not() {
        let files = [("node.yaml".to_owned(), b"version: 1\nsuite: trixie\npackages: [libc6]\n".to_vec())];
        let chain = Chain::load(&Catalogue::new("images", files.into()), "node").expect("sound");
        let same = ManifestInput::parse(&manifest(&chain.digest())).expect("sound");
        let found = same.check(&chain, "imagegen 0.1.0");
        assert!(!found.is_empty() && !found.has_errors());
        let other = ManifestInput::parse(&manifest("0")).expect("sound");
        assert!(other.check(&chain, "imagegen 0.0.9").has_errors());
        assert!(same.check_archives(["a"].into_iter()).has_errors());
        assert!(same.check_archives(std::iter::empty()).is_empty());
    }

    #[test]
    fn what_a_machine_made_of_a_cloud_image_cannot_be_made_again() {
        let files = [("node.yaml".to_owned(), b"version: 1\nfrom: debian-13\n".to_vec())];
        let chain = Chain::load(&Catalogue::new("images", files.into()), "node").expect("sound");
        let mut manifest = ManifestInput::parse(&manifest(&chain.digest())).expect("sound");
        assert!(!manifest.check(&chain, "imagegen 0.0.9").has_errors());
        manifest.base = Some(serde_json::json!({ "url": "https://example.org/a.qcow2" }));
        assert!(manifest.check(&chain, "imagegen 0.0.9").has_errors());
    }

    #[test]
    fn what_is_no_manifest_is_said_so() {
        for text in ["{}", "[1]", "{\"image\": \"node\"}"] {
            assert!(ManifestInput::parse(&Source::new("x.json", text)).is_err(), "{text}");
        }
    }
}
