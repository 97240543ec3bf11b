//! A layer by mmdebstrap: bootstrapped, or another layer with more packages.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::deb::Deb;
use super::entry::PendingEntry;
use super::mmdebstrap::{self, BootstrapFiles};
use super::packages::{PackageStore, Provided};
use super::stdin_tar;
use super::{embedded_lock, resolve};
use crate::failure::{Failure, Result};
use crate::host::clock;
use crate::host::cmd::Cmd;
use crate::host::memory::{MemoryBudget, MemoryReservation};
use crate::host::privilege::Privilege;
use crate::host::tools;
use crate::host::workdir::WorkDir;
use crate::plan::RootTree;
use crate::plan::lock::LockedTree;

/// Room for what the scripts of packages make, in bytes: the initramfs and indices before all.
const MARGIN: u64 = 256 << 20;
/// Mounts a file system of `$2` bytes in memory on `$1`, has mmdebstrap fill it, and prints it by `$3`. A signal reaches
/// mmdebstrap too, which is waited for.
const IN_MEMORY: &str = r#"trap : HUP INT TERM; tree=$1 size=$2 pack=$3; shift 3
mount -t tmpfs -o "mode=0755,size=$size" imagegen "$tree" && "$@" >&2 && eval "exec $pack""#;
/// What programs say where no room is left: ENOSPC in errno(3), and apt before it begins.
const FULL: [&str; 2] = ["No space left on device", "You don't have enough free space"];

/// What a layer is made from, and where.
pub(super) struct BootstrapContext<'a> {
    /// What its files on the way are called: a recipe may have several layers in one build.
    pub(super) name: String,
    /// The tar of the layer below.
    pub(super) parent: Option<PathBuf>,
    /// The tars of the layer's sets of packages, in their order.
    pub(super) sets: Vec<PathBuf>,
    /// Where the Debian packages are.
    pub(super) packages: &'a PackageStore,
    /// For files on the way.
    pub(super) work: &'a WorkDir,
    /// For what mmdebstrap unpacks.
    pub(super) scratch: &'a WorkDir,
    /// What the layer may be made in.
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
        self.prepared(mmdebstrap::tool(self.privilege))
    }

    fn prepared(&self, cmd: Cmd) -> Cmd {
        cmd.env("TMPDIR", self.scratch.path("")).logged(&self.log)
    }

    /// What a layer takes while it is made, in bytes: what is below, what its packages say of themselves, and twice the
    /// files of packages and sets, which apt and installers copy.
    fn room(&self, locked: &LockedTree) -> Result<u64> {
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
    fn was_full(&self) -> bool {
        let log = fs_err::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        FULL.iter().any(|words| log.contains(words))
    }

    /// Memory to make a layer in: whoever mounts file systems has to be root.
    fn promise(&self, locked: &LockedTree) -> Result<Option<MemoryReservation>> {
        match self.privilege {
            Privilege::Root => Ok(self.budget.try_reserve(self.room(locked)?)),
            Privilege::RootWithoutMounts | Privilege::User => Ok(None),
        }
    }

    /// tar, which prints what mmdebstrap has unpacked in `tree`: the same bytes for the same files.
    fn pack(&self, tree: &Path, epoch: u64) -> Cmd {
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

/// Makes the layer `target` from its packages, which are in the store: in memory if there is plenty, and else on the
/// disk, in a folder that is given. `on_retry` is called if there was too little memory after all.
pub(super) fn make(
    tree: &RootTree,
    locked: &LockedTree,
    target: &mut PendingEntry,
    context: &BootstrapContext<'_>,
    on_retry: impl FnOnce(),
) -> Result<PathBuf> {
    clock::ensure_after(locked.epoch)?;
    let dir = context.scratch.open_folder(&format!("layer-{}-", context.name))?;
    let making = Bootstrap { tree, locked, context, dir: &dir };
    match context.promise(locked)? {
        None => making.on_disk(target)?,
        Some(memory) => match making.in_memory(memory.bytes(), target) {
            // How much a recipe's scripts write is known to nobody.
            Err(Failure::Work(_)) if context.was_full() => {
                on_retry();
                making.on_disk(target)?;
            }
            made => made?,
        },
    }
    embedded_lock::ensure_installed(target.path(), locked, tree.parent.is_none())?;
    Ok(dir)
}

/// A root tree that is being made, in `dir`.
struct Bootstrap<'a> {
    tree: &'a RootTree,
    locked: &'a LockedTree,
    context: &'a BootstrapContext<'a>,
    dir: &'a Path,
}

impl Bootstrap<'_> {
    fn on_disk(&self, target: &mut PendingEntry) -> Result<()> {
        self.command(self.context.mmdebstrap())?.run_with_stdin(|pipe| self.feed(pipe))?;
        self.pack().run_reading_stdout(|tar| target.fill(tar))
    }

    /// In a file system that nobody else sees, of `bytes`: it goes with the processes that work in it, however they end.
    fn in_memory(&self, bytes: u64, target: &mut PendingEntry) -> Result<()> {
        let cmd = Cmd::new("unshare").args(["--mount", "--", "sh", "-c", IN_MEMORY, "imagegen"]);
        let tool = cmd.arg(self.dir).arg(bytes.to_string()).arg(self.pack().line());
        let tool = mmdebstrap::in_environment(tool.arg(tools::MMDEBSTRAP.name), self.context.privilege);
        let tool = self.command(self.context.prepared(tool))?;
        tool.run_stdin_then_stdout(|pipe| self.feed(pipe), |tar| target.fill(tar))
    }

    fn feed(&self, pipe: &mut impl Write) -> Result<()> {
        stdin_tar::write(self.tree, self.locked, self.context, pipe)
    }

    fn pack(&self) -> Cmd {
        self.context.pack(self.dir, self.locked.epoch)
    }

    /// mmdebstrap with all that makes the layer.
    fn command(&self, mmdebstrap: Cmd) -> Result<Cmd> {
        let Self { tree, locked, context, dir } = self;
        let scripts = write_scripts(tree, context)?;
        let [installer, initramfs] = ["python-set.sh", "initramfs.sh"].map(|name| context.file(name));
        fs_err::write(&installer, &tree.installer)?;
        let tool = mmdebstrap.env("SOURCE_DATE_EPOCH", locked.epoch.to_string());
        let files = BootstrapFiles::write(locked, context)?;
        let mut tool = mmdebstrap::install(tool, tree, locked, context.parent.is_some(), &files);
        for (number, (_, set)) in tree.sets.iter().enumerate() {
            tool = mmdebstrap::with_set(tool, number, set, &installer);
        }
        for script in &scripts {
            tool = mmdebstrap::with_script(tool, script, "");
        }
        if !tree.initramfs.is_empty() {
            fs_err::write(&initramfs, &tree.initramfs)?;
            tool = mmdebstrap::with_script(tool.env("INITRD", "No"), &initramfs.to_string_lossy(), "");
        }
        // The empty mirror keeps mmdebstrap from writing a sources.list of its own.
        Ok(tool.arg("--format=directory").arg(&tree.suite).arg(dir).arg(""))
    }
}

