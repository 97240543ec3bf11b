//! What the stages of a plan do, and what goes into each.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lock::LockedTree;
use super::{CacheKey, PreloadSource};
use crate::recipe::{Bundle, CloudImage, ContainerConfig, EspFile, RecipePlaces, Reference};

/// A root tree: a complete root file system as a tar, as mmdebstrap leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootTree {
    /// The recipe that it belongs to.
    pub recipe: String,
    /// The package of the kernel in images of it.
    pub kernel: Option<String>,
    /// The Debian suite.
    pub suite: String,
    /// The parent root tree; none bootstraps.
    pub parent: Option<CacheKey>,
    /// The packages to install.
    pub packages: Vec<String>,
    /// What dpkg is to know while it installs them: the files of the recipe's overlay in its folder of settings, by path.
    pub dpkg: Vec<(String, String)>,
    /// The sets of packages to install after them, and the stages that fetch them.
    pub sets: Vec<(CacheKey, Bundle)>,
    /// The script that makes what the packages of kernels are told to leave; nothing where the recipe asks for no kernel.
    pub initramfs: String,
    /// The script that installs a set of Python's.
    pub installer: String,
    /// Scripts to run inside: path for messages, text.
    pub scripts: Vec<(String, String)>,
    /// Where the recipe names packages and scripts; a moved line changes no key.
    #[serde(skip)]
    pub places: RecipePlaces,
    /// A mirror instead of mmdebstrap's default, where the packages are not locked.
    pub mirror: Option<String>,
    /// The packages, where they are locked.
    pub locked: Option<LockedTree>,
    /// The time that was requested, where they are not.
    pub epoch: Option<u64>,
}

/// An image: a root tree with its overlays, cleaned, on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskImage {
    /// The recipe's name, which the files are named after.
    pub recipe: String,
    /// The recipe's description.
    pub description: String,
    /// The Debian suite.
    pub suite: String,
    /// The digest of the chain of recipes.
    pub recipe_digest: String,
    /// The root tree that it is made from.
    pub layer: CacheKey,
    /// Files of all overlays: path, permission bits, SHA-256 of the content.
    pub overlay: Vec<(String, u32, String)>,
    /// Symbolic links: path, target.
    pub links: Vec<(String, String)>,
    /// What is on the EFI system partition; nothing where the image boots by BIOS alone.
    pub esp: Vec<EspFile>,
    /// The contents of the overlay's files, by path; in the key by their hashes.
    #[serde(skip)]
    pub contents: BTreeMap<String, Vec<u8>>,
    /// What a container image says of itself; a machine's image has none of it.
    pub container: Option<ContainerConfig>,
    /// The container images that it carries.
    pub carried: Vec<PreloadSource>,
}

/// What a stage does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Fetches a set of packages.
    Set(Bundle),
    /// Fetches a container image from a registry.
    Fetch(Reference),
    /// Makes a root tree.
    Layer(RootTree),
    /// Makes a container image.
    Container(DiskImage),
    /// Makes a machine's image.
    Image(DiskImage),
    /// Downloads a cloud image.
    Base(CloudImage),
    /// Makes a machine's image from a cloud image.
    Provision(Provision),
}

/// One stage of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The hash of all inputs.
    pub key: CacheKey,
    /// What to do.
    pub action: Action,
    /// Whether its result is cached.
    pub kept: bool,
    /// Whether its result was requested, and so goes to the output folder.
    pub asked: bool,
}

impl Action {
    /// The keys of the stages whose results this takes.
    #[must_use]
    pub fn needs(&self) -> Vec<&CacheKey> {
        match self {
            Self::Set(_) | Self::Fetch(_) | Self::Base(_) => vec![],
            Self::Layer(layer) => layer.parent.iter().chain(layer.sets.iter().map(|(key, _)| key)).collect(),
            Self::Container(image) | Self::Image(image) => image.needs(),
            Self::Provision(provision) => {
                let sets = provision.steps.iter().flat_map(|step| step.sets.iter().map(|(key, _)| key));
                provision.image.needs().into_iter().chain(sets).collect()
            }
        }
    }
}

impl Stage {
    /// The keys of the stages whose results this one takes.
    #[must_use]
    pub fn needs(&self) -> Vec<&CacheKey> {
        self.action.needs()
    }

    /// The key of the root tree that this stage's cached result is made on.
    #[must_use]
    pub fn base(&self) -> Option<&CacheKey> {
        match &self.action {
            Action::Layer(layer) => layer.parent.as_ref(),
            Action::Container(image) => Some(&image.layer),
            _ => None,
        }
    }
}

impl DiskImage {
    /// The keys of the root tree and of the container images that it is made from.
    #[must_use]
    pub fn needs(&self) -> Vec<&CacheKey> {
        let made = self.carried.iter().filter_map(|carried| match carried {
            PreloadSource::Made(key) | PreloadSource::Fetched(key, _) => Some(key),
            PreloadSource::Archive(_) => None,
        });
        std::iter::once(&self.layer).chain(made).collect()
    }
}

impl DiskImage {
    /// One with nothing in it.
    pub(crate) fn bare() -> Self {
        Self {
            recipe: "node".into(),
            description: String::new(),
            suite: "trixie".into(),
            recipe_digest: String::new(),
            layer: CacheKey::of(&"layer"),
            overlay: vec![],
            links: vec![],
            esp: vec![],
            contents: BTreeMap::new(),
            container: None,
            carried: vec![],
        }
    }
}

/// What a machine does to a cloud image, to become another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provision {
    /// The image; instead of a root tree it has the key of the download.
    pub image: DiskImage,
    /// What it is made from.
    pub base: CloudImage,
    /// What is installed, recipe by recipe.
    pub steps: Vec<RootTree>,
    /// A mirror instead of the one that the cloud image knows.
    pub mirror: Option<String>,
    /// Seconds since 1970 that no file of the overlay may be newer than, where that was requested.
    pub epoch: Option<u64>,
}
