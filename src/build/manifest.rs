//! What an image consists of, as JSON beside it.

use super::hash::hash;
use crate::inspect::Package;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::artifacts::Artifacts;
use super::assembly::DiskParts;
use super::preloaded::PreloadedImage;
use super::resolved_inputs::{PreloadedInputs, ResolvedInputs};
use super::rootfs::Rootfs;
use crate::failure::Result;
use crate::host::workdir::WorkDir;
use crate::plan::DiskImage;
use crate::plan::lock::Lock;
use crate::util::hex;

#[derive(Serialize)]
struct Manifest<'a> {
    /// The version of this format.
    format: u32,
    image: &'a str,
    description: &'a str,
    suite: &'a str,
    built_with: String,
    source_date_epoch: u64,
    recipe_sha256: &'a str,
    file: FileOf<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<DiskOf<'a>>,
    /// Of an image that was made from a cloud image.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a BaseOf>,
    /// Of a container image: the digest by which registries and Docker know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jupyterhub: Option<&'a str>,
    packages: &'a [Package],
    /// The container images in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    preloaded_images: Vec<PreloadOf<'a>>,
    /// What `imagegen verify` rebuilds it from.
    lock: &'a Lock,
}

#[derive(Serialize)]
struct FileOf<'a> {
    name: &'a str,
    format: &'static str,
    bytes: u64,
    sha256: &'a str,
}

#[derive(Serialize)]
struct PreloadOf<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    /// The digest by which it can be run.
    digest: &'a str,
    /// Whether notebooks run in it.
    notebook: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    jupyterhub: Option<&'a str>,
    #[serde(flatten)]
    origin: &'a PreloadedInputs,
}

#[derive(Serialize)]
struct DiskOf<'a> {
    virtual_bytes: u64,
    root_uuid: &'a str,
    root_bytes: u64,
    root_used_bytes: u64,
}

/// The cloud image that an image was made from.
#[derive(Debug, Serialize)]
pub(super) struct BaseOf {
    /// Where it came from.
    pub(super) url: String,
    /// The checksum by which it was verified, with its kind before it.
    pub(super) digest: String,
    /// What was taken out of it.
    pub(super) removed: Vec<String>,
    /// The size of the new image's disk.
    pub(super) virtual_bytes: u64,
}

/// What an image turned out to be.
pub(super) enum Product<'a> {
    /// A disk.
    Disk(&'a DiskParts),
    /// A container image with this digest.
    Container(&'a str),
    /// A disk that was a cloud image.
    Provisioned(&'a BaseOf),
}

/// Hashes the finished image in the work folder and writes its manifest beside it.
pub(super) fn describe(
    path: PathBuf,
    product: &Product<'_>,
    rootfs: &Rootfs,
    image: &DiskImage,
    resolved: &ResolvedInputs,
    work: &WorkDir,
) -> Result<Artifacts> {
    let (sha256, bytes) = hash(&path)?;
    let name = path.file_name().context("a result without a name")?.to_string_lossy().into_owned();
    let (format, disk, base, digest) = match product {
        Product::Disk(disk) => ("qcow2", Some(disk_of(disk, rootfs)), None, None),
        Product::Provisioned(base) => ("qcow2", None, Some(*base), None),
        Product::Container(digest) => ("oci-archive", None, None, Some(*digest)),
    };
    let manifest = Manifest {
        format: 1,
        image: &image.recipe,
        description: &image.description,
        suite: &image.suite,
        built_with: format!("imagegen {}", env!("CARGO_PKG_VERSION")),
        source_date_epoch: resolved.epoch,
        recipe_sha256: &image.recipe_digest,
        file: FileOf { name: &name, format, bytes, sha256: &sha256 },
        disk,
        base,
        digest,
        jupyterhub: rootfs.jupyterhub.as_deref(),
        packages: &rootfs.packages,
        preloaded_images: rootfs.preloaded.iter().zip(&resolved.carries).map(preloaded).collect(),
        lock: &resolved.lock,
    };
    let text = serde_json::to_string_pretty(&manifest).context("writing a manifest")? + "\n";
    let manifest = work.path(&format!("{}.manifest.json", image.recipe));
    fs_err::write(&manifest, &text)?;
    let manifest_sha256 = hex(&Sha256::digest(text.as_bytes()));
    Ok(Artifacts { files: vec![(path, sha256), (manifest, manifest_sha256)], image_size: bytes })
}

fn disk_of<'a>(disk: &'a DiskParts, rootfs: &Rootfs) -> DiskOf<'a> {
    DiskOf {
        virtual_bytes: disk.layout.total,
        root_uuid: &disk.root_uuid,
        root_bytes: disk.layout.root.size,
        root_used_bytes: rootfs.contents.blocks_bytes,
    }
}

fn preloaded<'a>((image, origin): (&'a PreloadedImage, &'a PreloadedInputs)) -> PreloadOf<'a> {
    PreloadOf {
        name: &image.name,
        tag: image.tag.as_deref(),
        digest: &image.digest,
        notebook: image.notebook,
        jupyterhub: image.contents.jupyterhub.as_deref(),
        origin,
    }
}
