//! The wording of what can be wrong with the options of machines, Docker, networks and mounts.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::Subnet;
use super::zones::ZoneFault;
use crate::document::{Finding, Location, Node, Severity, Source};

pub(super) fn wrong(
    source: &Arc<Source>,
    node: &Node,
    message: String,
    remedy: &str,
    label: &str,
) -> Finding {
    Finding::error(message, remedy).at(source, node.span.clone(), label)
}

/// Text that is no reference to a container image.
#[must_use]
pub fn not_an_image(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write it like `registry.example.org/swarm:1.2.9`";
    wrong(source, node, format!("`{text}` is not a container image"), remedy, "not an image")
}

/// A mirror without encryption.
#[must_use]
pub fn open_mirror(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::warning(
        format!("downloads from `{text}` can be modified in transit"),
        "use `https://` if the mirror supports it",
    )
    .at(source, node.span.clone(), "not encrypted")
}

/// Sizes of log files for a driver that has no files.
#[must_use]
pub fn log_sizes_without_files(source: &Arc<Source>, sized: &Node) -> Finding {
    Finding::error(
        "the log driver of `options` has no log files, and these would have no size",
        "remove `log_max_size` and `log_max_files`, or the other driver",
    )
    .at(source, sized.span.clone(), "a size for log files")
}

/// A pool out of which not one network can be cut.
#[must_use]
pub fn pool_too_small(source: &Arc<Source>, node: &Node, pool: Subnet) -> Finding {
    let message = format!("no network of this size fits into {pool}");
    let remedy = format!("choose a prefix from {} to 30", pool.prefix);
    Finding::error(message, remedy).at(source, node.span.clone(), "larger than the pool")
}

/// An address that leads to Docker's bridges and not to the machine that has it: `clash` says in which network, and `whose`
/// who takes that.
#[must_use]
pub(super) fn hidden_by_docker(
    location: &Location,
    clash: &str,
    whose: &str,
    remedy: String,
    severity: Severity,
) -> Finding {
    let message = format!("{clash}, {whose}: machines would reach their own bridge instead");
    Finding { severity, ..Finding::error(message, remedy) }.at_place(location, "hidden by Docker")
}

/// Pools with fewer networks than a machine needs.
#[must_use]
pub fn too_few_pools(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::error(
        "these pools have fewer networks than a machine has bridges, and no node would join the swarm",
        "choose a larger `size` or another pool: Docker's own bridge takes one network, and the swarm's another one",
    )
    .at(source, node.span.clone(), "too few networks")
}

/// An address of the internet for the hub.
#[must_use]
pub fn public_hub(location: &Location, hub: Ipv4Addr) -> Finding {
    Finding::warning(
        format!("{hub} is an address of the internet, perhaps a floating IP, which the hub does not have itself"),
        "give the hub's own address in the network of the nodes, which Horizon shows beside the floating IP; where the \
         machines have addresses of the internet themselves, say so: `network: {cidr: …}`",
    )
    .at_place(location, "not a private address")
}

/// Text that is no path that can be used without quoting.
#[must_use]
pub fn not_a_path(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write an absolute path of letters, digits and `-_./+@`, without `..` or a slash at its end";
    wrong(source, node, format!("`{text}` is not a path that can be used here"), remedy, "not a path")
}

/// A folder that cannot be exported.
#[must_use]
pub fn not_an_export(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "choose a folder that holds only homes, like `/home` or `/srv/homes`";
    wrong(source, node, format!("the homes cannot be in `{text}`"), remedy, "not a folder for homes")
}

/// Text that names no volume.
#[must_use]
pub fn not_a_volume(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write the volume's id, as Horizon and `openstack volume list` show it, like \
                  `0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9`, or a path like `/dev/disk/by-id/virtio-0a1b2c3d-4e5f-6071-8`";
    wrong(source, node, format!("`{text}` is not a volume"), remedy, "not a volume")
}

/// A volume by the name that the kernel gives to disks as they come.
#[must_use]
pub fn volume_by_order(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    Finding::warning(
        format!(
            "`{text}` is whichever disk comes in that place, and Nova's ephemeral disk or a swap disk may"
        ),
        "write the volume's id, as Horizon and `openstack volume list` show it, like \
         `volume: 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9`",
    )
    .at(source, node.span.clone(), "may be another disk")
}

/// A name of a disk that is longer than its kind of name can be.
#[must_use]
pub fn serial_too_long(source: &Arc<Source>, text: &str, right: &str, node: &Node) -> Finding {
    let message = format!("no disk has the name `{text}`: of a volume's id virtio takes 20 characters");
    wrong(source, node, message, &format!("write `{right}`, or only the id"), "too long")
}

