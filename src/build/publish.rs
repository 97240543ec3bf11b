//! Finished files get their final names, each in one step, so that a half image is never seen under them.

use super::artifacts::Artifacts;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::hash::hash;
use super::signature;
use crate::failure::Result;
use crate::host::{files, lock};
use crate::report::{Progress, Published};

/// The checksums of all files in an output folder, in the format of sha256sum(1).
const CHECKSUMS: &str = "SHA256SUMS";

/// Moves what was made into `output` and writes the checksums again; gives that, the checksums and the `kept` files.
pub(super) fn all(
    outcomes: &[&Artifacts],
    kept: Vec<Published>,
    output: &Path,
    progress: &Progress,
) -> Result<Vec<Published>> {
    let mut published = kept;
    if !outcomes.is_empty() {
        published.extend(made(outcomes, output, progress)?);
    } else if !published.is_empty() {
        published.push(described(&output.join(CHECKSUMS))?);
    }
    published.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(published)
}

fn made(outcomes: &[&Artifacts], output: &Path, progress: &Progress) -> Result<Vec<Published>> {
    let step = progress.step(format!("results in {}", output.display()));
    let mut files = vec![];
    for outcome in outcomes {
        for ((path, _), (name, sha256)) in outcome.files.iter().zip(outcome.names()?) {
            let file = fs_err::File::open(path)?;
            file.sync_all()?;
            let target = output.join(&name);
            let published =
                Published { path: target.display().to_string(), bytes: file.metadata()?.len(), sha256 };
            files.push((path, target, name, published));
        }
    }
    let _alone = alone_in(output)?;
    let mut checksums = read_checksums(output)?;
    checksums.extend(files.iter().map(|(_, _, name, file)| (name.clone(), file.sha256.clone())));
    let written = write(&checksums, outcomes)?;
    // Nothing slow from here on: a build that is killed in between leaves whole files of two builds. What the names belonged to
    // is held, for a rename is over only when the file that it takes the place of is gone, which takes long for an image.
    let _before: Vec<_> =
        files.iter().filter_map(|(_, target, ..)| fs_err::File::open(target).ok()).collect();
    let mut published = vec![];
    for (path, target, _, file) in files {
        signature::forget(&target)?;
        fs_err::rename(path, target)?;
        published.push(file);
    }
    fs_err::rename(written, output.join(CHECKSUMS))?;
    published.push(described(&output.join(CHECKSUMS))?);
    step.done(&format!("{} files", published.len()));
    Ok(published)
}

/// Makes sure that no other build publishes into the folder at the same time.
fn alone_in(output: &Path) -> Result<std::fs::File> {
    let folder = lock::open(output)?;
    lock::when_free(|| lock::claim(&folder))?;
    Ok(folder)
}

fn described(path: &Path) -> Result<Published> {
    let (sha256, bytes) = hash(path)?;
    Ok(Published { path: path.display().to_string(), bytes, sha256 })
}

/// What earlier builds left; files that are gone are forgotten.
pub(super) fn read_checksums(output: &Path) -> Result<BTreeMap<String, String>> {
    let text = match fs_err::read_to_string(output.join(CHECKSUMS)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    Ok(lines
        .filter(|(_, name)| output.join(name).is_file())
        .map(|(sha256, name)| (name.to_owned(), sha256.to_owned()))
        .collect())
}

/// Writes the checksums beside the finished files, in the work folder.
fn write(checksums: &BTreeMap<String, String>, outcomes: &[&Artifacts]) -> Result<PathBuf> {
    let finished = outcomes.iter().flat_map(|outcome| &outcome.files).next();
    let path = files::folder_of(&finished.context("no results")?.0).join(CHECKSUMS);
    let lines: Vec<String> = checksums.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    let mut file = fs_err::File::create(&path)?;
    file.write_all(lines.concat().as_bytes())?;
    file.sync_all()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_told_together_with_what_was_kept() {
        let (work, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = work.path().join("hub.qcow2");
        fs_err::write(&path, "hub").unwrap();
        fs_err::write(output.path().join("node.qcow2"), "node").unwrap();
        fs_err::write(output.path().join(CHECKSUMS), "ab  node.qcow2\n").unwrap();
        let kept = Published {
            path: output.path().join("node.qcow2").display().to_string(),
            bytes: 4,
            sha256: "ab".into(),
        };
        let outcome = Artifacts { files: vec![(path, "cd".into())], image_size: 3 };
        let told = all(&[&outcome], vec![kept], output.path(), &Progress::start()).unwrap();
        let (sums, _) = hash(&output.path().join(CHECKSUMS)).unwrap();
        let told: Vec<_> = told.iter().map(|file| (file.path.as_str(), file.sha256.as_str())).collect();
        let paths = [CHECKSUMS, "hub.qcow2", "node.qcow2"].map(|name| output.path().join(name));
        let paths = paths.each_ref().map(|path| path.to_str().unwrap());
        assert_eq!(told, [(paths[0], sums.as_str()), (paths[1], "cd"), (paths[2], "ab")]);
    }
}
