//! A folder for unfinished work, beside the results so that finishing is a rename.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::failure::Result;

const PREFIX: &str = ".imagegen-work-";

/// Files that are made from here on can be read by all, as distributions have it: how careful the user's own shell is
/// must not be seen in an image.
pub fn usual_permissions() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// A work folder. It goes when it is dropped; one that a killed run left goes when the next run begins.
#[derive(Debug)]
pub struct WorkFolder {
    folder: tempfile::TempDir,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl WorkFolder {
    /// A new work folder inside `parent`.
    pub fn within(parent: &Path) -> Result<Self> {
        Self::named(parent, PREFIX)
    }

    /// A new one whose name begins with `prefix`; those of dead runs are known by it.
    pub fn named(parent: &Path, prefix: &str) -> Result<Self> {
        sweep(parent, prefix)?;
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let lock = fs_err::File::create(folder.path().join("lock"))?.into_parts().0;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(std::io::Error::from)?;
        Ok(Self { folder, _lock: lock })
    }

    /// A path inside.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Takes away the work folders whose runs are dead: nobody holds their lock.
fn sweep(parent: &Path, prefix: &str) -> Result<()> {
    for entry in fs_err::read_dir(parent)? {
        let path = entry?.path();
        let ours =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix));
        if ours && is_abandoned(&path) {
            fs_err::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn is_abandoned(folder: &Path) -> bool {
    // A folder without its lock file yet belongs to a run that is just beginning.
    let Ok(lock) = fs_err::File::open(folder.join("lock")) else { return false };
    flock(lock.file(), FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_run_left_is_swept_and_what_a_live_one_uses_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let live = WorkFolder::within(parent.path()).unwrap();
        let dead = parent.path().join(".imagegen-work-dead");
        fs_err::create_dir(&dead).unwrap();
        fs_err::write(dead.join("lock"), "").unwrap();
        let next = WorkFolder::within(parent.path()).unwrap();
        assert!(!dead.exists());
        assert!(live.path("lock").exists());
        let gone = next.path("");
        drop(next);
        assert!(!gone.exists());
    }
}
