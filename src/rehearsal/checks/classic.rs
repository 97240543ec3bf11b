//! The classic engine: all nodes behind one manager, its ports closed to everybody else, and its repair.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use anyhow::{Context, anyhow};
use serde_json::{Value as Json, json};

use super::sandbox::{answer_at, bring_rules_back, take_rules_away};
use super::students::{self, Task};
use super::{API, CHECK_TIMEOUT, Cluster, SOON, answers, connecting, until_it_answers};
use crate::failure::{Failure, Result};
use crate::rehearsal::vm::Vm;
use crate::rehearsal::{Student, guest_setup};

const DOCKER: u16 = 2375;
const MANAGER: u16 = 4000;
const STORE: u16 = 8500;

/// Breaks Consul for as long as its container lives.
const SPOIL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/spoil_consul.sh"));

/// What the hub says when it mends that.
const MENDED: &[&str] =
    &["sh", "-c", "journalctl -b -u imagegen-manager -o cat | grep -m 1 'Consul is replaced'"];

/// How long a node is away: longer than Consul keeps what it heard of it.
const AWAY: &str = "100";

const LIST: &[&str] = &["docker", "-H", ":4000", "ps", "-a", "--format", "{{.Names}}"];

/// Waits until `docker -H :4000 ps -a` on the hub shows each node's join container.
pub(super) fn manager_sees_nodes(cluster: &mut Cluster) -> Result<String> {
    let wanted: Vec<String> =
        cluster.nodes.iter().map(|node| format!("{}/swarm-join", node.spec.name)).collect();
    let seen = |printed: &str| {
        let names: Vec<&str> = printed.lines().collect();
        wanted.iter().all(|name| names.contains(&name.as_str())).then(|| names.join(", "))
    };
    cluster.hub.wait_for_output("the join containers of all nodes", CHECK_TIMEOUT, LIST, seen)
}

/// What must be true of a student's container: `docker inspect` prints it so.
const BOUNDS: &str = "[\"ALL\"] [\"no-new-privileges\"]";

/// Students work as themselves on all nodes, in containers with bounds, and leave none behind.
pub(super) fn students_work(cluster: &mut Cluster) -> Result<String> {
    students::all_work(cluster)?;
    let printed = cluster.hub.stdout_of(LIST)?;
    let names = || printed.lines().filter_map(|line| line.split_once("/notebook-"));
    let spread = students::spread(cluster, names().map(|(node, _)| node.to_owned()))?;
    let show = "{{json .HostConfig.CapDrop}} {{json .HostConfig.SecurityOpt}} {{.HostConfig.Memory}}";
    for (_, uid) in names() {
        let name = format!("notebook-{uid}");
        let seen = cluster.hub.stdout_of(&["docker", "-H", ":4000", "inspect", "--format", show, &name])?;
        if !seen.starts_with(BOUNDS) || seen.ends_with(" 0") {
            return Err(anyhow!("{name} has the bounds {seen}").into());
        }
    }
    let tasks: Vec<Task> = students::present(cluster).iter().map(|it| Task::of(it).stops()).collect();
    students::at_work(cluster, &tasks, 0.0)?;
    let none = |left: &str| (!left.contains("notebook-")).then_some(());
    cluster.hub.wait_for_output("a list without containers of students", SOON, LIST, none)?;
    Ok(spread)
}

/// Tries every port from every side.
pub(super) fn ports_are_closed(cluster: &mut Cluster) -> Result<String> {
    let hub = cluster.hub.spec.address.address();
    let nodes: Vec<Ipv4Addr> = cluster.nodes.iter().map(|node| node.spec.address.address()).collect();
    let Cluster { hub: hub_machine, nodes: machines, .. } = cluster;
    // What containers reach has to be there before they try.
    until_it_answers(hub_machine, hub, API, CHECK_TIMEOUT)?;
    for node in &nodes {
        expect(hub_machine, *node, DOCKER, true)?;
    }
    for machine in machines.iter_mut() {
        expect(machine, hub, STORE, true)?;
        expect(machine, hub, MANAGER, false)?;
        expect(machine, hub, DOCKER, false)?;
        let own = machine.spec.address.address();
        for other in nodes.iter().filter(|other| **other != own) {
            expect(machine, *other, DOCKER, false)?;
        }
        let closed = [(hub, STORE), (hub, MANAGER), (hub, DOCKER), (own, DOCKER)];
        expect_in_container(machine, &[(hub, API)], &closed)?;
    }
    expect_in_container(hub_machine, &[(hub, API)], &[(nodes[0], DOCKER), (hub, STORE)])?;
    Ok(format!("{DOCKER} for the hub alone, {STORE} for nodes, none of them for containers"))
}

fn expect(machine: &mut Vm, address: Ipv4Addr, port: u16, open: bool) -> Result<()> {
    if open {
        return until_it_answers(machine, address, port, SOON);
    }
    let seen = answers(machine, address, port)?;
    if seen == open { Ok(()) } else { Err(surprise(machine, "", address, port, seen)) }
}

