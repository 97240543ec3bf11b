//! Every key of `daemon.json`, and what it takes.

use super::rule::OptionRule::{
    self, Builder, Count, Flag, Flags, Hosts, Keys, LogOptions, NetworkOptions, NotInASwarm, Only, Own,
    Refused, Runtimes, Seccomp, Text, Texts, Ulimits,
};
use super::values::{
    ADDRESS, ADDRESS_4, ADDRESS_6, ANY, BRIDGE_ADDRESS, CGROUP_DRIVER, CGROUP_NAMESPACE, DOMAIN, EVERYWHERE,
    GROUP, INSECURE_REGISTRY, IPC_MODE, LOG_DRIVER, LOG_FORMAT, LOG_LEVEL, METRICS, NETWORK_4, NETWORK_6,
    PROXY, REGISTRY, RESOLVER, RESOLVER_OPTION, RESOURCE, SIZE, STORAGE_DRIVER,
};

const FIREWALL: &str =
    "without Docker's firewall rules containers reach what students must not, or nothing at all";
const SET_UP: OptionRule =
    Refused("systemd's unit and the set-up of the machine rely on it as it is", "remove it");
const NO_TLS: OptionRule =
    Refused("TLS is for a TCP listener, and there is none to be had here", "remove it");
const REAL_TIME: OptionRule = Refused(
    "dockerd does not start with it on control groups of version 2, which the images have",
    "remove it",
);
const IN_PROXIES: OptionRule = Refused(
    "dockerd reads the addresses of proxies only under `proxies`: this would do nothing",
    "write it as `proxies: {http-proxy: …, https-proxy: …, no-proxy: …}`",
);
const A_MOST: i64 = 1000;

