//! What the finished root file system consists of.

use super::inventory::Inventory;
use super::preloaded::PreloadedImage;
use super::written::Written;
use crate::inspect::Package;
use crate::plan::disk::FileSystemUse;
use crate::util::size;

/// What the finished root file system consists of.
#[derive(Debug, Default)]
pub(super) struct Rootfs {
    /// How much there is of it.
    pub(super) contents: FileSystemUse,
    /// The packages, as dpkg has them.
    pub(super) packages: Vec<Package>,
    /// The version of JupyterHub, if it is in there.
    pub(super) jupyterhub: Option<String>,
    /// What there is beside dpkg's packages.
    pub(super) inventory: Inventory,
    /// The container images that it carries.
    pub(super) preloaded: Vec<PreloadedImage>,
    /// All of its entries.
    pub(super) written: Written,
}

impl Rootfs {
    /// What to say of it.
    pub(super) fn summary(&self) -> String {
        format!("{} files, {}", self.contents.inodes, size(self.contents.blocks_bytes))
    }
}
