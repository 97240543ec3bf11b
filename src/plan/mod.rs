//! What a build is going to do, decided before anything is done.
//!
//! A plan is a list of stages in an order in which each comes after those that it needs. A stage's key is the hash of
//! everything that goes into it, the keys of the stages below included; a layer is kept under its key and used again.

mod dependency_queue;
pub mod difference;
pub mod disk;
mod disk_estimate;
pub mod hygiene;
mod inputs;
pub mod lock;
pub mod manifest_input;
mod preload;
mod provision;
mod show;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::recipe::{Bundle, Chain, CloudImage, Recipe, hex};

pub use dependency_queue::DependencyQueue;
pub use disk_estimate::DiskEstimate;
use lock::Lock;
pub use preload::{Archive, PreloadSource};
pub use provision::Provision;
pub use stage::{Action, DiskImage, RootTree, Stage};

/// How long a kept layer counts as fresh, in seconds: a day. After that the archive has newer packages than it, and
/// an image built on it would miss their security fixes.
pub const LAYER_FRESH_FOR: u64 = 24 * 60 * 60;

/// Installs a set of Python's inside the root file system.
const PYTHON_INSTALLER: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/python-set.sh"));
/// The folder of dpkg's settings (dpkg(1)).
const DPKG: &str = "etc/dpkg/dpkg.cfg.d/";
const INITRAMFS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/initramfs.sh"));

/// The hash of everything that goes into a stage, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CacheKey(String);

impl CacheKey {
    /// The hash of `inputs`.
    ///
    /// # Panics
    /// Never: the inputs are plain values that JSON can hold.
    pub fn of(inputs: &impl Serialize) -> Self {
        let text = serde_json::to_vec(inputs).expect("plain values are JSON");
        Self(hex(&Sha256::digest(text)))
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it for a person.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The images to make, each with what it builds on.
    pub images: Vec<Chain>,
    /// Layers to make although no image asks for them.
    pub layers: Vec<Chain>,
    /// A mirror in place of mmdebstrap's default.
    pub mirror: Option<String>,
    /// Make every layer anew.
    pub fresh: bool,
    /// An archive that machines carry in place of the container images that other recipes make for them.
    pub archive: Option<Archive>,
    /// The archives that recipes name, by their paths in the folder of recipes.
    pub archives: BTreeMap<String, Archive>,
    /// What exactly the layers are to be made of; without it the newest packages are taken.
    pub lock: Option<Lock>,
    /// Seconds since 1970 that no file may be newer than; without it the time of the newest package.
    pub epoch: Option<u64>,
}

/// Hashes of the code that makes what is kept.
#[derive(Debug, Clone, Default)]
pub struct Makers {
    /// Of layers.
    pub layers: String,
    /// Of container images, beside their layers.
    pub containers: String,
}

/// What the plan depends on beside the request.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// The kept layers and container images by key, with their age in seconds.
    pub layers: BTreeMap<String, u64>,
    /// The keys of the kept sets of packages. They are locked by hashes, and so do not age.
    pub sets: BTreeSet<String>,
    /// The kept container images of registries by the digits of their digests. They do not age either.
    pub containers: BTreeSet<String>,
    /// The kept cloud images by key, with their age in seconds.
    pub bases: BTreeMap<String, u64>,
    /// The images whose results are in the output folder, whole and made from what is kept: by key, with their age in
    /// seconds.
    pub results: BTreeMap<String, u64>,
    /// What all of it would be made with.
    pub makers: Makers,
}

/// The stages of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Each after those that it needs.
    pub stages: Vec<Stage>,
}

impl Plan {
    /// Whether anything has to be fetched from a registry of container images.
    #[must_use]
    pub fn fetches(&self) -> bool {
        self.does(|action| matches!(action, Action::Fetch(_)))
    }

    /// Whether any layer has to be made.
    #[must_use]
    pub fn makes_layers(&self) -> bool {
        self.does(|action| matches!(action, Action::Layer(_)))
    }

    /// Whether any set of Python or npm packages has to be fetched.
    #[must_use]
    pub fn fetches_sets(&self) -> bool {
        self.does(|action| matches!(action, Action::Set(_)))
    }

    /// The cloud images that images have to be made from.
    pub fn provisioned(&self) -> impl Iterator<Item = &CloudImage> {
        self.stages.iter().filter(|stage| !stage.kept).filter_map(|stage| match &stage.action {
            Action::Provision(provision) => Some(&provision.base),
            _ => None,
        })
    }