/// The same from one container with Docker's usual network; our image has a Python to ask with.
fn expect_in_container(machine: &mut Vm, open: &[(Ipv4Addr, u16)], closed: &[(Ipv4Addr, u16)]) -> Result<()> {
    let places: Vec<Json> = open
        .iter()
        .chain(closed)
        .map(|(address, port)| json!([format!("{address}:{port}"), address, port]))
        .collect();
    let code = format!("PLACES = {}\n{}", Json::from(places), super::sandbox::PROBE);
    let run = ["docker", "run", "--rm", "--entrypoint", "/usr/bin/python3"];
    let command = [&run[..], &[guest_setup::IMAGE, "-c", &code]].concat();
    let printed = machine.stdout_of(&command)?;
    let seen: Json = serde_json::from_str(&printed).with_context(|| printed.clone())?;
    for (places, wanted) in [(open, true), (closed, false)] {
        for (address, port) in places {
            let seen = seen[format!("{address}:{port}")] == true;
            if seen != wanted {
                return Err(surprise(machine, "a container of ", *address, *port, seen));
            }
        }
    }
    Ok(())
}

fn surprise(machine: &Vm, from: &str, address: Ipv4Addr, port: u16, seen: bool) -> Failure {
    let verb = if seen { "reaches" } else { "does not reach" };
    anyhow!("{from}{} {verb} {address}:{port}", machine.spec.name).into()
}

/// A machine on the LAN, by IPv6: everybody on a link has an address there.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    interface: String,
    address: String,
}

impl Link {
    /// Reads what `ip -json address show` prints; none while the card with this address has none for the link.
    fn of(shown: &str, mac: &str) -> Option<Self> {
        let cards: Json = serde_json::from_str(shown).ok()?;
        let card = cards.as_array()?.iter().find(|card| card["address"] == mac)?;
        let is_own = |it: &&Json| it["family"] == "inet6" && it["scope"] == "link" && it["tentative"] != true;
        let found = card["addr_info"].as_array()?.iter().find(is_own)?;
        Some(Self { interface: card["ifname"].as_str()?.into(), address: found["local"].as_str()?.into() })
    }

    fn on(machine: &mut Vm) -> Result<Self> {
        let mac = machine.spec.address.mac().to_string();
        let show = ["ip", "-json", "address", "show"];
        machine.wait_for_output("an IPv6 address on the LAN", SOON, &show, |shown| Self::of(shown, &mac))
    }
}

/// The manager listens by IPv6 as well, and rules about IPv4 do not see it. What is silent answers without the filter.
pub(super) fn ports_are_closed_over_ipv6(cluster: &mut Cluster) -> Result<String> {
    let links = cluster.on_each(Link::on)?;
    for (machine, (link, port)) in cluster.machines().zip(links.iter().zip(doors())) {
        answer_at(machine, &[format!("{}%{} {port}", link.address, link.interface)])?;
    }
    neighbours_reach(cluster, &links, false)?;
    take_rules_away(cluster)?;
    let free = neighbours_reach(cluster, &links, true);
    bring_rules_back(cluster)?;
    free?;
    Ok(format!("{MANAGER} of the hub and {DOCKER} of nodes are silent, and answer without the filter"))
}

/// What gives root's rights on each machine: on the hub, and on the nodes after it.
fn doors() -> impl Iterator<Item = u16> {
    std::iter::once(MANAGER).chain(std::iter::repeat(DOCKER))
}

/// Has each machine try the doors of all others.
fn neighbours_reach(cluster: &mut Cluster, links: &[Link], wanted: bool) -> Result<()> {
    for (place, machine) in cluster.machines().enumerate() {
        let others = links.iter().zip(doors()).enumerate().filter(|(other, _)| *other != place);
        let tried: Vec<Json> = others
            .map(|(_, (link, port))| {
                let address = format!("{}%{}", link.address, links[place].interface);
                json!([format!("{address} {port}"), address, port])
            })
            .collect();
        let code = format!("PLACES = {}\n{}", Json::from(tried), super::sandbox::PROBE);
        let printed = machine.stdout_of(&["python3", "-c", &code])?;
        let seen: BTreeMap<String, bool> = serde_json::from_str(&printed).with_context(|| printed.clone())?;
        if seen.is_empty() || seen.values().any(|answers| *answers != wanted) {
            let rules = if wanted { "without the filter" } else { "with the filter" };
            return Err(anyhow!("{rules}, {} saw {printed}", machine.spec.name).into());
        }
    }
    Ok(())
}

/// The manager gives root's rights on nodes to everybody who asks.
pub(super) fn jupyterhub_alone_asks(cluster: &mut Cluster) -> Result<String> {
    let hub = cluster.hub.spec.address.address();
    let connect = connecting(hub, MANAGER);
    for (user, wanted) in [("jupyterhub", true), ("caddy", false)] {
        let command = ["setpriv", "--reuid", user, "--clear-groups", "sh", "-c", &connect];
        let seen = cluster.hub.run(&command)?.ok();
        if seen != wanted {
            return Err(surprise(&cluster.hub, &format!("{user} on "), hub, MANAGER, seen));
        }
    }
    Ok(format!("{MANAGER} is open to jupyterhub and not to caddy"))
}

