//! Docker's options: our own keys, and any key of `daemon.json` that does no harm.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::daemon::{self, Machines};
use super::subnet::{self, Subnet};
use super::{findings, validate};
use crate::document::{Fields, Findings, Node, Source, Value};

pub(super) const KEYS: &[&str] =
    &["registry_mirrors", "log_max_size", "log_max_files", "mtu", "address_pools", "data_root", "options"];
pub(super) const POOL_KEYS: &[&str] = &["base", "size"];
/// From the smallest packet that every IPv4 host takes to what jumbo frames hold.
const MTU: std::ops::Range<i64> = 576..9001;

/// Docker's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docker {
    /// URLs of registries to ask before the public one.
    pub registry_mirrors: Vec<String>,
    /// The size at which a container's log is rotated, in Docker's notation (`10m`).
    pub log_max_size: String,
    /// How many files of each log are kept.
    pub log_max_files: u8,
    /// Bytes in a packet of the containers' network; without it, as many as the machine's own interface takes.
    pub mtu: Option<u16>,
    /// Networks of which the bridges get their addresses, each with the prefix of one bridge.
    pub address_pools: Vec<(Subnet, u8)>,
    /// Where images and containers are kept.
    pub data_root: String,
    /// More keys of `daemon.json`.
    pub options: Map<String, Json>,
}

impl Default for Docker {
    fn default() -> Self {
        Self {
            registry_mirrors: vec![],
            log_max_size: "10m".into(),
            log_max_files: 3,
            mtu: None,
            address_pools: vec![],
            data_root: "/var/lib/docker".into(),
            options: Map::new(),
        }
    }
}

impl Docker {
    /// What `daemon.json` says: our own keys, and the organiser's merged into them.
    #[must_use]
    pub fn daemon_json(&self) -> Map<String, Json> {
        let mut options = Map::new();
        options.insert("log-driver".into(), json!("json-file"));
        // A driver without files knows no sizes, and dockerd would not start with them.
        if self.keeps_log_files() {
            let sizes = json!({"max-size": self.log_max_size, "max-file": self.log_max_files.to_string()});
            options.insert("log-opts".into(), sizes);
        }
        if !self.registry_mirrors.is_empty() {
            options.insert("registry-mirrors".into(), json!(self.registry_mirrors));
        }
        // Where it is not given, the machine puts its own interface's here.
        options.insert("mtu".into(), json!(self.mtu.unwrap_or(1500)));
        if !self.address_pools.is_empty() {
            let pool = |(base, size): &(Subnet, u8)| json!({"base": base.to_string(), "size": size});
            options.insert("default-address-pools".into(), self.address_pools.iter().map(pool).collect());
        }
        if self.data_root != Self::default().data_root {
            options.insert("data-root".into(), json!(self.data_root));
        }
        for (key, value) in &self.options {
            merge(options.entry(key.clone()).or_insert(Json::Null), value);
        }
        options
    }

    /// An option of dockerd that is text.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    /// Whether the log driver writes files, which have sizes.
    fn keeps_log_files(&self) -> bool {
        ["json-file", "local"].contains(&self.option("log-driver").unwrap_or("json-file"))
    }
}

