//! Looking into a disk image without mounting it: what it is, what is in it, and what is wrong with it.
//!
//! Everything is read through [`std::io::Read`] and [`std::io::Seek`], nothing is written, and no number in an image is
//! trusted: an image is somebody else's text. The readers (`container`, `table`, `esp`, `superblock`, `tree`)
//! gather `evidence`, and the `checks` judge it, with their wording beside them.

mod checks;
mod container;
mod disk;
mod esp;
mod evidence;
mod finding;
pub(crate) mod header;
pub(crate) mod qcow2;
mod summary;
mod superblock;
mod system;
mod table;
mod tree;

pub use disk::Source;
pub use finding::{Finding, Severity};
pub use summary::Report;

use evidence::Evidence;

/// Looks into the image in `file`, whatever its format.
///
/// # Errors
/// Where the file itself cannot be read. Whatever is wrong with what is in it is a finding.
pub fn inspect(file: impl Source + 'static) -> std::io::Result<Report> {
    let evidence = Evidence::gather(Box::new(file))?;
    Ok(Report::of(&evidence))
}
