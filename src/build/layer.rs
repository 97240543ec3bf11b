//! A layer by mmdebstrap: bootstrapped, or another layer with more packages.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::deb::Deb;
use super::entry::Unfinished;
use super::feed;
use super::mmdebstrap::{self, Files};
use super::packages::{PackageStore, Provided};
use super::{record, resolve};
use crate::failure::{Failure, Result};
use crate::host::clock;
use crate::host::command::Tool;
use crate::host::memory::{Memory, Promise};
use crate::host::privilege::Privilege;
use crate::host::tools;
use crate::host::work::WorkFolder;
use crate::plan::Layer;
use crate::plan::lock::LockedLayer;

/// Room for what the scripts of packages make, in bytes: the initramfs and indices before all.
const MARGIN: u64 = 256 << 20;
/// Mounts a file system of `$2` bytes in memory on `$1`, has mmdebstrap fill it, and prints it by `$3`. A signal reaches
/// mmdebstrap too, which is waited for.
const IN_MEMORY: &str = r#"trap : HUP INT TERM; tree=$1 size=$2 pack=$3; shift 3
mount -t tmpfs -o "mode=0755,size=$size" imagegen "$tree" && "$@" >&2 && eval "exec $pack""#;
/// What programs say where no room is left: ENOSPC in errno(3), and apt before it begins.
const FULL: [&str; 2] = ["No space left on device", "You don't have enough free space"];

/// What a layer is made from, and where.
pub(super) struct Surroundings<'a> {
    /// What its files on the way are called: a recipe may have several layers in one build.
    pub(super) name: String,
    /// The tar of the layer below.
    pub(super) below: Option<PathBuf>,
    /// The tars of the layer's sets of packages, in their order.
    pub(super) sets: Vec<PathBuf>,
    /// Where the Debian packages are.
    pub(super) packages: &'a PackageStore,
    /// For files on the way.
    pub(super) work: &'a WorkFolder,
    /// For what mmdebstrap unpacks.
    pub(super) scratch: &'a WorkFolder,
    /// What the layer may be made in.
    pub(super) memory: &'a Memory,
    /// For what it says.
    pub(super) log: PathBuf,
    /// What mmdebstrap may do.
    pub(super) privilege: Privilege,
}

