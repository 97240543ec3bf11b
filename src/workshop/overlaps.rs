//! Networks that Docker takes for its bridges, and addresses that machines reach elsewhere: where they are the same, the
//! machines reach their own bridge and not the other machine.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::daemon::at;
use super::subnet::subnet;
use super::{Docker, Engine, Subnet, Workshop, findings};
use crate::document::{Finding, Findings, Location, Node, Severity, Source, Value};

/// What Docker takes one after the other where it has no pools of its own (moby's `libnetwork/ipamutils`). After these
/// come parts of 192.168.0.0/16, which no machine of a workshop gets to: it has two bridges at most.
const USUAL_POOLS: std::ops::RangeInclusive<u8> = 17..=31;
/// Where the file says which address Docker's own bridge has.
const BIP: &[&str] = &["docker", "options", "bip"];
/// Where the swarm's overlay networks are.
const OVERLAYS: Subnet = Subnet { address: Ipv4Addr::new(198, 18, 0, 0), prefix: 16 };

/// A network that Docker has on each machine, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    subnet: Subnet,
    /// Which key says so; none where Docker takes it by itself.
    key: Option<&'static [&'static str]>,
    /// How bad it is if somebody else has an address in it.
    severity: Severity,
}

/// An address or a network that machines reach.
struct Wanted<'a> {
    subnet: Subnet,
    /// What it is, in the words of a message.
    what: &'static str,
    node: &'a Node,
}

/// Notes where an address of the workshop file, whose root is `root`, is one of Docker's.
pub(super) fn note(source: &Arc<Source>, root: &Node, workshop: &Workshop, findings: &mut Findings) {
    let taken = taken(workshop);
    let home = workshop.network.cidr;
    for wanted in wanted(root) {
        // What lies in the machines' own network is told with that.
        if wanted.what != CIDR && home.is_some_and(|home| within(wanted.subnet, home)) {
            continue;
        }
        let Some(taken) = taken.iter().find(|taken| hides(taken, &wanted, workshop)) else { continue };
        let location = Location::of(source, wanted.node);
        let mut finding = finding(taken, wanted.subnet, wanted.what, home, &location);
        if let Some(node) = taken.key.and_then(|key| key.iter().try_fold(root, |node, key| at(node, key))) {
            finding = finding.at(source, node.span.clone(), format!("Docker takes {}", taken.subnet));
        }
        findings.push(finding);
    }
    if let Some(node) = too_few_pools(root, workshop) {
        findings.push(findings::too_few_pools(source, node));
    }
}

/// Notes where the hub's address that stands at `place` is one of Docker's, or not one that a machine has itself.
pub fn note_hub(workshop: &Workshop, hub: Ipv4Addr, location: &Location, findings: &mut Findings) {
    if workshop.network.cidr.is_some_and(|cidr| cidr.contains(hub)) {
        return;
    }
    if is_public(hub) {
        findings.push(findings::public_hub(location, hub));
    }
    let address = Subnet { address: hub, prefix: 32 };
    if let Some(taken) = taken(workshop).iter().find(|taken| taken.subnet.overlaps(address)) {
        findings.push(finding(taken, address, HUB, None, location));
    }
}

const CIDR: &str = "the workshop's network";
const HUB: &str = "the hub's address";

/// Whether an address is of the internet, which a machine on OpenStack has by its router and not by itself.
fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let of_tests = a == 198 && (18..20).contains(&b);
    !address.is_private() && !shared && !of_tests
}

fn finding(taken: &Taken, wanted: Subnet, what: &str, home: Option<Subnet>, location: &Location) -> Finding {
    let known = home.is_some() || taken.key.is_some() || taken.subnet == OVERLAYS;
    let severity = if known { taken.severity } else { Severity::Warning };
    let (whose, remedy) = match taken.key {
        Some(key) => of_key(key, wanted, home),
        None if taken.subnet == OVERLAYS => (
            "where the swarm has its overlay networks".to_owned(),
            "choose addresses outside of 198.18.0.0/16".to_owned(),
        ),
        None => {
            let will = if severity == Severity::Error { "takes" } else { "may take" };
            let pool = format!("{{base: {}, size: 24}}", free(wanted, home));
            (
                format!("which Docker {will} for its own bridges"),
                format!("give Docker others: `docker: {{address_pools: [{pool}]}}`"),
            )
        }
    };
    let lies = if within(wanted, taken.subnet) { "lies in" } else { "covers" };
    let clash = format!("{what} {} {lies} {}", shown(wanted), taken.subnet);
    findings::hidden_by_docker(location, &clash, &whose, remedy, severity)
}

