//! A folder of files by key, each with a record of what it is.
//!
//! An entry is used through an open file that is locked as shared, by its path below `/proc`: it stays what it is as
//! long as a build uses it, whatever becomes of its name. Before an entry is removed, it is certain that nobody
//! holds it. The kernel gives such locks back when their holder dies.

use super::hash::hash;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::cache_entry::{CacheEntry, CacheKind};
use super::entry::{
    EntryGuard, EntryMeta, Lookup, PendingEntry, UNFINISHED, open_shared, pending_in, write_whole,
};
use crate::failure::Result;
use crate::host::clock::{now, seconds};
use crate::host::files::{names, remove_if_there};
use crate::host::lock::{self, FileLock};
use crate::host::{fetch, workdir};
use crate::plan::CacheKey;

const LOCK: &str = ".lock";
const PARTIAL: &str = ".part";
/// How long a download that broke off may wait to be gone on with.
const PARTIAL_USEFUL_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The ending of entries that say themselves what they are.
pub(super) const JSON: &str = ".json";
/// How far a clock may be behind the one by which an entry was made, in seconds. What is from further in the future was
/// made when the clock was wrong: its age is unknown.
const CLOCKS_DIFFER: u64 = 60;

/// A folder of files by key.
#[derive(Debug, Clone)]
pub struct CacheBucket {
    pub(super) folder: PathBuf,
    /// What is on it, for a person.
    pub(super) kind: CacheKind,
    /// The ending of its files' names.
    pub(super) suffix: &'static str,
    /// After how many seconds an entry is of no use any more.
    pub(super) useful_for: Option<u64>,
    /// Whether each file has a record beside it, without which it counts for nothing.
    pub(super) recorded: bool,
}

