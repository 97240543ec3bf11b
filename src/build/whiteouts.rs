//! How a layer of a container image says that something of the layers below is gone (OCI image specification,
//! "Whiteouts"), and what overlayfs takes for that.
//!
//! An opaque folder, which hides all below it, is an attribute for overlayfs that mke2fs leaves out: of a tar's
//! attributes it writes file capabilities alone. So each name that it hides gets a whiteout of its own.

use std::collections::BTreeSet;
use std::io::Read;

use tar::Archive;

use super::names::{clean, folders_on};
use crate::failure::Result;

/// The mark of a removed file, in front of its name.
const REMOVED: &[u8] = b".wh.";
/// The mark of an opaque folder, which is in it.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// How names begin that an older storage of Docker's (aufs) kept for itself. Docker passes over them, too.
const AUFS: &[u8] = b".wh..wh.";

/// What a name in a layer's tar is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// No mark, but a file.
    None,
    /// What has this name is gone.
    Removed(Vec<u8>),
    /// What is in this folder is gone.
    Opaque(Vec<u8>),
    /// It means nothing.
    Ignored,
    /// It means nothing that could be: what it removes has no name, or it has files in it.
    Unfit,
}

impl Mark {
    /// Of a clean name.
    pub(super) fn of(name: &[u8]) -> Self {
        let mut parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').collect();
        let last = parts.pop().unwrap_or_default();
        if parts.iter().any(|part| part.starts_with(AUFS)) || (last.starts_with(AUFS) && last != OPAQUE) {
            return Self::Ignored;
        }
        match last.strip_prefix(REMOVED) {
            _ if parts.iter().any(|part| part.starts_with(REMOVED)) => Self::Unfit,
            _ if last == OPAQUE => Self::Opaque(parts.join(&b'/')),
            Some(b"" | b"." | b"..") => Self::Unfit,
            Some(removed) => {
                parts.push(removed);
                Self::Removed(parts.join(&b'/'))
            }
            None => Self::None,
        }
    }
}

/// The names in a layer's tar.
#[derive(Debug, Default)]
pub(super) struct Names {
    files: BTreeSet<Vec<u8>>,
    /// Also those that only other names are in.
    folders: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
    removed: BTreeSet<Vec<u8>>,
}

impl Names {
    pub(super) fn of(tar: impl Read) -> Result<Self> {
        let mut names = Self::default();
        for entry in Archive::new(tar).entries()? {
            let entry = entry?;
            // What is unfit for a name is refused when its layer is unpacked.
            if let Ok(name) = clean(&entry.path_bytes()) {
                names.add(&name, entry.header().entry_type().is_dir());
            }
        }
        Ok(names)
    }

    fn add(&mut self, name: &[u8], is_folder: bool) {
        self.folders.extend(folders_above(name).map(<[u8]>::to_vec));
        match Mark::of(name) {
            Mark::Opaque(folder) => drop(self.opaque.insert(folder)),
            Mark::Removed(name) => drop(self.removed.insert(name)),
            Mark::None if is_folder => drop(self.folders.insert(name.to_vec())),
            Mark::None => drop(self.files.insert(name.to_vec())),
            Mark::Ignored | Mark::Unfit => {}
        }
    }

    /// What is gone with all that is in it, though the layer may bring the same names again.
    pub(super) fn gone(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.opaque.iter().chain(&self.removed)
    }

    /// Whether [`Names::whiteouts`] has to know the layers below.
    pub(super) fn asks_for_below(&self) -> bool {
        self.gone().any(|path| self.folders.contains(path))
    }

    /// The whiteouts over layers with the names of `below`. A file hides what is below it without any, and a folder
    /// what is not a folder.
    pub(super) fn whiteouts(&self, below: &[Self]) -> BTreeSet<Vec<u8>> {
        let removed = self.removed.iter().filter(|path| !self.has(path));
        let below = below.iter().flat_map(|names| names.files.iter().chain(&names.folders));
        let hidden = below.filter(|path| self.is_gone(path) && !self.has(path) && self.has_its_folder(path));
        removed.chain(hidden).cloned().collect()
    }

    fn has(&self, path: &[u8]) -> bool {
        self.files.contains(path) || self.folders.contains(path)
    }

    fn has_its_folder(&self, path: &[u8]) -> bool {
        folders_above(path).last().is_some_and(|folder| self.folders.contains(folder))
    }

    /// Whether a folder that the path is in is gone.
    fn is_gone(&self, path: &[u8]) -> bool {
        folders_above(path).any(|it| self.opaque.contains(it) || self.removed.contains(it))
    }
}

/// The folders that a path is in, from the root, which has an empty name.
fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(&b""[..]).chain(folders_on(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that end with a slash are folders.
    fn names(paths: &[&str]) -> Names {
        let mut names = Names::default();
        for path in paths {
            names.add(path.trim_end_matches('/').as_bytes(), path.ends_with('/'));
        }
        names
    }

    fn whiteouts(layer: &[&str], below: &[&[&str]]) -> Vec<String> {
        let below: Vec<Names> = below.iter().map(|paths| names(paths)).collect();
        names(layer).whiteouts(&below).into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn what_was_removed_has_one() {
        assert_eq!(whiteouts(&["etc/.wh.motd", ".wh.srv"], &[&["etc/motd", "srv/a"]]), ["etc/motd", "srv"]);
    }

    #[test]
    fn an_opaque_folder_has_one_for_each_name_that_it_hides() {
        let below: [&[&str]; 2] =
            [&["d/", "d/old", "d/sub/x", "d/both/old", "e/kept"], &["d/newer", "d/file/x"]];
        let layer = ["d/", "d/.wh..wh..opq", "d/new", "d/both/", "d/both/new", "d/file"];
        assert_eq!(whiteouts(&layer, &below), ["d/both/old", "d/newer", "d/old", "d/sub"]);
    }

    #[test]
    fn a_folder_that_was_removed_and_made_anew_is_opaque() {
        let layer = [".wh.d", "d/", "d/new"];
        assert!(names(&layer).asks_for_below());
        assert_eq!(whiteouts(&layer, &[&["d/old", "d/new"]]), ["d/old"]);
    }

    #[test]
    fn a_file_in_the_place_of_what_was_removed_needs_none() {
        assert!(whiteouts(&["etc/.wh.motd", "etc/motd"], &[&["etc/motd"]]).is_empty());
    }

    #[test]
    fn the_whole_image_may_begin_anew() {
        let layer = [".wh..wh..opq", "etc/", "etc/new"];
        assert_eq!(whiteouts(&layer, &[&["etc/old", "srv/x"]]), ["etc/old", "srv"]);
    }

    #[test]
    fn marks_are_no_files() {
        for (name, mark) in [
            ("a/.wh.b", Mark::Removed(b"a/b".to_vec())),
            ("a/.wh..wh..opq", Mark::Opaque(b"a".to_vec())),
            (".wh..wh.plnk/1.2", Mark::Ignored),
            (".wh..wh.aufs", Mark::Ignored),
            ("a/wh.b", Mark::None),
            ("a.wh.b", Mark::None),
            ("a/.wh.", Mark::Unfit),
            ("a/.wh..", Mark::Unfit),
            ("a/.wh...", Mark::Unfit),
            ("a/.wh.b/c", Mark::Unfit),
        ] {
            assert_eq!(Mark::of(name.as_bytes()), mark, "{name}");
        }
    }
}
