//! The container images in a root file system, and what is known of their contents.

use super::inventory::Inventory;
use crate::inspect::Package;

/// A container image that is in a root file system.
#[derive(Debug)]
pub(super) struct PreloadedImage {
    /// The repository's name.
    pub(super) name: String,
    /// The tag, where it has one.
    pub(super) tag: Option<String>,
    /// The digest by which it can be run, with `sha256:`.
    pub(super) digest: String,
    /// Registry and repository in full, where it was fetched.
    pub(super) repository: Option<String>,
    /// What is in it.
    pub(super) contents: Overlay2Contents,
    /// Whether it is the one that notebooks run in.
    pub(super) notebook: bool,
}

impl PreloadedImage {
    /// The names by which Docker finds it.
    pub(super) fn names(&self) -> Vec<String> {
        let tagged = self.tag.iter().map(|tag| format!("{}:{tag}", self.name));
        tagged.chain([format!("{}@{}", self.name, self.digest)]).collect()
    }
}

/// What was found in a layer and those below it.
#[derive(Debug, Clone, Default)]
pub(super) struct Overlay2Contents {
    /// The version of JupyterHub.
    pub(super) jupyterhub: Option<String>,
    /// Debian's packages.
    pub(super) packages: Vec<Package>,
    /// All others.
    pub(super) inventory: Inventory,
}

/// The version in the path of an installed `jupyterhub`'s metadata.
pub(super) fn jupyterhub_version(path: &str) -> Option<String> {
    let (_, name) = path.strip_suffix(".dist-info/METADATA")?.rsplit_once('/')?;
    Some(name.strip_prefix("jupyterhub-")?.to_owned())
}
