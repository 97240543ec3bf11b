//! The wording of what can be wrong with notebooks and materials.

use std::sync::Arc;

use super::option_findings::wrong;
use super::pages::Page;
use crate::document::{Finding, Node, Source};

/// An image that could be another one tomorrow.
#[must_use]
pub fn not_a_pinned_image(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(
        source,
        node,
        format!("`{text}` is not a container image with a digest"),
        "write it like `registry.example.org/notebook@sha256:` and 64 digits, as `docker pull` prints it; an image in a \
         file goes into the node image: `imagegen build node --notebook-image FILE`",
        "no digest",
    )
}

/// Text that is not a size of memory, or too small a one.
#[must_use]
pub fn not_a_memory_size(source: &Arc<Source>, text: &str, least: u64, node: &Node) -> Finding {
    let remedy = format!("write it like `512M` or `2G`, and at least `{least}M`");
    wrong(source, node, format!("`{text}` is not a size of memory"), &remedy, "not a size")
}

/// Text that is not a size of what a student may store, or too small a one.
#[must_use]
pub fn not_a_quota(source: &Arc<Source>, key: &str, text: &str, least: u64, node: &Node) -> Finding {
    let remedy = format!(
        "write it like `{key}: 500M` or `{key}: 2G`, with at least `{least}M`, or `{key}: none` for no limit"
    );
    wrong(source, node, format!("`{text}` is not a size for `{key}`"), &remedy, "not a size")
}

/// More memory kept for a server than it may have.
#[must_use]
pub fn reserve_beyond_memory(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "more memory is reserved for each server than it may use".to_owned();
    wrong(source, node, message, "make `reserve` at most as large as `memory`", "too much")
}

/// What is no number of CPUs.
#[must_use]
pub fn not_a_number_of_cpus(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "this is not a number of CPUs".to_owned();
    wrong(source, node, message, "write it like `cpus: 1.5`, from 0.05 to 256", "not CPUs")
}

/// Text that is not an email address.
#[must_use]
pub fn not_an_email(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let message = format!("`{text}` is not an email address");
    wrong(source, node, message, "write it like `ada@example.org`", "not an address")
}

/// Materials from neither place or from both.
#[must_use]
pub fn git_or_archive(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "materials come from either `git` or `archive`".to_owned();
    wrong(source, node, message, "write `git: URL` or `archive: URL`", "one of them belongs in here")
}

/// A URL that materials cannot come from.
#[must_use]
pub fn not_a_material(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write it like `https://example.org/course.git`, without a name and password";
    wrong(source, node, format!("`{text}` is not a URL to fetch from"), remedy, "not a URL")
}

/// A page for people instead of what it is about.
#[must_use]
pub(super) fn page_for_people(source: &Arc<Source>, url: &str, page: &Page, node: &Node) -> Finding {
    wrong(source, node, format!("`{url}` is {}", page.what), &page.remedy, "not what can be fetched")
}

/// Text that is no branch or tag, or stands beside an archive.
#[must_use]
pub fn not_a_reference(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let message = format!("`{text}` is not a branch or tag of a git repository");
    wrong(source, node, message, "write it like `ref: v1.0`, beside `git`", "not a reference")
}

/// Text that is no SHA-256, or stands beside a repository.
#[must_use]
pub fn not_a_checksum(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let message = format!("`{text}` is not the SHA-256 of an archive");
    wrong(
        source,
        node,
        message,
        "write the 64 digits that `sha256sum` prints, beside `archive`",
        "not a SHA-256",
    )
}

/// A place that materials cannot go to.
#[must_use]
pub fn not_a_place(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write `homes` for a copy in each home, or `share` for one in /share that all read";
    wrong(source, node, format!("materials cannot go into `{text}`"), remedy, "not a place")
}

/// Two materials that would become one folder.
#[must_use]
pub fn material_twice(source: &Arc<Source>, name: &str, node: &Node, first: &Node) -> Finding {
    Finding::error(
        format!("two materials become the folder `{name}`"),
        "rename one of the files at its source",
    )
    .at(source, node.span.clone(), "the second")
    .at(source, first.span.clone(), "the first")
}

/// Materials for all beside a map of the same place.
#[must_use]
pub fn share_is_taken(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "materials for all go to /share, where a map of `autofs` is".to_owned();
    wrong(source, node, message, "choose another `path` for the map, or `into: homes`", "goes to /share")
}

/// Notebooks on a hub whose homes are not where notebooks have them.
#[must_use]
pub fn homes_elsewhere(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "a hub that carries notebooks has the homes in /home".to_owned();
    wrong(
        source,
        node,
        message,
        "remove `homes: {export: …}`; a volume may be mounted at /home",
        "needs /home",
    )
}