/// Why Docker takes a network that the workshop file gives it, and what to write instead.
fn of_key(key: &[&str], wanted: Subnet, home: Option<Subnet>) -> (String, String) {
    let mut other = free(wanted, home);
    if key == BIP {
        other.address = Ipv4Addr::from(u32::from(other.address) + 1);
    }
    let key = key.join(".");
    (
        format!("which `{key}` gives to Docker's bridge"),
        format!("choose another network for `{key}`, like {other}"),
    )
}

/// A network for Docker that has neither an address in it.
fn free(wanted: Subnet, home: Option<Subnet>) -> Subnet {
    let candidates = [(172, 30), (10, 213), (192, 168)]
        .map(|(a, b)| Subnet { address: Ipv4Addr::new(a, b, 0, 0), prefix: 16 });
    let is_free =
        |subnet: &&Subnet| !subnet.overlaps(wanted) && home.is_none_or(|home| !subnet.overlaps(home));
    *candidates.iter().find(is_free).unwrap_or(&candidates[0])
}

fn shown(subnet: Subnet) -> String {
    if subnet.prefix == 32 { subnet.address.to_string() } else { subnet.to_string() }
}

/// Whether what Docker takes is in the way of what machines reach. Docker leaves alone the network that a machine is in
/// and takes the next one, unless it is told which one to take.
fn hides(taken: &Taken, wanted: &Wanted<'_>, workshop: &Workshop) -> bool {
    let by_itself = taken.key.is_none() && taken.subnet != OVERLAYS;
    let leaves_alone = by_itself && wanted.what == CIDR && within(wanted.subnet, taken.subnet);
    // `note_hub` tells of the hub where the workshop's network is not known.
    let told_elsewhere = wanted.what == HUB && workshop.network.cidr.is_none();
    taken.subnet.overlaps(wanted.subnet) && !leaves_alone && !told_elsewhere
}

fn within(inner: Subnet, outer: Subnet) -> bool {
    outer.prefix <= inner.prefix && outer.contains(inner.address)
}

/// How many bridges a machine has: Docker's own one, and in a swarm the one that leads out of it.
fn bridges(engine: &Engine) -> usize {
    if matches!(engine, Engine::Swarm) { 2 } else { 1 }
}

/// What Docker takes, the surest first.
fn taken(workshop: &Workshop) -> Vec<Taken> {
    const POOLS: &[&str] = &["docker", "address_pools"];
    let Docker { address_pools, .. } = &workshop.docker;
    let own = own_bridge(&workshop.docker);
    let left = bridges(&workshop.engine) - usize::from(own.is_some());
    let mut all: Vec<Taken> = own.into_iter().collect();
    if address_pools.is_empty() {
        let home = workshop.network.cidr;
        let usual =
            USUAL_POOLS.map(|number| Subnet { address: Ipv4Addr::new(172, number, 0, 0), prefix: 16 });
        let others = usual.filter(|subnet| home.is_none_or(|home| !within(home, *subnet)));
        let severity = |number: usize| if number < left { Severity::Error } else { Severity::Warning };
        all.extend(others.enumerate().map(|(number, subnet)| Taken {
            subnet,
            key: None,
            severity: severity(number),
        }));
    } else {
        let whole = address_pools.iter().map(|(subnet, _)| *subnet);
        all.extend(whole.map(|subnet| Taken { subnet, key: Some(POOLS), severity: Severity::Error }));
    }
    if matches!(workshop.engine, Engine::Swarm) {
        all.push(Taken { subnet: OVERLAYS, key: None, severity: Severity::Error });
    }
    all
}

/// The network of Docker's own bridge where the organiser says it.
fn own_bridge(docker: &Docker) -> Option<Taken> {
    const PART: &[&str] = &["docker", "options", "fixed-cidr"];
    let (text, key) = docker
        .option("bip")
        .map(|text| (text, BIP))
        .or(docker.option("fixed-cidr").map(|text| (text, PART)))?;
    let (address, prefix) = text.split_once('/')?;
    let prefix: u8 = prefix.parse().ok().filter(|prefix| (1..=32).contains(prefix))?;
    let address: Ipv4Addr = address.parse().ok()?;
    let first = Ipv4Addr::from(u32::from(address) & (u32::MAX << (32 - u32::from(prefix))));
    Some(Taken { subnet: Subnet { address: first, prefix }, key: Some(key), severity: Severity::Error })
}

