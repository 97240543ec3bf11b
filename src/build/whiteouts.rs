//! How a layer of a container image says that something of the layers below is gone (OCI image specification,
//! "Whiteouts"), and what overlayfs takes for that.
//!
//! An opaque folder, which hides all below it, is an attribute for overlayfs that mke2fs leaves out: of a tar's
//! attributes it writes file capabilities alone. So each name that it hides gets a whiteout of its own.

use std::collections::BTreeSet;
use std::io::Read;

use tar::Archive;

use super::rootfs::relative;
use crate::failure::Result;
use crate::host::files::folders_on;

/// The mark of a removed file, in front of its name.
const REMOVED: &str = ".wh.";
/// The mark of an opaque folder, which is in it.
const OPAQUE: &str = ".wh..wh..opq";

/// What a path in a layer's tar is.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    None,
    /// What has this path is gone.
    Removed(String),
    /// What is in this folder is gone.
    Opaque(String),
}

impl Mark {
    fn of(path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        match name.strip_prefix(REMOVED) {
            _ if name == OPAQUE => Self::Opaque(folder.to_owned()),
            Some(name) => Self::Removed([folder, name].join("/").trim_start_matches('/').to_owned()),
            None => Self::None,
        }
    }
}

/// Whether a path of a layer's tar is no file, but a mark.
pub(super) fn is_mark(path: &str) -> bool {
    Mark::of(path) != Mark::None
}

/// The names in a layer's tar.
#[derive(Debug, Default)]
pub(super) struct Names {
    files: BTreeSet<String>,
    /// Also those that only other names are in.
    folders: BTreeSet<String>,
    opaque: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(tar: impl Read) -> Result<Self> {
        let mut names = Self::default();
        for entry in Archive::new(tar).entries()? {
            let entry = entry?;
            names.add(&relative(&entry.path_bytes()), entry.header().entry_type().is_dir());
        }
        Ok(names)
    }

    fn add(&mut self, path: &str, is_folder: bool) {
        self.folders.extend(folders_above(path).map(str::to_owned));
        match Mark::of(path) {
            Mark::Opaque(folder) => self.opaque.insert(folder),
            Mark::Removed(path) => self.removed.insert(path),
            Mark::None if is_folder => self.folders.insert(path.to_owned()),
            Mark::None => self.files.insert(path.to_owned()),
        };
    }

    /// What is gone with all that is in it, though the layer may have the same names anew.
    pub(super) fn gone(&self) -> impl Iterator<Item = &String> {
        self.opaque.iter().chain(&self.removed)
    }

    /// Whether [`Names::whiteouts`] has to know the layers below.
    pub(super) fn asks_for_below(&self) -> bool {
        self.gone().any(|path| self.folders.contains(path))
    }

    /// The whiteouts over layers with the names of `below`. A file hides what is below it without any, and a folder
    /// what is not a folder.
    pub(super) fn whiteouts(&self, below: &[Self]) -> BTreeSet<String> {
        let removed = self.removed.iter().filter(|path| !self.has(path));
        let below = below.iter().flat_map(|names| names.files.iter().chain(&names.folders));
        let hidden = below.filter(|path| self.is_gone(path) && !self.has(path) && self.has_its_folder(path));
        removed.chain(hidden).cloned().collect()
    }

    fn has(&self, path: &str) -> bool {
        self.files.contains(path) || self.folders.contains(path)
    }

    fn has_its_folder(&self, path: &str) -> bool {
        folders_above(path).last().is_some_and(|folder| self.folders.contains(folder))
    }

    /// Whether a folder that the path is in is gone.
    fn is_gone(&self, path: &str) -> bool {
        folders_above(path).any(|it| self.opaque.contains(it) || self.removed.contains(it))
    }
}

/// The folders that a path is in, from the root, which has an empty name.
fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(folders_on(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that end with a slash are folders.
    fn names(paths: &[&str]) -> Names {
        let mut names = Names::default();
        for path in paths {
            names.add(path.trim_end_matches('/'), path.ends_with('/'));
        }
        names
    }

    fn whiteouts(layer: &[&str], below: &[&[&str]]) -> Vec<String> {
        let below: Vec<Names> = below.iter().map(|paths| names(paths)).collect();
        names(layer).whiteouts(&below).into_iter().collect()
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
        assert!(is_mark("a/.wh.b") && is_mark("a/.wh..wh..opq") && !is_mark("a/wh.b") && !is_mark("a.wh.b"));
    }
}
