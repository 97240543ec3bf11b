//! What is kept between builds, in the user's cache folder: a shelf for each kind of thing.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::entry::Record;
use super::packages::PackageStore;
use super::shelf::{JSON, Shelf};
use crate::failure::Result;
use crate::plan::LAYER_FRESH_FOR;

/// What the current user keeps.
#[derive(Debug, Clone)]
pub struct Store {
    /// Layers and container images. They age: the archive's packages get newer.
    pub layers: Shelf,
    /// Sets of packages. They are locked by hashes, and do not age.
    pub sets: Shelf,
    /// Debian packages by their hashes.
    pub packages: PackageStore,
    /// Container images of registries, by their digests. They do not age either.
    pub containers: Shelf,
    /// Cloud images, verified and unpacked: qcow2 or raw.
    pub bases: Shelf,
    /// What is remembered of finished images, to know them again.
    pub results: Shelf,
    /// What failed tools said.
    pub logs: Shelf,
}

/// An entry, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What stands on its shelf.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// What it is, where that is known.
    #[serde(rename = "description")]
    pub what: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many seconds ago it was made; unknown for what is from the future.
    #[serde(rename = "age_seconds")]
    pub age: Option<u64>,
    /// Whether a build uses it now.
    pub in_use: bool,
    /// Whether a build could use it: it has its record, and the size in it.
    #[serde(rename = "valid")]
    pub usable: bool,
}

/// Which entries to take away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pruning {
    /// All of them.
    pub all: bool,
    /// Those that are older, in seconds.
    pub older_than: Option<u64>,
    /// The oldest ones, until no more than this is left, in bytes.
    pub max_size: Option<u64>,
}

/// What a pruning did.
#[derive(Debug, Default)]
pub struct Pruned {
    /// What was taken away.
    pub removed: Vec<Entry>,
    /// What would have been, but for a build that uses it.
    pub in_use: Vec<Entry>,
}

impl Store {
    /// In `$XDG_CACHE_HOME/imagegen`, or `~/.cache/imagegen`.
    pub fn of_user() -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME says where to keep layers")?;
        Ok(Self::within(&cache.join("imagegen")))
    }

    /// The same, but with layers, sets, and what is remembered of images, in a folder that has none yet.
    #[must_use]
    pub fn with_layers_in(self, folder: &Path) -> Self {
        let Self { layers, sets, results, .. } = Self::within(folder);
        Self { layers, sets, results, ..self }
    }

    pub(super) fn within(folder: &Path) -> Self {
        let shelf = |name, kind, suffix, useful_for, recorded| Shelf {
            folder: folder.join(name),
            kind,
            suffix,
            useful_for,
            recorded,
        };
        Self {
            layers: shelf("layers", "layer", ".tar", Some(LAYER_FRESH_FOR), true),
            sets: shelf("sets", "set", ".tar", None, true),
            packages: PackageStore::new(shelf("packages", PackageStore::KIND, ".deb", None, false)),
            containers: shelf("containers", "container", ".tar", None, true),
            bases: shelf("bases", "base", ".img", None, true),
            results: shelf("results", "result", JSON, None, false),
            logs: shelf("logs", "log", ".log", Some(7 * LAYER_FRESH_FOR), false),
        }
    }

    /// The folder of all shelves.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.layers.folder.parent().unwrap_or(&self.layers.folder)
    }

    /// What is known of the entry with this key, whichever shelf it is on.
    pub(super) fn record(&self, key: &str) -> Result<Option<Record>> {
        for shelf in [&self.layers, &self.sets, &self.containers, &self.bases] {
            if let Some(record) = shelf.record(key)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// All shelves: what is listed here is shown, pruned and cleared out.
    fn shelves(&self) -> [&Shelf; 7] {
        let Self { layers, sets, packages, containers, bases, results, logs } = self;
        [layers, sets, packages.shelf(), containers, bases, results, logs]
    }

    /// Takes an entry away, unless a build makes it or uses it; says whether it did.
    fn remove(&self, kind: &str, key: &str) -> Result<bool> {
        if kind == PackageStore::KIND {
            return self.packages.remove(key);
        }
        let its_shelf = self.shelves().into_iter().find(|it| it.kind == kind);
        its_shelf.context("an entry of no shelf")?.remove(key)
    }

    /// Puts away what is of no use any more, and what killed builds left.
    pub fn clear_out(&self) -> Result<()> {
        for shelf in self.shelves() {
            for key in shelf.useless()? {
                self.remove(shelf.kind, &key)?;
            }
        }
        self.sweep()
    }

    /// Puts away what killed builds left.
    pub fn sweep(&self) -> Result<()> {
        self.shelves().into_iter().try_for_each(Shelf::sweep)
    }

    /// Everything that is kept, the oldest first on each shelf.
    pub fn listing(&self) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        for shelf in self.shelves() {
            let mut found = shelf.listing()?;
            found.sort_by_key(|entry| (std::cmp::Reverse(entry.age.unwrap_or(u64::MAX)), entry.key.clone()));
            entries.extend(found);
        }
        Ok(entries)
    }

    /// Takes away what `pruning` says, what is of no use any more, and what killed builds left; never what a build
    /// uses.
    pub fn prune(&self, pruning: Pruning) -> Result<Pruned> {
        let before = self.listing()?;
        self.clear_out()?;
        let mut pruned = Pruned::default();
        for entry in chosen(self.listing()?, pruning) {
            if !self.remove(entry.kind, &entry.key)? {
                pruned.in_use.push(entry);
            }
        }
        let left = self.listing()?;
        let is_gone = |entry: &Entry| !left.iter().any(|it| (it.kind, &it.key) == (entry.kind, &entry.key));
        pruned.removed = before.into_iter().filter(is_gone).collect();
        pruned.in_use.retain(|entry| !is_gone(entry));
        Ok(pruned)
    }
}

