//! The root file system as a tar: what is kept, dropped, emptied and laid over, with times and modes; and what the image
//! consists of is noted on the way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use anyhow::anyhow;
use tar::{Builder, Entry, EntryType, Header};

use super::acceptance::refused;
use super::inventory::Inventory;
use super::names;
use super::preloaded::jupyterhub_version;
use super::rootfs::Rootfs;
use super::tarball::{self, header};
use crate::document::{Finding, Findings};
use crate::failure::Result;
use crate::inspect::{DPKG_STATUS, installed_packages};
use crate::plan::DiskImage;
use crate::plan::hygiene::{self, PathVerdict};

/// systemd runs its update services (hardware database, library cache, catalogue) at a boot that finds these older than
/// /usr, as they would be in every image; all of that was done when the packages were installed (systemd.unit(5),
/// `ConditionNeedsUpdate`).
pub(super) const UPDATED: [&str; 2] = ["etc/.updated", "var/.updated"];

/// Where the initramfs and systemd mount the kernel's file systems; a root tree has no /dev.
pub(super) const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "run", "sys"];

/// The tar that is being written.
pub(super) struct TarRewriter<W: Write> {
    pub(super) builder: Builder<W>,
    pub(super) epoch: u64,
    pub(super) replaced: BTreeSet<String>,
    pub(super) folders: BTreeSet<Vec<u8>>,
    pub(super) faults: Vec<String>,
    /// What is wrong with the container images that it is to carry.
    pub(super) hostile: Findings,
    pub(super) rootfs: Rootfs,
}

impl<W: Write> TarRewriter<W> {
    pub(super) fn new(builder: Builder<W>, image: &DiskImage, epoch: u64) -> Self {
        let files = image.contents.keys().cloned();
        let links = image.links.iter().map(|(path, _)| path.clone());
        let replaced = files.chain(links).chain(UPDATED.map(str::to_owned)).collect();
        Self {
            builder,
            epoch,
            replaced,
            folders: BTreeSet::new(),
            faults: vec![],
            hostile: Findings::default(),
            rootfs: Rootfs::default(),
        }
    }

