//! The code that decides what kept layers and container images are: with other code, what was kept is not what would be made.

use crate::plan::{CacheKey, Makers};

macro_rules! texts {
    ($($path:literal),* $(,)?) => { [$(include_str!($path)),*] };
}

/// What all of it is made with: this version, and the libraries.
const COMMON: [&str; 2] =
    [env!("CARGO_PKG_VERSION"), include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"))];
/// What layers are made with.
const LAYERS: [&str; 9] = texts![
    "../../images/scripts/resolve.sh",
    "deb.rs",
    "stdin_tar.rs",
    "bootstrap.rs",
    "mmdebstrap.rs",
    "packages.rs",
    "embedded_lock.rs",
    "repository.rs",
    "resolve.rs",
];
/// What container images are made with, beside their layers.
const CONTAINERS: [&str; 5] =
    texts!["../plan/hygiene/mod.rs", "../plan/hygiene/rules.rs", "oci.rs", "rootfs.rs", "overlay2.rs"];

/// Hashes of both.
pub(super) fn makers() -> Makers {
    let hash = |key: CacheKey| key.short().to_owned();
    Makers {
        layers: hash(CacheKey::of(&(COMMON, LAYERS))),
        containers: hash(CacheKey::of(&(COMMON, CONTAINERS))),
    }
}
