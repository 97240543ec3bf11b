//! Debian packages, kept by the hash of their content: each is downloaded once, whichever layer and build needs it, and
//! none is used that does not have its hash.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::manifest::hash;
use crate::document::Findings;
use crate::failure::Result;
use crate::host::command::Tool;
use crate::plan::lock::{LockedPackage, findings};

/// apt's own downloader: it knows this machine's proxies, and tries again when a connection breaks.
const DOWNLOADER: &str = "/usr/lib/apt/apt-helper";
/// What apt says of a file that a server does not have.
const NOT_FOUND: &str = " 404 ";
/// What it says when it could not ask.
const UNREACHABLE: [&str; 4] = ["Could not", "Unable to", "onnection", "Temporary failure"];
/// How often a child is looked at.
const TICK: std::time::Duration = std::time::Duration::from_millis(20);

/// The kept packages of the current user.
#[derive(Debug, Clone)]
pub struct PackageStore {
    folder: PathBuf,
}

/// What had to be done for packages to be at hand.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Provided {
    /// How many were downloaded.
    pub(super) fetched: usize,
    /// How many were kept, but damaged, and were downloaded again.
    pub(super) damaged: usize,
}

impl Provided {
    /// What to say behind the number of packages.
    pub(super) fn told(self) -> String {
        let mut told = format!(", {} downloaded", self.fetched);
        if self.damaged > 0 {
            told.push_str(&format!(", {} of them because what was kept was damaged", self.damaged));
        }
        told
    }
}

impl PackageStore {
    /// The store in a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the package with this SHA-256 is kept.
    #[must_use]
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.deb"))
    }

    /// Sees to it that all `packages` are here, whole: what is not is downloaded from the first of the `archives` that
    /// has it.
    pub(super) fn provide(&self, packages: &[LockedPackage], archives: &[String]) -> Result<Provided> {
        let mut provided = Provided::default();
        let mut missing = vec![];
        for package in packages {
            match self.state(package)? {
                State::Whole => continue,
                State::Damaged => provided.damaged += 1,
                State::Absent => {}
            }
            missing.push(package);
        }
        provided.fetched = missing.len();
        let mut complaints = vec![];
        for archive in archives {
            if !missing.is_empty() {
                complaints.extend(self.download(&missing, archive)?);
                missing.retain(|package| !self.path(&package.sha256).exists());
            }
        }
        if missing.is_empty() { Ok(provided) } else { Err(failure(&missing, archives, &complaints)) }
    }

    /// Takes a damaged file away.
    fn state(&self, package: &LockedPackage) -> Result<State> {
        let path = self.path(&package.sha256);
        if !path.exists() {
            return Ok(State::Absent);
        }
        if is_whole(&path, package)? {
            return Ok(State::Whole);
        }
        fs_err::remove_file(&path)?;
        Ok(State::Damaged)
    }

    /// Downloads what `archive` has; gives what apt complained about, if it did.
    fn download(&self, missing: &[&LockedPackage], archive: &str) -> Result<Option<String>> {
        fs_err::create_dir_all(&self.folder)?;
        let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(&self.folder)?;
        let target = |package: &LockedPackage| unfinished.path().join(&package.sha256);
        let mut tool = Tool::new(DOWNLOADER)
            // The folder is ours alone, where apt's own user could not write.
            .args(["-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "download-file"]);
        for package in missing {
            tool = tool
                .arg(format!("{archive}/{}", package.file))
                .arg(target(package))
                .arg(format!("SHA256:{}", package.sha256));
        }
        let mut running = tool.spawn()?;
        let status = loop {
            if let Some(status) = running.ended()? {
                break status;
            }
            crate::host::signals::check()?;
            std::thread::sleep(TICK);
        };
        for package in missing {
            let path = target(package);
            if path.exists() && is_whole(&path, package)? {
                fs_err::rename(&path, self.path(&package.sha256))?;
            }
        }
        Ok((!status.success()).then(|| running.error_tail()))
    }
}

enum State {
    Whole,
    Damaged,
    Absent,
}

fn is_whole(path: &Path, package: &LockedPackage) -> Result<bool> {
    Ok(fs_err::metadata(path)?.len() == package.bytes && hash(path)?.0 == package.sha256)
}

/// An archive that answers, and does not have a package, is one thing; one that does not answer is another.
fn failure(
    missing: &[&LockedPackage],
    archives: &[String],
    complaints: &[String],
) -> crate::failure::Failure {
    let answered = complaints
        .iter()
        .all(|said| said.contains(NOT_FOUND) && !UNREACHABLE.iter().any(|trouble| said.contains(trouble)));
    if answered && !complaints.is_empty() {
        let mut all = Findings::default();
        missing.iter().for_each(|package| all.push(findings::gone(package)));
        return all.into();
    }
    let from = archives.join(" and ");
    let count = missing.len();
    anyhow!("{count} packages could not be downloaded from {from}; apt said:\n{}", complaints.join("\n"))
        .into()
}