impl CacheBucket {
    /// The folder itself; it need not be there yet.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file with this key is cached.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}{}", self.suffix))
    }

    fn meta_path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.record"))
    }

    /// What is known of an entry; nothing where it cannot be what it was.
    pub(super) fn record(&self, key: &str) -> Result<Option<EntryMeta>> {
        let text = match fs_err::read(self.meta_path(key)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = fs_err::metadata(self.path(key)).map(|metadata| metadata.len()).ok();
        let record = serde_json::from_slice::<EntryMeta>(&text).ok();
        Ok(record.filter(|record| Some(record.bytes) == length))
    }

    /// The right to make the entry with this key. Where another build has it, calls `waiting` and waits.
    pub(super) fn lock(&self, key: &CacheKey, waiting: impl FnOnce()) -> Result<FileLock> {
        fs_err::create_dir_all(&self.folder)?;
        FileLock::take(&self.folder.join(format!("{}{LOCK}", key.as_str())), waiting)
    }

    /// Holds an entry after it was compared with its record.
    pub(super) fn hold(&self, key: &CacheKey) -> Result<Lookup> {
        let path = self.path(key.as_str());
        let Some(file) = open_shared(&path)? else { return Ok(Lookup::Miss) };
        let Some(record) = self.record(key.as_str())? else { return Ok(Lookup::Corrupt) };
        let guard = EntryGuard { file, sha256: record.sha256 };
        let is_whole = hash(&guard.path())? == (guard.sha256.clone(), record.bytes);
        Ok(if is_whole { Lookup::Hit(guard) } else { Lookup::Corrupt })
    }

    /// Where the download for this key is until it is whole; one that broke off stays there to be gone on with.
    pub(super) fn partial(&self, key: &CacheKey) -> PathBuf {
        self.folder.join(format!("{}{PARTIAL}", key.as_str()))
    }

    /// A name in the same folder for a file that is still being written.
    pub(super) fn pending(&self) -> Result<PendingEntry> {
        pending_in(&self.folder)
    }

    /// Takes a finished file in, and holds it.
    pub(super) fn keep(&self, pending: PendingEntry, key: &CacheKey, what: &str) -> Result<EntryGuard> {
        let PendingEntry { path, lock: file, proof, base, known } = pending;
        let (sha256, bytes) = known.map_or_else(|| hash(&path), Ok)?;
        let record =
            EntryMeta { what: what.to_owned(), bytes, sha256: sha256.clone(), made: now(), proof, base };
        write_whole(&self.meta_path(key.as_str()), &serde_json::to_vec(&record).context("a record")?)?;
        // From the only user to one of them, while nobody knows its name yet.
        lock::share(&file)?;
        path.persist(self.path(key.as_str())).context("keeping what was made")?;
        Ok(EntryGuard { file, sha256 })
    }

    /// Takes an entry away, unless a build makes it or uses it; says whether it did.
    pub(super) fn remove(&self, key: &str) -> Result<bool> {
        let Some(_making) = FileLock::try_take(&self.folder.join(format!("{key}{LOCK}")))? else {
            return Ok(false);
        };
        let path = self.path(key);
        let Ok(file) = lock::open(&path) else { return Ok(false) };
        if !lock::claim(&file)? || !lock::is_at(&file, &path)? {
            return Ok(false);
        }
        fs_err::remove_file(&path)?;
        remove_if_there(&self.meta_path(key))?;
        Ok(true)
    }

    /// The keys of the entries that are of no use any more.
    pub(super) fn useless(&self) -> Result<Vec<String>> {
        let mut useless = vec![];
        for key in self.keys()? {
            if !self.is_useful(&key)? {
                useless.push(key);
            }
        }
        Ok(useless)
    }

    /// Puts away what killed builds left.
    pub fn remove_stale_temps(&self) -> Result<()> {
        for name in names(&self.folder)? {
            let path = self.folder.join(&name);
            if name.starts_with(UNFINISHED) {
                if path.is_dir() {
                    // A download's folder goes as every work folder does.
                    workdir::sweep(&self.folder, UNFINISHED)?;
                } else if lock::open(&path).is_ok_and(|file| lock::claim(&file).unwrap_or(false)) {
                    remove_if_there(&path)?;
                }
            } else if [PARTIAL, fetch::VERSION_NOTE].iter().any(|ending| name.ends_with(ending)) {
                // Another build may be done with it.
                let Ok(metadata) = fs_err::metadata(&path) else { continue };
                let age = metadata.modified()?.elapsed().unwrap_or_default();
                if age > PARTIAL_USEFUL_FOR {
                    remove_if_there(&path)?;
                }
            } else if name.ends_with(LOCK) {
                drop(FileLock::try_take(&path)?);
            } else if let Some(key) = name.strip_suffix(".record")
                && !self.path(key).exists()
                && let Some(_making) = FileLock::try_take(&self.folder.join(format!("{key}{LOCK}")))?
                && !self.path(key).exists()
            {
                remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    fn is_useful(&self, key: &str) -> Result<bool> {
        let age = self.age(key)?;
        Ok(age.is_some_and(|age| self.useful_for.is_none_or(|limit| age < limit)))
    }

    /// The usable entries by key, with their age in seconds. What was made on a root tree that has been made again
    /// in the meantime does not go with that.
    pub fn ages(&self) -> Result<BTreeMap<String, u64>> {
        let keys = self.keys()?.into_iter();
        let entries = keys.map(|key| Ok((self.record(&key)?, key))).collect::<Result<Vec<_>>>()?;
        let records = || entries.iter().filter_map(|(record, _)| record.as_ref());
        let hashes: BTreeSet<&str> = records().map(|record| record.sha256.as_str()).collect();
        let mut ages = BTreeMap::new();
        for (record, key) in &entries {
            let base = record.as_ref().and_then(|record| record.base.as_deref());
            if let Some(age) = self.age_by(record.as_ref(), key)?
                && base.is_none_or(|base| hashes.contains(base))
            {
                ages.insert(key.clone(), age);
            }
        }
        Ok(ages)
    }

    /// How many seconds ago an entry was made, where it is usable and that is known.
    fn age(&self, key: &str) -> Result<Option<u64>> {
        self.age_by(self.record(key)?.as_ref(), key)
    }

    /// The same, for callers that have its record already.
    fn age_by(&self, meta: Option<&EntryMeta>, key: &str) -> Result<Option<u64>> {
        let made = match meta {
            Some(record) => record.made,
            None if self.recorded => return Ok(None),
            None => match fs_err::metadata(self.path(key)) {
                Ok(metadata) => seconds(metadata.modified()?),
                Err(_) => return Ok(None),
            },
        };
        let now = now();
        Ok((made <= now + CLOCKS_DIFFER).then(|| now.saturating_sub(made)))
    }

    /// The keys of all entries, whole or not.
    pub(super) fn keys(&self) -> Result<Vec<String>> {
        let names = names(&self.folder)?.into_iter().filter(|name| !name.starts_with('.'));
        Ok(names.filter_map(|name| Some(name.strip_suffix(self.suffix)?.to_owned())).collect())
    }

    /// What an entry is that is a record itself, by its own text.
    fn own_word(&self, key: &str) -> Option<String> {
        let text = fs_err::read(self.path(key)).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        value["what"].as_str().map(str::to_owned)
    }

    /// Everything on it, for a person.
    pub(super) fn listing(&self) -> Result<Vec<CacheEntry>> {
        let mut entries = vec![];
        for key in self.keys()? {
            let path = self.path(&key);
            // What goes while it is looked at is not there.
            let Ok(metadata) = fs_err::metadata(&path) else { continue };
            let record = self.record(&key)?;
            let in_use = lock::open(&path).is_ok_and(|file| !lock::claim(&file).unwrap_or(true));
            let usable = !self.recorded || record.is_some();
            let age = self.age_by(record.as_ref(), &key)?;
            let what = if self.suffix == JSON { self.own_word(&key) } else { record.map(|it| it.what) };
            entries.push(CacheEntry {
                kind: self.kind,
                what,
                bytes: metadata.len(),
                age,
                in_use,
                usable,
                key,
            });
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(folder: &Path) -> CacheBucket {
        CacheBucket {
            folder: folder.to_owned(),
            kind: CacheKind::Layer,
            suffix: ".tar",
            useful_for: Some(100),
            recorded: true,
        }
    }

    fn kept(bucket: &CacheBucket, name: &str) -> CacheKey {
        let key = CacheKey::of(&name);
        let unfinished = bucket.pending().unwrap();
        fs_err::write(unfinished.path(), "content").unwrap();
        bucket.keep(unfinished, &key, name).unwrap();
        key
    }

    fn made_at(bucket: &CacheBucket, key: &CacheKey, made: u64) {
        let record = bucket.record(key.as_str()).unwrap().unwrap();
        let text = serde_json::to_vec(&EntryMeta { made, ..record }).unwrap();
        fs_err::write(bucket.meta_path(key.as_str()), text).unwrap();
    }

    #[test]
    fn what_is_kept_is_held_whole() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        let key = kept(&bucket, "base");
        let Lookup::Hit(held) = bucket.hold(&key).unwrap() else { panic!("it is not whole") };
        fs_err::remove_file(bucket.path(key.as_str())).unwrap();
        assert_eq!(fs_err::read(held.path()).unwrap(), b"content");
    }

    #[test]
    fn what_was_cut_or_changed_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        for damage in ["cut", "CONTENT", ""] {
            let key = kept(&bucket, damage);
            fs_err::write(bucket.path(key.as_str()), damage).unwrap();
            assert!(matches!(bucket.hold(&key).unwrap(), Lookup::Corrupt), "{damage}");
        }
    }

    #[test]
    fn what_has_no_record_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        let key = kept(&bucket, "base");
        fs_err::remove_file(bucket.meta_path(key.as_str())).unwrap();
        assert!(matches!(bucket.hold(&key).unwrap(), Lookup::Corrupt));
        assert!(bucket.ages().unwrap().is_empty());
    }

    #[test]
    fn what_was_made_on_a_layer_that_is_another_one_now_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        let keep = |name: &str, content: &[u8], base: Option<String>| {
            let mut pending = PendingEntry { base, ..bucket.pending().unwrap() };
            pending.fill(&mut &*content).unwrap();
            bucket.keep(pending, &CacheKey::of(&name), name).unwrap().sha256
        };
        let base = keep("base", b"of today", None);
        keep("hub", b"hub", Some(base.clone()));
        assert_eq!(bucket.ages().unwrap().len(), 2);
        keep("base", b"of tomorrow", None);
        assert_eq!(bucket.ages().unwrap().into_keys().collect::<Vec<_>>(), [CacheKey::of(&"base").as_str()]);
        keep("base", b"of today", None);
        assert_eq!(bucket.ages().unwrap().len(), 2, "the same bytes are as good, whoever made them");
    }

    #[test]
    fn what_is_in_use_is_not_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        let key = kept(&bucket, "base");
        let held = bucket.hold(&key).unwrap();
        assert!(!bucket.remove(key.as_str()).unwrap());
        assert!(bucket.listing().unwrap()[0].in_use);
        drop(held);
        assert!(!bucket.listing().unwrap()[0].in_use);
        assert!(bucket.remove(key.as_str()).unwrap());
        assert_eq!(names(folder.path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_a_wrong_clock_made_is_neither_used_nor_kept() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        let (future, old, good) = (kept(&bucket, "future"), kept(&bucket, "old"), kept(&bucket, "good"));
        made_at(&bucket, &future, now() + 3600);
        made_at(&bucket, &old, 0);
        assert!(!bucket.ages().unwrap().contains_key(future.as_str()));
        for key in bucket.useless().unwrap() {
            assert!(bucket.remove(&key).unwrap());
        }
        assert_eq!(bucket.keys().unwrap(), [good.as_str()]);
    }

    #[test]
    fn what_killed_builds_left_is_swept_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path());
        let left = [".unfinished-dead.tar", ".unfinished-record", "dead.lock", "dead.record"];
        for name in left {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let unfinished = bucket.pending().unwrap();
        let _lock = bucket.lock(&CacheKey::of(&"live"), || panic!("it is free")).unwrap();
        bucket.remove_stale_temps().unwrap();
        assert!(unfinished.path().exists());
        assert_eq!(names(folder.path()).unwrap().len(), 2, "{:?}", names(folder.path()));
    }
}
