//! Debian's merged /usr: some folders of the root are links to those of the same name in `usr/`. What a recipe lays
//! below one of them would put a folder in the place of the link, and all that is behind it would be lost.

use super::{Catalogue, findings};
use crate::document::Findings;

/// The links of amd64 (debootstrap, `setup_merged_usr`).
const LINKED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Whether a path in the image leads through one of the links.
pub(super) fn is_behind_a_link(path: &str) -> bool {
    path.split_once('/').is_some_and(|(folder, _)| LINKED.contains(&folder))
}

/// Looks for such folders in the overlay of the recipe `name`; one may have many files, and they move together.
pub(super) fn check_overlay(catalogue: &Catalogue, name: &str, findings: &mut Findings) {
    let laid_over = |folder: &&str| catalogue.below(&format!("{name}/{folder}")).next().is_some();
    for folder in LINKED.iter().filter(|folder| laid_over(folder)) {
        findings.push(findings::overlay_behind_a_link(name, folder));
    }
}
