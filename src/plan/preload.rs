//! The container images that a machine's image carries.

use std::path::PathBuf;

use serde::Serialize;

use super::CacheKey;
use crate::recipe::Reference;

/// A container image in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// Where it is.
    #[serde(skip)]
    pub path: PathBuf,
    /// What the image is called where the file does not say.
    pub name: String,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// The version of the hub's JupyterHub, where the image has to fit it.
    pub hub: Option<String>,
}

/// A container image that a machine's image carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PreloadSource {
    /// Made by the stage with this key.
    Made(CacheKey),
    /// Fetched by the stage with this key.
    Fetched(CacheKey, Reference),
    /// Brought by the user.
    Archive(Archive),
}
