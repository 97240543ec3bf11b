//! Finished files get their final names, each in one step, so that a half image is never seen under them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::manifest::hash;
use crate::failure::Result;
use crate::report::{Progress, Published};

/// The checksums of all files in an output folder, in the format of sha256sum(1).
const CHECKSUMS: &str = "SHA256SUMS";

/// What one image resulted in.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Finished files in the work folder, with their SHA-256.
    pub(super) files: Vec<(PathBuf, String)>,
    /// The image's own size in bytes.
    pub(super) image_size: u64,
}

/// Moves everything into `output` and writes the checksums anew.
pub(super) fn all(outcomes: Vec<Outcome>, output: &Path, progress: &Progress) -> Result<Vec<Published>> {
    let mut published = vec![];
    if outcomes.is_empty() {
        return Ok(published);
    }
    let step = progress.step(format!("results in {}", output.display()));
    let mut checksums = read_checksums(output)?;
    for (path, sha256) in outcomes.into_iter().flat_map(|outcome| outcome.files) {
        let name = path.file_name().context("a result without a name")?.to_string_lossy().into_owned();
        let (file, target) = (fs_err::File::open(&path)?, output.join(&name));
        file.sync_all()?;
        fs_err::rename(&path, &target)?;
        let (path, bytes) = (target.display().to_string(), file.metadata()?.len());
        published.push(Published { path, bytes, sha256: sha256.clone() });
        checksums.insert(name, sha256);
    }
    write_checksums(output, &checksums)?;
    published.push(described(&output.join(CHECKSUMS))?);
    step.done(&format!("{} files", published.len()));
    Ok(published)
}

fn described(path: &Path) -> Result<Published> {
    let (sha256, bytes) = hash(path)?;
    Ok(Published { path: path.display().to_string(), bytes, sha256 })
}

/// What earlier builds left; files that are gone are forgotten.
fn read_checksums(output: &Path) -> Result<BTreeMap<String, String>> {
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

fn write_checksums(output: &Path, checksums: &BTreeMap<String, String>) -> Result<()> {
    let lines: Vec<String> = checksums.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    let file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(output)?;
    fs_err::write(file.path(), lines.concat())?;
    file.persist(output.join(CHECKSUMS)).context("writing the checksums")?;
    Ok(())
}
