//! The SHA-256 of files.

use std::path::Path;

use sha2::Sha256;

use super::checked;
use crate::failure::Result;

/// SHA-256 in hexadecimal and the size in bytes.
pub fn hash(path: &Path) -> Result<(String, u64)> {
    checked::hash::<Sha256>(&mut fs_err::File::open(path)?)
}
