//! What all stages of one build share, and what they hold of the cache.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;

use super::artifacts::Artifacts;
use super::bucket::CacheBucket;
use super::entry::{EntryGuard, EntryMeta, Lookup, PendingEntry};
use super::{BuildDirs, Settings};
use crate::failure::Result;
use crate::host::memory::MemoryBudget;
use crate::host::workdir::{BackgroundRemovals, WorkDir};
use crate::plan::{Action, CacheKey, Plan, Stage};
use crate::report::Progress;

/// Makes what a stage says; gives the result, where one was requested.
pub(super) type MakeStage = fn(&BuildContext<'_>, &Stage) -> Result<Option<Artifacts>>;

/// What all stages of one build share.
pub(super) struct BuildContext<'a> {
    pub(super) plan: &'a Plan,
    pub(super) dirs: &'a BuildDirs,
    pub(super) work: &'a WorkDir,
    pub(super) scratch: &'a WorkDir,
    pub(super) settings: &'a Settings,
    pub(super) progress: &'a Progress,
    /// The cache entries under the keys of the plan when the build began.
    before: BTreeMap<CacheKey, Option<EntryMeta>>,
    /// What root trees and disks may be made in.
    pub(super) budget: MemoryBudget,
    /// What this build uses, by key, until it ends.
    held: Mutex<BTreeMap<CacheKey, Arc<EntryGuard>>>,
    /// What root trees were unpacked in.
    pub(super) removals: BackgroundRemovals,
    /// Two images of one root tree share its tools.
    pub(super) tools: Mutex<()>,
    /// How a stage is made whose kept result is damaged.
    make: MakeStage,
    /// Nobody takes packages away until this build ends.
    _packages: File,
}

impl<'a> BuildContext<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        dirs: &'a BuildDirs,
        work: &'a WorkDir,
        scratch: &'a WorkDir,
        settings: &'a Settings,
        progress: &'a Progress,
        make: MakeStage,
    ) -> Result<Self> {
        let mut job = Self {
            plan,
            dirs,
            work,
            scratch,
            settings,
            progress,
            before: BTreeMap::new(),
            budget: MemoryBudget::of_build(),
            held: Mutex::default(),
            removals: BackgroundRemovals::default(),
            tools: Mutex::default(),
            make,
            _packages: dirs.cache.packages.hold()?,
        };
        for stage in &plan.stages {
            if let Some(its_shelf) = job.bucket(stage) {
                job.before.insert(stage.key.clone(), its_shelf.record(stage.key.as_str())?);
            }
        }
        Ok(job)
    }

    /// Says that nothing has to be done for a stage.
    pub(super) fn tell_kept(&self, stage: &Stage) {
        let title = stage.title();
        self.progress.note(&format!("{title}: cached"));
        self.progress.events().kept(&title, stage.key.as_str());
    }

    /// Says that packages wait for those of another root tree, which this build or another one makes.
    pub(super) fn tell_packages_wait(&self, title: &str) {
        self.progress.note(&format!("{title}: another root tree's packages are being fetched; waiting"));
    }

    /// The hashes of what an image was made from, by key.
    pub(super) fn inputs(&self, stage: &Stage) -> BTreeMap<String, String> {
        let held = self.held();
        let needs = stage.needs().into_iter();
        needs.filter_map(|key| Some((key.as_str().to_owned(), held.get(key)?.sha256.clone()))).collect()
    }

    /// The cache bucket for the result of a stage.
    pub(super) fn bucket(&self, stage: &Stage) -> Option<&'a CacheBucket> {
        match &stage.action {
            Action::Set(_) => Some(&self.dirs.cache.sets),
            Action::Fetch(_) => Some(&self.dirs.cache.containers),
            Action::Layer(_) | Action::Container(_) => Some(&self.dirs.cache.layers),
            Action::Base(_) => Some(&self.dirs.cache.bases),
            Action::Image(_) | Action::Provision(_) => None,
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, BTreeMap<CacheKey, Arc<EntryGuard>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cache entry under a key of the plan; it is made again if it is missing or damaged.
    pub(super) fn hold(&self, key: &CacheKey) -> Result<Arc<EntryGuard>> {
        if let Some(held) = self.held().get(key) {
            return Ok(held.clone());
        }
        let stage = self.plan.stages.iter().find(|stage| stage.key == *key);
        let stage = stage.context("a stage that the plan does not have")?;
        let its_shelf = self.bucket(stage).context("a stage without a cached result")?;
        if let Some(held) = self.look(stage, its_shelf)? {
            return Ok(held);
        }
        (self.make)(self, stage)?;
        let made = self.held().get(key).cloned();
        Ok(made.with_context(|| format!("{}: the result has disappeared from the cache", stage.title()))?)
    }

    /// Holds the cached result of a stage, if it is intact.
    fn look(&self, stage: &Stage, its_shelf: &CacheBucket) -> Result<Option<Arc<EntryGuard>>> {
        match its_shelf.hold(&stage.key)? {
            Lookup::Hit(held) => Ok(Some(self.keep_hold(&stage.key, held))),
            Lookup::Corrupt => {
                self.progress
                    .note(&format!("{}: the cached result is damaged; making it again", stage.title()));
                Ok(None)
            }
            Lookup::Miss => Ok(None),
        }
    }

    /// Caches what `make` writes, unless another build has made the same in the meantime and that will do.
    pub(super) fn keep(
        &self,
        stage: &Stage,
        its_shelf: &CacheBucket,
        others_will_do: bool,
        make: impl FnOnce(&mut PendingEntry) -> Result<()>,
    ) -> Result<()> {
        let (key, title) = (&stage.key, stage.title());
        let waiting = || self.progress.note(&format!("{title}: another build is making it; waiting"));
        let _making = its_shelf.lock(key, waiting)?;
        let base = stage.base().map(|base| self.hold(base)).transpose()?.map(|held| held.sha256.clone());
        let now = its_shelf.record(key.as_str())?;
        let is_new = now.is_some() && Some(&now) != self.before.get(key);
        let is_same = is_new && now.is_some_and(|now| now.base == base);
        if others_will_do && is_same && self.look(stage, its_shelf)?.is_some() {
            self.progress.note(&format!("{title}: another build has made it"));
            return Ok(());
        }
        let mut unfinished = its_shelf.pending()?;
        unfinished.base = base;
        make(&mut unfinished)?;
        self.keep_hold(key, its_shelf.keep(unfinished, key, &title)?);
        Ok(())
    }

    /// Holds an entry until the build ends. The one that is held already stays: somebody reads it by the path of the open
    /// file.
    fn keep_hold(&self, key: &CacheKey, guard: EntryGuard) -> Arc<EntryGuard> {
        self.held().entry(key.clone()).or_insert_with(|| Arc::new(guard)).clone()
    }

    pub(super) fn log(&self, stage: &Stage) -> PathBuf {
        self.dirs.cache.logs.path(stage.key.short())
    }
}