/// Puts `value` in place of what is there; of two mappings, key by key.
fn merge(there: &mut Json, value: &Json) {
    match (there, value) {
        (Json::Object(there), Json::Object(more)) => {
            for (key, value) in more {
                merge(there.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (there, value) => there.clone_from(value),
    }
}

/// Reads the section `docker`.
pub(super) fn read(
    source: &Arc<Source>,
    node: &Node,
    machines: Machines<'_>,
    findings: &mut Findings,
) -> Docker {
    let mut docker = Docker::default();
    let mut fields = Fields::of(source, "docker", node, KEYS, findings);
    docker.registry_mirrors = mirrors(source, &mut fields);
    if let Some((size, node)) = fields.text("log_max_size", "log_max_size: 10m") {
        if is_size(size) {
            size.clone_into(&mut docker.log_max_size);
        } else {
            fields.findings().push(findings::not_a_size(source, size, node));
        }
    }
    if let Some((files, _)) = fields.int("log_max_files", 1..101, "log_max_files: 3") {
        docker.log_max_files = u8::try_from(files).unwrap_or(u8::MAX);
    }
    docker.mtu = mtu(&mut fields);
    docker.address_pools = pools(source, &mut fields);
    if let Some((path, node)) = fields.text("data_root", "data_root: /srv/docker") {
        if !validate::is_plain_path(path) {
            fields.findings().push(findings::not_a_path(source, path, node));
        }
        path.clone_into(&mut docker.data_root);
    }
    let sized = ["log_max_size", "log_max_files"].into_iter().find_map(|key| fields.get(key));
    if let Some(node) = fields.get("options") {
        daemon::judge_options(source, node, machines, fields.findings());
        docker.options = daemon::json_of(node);
    }
    if let Some(sized) = sized.filter(|_| !docker.keeps_log_files()) {
        findings.push(findings::log_sizes_without_files(source, sized));
    }
    daemon::judge_whole(source, node, &docker.daemon_json(), machines, findings);
    docker
}

fn mirrors(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Vec<String> {
    let mut mirrors = vec![];
    for (mirror, node) in fields.texts("registry_mirrors", "registry_mirrors: [https://mirror.example.org]") {
        if !is_mirror(mirror) {
            fields.findings().push(findings::not_a_mirror(source, mirror, node));
        } else if mirror.starts_with("http://") {
            fields.findings().push(findings::open_mirror(source, mirror, node));
        }
        mirrors.push(mirror.to_owned());
    }
    mirrors
}

fn mtu(fields: &mut Fields<'_, '_>) -> Option<u16> {
    if fields.get("mtu")?.value == Value::Text("auto".into()) {
        return None;
    }
    let (mtu, _) = fields.int("mtu", MTU, "mtu: 1450")?;
    u16::try_from(mtu).ok()
}

fn pools(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Vec<(Subnet, u8)> {
    const EXAMPLE: &str = "address_pools: [{base: 172.30.0.0/16, size: 24}]";
    let mut pools = vec![];
    for item in fields.list("address_pools", EXAMPLE).unwrap_or_default() {
        let mut pool = Fields::of(source, "address_pools", item, POOL_KEYS, fields.findings());
        pool.require(POOL_KEYS, EXAMPLE);
        let (base, size) = (pool.text("base", EXAMPLE), pool.int("size", 8..31, EXAMPLE));
        let Some((text, node)) = base else { continue };
        let subnet = subnet::expect_subnet(source, text, node, pool.findings());
        let (Some(subnet), Some((size, size_node))) = (subnet, size) else { continue };
        let size = u8::try_from(size).unwrap_or(u8::MAX);
        if size < subnet.prefix {
            pool.findings().push(findings::pool_too_small(source, size_node, subnet));
        }
        pools.push((subnet, size));
    }
    pools
}

/// A scheme and a host. Docker puts `/v2/` behind it, and a registry is at the top of its host.
fn is_mirror(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.map(|host| host.trim_end_matches('/')).is_some_and(|host| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
    })
}

/// docker's `max-size`: digits and a unit.
fn is_size(text: &str) -> bool {
    text.strip_suffix(['k', 'm', 'g'])
        .is_some_and(|digits| !digits.starts_with('0') && digits.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_organiser_are_merged_key_by_key() {
        let mut docker = Docker::default();
        docker.options.insert("log-opts".into(), json!({"compress": "true"}));
        docker.options.insert("max-concurrent-downloads".into(), json!(6));
        let options = docker.daemon_json();
        assert_eq!(options["log-opts"], json!({"compress": "true", "max-file": "3", "max-size": "10m"}));
        assert_eq!(options["max-concurrent-downloads"], json!(6));
    }

    #[test]
    fn a_log_driver_without_files_gets_no_sizes() {
        let mut docker = Docker::default();
        docker.options.insert("log-driver".into(), json!("journald"));
        assert!(!docker.daemon_json().contains_key("log-opts"));
    }
}
