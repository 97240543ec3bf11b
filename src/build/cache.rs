//! The cache in the user's cache folder: a bucket for each kind of result.

use super::cache_entry::{CacheEntry, CacheKind};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::bucket::{CacheBucket, JSON};
use super::entry::EntryMeta;
use super::packages::PackageStore;
use crate::failure::Result;
use crate::plan::LAYER_FRESH_FOR;

/// What the current user keeps.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Root trees and container images. They age: the archive's packages get newer.
    pub layers: CacheBucket,
    /// Sets of packages. They are locked by hashes, and do not age.
    pub sets: CacheBucket,
    /// Debian packages by their hashes.
    pub packages: PackageStore,
    /// Container images of registries, by their digests. They do not age either.
    pub containers: CacheBucket,
    /// Cloud images, verified and unpacked: qcow2 or raw.
    pub bases: CacheBucket,
    /// What is remembered of finished images, to know them again.
    pub results: CacheBucket,
    /// What failed tools said.
    pub logs: CacheBucket,
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
    pub removed: Vec<CacheEntry>,
    /// What would have been, but for a build that uses it.
    pub in_use: Vec<CacheEntry>,
}

impl Cache {
    /// In `$XDG_CACHE_HOME/imagegen`, or `~/.cache/imagegen`.
    pub fn open_default() -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set, so there is no directory for the cache")?;
        Ok(Self::within(&cache.join("imagegen")))
    }

    /// The same, but with root trees, sets, and stamps of images, in a folder that has none yet.
    #[must_use]
    pub fn with_layers_in(self, folder: &Path) -> Self {
        let Self { layers, sets, results, .. } = Self::within(folder);
        Self { layers, sets, results, ..self }
    }

    pub(super) fn within(folder: &Path) -> Self {
        let bucket = |name, kind, suffix, useful_for, recorded| CacheBucket {
            folder: folder.join(name),
            kind,
            suffix,
            useful_for,
            recorded,
        };
        Self {
            layers: bucket("layers", CacheKind::Layer, ".tar", Some(LAYER_FRESH_FOR), true),
            sets: bucket("sets", CacheKind::Set, ".tar", None, true),
            packages: PackageStore::new(bucket("packages", CacheKind::Package, ".deb", None, false)),
            containers: bucket("containers", CacheKind::Container, ".tar", None, true),
            bases: bucket("bases", CacheKind::Base, ".img", None, true),
            results: bucket("results", CacheKind::Result, JSON, None, false),
            logs: bucket("logs", CacheKind::Log, ".log", Some(7 * LAYER_FRESH_FOR), false),
        }
    }

    /// The folder of all buckets.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.layers.folder.parent().unwrap_or(&self.layers.folder)
    }

    /// What is known of the entry with this key, whichever bucket it is on.
    pub(super) fn record(&self, key: &str) -> Result<Option<EntryMeta>> {
        for bucket in [&self.layers, &self.sets, &self.containers, &self.bases] {
            if let Some(record) = bucket.record(key)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// All buckets: what is listed here is shown, pruned and cleared out.
    fn buckets(&self) -> [&CacheBucket; 7] {
        let Self { layers, sets, packages, containers, bases, results, logs } = self;
        [layers, sets, packages.bucket(), containers, bases, results, logs]
    }

    /// Takes an entry away, unless a build makes it or uses it; says whether it did.
    fn remove(&self, kind: CacheKind, key: &str) -> Result<bool> {
        if kind == CacheKind::Package {
            return self.packages.remove(key);
        }
        let its_shelf = self.buckets().into_iter().find(|it| it.kind == kind);
        its_shelf.context("an entry of no bucket")?.remove(key)
    }

    /// Puts away what is of no use any more, and what killed builds left.
    pub fn gc(&self) -> Result<()> {
        for bucket in self.buckets() {
            for key in bucket.useless()? {
                self.remove(bucket.kind, &key)?;
            }
        }
        self.remove_stale_temps()
    }

    /// Puts away what killed builds left.
    pub fn remove_stale_temps(&self) -> Result<()> {
        self.buckets().into_iter().try_for_each(CacheBucket::remove_stale_temps)
    }

    /// All cache entries, the oldest first on each bucket.
    pub fn listing(&self) -> Result<Vec<CacheEntry>> {
        let mut entries = vec![];
        for bucket in self.buckets() {
            let mut found = bucket.listing()?;
            found.sort_by_key(|entry| (std::cmp::Reverse(entry.age.unwrap_or(u64::MAX)), entry.key.clone()));
            entries.extend(found);
        }
        Ok(entries)
    }

    /// Takes away what `pruning` says, what is of no use any more, and what killed builds left; never what a build
    /// uses.
    pub fn prune(&self, pruning: Pruning) -> Result<Pruned> {
        let before = self.listing()?;
        self.gc()?;
        let mut pruned = Pruned::default();
        for entry in chosen(self.listing()?, pruning) {
            if !self.remove(entry.kind, &entry.key)? {
                pruned.in_use.push(entry);
            }
        }
        let left = self.listing()?;
        let is_gone =
            |entry: &CacheEntry| !left.iter().any(|it| (it.kind, &it.key) == (entry.kind, &entry.key));
        pruned.removed = before.into_iter().filter(is_gone).collect();
        pruned.in_use.retain(|entry| !is_gone(entry));
        Ok(pruned)
    }
}

/// What to take away of `entries`.
fn chosen(mut entries: Vec<CacheEntry>, pruning: Pruning) -> Vec<CacheEntry> {
    // What is from the future has no age, and goes first.
    let age = |entry: &CacheEntry| entry.age.unwrap_or(u64::MAX);
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
    use crate::build::{BuildDirs, Settings, execute};
    use crate::host::cmd::Cmd;
    use crate::host::lock::comes_true;
    use crate::plan::Plan;
    use crate::report::Progress;

    fn entry(key: &str, bytes: u64, age: Option<u64>) -> CacheEntry {
        CacheEntry {
            kind: CacheKind::Layer,
            key: key.into(),
            what: None,
            bytes,
            age,
            in_use: false,
            usable: true,
        }
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
        let cache = Cache::within(folder.path());
        for bucket in cache.buckets() {
            fs_err::create_dir_all(bucket.folder()).unwrap();
            fs_err::write(bucket.path("key"), "content").unwrap();
        }
        assert_eq!(cache.listing().unwrap().len(), cache.buckets().len());
        let pruned = cache.prune(Pruning { all: true, ..Pruning::default() }).unwrap();
        assert_eq!((pruned.removed.len(), pruned.in_use.len()), (cache.buckets().len(), 0));
        assert!(cache.listing().unwrap().is_empty());
    }

    #[test]
    fn the_log_of_a_program_that_runs_is_not_pruned() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::within(folder.path());
        fs_err::create_dir_all(cache.logs.folder()).unwrap();
        let log = cache.logs.path("key");
        let prune = || cache.prune(Pruning { all: true, ..Pruning::default() }).unwrap();
        let running = Cmd::new("sleep").arg("60").logged(&log).spawn().unwrap();
        assert_eq!(prune().in_use.len(), 1);
        assert!(log.exists());
        drop(running);
        assert!(comes_true(|| prune().removed.len() == 1));
    }

    /// Keeps a package that was downloaded before the clock was set back.
    fn package_of_another_clock(cache: &Cache) -> PathBuf {
        let path = cache.packages.path("key");
        fs_err::create_dir_all(cache.packages.bucket().folder()).unwrap();
        let file = fs_err::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
        path
    }

    #[test]
    fn no_package_goes_while_a_build_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::within(folder.path());
        let path = package_of_another_clock(&cache);
        let build = cache.packages.hold().unwrap();
        cache.gc().unwrap();
        assert!(path.exists());
        drop(build);
        assert!(comes_true(|| {
            cache.gc().unwrap();
            !path.exists()
        }));
    }

    #[test]
    fn the_last_of_several_builds_clears_packages_out() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::within(folder.path());
        let path = package_of_another_clock(&cache);
        let dirs = BuildDirs { output: folder.path().join("dist"), cache };
        let build = || {
            let settings = Settings { mirror: None, hands: 1, wants_lock: false };
            execute(&Plan { stages: vec![] }, &dirs, &settings, &Progress::start()).unwrap();
        };
        let other = dirs.cache.packages.hold().unwrap();
        build();
        assert!(path.exists());
        drop(other);
        assert!(comes_true(|| {
            build();
            !path.exists()
        }));
    }
}
