//! The files of an image's root file system, by reading alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;

use ext4_view::{DirEntry, Ext4, Ext4Error, Ext4Read, FileType};

use super::disk::{Allowed, Window};
use super::mode::Mode;
use super::name;
use super::superblock::Superblock;

/// Bytes of a file that we are ready to read; dpkg's status of a large system has 10 MB.
const LARGEST_FILE: u64 = 32 << 20;
/// Bytes that opening a file system may read: a journal that claims more is not to be trusted.
const LARGEST_JOURNAL: u64 = 64 << 20;
/// Links that we are ready to follow on the way to a file, and the bytes of each: as many as Linux is (`MAXSYMLINKS` and
/// `PATH_MAX`).
const MOST_LINKS: usize = 40;
const LONGEST_LINK: u64 = 4096;
/// Bytes of a folder that we are ready to search; one of 300 000 files has 16 MB.
const LARGEST_FOLDER: u64 = 32 << 20;
/// Entries and depth of a tree that we are ready to walk. What is searched and read counts as well, for folders can name the
/// same blocks and each other any number of times: so many bytes are as much work as one entry.
const MOST_ENTRIES: u64 = 1_000_000;
const BYTES_PER_ENTRY: u64 = 16 << 10;
const DEPTH: usize = 64;
/// Places that are told of those that cannot be read.
const MOST_FAULTS: usize = 20;

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Folder,
    File,
    Link,
    Special,
}

impl EntryKind {
    fn of(kind: FileType) -> Self {
        match kind {
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_regular_file() => Self::File,
            kind if kind.is_symlink() => Self::Link,
            _ => Self::Special,
        }
    }
}

/// What stands at a path that has no link on its way.
pub(super) struct TreeEntry {
    path: String,
    pub(super) kind: EntryKind,
    /// In bytes.
    pub(super) size: u64,
    /// Bytes of the folders that are searched to get here.
    way: u64,
}

/// What a folder has in it.
pub(super) struct Resolved {
    pub(super) name: String,
    pub(super) kind: EntryKind,
    /// None where its inode cannot be read.
    pub(super) mode: Option<Mode>,
}

/// A file system, with another one mounted on /boot where the image has one.
pub(super) struct Tree {
    root: Ext4,
    boot: Option<Ext4>,
    faults: RefCell<BTreeMap<String, String>>,
    /// Entries that we are still ready to look at.
    left: Cell<u64>,
}

/// Opens the file system in a partition.
pub(super) fn open(window: Window, superblock: &Superblock) -> Result<Ext4, String> {
    if !superblock.reasonable() {
        return Err("it has more groups of blocks than any file system".into());
    }
    let window = Allowed::new(window, LARGEST_JOURNAL, "its journal is larger than any");
    let allowance = window.allowance();
    let loaded = Ext4::load(Box::new(window));
    allowance.set(u64::MAX);
    loaded.map_err(|error| error.to_string())
}

impl Ext4Read for Allowed {
    fn read(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.fill(start, bytes)?)
    }
}

impl Tree {
    pub(super) fn new(root: Ext4) -> Self {
        Self { root, boot: None, faults: RefCell::default(), left: Cell::new(MOST_ENTRIES) }
    }

    /// The tree with another file system on /boot.
    pub(super) fn with_boot(self, boot: Ext4) -> Self {
        Self { boot: Some(boot), ..self }
    }

    /// Places that could not be read, and why.
    pub(super) fn faults(&self) -> Vec<(String, String)> {
        self.faults.borrow().clone().into_iter().collect()
    }

