//! Stages → files. Executes what a plan says, and decides nothing.

mod acceptance;
mod archive;
mod assembly;
mod deb;
mod esp;
mod layer;
mod listing;
mod manifest;
mod oci;
mod origin;
mod packages;
mod preload;
mod publish;
mod record;
mod repository;
mod resolve;
mod rootfs;
mod sets;
mod store;
mod target_tools;
mod verify;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Context;

use crate::failure::Result;
use crate::host::work::{WorkFolder, usual_permissions};
use crate::plan::lock::Lock;
use crate::plan::{Action, Carried, HostFacts, Image, Layer, Plan, Stage};
use crate::recipe::PackageSet;
use crate::report::{Progress, size};

use manifest::Product;
pub(crate) use manifest::installed_packages;
pub use manifest::{Package, hash};
pub use packages::PackageStore;
use preload::Cargo;
use publish::Outcome;
use rootfs::Rootfs;
pub use store::{Shelf, Store};
use target_tools::TargetTools;
pub use verify::compare;

/// Where a build reads and writes.
#[derive(Debug)]
pub struct Places {
    /// Where the results go.
    pub output: PathBuf,
    /// The kept layers.
    pub store: Store,
}

/// What a build needs to know beside its plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where locked packages are looked for in place of the archives that their lock names.
    pub mirror: Option<String>,
    /// Whether we run as root; otherwise mmdebstrap uses subordinate ids.
    pub root: bool,
}

/// What a plan needs to know of this machine.
pub fn host_facts(store: &Store) -> Result<HostFacts> {
    Ok(HostFacts { layers: store.layers.ages()?, sets: store.sets.ages()?.into_keys().collect() })
}

/// Runs all stages. Images appear in the output folder at the end, all of them whole, or not at all. Gives what the
/// layers are made of.
pub fn execute(plan: &Plan, places: &Places, settings: &Settings, progress: &Progress) -> Result<Lock> {
    usual_permissions();
    fs_err::create_dir_all(&places.output)?;
    let work = WorkFolder::within(&places.output)?;
    let job = Job { plan, places, work: &work, settings, progress };
    job.locked_packages()?;
    let mut outcomes = Vec::new();
    for stage in &plan.stages {
        match &stage.action {
            Action::Image(image) => outcomes.push(job.image(stage, image)?),
            _ if stage.kept => progress.note(&format!("{}: kept", stage.title())),
            Action::Set(set) => job.set(stage, set)?,
            Action::Layer(layer) => job.layer(stage, layer)?,
            Action::Container(image) => outcomes.extend(job.container(stage, image)?),
        }
    }
    let lock = job.lock()?;
    places.store.layers.clear_out()?;
    publish::all(outcomes, &places.output, progress)?;
    Ok(lock)
}

/// What all stages of one build share.
struct Job<'a> {
    plan: &'a Plan,
    places: &'a Places,
    work: &'a WorkFolder,
    settings: &'a Settings,
    progress: &'a Progress,
}

impl Job<'_> {
    fn set(&self, stage: &Stage, set: &PackageSet) -> Result<()> {
        let step = self.progress.step(format!("{}: fetched by its hashes", stage.title()));
        let bytes = sets::fetch(set, &stage.key, self.places, self.work)?;
        step.done(&size(bytes));
        Ok(())
    }

    fn layer(&self, stage: &Stage, layer: &Layer) -> Result<()> {
        let step = self.progress.step(format!("{}: packages", stage.title()));
        let (locked, provided) = layer::choose(layer, self.places, self.work, self.settings)?;
        step.done(&format!("{}{}", locked.packages.len(), provided.told()));
        let step = self.progress.step(format!("{}: mmdebstrap", stage.title()));
        let bytes = layer::make(layer, &locked, &stage.key, self.places, self.work, self.settings)?;
        step.done(&size(bytes));
        Ok(())
    }

    /// The result, where it was asked for.
    fn container(&self, stage: &Stage, image: &Image) -> Result<Option<Outcome>> {
        let (title, origin) = (stage.title(), self.origin(image)?);
        let settings = image.container.as_ref().context("a container image without settings")?;
        let (rootfs_tar, rootfs) = self.rootfs(&title, image, origin.epoch)?;
        let step = self.progress.step(format!("{title}: archive"));
        let unfinished = self.places.store.layers.unfinished()?;
        let digest = oci::archive(&rootfs_tar, &rootfs, image, settings, &unfinished, origin.epoch)?;
        let result = self.work.path(&format!("{}.oci.tar", image.recipe));
        if stage.asked {
            fs_err::copy(&unfinished, &result)?;
            // The store's files begin as temporary ones, which are their owner's alone.
            fs_err::set_permissions(&result, PermissionsExt::from_mode(0o644))?;
        }
        step.done(&size(fs_err::metadata(&unfinished)?.len()));
        self.places.store.layers.keep(unfinished, &stage.key)?;
        let product = Product::Container(&digest);
        let describe = || manifest::describe(result, &product, &rootfs, image, &origin, self.work);
        stage.asked.then(describe).transpose()
    }

    fn image(&self, stage: &Stage, image: &Image) -> Result<Outcome> {
        let (title, origin) = (stage.title(), self.origin(image)?);
        let (rootfs_tar, rootfs) = self.rootfs(&title, image, origin.epoch)?;

        let step = self.progress.step(format!("{title}: file system and boot loader"));
        let tools = TargetTools::unpack(&self.places.store.layers.path(&image.layer), image, self.work)?;
        let disk = assembly::assemble(&rootfs_tar, &rootfs, image, &origin, &tools, self.work)?;
        fs_err::remove_file(&rootfs_tar)?;
        step.done(&size(disk.layout.total));

        let step = self.progress.step(format!("{title}: qcow2"));
        let qcow2 = assembly::compress(&disk, image, self.work)?;
        let product = Product::Disk(&disk);
        let outcome = manifest::describe(qcow2.clone(), &product, &rootfs, image, &origin, self.work)?;
        step.done(&size(outcome.image_size));
        acceptance::accept(&qcow2, &title, self.progress)?;
        Ok(outcome)
    }

    /// The finished root file system of an image, as a tar.
    fn rootfs(&self, title: &str, image: &Image, epoch: u64) -> Result<(PathBuf, Rootfs)> {
        let tar = self.work.path(&format!("{}.rootfs.tar", image.recipe));
        let cargo: Vec<Cargo> = image.carried.iter().map(|carried| self.cargo(carried)).collect();
        let step = self.progress.step(format!("{title}: hygiene and overlay"));
        let layer = self.places.store.layers.path(&image.layer);
        let rootfs = rootfs::compose(&layer, image, &cargo, &tar, epoch)?;
        step.done(&format!("{} files, {}", rootfs.contents.inodes, size(rootfs.contents.blocks_bytes)));
        Ok((tar, rootfs))
    }

    fn cargo(&self, carried: &Carried) -> Cargo {
        match carried {
            Carried::Made(key) => Cargo { path: self.places.store.layers.path(key), hub: None },
            Carried::Archive(archive) => Cargo { path: archive.path.clone(), hub: Some(archive.hub.clone()) },
        }
    }
}