impl Surroundings<'_> {
    /// A path for a file on the way.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.work.path(&format!("{}-{name}", self.name))
    }

    /// mmdebstrap as every step needs it.
    pub(super) fn mmdebstrap(&self) -> Tool {
        self.prepared(mmdebstrap::tool(self.privilege))
    }

    fn prepared(&self, tool: Tool) -> Tool {
        tool.env("TMPDIR", self.scratch.path("")).logged(&self.log)
    }

    /// What a layer takes while it is made, in bytes: what is below, what its packages say of themselves, and twice the
    /// files of packages and sets, which apt and installers copy.
    fn room(&self, locked: &LockedLayer) -> Result<u64> {
        let mut room = MARGIN;
        if let Some(path) = &self.below {
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
    fn promise(&self, locked: &LockedLayer) -> Result<Option<Promise>> {
        match self.privilege {
            Privilege::Root => Ok(self.memory.promise(self.room(locked)?)),
            Privilege::RootWithoutMounts | Privilege::User => Ok(None),
        }
    }

    /// tar, which prints what mmdebstrap has unpacked in `tree`: the same bytes for the same files.
    fn pack(&self, tree: &Path, epoch: u64) -> Tool {
        let tool = match self.privilege {
            // Its files belong to subordinate ids.
            Privilege::User => Tool::new(tools::MMDEBSTRAP.name).args(["--unshare-helper", "tar"]),
            Privilege::Root | Privilege::RootWithoutMounts => Tool::new("tar"),
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
/// disk, in a folder that is given. `again` is told where there was too little memory after all.
pub(super) fn make(
    layer: &Layer,
    locked: &LockedLayer,
    target: &mut Unfinished,
    surroundings: &Surroundings<'_>,
    again: impl FnOnce(),
) -> Result<PathBuf> {
    clock::ensure_after(locked.epoch)?;
    let tree = surroundings.scratch.open_folder(&format!("layer-{}-", surroundings.name))?;
    let making = Making { layer, locked, surroundings, tree: &tree };
    match surroundings.promise(locked)? {
        None => making.on_disk(target)?,
        Some(memory) => match making.in_memory(memory.bytes(), target) {
            // How much a recipe's scripts write is known to nobody.
            Err(Failure::Work(_)) if surroundings.was_full() => {
                again();
                making.on_disk(target)?;
            }
            made => made?,
        },
    }
    record::ensure_installed(target.path(), locked, layer.below.is_none())?;
    Ok(tree)
}

/// A layer on its way, in `tree`.
struct Making<'a> {
    layer: &'a Layer,
    locked: &'a LockedLayer,
    surroundings: &'a Surroundings<'a>,
    tree: &'a Path,
}

impl Making<'_> {
    fn on_disk(&self, target: &mut Unfinished) -> Result<()> {
        self.command(self.surroundings.mmdebstrap())?.fed_by(|pipe| self.feed(pipe))?;
        self.pack().read_by(|tar| target.fill(tar))
    }

    /// In a file system that nobody else sees, of `bytes`: it goes with the processes that work in it, however they end.
    fn in_memory(&self, bytes: u64, target: &mut Unfinished) -> Result<()> {
        let tool = Tool::new("unshare").args(["--mount", "--", "sh", "-c", IN_MEMORY, "imagegen"]);
        let tool = tool.arg(self.tree).arg(bytes.to_string()).arg(self.pack().line());
        let tool = mmdebstrap::in_environment(tool.arg(tools::MMDEBSTRAP.name), self.surroundings.privilege);
        let tool = self.command(self.surroundings.prepared(tool))?;
        tool.fed_then_read(|pipe| self.feed(pipe), |tar| target.fill(tar))
    }

    fn feed(&self, pipe: &mut impl Write) -> Result<()> {
        feed::write(self.layer, self.locked, self.surroundings, pipe)
    }

    fn pack(&self) -> Tool {
        self.surroundings.pack(self.tree, self.locked.epoch)
    }

    /// mmdebstrap with all that makes the layer.
    fn command(&self, mmdebstrap: Tool) -> Result<Tool> {
        let Self { layer, locked, surroundings, tree } = self;
        let scripts = write_scripts(layer, surroundings)?;
        let [installer, initramfs] = ["python-set.sh", "initramfs.sh"].map(|name| surroundings.file(name));
        fs_err::write(&installer, &layer.installer)?;
        let tool = mmdebstrap.env("SOURCE_DATE_EPOCH", locked.epoch.to_string());
        let files = Files::write(locked, surroundings)?;
        let mut tool = mmdebstrap::install(tool, layer, locked, surroundings.below.is_some(), &files);
        for (number, (_, set)) in layer.sets.iter().enumerate() {
            tool = mmdebstrap::with_set(tool, number, set, &installer);
        }
        for script in &scripts {
            tool = mmdebstrap::with_script(tool, script, "");
        }
        if !layer.initramfs.is_empty() {
            fs_err::write(&initramfs, &layer.initramfs)?;
            tool = mmdebstrap::with_script(tool.env("INITRD", "No"), &initramfs.to_string_lossy(), "");
        }
        // The empty mirror keeps mmdebstrap from writing a sources.list of its own.
        Ok(tool.arg("--format=directory").arg(&layer.suite).arg(tree).arg(""))
    }
}

fn write_scripts(layer: &Layer, surroundings: &Surroundings<'_>) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for (number, (_, text)) in layer.scripts.iter().enumerate() {
        let path = surroundings.file(&format!("script-{number}"));
        fs_err::write(&path, text)?;
        paths.push(path.to_string_lossy().into_owned());
    }
    Ok(paths)
}

/// What the layer is to be made of: as locked, or as apt chooses now. The packages are put into the store, where those
/// of another layer may have to be waited for.
pub(super) fn choose(
    layer: &Layer,
    surroundings: &Surroundings<'_>,
    waiting: impl FnOnce(),
) -> Result<(LockedLayer, Provided)> {
    if let Some(locked) = &layer.locked {
        // All of these are at hand since the build began.
        return Ok((locked.clone(), Provided::default()));
    }
    let mut locked = if layer.packages.is_empty() {
        LockedLayer::without_packages(&layer.recipe, layer.kernel.as_deref(), &layer.suite)
    } else {
        resolve::resolve(layer, surroundings).map_err(clock::doubted)?
    };
    let archives = locked.archives();
    let provided = surroundings.packages.provide(&locked.packages, &archives, &surroundings.log, waiting)?;
    locked.epoch = match layer.epoch {
        Some(epoch) => epoch,
        None => newest(&locked, surroundings)?,
    };
    Ok((locked, provided))
}

/// The time of the newest package in the layer and below it: whenever the same packages are installed, it is the same.
fn newest(locked: &LockedLayer, surroundings: &Surroundings<'_>) -> Result<u64> {
    let mut newest = match &surroundings.below {
        Some(below) => record::lock_of(below)?.epoch().unwrap_or(0),
        None => 0,
    };
    for package in &locked.packages {
        newest = newest.max(Deb::read(&surroundings.packages.path(&package.sha256))?.epoch);
    }
    Ok(newest)
}