    /// The file system that has `path`, and the path in there.
    fn place<'a>(&self, path: &'a str) -> (&Ext4, &'a str) {
        match (&self.boot, path.strip_prefix("boot/")) {
            (Some(boot), Some(rest)) => (boot, rest),
            (Some(boot), None) if path == "boot" => (boot, ""),
            _ => (&self.root, path),
        }
    }

    /// Notes what is wrong at a path without a leading slash.
    fn fault(&self, path: &str, why: String) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.insert(format!("/{path}"), why);
        }
    }

    /// Takes so many entries off those that are left, and notes where none are.
    fn take(&self, entries: u64) -> Option<()> {
        self.left.set(self.left.get().saturating_sub(entries));
        if self.left.get() == 0 {
            self.faults.borrow_mut().insert("/".into(), "it has too many entries".into());
            return None;
        }
        Some(())
    }

    /// What `look` finds at a path without a leading slash, going through `bytes`; what is not there is nothing, and what
    /// cannot be read is noted.
    fn look<T>(
        &self,
        path: &str,
        bytes: u64,
        look: impl FnOnce(&Ext4, &[u8]) -> Result<T, Ext4Error>,
    ) -> Option<T> {
        self.take(1 + bytes / BYTES_PER_ENTRY)?;
        let (system, within) = self.place(path);
        match look(system, &name::bytes(&format!("/{within}"))) {
            Ok(found) => Some(found),
            Err(Ext4Error::NotFound | Ext4Error::NotADirectory | Ext4Error::TooManySymlinks) => None,
            Err(error) => {
                self.fault(path, error.to_string());
                None
            }
        }
    }

    /// What stands at `path`, which has no link on its way.
    fn at(&self, path: String, way: u64) -> Option<TreeEntry> {
        let found = self.look(&path, way, |system, path| system.symlink_metadata(path))?;
        let entry = TreeEntry { path, kind: EntryKind::of(found.file_type()), size: found.len(), way };
        let (most, what) = match entry.kind {
            EntryKind::Folder => (LARGEST_FOLDER, "folder"),
            EntryKind::Link => (LONGEST_LINK, "link"),
            EntryKind::File | EntryKind::Special => return Some(entry),
        };
        if entry.size > most {
            self.fault(&entry.path, format!("it is a {what} of {} bytes", entry.size));
            return None;
        }
        Some(entry)
    }

    /// What has this name in a folder.
    fn below(&self, folder: &TreeEntry, name: &str) -> Option<TreeEntry> {
        let at = || self.at(join(&folder.path, name), folder.way + folder.size);
        (folder.kind == EntryKind::Folder).then(at).flatten()
    }

    /// What stands at `path` itself.
    pub(super) fn entry(&self, path: &str) -> Option<TreeEntry> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.below(&self.end(folder)?, name)
    }

    /// Where the link at `path` points to.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        self.target(&self.entry(path)?)
    }

    fn target(&self, entry: &TreeEntry) -> Option<String> {
        let target = || self.look(&entry.path, entry.way, |system, path| system.read_link(path));
        (entry.kind == EntryKind::Link).then(target).flatten().map(|target| name::text(target.as_ref()))
    }

    /// The size of the file at `path` in bytes, links followed.
    pub(super) fn size(&self, path: &str) -> Option<u64> {
        let file = self.end(path)?;
        (file.kind == EntryKind::File).then_some(file.size)
    }

    /// Whether there is anything at `path`, links followed.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.end(path).is_some()
    }

    /// Follows links, which may lead from / into /boot and back; none where the last leads nowhere. The crate follows none
    /// of them: it takes as much memory as a link claims to have bytes.
    fn end(&self, path: &str) -> Option<TreeEntry> {
        let mut path = path.to_owned();
        for _ in 0..=MOST_LINKS {
            let (entry, rest) = self.until_link(&path)?;
            if entry.kind != EntryKind::Link {
                return Some(entry);
            }
            path = resolve(&entry.path, &format!("{}/{rest}", self.target(&entry)?));
        }
        None
    }

    /// The first link on a path, or what stands at its end; and the rest of the path.
    fn until_link<'a>(&self, path: &'a str) -> Option<(TreeEntry, &'a str)> {
        let (mut entry, mut rest) = (self.at(String::new(), 0)?, path);
        while entry.kind != EntryKind::Link && !rest.is_empty() {
            let (name, behind) = rest.split_once('/').unwrap_or((rest, ""));
            entry = self.below(&entry, name)?;
            rest = behind;
        }
        Some((entry, rest))
    }

    /// A file's text, links followed; nothing where there is none.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let file = self.end(path)?;
        if file.kind != EntryKind::File {
            return None;
        }
        if file.size > LARGEST_FILE {
            self.fault(&file.path, format!("it has {} bytes", file.size));
            return None;
        }
        let bytes = self.look(&file.path, file.way + file.size, |system, path| system.read(path))?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in a folder, in order.
    pub(super) fn list(&self, folder: &str) -> Vec<(String, EntryKind)> {
        let found = self.end(folder).map(|folder| self.names(&folder)).unwrap_or_default();
        found.into_iter().map(|found| (found.name, found.kind)).collect()
    }

    fn names(&self, folder: &TreeEntry) -> Vec<Resolved> {
        // What a folder calls a folder may be a link.
        if folder.kind != EntryKind::Folder {
            return vec![];
        }
        let listed = self.look(&folder.path, folder.way + folder.size, |system, path| {
            let mut names = vec![];
            for entry in system.read_dir(path)? {
                let entry = entry?;
                if self.take(1).is_none() {
                    break;
                }
                let name = name::text(entry.file_name().as_ref());
                if name != "." && name != ".." {
                    names.push(Resolved {
                        name,
                        kind: EntryKind::of(entry.file_type()?),
                        mode: mode(&entry),
                    });
                }
            }
            Ok(names)
        });
        let mut names = listed.unwrap_or_default();
        names.sort_by(|one, other| one.name.cmp(&other.name));
        names
    }

    /// Visits everything from `folder` on; below a folder only where `visit` wants it.
    pub(super) fn walk(&self, folder: &str, visit: &mut dyn FnMut(&str, &Resolved) -> bool) {
        // What the checks look at comes out of what was left before, however large the tree is.
        let left = self.left.get();
        if let Some(folder) = self.end(folder) {
            self.walk_from(&folder, DEPTH, visit);
        }
        self.left.set(left);
    }

    fn walk_from(&self, folder: &TreeEntry, depth: usize, visit: &mut dyn FnMut(&str, &Resolved) -> bool) {
        for found in self.names(folder) {
            if self.left.get() == 0 {
                return;
            }
            let wanted = visit(&join(&folder.path, &found.name), &found);
            let wanted = wanted && found.kind == EntryKind::Folder && depth > 0;
            if let Some(below) = wanted.then(|| self.below(folder, &found.name)).flatten() {
                self.walk_from(&below, depth - 1, visit);
            }
        }
    }
}

fn mode(entry: &DirEntry) -> Option<Mode> {
    let metadata = entry.metadata().ok()?;
    Some(Mode { bits: metadata.mode() & 0o7777, user: metadata.uid(), group: metadata.gid() })
}

/// The path of what has this name in a folder.
fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Where the link at `path` leads, without a leading slash; `..` above the root is the root.
fn resolve(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = if target.starts_with('/') { vec![] } else { path.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_within_the_image() {
        assert_eq!(resolve("vmlinuz", "boot/vmlinuz-6.12"), "boot/vmlinuz-6.12");
        assert_eq!(resolve("etc/resolv.conf", "../run/stub.conf"), "run/stub.conf");
        assert_eq!(resolve("etc/a/b", "../../../../x"), "x");
        assert_eq!(resolve("etc/a", "/dev/null"), "dev/null");
    }
}
