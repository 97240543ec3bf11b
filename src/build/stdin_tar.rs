//! What mmdebstrap reads while it makes a root tree: all that is to be unpacked first, as one tar after the other.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use tar::{Archive, Builder, EntryType};

use super::bootstrap_context::BootstrapContext;
use super::names;
use super::repository;
use super::tarball::{self, header};
use crate::failure::Result;
use crate::host::signals;
use crate::plan::RootTree;
use crate::plan::lock::LockedTree;

/// Where the packages of a root tree stand until they are installed.
pub(super) const PACKAGES: &str = "imagegen-packages";
/// Where the wheels of a set stand while they are installed; images/scripts/python-set.sh and
/// userdata/provision/provision.py know it too.
pub(super) const WHEELS: &str = "imagegen-set";

/// Writes the parent root tree, dpkg's settings, and the packages and the sets of this one.
pub(super) fn write(
    tree: &RootTree,
    locked: &LockedTree,
    context: &BootstrapContext<'_>,
    pipe: &mut impl Write,
) -> Result<()> {
    if let Some(below) = &context.parent {
        std::io::copy(&mut fs_err::File::open(below)?, pipe)?;
    }
    put_settings(&tree.dpkg, locked.epoch, pipe)?;
    repository::write(&locked.packages, &tree.suite, context.packages, PACKAGES, &mut *pipe)?;
    for (number, tar) in context.sets.iter().enumerate() {
        move_below(tar, &place(number), pipe)?;
    }
    Ok(())
}

/// dpkg's settings are there before it is.
fn put_settings(files: &[(String, String)], epoch: u64, pipe: &mut impl Write) -> Result<()> {
    let mut builder = Builder::new(pipe);
    for (path, text) in files {
        let mut header = header(EntryType::Regular, 0o644, epoch, text.len() as u64);
        builder.append_data(&mut header, path, text.as_bytes())?;
    }
    Ok(builder.finish()?)
}

/// Where a set of packages stands until its turn comes.
pub(super) fn place(number: usize) -> String {
    format!("{WHEELS}-{number}")
}

/// Writes the tar of a set once more, below a folder.
fn move_below(tar: &Path, folder: &str, pipe: &mut impl Write) -> Result<()> {
    let mut builder = Builder::new(std::io::BufWriter::new(pipe));
    for entry in Archive::new(std::io::BufReader::new(fs_err::File::open(tar)?)).entries()? {
        signals::check()?;
        let mut entry = entry?;
        let name = names::below(folder, &entry.path_bytes());
        let (header, target) = (tarball::header_of(&entry)?, entry.link_name_bytes().map(Cow::into_owned));
        tarball::append(&mut builder, &name, target.as_deref(), header, &mut entry)?;
    }
    builder.into_inner()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_set_is_moved_below_its_folder_with_its_links_as_they_are() {
        let mut builder = Builder::new(vec![]);
        let header = |kind, size| super::super::tarball::header(kind, 0o755, 0, size);
        builder.append_data(&mut header(tar::EntryType::Regular, 1), "a/b.js", &b"1"[..]).unwrap();
        builder.append_link(&mut header(tar::EntryType::Symlink, 0), ".bin/b", "../a/b.js").unwrap();
        let set = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(set.path(), builder.into_inner().unwrap()).unwrap();
        let mut moved = vec![];
        move_below(set.path(), "opt/proxy", &mut moved).unwrap();
        let mut listing = vec![];
        for entry in Archive::new(moved.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let link = entry.link_name().unwrap().map(|link| link.display().to_string());
            listing.push((entry.path().unwrap().display().to_string(), link.unwrap_or(text)));
        }
        let wanted = [("opt/proxy/a/b.js", "1"), ("opt/proxy/.bin/b", "../a/b.js")];
        assert_eq!(listing, wanted.map(|(path, text)| (path.to_owned(), text.to_owned())));
    }
}
