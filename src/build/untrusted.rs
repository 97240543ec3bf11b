//! What a build reads of what others wrote, one by one: for tests that give it any bytes at all.

use std::path::Path;

use super::compose::RootfsSpec;
use super::preload::PreloadSet;
use crate::failure::Result;
use crate::plan::DiskImage;

/// Reads the archive of a container image as a build does that carries it, including all of its layers.
pub fn archive(path: &Path) -> Result<()> {
    // A layer with nothing in it.
    let layer = "/dev/null".into();
    let composition = RootfsSpec {
        layer,
        image: &DiskImage::bare(),
        preloads: vec![PreloadSet::of(path.into())],
        epoch: 0,
    };
    composition.measure().map(drop)
}

/// The checksum of a file in a list of them.
#[must_use]
pub fn checksum(list: &str, name: &str) -> Option<String> {
    super::base::listed(list, name)
}
