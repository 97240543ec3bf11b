//! The classic engine: all nodes behind one manager, its ports closed to everybody else, and its repair.

use std::net::Ipv4Addr;

use anyhow::{Context, anyhow};
use serde_json::{Value as Json, json};

use super::students::{self, Task};
use super::{API, PATIENCE, SOON, Stage, answers, until_it_answers};
use crate::failure::Result;
use crate::rehearsal::machine::Machine;

const DOCKER: u16 = 2375;
const MANAGER: u16 = 4000;
const STORE: u16 = 8500;

/// Breaks the stand-in's key-value store for as long as its container lives.
const BREAK: &[&str] =
    &["docker", "exec", "consul", "/usr/bin/python3", "-c", "open('/consul/data/broken', 'w')"];

/// What the hub says when it mends that.
const MENDED: &[&str] =
    &["sh", "-c", "journalctl -b -u imagegen-manager -o cat | grep -m 1 'Consul is replaced'"];

/// How long a node is away: longer than Consul keeps what it heard of it.
const AWAY: &str = "100";

const LIST: &[&str] = &["docker", "-H", ":4000", "ps", "-a", "--format", "{{.Names}}"];

/// Waits until `docker -H :4000 ps -a` on the hub shows each node's join container.
pub(super) fn manager_sees_nodes(stage: &mut Stage) -> Result<String> {
    let wanted: Vec<String> =
        stage.nodes.iter().map(|node| format!("{}/swarm-join", node.spec.name)).collect();
    let seen = |printed: &str| {
        let names: Vec<&str> = printed.lines().collect();
        wanted.iter().all(|name| names.contains(&name.as_str())).then(|| names.join(", "))
    };
    stage.hub.until("the join containers of all nodes", PATIENCE, LIST, seen)
}

/// What must be true of a student's container: `docker inspect` prints it so.
const BOUNDS: &str = "[\"ALL\"] [\"no-new-privileges\"]";

/// Students work as themselves on all nodes, in containers with bounds, and leave none behind.
pub(super) fn students_work(stage: &mut Stage) -> Result<String> {
    students::all_work(stage)?;
    let printed = stage.hub.read(LIST)?;
    let names = || printed.lines().filter_map(|line| line.split_once("/notebook-"));
    let spread = students::spread(stage, names().map(|(node, _)| node.to_owned()))?;
    let show = "{{json .HostConfig.CapDrop}} {{json .HostConfig.SecurityOpt}} {{.HostConfig.Memory}}";
    for (_, uid) in names() {
        let name = format!("notebook-{uid}");
        let seen = stage.hub.read(&["docker", "-H", ":4000", "inspect", "--format", show, &name])?;
        if !seen.starts_with(BOUNDS) || seen.ends_with(" 0") {
            return Err(anyhow!("{name} has the bounds {seen}").into());
        }
    }
    let tasks: Vec<Task> = students::present(stage).iter().map(|it| Task::of(it).stops()).collect();
    students::at_work(stage, &tasks, 0.0)?;
    let none = |left: &str| (!left.contains("notebook-")).then_some(());
    stage.hub.until("a list without containers of students", SOON, LIST, none)?;
    Ok(spread)
}

/// Tries every port from every side.
pub(super) fn ports_are_closed(stage: &mut Stage) -> Result<String> {
    let hub = stage.hub.spec.place.address();
    let nodes: Vec<Ipv4Addr> = stage.nodes.iter().map(|node| node.spec.place.address()).collect();
    let Stage { hub: hub_machine, nodes: machines, .. } = stage;
    // What containers reach has to be there before they try.
    until_it_answers(hub_machine, hub, API, PATIENCE)?;
    for node in &nodes {
        expect(hub_machine, *node, DOCKER, true)?;
    }
    for machine in machines.iter_mut() {
        expect(machine, hub, STORE, true)?;
        expect(machine, hub, MANAGER, false)?;
        expect(machine, hub, DOCKER, false)?;
        let own = machine.spec.place.address();
        for other in nodes.iter().filter(|other| **other != own) {
            expect(machine, *other, DOCKER, false)?;
        }
        let closed = [(hub, STORE), (hub, MANAGER), (hub, DOCKER), (own, DOCKER)];
        expect_in_container(machine, &[(hub, API)], &closed)?;
    }
    expect_in_container(hub_machine, &[(hub, API)], &[(nodes[0], DOCKER), (hub, STORE)])?;
    Ok(format!("{DOCKER} for the hub alone, {STORE} for nodes, none of them for containers"))
}

