//! Where a build reads and writes, and what it needs to know beside its plan.

use std::path::PathBuf;

use super::cache::Cache;
use crate::failure::MissingPrerequisite;
use crate::host::space::{self, SpaceRequest};
use crate::plan::DiskEstimate;

/// Where a build reads and writes.
#[derive(Debug)]
pub struct BuildDirs {
    /// Where the results go.
    pub output: PathBuf,
    /// The cached root trees.
    pub cache: Cache,
}

impl BuildDirs {
    /// The room on disks that a build lacks here. `options` say how to choose other places.
    #[must_use]
    pub fn missing_disk_space(&self, estimate: DiskEstimate, options: &str) -> Vec<MissingPrerequisite> {
        let temporary = std::env::temp_dir();
        let demands = [
            SpaceRequest { what: "kept layers", place: self.cache.layers.folder(), bytes: estimate.kept },
            SpaceRequest { what: "mmdebstrap's work", place: &temporary, bytes: estimate.unpacked },
            SpaceRequest { what: "images", place: &self.output, bytes: estimate.images },
        ];
        space::missing(&demands, options)
    }
}

/// What a build needs to know beside its plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where locked packages are looked for instead of the archives that their lock names.
    pub mirror: Option<String>,
    /// How many stages may go on at once.
    pub hands: usize,
    /// Whether somebody wants to know what the root trees are made of.
    pub wants_lock: bool,
}
