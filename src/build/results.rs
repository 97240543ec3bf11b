//! Knowing a finished image again, without reading it.
//!
//! After an image was published, its files' hashes are remembered with what stat(2) says of them. As long as that is
//! the same nobody has written to them: a change of a file's content or attributes gives it a new change time, which
//! no program can set. Where it differs, as after a copy, the files are read and compared with the hashes.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::entry::write_whole;
use super::publish::read_checksums;
use super::{Places, Store, manifest};
use crate::failure::Result;
use crate::host::clock::now;
use crate::plan::{Key, Plan, Stage};
use crate::report::Published;

/// What is remembered of a finished image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// What it is, for a person.
    what: String,
    /// The key of its stage.
    key: String,
    /// What made it, beside the stages that it needs.
    surroundings: String,
    /// When it was published, in seconds since 1970.
    made: u64,
    /// The hashes of what it was made from, by key.
    inputs: BTreeMap<String, String>,
    files: BTreeMap<String, Seen>,
}

/// A file as it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    sha256: String,
    state: State,
}

/// What stat(2) says of a file: any change of it makes a difference here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
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
pub(super) fn remember(
    stage: &Stage,
    inputs: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    places: &Places,
) -> Result<()> {
    let mut seen = BTreeMap::new();
    for (name, sha256) in files {
        seen.insert(name.clone(), Seen { sha256, state: State::of(&places.output.join(&name))? });
    }
    let memory = Memory {
        what: format!("{} in {}", stage.title(), absolute(&places.output)?),
        key: stage.key.as_str().to_owned(),
        surroundings: surroundings()?,
        made: now(),
        inputs,
        files: seen,
    };
    write_whole(
        &place(&stage.title(), places)?,
        &serde_json::to_vec(&memory).context("what is remembered of an image")?,
    )
}

/// The images in the output folder that are whole and were made from what is kept now: by key, with their age in seconds.
pub(super) fn known(places: &Places) -> Result<BTreeMap<String, u64>> {
    let (surroundings, checksums) = (surroundings()?, read_checksums(&places.output)?);
    let mut known = BTreeMap::new();
    for path in places.store.results.keys()?.iter().map(|key| places.store.results.path(key)) {
        // What is pruned while we look is not there, and what another version of imagegen wrote is nothing that we know.
        let text = fs_err::read(&path).unwrap_or_default();
        let Ok(memory) = serde_json::from_slice::<Memory>(&text) else { continue };
        if memory.surroundings == surroundings
            && path == place(memory.title(), places)?
            && memory.files.iter().all(|(name, seen)| checksums.get(name) == Some(&seen.sha256))
            && are_the_same(&memory.inputs, &places.store)?
            && are_whole(memory.clone(), &path, places)?
        {
            known.insert(memory.key, now().saturating_sub(memory.made));
        }
    }
    Ok(known)
}

/// The files of the images that were asked for and need not be made, by what is remembered of them.
pub(super) fn kept(plan: &Plan, places: &Places) -> Result<Vec<Published>> {
    let mut files = vec![];
    for stage in plan.stages.iter().filter(|stage| stage.asked && stage.kept) {
        let title = stage.title();
        let text = fs_err::read(place(&title, places)?);
        let memory = text.ok().and_then(|text| serde_json::from_slice::<Memory>(&text).ok());
        let memory = memory.filter(|memory| memory.key == stage.key.as_str());
        // Another build, or somebody who prunes, may have come between the plan and now.
        let memory = memory
            .with_context(|| format!("{title}: it was kept, and is no longer what it was; build again"))?;
        files.extend(memory.files.into_iter().map(|(name, seen)| Published {
            path: places.output.join(name).display().to_string(),
            bytes: seen.state.bytes,
            sha256: seen.sha256,
        }));
    }
    Ok(files)
}

impl Memory {
    fn title(&self) -> &str {
        self.what.split_once(" in ").map_or(self.what.as_str(), |(title, _)| title)
    }
}

