//! Stages → files. Executes what a plan says, and decides nothing.

mod assembly;
mod layer;
mod manifest;
mod publish;
mod rootfs;
mod store;
mod target_tools;

use std::path::PathBuf;

use crate::failure::Result;
use crate::host::work::WorkFolder;
use crate::plan::{Action, HostFacts, Image, Layer, Plan, Stage};
use crate::report::{Progress, size};

use publish::Outcome;
pub use store::LayerStore;
use target_tools::TargetTools;

/// Where a build reads and writes.
#[derive(Debug)]
pub struct Places {
    /// Where the results go.
    pub output: PathBuf,
    /// The kept layers.
    pub store: LayerStore,
}

/// What a build needs to know beside its plan.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Seconds since 1970 that no file of an image may be newer than (`SOURCE_DATE_EPOCH`).
    pub epoch: u64,
    /// Whether we run as root; otherwise mmdebstrap uses subordinate ids.
    pub root: bool,
}

/// What a plan needs to know of this machine.
pub fn host_facts(store: &LayerStore) -> Result<HostFacts> {
    Ok(HostFacts { layers: store.ages()? })
}

/// Runs all stages. Images appear in the output folder at the end, all of them whole, or not at all.
pub fn execute(plan: &Plan, places: &Places, settings: Settings, progress: &Progress) -> Result<()> {
    fs_err::create_dir_all(&places.output)?;
    let work = WorkFolder::within(&places.output)?;
    let job = Job { places, work: &work, settings, progress };
    let mut outcomes = Vec::new();
    for stage in &plan.stages {
        match &stage.action {
            Action::Layer(_) if stage.kept => progress.note(&format!("{}: kept", stage.title())),
            Action::Layer(layer) => job.layer(stage, layer)?,
            Action::Image(image) => outcomes.push(job.image(stage, image)?),
        }
    }
    publish::all(outcomes, &places.output, progress)
}

/// What all stages of one build share.
struct Job<'a> {
    places: &'a Places,
    work: &'a WorkFolder,
    settings: Settings,
    progress: &'a Progress,
}

impl Job<'_> {
    fn layer(&self, stage: &Stage, layer: &Layer) -> Result<()> {
        let step = self.progress.step(format!("{}: mmdebstrap", stage.title()));
        let bytes = layer::make(layer, &stage.key, self.places, self.work, self.settings)?;
        step.done(&size(bytes));
        Ok(())
    }

    fn image(&self, stage: &Stage, image: &Image) -> Result<Outcome> {
        let (title, epoch) = (stage.title(), self.settings.epoch);
        let layer = self.places.store.path(&image.layer);
        let rootfs_tar = self.work.path(&format!("{}.rootfs.tar", image.recipe));

        let step = self.progress.step(format!("{title}: hygiene and overlay"));
        let rootfs = rootfs::compose(&layer, image, &rootfs_tar, epoch)?;
        step.done(&format!("{} files, {}", rootfs.contents.inodes, size(rootfs.contents.blocks_bytes)));

        let step = self.progress.step(format!("{title}: file system and boot loader"));
        let tools = TargetTools::unpack(&layer, &image.layer, self.work)?;
        let disk = assembly::assemble(&rootfs_tar, &rootfs, stage, image, &tools, self.work, epoch)?;
        fs_err::remove_file(&rootfs_tar)?;
        step.done(&size(disk.layout.total));

        let step = self.progress.step(format!("{title}: qcow2"));
        let qcow2 = assembly::compress(&disk, image, self.work)?;
        let outcome = manifest::describe(qcow2, &disk, &rootfs, image, self.work, epoch)?;
        step.done(&size(outcome.image_size));
        Ok(outcome)
    }
}
