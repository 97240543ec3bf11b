//! Stages → files. Executes what a plan says, and decides nothing.

mod archive;
mod assembly;
mod hands;
mod job;
mod layer;
mod manifest;
mod oci;
mod preload;
mod publish;
mod results;
mod rootfs;
mod sets;
mod shelf;
mod store;
mod target_tools;

use std::path::PathBuf;

use crate::failure::Result;
use crate::host::work::WorkFolder;
use crate::plan::{HostFacts, Plan};
use crate::report::Progress;

use job::Job;
pub use manifest::hash;
pub use shelf::Entry;
pub use store::{Pruned, Pruning, Store};

/// Where a build reads and writes.
#[derive(Debug)]
pub struct Places {
    /// Where the results go.
    pub output: PathBuf,
    /// The kept layers.
    pub store: Store,
}

/// What a build needs to know beside its plan.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Seconds since 1970 that no file of an image may be newer than.
    pub epoch: u64,
    /// The same, where it was given (`SOURCE_DATE_EPOCH`) and is not just now.
    pub given_epoch: Option<u64>,
    /// Whether we run as root; otherwise mmdebstrap uses subordinate ids.
    pub root: bool,
    /// How many stages may go on at once.
    pub hands: usize,
}

/// What a plan needs to know of this machine. `epoch` is the time of the images, where one was given.
pub fn host_facts(places: &Places, epoch: Option<u64>) -> Result<HostFacts> {
    Ok(HostFacts {
        layers: places.store.layers.ages()?,
        sets: places.store.sets.ages()?.into_keys().collect(),
        results: results::known(places, epoch)?,
    })
}

/// Runs all stages. Images appear in the output folder at the end, all of them whole, or not at all.
pub fn execute(plan: &Plan, places: &Places, settings: Settings, progress: &Progress) -> Result<()> {
    fs_err::create_dir_all(&places.output)?;
    fs_err::create_dir_all(places.store.logs.folder())?;
    places.store.clear_out()?;
    let (work, scratch) = (WorkFolder::within(&places.output)?, WorkFolder::scratch()?);
    let job = Job::new(plan, places, &work, &scratch, settings, progress)?;
    for stage in plan.stages.iter().filter(|stage| stage.kept) {
        progress.note(&format!("{}: kept", stage.title()));
    }
    let made = hands::work_off(plan, settings.hands, |stage| Ok((stage, job.make(stage)?)))?;
    let made: Vec<_> = made.into_iter().filter_map(|(stage, outcome)| Some((stage, outcome?))).collect();
    publish::all(&made.iter().map(|(_, outcome)| outcome).collect::<Vec<_>>(), &places.output, progress)?;
    for (stage, outcome) in &made {
        results::remember(stage, job.inputs(stage), outcome.names()?, places, settings.given_epoch)?;
    }
    Ok(())
}