/// The pools where they have fewer networks than a machine has bridges.
fn too_few_pools<'a>(root: &'a Node, workshop: &Workshop) -> Option<&'a Node> {
    let node = at(at(root, "docker")?, "address_pools")?;
    let pools = &workshop.docker.address_pools;
    let networks =
        pools.iter().map(|(pool, size)| 1_u64 << size.saturating_sub(pool.prefix).min(32)).sum::<u64>();
    let needed = bridges(&workshop.engine) - usize::from(own_bridge(&workshop.docker).is_some());
    (!pools.is_empty() && networks < needed as u64).then_some(node)
}

/// Every address that the file says machines reach.
fn wanted<'a>(root: &'a Node) -> Vec<Wanted<'a>> {
    let mut all = vec![];
    let mut add = |what: &'static str, node: Option<&'a Node>, read: fn(&str) -> Option<Subnet>| {
        let Some(Node { value: Value::Text(text), .. }) = node else { return };
        all.extend(node.and_then(|node| Some(Wanted { subnet: read(text)?, what, node })));
    };
    let network = at(root, "network");
    add(CIDR, network.and_then(|node| at(node, "cidr")), |text| subnet(text).ok());
    add(HUB, network.and_then(|node| at(node, "hub_ip")), address);
    for node in items(at(root, "docker").and_then(|node| at(node, "registry_mirrors"))) {
        add("a registry mirror", Some(node), |text| address(host(text)));
    }
    for node in items(at(root, "autofs").and_then(|node| at(node, "maps"))) {
        add("a server of shared data", at(node, "from"), |text| address(text.split(':').next()?));
    }
    for node in
        items(at(root, "docker").and_then(|node| at(node, "options")).and_then(|node| at(node, "dns")))
    {
        add("a name server", Some(node), address);
    }
    for node in items(at(root, "notebooks").and_then(|node| at(node, "reachable"))) {
        add("a network that notebooks reach", Some(node), |text| subnet(text).ok());
    }
    all
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn address(text: &str) -> Option<Subnet> {
    Some(Subnet { address: text.parse().ok()?, prefix: 32 })
}

