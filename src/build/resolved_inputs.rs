//! What an image is made from: exact enough that the same origin always makes the same bytes.

use anyhow::Context;
use serde::Serialize;

use super::archive::ImageArchive;
use super::context::BuildContext;
use super::{embedded_lock, preload};
use crate::failure::Result;
use crate::plan::lock::Lock;
use crate::plan::{Action, CacheKey, DiskImage, PreloadSource};

/// What an image is made from.
#[derive(Debug)]
pub(super) struct ResolvedInputs {
    /// The packages of all root trees, those of the container images that it carries included.
    pub(super) lock: Lock,
    /// Seconds since 1970 that no file of the image is newer than.
    pub(super) epoch: u64,
    /// The checksum by which the cloud image was verified that it begins with, with its kind before it.
    pub(super) base: Option<String>,
    /// The container images that it carries.
    pub(super) carries: Vec<PreloadedInputs>,
    /// A hash over everything that decides about the image, and over nothing that belongs to this machine or this
    /// moment: identifiers in the image are made from it.
    pub(super) identity: CacheKey,
}

/// What a container image in a machine's image is made from.
#[derive(Debug, Serialize)]
pub(super) struct PreloadedInputs {
    /// The digest of its manifest for this platform, which may be named by an index with another digest.
    manifest_digest: String,
    /// The recipe that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    /// The digest of its chain of recipes.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe_sha256: Option<String>,
    /// The reference by which a registry gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// The SHA-256 of the archive that the user brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_sha256: Option<String>,
}

/// The origin of an image whose root trees are there.
pub(super) fn of_image(context: &BuildContext<'_>, image: &DiskImage) -> Result<ResolvedInputs> {
    let lock = lock_of(context, image)?;
    let epoch = lock.epoch().context("an image without layers")?;
    let carries = carries(context, image)?;
    // The root tree's own key would say which mirror it came from, and whether there was a lock.
    let image = DiskImage { layer: CacheKey::of(&lock), carried: vec![], ..image.clone() };
    let identity = CacheKey::of(&(&image, &carries));
    Ok(ResolvedInputs { lock, epoch, base: None, carries, identity })
}

/// The origin of an image on a cloud image, whose packages no lock names.
pub(super) fn on_cloud_image(
    context: &BuildContext<'_>,
    image: &DiskImage,
    epoch: u64,
) -> Result<ResolvedInputs> {
    let record = context.dirs.cache.bases.record(image.layer.as_str())?;
    let proof = record.and_then(|record| record.proof);
    let base = proof.context("a cloud image that was never verified")?;
    let carries = carries(context, image)?;
    let identity = CacheKey::of(&(image, &carries, &base));
    Ok(ResolvedInputs { lock: Lock::default(), epoch, base: Some(base), carries, identity })
}

fn carries(context: &BuildContext<'_>, image: &DiskImage) -> Result<Vec<PreloadedInputs>> {
    image.carried.iter().map(|carried| carried_origin(context, carried)).collect()
}

fn carried_origin(context: &BuildContext<'_>, carried: &PreloadSource) -> Result<PreloadedInputs> {
    let digest = ImageArchive::open(&preload::preload_set(context, carried)?.path)?.image()?.digest;
    let made = made(context, carried);
    Ok(PreloadedInputs {
        manifest_digest: digest,
        recipe: made.map(|image| image.recipe.clone()),
        recipe_sha256: made.map(|image| image.recipe_digest.clone()),
        reference: match carried {
            PreloadSource::Fetched(_, reference) => Some(reference.to_string()),
            PreloadSource::Made(_) | PreloadSource::Archive(_) => None,
        },
        archive_sha256: match carried {
            PreloadSource::Archive(archive) => Some(archive.sha256.clone()),
            PreloadSource::Made(_) | PreloadSource::Fetched(..) => None,
        },
    })
}

/// Sees to it that all packages which a lock names are in the cache, before anything is built.
pub(super) fn locked_packages(context: &BuildContext<'_>) -> Result<()> {
    let stages = context.plan.stages.iter().filter(|stage| !stage.kept);
    let layers = stages.filter_map(|stage| match &stage.action {
        Action::Layer(layer) => layer.locked.as_ref(),
        _ => None,
    });
    let (mut packages, mut archives) = (vec![], vec![]);
    for locked in layers {
        packages.extend(locked.packages.iter().cloned());
        for archive in locked.archives() {
            if !archives.contains(&archive) {
                archives.push(archive);
            }
        }
    }
    if packages.is_empty() {
        return Ok(());
    }
    let archives = context.settings.mirror.clone().map_or(archives, |mirror| vec![mirror]);
    let step = context.progress.step("locked packages");
    let provided = context.dirs.cache.packages.provide(
        &packages,
        &archives,
        &context.dirs.cache.logs.path("packages"),
        || context.tell_packages_wait("locked packages"),
    )?;
    step.done(&format!("{}{}", packages.len(), provided.told()));
    Ok(())
}

/// What all root trees of the plan are made of.
pub(super) fn lock_of_plan(context: &BuildContext<'_>) -> Result<Lock> {
    let mut lock = Lock::default();
    for stage in &context.plan.stages {
        if matches!(stage.action, Action::Layer(_)) {
            lock.merge(embedded_lock::lock_of(&context.hold(&stage.key)?.path())?);
        }
    }
    Ok(lock)
}

/// What an image and the container images in it are made of.
fn lock_of(context: &BuildContext<'_>, image: &DiskImage) -> Result<Lock> {
    let mut lock = embedded_lock::lock_of(&context.hold(&image.layer)?.path())?;
    for carried in &image.carried {
        if let Some(carried) = made(context, carried) {
            lock.merge(embedded_lock::lock_of(&context.hold(&carried.layer)?.path())?);
        }
    }
    Ok(lock)
}

/// The container image that a stage of this plan makes.
fn made<'a>(context: &BuildContext<'a>, carried: &PreloadSource) -> Option<&'a DiskImage> {
    let PreloadSource::Made(key) = carried else { return None };
    context.plan.stages.iter().find_map(|stage| match &stage.action {
        Action::Container(image) if stage.key == *key => Some(image),
        _ => None,
    })
}
