//! From a request to the stages that it takes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    Action, CacheKey, DiskImage, Formats, HostFacts, LAYER_FRESH_FOR, Plan, PreloadSource, Provision,
    Request, RootTree, Stage,
};
use crate::recipe::{Bundle, Chain, CloudImage, Preload, Recipe, Reference};
use crate::util::hex;

/// Installs a set of Python's inside the root file system.
pub(super) const PYTHON_INSTALLER: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/python-set.sh"));

/// The folder of dpkg's settings (dpkg(1)).
pub(super) const DPKG: &str = "etc/dpkg/dpkg.cfg.d/";

pub(super) const INITRAMFS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/initramfs.sh"));

/// Decides what to do.
#[must_use]
pub fn plan(request: &Request, facts: &HostFacts) -> Plan {
    let mut planner = Planner { request, facts, plan: Plan { stages: vec![] } };
    for chain in &request.layers {
        match chain.cloud() {
            Some(base) => drop(planner.base(base)),
            None => drop(planner.layers(chain)),
        }
    }
    for chain in &request.images {
        match chain.top().container {
            Some(_) => drop(planner.container(chain, Purpose::Requested)),
            None => planner.machine(chain),
        }
    }
    planner.plan
}

/// The version of how bundles are fetched and packed: they stay in the cache for ever.
pub(super) const SETS_MADE: u32 = 2;

/// What the result of a stage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The user asked for it.
    Requested,
    /// Another stage takes it.
    Input,
}

pub(super) struct Planner<'a> {
    pub(super) request: &'a Request,
    pub(super) facts: &'a HostFacts,
    pub(super) plan: Plan,
}

impl Planner<'_> {
    pub(super) fn machine(&mut self, chain: &Chain) {
        let carried = self.carried(chain.containers());
        if let Some(base) = chain.cloud() {
            return self.provision(chain, base, carried);
        }
        let (layer, _) = self.layers(chain);
        let action = Action::Image(image(chain, layer, carried));
        let kept = self.is_published(&action);
        self.add(action, kept, Purpose::Requested);
    }

    pub(super) fn container(&mut self, chain: &Chain, purpose: Purpose) -> CacheKey {
        let (layer, oldest) = self.layers(chain);
        let action = Action::Container(image(chain, layer, vec![]));
        let at_hand = self.age(&self.key(&action), oldest).is_some();
        // What is kept is the archive alone; a result has a manifest too.
        let published = self.is_published(&action);
        let key = self.add(action, at_hand, purpose);
        self.plan
            .stages
            .iter_mut()
            .filter(|stage| stage.key == key && stage.asked)
            .for_each(|stage| stage.kept = at_hand && published);
        key
    }

    /// Whether the result is in the output folder, and nothing that it is made from will be made again.
    pub(super) fn is_published(&self, action: &Action) -> bool {
        let is_kept = |key: &CacheKey| self.plan.stages.iter().any(|stage| stage.key == *key && stage.kept);
        let age = self.facts.results.get(self.key(action).as_str());
        // What is installed on a cloud image ages as root trees do, which are what all other images age with.
        let ages = matches!(action, Action::Provision(_));
        !self.request.fresh
            && age.is_some_and(|age| !ages || *age < LAYER_FRESH_FOR)
            && action.needs().into_iter().all(is_kept)
    }

    /// The root trees of `chain`; gives the topmost, and the age in seconds of the youngest of them.
    pub(super) fn layers(&mut self, chain: &Chain) -> (CacheKey, u64) {
        let mut below: Option<CacheKey> = None;
        let mut oldest = LAYER_FRESH_FOR - 1;
        for recipe in chain.recipes() {
            if below.is_some() && !recipe.makes_layer() {
                continue;
            }
            let sets = recipe.sets.iter().map(|set| (self.set(set), set.clone())).collect();
            let action = Action::Layer(layer(recipe, chain, below, sets, self.request));
            let age = self.age(&self.key(&action), oldest);
            oldest = age.unwrap_or(0);
            below = Some(self.add(action, age.is_some(), Purpose::Input));
        }
        (below.expect("a chain begins with a recipe that bootstraps"), oldest)
    }

    pub(super) fn set(&mut self, bundle: &Bundle) -> CacheKey {
        // Where it goes in an image is not a matter of what it is.
        let action = Action::Set(Bundle { into: String::new(), ..bundle.clone() });
        let key = CacheKey::of(&(SETS_MADE, &action));
        let kept = self.facts.sets.contains(key.as_str());
        self.add_as(key, action, kept, Purpose::Input)
    }

    /// The age of the cache entry under a key. What is older than the root tree below it was made from an earlier one.
    pub(super) fn age(&self, key: &CacheKey, oldest: u64) -> Option<u64> {
        let age = self.facts.layers.get(key.as_str()).copied();
        age.filter(|age| !self.request.fresh && *age <= oldest)
    }

    pub(super) fn add(&mut self, action: Action, kept: bool, purpose: Purpose) -> CacheKey {
        self.add_as(self.key(&action), action, kept, purpose)
    }

    /// What is kept for a day has the format in its key in which it is written. Results know the program that made them, and sets count
    /// its changes.
    pub(super) fn key(&self, action: &Action) -> CacheKey {
        let Formats { rootfs, oci } = self.facts.formats;
        match action {
            Action::Layer(_) => CacheKey::of(&("rootfs", rootfs, action)),
            Action::Container(_) => CacheKey::of(&("oci", oci, action)),
            _ => CacheKey::of(action),
        }
    }

    pub(super) fn add_as(&mut self, key: CacheKey, action: Action, kept: bool, purpose: Purpose) -> CacheKey {
        let asked = purpose == Purpose::Requested;
        match self.plan.stages.iter_mut().find(|stage| stage.key == key) {
            Some(stage) => stage.asked |= asked,
            None => self.plan.stages.push(Stage { key: key.clone(), action, kept, asked }),
        }
        key
    }
}

