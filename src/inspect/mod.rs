//! Looking into a disk image without mounting it: what it is, what is in it, and what is wrong with it.
//!
//! Everything is read through [`std::io::Read`] and [`std::io::Seek`], nothing is written, and no number in an image is
//! trusted: an image is somebody else's text. The readers (`container`, `table`, `esp`, `superblock`, `tree`)
//! gather `evidence`, and the `checks` judge it, with their wording beside them.

pub mod advisories;
mod apt_conf;
mod checks;
mod disk;
mod disk_format;
mod dpkg;
mod esp;
mod facts;
mod finding;
pub(crate) mod header;
mod mode;
mod modes;
mod name;
pub(crate) mod qcow2;
mod summary;
mod superblock;
mod system;
mod table;
mod tree;

pub use disk::Source;
pub use finding::{ImageFinding, Level};
pub use summary::Report;

pub use dpkg::Package;
pub(crate) use dpkg::{DPKG_STATUS, installed_packages};
use facts::ImageFacts;
use tree::EntryKind;

use crate::plan::hygiene;

/// Looks into the image in `file`, whatever its format.
///
/// # Errors
/// Where the file itself cannot be read. Whatever is wrong with what is in it is a finding.
pub fn inspect(file: impl Source + 'static) -> std::io::Result<Report> {
    let facts = ImageFacts::gather(Box::new(file))?;
    Ok(Report::of(&facts))
}

/// Reads files of the root file system in the image in `file`: those that `wants` asks for by path and size in bytes, each
/// of which goes to `take` with its path and its text. What belongs to container images is left out.
///
/// # Errors
/// Where the file itself cannot be read.
pub(crate) fn read_files(
    file: impl Source + 'static,
    wants: &dyn Fn(&str, u64) -> bool,
    take: &mut dyn FnMut(&str, &str),
) -> std::io::Result<()> {
    let facts = ImageFacts::gather(Box::new(file))?;
    let Some(system) = facts.system() else { return Ok(()) };
    let tree = &system.tree;
    tree.walk("", &mut |path, found| {
        // The size is asked for where the path alone decides that it matters.
        if found.kind == EntryKind::File
            && wants(path, 0)
            && tree.size(path).is_some_and(|size| wants(path, size))
        {
            take(path, &tree.text(path).unwrap_or_default());
        }
        !hygiene::carried(path)
    });
    Ok(())
}
