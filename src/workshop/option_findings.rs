//! The wording of what can be wrong with the options of machines, Docker, networks and mounts.

use std::sync::Arc;

use super::Subnet;
use crate::document::findings::nearest;
use crate::document::{Finding, Key, Node, Source};

pub(super) fn wrong(
    source: &Arc<Source>,
    node: &Node,
    message: String,
    remedy: &str,
    label: &str,
) -> Finding {
    Finding::error(message, remedy).at(source, node.span.clone(), label)
}

/// The classic engine, which has to be said something about.
#[must_use]
pub fn classic_is_old(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::warning(
        "the classic engine has had no release since 2018, and speaks to Docker without encryption or passwords",
        "choose `engine: swarm` unless you must; classic runs with Docker 20.10 to 28, and with 29 because imagegen \
         allows old clients there (DOCKER_MIN_API_VERSION=1.24), though the docker command of 29 cannot talk to the \
         manager",
    )
    .at(source, node.span.clone(), "old")
}

/// Images for an engine that is not used.
#[must_use]
pub fn classic_without_its_engine(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::warning("these images are not used", "write `engine: classic`, or remove the section").at(
        source,
        node.span.clone(),
        "for the classic engine",
    )
}

/// Text that is no reference to a container image.
#[must_use]
pub fn not_an_image(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write it like `registry.example.org/swarm:1.2.9`";
    wrong(source, node, format!("`{text}` is no container image"), remedy, "not an image")
}

/// A mirror without encryption.
#[must_use]
pub fn open_mirror(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::warning(
        format!("what comes from `{text}` can be changed on its way"),
        "use `https://` where the mirror has it",
    )
    .at(source, node.span.clone(), "not encrypted")
}

/// A key of `daemon.json` that has one of ours.
#[must_use]
pub fn option_of_our_own(source: &Arc<Source>, key: &Key, own: &str) -> Finding {
    Finding::error(format!("`{}` has a place of its own", key.name), format!("write it as `docker.{own}`"))
        .at(source, key.span.clone(), "not here")
}

/// A key that dockerd does not know.
#[must_use]
pub fn unknown_docker_option(source: &Arc<Source>, key: &Key, known: &[&str]) -> Finding {
    let remedy = match nearest(&key.name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "remove it; the keys of daemon.json are in dockerd's reference".to_owned(),
    };
    Finding::error(format!("`{}` is no option of dockerd, which would not start with it", key.name), remedy)
        .at(source, key.span.clone(), "unknown to dockerd")
}

/// An option that does harm.
#[must_use]
pub fn dangerous_option(source: &Arc<Source>, key: &Key, reason: &str, remedy: &str) -> Finding {
    Finding::error(reason, remedy).at(source, key.span.clone(), "refused")
}

/// Sizes of log files for a driver that has no files.
#[must_use]
pub fn log_sizes_without_files(source: &Arc<Source>, key: &Key, sized: &Node) -> Finding {
    Finding::error(
        "this log driver knows no sizes of log files, and dockerd would start no container",
        "remove `log_max_size` and `log_max_files`, or the other driver",
    )
    .at(source, key.span.clone(), "another driver")
    .at(source, sized.span.clone(), "a size for log files")
}

/// A pool out of which not one network can be cut.
#[must_use]
pub fn pool_too_small(source: &Arc<Source>, node: &Node, pool: Subnet) -> Finding {
    let message = format!("no network of this size fits into {pool}");
    let remedy = format!("choose a prefix from {} to 30", pool.prefix);
    Finding::error(message, remedy).at(source, node.span.clone(), "larger than the pool")
}

/// A pool that would hide the machines from each other.
#[must_use]
pub fn pool_covers_network(source: &Arc<Source>, node: &Node, pool: Subnet, network: Subnet) -> Finding {
    let message = format!("the address pool {pool} covers addresses of the workshop's network {network}");
    let remedy = "choose another range, like `172.30.0.0/16`: containers could not reach the machines";
    wrong(source, node, message, remedy, "overlaps")
}

/// Text that is no path that can be used without quoting.
#[must_use]
pub fn not_a_path(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write an absolute path of letters, digits and `-_./+@`, without `..` or a slash at its end";
    wrong(source, node, format!("`{text}` is no path that can be used here"), remedy, "not a path")
}

/// A folder that cannot be exported.
#[must_use]
pub fn not_an_export(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "choose a folder that is for homes alone, like `/home` or `/srv/homes`";
    wrong(source, node, format!("the homes cannot be in `{text}`"), remedy, "not a folder for homes")
}