/// What to take away of `entries`.
fn chosen(mut entries: Vec<Entry>, pruning: Pruning) -> Vec<Entry> {
    // What is from the future has no age, and goes first.
    let age = |entry: &Entry| entry.age.unwrap_or(u64::MAX);
    entries.sort_by_key(|entry| std::cmp::Reverse(age(entry)));
    let mut left: u64 = entries.iter().map(|entry| entry.bytes).sum();
    entries.retain(|entry| {
        let goes = pruning.all
            || pruning.older_than.is_some_and(|limit| age(entry) > limit)
            || pruning.max_size.is_some_and(|limit| left > limit);
        left -= if goes { entry.bytes } else { 0 };
        goes
    });
    entries
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::build::{Places, Settings, execute};
    use crate::host::command::Tool;
    use crate::host::lock::comes_true;
    use crate::plan::Plan;
    use crate::report::Progress;

    fn entry(key: &str, bytes: u64, age: Option<u64>) -> Entry {
        Entry { kind: "layer", key: key.into(), what: None, bytes, age, in_use: false, usable: true }
    }

    fn keys(pruning: Pruning) -> Vec<String> {
        let entries = vec![
            entry("new", 10, Some(1)),
            entry("old", 20, Some(100)),
            entry("middle", 30, Some(50)),
            entry("future", 40, None),
        ];
        chosen(entries, pruning).into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn the_oldest_go_first_until_enough_is_gone() {
        assert_eq!(keys(Pruning { max_size: Some(40), ..Pruning::default() }), ["future", "old"]);
        assert_eq!(keys(Pruning { max_size: Some(100), ..Pruning::default() }), Vec::<String>::new());
        assert_eq!(keys(Pruning { older_than: Some(50), ..Pruning::default() }), ["future", "old"]);
        assert_eq!(keys(Pruning { all: true, ..Pruning::default() }).len(), 4);
        assert_eq!(keys(Pruning::default()), Vec::<String>::new());
    }

    #[test]
    fn all_kinds_are_shown_and_pruned() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::within(folder.path());
        for shelf in store.shelves() {
            fs_err::create_dir_all(shelf.folder()).unwrap();
            fs_err::write(shelf.path("key"), "content").unwrap();
        }
        assert_eq!(store.listing().unwrap().len(), store.shelves().len());
        let pruned = store.prune(Pruning { all: true, ..Pruning::default() }).unwrap();
        assert_eq!((pruned.removed.len(), pruned.in_use.len()), (store.shelves().len(), 0));
        assert!(store.listing().unwrap().is_empty());
    }

    #[test]
    fn the_log_of_a_program_that_runs_is_not_pruned() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::within(folder.path());
        fs_err::create_dir_all(store.logs.folder()).unwrap();
        let log = store.logs.path("key");
        let prune = || store.prune(Pruning { all: true, ..Pruning::default() }).unwrap();
        let running = Tool::new("sleep").arg("60").logged(&log).spawn().unwrap();
        assert_eq!(prune().in_use.len(), 1);
        assert!(log.exists());
        drop(running);
        assert!(comes_true(|| prune().removed.len() == 1));
    }

    /// Keeps a package that was downloaded before the clock was set back.
    fn package_of_another_clock(store: &Store) -> PathBuf {
        let path = store.packages.path("key");
        fs_err::create_dir_all(store.packages.shelf().folder()).unwrap();
        let file = fs_err::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
        path
    }

    #[test]
    fn no_package_goes_while_a_build_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::within(folder.path());
        let path = package_of_another_clock(&store);
        let build = store.packages.hold().unwrap();
        store.clear_out().unwrap();
        assert!(path.exists());
        drop(build);
        assert!(comes_true(|| {
            store.clear_out().unwrap();
            !path.exists()
        }));
    }

    #[test]
    fn the_last_of_several_builds_clears_packages_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::within(folder.path());
        let path = package_of_another_clock(&store);
        let places = Places { output: folder.path().join("dist"), store };
        let build = || {
            let settings = Settings { mirror: None, hands: 1, wants_lock: false };
            execute(&Plan { stages: vec![] }, &places, &settings, &Progress::start()).unwrap();
        };
        let other = places.store.packages.hold().unwrap();
        build();
        assert!(path.exists());
        drop(other);
        assert!(comes_true(|| {
            build();
            !path.exists()
        }));
    }
}