/// A broken Consul is replaced, a manager that starts again and a node that was away for a while find each other, and none
/// of that ends a student's server.
pub(super) fn faults_are_survived(cluster: &mut Cluster) -> Result<String> {
    servers_survive(cluster, |stage| {
        let said = consul_is_mended(stage)?;
        stage.hub.stdout_of(&["docker", "restart", "swarm-manager"])?;
        manager_sees_nodes(stage)?;
        let carrier = carrier(stage)?;
        students::set_link(stage, carrier, "down")?;
        stage.nodes[carrier].stdout_of(&["sleep", AWAY])?;
        students::set_link(stage, carrier, "up")?;
        manager_sees_nodes(stage)?;
        Ok(format!("`{said}`, a new start of the manager, and {AWAY} s without a node"))
    })
}

/// The hub boots again: homes, Consul, manager and JupyterHub come back to servers that ran on.
pub(super) fn a_reboot_is_survived(cluster: &mut Cluster) -> Result<String> {
    servers_survive(cluster, |stage| {
        stage.hub.reboot()?;
        manager_sees_nodes(stage)?;
        students::page_is_back(stage)?;
        Ok("the hub has booted again".into())
    })
}

/// Lets something happen while a student's server runs, if there is a student. It is the same for JupyterHub afterwards,
/// its container was not started again, and the student works on in it.
fn servers_survive(
    cluster: &mut Cluster,
    happens: impl Fn(&mut Cluster) -> Result<String>,
) -> Result<String> {
    let Some(student) = students::present(cluster).into_iter().next() else {
        return happens(cluster);
    };
    let before = students::alone(cluster, Task::of(&student).runs(students::WHO))?;
    let running = container(cluster, &student)?;
    let seen = happens(cluster)?;
    students::ask_the_same(cluster, &student, &before)?;
    let now = container(cluster, &student)?;
    if now != running {
        return Err(anyhow!("the container of {} was {running}, and is {now}", student.name).into());
    }
    Ok(format!("{seen}: the server ran on"))
}

/// A student's container, and since when it runs.
fn container(cluster: &mut Cluster, student: &Student) -> Result<String> {
    let name = format!("notebook-{}", student.uid);
    let show = ["docker", "-H", ":4000", "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", &name];
    cluster.hub.stdout_of(&show)
}

/// The node with the student's server, if there is one.
fn carrier(cluster: &mut Cluster) -> Result<usize> {
    let names = cluster.hub.stdout_of(LIST)?;
    let place = names.lines().find_map(|line| line.split_once("/notebook-")).map(|(node, _)| node);
    let node = cluster.nodes.iter().position(|node| place.is_none_or(|name| node.spec.name == name));
    Ok(node.context("the server is on no node of the rehearsal")?)
}

fn consul_is_mended(cluster: &mut Cluster) -> Result<String> {
    let id = ["docker", "inspect", "--format", "{{.Id}}", "consul"];
    let broken = cluster.hub.stdout_of(&id)?;
    let outcome = cluster.hub.script(&["sh", "-s"], SPOIL)?;
    cluster.hub.succeeded(&outcome, &["userdata/rehearsal/spoil_consul.sh"])?;
    cluster
        .hub
        .wait_for_output("another Consul", CHECK_TIMEOUT, &id, |found| (found != broken).then_some(()))?;
    let said = cluster.hub.wait_for_success("what the hub says of it", SOON, MENDED)?;
    manager_sees_nodes(cluster)?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_on_the_lan_by_its_card_and_its_address_there() {
        let other = json!({"ifname": "docker0", "address": "02:42:00:00:00:01", "addr_info": [
            {"family": "inet6", "local": "fe80::1", "scope": "link"}]});
        let card =
            |addresses| json!({"ifname": "ens4", "address": "52:54:00:77:00:0b", "addr_info": addresses});
        let of = |card| Link::of(&json!([other, card]).to_string(), "52:54:00:77:00:0b");
        let global = json!({"family": "inet6", "local": "fd77::b", "scope": "global"});
        let own = json!({"family": "inet6", "local": "fe80::b", "scope": "link"});
        let found =
            of(card(json!([{"family": "inet", "local": "169.254.0.1", "scope": "link"}, global, own])));
        assert_eq!(found, Some(Link { interface: "ens4".into(), address: "fe80::b".into() }));
        assert_eq!(of(card(json!([global]))), None);
        let early = json!({"family": "inet6", "local": "fe80::b", "scope": "link", "tentative": true});
        assert_eq!(of(card(json!([early]))), None);
        assert_eq!(Link::of("", "52:54:00:77:00:0b"), None);
    }
}
