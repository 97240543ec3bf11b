//! One pass over a layer's tar: hygiene, overlay, times; and what the image consists of is noted on the way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use tar::{Archive, Builder, Entry, EntryType, Header};

use super::acceptance::refused;
use super::inventory::Inventory;
use super::manifest::{Package, installed_packages};
use super::names;
use super::overlay2;
use super::preload::{self, PreloadSet, PreloadedImage};
use super::tarball::{self, header};
use super::written::Written;
use crate::document::{Finding, Findings};
use crate::failure::Result;
use crate::host::signals;
use crate::plan::DiskImage;
use crate::plan::disk::FileSystemUse;
use crate::plan::hygiene::{self, PathVerdict};
use crate::report::size;

/// systemd runs its update services (hardware database, library cache, catalogue) at a boot that finds these older than
/// /usr, as they would be in every image; all of that was done when the packages were installed (systemd.unit(5),
/// `ConditionNeedsUpdate`).
const UPDATED: [&str; 2] = ["etc/.updated", "var/.updated"];
/// Where the initramfs and systemd mount the kernel's file systems; a layer has no /dev.
const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "run", "sys"];
/// dpkg's list of packages.
pub(super) const DPKG_STATUS: &str = "var/lib/dpkg/status";
const BUFFER: usize = 1 << 20;

/// What the finished root file system consists of.
#[derive(Debug, Default)]
pub(super) struct Rootfs {
    /// How much there is of it.
    pub(super) contents: FileSystemUse,
    /// The packages, as dpkg has them.
    pub(super) packages: Vec<Package>,
    /// The version of JupyterHub, if it is in there.
    pub(super) jupyterhub: Option<String>,
    /// What there is beside dpkg's packages.
    pub(super) inventory: Inventory,
    /// The container images that it carries.
    pub(super) preloaded: Vec<PreloadedImage>,
    /// All of its entries.
    pub(super) written: Written,
}

impl Rootfs {
    /// What to say of it.
    pub(super) fn summary(&self) -> String {
        format!("{} files, {}", self.contents.inodes, size(self.contents.blocks_bytes))
    }
}

/// What a root file system is made of. It is written as a tar as often as somebody wants to read it.
pub(super) struct RootfsSpec<'a> {
    /// The layer below the image.
    pub(super) layer: PathBuf,
    pub(super) image: &'a DiskImage,
    /// The container images to carry.
    pub(super) preloads: Vec<PreloadSet>,
    /// The latest time of any file, in seconds since 1970.
    pub(super) epoch: u64,
}

impl RootfsSpec<'_> {
    /// What there will be, without writing it anywhere.
    pub(super) fn measure(&self) -> Result<Rootfs> {
        self.write(std::io::sink())
    }

    /// Writes the finished root file system as a tar.
    pub(super) fn write(&self, target: impl Write) -> Result<Rootfs> {
        let input = BufReader::with_capacity(BUFFER, fs_err::File::open(&self.layer)?);
        let output = BufWriter::with_capacity(BUFFER, target);
        let mut rewriter = TarRewriter::new(Builder::new(output), self.image, self.epoch);
        if !self.preloads.is_empty() {
            rewriter.replaced.insert(preload::OPTIONS.to_owned());
        }
        for entry in Archive::new(input).entries()? {
            signals::check()?;
            rewriter.entry(entry?)?;
        }
        rewriter.overlay(self.image)?;
        rewriter.rootfs.preloaded = preload::preload(&mut rewriter, &self.preloads)?;
        rewriter.finish()
    }
}

/// Writes what `image` and `preloads` lay over a root file system, and nothing below it, to the tar `target`.
pub(super) fn lay_over(
    image: &DiskImage,
    preloads: &[PreloadSet],
    target: &Path,
    epoch: u64,
) -> Result<Rootfs> {
    let output = BufWriter::with_capacity(BUFFER, fs_err::File::create(target)?);
    let mut rewriter = TarRewriter::new(Builder::new(output), image, epoch);
    rewriter.overlay(image)?;
    rewriter.rootfs.preloaded = preload::preload(&mut rewriter, preloads)?;
    rewriter.finish()
}

/// The tar that is being written.
pub(super) struct TarRewriter<W: Write> {
    builder: Builder<W>,
    epoch: u64,
    replaced: BTreeSet<String>,
    folders: BTreeSet<Vec<u8>>,
    faults: Vec<String>,
    /// What is wrong with the container images that it is to carry.
    hostile: Findings,
    rootfs: Rootfs,
}

