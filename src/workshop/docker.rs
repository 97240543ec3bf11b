//! Docker's options: our own keys, and any key of `daemon.json` that does no harm.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::network::{self, Subnet};
use super::{Engine, findings, names};
use crate::document::{Fields, Findings, Key, Node, Source, Value};

pub(super) const KEYS: &[&str] =
    &["registry_mirrors", "log_max_size", "log_max_files", "mtu", "address_pools", "data_root", "options"];
pub(super) const POOL_KEYS: &[&str] = &["base", "size"];
/// From the smallest packet that every IPv4 host takes to what jumbo frames hold.
const MTU: std::ops::Range<i64> = 576..9001;

/// What `daemon.json` may say in Docker 20.10 to 29 (`dockerd --validate` refuses any other key, and so does dockerd at
/// its start).
const KNOWN: &str = include_str!("daemon_keys.txt");

/// Keys of `daemon.json` that have a key of their own in the workshop file.
const OWN: &[(&str, &str)] = &[
    ("registry-mirrors", "registry_mirrors"),
    ("mtu", "mtu"),
    ("default-address-pools", "address_pools"),
    ("data-root", "data_root"),
];

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
    /// Whether the log driver writes files, which have sizes.
    #[must_use]
    pub fn keeps_log_files(&self) -> bool {
        let driver = self.options.get("log-driver").and_then(Json::as_str).unwrap_or("json-file");
        has_log_files(driver)
    }
}

fn has_log_files(driver: &str) -> bool {
    ["json-file", "local"].contains(&driver)
}

