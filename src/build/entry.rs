//! An entry of a bucket: what is known of it, holding it, and writing it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::checked;
use crate::failure::Result;
use crate::host::lock;

/// How the names of files and folders begin that are still being written.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// What is known of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryMeta {
    /// What it is, for a person.
    pub(super) what: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// When it was made, in seconds since 1970.
    pub(super) made: u64,
    /// What it was verified by, where it came from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<String>,
    /// The SHA-256 of the root tree that it was made on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<String>,
}

/// An entry that stays what it is until this is dropped.
#[derive(Debug)]
pub(super) struct EntryGuard {
    pub(super) file: File,
    /// The hash of its content.
    pub(super) sha256: String,
}

impl EntryGuard {
    /// Its size.
    pub(super) fn bytes(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// A path to it that its own name does not matter for.
    pub(super) fn path(&self) -> PathBuf {
        let number = std::os::fd::AsRawFd::as_raw_fd(&self.file);
        PathBuf::from(format!("/proc/{}/fd/{number}", rustix::process::getpid()))
    }
}

/// What became of holding an entry.
#[derive(Debug)]
pub(super) enum Lookup {
    /// It is as it was made.
    Hit(EntryGuard),
    /// It is not.
    Corrupt,
    /// There is none.
    Miss,
}

/// A file that is still being written; it goes when it is dropped.
#[derive(Debug)]
pub(super) struct PendingEntry {
    pub(super) path: tempfile::TempPath,
    pub(super) lock: File,
    /// What it was verified by, where it came from outside.
    pub(super) proof: Option<String>,
    /// The SHA-256 of the root tree that it was made on.
    pub(super) base: Option<String>,
    /// Hash and size of its content, where they are known from writing it.
    pub(super) known: Option<(String, u64)>,
}

impl PendingEntry {
    /// Writes all that `reader` gives.
    pub(super) fn fill(&mut self, reader: &mut impl Read) -> Result<()> {
        let mut file = fs_err::File::create(&self.path)?;
        self.known = Some(checked::copy::<Sha256>(reader, &mut file)?);
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn bytes(&self) -> Result<u64> {
        Ok(fs_err::metadata(&self.path)?.len())
    }
}

/// Opens a file as one of its users; nothing where there is none.
pub(super) fn open_shared(path: &Path) -> Result<Option<File>> {
    loop {
        let file = match lock::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        lock::when_free(|| lock::share(&file))?;
        if lock::is_at(&file, path)? {
            return Ok(Some(file));
        }
    }
}

pub(super) fn pending_in(folder: &Path) -> Result<PendingEntry> {
    fs_err::create_dir_all(folder)?;
    loop {
        let (file, path) = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?.into_parts();
        // Another build that clears out may have taken it for a dead one's before it was locked.
        if lock::claim(&file)? && lock::is_at(&file, &path)? {
            return Ok(PendingEntry { path, lock: file, proof: None, base: None, known: None });
        }
    }
}

/// Writes a small file in one step.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let unfinished = pending_in(path.parent().context("a file without a folder")?)?;
    fs_err::write(&unfinished.path, content)?;
    unfinished.path.persist(path).with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}
