//! A finished image with what describes it: its manifest, SBOM and provenance.

use std::path::PathBuf;

use super::artifacts::Artifacts;
use super::attestations;
use super::context::BuildContext;
use super::manifest::{self, Product};
use super::resolved_inputs::ResolvedInputs;
use super::rootfs::Rootfs;
use crate::failure::Result;
use crate::plan::DiskImage;

/// A finished image with its manifest and its attestations.
pub(super) fn described(
    context: &BuildContext<'_>,
    image: &DiskImage,
    path: PathBuf,
    product: &Product<'_>,
    rootfs: &Rootfs,
    resolved: &ResolvedInputs,
) -> Result<Artifacts> {
    let mut outcome = manifest::describe(path, product, rootfs, image, resolved, context.work)?;
    attestations::add(&mut outcome, context.plan, image, rootfs, resolved, context.work)?;
    Ok(outcome)
}
