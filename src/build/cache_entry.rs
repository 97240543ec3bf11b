//! An entry of the cache, for a person.

use serde::Serialize;

/// What the entries of a folder of the cache are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    /// Root trees, and container images that recipes make.
    Layer,
    /// Locked packages from other registries than Debian's.
    Set,
    /// Debian packages.
    Package,
    /// Container images from registries.
    Container,
    /// Cloud images.
    Base,
    /// What is remembered of finished images.
    Result,
    /// What failed tools said.
    Log,
}

impl std::fmt::Display for CacheKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Layer => "layer",
            Self::Set => "set",
            Self::Package => "package",
            Self::Container => "container",
            Self::Base => "base",
            Self::Result => "result",
            Self::Log => "log",
        })
    }
}

/// An entry, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheEntry {
    /// What stands on its bucket.
    pub kind: CacheKind,
    /// Its key.
    pub key: String,
    /// What it is, where that is known.
    #[serde(rename = "description")]
    pub what: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many seconds ago it was made; unknown for what is from the future.
    #[serde(rename = "age_seconds")]
    pub age: Option<u64>,
    /// Whether a build uses it now.
    pub in_use: bool,
    /// Whether a build could use it: it has its record, and the size in it.
    #[serde(rename = "valid")]
    pub usable: bool,
}
