//! Folders for unfinished work: beside the results, so that finishing is a rename, and for what tools unpack.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::JoinHandle;

use super::cmd::Cmd;
use super::signals;
use super::sync::locked;
use super::{lock, tools};
use crate::failure::Result;

const PREFIX: &str = ".imagegen-work-";
/// Where mmdebstrap unpacks: in the folder for temporary files, since its root's stand-in may not enter a home.
const SCRATCH_PREFIX: &str = "imagegen-build-";

/// Files that are made from here on can be read by all, as distributions have it: how careful the user's own shell is
/// must not be seen in an image.
pub fn set_umask_022() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// A work folder. It goes when it is dropped; where imagegen is killed, its reaper takes it away, or else the next run.
#[derive(Debug)]
pub struct WorkDir {
    folder: PathBuf,
    /// The folder itself, locked as long as it is in use.
    _lock: File,
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What cannot be taken away now is swept by the next run.
        let _ = remove_tree(&self.folder);
    }
}

impl WorkDir {
    /// A new work folder inside `parent`.
    pub fn within(parent: &Path) -> Result<Self> {
        Self::named(parent, PREFIX)
    }

    /// A new one for what tools unpack, which users that stand in for root can enter.
    pub fn scratch() -> Result<Self> {
        let work = Self::named(&std::env::temp_dir(), SCRATCH_PREFIX)?;
        fs_err::set_permissions(&work.folder, PermissionsExt::from_mode(0o755))?;
        Ok(work)
    }

    /// A new one whose name begins with `prefix`; those of dead runs are known by it.
    pub fn named(parent: &Path, prefix: &str) -> Result<Self> {
        sweep(parent, prefix)?;
        loop {
            let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?.keep();
            // Another run that sweeps may take it for a dead one's before it is locked.
            let lock = match lock::open(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened?,
            };
            if lock::claim(&lock)? && lock::is_at(&lock, &folder)? {
                signals::watch_dir(&folder);
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    /// A path inside.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A new empty folder inside, which users that stand in for root can enter.
    pub fn open_folder(&self, prefix: &str) -> Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(&self.folder)?.keep();
        fs_err::set_permissions(&folder, PermissionsExt::from_mode(0o755))?;
        Ok(folder)
    }
}

/// Takes away the work folders whose runs are dead: nobody holds them.
pub fn sweep(parent: &Path, prefix: &str) -> Result<()> {
    for entry in fs_err::read_dir(parent)? {
        let path = entry?.path();
        let ours =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix));
        if ours {
            remove_abandoned(&path)?;
        }
    }
    Ok(())
}

/// What another sweeps at the same time is not an error, and what belongs to another user is theirs to sweep.
pub(super) fn remove_abandoned(path: &Path) -> Result<()> {
    let Ok(folder) = lock::open_folder(path) else { return Ok(()) };
    let own = folder.metadata()?.uid() == rustix::process::geteuid().as_raw();
    if !own || !lock::claim(&folder)? {
        return Ok(());
    }
    remove_tree(path)
}

/// Takes a folder away with all that is in it, whichever of our subordinate ids owns it.
///
/// mmdebstrap mounts the host's /dev and /sys in what it unpacks, but in a namespace of its own: nothing of the host's
/// can be seen from here.
pub fn remove_tree(path: &Path) -> Result<()> {
    if fs_err::remove_dir_all(path).is_err() && path.exists() {
        // What mmdebstrap unpacks for an ordinary user belongs to subordinate ids.
        Cmd::new(tools::MMDEBSTRAP.name).args(["--unshare-helper", "rm", "-rf"]).arg(path).clean_up();
    }
    match fs_err::remove_dir_all(path) {
        Err(error) if path.exists() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Folders that are taken away while other things go on; dropping this waits for the last one.
#[derive(Debug, Default)]
pub struct BackgroundRemovals {
    waiting: Mutex<Vec<PathBuf>>,
    removers: Mutex<Vec<JoinHandle<()>>>,
}

impl BackgroundRemovals {
    /// Takes a folder away once `begin` is called.
    pub fn add(&self, folder: PathBuf) {
        locked(&self.waiting).push(folder);
    }

    /// Begins with those that wait.
    pub fn begin(&self) {
        let folders = std::mem::take(&mut *locked(&self.waiting));
        // What stays is taken away with the work folder that it is in.
        let remove = move || folders.iter().for_each(|folder| drop(remove_tree(folder)));
        locked(&self.removers).push(std::thread::spawn(remove));
    }
}

impl Drop for BackgroundRemovals {
    fn drop(&mut self) {
        locked(&self.removers).drain(..).for_each(|remover| drop(remover.join()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_run_left_is_swept_and_what_a_live_one_uses_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let live = WorkDir::within(parent.path()).unwrap();
        fs_err::write(live.path("file"), "").unwrap();
        let dead = parent.path().join(".imagegen-work-dead");
        fs_err::create_dir(&dead).unwrap();
        fs_err::write(dead.join("file"), "").unwrap();
        let next = WorkDir::within(parent.path()).unwrap();
        assert!(!dead.exists());
        assert!(live.path("file").exists());
        let gone = next.path("");
        drop(next);
        assert!(!gone.exists());
    }

    #[test]
    fn runs_that_begin_together_leave_each_other_alone() {
        let parent = tempfile::tempdir().unwrap();
        let begin = || {
            for _ in 0..50 {
                let work = WorkDir::within(parent.path()).unwrap();
                fs_err::write(work.path("file"), "").unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(begin);
            }
        });
        assert_eq!(fs_err::read_dir(parent.path()).unwrap().count(), 0);
    }
}
