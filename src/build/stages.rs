//! How each kind of stage is made.

use std::os::unix::fs::PermissionsExt;
use std::sync::PoisonError;

use anyhow::Context;

use super::artifacts::Artifacts;
use super::bootstrap_context::BootstrapContext;
use super::compose::RootfsSpec;
use super::context::BuildContext;
use super::entry::PendingEntry;
use super::manifest::Product;
use super::target_tools::TargetTools;
use super::{
    acceptance, assembly, base, blame, bootstrap, bundles, describe, oci, preload, provision, registry,
    resolved_inputs,
};
use crate::failure::Result;
use crate::host::memory::TemporaryFile;
use crate::host::privilege::Privilege;
use crate::plan::{Action, DiskImage, RootTree, Stage};
use crate::recipe::{Bundle, Reference};
use crate::util::size;

/// Makes what a stage says, and tells those who read along; gives the result, where one was requested.
pub(super) fn run(context: &BuildContext<'_>, stage: &Stage) -> Result<Option<Artifacts>> {
    let told = context.progress.events().begin(stage.title(), stage.key.as_str());
    let outcome = make(context, stage)?;
    let held = context.held().get(&stage.key).cloned();
    let kept_bytes = held.map(|held| held.bytes()).transpose()?;
    told.done(outcome.as_ref().map_or(kept_bytes.unwrap_or_default(), |outcome| outcome.image_size));
    Ok(outcome)
}

pub(super) fn make(context: &BuildContext<'_>, stage: &Stage) -> Result<Option<Artifacts>> {
    match &stage.action {
        Action::Set(set) => fetch_bundle(context, stage, set).map(|()| None),
        Action::Fetch(reference) => fetch_container(context, stage, reference).map(|()| None),
        Action::Layer(layer) => make_layer(context, stage, layer).map(|()| None),
        Action::Container(image) => make_container(context, stage, image),
        Action::Base(image) => base::fetch(context, stage, image).map(|()| None),
        Action::Image(image) => make_image(context, stage, image).map(Some),
        Action::Provision(provision) => provision::provision(context, stage, provision).map(Some),
    }
}

fn fetch_bundle(context: &BuildContext<'_>, stage: &Stage, bundle: &Bundle) -> Result<()> {
    context.keep(stage, &context.dirs.cache.sets, true, |target| {
        let step = context.progress.step(format!("{}: fetched by its hashes", stage.title()));
        bundles::fetch(bundle, &stage.key, target.path(), &context.log(stage), context.work)
            .map_err(|failure| blame::name_bundle(failure, bundle))?;
        step.done(&size(target.bytes()?));
        Ok(())
    })
}

fn fetch_container(context: &BuildContext<'_>, stage: &Stage, reference: &Reference) -> Result<()> {
    context.keep(stage, &context.dirs.cache.containers, true, |target| {
        let step = context.progress.step(format!("{}: fetched by its digest", stage.title()));
        registry::fetch(reference, &stage.key, target.path(), &context.log(stage), context.work)?;
        step.done(&size(target.bytes()?));
        Ok(())
    })
}

fn make_layer(context: &BuildContext<'_>, stage: &Stage, tree: &RootTree) -> Result<()> {
    let below = tree.parent.as_ref().map(|below| context.hold(below)).transpose()?;
    let sets = tree.sets.iter().map(|(key, _)| context.hold(key)).collect::<Result<Vec<_>>>()?;
    context.keep(stage, &context.dirs.cache.layers, true, |target| {
        let surroundings = BootstrapContext {
            name: format!("{}-{}", tree.recipe, stage.key.short()),
            parent: below.as_ref().map(|below| below.path()),
            sets: sets.iter().map(|set| set.path()).collect(),
            packages: &context.dirs.cache.packages,
            work: context.work,
            scratch: context.scratch,
            log: context.log(stage),
            budget: &context.budget,
            privilege: Privilege::of_user(),
        };
        let title = stage.title();
        let step = context.progress.step(format!("{title}: packages"));
        let waiting = || context.tell_packages_wait(&title);
        let named = |failure| blame::name_line(failure, &[tree]);
        let (locked, provided) = bootstrap::choose(tree, &surroundings, waiting).map_err(named)?;
        step.done(&format!("{}{}", locked.packages.len(), provided.told()));
        let step = context.progress.step(format!("{title}: mmdebstrap"));
        let again =
            || context.progress.note(&format!("{title}: too large for memory; starting again on disk"));
        let tree = bootstrap::make(tree, &locked, target, &surroundings, again).map_err(named)?;
        context.removals.add(tree);
        step.done(&size(target.bytes()?));
        Ok(())
    })?;
    remove_unpacked(context);
    Ok(())
}