/// Text that names no block device.
#[must_use]
pub fn not_a_device(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write it like `/dev/vdb`, or better `/dev/disk/by-id/virtio-…` with the first 20 characters of the volume's id";
    wrong(source, node, format!("`{text}` is no block device"), remedy, "not a device")
}

/// Text that is no host name.
#[must_use]
pub fn not_a_host_name(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write a name alone, without `https://`, a port or a path, like `jupyter.example.org`";
    wrong(source, node, format!("`{text}` is no host name"), remedy, "not a host name")
}

/// A folder where nothing can be mounted.
#[must_use]
pub fn not_a_mount_point(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "choose a folder of its own outside of `/home` and the system's folders, like `/data`";
    wrong(source, node, format!("nothing can be mounted at `{text}`"), remedy, "not a mount point")
}

/// Two maps for one place.
#[must_use]
pub fn maps_overlap(source: &Arc<Source>, again: &Node, first: &Node) -> Finding {
    Finding::error("two maps are for one place", "give each a folder of its own")
        .at(source, again.span.clone(), "here again")
        .at(source, first.span.clone(), "first here")
}

/// A folder of the hub in two maps, one of them to be written to.
#[must_use]
pub fn writable_for_some(source: &Arc<Source>, folder: &str, node: &Node) -> Finding {
    let message = format!("the hub's {folder} is in two maps, and only one of them is `writable`");
    wrong(
        source,
        node,
        message,
        "the hub exports a folder once: say `writable` in both maps or in none",
        "the second map",
    )
}

/// Text that is no NFS export.
#[must_use]
pub fn not_an_nfs_source(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write it like `10.0.0.9:/export/data`, or `hub:/srv/data` for a folder of the hub";
    wrong(source, node, format!("`{text}` is no folder of an NFS server"), remedy, "not an export")
}

/// Text that is no mount option.
#[must_use]
pub fn not_a_mount_option(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write each option for itself, like `[noatime, nconnect=4]`";
    wrong(source, node, format!("`{text}` is no mount option"), remedy, "not an option")
}

/// A mount option that does harm.
#[must_use]
pub fn dangerous_mount_option(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "remove it: homes are mounted hard, without set-uid programs and devices";
    wrong(source, node, format!("`{text}` would let students lose files, or gain rights"), remedy, "refused")
}

/// Text that is no name of a package.
#[must_use]
pub fn not_a_package(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(
        source,
        node,
        format!("`{text}` is no Debian package"),
        "write its name alone, like `r-base-core`",
        "not a package",
    )
}

/// A path that a file cannot have, or may not.
#[must_use]
pub fn not_a_file_path(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write an absolute path, and not one of the files that imagegen writes";
    wrong(source, node, format!("no file can be put at `{text}`"), remedy, "not here")
}

/// One path for two files.
#[must_use]
pub fn file_twice(source: &Arc<Source>, again: &Node, first: &Node) -> Finding {
    Finding::error("two files have the same path", "leave one of them out")
        .at(source, again.span.clone(), "here again")
        .at(source, first.span.clone(), "first here")
}

/// Text that is no mode.
#[must_use]
pub fn not_a_mode(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(
        source,
        node,
        format!("`{text}` is no file mode"),
        "write it in quotes, like `\"0755\"`",
        "not a mode",
    )
}

/// A file with two contents, or none.
#[must_use]
pub fn content_or_from(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error("a file has either `content` or `from`", "give one of the two").at(
        source,
        node.span.clone(),
        "what is in this file?",
    )
}

/// Text that is no public key.
#[must_use]
pub fn not_a_public_key(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let message = if text.contains("PRIVATE") { "this is a private key" } else { "this is no public key" };
    let remedy = "paste the line of a `.pub` file, like `ssh-ed25519 AAAA… ada@laptop`";
    Finding::error(message, remedy).at(source, node.span.clone(), "not a public key")
}

/// Text that is no time zone.
#[must_use]
pub fn not_a_timezone(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(
        source,
        node,
        format!("`{text}` is no time zone"),
        "write it like `Europe/Zurich`",
        "not a time zone",
    )
}

/// Text that is no locale.
#[must_use]
pub fn not_a_locale(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(source, node, format!("`{text}` is no locale"), "write it like `de_CH.UTF-8`", "not a locale")
}
