//! What a build is going to do, decided before anything is done.
//!
//! A plan is a list of stages in an order in which each comes after those that it needs. A stage's key is the hash of
//! everything that goes into it, the keys of the stages below included; a root tree is cached under its key and reused.

mod dependency_queue;
pub mod difference;
pub mod disk;
mod disk_estimate;
pub mod hygiene;
mod inputs;
mod key;
pub mod lock;
pub mod manifest_input;
mod planner;
mod preload;
mod show;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::{Chain, CloudImage};

pub use dependency_queue::DependencyQueue;
pub use disk_estimate::DiskEstimate;
pub use key::CacheKey;
use lock::Lock;
pub use planner::plan;
pub use preload::{Archive, PreloadSource};
pub use show::json;
pub use stage::{Action, DiskImage, Provision, RootTree, Stage};

/// How long a cached root tree counts as fresh, in seconds: a day. After that the archive has newer packages, and
/// an image built on it would miss their security fixes.
pub const LAYER_FRESH_FOR: u64 = 24 * 60 * 60;

/// What the user requested.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The images to make, each with what it builds on.
    pub images: Vec<Chain>,
    /// Root trees to make although no image asks for them.
    pub layers: Vec<Chain>,
    /// A mirror instead of mmdebstrap's default.
    pub mirror: Option<String>,
    /// Make every root tree again.
    pub fresh: bool,
    /// An archive that machines carry instead of the container images that other recipes make for them.
    pub archive: Option<Archive>,
    /// The archives that recipes name, by their paths in the folder of recipes.
    pub archives: BTreeMap<String, Archive>,
    /// What exactly the root trees are to be made of; without it the newest packages are taken.
    pub lock: Option<Lock>,
    /// Seconds since 1970 that no file may be newer than; without it the time of the newest package.
    pub epoch: Option<u64>,
}

/// The numbers of the formats in which the code writes what is kept: another number, and what was kept is not used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Formats {
    /// Of root trees.
    pub rootfs: u32,
    /// Of container images, beside their root trees.
    pub oci: u32,
}

/// What the plan depends on beside the request.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// The cached root trees and container images by key, with their age in seconds.
    pub layers: BTreeMap<String, u64>,
    /// The keys of the cached bundles of packages. They are locked by hashes, and so do not age.
    pub sets: BTreeSet<String>,
    /// The cached container images of registries by the digits of their digests. They do not age either.
    pub containers: BTreeSet<String>,
    /// The cached cloud images by key, with their age in seconds.
    pub bases: BTreeMap<String, u64>,
    /// The images whose results are in the output folder, whole and made from cache entries: by key, with their age in
    /// seconds.
    pub results: BTreeMap<String, u64>,
    /// The formats in which all of it would be written.
    pub formats: Formats,
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

    /// Whether any root tree has to be made.
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

    /// A plan for these images, of which the stages with these titles are cached.
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
    fn what_was_written_in_another_format_is_not_used() {
        let images = vec![Chain::load(&Catalogue::built_in(), "node").expect("sound")];
        let request = Request { images, ..Request::default() };
        let keys = |rootfs: u32, oci: u32| {
            let facts = HostFacts { formats: Formats { rootfs, oci }, ..HostFacts::default() };
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
        let (before, other_layers, other_containers) = (keys(1, 1), keys(2, 1), keys(1, 2));
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
