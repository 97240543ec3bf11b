//! Where the machines find each other, and what the hub exports.

use super::subnet::{self, Subnet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Quota, address, findings, quota, validate};
use crate::document::{Fields, Findings, Location, Node, Source};

pub(super) const KEYS: &[&str] = &["cidr", "hub_ip", "hub_name"];
pub(super) const HOMES_KEYS: &[&str] = &["export", "volume", "adopt", "quota", "tls"];

/// Where the machines find each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The network that hub and nodes share; without it the hub looks at its own interface.
    pub cidr: Option<Subnet>,
    /// The hub's address in it.
    pub hub_ip: Option<Ipv4Addr>,
    /// The name by which students reach the hub.
    pub hub_name: Option<String>,
}

/// What the hub exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Homes {
    /// The folder with the homes, on the hub; nodes have them in `/home`.
    pub export: String,
    /// The volume that is mounted there, and formatted if it is blank: the path of a block device, or the volume's UUID in
    /// OpenStack, which its name in `/dev/disk/by-id` ends with, whole or by its first 20 characters.
    pub volume: Option<String>,
    /// Whether the volume may have a file system that another system than this workshop's made.
    pub adopt: bool,
    /// What each student may store there.
    pub quota: Quota,
    /// How they travel to the nodes.
    pub transport: Transport,
}

/// What NFS runs over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP in the clear: anybody on the way can read and change it.
    #[default]
    Plain,
    /// TLS, by which hub and nodes know each other (RFC 9289).
    MutualTls,
}

impl Default for Homes {
    fn default() -> Self {
        Self {
            export: "/home".into(),
            volume: None,
            adopt: false,
            quota: Quota::OfDisk,
            transport: Transport::Plain,
        }
    }
}

/// Reads the section `network`.
pub(super) fn read(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Network {
    let mut network = Network::default();
    let mut fields = Fields::of(source, "network", node, KEYS, findings);
    if let Some((text, node)) = fields.text("cidr", "cidr: 10.0.0.0/24") {
        network.cidr = subnet::expect_subnet(source, text, node, fields.findings());
    }
    if let Some((text, node)) = fields.text("hub_ip", "hub_ip: 10.0.0.5") {
        network.hub_ip = address::hub(text, &Location::of(source, node), network.cidr, fields.findings());
    }
    if let Some((text, node)) = fields.text("hub_name", "hub_name: jupyter.example.org") {
        if !validate::is_host_name(text) {
            fields.findings().push(findings::not_a_host_name(source, text, node));
        }
        network.hub_name = Some(text.to_owned());
    }
    network
}

/// Reads the section `homes`.
pub(super) fn read_homes(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Homes {
    let mut homes = Homes::default();
    let mut fields = Fields::of(source, "homes", node, HOMES_KEYS, findings);
    if let Some((path, node)) = fields.text("export", "export: /srv/homes") {
        if !validate::is_plain_path(path) || is_the_systems(path) {
            fields.findings().push(findings::not_an_export(source, path, node));
        }
        path.clone_into(&mut homes.export);
    }
    if let Some((text, node)) = fields.text("volume", VOLUME) {
        fields.findings().extend(volume_findings(source, text, node));
        homes.volume = Some(text.to_owned());
    }
    homes.adopt = fields.flag("adopt", "adopt: true").unwrap_or(false);
    if let Some(node) = fields.get("adopt").filter(|_| homes.adopt && homes.volume.is_none()) {
        fields.findings().push(findings::nothing_to_adopt(source, node));
    }
    homes.quota = quota::read(source, "quota", &mut fields);
    if fields.flag("tls", "tls: true") == Some(true) {
        homes.transport = Transport::MutualTls;
    }
    homes
}

const VOLUME: &str = "volume: 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// What is wrong with the name of a volume, or doubtful.
fn volume_findings(source: &Arc<Source>, text: &str, node: &Node) -> Findings {
    const BY_VIRTIO: &str = "/dev/disk/by-id/virtio-";
    /// What virtio has room for (`VIRTIO_BLK_ID_BYTES`).
    const SERIAL: usize = 20;
    let mut findings = Findings::default();
    if validate::is_uuid(text) {
        return findings;
    }
    let serial = text
        .strip_prefix(BY_VIRTIO)
        .and_then(|serial| serial.get(..SERIAL).filter(|_| serial.len() > SERIAL));
    if !validate::is_plain_path(text) || !text.starts_with("/dev/") {
        findings.push(findings::not_a_volume(source, text, node));
    } else if let Some(serial) = serial.filter(|_| !text.contains("-part")) {
        findings.push(findings::serial_too_long(source, text, &format!("{BY_VIRTIO}{serial}"), node));
    } else if !text.starts_with("/dev/disk/by-id/") {
        findings.push(findings::volume_by_order(source, text, node));
    }
    findings
}

/// Folders in which the system, imagegen and JupyterHub keep what is theirs, secrets among it.
const OWN: [&str; 13] = [
    "/opt/jupyterhub",
    "/opt/proxy",
    "/var/backups",
    "/var/cache",
    "/var/lib/cloud",
    "/var/lib/imagegen",
    "/var/lib/imagegen-web",
    "/var/lib/jupyterhub",
    "/var/lib/nfs",
    "/var/lib/private",
    "/var/lib/systemd",
    "/var/log",
    "/var/spool",
];

/// Whether the folder is the system's own, where homes or a volume would hide what a machine needs.
pub(super) fn is_the_systems(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    ["bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr"]
        .contains(&first)
        || path.starts_with("/var/lib/docker")
        || OWN.iter().any(|own| within(own, path))
}

/// Whether one path is the other, or lies in it.
pub(super) fn within(one: &str, other: &str) -> bool {
    let lies = |inner: &str, outer: &str| inner == outer || inner.starts_with(&format!("{outer}/"));
    lies(one, other) || lies(other, one)
}
