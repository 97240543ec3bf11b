//! What another machine on the workshop's network tries, and a node that somebody has taken over.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context, anyhow};
use serde_json::{Value as Json, json};

use super::Scene;
use super::attempts::{self, AttemptOutcomes, judge, program};
use crate::failure::Result;
use crate::ports::{self, Peer, Port, PortEngine, Protocol};
use crate::rehearsal::checks::fetch::FETCH;
use crate::rehearsal::checks::{CHECK_TIMEOUT, SOON, sandbox};
use crate::rehearsal::spec::VmRole;
use crate::rehearsal::vm::Vm;
use crate::userdata::paths;

const NEIGHBOUR: &str = program!("attempts.py", "nfs4.py", "neighbour.py");
const ESCAPE: &str = program!("attempts.py", "nfs4.py", "escape.py");
const HANDLE: &str = program!("nfs4.py", "handle.py");

/// On the root file system of a hub, and for nobody but this group to read.
const TARGET: &str = "etc/shadow";
const SHADOW: u32 = 42; // Debian's fixed number (base-passwd)
/// A folder beside it that is exported for the control.
const OPENED: &str = "/var/tmp/imagegen-attempt";

/// The control is the same machine, let in by the hub, without firewalls.
pub(super) fn is_kept_out(scene: &mut Scene) -> Result<String> {
    scene.wait_for_neighbour()?;
    let job = job(scene)?;
    let held = attempts::on(&mut scene.neighbour, NEIGHBOUR, &job)?;
    let mark = format!("{}/{}", paths::ENROLLED, scene.neighbour.spec.address.address());
    scene.cluster.hub.stdout_of(&["touch", &mark])?;
    sandbox::take_rules_away(&mut scene.cluster)?;
    let control = after_the_export(scene, &job);
    sandbox::bring_rules_back(&mut scene.cluster)?;
    scene.cluster.hub.stdout_of(&["rm", &mark])?;
    judge(&held, &control?)
}

/// What is exported follows what is noted within seconds.
fn after_the_export(scene: &mut Scene, job: &Json) -> Result<AttemptOutcomes> {
    let address = scene.neighbour.spec.address.address();
    let what = format!("an export to {address}");
    let exported = |list: &str| list.contains(&address.to_string()).then_some(());
    scene.cluster.hub.wait_for_output(&what, SOON, &["exportfs", "-s"], exported)?;
    attempts::on(&mut scene.neighbour, NEIGHBOUR, job)
}

/// Every port at which a machine listens for others, but for those that are meant for neighbours.
fn job(scene: &mut Scene) -> Result<Json> {
    let student = scene.student()?;
    let homes = scene.cluster.homes.clone();
    let hub = scene.cluster.hub.spec.address.address();
    let handle = handle(scene, hub, &homes)?;
    let table = ports::table()?;
    let mut ports = vec![];
    for machine in scene.cluster.machines() {
        let (address, role) = (machine.spec.address.address(), machine.spec.role);
        let closed = listeners(machine)?.into_iter().filter(|port| !is_for_neighbours(&table, role, *port));
        ports.extend(closed.map(|port| json!([address, port])));
    }
    Ok(json!({
        "hub": hub, "homes": homes, "uid": student.uid, "gid": student.gid, "handle": handle,
        "file": format!("{}/from-a-notebook", student.name), "ports": ports,
    }))
}

/// The homes' file handle, as a node has it.
fn handle(scene: &mut Scene, hub: Ipv4Addr, homes: &str) -> Result<String> {
    let node = scene.cluster.nodes.first_mut().context("this needs a node")?;
    let job = json!({"hub": hub, "export": homes}).to_string();
    let path = "/run/imagegen-handle.py";
    node.write_file(path, HANDLE)?;
    let ended = node.script(&["python3", path], &job)?;
    node.succeeded(&ended, &["python3", path])
}

/// What listens for other machines by TCP. UDP answers nobody who does not speak its protocol.
fn listeners(machine: &mut Vm) -> Result<BTreeSet<u16>> {
    let own = machine.spec.address.address();
    let printed = machine.stdout_of(&["ss", "-H", "-l", "-t", "-n"])?;
    Ok(printed.lines().filter_map(|line| port_at(own, line)).collect())
}