/// Leave to adopt a volume where there is none.
#[must_use]
pub fn nothing_to_adopt(source: &Arc<Source>, node: &Node) -> Finding {
    Finding::warning("without a `volume` there is nothing to adopt", "add `volume`, or remove this").at(
        source,
        node.span.clone(),
        "not used",
    )
}

/// Text that is not a host name.
#[must_use]
pub fn not_a_host_name(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write only the name, without `https://`, a port or a path, like `jupyter.example.org`";
    wrong(source, node, format!("`{text}` is not a host name"), remedy, "not a host name")
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
    Finding::error("two maps have the same place", "give each a folder of its own")
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
        "the hub exports a folder once: set `writable` in both maps or in neither",
        "the second map",
    )
}

/// Text that is no NFS export.
#[must_use]
pub fn not_an_nfs_source(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write it like `10.0.0.9:/export/data`, or `hub:/srv/data` for a folder of the hub";
    wrong(source, node, format!("`{text}` is not a folder of an NFS server"), remedy, "not an export")
}

/// A folder of the hub that its own system needs, and that nodes must not read.
#[must_use]
pub fn not_a_folder_to_share(source: &Arc<Source>, folder: &str, node: &Node) -> Finding {
    let remedy = "choose a folder that holds only shared files, like `hub:/srv/data`";
    wrong(source, node, format!("the hub cannot share `{folder}`"), remedy, "the system's own")
}

/// A folder of the hub in which the homes are, which have an export of their own.
#[must_use]
pub fn share_holds_homes(source: &Arc<Source>, folder: &str, node: &Node) -> Finding {
    let remedy = "choose a folder beside the homes, like `hub:/srv/data`";
    wrong(
        source,
        node,
        format!("the hub cannot share `{folder}`: the homes are in it"),
        remedy,
        "holds the homes",
    )
}

/// Text that is not a mount option.
#[must_use]
pub fn not_a_mount_option(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "write each option for itself, like `[noatime, nconnect=4]`";
    wrong(source, node, format!("`{text}` is not a mount option"), remedy, "not an option")
}

/// A mount option that does harm.
#[must_use]
pub fn dangerous_mount_option(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "remove it: homes are mounted hard, without set-uid programs and devices";
    wrong(source, node, format!("`{text}` would let students lose files, or gain rights"), remedy, "refused")
}

/// A mount option that says how homes travel, which the hub has to know as well.
#[must_use]
pub fn transport_by_option(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let remedy = "remove it, and write `homes: {tls: true}` to have hub and nodes encrypt homes";
    wrong(
        source,
        node,
        format!("`{text}` is set on nodes only, and the hub's exports would not match"),
        remedy,
        "refused",
    )
}

/// Text that is not the name of a package.
#[must_use]
pub fn not_a_package(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(
        source,
        node,
        format!("`{text}` is not the name of a Debian package"),
        "write only its name, like `r-base-core`",
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
        format!("`{text}` is not a file mode"),
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
        "neither or both are given",
    )
}

/// Text that is no public key.
#[must_use]
pub fn not_a_public_key(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let message = if text.contains("PRIVATE") { "this is a private key" } else { "this is not a public key" };
    let remedy = "paste the line of a `.pub` file, like `ssh-ed25519 AAAA… ada@laptop`";
    Finding::error(message, remedy).at(source, node.span.clone(), "not a public key")
}

/// Text that is not a time zone of the machines.
#[must_use]
pub(super) fn not_a_timezone(source: &Arc<Source>, text: &str, fault: ZoneFault, node: &Node) -> Finding {
    let remedy = match fault {
        ZoneFault::Older(name) | ZoneFault::Misspelt(name) => format!("write `{name}`"),
        ZoneFault::Distance => "write the name of a place, like `Europe/Zurich`, which knows of summer time".to_owned(),
        ZoneFault::Unknown => {
            "write a continent or an ocean and a city, like `Europe/Zurich`; `timedatectl list-timezones` has them all"
                .to_owned()
        }
    };
    let message = match fault {
        ZoneFault::Older(_) => {
            format!("`{text}` is an older name of a time zone, and the machines do not have it")
        }
        _ => format!("`{text}` is not a time zone"),
    };
    wrong(source, node, message, &remedy, "not a time zone")
}

/// Text that is not a locale.
#[must_use]
pub fn not_a_locale(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    wrong(source, node, format!("`{text}` is not a locale"), "write it like `de_CH.UTF-8`", "not a locale")
}
