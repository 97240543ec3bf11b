//! Exactly the packages of a root tree as an archive for apt, in a tar for the root file system: it can be
//! read there in every mode of mmdebstrap's, which a folder of the user's cannot.

use std::io::Write;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType};

use super::deb::Deb;
use super::packages::PackageStore;
use super::tarball::header;
use crate::failure::Result;
use crate::host::signals;
use crate::plan::lock::LockedPackage;
use crate::util::hex;

/// Writes the tar, with the archive in `folder`; the `packages` have to be in the `store`.
pub(super) fn write(
    packages: &[LockedPackage],
    suite: &str,
    cache: &PackageStore,
    folder: &str,
    target: impl Write,
) -> Result<()> {
    let mut builder = Builder::new(std::io::BufWriter::with_capacity(1 << 20, target));
    builder.append_data(&mut header(EntryType::Directory, 0o755, 0, 0), folder, std::io::empty())?;
    let mut index = String::new();
    for package in packages {
        signals::check()?;
        let path = cache.path(&package.sha256);
        index.push_str(&stanza(&Deb::read(&path)?.control, package));
        let mut header = header(EntryType::Regular, 0o644, 0, package.bytes);
        let name = format!("{folder}/{}", file(package));
        builder.append_data(&mut header, name, fs_err::File::open(&path)?)?;
    }
    for (name, text) in [("Packages", &index), ("Release", &untrack_group(&index, suite))] {
        let mut header = header(EntryType::Regular, 0o644, 0, text.len() as u64);
        builder.append_data(&mut header, format!("{folder}/{name}"), text.as_bytes())?;
    }
    builder.into_inner()?.flush()?;
    Ok(())
}

fn file(package: &LockedPackage) -> String {
    format!("{}.deb", package.sha256)
}

/// The package's own fields, and where it is.
fn stanza(control: &str, package: &LockedPackage) -> String {
    let LockedPackage { sha256, bytes, .. } = package;
    format!("{control}\nFilename: ./{}\nSize: {bytes}\nSHA256: {sha256}\n\n", file(package))
}

/// mmdebstrap looks for essential packages of the suite.
fn untrack_group(index: &str, suite: &str) -> String {
    let sha256 = hex(&Sha256::digest(index.as_bytes()));
    format!(
        "Suite: {suite}\nCodename: {suite}\nArchitectures: amd64 all\nSHA256:\n {sha256} {} Packages\n",
        index.len()
    )
}
