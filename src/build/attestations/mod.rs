//! Attestations of an image, for programs that check images before use: its SBOM and its provenance.
//!
//! Both are the same for the same image: times are those of the image, and identifiers are derived from it.

mod provenance;
mod purl;
mod sbom;

use anyhow::Context;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::artifacts::Artifacts;
use super::oci;
use super::resolved_inputs::ResolvedInputs;
use super::rootfs::Rootfs;
use crate::failure::Result;
use crate::host::workdir::WorkDir;
use crate::plan::{DiskImage, Plan, disk};
use crate::util::hex;

/// Adds the bill of materials and the provenance to an image and its manifest.
pub(super) fn add(
    outcome: &mut Artifacts,
    plan: &Plan,
    image: &DiskImage,
    rootfs: &Rootfs,
    resolved: &ResolvedInputs,
    work: &WorkDir,
) -> Result<()> {
    let files = named(outcome)?;
    let (name, sha256) = files.first().context("an image without a file")?;
    let identity = sbom::SbomIdentity {
        file: (name, sha256),
        uuid: disk::uuid(&resolved.identity, sha256),
        time: oci::moment(resolved.epoch)?,
    };
    let document = sbom::document(&identity, rootfs, image);
    write(outcome, work, &format!("{}.cdx.json", image.recipe), &document)?;
    let statement = provenance::statement(&named(outcome)?, plan, image, rootfs, resolved);
    write(outcome, work, &format!("{}.provenance.json", image.recipe), &statement)
}

/// The files so far, by name and SHA-256.
fn named(outcome: &Artifacts) -> Result<Vec<(String, String)>> {
    let files = outcome.files.iter();
    files
        .map(|(path, sha256)| {
            let name = path.file_name().context("a result without a name")?.to_string_lossy();
            Ok((name.into_owned(), sha256.clone()))
        })
        .collect()
}

fn write(outcome: &mut Artifacts, work: &WorkDir, name: &str, value: &Json) -> Result<()> {
    let text = serde_json::to_string_pretty(value).context("writing papers")? + "\n";
    let path = work.path(name);
    fs_err::write(&path, &text)?;
    outcome.files.push((path, hex(&Sha256::digest(text.as_bytes()))));
    Ok(())
}
