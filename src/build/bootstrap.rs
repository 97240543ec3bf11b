//! A root tree by mmdebstrap: bootstrapped, or a parent root tree with more packages.

use super::bootstrap_context::{BootstrapContext, in_environment};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::deb::Deb;
use super::entry::PendingEntry;
use super::mmdebstrap::{self, BootstrapFiles};
use super::packages::Provided;
use super::stdin_tar;
use super::{embedded_lock, resolve};
use crate::failure::{Failure, Result};
use crate::host::clock;
use crate::host::cmd::Cmd;
use crate::host::tools;
use crate::plan::RootTree;
use crate::plan::lock::LockedTree;

/// The format of cached root trees. Raise it with every change of their contents: with the same number, the cache is used.
pub(super) const ROOTFS_FORMAT: u32 = 1;
/// Has mmdebstrap fill a file system in memory, and prints that.
const IN_MEMORY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/in-memory.sh"));

/// Makes the root tree `target` from its packages, which are in the cache: in memory if there is plenty, and else on the
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
        let tool = in_environment(tool.arg(tools::MMDEBSTRAP.name), self.context.privilege);
        let tool = self.command(self.context.prepared(tool))?;
        tool.run_stdin_then_stdout(|pipe| self.feed(pipe), |tar| target.fill(tar))
    }

    fn feed(&self, pipe: &mut impl Write) -> Result<()> {
        stdin_tar::write(self.tree, self.locked, self.context, pipe)
    }

    fn pack(&self) -> Cmd {
        self.context.pack(self.dir, self.locked.epoch)
    }

    /// mmdebstrap with all that makes the root tree.
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
        for ((name, _), file) in tree.scripts.iter().zip(&scripts) {
            tool = mmdebstrap::with_script(tool, name, file, "");
        }
        if !tree.initramfs.is_empty() {
            fs_err::write(&initramfs, &tree.initramfs)?;
            tool = mmdebstrap::with_script(tool.env("INITRD", "No"), "initramfs.sh", &initramfs, "");
        }
        // The empty mirror keeps mmdebstrap from writing a sources.list of its own.
        Ok(tool.arg("--format=directory").arg(&tree.suite).arg(dir).arg(""))
    }
}

fn write_scripts(tree: &RootTree, context: &BootstrapContext<'_>) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (number, (_, text)) in tree.scripts.iter().enumerate() {
        let path = context.file(&format!("script-{number}"));
        fs_err::write(&path, text)?;
        paths.push(path);
    }
    Ok(paths)
}

/// The packages of the root tree: as locked, or as apt chooses now. The packages are put into the cache, where those
/// of another root tree may have to be waited for.
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

/// The time of the newest package in the root tree: the same packages always give the same time.
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

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::super::cache::Cache;
    use super::super::resolve;
    use super::*;
    use crate::host::memory::MemoryBudget;
    use crate::host::privilege::Privilege;
    use crate::host::workdir::WorkDir;
    use crate::plan::lock::tests::lock;
    use crate::recipe::RecipePlaces;
    use crate::util::hex;

    /// A root tree of settings and one set, without packages.
    fn layer() -> RootTree {
        RootTree {
            recipe: "base".into(),
            kernel: None,
            suite: "trixie".into(),
            parent: None,
            packages: vec![],
            dpkg: vec![("etc/dpkg/dpkg.cfg.d/small".into(), "path-exclude=/usr/share/doc/*\n".into())],
            sets: vec![],
            initramfs: String::new(),
            installer: String::new(),
            scripts: vec![],
            places: RecipePlaces::default(),
            mirror: None,
            locked: None,
            epoch: None,
        }
    }

    /// The tar of a set with one file.
    fn set(path: &Path) {
        let mut builder = tar::Builder::new(fs_err::File::create(path).unwrap());
        let mut header = super::super::tarball::header(tar::EntryType::Regular, 0o644, 0, 1);
        builder.append_data(&mut header, "a.whl", &b"1"[..]).unwrap();
        builder.finish().unwrap();
    }

    #[test]
    fn what_mmdebstrap_gets_is_what_the_format_says() {
        let folder = tempfile::tempdir().unwrap();
        let wheels = folder.path().join("set.tar");
        set(&wheels);
        let (store, memory) = (Cache::within(&folder.path().join("cache")), MemoryBudget::of_build());
        let work = WorkDir::within(folder.path()).unwrap();
        let context = BootstrapContext {
            name: "base".into(),
            parent: None,
            sets: vec![wheels],
            packages: &store.packages,
            work: &work,
            scratch: &work,
            budget: &memory,
            log: folder.path().join("log"),
            privilege: Privilege::User,
        };
        let locked = LockedTree { epoch: 1, ..LockedTree::without_packages("base", None, "trixie") };
        let mut bytes = vec![];
        stdin_tar::write(&layer(), &locked, &context, &mut bytes).unwrap();
        let pack = context.pack(Path::new("tree"), 1).line();
        for text in [IN_MEMORY, resolve::SCRIPT, &pack, &lock().to_string()] {
            bytes.extend(text.as_bytes());
        }
        assert_eq!(
            (ROOTFS_FORMAT, hex(&Sha256::digest(&bytes)).as_str()),
            (1, "2a0086a3105cf8b1f40cb3dfa4f3b468fdc93d41a97ed1a549185f6d945586b3"),
            "layers are made in another way than before: raise ROOTFS_FORMAT, and note the new hash here"
        );
    }
}
