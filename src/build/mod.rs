//! Stages → files. Executes what a plan says, and decides nothing.

mod acceptance;
mod archive;
mod assembly;
mod base;
mod checked;
mod confined;
mod deb;
mod entry;
mod esp;
mod feed;
mod findings;
mod hands;
mod inventory;
mod job;
mod layer;
mod listing;
mod makers;
mod manifest;
mod mmdebstrap;
mod names;
mod oci;
mod origin;
mod packages;
mod papers;
mod preload;
mod provision;
mod publish;
mod qcow2;
mod record;
mod registry;
mod repository;
mod resolve;
mod results;
mod rootfs;
mod sets;
mod shelf;
mod signature;
mod store;
mod tarball;
mod target_tools;
mod unpacked;
pub mod untrusted;
mod verify;
mod whiteouts;
mod written;

use std::path::PathBuf;

use crate::failure::{Result, Shortage};
use crate::host::space::{self, Demand};
use crate::host::work::{WorkFolder, usual_permissions};
use crate::plan::lock::Lock;
use crate::plan::{HostFacts, Plan, Room};
use crate::report::{Progress, Published};

use job::Job;
pub(crate) use manifest::installed_packages;
pub use manifest::{Package, hash};
pub use packages::PackageStore;
pub use signature::{Signer, check_build};
pub use store::{Entry, Pruned, Pruning, Store};
pub use verify::compare;

/// Where a build reads and writes.
#[derive(Debug)]
pub struct Places {
    /// Where the results go.
    pub output: PathBuf,
    /// The kept layers.
    pub store: Store,
}

impl Places {
    /// The room on disks that a build lacks here. `options` say how to choose other places.
    #[must_use]
    pub fn lacking_room(&self, room: Room, options: &str) -> Vec<Shortage> {
        let temporary = std::env::temp_dir();
        let demands = [
            Demand { what: "kept layers", place: self.store.layers.folder(), bytes: room.kept },
            Demand { what: "mmdebstrap's work", place: &temporary, bytes: room.unpacked },
            Demand { what: "images", place: &self.output, bytes: room.images },
        ];
        space::lacking(&demands, options)
    }
}

/// What a build needs to know beside its plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where locked packages are looked for in place of the archives that their lock names.
    pub mirror: Option<String>,
    /// How many stages may go on at once.
    pub hands: usize,
    /// Whether somebody wants to know what the layers are made of.
    pub wants_lock: bool,
}

/// What a plan needs to know of this machine.
pub fn host_facts(places: &Places) -> Result<HostFacts> {
    Ok(HostFacts {
        layers: places.store.layers.ages()?,
        sets: places.store.sets.ages()?.into_keys().collect(),
        containers: places.store.containers.ages()?.into_keys().collect(),
        bases: places.store.bases.ages()?,
        results: results::known(places)?,
        makers: makers::makers(),
    })
}

/// What a build has made.
#[derive(Debug)]
pub struct Made {
    /// What the layers are made of, where that was wanted.
    pub lock: Option<Lock>,
    /// The files of all images that were asked for, whether made now or kept, in the order of their paths.
    pub published: Vec<Published>,
}

/// Runs all stages. Images appear in the output folder at the end, all of them whole, or not at all.
pub fn execute(plan: &Plan, places: &Places, settings: &Settings, progress: &Progress) -> Result<Made> {
    usual_permissions();
    fs_err::create_dir_all(&places.output)?;
    fs_err::create_dir_all(places.store.logs.folder())?;
    places.store.sweep()?;
    let (work, scratch) = (WorkFolder::within(&places.output)?, WorkFolder::scratch()?);
    let job = Job::new(plan, places, &work, &scratch, settings, progress)?;
    let kept = results::kept(plan, places)?;
    job.locked_packages()?;
    plan.stages.iter().filter(|stage| stage.kept).for_each(|stage| job.tell_kept(stage));
    let made = hands::work_off(plan, settings.hands, |stage| Ok((stage, job.stage(stage)?)))?;
    let made: Vec<_> = made.into_iter().filter_map(|(stage, outcome)| Some((stage, outcome?))).collect();
    let lock = settings.wants_lock.then(|| job.lock()).transpose()?;
    let outcomes: Vec<_> = made.iter().map(|(_, outcome)| outcome).collect();
    let published = publish::all(&outcomes, kept, &places.output, progress)?;
    let remembered = made.iter().try_for_each(|(stage, outcome)| {
        results::remember(stage, job.inputs(stage), outcome.names()?, places)
    });
    // No package can be cleared out as long as this build holds them.
    drop(job);
    // Not before: what is too old by a clock that is wrong is not too old.
    if let Err(error) = remembered.and_then(|()| places.store.clear_out()) {
        // The images are there, and right.
        progress.note(&format!("the cache could not be put in order: {error}"));
    }
    Ok(Made { lock, published })
}
