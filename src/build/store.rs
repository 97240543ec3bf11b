//! What is kept between builds, in the user's cache folder: layers, container images and sets of packages, one tar per
//! key, and Debian packages by their hashes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::packages::PackageStore;
use crate::failure::Result;
use crate::plan::Key;

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
}

impl Store {
    /// In `$XDG_CACHE_HOME/imagegen`, or `~/.cache/imagegen`.
    pub fn of_user() -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME says where to keep layers")?;
        let shelf = |name| Shelf::new(cache.join("imagegen").join(name));
        let packages = PackageStore::new(cache.join("imagegen/packages"));
        Ok(Self { layers: shelf("layers"), sets: shelf("sets"), containers: shelf("containers"), packages })
    }
}

/// A folder of files by key.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The shelf in a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder itself; it need not be there yet.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file with this key is kept.
    #[must_use]
    pub fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.tar", key.as_str()))
    }

    /// A name in the same folder for a file that is still being written.
    pub fn unfinished(&self) -> Result<tempfile::TempPath> {
        fs_err::create_dir_all(&self.folder)?;
        let file =
            tempfile::Builder::new().prefix(".unfinished-").suffix(".tar").tempfile_in(&self.folder)?;
        Ok(file.into_temp_path())
    }

    /// Takes a finished file in.
    pub fn keep(&self, unfinished: tempfile::TempPath, key: &Key) -> Result<()> {
        Ok(unfinished.persist(self.path(key)).context("keeping what was made")?)
    }

    /// Puts away what is too old to be used again.
    pub fn clear_out(&self) -> Result<()> {
        for (old, age) in self.ages()? {
            if age >= crate::plan::LAYER_FRESH_FOR {
                fs_err::remove_file(self.folder.join(format!("{old}.tar")))?;
            }
        }
        Ok(())
    }

    /// The kept files by key, with their age in seconds.
    pub fn ages(&self) -> Result<BTreeMap<String, u64>> {
        kept_in(&self.folder)
    }
}

/// The finished files of a folder by key, with their age in seconds.
fn kept_in(folder: &Path) -> Result<BTreeMap<String, u64>> {
    let mut ages = BTreeMap::new();
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ages),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(key) =
            name.to_str().and_then(|name| name.strip_suffix(".tar")).filter(|key| key.len() == 64)
        {
            // A clock that was set back makes a layer from the future; it counts as new.
            let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
            ages.insert(key.to_owned(), age.as_secs());
        }
    }
    Ok(ages)
}