/// Reads the section `docker`.
pub(super) fn read(
    source: &Arc<Source>,
    node: &Node,
    engine: &Engine,
    cidr: Option<Subnet>,
    findings: &mut Findings,
) -> Docker {
    let mut docker = Docker::default();
    let mut fields = Fields::of(source, "docker", node, KEYS, findings);
    docker.registry_mirrors = mirrors(source, &mut fields);
    if let Some((size, node)) = fields.text("log_max_size", "log_max_size: 10m") {
        if !is_size(size) {
            fields.findings().push(findings::not_a_size(source, size, node));
        }
        size.clone_into(&mut docker.log_max_size);
    }
    if let Some((files, _)) = fields.int("log_max_files", 1..101, "log_max_files: 3") {
        docker.log_max_files = u8::try_from(files).unwrap_or(u8::MAX);
    }
    docker.mtu = mtu(&mut fields);
    docker.address_pools = pools(source, cidr, &mut fields);
    if let Some((path, node)) = fields.text("data_root", "data_root: /srv/docker") {
        if !names::is_plain_path(path) {
            fields.findings().push(findings::not_a_path(source, path, node));
        }
        path.clone_into(&mut docker.data_root);
    }
    if let Some(node) = fields.get("options") {
        let sized = ["log_max_size", "log_max_files"].into_iter().find_map(|key| fields.get(key));
        docker.options = options(source, node, engine, sized, findings);
    }
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

fn pools(source: &Arc<Source>, cidr: Option<Subnet>, fields: &mut Fields<'_, '_>) -> Vec<(Subnet, u8)> {
    const EXAMPLE: &str = "address_pools: [{base: 172.30.0.0/16, size: 24}]";
    let mut pools = vec![];
    for item in fields.list("address_pools", EXAMPLE).unwrap_or_default() {
        let mut pool = Fields::of(source, "address_pools", item, POOL_KEYS, fields.findings());
        pool.require(POOL_KEYS, EXAMPLE);
        let (base, size) = (pool.text("base", EXAMPLE), pool.int("size", 8..31, EXAMPLE));
        let Some((text, node)) = base else { continue };
        let subnet = network::expect_subnet(source, text, node, pool.findings());
        let (Some(subnet), Some((size, size_node))) = (subnet, size) else { continue };
        let size = u8::try_from(size).unwrap_or(u8::MAX);
        if size < subnet.prefix {
            pool.findings().push(findings::pool_too_small(source, size_node, subnet));
        }
        if let Some(cidr) = cidr.filter(|cidr| cidr.overlaps(subnet)) {
            pool.findings().push(findings::pool_covers_network(source, node, subnet, cidr));
        }
        pools.push((subnet, size));
    }
    pools
}

fn options(
    source: &Arc<Source>,
    node: &Node,
    engine: &Engine,
    sized: Option<&Node>,
    findings: &mut Findings,
) -> Map<String, Json> {
    let Value::Map(entries) = &node.value else {
        let wrong = crate::document::findings::wrong_kind;
        findings.push(wrong(source, "options", node, "a mapping", "options: {max-concurrent-downloads: 6}"));
        return Map::new();
    };
    let mut options = Map::new();
    for (key, value) in entries {
        if let Some(own) = OWN.iter().find(|(name, _)| *name == key.name) {
            findings.push(findings::option_of_our_own(source, key, own.1));
        } else if !KNOWN.lines().any(|known| known == key.name) {
            findings.push(findings::unknown_docker_option(source, key, &KNOWN.lines().collect::<Vec<_>>()));
        } else if let Some((reason, remedy)) = danger(key, &value.value, engine) {
            findings.push(findings::dangerous_option(source, key, reason, remedy));
        } else if let Some(sized) =
            sized.filter(|_| key.name == "log-driver" && !has_log_files(value_text(&value.value)))
        {
            findings.push(findings::log_sizes_without_files(source, key, sized));
        } else {
            note_wrong_kinds(source, key, value, findings);
        }
        options.insert(key.name.clone(), json(value));
    }
    options
}

/// dockerd does not start where a value is of another kind than it wants (the fields of `Config` in moby's
/// daemon/config). Those of which the kind is not told here may be of several.
fn note_wrong_kinds(source: &Arc<Source>, key: &Key, node: &Node, findings: &mut Findings) {
    let mut expect = |right: bool, name: &str, node: &Node, wanted: &str, example: &str| {
        if !right {
            findings.push(crate::document::findings::wrong_kind(source, name, node, wanted, example));
        }
    };
    let is_text = |node: &Node| matches!(node.value, Value::Text(_));
    let name = key.name.as_str();
    match (name, &node.value) {
        (
            "debug" | "experimental" | "icc" | "init" | "ip-forward" | "ip-masq" | "ip6tables" | "iptables"
            | "ipv6" | "live-restore" | "no-new-privileges" | "raw-logs" | "selinux-enabled"
            | "userland-proxy",
            value,
        ) => expect(matches!(value, Value::Bool(_)), name, node, "true or false", &format!("{name}: true")),
        (
            "max-concurrent-downloads"
            | "max-concurrent-uploads"
            | "max-download-attempts"
            | "network-control-plane-mtu"
            | "oom-score-adjust"
            | "shutdown-timeout",
            value,
        ) => expect(matches!(value, Value::Int(_)), name, node, "a whole number", &format!("{name}: 6")),
        ("log-opts", Value::Map(entries)) => {
            for (option, node) in entries {
                let example = format!("{}: \"3\"", option.name);
                expect(is_text(node), &option.name, node, "text", &example);
            }
        }
        ("log-opts", _) => expect(false, name, node, "a mapping", "log-opts: {compress: \"true\"}"),
        ("dns" | "dns-opts" | "dns-search" | "exec-opts" | "insecure-registries" | "storage-opts", value) => {
            let right = matches!(value, Value::List(items) if items.iter().all(is_text));
            expect(right, name, node, "a list of texts", &format!("{name}: [\"…\"]"));
        }
        _ => {}
    }
}

/// Why an option would keep dockerd from starting, open it to the world, or break the workshop; and what to do.
fn danger(key: &Key, value: &Value, engine: &Engine) -> Option<(&'static str, &'static str)> {
    let swarm = matches!(engine, Engine::Swarm);
    let off = *value == Value::Bool(false);
    match key.name.as_str() {
        "hosts" if has_tcp(value) => Some((
            "a TCP listener without TLS gives root to everybody who reaches it",
            if swarm {
                "remove it; the engine `swarm` needs no TCP listener, and `classic` makes its own behind a firewall"
            } else {
                "remove it; the classic engine opens port 2375 itself, to the hub alone"
            },
        )),
        "hosts" => Some((
            "`hosts` beside systemd's `-H fd://` keeps dockerd from starting",
            "remove it; dockerd listens on its unix socket already",
        )),
        "live-restore" if swarm && !off => Some((
            "`live-restore` cannot go with swarm mode: dockerd would not start one",
            "remove it, or choose `engine: classic`",
        )),
        "firewall-backend" if *value == Value::Text("nftables".into()) => Some((
            "swarm mode refuses the nftables backend, and the workshop's own firewall rules would not apply",
            "remove it",
        )),
        "iptables" | "ip-masq" | "ip-forward" if off => Some((
            "without Docker's firewall rules containers reach what students must not, or nothing at all",
            "remove it",
        )),
        "labels" => Some((
            "a node image says by dockerd's options which notebook image it carries, and both cannot go together",
            "remove it",
        )),
        "userns-remap" => {
            Some(("user namespaces shift UIDs, and students would not own their homes", "remove it"))
        }
        "data-root" | "exec-root" | "pidfile" | "containerd" | "rootless" => {
            Some(("systemd's unit and the set-up of the machine rely on it as it is", "remove it"))
        }
        "tls" | "tlsverify" | "tlscacert" | "tlscert" | "tlskey" => {
            Some(("TLS is for a TCP listener, and there is none to be had here", "remove it"))
        }
        "authorization-plugins" => {
            Some(("a plugin that is not there keeps dockerd from starting", "remove it"))
        }
        "metrics-addr" if !value_text(value).starts_with("127.") => {
            Some(("metrics would be open to the network", "write `127.0.0.1:9323`"))
        }
        _ => None,
    }
}

fn has_tcp(value: &Value) -> bool {
    match value {
        Value::List(hosts) => hosts.iter().any(|host| value_text(&host.value).starts_with("tcp:")),
        other => value_text(other).starts_with("tcp:"),
    }
}

fn value_text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}

/// A value as `daemon.json` has it.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, node)| (key.name.clone(), json(node))).collect())
        }
    }
}

/// Docker takes a scheme and a host, and refuses a path or a user (dockerd's `ValidateMirror`).
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