fn write_scripts(tree: &RootTree, context: &BootstrapContext<'_>) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for (number, (_, text)) in tree.scripts.iter().enumerate() {
        let path = context.file(&format!("script-{number}"));
        fs_err::write(&path, text)?;
        paths.push(path.to_string_lossy().into_owned());
    }
    Ok(paths)
}

/// What the layer is to be made of: as locked, or as apt chooses now. The packages are put into the store, where those
/// of another layer may have to be waited for.
pub(super) fn choose(
    tree: &RootTree,
    context: &BootstrapContext<'_>,
    waiting: impl FnOnce(),
) -> Result<(LockedTree, Provided)> {
    if let Some(locked) = &tree.locked {
        // All of these are at hand since the build began.
        return Ok((locked.clone(), Provided::default()));
    }
    let mut locked = if tree.packages.is_empty() {
        LockedTree::without_packages(&tree.recipe, tree.kernel.as_deref(), &tree.suite)
    } else {
        resolve::resolve(tree, context).map_err(clock::doubted)?
    };
    let archives = locked.archives();
    let provided = context.packages.provide(&locked.packages, &archives, &context.log, waiting)?;
    locked.epoch = match tree.epoch {
        Some(epoch) => epoch,
        None => newest(&locked, context)?,
    };
    Ok((locked, provided))
}

/// The time of the newest package in the layer and below it: whenever the same packages are installed, it is the same.
fn newest(locked: &LockedTree, context: &BootstrapContext<'_>) -> Result<u64> {
    let mut newest = match &context.parent {
        Some(below) => embedded_lock::lock_of(below)?.epoch().unwrap_or(0),
        None => 0,
    };
    for package in &locked.packages {
        newest = newest.max(Deb::read(&context.packages.path(&package.sha256))?.epoch);
    }
    Ok(newest)
}