fn expect(machine: &mut Machine, address: Ipv4Addr, port: u16, open: bool) -> Result<()> {
    if open {
        return until_it_answers(machine, address, port, SOON);
    }
    let seen = answers(machine, address, port)?;
    judge(machine, "", address, port, open, seen)
}

/// The same from one container with Docker's usual network; the stand-in's image has a Python to ask with.
fn expect_in_container(
    machine: &mut Machine,
    open: &[(Ipv4Addr, u16)],
    closed: &[(Ipv4Addr, u16)],
) -> Result<()> {
    let places: Vec<Json> = open
        .iter()
        .chain(closed)
        .map(|(address, port)| json!([format!("{address}:{port}"), address, port]))
        .collect();
    let code = format!("PLACES = {}\n{}", Json::from(places), super::sandbox::PROBE);
    let image = machine.read(&["docker", "images", "--quiet", "--filter", "dangling=false"])?;
    let image = image.lines().next().unwrap_or_default().to_owned();
    let command = ["docker", "run", "--rm", "--entrypoint", "/usr/bin/python3", &image, "-c", &code];
    let printed = machine.read(&command)?;
    let seen: Json = serde_json::from_str(&printed).with_context(|| printed.clone())?;
    for (places, wanted) in [(open, true), (closed, false)] {
        for (address, port) in places {
            let seen = seen[format!("{address}:{port}")] == true;
            judge(machine, "a container of ", *address, *port, wanted, seen)?;
        }
    }
    Ok(())
}

fn judge(machine: &Machine, from: &str, address: Ipv4Addr, port: u16, open: bool, seen: bool) -> Result<()> {
    if open == seen {
        return Ok(());
    }
    let verb = if seen { "reaches" } else { "does not reach" };
    Err(anyhow!("{from}{} {verb} {address}:{port}", machine.spec.name).into())
}

/// A broken Consul is replaced, a manager that starts again and a node that was away for a while find each other, and none
/// of that ends a student's server.
pub(super) fn faults_are_survived(stage: &mut Stage) -> Result<String> {
    let student = students::present(stage).into_iter().next();
    let before = student.as_ref().map(|it| students::alone(stage, Task::of(it).runs(students::WHO)));
    let before = before.transpose()?;
    let said = consul_is_mended(stage)?;
    stage.hub.read(&["docker", "restart", "swarm-manager"])?;
    manager_sees_nodes(stage)?;
    let carrier = carrier(stage)?;
    students::set_link(stage, carrier, "down")?;
    stage.nodes[carrier].read(&["sleep", AWAY])?;
    students::set_link(stage, carrier, "up")?;
    manager_sees_nodes(stage)?;
    let mut seen = format!("`{said}`, a new start of the manager, and {AWAY} s without a node");
    if let Some((student, before)) = student.zip(before) {
        students::ask_the_same(stage, &student, &before)?;
        seen += ": the server ran on";
    }
    Ok(seen)
}

/// The node with the student's server, if there is one.
fn carrier(stage: &mut Stage) -> Result<usize> {
    let names = stage.hub.read(LIST)?;
    let place = names.lines().find_map(|line| line.split_once("/notebook-")).map(|(node, _)| node);
    let node = stage.nodes.iter().position(|node| place.is_none_or(|name| node.spec.name == name));
    Ok(node.context("the server is on no node of the rehearsal")?)
}

fn consul_is_mended(stage: &mut Stage) -> Result<String> {
    let id = ["docker", "inspect", "--format", "{{.Id}}", "consul"];
    let broken = stage.hub.read(&id)?;
    stage.hub.read(BREAK)?;
    stage.hub.until("another Consul", PATIENCE, &id, |found| (found != broken).then_some(()))?;
    let said = stage.hub.until_ok("what the hub says of it", SOON, MENDED)?;
    manager_sees_nodes(stage)?;
    Ok(said)
}