fn are_the_same(inputs: &BTreeMap<String, String>, store: &Store) -> Result<bool> {
    for (key, sha256) in inputs {
        if store.record(key)?.is_none_or(|record| record.sha256 != *sha256) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the files are what they were; those that were copied or touched since are read.
fn are_whole(mut memory: Memory, path: &Path, places: &Places) -> Result<bool> {
    let mut is_touched = false;
    for (name, seen) in &mut memory.files {
        let file = places.output.join(name);
        let Ok(state) = State::of(&file) else { return Ok(false) };
        if state == seen.state {
            continue;
        }
        if state.bytes != seen.state.bytes || manifest::hash(&file)?.0 != seen.sha256 {
            return Ok(false);
        }
        seen.state = state;
        is_touched = true;
    }
    if is_touched {
        write_whole(path, &serde_json::to_vec(&memory).context("what is remembered of an image")?)?;
    }
    Ok(true)
}

/// Where the image with this title in the output folder is remembered.
fn place(title: &str, places: &Places) -> Result<PathBuf> {
    let key = Key::of(&(title, absolute(&places.output)?));
    Ok(places.store.results.path(key.as_str()))
}

fn absolute(output: &Path) -> Result<String> {
    Ok(std::path::absolute(output)?.to_string_lossy().into_owned())
}

/// What makes an image beside its stage: this very program.
fn surroundings() -> Result<String> {
    let program = fs_err::metadata("/proc/self/exe")?;
    let written = program.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let inputs = (env!("CARGO_PKG_VERSION"), program.len(), written.to_string());
    Ok(Key::of(&inputs).as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Settings, execute};
    use crate::plan::{Action, Image};
    use crate::report::Progress;

    /// A cache with a layer, and an output folder with an image that was made from it.
    fn published(folder: &Path) -> (Places, Stage) {
        let places = Places { output: folder.join("dist"), store: Store::within(&folder.join("cache")) };
        fs_err::create_dir(&places.output).unwrap();
        let action = Action::Image(Image::bare());
        let stage = Stage { key: Key::of(&action), action, kept: false, asked: true };
        let unfinished = places.store.layers.unfinished().unwrap();
        places.store.layers.keep(unfinished, &Image::bare().layer, "layer base").unwrap();
        publish(&places, &stage, "image");
        (places, stage)
    }

    fn publish(places: &Places, stage: &Stage, content: &str) {
        fs_err::write(places.output.join("node.qcow2"), content).unwrap();
        let (sha256, _) = manifest::hash(&places.output.join("node.qcow2")).unwrap();
        fs_err::write(places.output.join("SHA256SUMS"), format!("{sha256}  node.qcow2\n")).unwrap();
        let layer = Image::bare().layer.as_str().to_owned();
        let record = places.store.layers.record(&layer).unwrap().unwrap();
        let files = vec![("node.qcow2".to_owned(), sha256)];
        remember(stage, BTreeMap::from([(layer, record.sha256)]), files, places).unwrap();
    }

    fn is_known(places: &Places) -> bool {
        !known(places).unwrap().is_empty()
    }

    #[test]
    fn an_image_is_known_again_where_it_was_published() {
        let folder = tempfile::tempdir().unwrap();
        let (places, _) = published(folder.path());
        assert!(is_known(&places));
        let elsewhere = Places { output: folder.path().join("other"), ..places };
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
            (path.display().to_string(), manifest::hash(&path).unwrap())
        });
        assert_eq!(told, wanted);

        assert!(build(vec![]).unwrap().published.is_empty());
        let other = Stage { key: Key::of(&"another recipe"), ..kept };
        let failure = build(vec![other]).unwrap_err().to_string();
        assert_eq!(failure, "image node: it was kept, and is no longer what it was; build again");
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
        let unfinished = places.store.layers.unfinished().unwrap();
        fs_err::write(unfinished.path(), "newer packages").unwrap();
        places.store.layers.keep(unfinished, &Image::bare().layer, "layer base").unwrap();
        assert!(!is_known(&places));
    }
}
