//! The wording of what can be wrong with what a build is given.

use crate::document::Finding;

/// What to do about an archive that no builder of images would write.
const NOT_TRUSTED: &str = "do not use this archive: build the image again from sources that you trust, or take it from its registry by digest";

/// Why an entry of a layer is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its name leads out of the layer.
    NameOutside,
    /// Its name, or what it links to, has a zero byte in it.
    NameWithZero,
    /// Its name is that of a mark which removes nothing, or what is outside.
    Mark,
    /// It is in a folder that is none: what an earlier entry has there instead.
    Within(String),
    /// An earlier entry with its name is a folder, and it is none, or the other way round.
    Replaced,
    /// A hard link to what is outside the layer.
    LinkOutside(String),
    /// A hard link to what no earlier entry of the layer is.
    LinkToNothing(String),
    /// A hard link to a folder.
    LinkToFolder(String),
    /// A link to nothing at all, or with a target that no system takes.
    Target,
    /// A device of the machine.
    Device(char, u32, u32),
    /// An entry of a kind that is neither file, folder, link, pipe nor device.
    Kind(char),
    /// Something that is not a file but has content.
    Content,
    /// A file with holes: programs read some in different ways, and a few bytes claim any size.
    Holes,
    /// A file that no file system takes.
    Size(u64),
    /// An attribute by which overlayfs finds other files.
    Attribute(String),
}

impl Refusal {
    fn told(&self) -> String {
        match self {
            Self::NameOutside => "its name leads out of the layer".into(),
            Self::NameWithZero => "its name has a zero byte in it".into(),
            Self::Mark => "it removes something that is not in the image".into(),
            Self::Within(parent) => {
                format!("it is in `{parent}`, which an earlier entry makes something other than a folder")
            }
            Self::Replaced => {
                "an earlier entry of the same name is of another kind: only one of the two is a folder".into()
            }
            Self::LinkOutside(target) => format!("a hard link to `{target}`, which is outside the layer"),
            Self::LinkToNothing(target) => {
                format!("a hard link to `{target}`, which no earlier entry of the layer creates")
            }
            Self::LinkToFolder(target) => format!("a hard link to the folder `{target}`"),
            Self::Target => "a link to something that cannot be a path".into(),
            Self::Device(kind, major, minor) => format!("the device {kind} {major}:{minor} of the machine"),
            Self::Kind(kind) => format!("an entry of the unknown kind `{kind}`"),
            Self::Content => "it is not a file but has content".into(),
            Self::Holes => "a file with holes in it, which layers of container images do not have".into(),
            Self::Size(bytes) => format!("a file of {bytes} bytes, which is too large for any file system"),
            Self::Attribute(name) => {
                format!("it has the attribute `{name}`, which redirects overlayfs to other files")
            }
        }
    }
}

/// A key that signs nothing.
pub(super) fn cannot_sign(key: &str, reason: &str) -> Finding {
    Finding::error(
        format!("the key {key} cannot sign: {reason}"),
        "name an OpenSSH private key without a passphrase, or add yours to ssh-agent and name its public half",
    )
}

/// An image without its signature.
pub(super) fn no_signature(path: &str, reason: &str) -> Finding {
    Finding::error(
        format!("the signature {path} cannot be read: {reason}"),
        "put the signature that `build --sign` wrote with the file beside it",
    )
}

/// A signature of somebody whom the list does not name.
pub(super) fn no_signer(file: &str, signers: &str, reason: &str) -> Finding {
    Finding::error(
        format!("no key in {signers} signed {file}: {reason}"),
        "do not use the file unless you know who signed it; add that key to the list of allowed signers then",
    )
}

/// A file that a signed provenance does not name as it is.
pub(super) fn of_another_build(file: &str, provenance: &str) -> Finding {
    Finding::error(
        format!("{file} is not from the build that {provenance} describes"),
        "put image, manifest and provenance of one build beside each other, under the names that the build gave them",
    )
}

/// A signature of another content, or for another purpose.
pub(super) fn other_content(file: &str, reason: &str) -> Finding {
    Finding::error(
        format!("{file} differs from the file that was signed: {reason}"),
        "do not use the file: fetch it again with its signature from where it was built",
    )
}

/// An entry of a container image's layer that no layer may have.
pub(super) fn hostile_entry(archive: &str, layer: &str, entry: &str, refusal: &Refusal) -> Finding {
    let remedy = match refusal {
        Refusal::Holes => "write the layer without --sparse, or let docker build write it",
        _ => NOT_TRUSTED,
    };
    Finding::error(format!("{archive}: layer {layer}: `{entry}`: {}", refusal.told()), remedy)
}

/// There is more of that kind than is told.
pub(super) fn more_hostile_entries(archive: &str, layer: &str, count: usize) -> Finding {
    Finding::error(format!("{archive}: layer {layer}: {count} more entries like these"), NOT_TRUSTED)
}

/// A name in an archive that Docker would not take.
pub(super) fn not_a_name(archive: &str, name: &str) -> Finding {
    Finding::error(
        format!("{archive}: the image calls itself `{}`, which is not an image name", name.escape_default()),
        "give it one, and save it again: docker tag IMAGE example/notebook:1.0 && docker save …",
    )
}

/// A digest in an archive that is none.
pub(super) fn not_a_digest(archive: &str, digest: &str) -> Finding {
    Finding::error(
        format!("{archive}: `{}` stands where a digest belongs", digest.escape_default()),
        "save the image again: `docker save` and `skopeo copy … oci-archive:NEW` write sound archives",
    )
}
