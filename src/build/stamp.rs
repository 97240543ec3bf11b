//! Knowing a finished image again, without reading it.
//!
//! After an image was published, its files' hashes are remembered with what stat(2) says of them. As long as that is
//! the same nobody has written to them: a change of a file's content or attributes gives it a new change time, which
//! no program can set. Where it differs, as after a copy, the files are read and compared with the hashes.

use super::hash::hash;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::entry::write_whole;
use super::publish::read_checksums;
use super::{BuildDirs, Cache};
use crate::failure::Result;
use crate::host::clock::now;
use crate::plan::{CacheKey, Plan, Stage};
use crate::report::Published;

/// What is remembered of a finished image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BuildStamp {
    /// What it is and where, for a person.
    what: String,
    /// The title of its stage.
    title: String,
    /// The key of its stage.
    key: String,
    /// What made it, beside the stages that it needs.
    surroundings: String,
    /// When it was published, in seconds since 1970.
    made: u64,
    /// The hashes of what it was made from, by key.
    inputs: BTreeMap<String, String>,
    files: BTreeMap<String, FileStamp>,
}

/// A file as it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileStamp {
    sha256: String,
    state: FileState,
}

/// What stat(2) says of a file: any change of it makes a difference here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    fn of(path: &Path) -> Result<Self> {
        let it = fs_err::metadata(path)?;
        Ok(Self {
            device: it.dev(),
            inode: it.ino(),
            bytes: it.len(),
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
        })
    }
}

/// Remembers the published `files` of an image, by name with their hashes. `inputs` are the hashes of what it was made
/// from, by key.
pub(super) fn record_stamp(
    stage: &Stage,
    inputs: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    dirs: &BuildDirs,
) -> Result<()> {
    let mut seen = BTreeMap::new();
    for (name, sha256) in files {
        seen.insert(name.clone(), FileStamp { sha256, state: FileState::of(&dirs.output.join(&name))? });
    }
    let stamp = BuildStamp {
        what: format!("{} in {}", stage.title(), absolute(&dirs.output)?),
        title: stage.title(),
        key: stage.key.as_str().to_owned(),
        surroundings: surroundings()?,
        made: now(),
        inputs,
        files: seen,
    };
    write_whole(
        &place(&stage.title(), dirs)?,
        &serde_json::to_vec(&stamp).context("reading the stamp of an image")?,
    )
}

/// The intact images in the output folder that were made from the current cache entries: by key, with ages in seconds.
pub(super) fn up_to_date(dirs: &BuildDirs) -> Result<BTreeMap<String, u64>> {
    let (surroundings, checksums) = (surroundings()?, read_checksums(&dirs.output)?);
    let mut known = BTreeMap::new();
    for path in dirs.cache.results.keys()?.iter().map(|key| dirs.cache.results.path(key)) {
        // What is pruned while we look is not there, and what another version of imagegen wrote is nothing that we know.
        let text = fs_err::read(&path).unwrap_or_default();
        let Ok(memory) = serde_json::from_slice::<BuildStamp>(&text) else { continue };
        if memory.surroundings == surroundings
            && path == place(&memory.title, dirs)?
            && memory.files.iter().all(|(name, seen)| checksums.get(name) == Some(&seen.sha256))
            && are_the_same(&memory.inputs, &dirs.cache)?
            && are_whole(memory.clone(), &path, dirs)?
        {
            known.insert(memory.key, now().saturating_sub(memory.made));
        }
    }
    Ok(known)
}

/// The files of the images that were requested and are up to date, by their stamps.
pub(super) fn kept(plan: &Plan, dirs: &BuildDirs) -> Result<Vec<Published>> {
    let mut files = vec![];
    for stage in plan.stages.iter().filter(|stage| stage.asked && stage.kept) {
        let title = stage.title();
        let text = fs_err::read(place(&title, dirs)?);
        let memory = text.ok().and_then(|text| serde_json::from_slice::<BuildStamp>(&text).ok());
        let memory = memory.filter(|memory| memory.key == stage.key.as_str());
        // Another build, or somebody who prunes, may have come between the plan and now.
        let memory = memory.with_context(|| {
            format!("{title}: the cached result changed during planning; run the build again")
        })?;
        files.extend(memory.files.into_iter().map(|(name, seen)| Published {
            path: dirs.output.join(name).display().to_string(),
            bytes: seen.state.bytes,
            sha256: seen.sha256,
        }));
    }
    Ok(files)
}