    pub(super) fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<()> {
        let name = own(&entry.path_bytes())?;
        let path = names::shown(&name);
        if name.is_empty() || std::str::from_utf8(&name).is_ok_and(|path| self.replaced.contains(path)) {
            return Ok(());
        }
        if let Some(version) = jupyterhub_version(&path) {
            self.rootfs.jupyterhub = Some(version);
        }
        if let Some(fault) = hygiene::forbidden(&path) {
            self.faults.push(format!("{fault} (/{path})"));
        }
        match hygiene::verdict(&path) {
            PathVerdict::Drop => Ok(()),
            PathVerdict::Empty => self.empty_file(&path),
            PathVerdict::Keep if is_inspected(&path) || Inventory::wants(&path, entry.size()) => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                self.inspect(&path, &content);
                self.keep_entry(&name, &mut entry, Some(content.as_slice()))
            }
            PathVerdict::Keep => self.keep_entry(&name, &mut entry, None),
        }
    }

    /// An entry of the root tree, whose content may have been read already.
    pub(super) fn keep_entry<R: Read>(
        &mut self,
        name: &[u8],
        entry: &mut Entry<'_, R>,
        content: Option<&[u8]>,
    ) -> Result<()> {
        self.extended_attributes(&tarball::records(entry)?)?;
        let header = tarball::header_of(entry)?;
        let target = entry.link_name_bytes().map(Cow::into_owned);
        let target = match header.entry_type() {
            EntryType::Link => Some(own(&target.unwrap_or_default())?),
            EntryType::Symlink => target,
            _ => None,
        };
        match content {
            Some(mut content) => self.keep(name, target.as_deref(), header, &mut content),
            None => self.keep(name, target.as_deref(), header, entry),
        }
    }

    /// File capabilities and the like stand in the record before the entry, which has to be written again.
    pub(super) fn extended_attributes(&mut self, records: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        let attributes = records.iter().filter_map(|(key, value)| {
            let key = std::str::from_utf8(key).ok().filter(|key| key.starts_with("SCHILY.xattr."))?;
            Some((key, value.as_slice()))
        });
        let attributes: Vec<_> = attributes.collect();
        if !attributes.is_empty() {
            self.builder.append_pax_extensions(attributes)?;
        }
        Ok(())
    }

    /// Writes an entry. The target of a hard link is a name in the tar.
    pub(super) fn keep(
        &mut self,
        name: &[u8],
        target: Option<&[u8]>,
        mut header: Header,
        content: &mut impl Read,
    ) -> Result<()> {
        header.set_mtime(header.mtime()?.min(self.epoch));
        if header.entry_type().is_dir() {
            self.folders.insert(name.to_vec());
        }
        self.rootfs.written.note(name, target, &mut header)?;
        self.rootfs.contents.add(header.size()?);
        tarball::append(&mut self.builder, name, target, header, content)
    }

    pub(super) fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        self.parents(path.as_bytes())?;
        let header = header(EntryType::Symlink, 0o777, self.epoch, 0);
        self.keep(path.as_bytes(), Some(target.as_bytes()), header, &mut std::io::empty())
    }

    /// Notes what makes a container image none that may be carried.
    pub(super) fn refuse(&mut self, finding: Finding) {
        self.hostile.push(finding);
    }

    /// Whether there is such a thing.
    pub(super) fn refuses(&self) -> bool {
        !self.hostile.is_empty()
    }

    pub(super) fn inspect(&mut self, path: &str, content: &[u8]) {
        let text = String::from_utf8_lossy(content);
        match path {
            DPKG_STATUS => self.rootfs.packages = installed_packages(&text),
            "etc/shadow" => {
                let names = hygiene::accounts_with_password(&text);
                self.faults.extend(names.iter().map(|name| format!("the account `{name}` has a password")));
            }
            "etc/passwd" => {
                let names = hygiene::login_users(&text);
                self.faults.extend(names.iter().map(|name| format!("there is a login user `{name}`")));
            }
            _ => self.rootfs.inventory.note(path, content),
        }
    }

    pub(super) fn overlay(&mut self, image: &DiskImage) -> Result<()> {
        let modes: BTreeMap<&str, u32> =
            image.overlay.iter().map(|(path, mode, _)| (path.as_str(), *mode)).collect();
        for (path, content) in &image.contents {
            self.file(path, modes[path.as_str()], content)?;
        }
        for (path, target) in &image.links {
            self.symlink(path, target)?;
        }
        MOUNT_POINTS.iter().try_for_each(|path| self.folder_with(path.as_bytes(), 0o755))?;
        // Later than anything else, or systemd takes them for outdated.
        UPDATED.iter().try_for_each(|path| self.file_of(path, 0o644, self.epoch + 1, b""))
    }

    pub(super) fn empty_file(&mut self, path: &str) -> Result<()> {
        let mode = if path == "etc/machine-id" { 0o444 } else { 0o644 };
        self.file(path, mode, b"")
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.file_of(path, mode, self.epoch, content)
    }

    /// A file of root's alone, as all folders above it that are not there yet.
    pub(super) fn private_file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        names::folders_on(path.as_bytes()).try_for_each(|folder| self.folder_with(folder, 0o700))?;
        self.file(path, 0o600, content)
    }

    pub(super) fn file_of(&mut self, path: &str, mode: u32, mtime: u64, content: &[u8]) -> Result<()> {
        self.parents(path.as_bytes())?;
        let mut header = header(EntryType::Regular, mode, mtime, content.len() as u64);
        self.rootfs.contents.add(content.len() as u64);
        self.rootfs.written.note(path.as_bytes(), None, &mut header)?;
        tarball::append(&mut self.builder, path.as_bytes(), None, header, &mut &*content)
    }

    /// The folders of a file that no entry made.
    pub(super) fn parents(&mut self, name: &[u8]) -> Result<()> {
        names::folders_on(name).try_for_each(|folder| self.folder_with(folder, 0o755))
    }

    /// A folder that no entry made.
    pub(super) fn folder_with(&mut self, name: &[u8], mode: u32) -> Result<()> {
        if self.folders.contains(name) {
            return Ok(());
        }
        let header = header(EntryType::Directory, mode, self.epoch, 0);
        self.keep(name, None, header, &mut std::io::empty())
    }

    pub(super) fn finish(self) -> Result<Rootfs> {
        if !self.hostile.is_empty() {
            return Err(self.hostile.into());
        }
        if !self.faults.is_empty() {
            return Err(refused(&self.faults));
        }
        self.builder.into_inner()?.flush()?;
        Ok(self.rootfs)
    }
}

/// A name in a root tree of our own.
pub(super) fn own(name: &[u8]) -> Result<Vec<u8>> {
    let clean = names::clean(name).map_err(|_| anyhow!("a layer with an entry `{}`", names::quoted(name)));
    Ok(clean?)
}

pub(super) fn is_inspected(path: &str) -> bool {
    [DPKG_STATUS, "etc/shadow", "etc/passwd"].contains(&path)
}
