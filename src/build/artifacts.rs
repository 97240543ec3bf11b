//! The files that one image results in.

use std::path::PathBuf;

use anyhow::Context;

use crate::failure::Result;

/// What one image resulted in.
#[derive(Debug)]
pub(super) struct Artifacts {
    /// Finished files in the work folder, with their SHA-256.
    pub(super) files: Vec<(PathBuf, String)>,
    /// The image's own size in bytes.
    pub(super) image_size: u64,
}

impl Artifacts {
    /// The final names of the files, with their SHA-256.
    pub(super) fn names(&self) -> Result<Vec<(String, String)>> {
        let named = self.files.iter().map(|(path, sha256)| {
            let name = path.file_name().context("a result without a name")?;
            Ok((name.to_string_lossy().into_owned(), sha256.clone()))
        });
        named.collect()
    }
}