/// Whether the table of ports lets in other machines of the network: everybody, or one that is about to join.
fn is_for_neighbours(table: &[Port], role: VmRole, port: u16) -> bool {
    let role = match role {
        VmRole::Hub => ports::PortOwner::Hub,
        VmRole::Node => ports::PortOwner::Node,
    };
    table.iter().any(|line| {
        line.role == role
            && line.protocol == Protocol::Tcp
            && line.engines.contains(&PortEngine::Swarm)
            && line.only_with.is_none()
            && matches!(line.peer, Peer::Anywhere | Peer::Network)
            && (line.ports.0..=line.ports.1).contains(&port)
    })
}

/// The port of a line of `ss -Hltn` that is reached at the address `own`: not one at another address of the machine, as its
/// loopback interface and the rehearsal's decoys have them.
fn port_at(own: Ipv4Addr, line: &str) -> Option<u16> {
    let (address, port) = line.split_whitespace().nth(3)?.rsplit_once(':')?;
    let is_reached = ["0.0.0.0", "*", "[::]"].contains(&address) || address == own.to_string();
    port.parse().ok().filter(|_| is_reached)
}

/// The control is an export of a folder on the root file system.
pub(super) fn stays_in_the_homes(scene: &mut Scene) -> Result<String> {
    let hub = scene.cluster.hub.spec.address.address();
    let homes = scene.cluster.homes.clone();
    let held = escape(scene, hub, &homes)?;
    let node = scene.cluster.nodes[0].spec.address.address();
    let client = format!("{node}:{OPENED}");
    scene.cluster.hub.stdout_of(&["mkdir", "-p", OPENED])?;
    scene.cluster.hub.stdout_of(&["exportfs", "-o", "rw,no_subtree_check", &client])?;
    let control = escape(scene, hub, OPENED);
    scene.cluster.hub.stdout_of(&["exportfs", "-u", &client])?;
    judge(&held, &control?)
}

fn escape(scene: &mut Scene, hub: Ipv4Addr, export: &str) -> Result<AttemptOutcomes> {
    let job = json!({"hub": hub, "export": export, "target": TARGET, "gid": SHADOW});
    attempts::on(&mut scene.cluster.nodes[0], ESCAPE, &job)
}

/// A wrong key gets nothing, and the journal names who showed it.
pub(super) fn is_noted(scene: &mut Scene) -> Result<String> {
    let hub = scene.cluster.hub.spec.address.address();
    let address = scene.neighbour.spec.address.address().to_string();
    let url = format!("https://{hub}:7443/v1/join");
    let outcome = scene.neighbour.script(&["python3", "-", &url, "Bearer guess"], FETCH)?;
    let answer = scene.neighbour.succeeded(&outcome, &["userdata/rehearsal/fetch.py"])?;
    if !answer.starts_with("401 ") {
        return Err(anyhow!("a wrong key is answered with {answer}").into());
    }
    let journal = ["journalctl", "-b", "-o", "cat", "-u", "imagegen-rendezvous"];
    let noted = |said: &str| {
        said.lines().find(|line| line.contains(&address) && line.contains("key")).map(str::to_owned)
    };
    scene.cluster.hub.wait_for_output("a line about the wrong key", CHECK_TIMEOUT, &journal, noted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_reaches_the_page_and_what_joining_takes() {
        let table = ports::table().unwrap();
        let open =
            |role| (1..=u16::MAX).filter(|port| is_for_neighbours(&table, role, *port)).collect::<Vec<_>>();
        assert_eq!(open(VmRole::Hub), [80, 443, 2377, 7443, 7946, 8081]);
        assert_eq!(open(VmRole::Node), [7946]);
    }

    #[test]
    fn only_what_listens_at_the_machines_address_is_reached_there() {
        let port =
            |place: &str| port_at(Ipv4Addr::new(10, 77, 0, 11), &format!("LISTEN 0 128 {place} 0.0.0.0:*"));
        assert_eq!(port("0.0.0.0:2049"), Some(2049));
        assert_eq!(port("*:9100"), Some(9100));
        assert_eq!(port("[::]:7946"), Some(7946));
        assert_eq!(port("10.77.0.11:2377"), Some(2377));
        assert_eq!(port("127.0.0.53%lo:53"), None);
        assert_eq!(port("[::1]:631"), None);
        assert_eq!(port("169.254.169.254:80"), None);
    }
}