    fn does(&self, what: fn(&Action) -> bool) -> bool {
        self.stages.iter().any(|stage| !stage.kept && what(&stage.action))
    }
}

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
            Some(_) => drop(planner.container(chain, true)),
            None => planner.machine(chain),
        }
    }
    planner.plan
}

/// Counts how often the way has changed in which sets of packages are fetched and packed: they are kept for ever.
const SETS_MADE: u32 = 2;

struct Planner<'a> {
    request: &'a Request,
    facts: &'a HostFacts,
    plan: Plan,
}

impl Planner<'_> {
    fn machine(&mut self, chain: &Chain) {
        let carried = self.carried(chain.containers());
        if let Some(base) = chain.cloud() {
            return self.provision(chain, base, carried);
        }
        let (layer, _) = self.layers(chain);
        let action = Action::Image(image(chain, layer, carried));
        let kept = self.is_published(&action);
        self.add(action, kept, true);
    }

    fn container(&mut self, chain: &Chain, asked: bool) -> CacheKey {
        let (layer, oldest) = self.layers(chain);
        let action = Action::Container(image(chain, layer, vec![]));
        let at_hand = self.age(&self.key(&action), oldest).is_some();
        // What is kept is the archive alone; a result has a manifest too.
        let published = self.is_published(&action);
        let key = self.add(action, at_hand, asked);
        self.plan
            .stages
            .iter_mut()
            .filter(|stage| stage.key == key && stage.asked)
            .for_each(|stage| stage.kept = at_hand && published);
        key
    }

    /// Whether the result is in the output folder, and nothing that it is made from will be made anew.
    fn is_published(&self, action: &Action) -> bool {
        let is_kept = |key: &CacheKey| self.plan.stages.iter().any(|stage| stage.key == *key && stage.kept);
        let age = self.facts.results.get(self.key(action).as_str());
        // What is installed on a cloud image ages as layers do, which are what all other images age with.
        let ages = matches!(action, Action::Provision(_));
        !self.request.fresh
            && age.is_some_and(|age| !ages || *age < LAYER_FRESH_FOR)
            && action.needs().into_iter().all(is_kept)
    }

    /// The layers of `chain`; gives the topmost, and the age in seconds of the youngest of them.
    fn layers(&mut self, chain: &Chain) -> (CacheKey, u64) {
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
            below = Some(self.add(action, age.is_some(), false));
        }
        (below.expect("a chain begins with a recipe that bootstraps"), oldest)
    }

    fn set(&mut self, bundle: &Bundle) -> CacheKey {
        // Where it goes in an image is not a matter of what it is.
        let action = Action::Set(Bundle { into: String::new(), ..bundle.clone() });
        let key = CacheKey::of(&(SETS_MADE, &action));
        let kept = self.facts.sets.contains(key.as_str());
        self.add_as(key, action, kept, false)
    }

    /// The age of what is kept under a key. What is older than the layer below it was made from an earlier one.
    fn age(&self, key: &CacheKey, oldest: u64) -> Option<u64> {
        let age = self.facts.layers.get(key.as_str()).copied();
        age.filter(|age| !self.request.fresh && *age <= oldest)
    }

    fn add(&mut self, action: Action, kept: bool, asked: bool) -> CacheKey {
        self.add_as(self.key(&action), action, kept, asked)
    }

    /// What is kept for a day has the code in its key that makes it. Results know the program that made them, and sets count
    /// its changes.
    fn key(&self, action: &Action) -> CacheKey {
        let Makers { layers, containers } = &self.facts.makers;
        match action {
            Action::Layer(_) => CacheKey::of(&(layers, action)),
            Action::Container(_) => CacheKey::of(&(containers, action)),
            _ => CacheKey::of(action),
        }
    }

    fn add_as(&mut self, key: CacheKey, action: Action, kept: bool, asked: bool) -> CacheKey {
        match self.plan.stages.iter_mut().find(|stage| stage.key == key) {
            Some(stage) => stage.asked |= asked,
            None => self.plan.stages.push(Stage { key: key.clone(), action, kept, asked }),
        }
        key
    }
}

fn layer(
    recipe: &Recipe,
    chain: &Chain,
    below: Option<CacheKey>,
    sets: Vec<(CacheKey, Bundle)>,
    request: &Request,
) -> RootTree {
    // Whoever asks for another kernel gets a lowest layer of its own, so that no image has two.
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
        scripts: recipe.scripts.iter().map(|script| (script.path.clone(), script.text.clone())).collect(),
        // Where the packages come from does not matter once it is said which they are.
        mirror: request.mirror.clone().filter(|_| locked.is_none()),
        epoch: request.epoch.filter(|_| locked.is_none()),
        locked,
    }
}