pub(super) fn layer(
    recipe: &Recipe,
    chain: &Chain,
    below: Option<CacheKey>,
    sets: Vec<(CacheKey, Bundle)>,
    request: &Request,
) -> RootTree {
    // Whoever asks for another kernel gets a lowest root tree of its own, so that no image has two.
    let kernel = chain.kernel().map(|kernel| kernel.package().to_owned());
    let locked = request.lock.as_ref().and_then(|lock| lock.layer(&recipe.name, kernel.as_deref())).cloned();
    RootTree {
        recipe: recipe.name.clone(),
        suite: chain.suite().to_owned(),
        packages: kernel.iter().filter(|_| below.is_none()).chain(&recipe.packages).cloned().collect(),
        dpkg: settings_of_dpkg(recipe),
        kernel,
        parent: below,
        initramfs: chain.kernel().map(|_| INITRAMFS.to_owned()).unwrap_or_default(),
        installer: if sets.is_empty() { String::new() } else { PYTHON_INSTALLER.to_owned() },
        sets,
        places: recipe.places.clone(),
        scripts: recipe.scripts.iter().map(|script| (script.path.clone(), script.text.clone())).collect(),
        // Where the packages come from does not matter once it is said which they are.
        mirror: request.mirror.clone().filter(|_| locked.is_none()),
        epoch: request.epoch.filter(|_| locked.is_none()),
        locked,
    }
}

/// The rest of an overlay comes when all packages are installed, which is too late for these.
pub(super) fn settings_of_dpkg(recipe: &Recipe) -> Vec<(String, String)> {
    let settings = recipe.overlay.iter().filter(|file| file.path.starts_with(DPKG));
    settings.map(|file| (file.path.clone(), String::from_utf8_lossy(&file.content).into_owned())).collect()
}

pub(super) fn image(chain: &Chain, layer: CacheKey, carried: Vec<PreloadSource>) -> DiskImage {
    let mut files = BTreeMap::new();
    let mut links = BTreeMap::new();
    for recipe in chain.recipes() {
        for file in &recipe.overlay {
            files.insert(file.path.clone(), file);
        }
        links.extend(recipe.links.iter().cloned());
    }
    DiskImage {
        recipe: chain.top().name.clone(),
        description: chain.top().description.clone(),
        suite: chain.suite().to_owned(),
        recipe_digest: chain.digest(),
        layer,
        overlay: files
            .iter()
            .map(|(path, file)| (path.clone(), file.mode(), hex(&Sha256::digest(&file.content))))
            .collect(),
        links: links.into_iter().collect(),
        esp: if chain.top().container.is_some() { vec![] } else { chain.esp().to_vec() },
        contents: files.into_iter().map(|(path, file)| (path, file.content.clone())).collect(),
        container: chain.top().container.clone(),
        carried,
    }
}

impl Planner<'_> {
    /// The user's own archive comes first, instead of what recipes make.
    pub(super) fn carried(&mut self, containers: &[Preload<Chain>]) -> Vec<PreloadSource> {
        let own = self.request.archive.iter().filter(|_| !containers.is_empty()).cloned();
        let mut carried: Vec<PreloadSource> = own.map(PreloadSource::Archive).collect();
        for container in containers {
            match container {
                Preload::Made(_) if self.request.archive.is_some() => {}
                Preload::Made(chain) => {
                    carried.push(PreloadSource::Made(self.container(chain, Purpose::Input)));
                }
                Preload::Registry(reference) => {
                    carried.push(PreloadSource::Fetched(self.fetched(reference), reference.clone()));
                }
                Preload::Archive(path) => {
                    carried.extend(self.request.archives.get(path).cloned().map(PreloadSource::Archive));
                }
            }
        }
        carried
    }

    fn fetched(&mut self, reference: &Reference) -> CacheKey {
        let key = CacheKey::of_content(reference);
        let kept = self.facts.containers.contains(key.as_str());
        self.add_as(key, Action::Fetch(reference.clone()), kept, Purpose::Input)
    }
}

impl Planner<'_> {
    /// The stage that downloads a cloud image. One that is pinned by its hash does not age.
    pub(super) fn base(&mut self, base: &CloudImage) -> CacheKey {
        let action = Action::Base(base.clone());
        let age = self.facts.bases.get(self.key(&action).as_str());
        let fresh = |age: &u64| base.is_pinned() || !self.request.fresh && *age < LAYER_FRESH_FOR;
        let kept = age.is_some_and(fresh);
        self.add(action, kept, Purpose::Input)
    }

    /// The stages of an image on a cloud image.
    pub(super) fn provision(&mut self, chain: &Chain, base: &CloudImage, carried: Vec<PreloadSource>) {
        let key = self.base(base);
        let steps = chain.recipes().iter().map(|recipe| {
            let sets = recipe.sets.iter().map(|set| (self.set(set), set.clone())).collect();
            layer(recipe, chain, Some(key.clone()), sets, self.request)
        });
        let steps = steps.collect();
        let image = image(chain, key, carried);
        let (mirror, epoch) = (self.request.mirror.clone(), self.request.epoch);
        let provision = Provision { image, base: base.clone(), steps, mirror, epoch };
        let action = Action::Provision(provision);
        let kept = self.is_published(&action);
        self.add(action, kept, Purpose::Requested);
    }
}