/// What the root trees were unpacked in goes when the last of them is made, beside the images: ext4 is slow for minutes
/// at making files where it has just removed some.
fn remove_unpacked(context: &BuildContext<'_>) {
    let held = context.held();
    let is_made = |stage: &Stage| stage.kept || held.contains_key(&stage.key);
    let mut layers = context.plan.stages.iter().filter(|stage| matches!(stage.action, Action::Layer(_)));
    if layers.all(is_made) {
        context.removals.begin();
    }
}

/// The result, where it was requested; another build's archive would do for the cache, but it has no manifest.
fn make_container(context: &BuildContext<'_>, stage: &Stage, image: &DiskImage) -> Result<Option<Artifacts>> {
    let mut outcome = None;
    context.keep(stage, &context.dirs.cache.layers, !stage.asked, |target| {
        outcome = archive(context, stage, image, target)?;
        Ok(())
    })?;
    Ok(outcome)
}

fn archive(
    context: &BuildContext<'_>,
    stage: &Stage,
    image: &DiskImage,
    target: &PendingEntry,
) -> Result<Option<Artifacts>> {
    let (title, origin) = (stage.title(), resolved_inputs::of_image(context, image)?);
    let settings = image.container.as_ref().context("a container image without settings")?;
    let composition = composition(context, image, origin.epoch)?;
    let file = TemporaryFile::on_disk(context.work.path(&format!("{}.layer.tar.zst", image.recipe)));
    let step = context.progress.step(composing(&title));
    let (rootfs, layer) = oci::Layer::compress(file, |tar| composition.write(tar))?;
    step.done(&rootfs.summary());
    let step = context.progress.step(format!("{title}: archive"));
    let digest = oci::archive(layer, &rootfs, image, settings, target.path(), origin.epoch)?;
    let result = context.work.path(&format!("{}.oci.tar", image.recipe));
    if stage.asked {
        fs_err::copy(target.path(), &result)?;
        // The store's files begin as temporary ones, which are their owner's alone.
        fs_err::set_permissions(&result, PermissionsExt::from_mode(0o644))?;
    }
    step.done(&size(target.bytes()?));
    let product = Product::Container(&digest);
    let describe = || describe::described(context, image, result, &product, &rootfs, &origin);
    stage.asked.then(describe).transpose()
}

fn make_image(context: &BuildContext<'_>, stage: &Stage, image: &DiskImage) -> Result<Artifacts> {
    let (title, origin) = (stage.title(), resolved_inputs::of_image(context, image)?);
    let composition = composition(context, image, origin.epoch)?;
    let step = context.progress.step(composing(&title));
    let rootfs = composition.measure()?;
    step.done(&rootfs.summary());

    let step = context.progress.step(format!("{title}: file system and boot loader"));
    let tools = tools(context, image)?;
    let disk = assembly::assemble(&composition, &rootfs, &origin, &tools, context.work, &context.budget)?;
    step.done(&size(disk.layout.total));

    let step = context.progress.step(format!("{title}: qcow2"));
    let qcow2 = assembly::compress(&disk, image, context.settings.hands, context.work)?;
    let product = Product::Disk(&disk);
    let outcome = describe::described(context, image, qcow2.clone(), &product, &rootfs, &origin)?;
    step.done(&size(outcome.image_size));
    acceptance::accept(&qcow2, &title, context.progress)?;
    Ok(outcome)
}

fn tools(context: &BuildContext<'_>, image: &DiskImage) -> Result<TargetTools> {
    let layer = context.hold(&image.layer)?;
    let _one_at_a_time = context.tools.lock().unwrap_or_else(PoisonError::into_inner);
    TargetTools::unpack(&layer.path(), image, context.work)
}

/// What the root file system of an image is made of.
fn composition<'image>(
    context: &BuildContext<'_>,
    image: &'image DiskImage,
    epoch: u64,
) -> Result<RootfsSpec<'image>> {
    let cargo =
        image.carried.iter().map(|carried| preload::preload_set(context, carried)).collect::<Result<_>>()?;
    Ok(RootfsSpec { layer: context.hold(&image.layer)?.path(), image, preloads: cargo, epoch })
}

fn composing(title: &str) -> String {
    format!("{title}: hygiene and overlay")
}