/// The host of a URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// The findings about one workshop: `E` or `W`, and the text that each of them underlines.
    fn told(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        let nothing = |_: &str| Err("there is none".to_owned());
        let source = Source::new("workshop.yaml", format!("version: 1\n{text}"));
        parse(Arc::clone(&source), &nothing, &mut findings);
        let letter = |finding: &Finding| if finding.severity == Severity::Error { 'E' } else { 'W' };
        let spans = |finding: &Finding| {
            finding
                .labels
                .iter()
                .map(|label| source.text[label.span.clone()].replace('"', ""))
                .collect::<Vec<_>>()
                .join(" / ")
        };
        findings.iter().map(|finding| format!("{} {}", letter(finding), spans(finding))).collect()
    }

    const HOME: &str = "network: {cidr: 10.0.0.0/24, hub_ip: 10.0.0.5}\n";

    #[test]
    fn addresses_that_docker_hides_are_told_with_what_hides_them() {
        let map =
            |server: &str| format!("{HOME}autofs: {{maps: [{{path: /data, from: \"{server}:/x\"}}]}}\n");
        let pools = "docker: {address_pools: [{base: 10.9.0.0/16, size: 24}]}\n";
        for (text, wanted) in [
            (map("172.17.3.9"), vec!["E 172.17.3.9:/x"]),
            (map("172.18.3.9"), vec!["E 172.18.3.9:/x"]),
            (map("172.22.3.9"), vec!["W 172.22.3.9:/x"]),
            (map("172.32.3.9"), vec![]),
            (map("192.168.3.9"), vec![]),
            (map("198.18.3.9"), vec!["E 198.18.3.9:/x"]),
            (map("10.9.3.9") + pools, vec!["E 10.9.3.9:/x / ["]),
            (map("172.17.3.9") + pools, vec![]),
            (
                map("10.8.3.9") + "docker: {options: {bip: 10.8.0.1/16}}\n",
                vec!["E 10.8.3.9:/x / 10.8.0.1/16"],
            ),
            (map("172.18.3.9") + "docker: {options: {bip: 10.8.0.1/16}}\n", vec!["W 172.18.3.9:/x"]),
            (format!("{HOME}notebooks: {{reachable: [172.16.0.0/12]}}\n"), vec!["E 172.16.0.0/12"]),
            (format!("{HOME}notebooks: {{reachable: [192.168.40.0/24]}}\n"), vec![]),
            (
                format!("{HOME}docker: {{registry_mirrors: [\"https://172.17.0.9:5000\"]}}\n"),
                vec!["E https://172.17.0.9:5000"],
            ),
            (format!("{HOME}docker: {{options: {{dns: [172.17.0.9]}}}}\n"), vec!["E 172.17.0.9"]),
            // Not in a swarm there is one bridge.
            (map("172.18.3.9") + "engine: classic\n", vec!["W classic", "W 172.18.3.9:/x"]),
        ] {
            let mut told = told(&text);
            told.sort();
            let mut wanted = wanted;
            wanted.sort_unstable();
            assert_eq!(told, wanted, "{text}");
        }
    }

    #[test]
    fn docker_leaves_alone_the_network_that_machines_are_in() {
        for (text, wanted) in [
            ("network: {cidr: 172.17.0.0/24, hub_ip: 172.17.0.5}\n", vec![]),
            (
                "network: {cidr: 172.17.0.0/24}\nautofs: {maps: [{path: /d, from: \"172.17.0.9:/x\"}]}\n",
                vec![],
            ),
            (
                "network: {cidr: 172.17.0.0/24}\nautofs: {maps: [{path: /d, from: \"172.19.0.9:/x\"}]}\n",
                vec!["E 172.19.0.9:/x"],
            ),
            ("network: {cidr: 172.16.0.0/12}\n", vec!["E 172.16.0.0/12"]),
            ("network: {cidr: 198.18.4.0/24}\n", vec!["E 198.18.4.0/24"]),
            (
                "network: {cidr: 10.0.0.0/24}\ndocker: {options: {bip: 10.0.0.1/24}}\n",
                vec!["E 10.0.0.0/24 / 10.0.0.1/24"],
            ),
            ("network: {hub_ip: 10.0.0.5}\ndocker: {options: {bip: 10.0.0.1/24}}\n", vec!["E 10.0.0.5"]),
            ("network: {hub_ip: 172.17.0.5}\n", vec!["W 172.17.0.5"]),
            ("network: {hub_ip: 203.0.113.5}\n", vec!["W 203.0.113.5"]),
            ("network: {hub_ip: 193.5.22.9}\n", vec!["W 193.5.22.9"]),
            ("network: {hub_ip: 193.5.22.9, cidr: 193.5.22.0/24}\n", vec![]),
            ("autofs: {maps: [{path: /d, from: \"172.17.0.9:/x\"}]}\n", vec!["W 172.17.0.9:/x"]),
        ] {
            assert_eq!(told(text), wanted, "{text}");
        }
    }

    #[test]
    fn pools_have_a_network_for_each_bridge() {
        let pools = |more: &str| {
            told(&format!("docker: {{address_pools: [{{base: 172.30.0.0/24, size: 24}}{more}]}}\n")).len()
        };
        assert_eq!(pools(""), 1);
        assert_eq!(pools(", {base: 172.31.0.0/24, size: 24}"), 0);
    }

    #[test]
    fn the_hubs_address_on_the_command_line_is_judged_too() {
        let command = Source::new("command line", "imagegen node --hub-ip 172.17.0.5");
        let location = Location { source: command, span: 23..33 };
        let told = |workshop: &Workshop, hub: [u8; 4]| {
            let mut findings = Findings::default();
            note_hub(workshop, hub.into(), &location, &mut findings);
            findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>().join("; ")
        };
        assert!(told(&Workshop::default_workshop(), [172, 17, 0, 5]).contains("for its own bridges"));
        assert!(told(&Workshop::default_workshop(), [193, 5, 22, 9]).contains("floating"));
        assert_eq!(told(&Workshop::default_workshop(), [10, 0, 0, 5]), "");
        let mut bridged = Workshop::default_workshop();
        bridged.docker.options.insert("bip".into(), "10.0.0.1/24".into());
        assert!(told(&bridged, [10, 0, 0, 5]).contains("`docker.options.bip`"));
    }
}
