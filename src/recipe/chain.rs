//! A recipe as written, and the chain of those that it builds on.

use sha2::{Digest, Sha256};

use super::places::RecipePlaces;
use super::{Bundle, CloudImage, ContainerConfig, EspFile, KernelPackage, Preload, kernel};
use crate::util::hex;

/// One recipe, as written; what it builds on is in [`Chain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The file's name without `.yaml`.
    pub name: String,
    /// What the image is for, in a sentence.
    pub description: String,
    /// Where the packages come from.
    pub parent: RecipeParent,
    /// The kernel of its machines, where it says so.
    pub kernel: Option<KernelPackage>,
    /// Debian packages to install, in the order of the file.
    pub packages: Vec<String>,
    /// Sets of packages from other registries than Debian's, locked and hashed.
    pub sets: Vec<Bundle>,
    /// Scripts that run inside the root file system after the packages and the sets are there.
    pub scripts: Vec<Script>,
    /// What makes it a container image instead of a machine image.
    pub container: Option<ContainerConfig>,
    /// The container images that it carries for Docker; those that recipes make, by the recipes' names.
    pub containers: Vec<Preload<String>>,
    /// Files that are laid over the root file system.
    pub overlay: Vec<OverlayFile>,
    /// What is on the EFI system partition, where its overlay says so.
    pub esp: Option<Vec<EspFile>>,
    /// Symbolic links to make: path in the image, target.
    pub links: Vec<(String, String)>,
    /// Where it names its packages and scripts.
    pub places: RecipePlaces,
    /// SHA-256 over the recipe's own files.
    pub(super) digest: String,
}

impl Recipe {
    /// Whether it changes what mmdebstrap made below it; overlay and links are laid over that without mmdebstrap.
    #[must_use]
    pub fn makes_layer(&self) -> bool {
        !(self.packages.is_empty() && self.scripts.is_empty() && self.sets.is_empty())
    }
}

/// What a recipe starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipeParent {
    /// A Debian suite, bootstrapped from packages.
    Suite(String),
    /// Another recipe.
    Recipe(String),
    /// A cloud image of somebody else's.
    Cloud(CloudImage),
}

/// A script of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its path in the folder of recipes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A file of an overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayFile {
    /// Where it goes, without a leading slash.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl OverlayFile {
    /// The permission bits in the image: a folder of recipes inside a binary has none of its own, so a file that
    /// begins with `#!` counts as a program.
    #[must_use]
    pub fn mode(&self) -> u32 {
        if self.content.starts_with(b"#!") { 0o755 } else { 0o644 }
    }
}

/// A recipe and those that it builds on: first the one that bootstraps, last the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub(super) recipes: Vec<Recipe>,
    pub(super) suite: String,
    pub(super) containers: Vec<Preload<Chain>>,
}

impl Chain {
    /// The recipe that was asked for.
    #[must_use]
    pub fn top(&self) -> &Recipe {
        &self.recipes[self.recipes.len() - 1]
    }

    /// The cloud image at the bottom, where it is one.
    #[must_use]
    pub fn cloud(&self) -> Option<&CloudImage> {
        match &self.recipes[0].parent {
            RecipeParent::Cloud(image) => Some(image),
            _ => None,
        }
    }

    /// The Debian suite at the bottom; empty where that is a cloud image, which alone knows.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// From the one that bootstraps to the one that was asked for.
    #[must_use]
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// The container images that the image carries for Docker, in the order in which the recipes name them.
    #[must_use]
    pub fn containers(&self) -> &[Preload<Self>] {
        &self.containers
    }

    /// Those among them that recipes make.
    pub fn made_containers(&self) -> impl Iterator<Item = &Self> {
        self.containers.iter().filter_map(|container| match container {
            Preload::Made(chain) => Some(chain),
            Preload::Registry(_) | Preload::Archive(_) => None,
        })
    }

    /// The kernel that a machine of this image gets beside the packages: what the topmost recipe says that says
    /// anything, and otherwise the one for clouds. A container has none, and recipes may name packages of their own.
    #[must_use]
    pub fn kernel(&self) -> Option<KernelPackage> {
        let mut packages = self.recipes.iter().flat_map(|recipe| &recipe.packages);
        if self.top().container.is_some() || packages.any(|package| kernel::is_kernel(package)) {
            return None;
        }
        let said = self.recipes.iter().rev().find_map(|recipe| recipe.kernel);
        Some(said.unwrap_or(KernelPackage::Cloud))
    }

    /// What is on the EFI system partition; nothing in an image that boots by BIOS alone.
    #[must_use]
    pub fn esp(&self) -> &[EspFile] {
        self.recipes.iter().rev().find_map(|recipe| recipe.esp.as_deref()).unwrap_or_default()
    }

    /// SHA-256 over all files of all recipes of the chain, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        self.recipes.iter().for_each(|recipe| hash.update(recipe.digest.as_bytes()));
        hex(&hash.finalize())
    }
}
