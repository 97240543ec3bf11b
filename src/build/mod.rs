//! Stages → files. Executes what a plan says, and decides nothing.

mod acceptance;
mod archive;
mod assembly;
mod checked;
mod deb;
mod esp;
mod inventory;
mod layer;
mod listing;
mod manifest;
mod oci;
mod origin;
mod packages;
mod papers;
mod preload;
mod publish;
mod record;
mod registry;
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
use crate::recipe::{PackageSet, Reference};
use crate::report::{Progress, Published, size};

use manifest::Product;
pub(crate) use manifest::installed_packages;
pub use manifest::{Package, hash};
use origin::Origin;
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
    Ok(HostFacts {
        layers: store.layers.ages()?,
        sets: store.sets.ages()?.into_keys().collect(),
        containers: store.containers.ages()?.into_keys().collect(),
    })
}

/// What a build has made.
#[derive(Debug)]
pub struct Made {
    /// What the layers are made of.
    pub lock: Lock,
    /// The files in the output folder.
    pub published: Vec<Published>,
}

/// Runs all stages. Images appear in the output folder at the end, all of them whole, or not at all.
pub fn execute(plan: &Plan, places: &Places, settings: &Settings, progress: &Progress) -> Result<Made> {
    usual_permissions();
    fs_err::create_dir_all(&places.output)?;
    let work = WorkFolder::within(&places.output)?;
    let job = Job { plan, places, work: &work, settings, progress };
    job.locked_packages()?;
    let mut outcomes = Vec::new();
    for stage in &plan.stages {
        outcomes.extend(job.stage(stage)?);
    }
    let lock = job.lock()?;
    places.store.layers.clear_out()?;
    Ok(Made { lock, published: publish::all(outcomes, &places.output, progress)? })
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
    /// Runs a stage, and tells those who read along; gives the result where one was asked for.
    fn stage(&self, stage: &Stage) -> Result<Option<Outcome>> {
        let (title, key) = (stage.title(), stage.key.as_str());
        if stage.kept {
            self.progress.note(&format!("{title}: kept"));
            self.progress.events().kept(&title, key);
            return Ok(None);
        }
        let told = self.progress.events().begin(title, key);
        let (bytes, outcome) = match &stage.action {
            Action::Set(set) => (self.set(stage, set)?, None),
            Action::Fetch(reference) => (self.fetch(stage, reference)?, None),
            Action::Layer(layer) => (self.layer(stage, layer)?, None),
            Action::Container(image) => self.container(stage, image)?,
            Action::Image(image) => {
                let outcome = self.image(stage, image)?;
                (outcome.image_size, Some(outcome))
            }
        };
        told.done(bytes);
        Ok(outcome)
    }

    fn set(&self, stage: &Stage, set: &PackageSet) -> Result<u64> {
        let step = self.progress.step(format!("{}: fetched by its hashes", stage.title()));
        let bytes = sets::fetch(set, &stage.key, self.places, self.work)?;
        step.done(&size(bytes));
        Ok(bytes)
    }

    fn fetch(&self, stage: &Stage, reference: &Reference) -> Result<u64> {
        let step = self.progress.step(format!("{}: fetched by its digest", stage.title()));
        let bytes = registry::fetch(reference, &stage.key, self.places, self.work)?;
        step.done(&size(bytes));
        Ok(bytes)
    }

    fn layer(&self, stage: &Stage, layer: &Layer) -> Result<u64> {
        let step = self.progress.step(format!("{}: packages", stage.title()));
        let (locked, provided) = layer::choose(layer, self.places, self.work, self.settings)?;
        step.done(&format!("{}{}", locked.packages.len(), provided.told()));
        let step = self.progress.step(format!("{}: mmdebstrap", stage.title()));
        let bytes = layer::make(layer, &locked, &stage.key, self.places, self.work, self.settings)?;
        step.done(&size(bytes));
        Ok(bytes)
    }

    /// The size in bytes, and the result where it was asked for.
    fn container(&self, stage: &Stage, image: &Image) -> Result<(u64, Option<Outcome>)> {
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
        let bytes = fs_err::metadata(&unfinished)?.len();
        step.done(&size(bytes));
        self.places.store.layers.keep(unfinished, &stage.key)?;
        let product = Product::Container(&digest);
        let describe = || self.described(stage, image, result, &product, &rootfs, &origin);
        Ok((bytes, stage.asked.then(describe).transpose()?))
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
        let outcome = self.described(stage, image, qcow2.clone(), &product, &rootfs, &origin)?;
        step.done(&size(outcome.image_size));
        acceptance::accept(&qcow2, &title, self.progress)?;
        Ok(outcome)
    }

    /// A finished image with its manifest and its papers.
    fn described(
        &self,
        stage: &Stage,
        image: &Image,
        path: PathBuf,
        product: &Product<'_>,
        rootfs: &Rootfs,
        origin: &Origin,
    ) -> Result<Outcome> {
        let mut outcome = manifest::describe(path, product, rootfs, image, origin, self.work)?;
        papers::add(&mut outcome, self.plan, stage, image, rootfs, self.work, origin.epoch)?;
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
            Carried::Made(key) => Cargo::of(self.places.store.layers.path(key)),
            Carried::Fetched(key, reference) => {
                let path = self.places.store.containers.path(key);
                Cargo { reference: Some(reference.clone()), ..Cargo::of(path) }
            }
            Carried::Archive(archive) => Cargo {
                name: archive.name.clone(),
                hub: archive.hub.clone(),
                ..Cargo::of(archive.path.clone())
            },
        }
    }
}
