//! What one build does for each of its stages.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;

use super::bucket::CacheBucket;
use super::entry::{EntryGuard, EntryMeta, Lookup, PendingEntry};
use super::manifest::{self, Product};
use super::publish::Artifacts;
use super::resolved_inputs::ResolvedInputs;
use super::rootfs::{Rootfs, RootfsSpec};
use super::target_tools::TargetTools;
use super::{BuildDirs, Settings, acceptance, assembly, attestations, bootstrap, bundles, oci, registry};
use crate::failure::Result;
use crate::host::memory::{MemoryBudget, TemporaryFile};
use crate::host::privilege::Privilege;
use crate::host::workdir::{BackgroundRemovals, WorkDir};
use crate::plan::{Action, CacheKey, DiskImage, Plan, RootTree, Stage};
use crate::recipe::{Bundle, Reference};
use crate::report::{Progress, size};

/// What all stages of one build share.
pub(super) struct BuildContext<'a> {
    pub(super) plan: &'a Plan,
    pub(super) dirs: &'a BuildDirs,
    pub(super) work: &'a WorkDir,
    scratch: &'a WorkDir,
    pub(super) settings: &'a Settings,
    pub(super) progress: &'a Progress,
    /// What was kept under the keys of the plan when the build began.
    before: BTreeMap<CacheKey, Option<EntryMeta>>,
    /// What layers and disks may be made in.
    budget: MemoryBudget,
    /// What this build uses, by key, until it ends.
    held: Mutex<BTreeMap<CacheKey, Arc<EntryGuard>>>,
    /// What layers were unpacked in.
    removals: BackgroundRemovals,
    /// Two images of one layer share its tools.
    tools: Mutex<()>,
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
        self.progress.note(&format!("{title}: kept"));
        self.progress.events().kept(&title, stage.key.as_str());
    }

    /// Says that packages wait for those of another layer, which this build or another one makes.
    pub(super) fn tell_packages_wait(&self, title: &str) {
        self.progress
            .note(&format!("{title}: another layer's packages are being fetched; waiting for those"));
    }

    /// Makes what a stage says, and tells those who read along; gives the result, where one was asked for.
    pub(super) fn stage(&self, stage: &Stage) -> Result<Option<Artifacts>> {
        let told = self.progress.events().begin(stage.title(), stage.key.as_str());
        let outcome = self.make(stage)?;
        let held = self.held().get(&stage.key).cloned();
        let kept_bytes = held.map(|held| held.bytes()).transpose()?;
        told.done(outcome.as_ref().map_or(kept_bytes.unwrap_or_default(), |outcome| outcome.image_size));
        Ok(outcome)
    }

    fn make(&self, stage: &Stage) -> Result<Option<Artifacts>> {
        match &stage.action {
            Action::Set(set) => self.set(stage, set).map(|()| None),
            Action::Fetch(reference) => self.fetch(stage, reference).map(|()| None),
            Action::Layer(layer) => self.layer(stage, layer).map(|()| None),
            Action::Container(image) => self.container(stage, image),
            Action::Base(image) => self.base(stage, image).map(|()| None),
            Action::Image(image) => self.image(stage, image).map(Some),
            Action::Provision(provision) => self.provision(stage, provision).map(Some),
        }
    }

    /// The hashes of what an image was made from, by key.
    pub(super) fn inputs(&self, stage: &Stage) -> BTreeMap<String, String> {
        let held = self.held();
        let needs = stage.needs().into_iter();
        needs.filter_map(|key| Some((key.as_str().to_owned(), held.get(key)?.sha256.clone()))).collect()
    }

    /// Where what a stage makes is kept.
    fn bucket(&self, stage: &Stage) -> Option<&'a CacheBucket> {
        match &stage.action {
            Action::Set(_) => Some(&self.dirs.cache.sets),
            Action::Fetch(_) => Some(&self.dirs.cache.containers),
            Action::Layer(_) | Action::Container(_) => Some(&self.dirs.cache.layers),
            Action::Base(_) => Some(&self.dirs.cache.bases),
            Action::Image(_) | Action::Provision(_) => None,
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<CacheKey, Arc<EntryGuard>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under a key of the plan, as it was made; made again where it is not.
    pub(super) fn hold(&self, key: &CacheKey) -> Result<Arc<EntryGuard>> {
        if let Some(held) = self.held().get(key) {
            return Ok(held.clone());
        }
        let stage = self.plan.stages.iter().find(|stage| stage.key == *key);
        let stage = stage.context("a stage that the plan does not have")?;
        let its_shelf = self.bucket(stage).context("a stage of which nothing is kept")?;
        if let Some(held) = self.look(stage, its_shelf)? {
            return Ok(held);
        }
        self.make(stage)?;
        let made = self.held().get(key).cloned();
        Ok(made.with_context(|| format!("{}: it was made and is not there", stage.title()))?)
    }

    /// Holds what is kept of a stage, if that is as it was made.
    fn look(&self, stage: &Stage, its_shelf: &CacheBucket) -> Result<Option<Arc<EntryGuard>>> {
        match its_shelf.hold(&stage.key)? {
            Lookup::Hit(held) => Ok(Some(self.keep_hold(&stage.key, held))),
            Lookup::Corrupt => {
                self.progress.note(&format!("{}: what was kept is damaged; it is made again", stage.title()));
                Ok(None)
            }
            Lookup::Miss => Ok(None),
        }
    }

    /// Keeps what `make` writes, unless another build has made the same in the meantime and that will do.
    pub(super) fn keep(
        &self,
        stage: &Stage,
        its_shelf: &CacheBucket,
        others_will_do: bool,
        make: impl FnOnce(&mut PendingEntry) -> Result<()>,
    ) -> Result<()> {
        let (key, title) = (&stage.key, stage.title());
        let waiting =
            || self.progress.note(&format!("{title}: another build is making it; waiting for that"));
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

    fn log(&self, stage: &Stage) -> PathBuf {
        self.dirs.cache.logs.path(stage.key.short())
    }

    fn set(&self, stage: &Stage, bundle: &Bundle) -> Result<()> {
        self.keep(stage, &self.dirs.cache.sets, true, |target| {
            let step = self.progress.step(format!("{}: fetched by its hashes", stage.title()));
            bundles::fetch(bundle, &stage.key, target.path(), &self.log(stage), self.work)?;
            step.done(&size(target.bytes()?));
            Ok(())
        })
    }

    fn fetch(&self, stage: &Stage, reference: &Reference) -> Result<()> {
        self.keep(stage, &self.dirs.cache.containers, true, |target| {
            let step = self.progress.step(format!("{}: fetched by its digest", stage.title()));
            registry::fetch(reference, &stage.key, target.path(), &self.log(stage), self.work)?;
            step.done(&size(target.bytes()?));
            Ok(())
        })
    }

    fn layer(&self, stage: &Stage, tree: &RootTree) -> Result<()> {
        let below = tree.parent.as_ref().map(|below| self.hold(below)).transpose()?;
        let sets = tree.sets.iter().map(|(key, _)| self.hold(key)).collect::<Result<Vec<_>>>()?;
        self.keep(stage, &self.dirs.cache.layers, true, |target| {
            let surroundings = bootstrap::BootstrapContext {
                name: format!("{}-{}", tree.recipe, stage.key.short()),
                parent: below.as_ref().map(|below| below.path()),
                sets: sets.iter().map(|set| set.path()).collect(),
                packages: &self.dirs.cache.packages,
                work: self.work,
                scratch: self.scratch,
                log: self.log(stage),
                budget: &self.budget,
                privilege: Privilege::of_user(),
            };
            let title = stage.title();
            let step = self.progress.step(format!("{title}: packages"));
            let waiting = || self.tell_packages_wait(&title);
            let (locked, provided) = bootstrap::choose(tree, &surroundings, waiting)?;
            step.done(&format!("{}{}", locked.packages.len(), provided.told()));
            let step = self.progress.step(format!("{title}: mmdebstrap"));
            let again =
                || self.progress.note(&format!("{title}: too large for memory; once more on the disk"));
            let tree = bootstrap::make(tree, &locked, target, &surroundings, again)?;
            self.removals.add(tree);
            step.done(&size(target.bytes()?));
            Ok(())
        })?;
        self.remove_unpacked();
        Ok(())
    }

    /// What the layers were unpacked in goes when the last of them is made, beside the images: ext4 is slow for minutes
    /// at making files where it has just removed some.
    fn remove_unpacked(&self) {
        let held = self.held();
        let is_made = |stage: &Stage| stage.kept || held.contains_key(&stage.key);
        let mut layers = self.plan.stages.iter().filter(|stage| matches!(stage.action, Action::Layer(_)));
        if layers.all(is_made) {
            self.removals.begin();
        }
    }

    /// The result, where it was asked for; another build's archive would do for the cache, but it has no manifest.
    fn container(&self, stage: &Stage, image: &DiskImage) -> Result<Option<Artifacts>> {
        let mut outcome = None;
        self.keep(stage, &self.dirs.cache.layers, !stage.asked, |target| {
            outcome = self.archive(stage, image, target)?;
            Ok(())
        })?;
        Ok(outcome)
    }

    fn archive(&self, stage: &Stage, image: &DiskImage, target: &PendingEntry) -> Result<Option<Artifacts>> {
        let (title, origin) = (stage.title(), self.origin(image)?);
        let settings = image.container.as_ref().context("a container image without settings")?;
        let composition = self.composition(image, origin.epoch)?;
        let file = TemporaryFile::on_disk(self.work.path(&format!("{}.layer.tar.zst", image.recipe)));
        let step = self.progress.step(composing(&title));
        let (rootfs, layer) = oci::Layer::compress(file, |tar| composition.write(tar))?;
        step.done(&rootfs.summary());
        let step = self.progress.step(format!("{title}: archive"));
        let digest = oci::archive(layer, &rootfs, image, settings, target.path(), origin.epoch)?;
        let result = self.work.path(&format!("{}.oci.tar", image.recipe));
        if stage.asked {
            fs_err::copy(target.path(), &result)?;
            // The store's files begin as temporary ones, which are their owner's alone.
            fs_err::set_permissions(&result, PermissionsExt::from_mode(0o644))?;
        }
        step.done(&size(target.bytes()?));
        let product = Product::Container(&digest);
        let describe = || self.described(image, result, &product, &rootfs, &origin);
        stage.asked.then(describe).transpose()
    }

    fn image(&self, stage: &Stage, image: &DiskImage) -> Result<Artifacts> {
        let (title, origin) = (stage.title(), self.origin(image)?);
        let composition = self.composition(image, origin.epoch)?;
        let step = self.progress.step(composing(&title));
        let rootfs = composition.measure()?;
        step.done(&rootfs.summary());

        let step = self.progress.step(format!("{title}: file system and boot loader"));
        let tools = self.tools(image)?;
        let disk = assembly::assemble(&composition, &rootfs, &origin, &tools, self.work, &self.budget)?;
        step.done(&size(disk.layout.total));

        let step = self.progress.step(format!("{title}: qcow2"));
        let qcow2 = assembly::compress(&disk, image, self.settings.hands, self.work)?;
        let product = Product::Disk(&disk);
        let outcome = self.described(image, qcow2.clone(), &product, &rootfs, &origin)?;
        step.done(&size(outcome.image_size));
        acceptance::accept(&qcow2, &title, self.progress)?;
        Ok(outcome)
    }

    /// A finished image with its manifest and its papers.
    pub(super) fn described(
        &self,
        image: &DiskImage,
        path: PathBuf,
        product: &Product<'_>,
        rootfs: &Rootfs,
        resolved: &ResolvedInputs,
    ) -> Result<Artifacts> {
        let mut outcome = manifest::describe(path, product, rootfs, image, resolved, self.work)?;
        attestations::add(&mut outcome, self.plan, image, rootfs, resolved, self.work)?;
        Ok(outcome)
    }

    fn tools(&self, image: &DiskImage) -> Result<TargetTools> {
        let layer = self.hold(&image.layer)?;
        let _one_at_a_time = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        TargetTools::unpack(&layer.path(), image, self.work)
    }

    /// What the root file system of an image is made of.
    fn composition<'image>(&self, image: &'image DiskImage, epoch: u64) -> Result<RootfsSpec<'image>> {
        let preloads =
            image.carried.iter().map(|carried| self.preload_set(carried)).collect::<Result<_>>()?;
        Ok(RootfsSpec { layer: self.hold(&image.layer)?.path(), image, preloads, epoch })
    }
}

fn composing(title: &str) -> String {
    format!("{title}: hygiene and overlay")
}
