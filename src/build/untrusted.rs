//! What a build reads of what others wrote, one by one: for tests that give it any bytes at all.

use std::path::Path;

use super::preload::Cargo;
use super::rootfs::Composition;
use crate::failure::Result;
use crate::plan::Image;

/// Reads the archive of a container image as a build does that carries it, all of its layers included.
pub fn archive(path: &Path) -> Result<()> {
    // A layer with nothing in it.
    let layer = "/dev/null".into();
    let composition =
        Composition { layer, image: &Image::bare(), cargo: vec![Cargo::of(path.into())], epoch: 0 };
    composition.measure().map(drop)
}

/// The checksum of a file in a list of them.
#[must_use]
pub fn checksum(list: &str, name: &str) -> Option<String> {
    super::base::listed(list, name)
}
