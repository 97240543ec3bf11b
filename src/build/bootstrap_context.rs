//! What a root tree is made from and where, and how mmdebstrap runs for it.

use std::path::{Path, PathBuf};

use super::deb::Deb;
use super::packages::PackageStore;
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::memory::{MemoryBudget, MemoryReservation};
use crate::host::privilege::Privilege;
use crate::host::tools;
use crate::host::workdir::WorkDir;
use crate::plan::lock::LockedTree;

/// Room for what the scripts of packages make, in bytes: the initramfs and indices before all.
pub(super) const MARGIN: u64 = 256 << 20;

/// What programs say where no room is left: ENOSPC in errno(3), and apt before it begins.
pub(super) const FULL: [&str; 2] = ["No space left on device", "You don't have enough free space"];

/// What a root tree is made from, and where.
pub(super) struct BootstrapContext<'a> {
    /// What its files on the way are called: a recipe may have several root trees in one build.
    pub(super) name: String,
    /// The tar of the parent root tree.
    pub(super) parent: Option<PathBuf>,
    /// The tars of the root tree's sets of packages, in their order.
    pub(super) sets: Vec<PathBuf>,
    /// Where the Debian packages are.
    pub(super) packages: &'a PackageStore,
    /// For files on the way.
    pub(super) work: &'a WorkDir,
    /// For what mmdebstrap unpacks.
    pub(super) scratch: &'a WorkDir,
    /// What the root tree may be made in.
    pub(super) budget: &'a MemoryBudget,
    /// For what it says.
    pub(super) log: PathBuf,
    /// What mmdebstrap may do.
    pub(super) privilege: Privilege,
}

impl BootstrapContext<'_> {
    /// A path for a file on the way.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.work.path(&format!("{}-{name}", self.name))
    }

    /// mmdebstrap as every step needs it.
    pub(super) fn mmdebstrap(&self) -> Cmd {
        self.prepared(tool(self.privilege))
    }

    pub(super) fn prepared(&self, cmd: Cmd) -> Cmd {
        cmd.env("TMPDIR", self.scratch.path("")).logged(&self.log)
    }

    /// The bytes that making a root tree takes: the parent's, those that its packages declare, and twice the
    /// files of packages and sets, which apt and installers copy.
    pub(super) fn room(&self, locked: &LockedTree) -> Result<u64> {
        let mut room = MARGIN;
        if let Some(path) = &self.parent {
            room += fs_err::metadata(path)?.len();
        }
        for set in &self.sets {
            room += 2 * fs_err::metadata(set)?.len();
        }
        for package in &locked.packages {
            room += Deb::read(&self.packages.path(&package.sha256))?.installed + 2 * package.bytes;
        }
        Ok(room)
    }

    /// Whether what failed says in its log that there was no room.
    pub(super) fn was_full(&self) -> bool {
        let log = fs_err::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        FULL.iter().any(|words| log.contains(words))
    }

    /// Memory to make a root tree in: only root mounts file systems.
    pub(super) fn promise(&self, locked: &LockedTree) -> Result<Option<MemoryReservation>> {
        match self.privilege {
            Privilege::Root => Ok(self.budget.try_reserve(self.room(locked)?)),
            Privilege::RootWithoutMounts | Privilege::User => Ok(None),
        }
    }

    /// tar, which prints what mmdebstrap has unpacked in `tree`: the same bytes for the same files.
    pub(super) fn pack(&self, tree: &Path, epoch: u64) -> Cmd {
        let tool = match self.privilege {
            // Its files belong to subordinate ids.
            Privilege::User => Cmd::new(tools::MMDEBSTRAP.name).args(["--unshare-helper", "tar"]),
            Privilege::Root | Privilege::RootWithoutMounts => Cmd::new("tar"),
        };
        tool.args(["--create", "--file=-", "--sort=name", "--clamp-mtime", "--numeric-owner", "--xattrs"])
            .arg(format!("--mtime=@{epoch}"))
            .args(["--one-file-system", "--format=pax", "--exclude=./dev"])
            // The names of these records carry the number of the process otherwise.
            .arg("--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime")
            .arg("--directory")
            .arg(tree)
            .arg(".")
    }
}

/// What mmdebstrap has to know of the environment: where programs are, and how to reach the archive.
pub(super) const ENVIRONMENT: &[&str] =
    &["PATH", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY"];

/// mmdebstrap by itself, as the user may run it.
pub(super) fn tool(privilege: Privilege) -> Cmd {
    let started = match privilege {
        // What it mounts is seen by nobody else, and goes with it however it ends.
        Privilege::Root => Cmd::new("unshare").args(["--mount", "--"]).arg(tools::MMDEBSTRAP.name),
        Privilege::RootWithoutMounts | Privilege::User => Cmd::new(tools::MMDEBSTRAP.name),
    };
    in_environment(started, privilege)
}

/// What mmdebstrap runs in the root file system must not see who runs it, and where.
pub(super) fn in_environment(mmdebstrap: Cmd, privilege: Privilege) -> Cmd {
    mmdebstrap
        .inheriting(ENVIRONMENT)
        .env("HOME", "/root")
        // Python orders sets by hashes that are random otherwise, also those that it writes into compiled files.
        .env("PYTHONHASHSEED", "0")
        .arg(if privilege == Privilege::User { "--mode=unshare" } else { "--mode=root" })
}
