//! The packages of a root tree, read from its tar. Each carries its own lock and those of its parents, so
//! that a cached root tree is never without its lock; hygiene drops them from images.

use crate::inspect::DPKG_STATUS;
use crate::inspect::installed_packages;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow};
use tar::Archive;

use super::names::relative;
use crate::document::Source;
use crate::failure::Result;
use crate::plan::lock::{self, Lock, LockedTree};

/// The folder of the locks in a root tree.
pub(super) const FOLDER: &str = "imagegen-lock";

/// The root trees that the tar of a root tree consists of.
pub(super) fn lock_of(layer: &Path) -> Result<Lock> {
    let mut lock = Lock::default();
    for (path, text) in texts(layer, |path| path.starts_with(FOLDER))? {
        lock.merge(lock::parse(Source::new(path, text))?);
    }
    if lock.layers.is_empty() {
        return Err(anyhow!(
            "the cached root tree {} has no lock in it; build with --no-cache",
            layer.display()
        )
        .into());
    }
    Ok(lock)
}

/// dpkg's list of packages in a root tree.
pub(super) fn dpkg_status(layer: &Path) -> Result<String> {
    let found = texts(layer, |path| path == DPKG_STATUS)?.into_iter().next();
    Ok(found.with_context(|| format!("{} has no /{DPKG_STATUS}", layer.display()))?.1)
}

/// Every package of the lock has to be installed, and nothing else at the bottom.
pub(super) fn ensure_installed(layer: &Path, locked: &LockedTree, is_lowest: bool) -> Result<()> {
    let status = dpkg_status(layer)?;
    let installed: Vec<(String, String)> =
        installed_packages(&status).into_iter().map(|package| (package.name, package.version)).collect();
    let wanted: Vec<(String, String)> =
        locked.packages.iter().map(|package| (package.name.clone(), package.version.clone())).collect();
    let mut faults: Vec<String> = wanted
        .iter()
        .filter(|package| !installed.contains(package))
        .map(|(name, version)| format!("{name} {version} was left out"))
        .collect();
    let more = installed.iter().filter(|package| is_lowest && !wanted.contains(package));
    faults.extend(more.map(|(name, version)| format!("{name} {version} came in")));
    if faults.is_empty() {
        return Ok(());
    }
    let recipe = &locked.recipe;
    Err(anyhow!("the root tree `{recipe}` does not consist of the chosen packages: {}", faults.join(", "))
        .into())
}

/// The files of a tar whose paths are `wanted`, in their order.
fn texts(tar: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>> {
    let mut archive = Archive::new(fs_err::File::open(tar)?);
    let mut texts = vec![];
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        let path = relative(&entry.path_bytes());
        if wanted(&path) && entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            texts.push((path, text));
        }
    }
    Ok(texts)
}