fn are_the_same(inputs: &BTreeMap<String, String>, cache: &Cache) -> Result<bool> {
    for (key, sha256) in inputs {
        if cache.record(key)?.is_none_or(|record| record.sha256 != *sha256) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the files are what they were; those that were copied or touched since are read.
fn are_whole(mut stamp: BuildStamp, path: &Path, dirs: &BuildDirs) -> Result<bool> {
    let mut is_touched = false;
    for (name, seen) in &mut stamp.files {
        let file = dirs.output.join(name);
        let Ok(state) = FileState::of(&file) else { return Ok(false) };
        if state == seen.state {
            continue;
        }
        if state.bytes != seen.state.bytes || hash(&file)?.0 != seen.sha256 {
            return Ok(false);
        }
        seen.state = state;
        is_touched = true;
    }
    if is_touched {
        write_whole(path, &serde_json::to_vec(&stamp).context("reading the stamp of an image")?)?;
    }
    Ok(true)
}

/// Where the image with this title in the output folder is remembered.
fn place(title: &str, dirs: &BuildDirs) -> Result<PathBuf> {
    let key = CacheKey::of(&(title, absolute(&dirs.output)?));
    Ok(dirs.cache.results.path(key.as_str()))
}

fn absolute(output: &Path) -> Result<String> {
    Ok(std::path::absolute(output)?.to_string_lossy().into_owned())
}

/// What makes an image beside its stage: this very program.
fn surroundings() -> Result<String> {
    let program = fs_err::metadata("/proc/self/exe")?;
    let written = program.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let inputs = (env!("CARGO_PKG_VERSION"), program.len(), written.to_string());
    Ok(CacheKey::of(&inputs).as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Settings, execute};
    use crate::plan::{Action, DiskImage};
    use crate::report::Progress;

    /// A cache with a root tree, and an output folder with an image that was made from it.
    fn published(folder: &Path) -> (BuildDirs, Stage) {
        let dirs = BuildDirs { output: folder.join("dist"), cache: Cache::within(&folder.join("cache")) };
        fs_err::create_dir(&dirs.output).unwrap();
        let action = Action::Image(DiskImage::bare());
        let stage = Stage { key: CacheKey::of(&action), action, kept: false, asked: true };
        let unfinished = dirs.cache.layers.pending().unwrap();
        dirs.cache.layers.keep(unfinished, &DiskImage::bare().layer, "layer base").unwrap();
        publish(&dirs, &stage, "image");
        (dirs, stage)
    }

    fn publish(dirs: &BuildDirs, stage: &Stage, content: &str) {
        fs_err::write(dirs.output.join("node.qcow2"), content).unwrap();
        let (sha256, _) = hash(&dirs.output.join("node.qcow2")).unwrap();
        fs_err::write(dirs.output.join("SHA256SUMS"), format!("{sha256}  node.qcow2\n")).unwrap();
        let layer = DiskImage::bare().layer.as_str().to_owned();
        let record = dirs.cache.layers.record(&layer).unwrap().unwrap();
        let files = vec![("node.qcow2".to_owned(), sha256)];
        record_stamp(stage, BTreeMap::from([(layer, record.sha256)]), files, dirs).unwrap();
    }

    fn is_known(dirs: &BuildDirs) -> bool {
        !up_to_date(dirs).unwrap().is_empty()
    }

    #[test]
    fn an_image_is_known_again_where_it_was_published() {
        let folder = tempfile::tempdir().unwrap();
        let (places, _) = published(folder.path());
        assert!(is_known(&places));
        let elsewhere = BuildDirs { output: folder.path().join("other"), ..places };
        assert!(!is_known(&elsewhere));
    }

    #[test]
    fn a_build_that_makes_nothing_tells_the_files_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let (places, stage) = published(folder.path());
        let build = |stages| {
            let settings = Settings { mirror: None, hands: 1, wants_lock: false };
            execute(&Plan { stages }, &places, &settings, &Progress::start())
        };
        let kept = Stage { kept: true, ..stage };
        let told = build(vec![kept.clone()]).unwrap().published;
        let told: Vec<_> = told.into_iter().map(|file| (file.path, (file.sha256, file.bytes))).collect();
        let wanted = ["SHA256SUMS", "node.qcow2"].map(|name| {
            let path = places.output.join(name);
            (path.display().to_string(), hash(&path).unwrap())
        });
        assert_eq!(told, wanted);

        assert!(build(vec![]).unwrap().published.is_empty());
        let other = Stage { key: CacheKey::of(&"another recipe"), ..kept };
        let failure = build(vec![other]).unwrap_err().to_string();
        assert_eq!(failure, "image node: the cached result changed during planning; run the build again");
    }

    #[test]
    fn a_copy_is_known_by_its_content_and_a_changed_file_of_the_same_size_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (places, _) = published(folder.path());
        let image = places.output.join("node.qcow2");
        fs_err::copy(&image, folder.path().join("copy")).unwrap();
        fs_err::rename(folder.path().join("copy"), &image).unwrap();
        assert!(is_known(&places));
        let modified = fs_err::metadata(&image).unwrap().modified().unwrap();
        fs_err::write(&image, "IMAGE").unwrap();
        let file = std::fs::File::options().append(true).open(&image).unwrap();
        file.set_modified(modified).unwrap();
        assert!(!is_known(&places));
    }

    #[test]
    fn an_image_is_not_known_by_other_checksums_or_when_its_layer_was_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (places, stage) = published(folder.path());
        fs_err::write(places.output.join("SHA256SUMS"), "").unwrap();
        assert!(!is_known(&places));
        publish(&places, &stage, "image");
        assert!(is_known(&places));
        let unfinished = places.cache.layers.pending().unwrap();
        fs_err::write(unfinished.path(), "newer packages").unwrap();
        places.cache.layers.keep(unfinished, &DiskImage::bare().layer, "layer base").unwrap();
        assert!(!is_known(&places));
    }
}
