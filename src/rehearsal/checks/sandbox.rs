//! What a notebook reaches, and what it must not. Each place that must be silent has somebody who would answer: the same
//! attempts succeed when the rules are taken away.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use serde_json::json;

use super::students::{self, Task};
use super::{GOSSIP, NFS, Stage};
use crate::failure::Result;
use crate::rehearsal::machine::Machine;

const LURES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/lures.py"));
/// Tries the places in a list before it, and prints which answer.
pub(super) const PROBE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/probe.py"));

/// The addresses of OpenStack's metadata service.
const METADATA: &str = "169.254.169.254";
const METADATA_6: &str = "fe80::a9fe:a9fe";
/// Somewhere in the internet.
const INTERNET: &str = crate::rehearsal::EXAMPLE_ADDRESS;
const HTTP: u16 = 80;

/// A place that a notebook tries.
struct Place {
    name: &'static str,
    address: String,
    port: u16,
    /// Whether it may answer with the rules in place.
    open: bool,
}

pub(super) fn holds(stage: &mut Stage) -> Result<String> {
    let students = students::present(stage);
    let (first, second) = students.first().zip(students.get(1)).context("this needs two students")?;
    let (own, other) = (students::ask(stage, Task::of(first))?, students::ask(stage, Task::of(second))?);
    let node = stage.nodes.iter().position(|node| node.spec.name == own.node).context("no such node")?;
    let neighbour = published(stage, &other.container, &other.node)?;
    let with_ipv6 = set_lures(stage, node)?;
    let places = places(stage, node, &neighbour, with_ipv6);
    let code = format!("PLACES = {}\n{PROBE}", list(&places));
    let held = probe(stage, Task::of(first).runs(&code))?;
    judge(&places, &held, false)?;
    let machine = &mut stage.nodes[node];
    machine.read(&["nft", "delete", "table", "inet", "imagegen"])?;
    let free = probe(stage, Task::of(first).runs(&code));
    stage.nodes[node].read(&["nft", "-f", "/etc/imagegen/firewall.nft"])?;
    judge(&places, &free?, true)?;
    let again = probe(stage, Task::of(first).runs(&code))?;
    judge(&places, &again, false)?;
    let closed = places.iter().filter(|place| !place.open).count();
    Ok(format!("{closed} places silent, {} open, and all open without the rules", places.len() - closed))
}

fn places(stage: &Stage, node: usize, neighbour: &(String, u16), with_ipv6: bool) -> Vec<Place> {
    let hub = stage.hub.spec.place.address().to_string();
    let own = stage.nodes[node].spec.place.address().to_string();
    let closed = |name, address: &str, port| Place { name, address: address.to_owned(), port, open: false };
    let open = |name, address: String, port| Place { name, address, port, open: true };
    let mut places = vec![
        closed("metadata", METADATA, HTTP),
        closed("NFS", &hub, NFS),
        closed("swarm manager", &hub, 2377),
        closed("swarm gossip of the hub", &hub, GOSSIP),
        closed("swarm gossip of the node", &own, GOSSIP),
        closed("rendezvous", &hub, 7443),
        closed("page by the private address", &hub, 443),
        closed("another student's notebook", &neighbour.0, neighbour.1),
        open("hub's API", hub.clone(), 8081),
        open("name resolution", format!("udp:{hub}"), 53),
        open("internet", INTERNET.to_owned(), HTTP),
    ];
    if with_ipv6 {
        places.push(closed("metadata by IPv6", &format!("{METADATA_6}%eth0"), HTTP));
    }
    places
}

fn list(places: &[Place]) -> serde_json::Value {
    places.iter().map(|place| json!([place.name, place.address, place.port])).collect()
}

fn probe(stage: &mut Stage, task: Task) -> Result<BTreeMap<String, bool>> {
    let seen = students::alone(stage, task)?;
    let printed = seen.printed()?;
    Ok(serde_json::from_str(printed).with_context(|| printed.to_owned())?)
}

fn judge(places: &[Place], answers: &BTreeMap<String, bool>, free: bool) -> Result<()> {
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
fn published(stage: &mut Stage, container: &str, node: &str) -> Result<(String, u16)> {
    let machine = stage.nodes.iter_mut().find(|each| each.spec.name == node).context("no such node")?;
    let printed = machine.read(&["docker", "port", container, "8888/tcp"])?;
    let port = printed.lines().next().and_then(|line| line.rsplit(':').next()?.parse().ok());
    let port = port.with_context(|| format!("no port in {printed}"))?;
    Ok((machine.spec.place.address().to_string(), port))
}

/// Gives everything that must be silent somebody who would answer. True where containers have IPv6.
fn set_lures(stage: &mut Stage, node: usize) -> Result<bool> {
    let hub = stage.hub.spec.place.address().to_string();
    let dns = format!("udp:{hub} 53");
    let internet = format!("{INTERNET} {HTTP}");
    let add = ["ip", "address", "replace", &format!("{INTERNET}/32"), "dev", "lo"].map(str::to_owned);
    stage.hub.read(&add.each_ref().map(String::as_str))?;
    lure(&mut stage.hub, &[&dns, &internet])?;
    let machine = &mut stage.nodes[node];
    machine.read(&["ip", "route", "replace", INTERNET, "via", &hub])?;
    machine.read(&["ip", "address", "replace", &format!("{METADATA}/32"), "dev", "lo"])?;
    let with_ipv6 = machine.read(&["cat", "/etc/docker/daemon.json"])?.contains("fixed-cidr-v6");
    let metadata = format!("{METADATA} {HTTP}");
    let metadata_6 = format!("{METADATA_6}%docker0 {HTTP}");
    if with_ipv6 {
        let address = format!("{METADATA_6}/64");
        machine.read(&["ip", "-6", "address", "replace", &address, "dev", "docker0", "nodad"])?;
        lure(machine, &[&metadata, &metadata_6])?;
    } else {
        lure(machine, &[&metadata])?;
    }
    Ok(with_ipv6)
}

fn lure(machine: &mut Machine, places: &[&str]) -> Result<()> {
    machine.put("/run/imagegen-lures.py", LURES)?;
    let start =
        ["systemd-run", "--quiet", "--unit=imagegen-lures", "--collect", "python3", "/run/imagegen-lures.py"];
    machine.run(&["systemctl", "stop", "imagegen-lures.service"])?;
    machine.read(&[&start[..], places].concat()).map(drop)
}
