//! Texts that options take, each as Docker reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A kind of text.
pub(super) struct ValueKind {
    /// Whether a text is of it.
    pub(super) is: fn(&str) -> bool,
    /// What it is called in a message.
    pub(super) wanted: &'static str,
    /// One of them.
    pub(super) example: &'static str,
}

macro_rules! kind {
    ($name:ident, $is:expr, $wanted:literal, $example:literal) => {
        pub(super) const $name: ValueKind = ValueKind { is: $is, wanted: $wanted, example: $example };
    };
}

kind!(ANY, |text| !text.is_empty() && !text.contains(char::is_control), "text", "…");
kind!(SIZE, is_size, "a size", "64m");
kind!(LOG_LEVEL, is_log_level, "one of `debug`, `info`, `warn`, `error`, `fatal`", "info");
kind!(LOG_FORMAT, |text| ["text", "json"].contains(&text), "`text` or `json`", "text");
kind!(ADDRESS, |text| text.parse::<IpAddr>().is_ok(), "an IP address", "10.0.0.2");
kind!(RESOLVER, is_resolver, "the IP address of a server that containers reach", "10.0.0.2");
kind!(
    EVERYWHERE,
    |text| text == "0.0.0.0",
    "`0.0.0.0`, as the hub reaches notebooks by their machine's address",
    "0.0.0.0"
);
kind!(BRIDGE_ADDRESS, is_bridge_address, "the bridge's own address with its prefix", "172.30.0.1/24");
kind!(NETWORK_4, |text| network_4(text).is_some(), "an IPv4 network", "172.30.0.128/25");
kind!(NETWORK_6, is_network_6, "an IPv6 network", "fd00:1::/64");
kind!(ADDRESS_4, |text| text.parse::<Ipv4Addr>().is_ok(), "an IPv4 address", "172.30.0.254");
kind!(ADDRESS_6, |text| text.parse::<Ipv6Addr>().is_ok(), "an IPv6 address", "fd00:1::1");
kind!(DOMAIN, is_domain, "a domain", "example.org");
kind!(RESOLVER_OPTION, is_resolver_option, "an option of resolv.conf", "ndots:2");
kind!(
    INSECURE_REGISTRY,
    is_insecure_registry,
    "a registry's name with its port, without a path",
    "registry.example.org:5000"
);
kind!(REGISTRY, is_registry, "a registry's name with its port, without a path", "registry.example.org:5000");
kind!(CGROUP_DRIVER, is_cgroup_driver, "`native.cgroupdriver=systemd`", "native.cgroupdriver=systemd");
kind!(CGROUP_NAMESPACE, |text| ["private", "host"].contains(&text), "`private` or `host`", "private");
kind!(IPC_MODE, |text| ["private", "shareable"].contains(&text), "`private` or `shareable`", "private");
kind!(
    STORAGE_DRIVER,
    |text| text == "overlay2",
    "`overlay2`, as another one would not see the image that nodes carry",
    "overlay2"
);
kind!(GROUP, |text| text == "docker", "`docker`, as no other group may have Docker's socket", "docker");
kind!(METRICS, is_local_port, "an address of the machine's own with a port", "127.0.0.1:9323");
kind!(DURATION, is_duration, "a duration", "48h");
kind!(RESOURCE, is_resource, "a resource and how many", "gpu=1");
kind!(PROXY, is_proxy, "a proxy's address", "http://proxy.example.org:3128");
kind!(LOG_DRIVER, |text| super::log_drivers::is_driver(text), "a log driver that dockerd has", "json-file");
kind!(MTU, |text| text.parse::<u16>().is_ok_and(|mtu| mtu >= 576), "the bytes of a packet", "1450");

/// `RAMInBytes` of docker/go-units: digits, perhaps a fraction and a space, and a unit.
pub(super) fn is_size(text: &str) -> bool {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').filter(|rest| !rest.is_empty()).unwrap_or(unit);
    number.parse::<f64>().is_ok() && (unit.is_empty() || ["k", "m", "g", "t", "p"].contains(&unit))
}

fn is_log_level(text: &str) -> bool {
    let levels = ["panic", "fatal", "error", "warn", "info", "debug", "trace"];
    levels.contains(&text.to_ascii_lowercase().as_str())
}

/// A container has a loopback of its own, where nobody answers.
fn is_resolver(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}

/// An address and how many bits of it are the network's.
pub(super) fn interface_4(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    Some((address.parse().ok()?, prefix))
}

/// A network, of which Docker takes any address for the name.
pub(super) fn network_4(text: &str) -> Option<(Ipv4Addr, u8)> {
    interface_4(text).filter(|(_, prefix)| (1..=30).contains(prefix))
}

/// An address that a machine can have in its network, with room for a container.
fn is_bridge_address(text: &str) -> bool {
    let Some((address, prefix)) = interface_4(text) else { return false };
    let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    let number = u32::from(address) & host;
    (1..=30).contains(&prefix)
        && number != 0
        && number != host
        && !address.is_loopback()
        && !address.is_link_local()
        && !address.is_multicast()
}

fn is_network_6(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    let prefix = prefix.parse().ok().filter(|prefix| (8..=126).contains(prefix));
    address.parse::<Ipv6Addr>().ok().zip(prefix).is_some_and(|(address, _): (_, u8)| {
        !address.is_unicast_link_local() && !address.is_loopback() && !address.is_multicast()
    })
}

/// Docker's `ValidateDNSSearch`: a dot alone stands for no domain at all.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    text == "."
        || (name.len() < 255
            && name.contains(|c: char| c.is_ascii_alphabetic())
            && name.split('.').all(is_label))
}

/// A word of `resolv.conf(5)`; dockerd looks at none, and the C library passes over what it does not know.
fn is_resolver_option(text: &str) -> bool {
    let (word, number) = text.split_once(':').map_or((text, None), |(word, number)| (word, Some(number)));
    let numbered = ["ndots", "timeout", "attempts"].contains(&word);
    let known = [
        "debug",
        "rotate",
        "no-aaaa",
        "no-check-names",
        "inet6",
        "edns0",
        "single-request",
        "single-request-reopen",
        "no-tld-query",
        "use-vc",
        "no-reload",
        "trust-ad",
    ];
    match number {
        Some(number) => numbered && number.parse::<u8>().is_ok(),
        None => known.contains(&word),
    }
}

fn is_insecure_registry(text: &str) -> bool {
    let bare = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    is_registry(bare.unwrap_or(text))
}

/// Docker's `validateHostPort`, or a network.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => (host, Some(port)),
        _ => (text, None),
    };
    let is_network = interface_4(text).is_some();
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_name = host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    is_network || (is_port && (is_name || bare.parse::<Ipv6Addr>().is_ok()))
}

/// dockerd passes over other options of `exec-opts`.
fn is_cgroup_driver(text: &str) -> bool {
    matches!(text.split_once('='), Some(("native.cgroupdriver", "systemd" | "cgroupfs")))
}

fn is_local_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    (host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()))
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_resource(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, value)| {
        !name.is_empty()
            && !value.is_empty()
            && !value.starts_with('-')
            && !text.contains(char::is_whitespace)
    })
}

/// Go's `ParseDuration`, less its fractions, or seconds.
fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = &text[number.len()..];
    number.parse::<u64>().is_ok() && ["", "ns", "us", "ms", "s", "m", "h"].contains(&unit)
}

/// Of names that a proxy is not needed for there may be none, and spaces around the commas.
fn is_proxy(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
