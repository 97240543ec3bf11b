//! What a notebook reaches, and what it must not. Each place that must be silent has somebody who would answer: the same
//! attempts succeed when the rules are taken away.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use serde_json::json;

use super::students::{self, Task};
use super::{API, Cluster, GOSSIP, NFS, SOON};
use crate::failure::Result;
use crate::rehearsal::vm::Vm;

const DECOYS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/decoys.py"));
/// Tries the places in a list before it, and prints which answer.
pub(super) const PROBE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/probe.py"));

/// The addresses of OpenStack's metadata service.
const METADATA: &str = "169.254.169.254";
const METADATA_6: &str = "fe80::a9fe:a9fe";
/// Somewhere in the internet.
const INTERNET: &str = crate::rehearsal::EXAMPLE_ADDRESS;
const HTTP: u16 = 80;
/// Docker's own port, and the one at which the proxy takes routes; on the hub both are bound to other addresses, if at all.
const DOCKER: u16 = 2375;
const PROXY: u16 = 8001;

/// What keeps the rules as the table of ports says.
const FIREWALL: &str = "imagegen-firewall.service";

/// Takes every rule of ours away: each table is made, so that there is one to delete.
const WITHOUT_RULES: &str = "add table inet imagegen; delete table inet imagegen; \
    add table inet imagegen_machine; delete table inet imagegen_machine; \
    add table bridge imagegen_machine; delete table bridge imagegen_machine";

/// A place that a notebook tries.
struct ProbeTarget {
    name: &'static str,
    address: String,
    port: u16,
    /// Whether it may answer with the rules in place.
    open: bool,
}

pub(super) fn holds(cluster: &mut Cluster) -> Result<String> {
    let students = students::present(cluster);
    let (first, second) = students.first().zip(students.get(1)).context("this needs two students")?;
    let [own, other] = students::ask_both(cluster, [first, second])?;
    let neighbour = published(cluster, &other.container, &other.node)?;
    let with_ipv6 = start_decoys(cluster, &own.node)?;
    let places = places(cluster, &own.node, &neighbour, with_ipv6)?;
    let code = format!("PLACES = {}\n{PROBE}", list(&places));
    let held = probe(cluster, Task::of(first).runs(&code))?;
    judge(&places, &held, false)?;
    take_rules_away(cluster)?;
    let free = probe(cluster, Task::of(first).runs(&code));
    bring_rules_back(cluster)?;
    judge(&places, &free?, true)?;
    let closed = places.iter().filter(|place| !place.open).count();
    Ok(format!("{closed} places silent, {} open, and all open without the rules", places.len() - closed))
}

/// Takes every machine's rules away. The service would bring them back as soon as a node enrols.
pub(in crate::rehearsal) fn take_rules_away(cluster: &mut Cluster) -> Result<()> {
    for machine in cluster.machines() {
        machine.stdout_of(&["systemctl", "stop", FIREWALL])?;
        machine.stdout_of(&["nft", WITHOUT_RULES])?;
    }
    Ok(())
}

/// Undoes [`take_rules_away`].
pub(in crate::rehearsal) fn bring_rules_back(cluster: &mut Cluster) -> Result<()> {
    for machine in cluster.machines() {
        machine.stdout_of(&["nft", "-f", crate::userdata::paths::FIREWALL])?;
        machine.stdout_of(&["systemctl", "start", FIREWALL])?;
    }
    Ok(())
}

/// Without nodes there is nobody to stand for the internet.
fn places(
    cluster: &mut Cluster,
    carrier: &str,
    neighbour: &(String, u16),
    with_ipv6: bool,
) -> Result<Vec<ProbeTarget>> {
    let hub = cluster.hub.spec.address.address().to_string();
    let own = cluster.machine(carrier)?.spec.address.address().to_string();
    let closed =
        |name, address: &str, port| ProbeTarget { name, address: address.to_owned(), port, open: false };
    let open = |name, address: String, port| ProbeTarget { name, address, port, open: true };
    let mut places = vec![
        closed("metadata", METADATA, HTTP),
        closed("NFS", &hub, NFS),
        closed("swarm manager", &hub, 2377),
        closed("swarm gossip of the hub", &hub, GOSSIP),
        closed("swarm gossip of its own machine", &own, GOSSIP),
        closed("Docker", &hub, DOCKER),
        closed("proxy's API", &hub, PROXY),
        closed("rendezvous", &hub, 7443),
        closed("page by the private address", &hub, 443),
        closed("another student's notebook", &neighbour.0, neighbour.1),
        open("hub's API", hub.clone(), API),
        open("name resolution", format!("udp:{hub}"), 53),
    ];
    if !cluster.nodes.is_empty() {
        places.push(open("internet", INTERNET.to_owned(), HTTP));
    }
    if with_ipv6 {
        places.push(closed("metadata by IPv6", &format!("{METADATA_6}%eth0"), HTTP));
    }
    Ok(places)
}