/// The keys of Docker 26.1.5 in alphabetical order.
const TABLE: &[(&str, OptionRule)] = &[
    ("allow-nondistributable-artifacts", Texts(&REGISTRY)),
    (
        "api-cors-header",
        Refused("it lets web pages use Docker where a browser reaches it, and Docker is root", "remove it"),
    ),
    ("authorization-plugins", Refused("a plugin that is not there keeps dockerd from starting", "remove it")),
    ("bip", Text(&BRIDGE_ADDRESS)),
    (
        "bridge",
        Refused(
            "a bridge that is not there keeps dockerd from starting, and without one notebooks have no network",
            "remove it; `bip` gives Docker's bridge another address",
        ),
    ),
    ("builder", Builder),
    ("cdi-spec-dirs", Texts(&ANY)),
    ("cgroup-parent", Text(&ANY)),
    ("containerd", SET_UP),
    ("containerd-namespace", SET_UP),
    ("containerd-plugins-namespace", SET_UP),
    ("cpu-rt-period", REAL_TIME),
    ("cpu-rt-runtime", REAL_TIME),
    (
        "cri-containerd",
        Only(
            false,
            "it opens containerd to Kubernetes, which no machine of a workshop runs: any client of it becomes root",
        ),
    ),
    ("data-root", Own("data_root")),
    ("debug", Flag),
    ("default-address-pools", Own("address_pools")),
    ("default-cgroupns-mode", Text(&CGROUP_NAMESPACE)),
    ("default-gateway", Text(&ADDRESS_4)),
    ("default-gateway-v6", Text(&ADDRESS_6)),
    ("default-ipc-mode", Text(&IPC_MODE)),
    ("default-network-opts", NetworkOptions),
    ("default-runtime", Text(&ANY)),
    ("default-shm-size", Text(&SIZE)),
    ("default-ulimits", Ulimits),
    ("dns", Texts(&RESOLVER)),
    ("dns-opts", Texts(&RESOLVER_OPTION)),
    ("dns-search", Texts(&DOMAIN)),
    ("exec-opts", Texts(&CGROUP_DRIVER)),
    ("exec-root", SET_UP),
    ("experimental", Flag),
    ("features", Flags(&["buildkit", "cdi", "containerd-snapshotter"])),
    ("fixed-cidr", Text(&NETWORK_4)),
    ("fixed-cidr-v6", Text(&NETWORK_6)),
    ("group", Text(&GROUP)),
    ("host-gateway-ip", Text(&ADDRESS)),
    ("hosts", Hosts),
    ("http-proxy", IN_PROXIES),
    ("https-proxy", IN_PROXIES),
    ("icc", Flag),
    ("init", Flag),
    (
        "init-path",
        Refused("no container starts where this program is not there", "remove it; dockerd finds its own"),
    ),
    ("insecure-registries", Texts(&INSECURE_REGISTRY)),
    ("ip", Text(&EVERYWHERE)),
    ("ip-forward", Only(true, FIREWALL)),
    ("ip-masq", Only(true, FIREWALL)),
    ("ip6tables", Flag),
    ("iptables", Only(true, FIREWALL)),
    ("ipv6", Flag),
    (
        "labels",
        Refused(
            "a node image says by dockerd's options which notebook image it carries, and both cannot go together",
            "remove it",
        ),
    ),
    (
        "live-restore",
        NotInASwarm(
            "`live-restore` cannot go with swarm mode: dockerd would not start one",
            "remove it, or choose `engine: classic`",
        ),
    ),
    ("log-driver", Text(&LOG_DRIVER)),
    ("log-format", Text(&LOG_FORMAT)),
    ("log-level", Text(&LOG_LEVEL)),
    ("log-opts", LogOptions),
    ("max-concurrent-downloads", Count(1, A_MOST)),
    ("max-concurrent-uploads", Count(1, A_MOST)),
    ("max-download-attempts", Count(1, A_MOST)),
    ("metrics-addr", Text(&METRICS)),
    ("mtu", Own("mtu")),
    ("network-control-plane-mtu", Count(500, 9000)),
    (
        "network-diagnostic-port",
        Refused("it opens what dockerd knows of its networks to programs of the machine", "remove it"),
    ),
    ("no-new-privileges", Flag),
    ("no-proxy", IN_PROXIES),
    ("node-generic-resources", Texts(&RESOURCE)),
    ("pidfile", SET_UP),
    ("proxies", Keys(&["http-proxy", "https-proxy", "no-proxy"], &PROXY)),
    ("raw-logs", Flag),
    ("registry-mirrors", Own("registry_mirrors")),
    ("rootless", SET_UP),
    ("runtimes", Runtimes),
    ("seccomp-profile", Seccomp),
    ("selinux-enabled", Flag),
    // Below zero it waits for ever; systemd does not.
    ("shutdown-timeout", Count(1, 90)),
    ("storage-driver", Text(&STORAGE_DRIVER)),
    (
        "storage-opts",
        Refused(
            "the images have `overlay2` on ext4, which takes no options: dockerd would not start",
            "remove it",
        ),
    ),
    (
        "swarm-default-advertise-addr",
        Refused("the hub says the swarm's address itself", "write it as `network.hub_ip`"),
    ),
    ("tls", NO_TLS),
    ("tlscacert", NO_TLS),
    ("tlscert", NO_TLS),
    ("tlskey", NO_TLS),
    ("tlsverify", NO_TLS),
    ("userland-proxy", Flag),
    ("userland-proxy-path", SET_UP),
    (
        "userns-remap",
        Refused("user namespaces shift UIDs, and students would not own their homes", "remove it"),
    ),
];

/// Keys of later versions, and the first one that has each.
const LATER: &[(&str, &str)] = &[
    ("allow-direct-routing", "28.2"),
    ("bip6", "27.0"),
    ("bridge-accept-fwmark", "28.3"),
    ("firewall-backend", "29.0"),
    ("host-gateway-ips", "28.0"),
    ("ip-forward-no-drop", "28.0"),
    ("min-api-version", "29.0"),
];

/// The rule of a key.
pub(super) fn rule(name: &str) -> Option<OptionRule> {
    TABLE.iter().find(|(key, _)| *key == name).map(|(_, rule)| *rule)
}

/// The version of Docker from which on there is a key.
pub(super) fn since(name: &str) -> Option<&'static str> {
    LATER.iter().find(|(key, _)| *key == name).map(|(_, version)| *version)
}

/// All keys.
pub(super) fn names() -> Vec<&'static str> {
    TABLE.iter().map(|(key, _)| *key).collect()
}
