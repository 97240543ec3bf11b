//! Stages → files. Executes what a plan says, and decides nothing.

mod acceptance;
mod archive;
mod artifacts;
mod assembly;
mod attestations;
mod base;
mod blame;
mod bootstrap;
mod bootstrap_context;
mod bucket;
mod bundles;
mod cache;
mod cache_entry;
mod checked;
mod compose;
mod confined;
mod context;
mod deb;
mod describe;
mod embedded_lock;
mod entry;
mod esp;
mod file_tree;
mod findings;
mod hash;
mod inventory;
mod manifest;
mod mmdebstrap;
mod names;
mod oci;
mod overlay2;
mod packages;
mod preload;
mod preloaded;
mod provision;
mod publish;
mod qcow2;
mod registry;
mod repository;
mod resolve;
mod resolved_inputs;
mod rootfs;
mod scheduler;
mod settings;
mod signature;
mod stages;
mod stamp;
mod stdin_tar;
mod tar_rewriter;
mod tarball;
mod target_tools;
pub mod untrusted;
mod verify;
mod whiteouts;
mod written;

use crate::failure::Result;
use crate::host::workdir::{WorkDir, set_umask_022};
use crate::plan::lock::Lock;
use crate::plan::{Formats, HostFacts, Plan};
use crate::report::{Progress, Published};

pub use cache::{Cache, Pruned, Pruning};
pub use cache_entry::{CacheEntry, CacheKind};
use context::BuildContext;
pub use hash::hash;
pub use packages::PackageStore;
pub use settings::{BuildDirs, Settings};
pub use signature::{Signer, check_build};
pub use verify::compare;

/// What a plan needs to know of this machine.
pub fn host_facts(dirs: &BuildDirs) -> Result<HostFacts> {
    Ok(HostFacts {
        layers: dirs.cache.layers.ages()?,
        sets: dirs.cache.sets.ages()?.into_keys().collect(),
        containers: dirs.cache.containers.ages()?.into_keys().collect(),
        bases: dirs.cache.bases.ages()?,
        results: stamp::up_to_date(dirs)?,
        formats: Formats { rootfs: bootstrap::ROOTFS_FORMAT, oci: oci::OCI_FORMAT },
    })
}

/// What a build has made.
#[derive(Debug)]
pub struct BuildOutput {
    /// What the root trees are made of, where that was wanted.
    pub lock: Option<Lock>,
    /// The files of all images that were requested, whether made now or cached, in the order of their paths.
    pub published: Vec<Published>,
}

/// Runs all stages. Images appear in the output folder at the end, all of them whole, or not at all.
pub fn execute(
    plan: &Plan,
    dirs: &BuildDirs,
    settings: &Settings,
    progress: &Progress,
) -> Result<BuildOutput> {
    set_umask_022();
    fs_err::create_dir_all(&dirs.output)?;
    fs_err::create_dir_all(dirs.cache.logs.folder())?;
    dirs.cache.remove_stale_temps()?;
    let (work, scratch) = (WorkDir::within(&dirs.output)?, WorkDir::scratch()?);
    let context = BuildContext::new(plan, dirs, &work, &scratch, settings, progress, stages::make)?;
    let kept = stamp::kept(plan, dirs)?;
    resolved_inputs::locked_packages(&context)?;
    plan.stages.iter().filter(|stage| stage.kept).for_each(|stage| context.tell_kept(stage));
    let made =
        scheduler::run_stages(plan, settings.hands, |stage| Ok((stage, stages::run(&context, stage)?)))?;
    let made: Vec<_> = made.into_iter().filter_map(|(stage, outcome)| Some((stage, outcome?))).collect();
    let lock = settings.wants_lock.then(|| resolved_inputs::lock_of_plan(&context)).transpose()?;
    let outcomes: Vec<_> = made.iter().map(|(_, outcome)| outcome).collect();
    let published = publish::all(&outcomes, kept, &dirs.output, progress)?;
    let remembered = made.iter().try_for_each(|(stage, outcome)| {
        stamp::record_stamp(stage, context.inputs(stage), outcome.names()?, dirs)
    });
    // No package can be cleared out as long as this build holds them.
    drop(context);
    // Not before: what is too old by a clock that is wrong is not too old.
    if let Err(error) = remembered.and_then(|()| dirs.cache.gc()) {
        // The images are there, and right.
        progress.note(&format!("removing outdated cache entries failed: {error}"));
    }
    Ok(BuildOutput { lock, published })
}