/// The rest of an overlay comes when all packages are installed, which is too late for these.
fn settings_of_dpkg(recipe: &Recipe) -> Vec<(String, String)> {
    let settings = recipe.overlay.iter().filter(|file| file.path.starts_with(DPKG));
    settings.map(|file| (file.path.clone(), String::from_utf8_lossy(&file.content).into_owned())).collect()
}

fn image(chain: &Chain, layer: CacheKey, carried: Vec<PreloadSource>) -> DiskImage {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Catalogue;

    fn request(names: &[&str]) -> Request {
        let catalogue = Catalogue::new(
            "images",
            [
                ("base.yaml", "version: 1\nsuite: trixie\npackages: [systemd, docker.io]\n"),
                ("base/etc/motd", "Welcome\n"),
                ("hub.yaml", "version: 1\nfrom: base\ndescription: The hub\npackages: [nfs-kernel-server]\n"),
                ("node.yaml", "version: 1\nfrom: base\ndescription: A node\nmask: [apt-daily.timer]\n"),
            ]
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .collect(),
        );
        let images = names.iter().map(|name| Chain::load(&catalogue, name).expect("sound")).collect();
        Request { images, ..Request::default() }
    }

    pub(super) fn titles(plan: &Plan) -> Vec<String> {
        plan.stages.iter().map(Stage::title).collect()
    }

    /// A plan for these images, of which the stages with these titles are kept.
    pub(super) fn plan_of(names: &[&str], kept: &[&str]) -> Plan {
        let mut plan = plan(&request(names), &HostFacts::default());
        plan.stages.iter_mut().for_each(|stage| stage.kept = kept.contains(&stage.title().as_str()));
        plan
    }

    #[test]
    fn hub_and_node_share_the_base_layer() {
        insta::assert_snapshot!(plan(&request(&["hub", "node"]), &HostFacts::default()));
    }

    #[test]
    fn a_fresh_layer_is_used_again_and_an_old_one_is_not() {
        let request = request(&["node"]);
        let key = plan(&request, &HostFacts::default()).stages[0].key.as_str().to_owned();
        let kept = |age, fresh| {
            let facts = HostFacts { layers: BTreeMap::from([(key.clone(), age)]), ..HostFacts::default() };
            plan(&Request { fresh, ..request.clone() }, &facts).stages[0].kept
        };
        assert!(kept(60, false));
        assert!(!kept(60, true));
        assert!(!kept(LAYER_FRESH_FOR, false));
    }

    #[test]
    fn a_layer_that_is_older_than_the_one_below_it_is_made_anew() {
        let request = request(&["hub"]);
        let keys: Vec<String> = plan(&request, &HostFacts::default())
            .stages
            .iter()
            .map(|stage| stage.key.as_str().to_owned())
            .collect();
        let kept = |base, hub| {
            let layers = BTreeMap::from([(keys[0].clone(), base), (keys[1].clone(), hub)]);
            let facts = HostFacts { layers, ..HostFacts::default() };
            plan(&request, &facts).stages.iter().map(|stage| stage.kept).collect::<Vec<_>>()
        };
        assert_eq!(kept(60, 30), [true, true, false]);
        assert_eq!(kept(30, 60), [true, false, false]);
        assert_eq!(kept(LAYER_FRESH_FOR, 30), [false, false, false]);
    }

    #[test]
    fn whoever_asks_for_another_kernel_has_a_layer_of_its_own_below() {
        let packages = |kernel: &str| {
            let top = format!("version: 1\nfrom: base\nkernel: {kernel}\npackages: [autofs]\n");
            let files =
                [("base.yaml", "version: 1\nsuite: trixie\npackages: [systemd]\n"), ("node.yaml", &top)];
            let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
            let catalogue = Catalogue::new("images", files.into());
            let images = vec![Chain::load(&catalogue, "node").expect("sound")];
            let request = Request { images, ..Request::default() };
            let stages = plan(&request, &HostFacts::default()).stages;
            let layers = stages.into_iter().filter_map(|stage| match stage.action {
                Action::Layer(layer) => Some(layer.packages),
                _ => None,
            });
            layers.collect::<Vec<_>>()
        };
        assert_eq!(packages("cloud"), [vec!["linux-image-cloud-amd64", "systemd"], vec!["autofs"]]);
        assert_eq!(packages("general"), [vec!["linux-image-amd64", "systemd"], vec!["autofs"]]);
    }

    #[test]
    fn what_dpkg_is_to_know_is_in_the_layer_as_well_as_in_the_image() {
        let place = "etc/dpkg/dpkg.cfg.d/manuals";
        let files = [
            ("node.yaml", "version: 1\nsuite: trixie\npackages: [systemd]\n"),
            ("node/etc/motd", "Welcome\n"),
            (&format!("node/{place}"), "path-exclude=/usr/share/man/*\n"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let catalogue = Catalogue::new("images", files.into());
        let images = vec![Chain::load(&catalogue, "node").expect("sound")];
        let stages = plan(&Request { images, ..Request::default() }, &HostFacts::default()).stages;
        let (Action::Layer(layer), Action::Image(image)) = (&stages[0].action, &stages[1].action) else {
            panic!("a layer and an image")
        };
        assert_eq!(layer.dpkg, [(place.to_owned(), "path-exclude=/usr/share/man/*\n".to_owned())]);
        assert!(image.overlay.iter().any(|(path, _, _)| path == place));
    }

    #[test]
    fn a_result_is_kept_as_long_as_its_layer_is() {
        let request = request(&["node"]);
        let stages = plan(&request, &HostFacts::default()).stages;
        let kept = |age, fresh| {
            let facts = HostFacts {
                layers: BTreeMap::from([(stages[0].key.as_str().to_owned(), age)]),
                results: BTreeMap::from([(stages[1].key.as_str().to_owned(), 0)]),
                ..HostFacts::default()
            };
            plan(&Request { fresh, ..request.clone() }, &facts).stages[1].kept
        };
        assert!(kept(60, false));
        assert!(!kept(60, true));
        assert!(!kept(LAYER_FRESH_FOR, false));
    }

    #[test]
    fn a_key_changes_with_what_goes_in() {
        let key = |request: &Request| plan(request, &HostFacts::default()).stages[0].key.clone();
        let plain = request(&["node"]);
        let mirrored = Request { mirror: Some("http://127.0.0.1/debian".into()), ..plain.clone() };
        assert_eq!(key(&plain), key(&request(&["node"])));
        assert_ne!(key(&plain), key(&mirrored));
    }

    #[test]
    fn what_other_code_has_made_is_not_what_would_be_made() {
        let images = vec![Chain::load(&Catalogue::built_in(), "node").expect("sound")];
        let request = Request { images, ..Request::default() };
        let keys = |layers: &str, containers: &str| {
            let makers = Makers { layers: layers.into(), containers: containers.into() };
            let facts = HostFacts { makers, ..HostFacts::default() };
            let stages = plan(&request, &facts).stages;
            let of = |wanted: fn(&Action) -> bool| {
                stages
                    .iter()
                    .filter(|stage| wanted(&stage.action))
                    .map(|stage| stage.key.clone())
                    .collect::<Vec<_>>()
            };
            (of(|it| matches!(it, Action::Layer(_))), of(|it| matches!(it, Action::Container(_))))
        };
        let (before, other_layers, other_containers) = (keys("1", "1"), keys("2", "1"), keys("1", "2"));
        assert!(!before.0.is_empty() && !before.1.is_empty());
        assert!(before.0.iter().all(|key| !other_layers.0.contains(key)));
        assert!(
            before.1.iter().all(|key| !other_layers.1.contains(key) && !other_containers.1.contains(key))
        );
        assert_eq!(before.0, other_containers.0);
    }

    #[test]
    fn a_locked_layer_is_the_same_whichever_mirror_its_packages_come_from() {
        let lock = lock::tests::lock();
        let locked = Request { lock: Some(lock.clone()), ..request(&["node"]) };
        let key = |request: &Request| plan(request, &HostFacts::default()).stages[0].key.clone();
        let elsewhere =
            Request { mirror: Some("http://127.0.0.1/debian".into()), epoch: Some(1), ..locked.clone() };
        assert_eq!(key(&locked), key(&elsewhere));
        assert_ne!(key(&locked), key(&request(&["node"])));
        let mut newer = lock;
        newer.layers[0].packages[0].sha256 = "f".repeat(64);
        assert_ne!(key(&locked), key(&Request { lock: Some(newer), ..locked.clone() }));
        let shown = plan(&locked, &HostFacts::default()).to_string();
        assert!(shown.contains("locked     1 packages, as of 1763000000"), "{shown}");
    }
}
