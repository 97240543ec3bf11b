//! How nodes mount homes and shared data.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::network::{is_the_systems, within};
use super::{findings, validate};
use crate::document::{Fields, Findings, Node, Source};

pub(super) const KEYS: &[&str] = &["mount_options", "timeout", "maps"];
pub(super) const MAP_KEYS: &[&str] = &["path", "from", "writable", "mount_options"];
const MAP: &str = "maps: [{path: /data, from: \"10.0.0.9:/export/data\"}]";

/// How nodes mount homes and shared data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autofs {
    /// More options for the homes, beside `nfs4`, `hard`, `nosuid` and `nodev`.
    pub mount_options: Vec<String>,
    /// Seconds after which a home that nobody uses is unmounted.
    pub timeout: u16,
    /// Shared data.
    pub shares: Vec<Share>,
}

impl Default for Autofs {
    fn default() -> Self {
        Self { mount_options: vec![], timeout: 300, shares: vec![] }
    }
}

impl Autofs {
    /// Whether a share is mounted at `path`, above or below it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.shares.iter().any(|share| within(&share.path, path))
    }
}

/// A folder that all nodes mount, read-only if nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Where nodes have it.
    pub path: String,
    /// The NFS server: a host name or an address; none for the hub, which then exports the folder.
    pub server: Option<String>,
    /// The folder on the server.
    pub folder: String,
    /// Whether nodes may write.
    pub writable: bool,
    /// More options.
    pub mount_options: Vec<String>,
}

/// Reads the section `autofs`, where the hub has the homes in `homes`.
pub(super) fn read(source: &Arc<Source>, node: &Node, homes: &str, findings: &mut Findings) -> Autofs {
    let mut autofs = Autofs::default();
    let mut fields = Fields::of(source, "autofs", node, KEYS, findings);
    let mount_options = options(source, &mut fields);
    expect_no_transport(source, &mount_options, fields.findings());
    autofs.mount_options = texts(&mount_options);
    if let Some((seconds, _)) = fields.int("timeout", 1..65_536, "timeout: 300") {
        autofs.timeout = u16::try_from(seconds).unwrap_or(u16::MAX);
    }
    let maps = fields.list("maps", MAP).unwrap_or_default();
    let mut seen: Vec<(String, &Node)> = vec![];
    for item in maps {
        let Some((share, place)) = share(source, item, fields.findings()) else { continue };
        if let Some((_, first)) = seen.iter().find(|(path, _)| within(path, &share.path)) {
            fields.findings().push(findings::maps_overlap(source, place, first));
        }
        let differs = |other: &Share| {
            other.server.is_none() && other.folder == share.folder && other.writable != share.writable
        };
        if share.server.is_none() && autofs.shares.iter().any(differs) {
            fields.findings().push(findings::writable_for_some(source, &share.folder, place));
        }
        if share.server.is_none() && homes.starts_with(&format!("{}/", share.folder)) {
            fields.findings().push(findings::share_holds_homes(source, &share.folder, place));
        }
        seen.push((share.path.clone(), place));
        autofs.shares.push(share);
    }
    autofs
}

fn share<'a>(source: &'a Arc<Source>, item: &'a Node, findings: &mut Findings) -> Option<(Share, &'a Node)> {
    let mut fields = Fields::of(source, "maps", item, MAP_KEYS, findings);
    fields.require(&["path", "from"], MAP);
    let (path, from) = (fields.text("path", MAP), fields.text("from", MAP));
    let writable = fields.flag("writable", "writable: true").unwrap_or(false);
    let mount_options = options(source, &mut fields);
    let (path, node) = path?;
    if !validate::is_plain_path(path) || is_the_systems(path) || within(path, "/home") {
        fields.findings().push(findings::not_a_mount_point(source, path, node));
    }
    let (text, from_node) = from?;
    let Some((server, folder)) = text.split_once(':').filter(|(server, folder)| is_export(server, folder))
    else {
        fields.findings().push(findings::not_an_nfs_source(source, text, from_node));
        return None;
    };
    if server == "hub" && is_the_systems(folder) {
        fields.findings().push(findings::not_a_folder_to_share(source, folder, from_node));
    }
    if server == "hub" {
        expect_no_transport(source, &mount_options, fields.findings());
    }
    let (server, mount_options) = ((server != "hub").then(|| server.to_owned()), texts(&mount_options));
    Some((Share { path: path.to_owned(), server, folder: folder.to_owned(), writable, mount_options }, node))
}

fn is_export(server: &str, folder: &str) -> bool {
    (server.parse::<Ipv4Addr>().is_ok() || validate::is_host_name(server)) && validate::is_plain_path(folder)
}

/// A mount option as it is written, with its place.
type MountOption<'a> = (&'a str, &'a Node);

fn texts(options: &[MountOption<'_>]) -> Vec<String> {
    options.iter().map(|(text, _)| (*text).to_owned()).collect()
}

/// Refuses options that say what NFS runs over between hub and nodes: `homes.tls` says it to both.
fn expect_no_transport(source: &Arc<Source>, options: &[MountOption<'_>], findings: &mut Findings) {
    for (text, node) in options.iter().filter(|(text, _)| text.starts_with("xprtsec")) {
        findings.push(findings::transport_by_option(source, text, node));
    }
}

/// Mount options; those that would loosen what keeps students apart are refused.
fn options<'a>(source: &Arc<Source>, fields: &mut Fields<'a, '_>) -> Vec<MountOption<'a>> {
    let mut options = vec![];
    for (text, node) in fields.texts("mount_options", "mount_options: [noatime]") {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_=.".contains(c);
        if text.is_empty() || !text.chars().all(plain) {
            fields.findings().push(findings::not_a_mount_option(source, text, node));
        } else if ["suid", "dev", "soft", "softerr", "fstype", "bind"]
            .contains(&text.split('=').next().unwrap_or_default())
        {
            fields.findings().push(findings::dangerous_mount_option(source, text, node));
        }
        options.push((text, node));
    }
    options
}