fn list(places: &[ProbeTarget]) -> serde_json::Value {
    places.iter().map(|place| json!([place.name, place.address, place.port])).collect()
}

fn probe(cluster: &mut Cluster, task: Task) -> Result<BTreeMap<String, bool>> {
    let seen = students::alone(cluster, task)?;
    let printed = seen.printed()?;
    Ok(serde_json::from_str(printed).with_context(|| printed.to_owned())?)
}

fn judge(places: &[ProbeTarget], answers: &BTreeMap<String, bool>, free: bool) -> Result<()> {
    let wrong: Vec<&str> = places
        .iter()
        .filter(|place| answers.get(place.name) != Some(&(place.open || free)))
        .map(|place| place.name)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let rules = if free { "without the rules" } else { "with the rules" };
    Err(anyhow!("{rules}, wrong about {}: {answers:?}", wrong.join(", ")).into())
}

/// The address and port at which a node publishes a container.
fn published(cluster: &mut Cluster, container: &str, node: &str) -> Result<(String, u16)> {
    let machine = cluster.machine(node)?;
    let printed = machine.stdout_of(&["docker", "port", container, "8888/tcp"])?;
    let port = printed.lines().next().and_then(|line| line.rsplit(':').next()?.parse().ok());
    let port = port.with_context(|| format!("no port in {printed}"))?;
    Ok((machine.spec.address.address().to_string(), port))
}

/// Gives everything that must be silent somebody who would answer. True where containers have IPv6.
fn start_decoys(cluster: &mut Cluster, carrier: &str) -> Result<bool> {
    let hub = cluster.hub.spec.address.address().to_string();
    let mut on_hub = vec![format!("udp:{hub} 53"), format!("{hub} {DOCKER}"), format!("{hub} {PROXY}")];
    if !cluster.nodes.is_empty() {
        let add = ["ip", "address", "replace", &format!("{INTERNET}/32"), "dev", "lo"].map(str::to_owned);
        cluster.hub.stdout_of(&add.each_ref().map(String::as_str))?;
        cluster.machine(carrier)?.stdout_of(&["ip", "route", "replace", INTERNET, "via", &hub])?;
        on_hub.push(format!("{INTERNET} {HTTP}"));
    }
    let machine = cluster.machine(carrier)?;
    machine.stdout_of(&["ip", "address", "replace", &format!("{METADATA}/32"), "dev", "lo"])?;
    let mut on_carrier = vec![format!("{METADATA} {HTTP}")];
    let with_ipv6 = machine.stdout_of(&["cat", "/etc/docker/daemon.json"])?.contains("fixed-cidr-v6");
    if with_ipv6 {
        let address = format!("{METADATA_6}/64");
        machine.stdout_of(&["ip", "-6", "address", "replace", &address, "dev", "docker0", "nodad"])?;
        on_carrier.push(format!("{METADATA_6}%docker0 {HTTP}"));
    }
    if cluster.nodes.is_empty() {
        on_hub.append(&mut on_carrier);
    } else {
        answer_at(cluster.machine(carrier)?, &on_carrier)?;
    }
    answer_at(&mut cluster.hub, &on_hub)?;
    resolve_by(cluster, carrier, &hub)?;
    Ok(with_ipv6)
}

/// Makes the hub the resolver of a machine: the rehearsal's LAN has none, and notebooks ask no other.
fn resolve_by(cluster: &mut Cluster, carrier: &str, hub: &str) -> Result<()> {
    let accept =
        ["nft", "insert", "rule", "inet", "imagegen_machine", "arriving", "udp", "dport", "53", "accept"];
    cluster.hub.stdout_of(&accept)?;
    let machine = cluster.machine(carrier)?;
    machine.stdout_of(&["mkdir", "-p", "/run/systemd/resolved.conf.d"])?;
    machine.write_file("/run/systemd/resolved.conf.d/rehearsal.conf", &format!("[Resolve]\nDNS={hub}\n"))?;
    machine.stdout_of(&["systemctl", "restart", "systemd-resolved.service"])?;
    let wanted = |set: &str| set.contains(hub).then_some(());
    machine.wait_for_output(
        "the hub as a resolver that notebooks reach",
        SOON,
        &["nft", "list", "set", "inet", "imagegen_machine", "resolvers"],
        wanted,
    )
}

/// Sets somebody who answers at each `ADDRESS PORT`, unless somebody does.
pub(super) fn answer_at(machine: &mut Vm, places: &[String]) -> Result<()> {
    machine.write_file("/run/imagegen-decoys.py", DECOYS)?;
    let mut start = vec![
        "systemd-run",
        "--quiet",
        "--unit=imagegen-decoys",
        "--collect",
        // systemd-run ends when all of them listen.
        "--service-type=notify",
        "--property=TimeoutStartSec=300",
        "python3",
        "/run/imagegen-decoys.py",
    ];
    start.extend(places.iter().map(String::as_str));
    machine.run(&["systemctl", "stop", "imagegen-decoys.service"])?;
    machine.stdout_of(&start).map(drop)
}
