//! The wording of what can be wrong with a cloud image that a recipe starts from.

use std::sync::Arc;

use crate::document::{Finding, Location, Node, Source};

/// How a whole mapping is written, for remedies.
pub const EXAMPLE: &str = "from: {url: \"https://example.org/image.qcow2\", sha256: 64 digits}";

/// Nothing to check the download against.
#[must_use]
pub fn no_proof(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "there is no checksum to verify the download from this URL",
        "add the publisher's `sha256` or `sha512`, or `checksums` with the `key` that signs them",
    )
    .at(source, node.span.clone(), "a checksum belongs in here")
}

/// More than one thing to check the download against.
#[must_use]
pub fn two_proofs(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error("the image has more than one checksum", "keep one of `sha256`, `sha512` and `checksums`")
        .at(source, node.span.clone(), "one of them is enough")
}

/// A checksums file that nobody vouches for.
#[must_use]
pub fn no_key(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "a checksums file without a signature proves nothing: an attacker who changes the image changes it too",
        "add `key` with the path of the publisher's OpenPGP key in the folder of recipes, or use `sha256`",
    )
    .at(source, node.span.clone(), "who signs it?")
}

/// A key with nothing to check by it.
#[must_use]
pub fn nothing_signed(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error("`key` has no checksums to verify", "add `checksums`, or remove this").at(
        source,
        node.span.clone(),
        "only with `checksums`",
    )
}

/// Text that is no checksum of its kind.
#[must_use]
pub fn not_a_digest(source: &Arc<Source>, kind: &str, digits: usize, node: &Node) -> Finding {
    Finding::error(
        format!("this is not a {kind}: one has {digits} hexadecimal digits"),
        "copy the whole line from the publisher's list, without the file's name",
    )
    .at(source, node.span.clone(), "not a checksum")
}

/// Text that is no URL to download from.
#[must_use]
pub fn not_a_url(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{text}` is not the URL of a file"),
        "begin it with `https://`, `http://` or `file:///`, and end it with the file's name",
    )
    .at(source, node.span.clone(), "not a URL")
}

/// A key that is named and not there.
#[must_use]
pub fn no_such_key(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("the key `{path}` is not there"),
        "name it by its path in the folder of recipes, like `keys/publisher.asc`",
    )
    .at(source, node.span.clone(), "not found")
}

/// A file that is no public key.
#[must_use]
pub fn not_a_key(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("`{path}` is not an OpenPGP public key"),
        "write it with `gpg --export --armor FINGERPRINT`",
    )
    .at(source, node.span.clone(), "not a public key")
}

/// A container image on a machine's image.
#[must_use]
pub fn container_from_machine(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "a container image cannot be made from a cloud image",
        "give this recipe a `suite` instead of its `from`, or take out `container`",
    )
    .at(source, node.span.clone(), "a machine's image cannot become this")
}

/// A file that a `file:` URL names and that is not there.
#[must_use]
pub fn no_such_file(url: &str, location: Option<&Location>) -> Finding {
    let finding = Finding::error(format!("there is no file at {url}"), "name a file of this machine");
    match location {
        Some(place) => finding.at_place(place, "not found"),
        None => finding,
    }
}
