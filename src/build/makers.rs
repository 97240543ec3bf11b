//! The code that decides what kept layers and container images are: with other code, what was kept is not what would be made.

use crate::plan::{Key, Makers};

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
    "feed.rs",
    "layer.rs",
    "mmdebstrap.rs",
    "packages.rs",
    "record.rs",
    "repository.rs",
    "resolve.rs",
];
/// What container images are made with, beside their layers.
const CONTAINERS: [&str; 5] =
    texts!["../plan/hygiene/mod.rs", "../plan/hygiene/rules.rs", "oci.rs", "rootfs.rs", "unpacked.rs"];

/// Hashes of both.
pub(super) fn makers() -> Makers {
    let hash = |key: Key| key.short().to_owned();
    Makers { layers: hash(Key::of(&(COMMON, LAYERS))), containers: hash(Key::of(&(COMMON, CONTAINERS))) }
}
