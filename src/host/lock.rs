//! Advisory locks (flock(2)): the kernel gives them back when their holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::signals;
use crate::failure::Result;

/// How often one looks whether another holder is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The same, where the other one is done at once.
const MOMENT: Duration = Duration::from_millis(20);

/// A lock file that this process alone holds. It goes when this is dropped.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    _file: File,
}

impl FileLock {
    /// Takes the lock `path`; where somebody else has it, calls `waiting` once and waits, but not past a signal.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        let mut waiting = Some(waiting);
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            signals::sleep(LOOK_AGAIN)?;
        }
    }

    /// Takes the lock `path`, unless somebody else has it.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let opened = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let file = opened.into_parts().0;
        // Its last holder may have taken the file away between the two.
        let held = claim(&file)? && is_at(&file, path)?;
        Ok(held.then(|| Self { path: path.to_owned(), _file: file }))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // One that stays behind is no lock: nobody holds it.
        let _ = fs_err::remove_file(&self.path);
    }
}

/// Opens a file or folder to lock it.
pub fn open(path: &Path) -> std::io::Result<File> {
    Ok(fs_err::File::open(path)?.into_parts().0)
}

/// Opens a folder to lock it. What only bears its name, as a link or a pipe of somebody else's, is refused at once.
pub fn open_folder(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Makes this process the only user of an open file or folder, unless it has another user.
pub fn claim(file: &File) -> Result<bool> {
    held(file.try_lock())
}

/// Makes this process one of the users of an open file, unless somebody wants to be the only one.
pub fn share(file: &File) -> Result<bool> {
    held(file.try_lock_shared())
}

/// Tries again and again, though not past a signal, until a lock is had that others hold for moments.
pub fn when_free(mut try_it: impl FnMut() -> Result<bool>) -> Result<()> {
    while !try_it()? {
        signals::sleep(MOMENT)?;
    }
    Ok(())
}

fn held(tried: std::result::Result<(), TryLockError>) -> Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Whether an open file or folder is still what stands at `path`.
pub fn is_at(file: &File, path: &Path) -> Result<bool> {
    let open = file.metadata()?;
    match fs_err::metadata(path) {
        Ok(there) => Ok((open.dev(), open.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether something comes true within seconds. What another test starts has the locks of this one for a moment, between
/// fork(2) and execve(2).
#[cfg(test)]
pub(crate) fn comes_true(mut what: impl FnMut() -> bool) -> bool {
    (0..500).any(|_| {
        let is_true = what();
        if !is_true {
            std::thread::sleep(MOMENT);
        }
        is_true
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_lock_has_one_holder_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.lock");
        let first = FileLock::try_take(&path).unwrap().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        assert!(comes_true(|| FileLock::try_take(&path).unwrap().is_some()));
    }

    #[test]
    fn many_who_wait_get_it_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.lock");
        let (inside, waited) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _lock = FileLock::take(&path, || waited.store(true, Ordering::SeqCst)).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
                    std::thread::sleep(Duration::from_millis(10));
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(waited.into_inner());
    }

    #[test]
    fn what_is_no_folder_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(open_folder(folder.path()).is_ok());
        std::os::unix::fs::symlink(folder.path(), at("link")).unwrap();
        super::super::cmd::Cmd::new("mkfifo").arg(at("pipe")).run().unwrap();
        assert!(open_folder(&at("link")).is_err() && open_folder(&at("pipe")).is_err());
    }

    #[test]
    fn who_shares_keeps_away_who_wants_it_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let [one, two, three] = [(); 3].map(|()| open(file.path()).unwrap());
        assert!(share(&one).unwrap() && share(&two).unwrap());
        assert!(!claim(&three).unwrap());
        drop((one, two));
        assert!(comes_true(|| claim(&three).unwrap()));
    }
}