impl<W: Write> TarRewriter<W> {
    fn new(builder: Builder<W>, image: &DiskImage, epoch: u64) -> Self {
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

    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<()> {
        let name = own(&entry.path_bytes())?;
        let path = names::shown(&name);
        if name.is_empty() || std::str::from_utf8(&name).is_ok_and(|path| self.replaced.contains(path)) {
            return Ok(());
        }
        if let Some(version) = overlay2::jupyterhub_version(&path) {
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

    /// An entry of the layer, whose content may have been read already.
    fn keep_entry<R: Read>(
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

    fn inspect(&mut self, path: &str, content: &[u8]) {
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

    fn overlay(&mut self, image: &DiskImage) -> Result<()> {
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

    fn empty_file(&mut self, path: &str) -> Result<()> {
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

    fn file_of(&mut self, path: &str, mode: u32, mtime: u64, content: &[u8]) -> Result<()> {
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

    fn finish(self) -> Result<Rootfs> {
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

/// A name in a layer of our own.
fn own(name: &[u8]) -> Result<Vec<u8>> {
    let clean = names::clean(name).map_err(|_| anyhow!("a layer with an entry `{}`", names::quoted(name)));
    Ok(clean?)
}

fn is_inspected(path: &str) -> bool {
    [DPKG_STATUS, "etc/shadow", "etc/passwd"].contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Listing = BTreeMap<String, (u32, u64, String)>;

    fn layer(entries: &[(&str, EntryType, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut builder = Builder::new(file.reopen().expect("the file"));
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(if kind.is_dir() { 0o755 } else { 0o640 });
            header.set_mtime(2_000_000_000);
            if *kind == EntryType::Symlink {
                header.set_size(0);
                builder.append_link(&mut header, path, content).expect("a link");
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_bytes()).expect("an entry");
            }
        }
        builder.finish().expect("a tar");
        file
    }

    fn image(overlay: &[(&str, &str)], links: &[(&str, &str)]) -> DiskImage {
        DiskImage {
            overlay: overlay.iter().map(|(path, _)| ((*path).to_owned(), 0o644, String::new())).collect(),
            links: links.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned())).collect(),
            contents: overlay
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
                .collect(),
            ..DiskImage::bare()
        }
    }

    fn run(layer: &tempfile::NamedTempFile, image: &DiskImage) -> Result<(Listing, Rootfs)> {
        let composition =
            RootfsSpec { layer: layer.path().to_owned(), image, preloads: vec![], epoch: 1_000_000_000 };
        let mut tar = vec![];
        let rootfs = composition.write(&mut tar)?;
        assert_eq!(composition.measure()?.contents, rootfs.contents);
        let mut listing = Listing::new();
        for entry in Archive::new(tar.as_slice()).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.display().to_string();
            let link = entry.link_name()?.map(|link| link.display().to_string());
            let (mode, mtime) = (entry.header().mode()?, entry.header().mtime()?);
            let mut content = String::new();
            entry.read_to_string(&mut content)?;
            listing.insert(path, (mode, mtime, link.unwrap_or(content)));
        }
        Ok((listing, rootfs))
    }

    #[test]
    fn the_overlay_replaces_files_and_makes_its_folders() {
        let layer = layer(&[
            ("./etc/", EntryType::Directory, ""),
            ("./etc/fstab", EntryType::Regular, "old"),
            ("./etc/resolv.conf", EntryType::Regular, "nameserver 192.0.2.1"),
        ]);
        let image =
            image(&[("etc/fstab", "new"), ("opt/a/b", "deep")], &[("etc/resolv.conf", "../run/stub")]);
        let (listing, _) = run(&layer, &image).expect("composed");
        assert_eq!(listing["etc/fstab"].2, "new");
        assert_eq!(listing["etc/resolv.conf"].2, "../run/stub");
        assert_eq!(listing["opt/a"].0, 0o755);
        assert_eq!(listing["opt/a/b"].2, "deep");
    }

    #[test]
    fn nothing_is_newer_than_the_epoch_but_the_stamps() {
        let layer =
            layer(&[("./etc/", EntryType::Directory, ""), ("./etc/motd", EntryType::Regular, "hello")]);
        let (listing, _) = run(&layer, &image(&[], &[])).expect("composed");
        assert_eq!(listing["etc/motd"].1, 1_000_000_000);
        assert_eq!(listing["etc/.updated"].1, 1_000_000_001);
    }

    #[test]
    fn identities_are_dropped_or_emptied() {
        let layer = layer(&[
            ("./etc/", EntryType::Directory, ""),
            ("./etc/machine-id", EntryType::Regular, "0123456789abcdef"),
            ("./etc/hostname", EntryType::Regular, "builder"),
        ]);
        let (listing, _) = run(&layer, &image(&[], &[])).expect("composed");
        assert_eq!(listing["etc/machine-id"], (0o444, 1_000_000_000, String::new()));
        assert!(!listing.contains_key("etc/hostname"));
    }

    #[test]
    fn passwords_login_users_and_sshd_are_all_refused_at_once() {
        let layer = layer(&[
            ("./etc/passwd", EntryType::Regular, "ada:x:1000:1000::/home/ada:/bin/sh\n"),
            ("./etc/shadow", EntryType::Regular, "ada:$y$j9T$x:1::::::\n"),
            ("./usr/sbin/sshd", EntryType::Regular, "elf"),
        ]);
        let failure = run(&layer, &image(&[], &[])).unwrap_err().to_string();
        for part in ["login user `ada`", "`ada` has a password", "SSH server"] {
            assert!(failure.contains(part), "{failure}");
        }
    }

    #[test]
    fn packages_are_read_from_dpkg() {
        let status =
            "Package: autofs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.1.9-1\n\n";
        let layer = layer(&[("./var/lib/dpkg/status", EntryType::Regular, status)]);
        let (_, rootfs) = run(&layer, &image(&[], &[])).expect("composed");
        assert_eq!(rootfs.packages[0].name, "autofs");
    }
}
