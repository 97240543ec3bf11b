//! What another machine on the workshop's network tries, and a node that somebody has taken over.

use std::net::Ipv4Addr;

use anyhow::{Context, anyhow};
use serde_json::{Value as Json, json};

use super::Scene;
use super::attempts::{self, Outcomes, judge, program};
use crate::failure::Result;
use crate::rehearsal::checks::{PATIENCE, SOON, sandbox};
use crate::rehearsal::machine::Machine;

const NEIGHBOUR: &str = program!("attempts.py", "nfs4.py", "neighbour.py");
const ESCAPE: &str = program!("attempts.py", "nfs4.py", "escape.py");
const HANDLE: &str = program!("nfs4.py", "handle.py");
const WRONG_KEY: &str = program!("wrong_key.py");

/// Where the rendezvous notes which addresses have shown the key.
const ENROLLED: &str = "/run/imagegen-rendezvous/enrolled";
/// What other machines may be answered at: the page for everybody, and what a machine needs that is only about to join.
const FOR_NEIGHBOURS: &[(&str, u16)] =
    &[("tcp", 80), ("tcp", 443), ("tcp", 2377), ("tcp", 7443), ("tcp", 7946), ("udp", 7946), ("tcp", 8081)];
/// On the root file system of a hub, and for nobody but this group to read.
const TARGET: &str = "etc/shadow";
const SHADOW: u32 = 42; // Debian's fixed number (base-passwd)
const OPENED: &str = "/var/tmp/imagegen-attempt";
/// The control is the same machine, let in by the hub, without firewalls.
pub(super) fn is_kept_out(scene: &mut Scene) -> Result<String> {
    scene.wait_for_neighbour()?;
    let job = job(scene)?;
    let held = attempts::on(&mut scene.neighbour, NEIGHBOUR, &job)?;
    let mark = format!("{ENROLLED}/{}", scene.neighbour.spec.place.address());
    scene.stage.hub.read(&["touch", &mark])?;
    sandbox::take_rules_away(&mut scene.stage)?;
    let control = after_the_export(scene, &job);
    sandbox::bring_rules_back(&mut scene.stage)?;
    scene.stage.hub.read(&["rm", &mark])?;
    judge(&held, &control?)
}

/// What is exported follows what is noted within seconds.
fn after_the_export(scene: &mut Scene, job: &Json) -> Result<Outcomes> {
    let address = scene.neighbour.spec.place.address();
    let what = format!("an export to {address}");
    let exported = |list: &str| list.contains(&address.to_string()).then_some(());
    scene.stage.hub.until(&what, SOON, &["exportfs", "-s"], exported)?;
    attempts::on(&mut scene.neighbour, NEIGHBOUR, job)
}

/// Every port at which a machine listens for others, but for those that are meant for neighbours.
fn job(scene: &mut Scene) -> Result<Json> {
    let student = scene.student()?;
    let homes = scene.stage.homes.clone();
    let hub = scene.stage.hub.spec.place.address();
    let handle = handle(scene, hub, &homes)?;
    let mut ports = vec![];
    for machine in scene.stage.machines() {
        let address = machine.spec.place.address();
        for (protocol, port) in listeners(machine)? {
            if !FOR_NEIGHBOURS.contains(&(protocol.as_str(), port)) {
                ports.push(json!([address, protocol, port]));
            }
        }
    }
    Ok(json!({
        "hub": hub, "homes": homes, "uid": student.uid, "gid": student.gid, "handle": handle,
        "file": format!("{}/from-a-notebook", student.name), "ports": ports,
    }))
}

/// The homes' file handle, as a node has it.
fn handle(scene: &mut Scene, hub: Ipv4Addr, homes: &str) -> Result<String> {
    let node = scene.stage.nodes.first_mut().context("this needs a node")?;
    let job = json!({"hub": hub, "export": homes}).to_string();
    let path = "/run/imagegen-handle.py";
    node.put(path, HANDLE)?;
    let ended = node.script(&["python3", path], &job)?;
    node.succeeded(&ended, &["python3", path])
}

/// What listens for other machines by TCP. UDP answers nobody who does not speak its protocol.
fn listeners(machine: &mut Machine) -> Result<Vec<(String, u16)>> {
    let printed = machine.read(&["ss", "-H", "-l", "-t", "-n"])?;
    let mut found: Vec<(String, u16)> =
        printed.lines().filter_map(local).map(|port| ("tcp".to_owned(), port)).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// The port of a line of `ss -Hltn`, unless it is for the machine itself.
fn local(line: &str) -> Option<u16> {
    let (address, port) = line.split_whitespace().nth(3)?.rsplit_once(':')?;
    let own = address.starts_with("127.") || address.starts_with("[::1]");
    if own { None } else { port.parse().ok() }
}

/// The control is an export of a folder on the root file system.
pub(super) fn stays_in_the_homes(scene: &mut Scene) -> Result<String> {
    let hub = scene.stage.hub.spec.place.address();
    let homes = scene.stage.homes.clone();
    let held = escape(scene, hub, &homes)?;
    let node = scene.stage.nodes[0].spec.place.address();
    let client = format!("{node}:{OPENED}");
    scene.stage.hub.read(&["mkdir", "-p", OPENED])?;
    scene.stage.hub.read(&["exportfs", "-o", "rw,no_subtree_check", &client])?;
    let control = escape(scene, hub, OPENED);
    scene.stage.hub.read(&["exportfs", "-u", &client])?;
    judge(&held, &control?)
}

fn escape(scene: &mut Scene, hub: Ipv4Addr, export: &str) -> Result<Outcomes> {
    let job = json!({"hub": hub, "export": export, "target": TARGET, "gid": SHADOW});
    attempts::on(&mut scene.stage.nodes[0], ESCAPE, &job)
}

/// A wrong key gets nothing, and the journal names who showed it.
pub(super) fn is_noted(scene: &mut Scene) -> Result<String> {
    let hub = scene.stage.hub.spec.place.address();
    let address = scene.neighbour.spec.place.address().to_string();
    let url = format!("https://{hub}:7443/v1/join");
    let outcome = scene.neighbour.script(&["python3", "-", &url], WRONG_KEY)?;
    let status = scene.neighbour.succeeded(&outcome, &["wrong_key.py"])?;
    if status != "401" {
        return Err(anyhow!("a wrong key is answered with {status}").into());
    }
    let journal = ["journalctl", "-b", "-o", "cat", "-u", "imagegen-rendezvous"];
    let noted = |said: &str| {
        said.lines().find(|line| line.contains(&address) && line.contains("key")).map(str::to_owned)
    };
    scene.stage.hub.until("a line about the wrong key", PATIENCE, &journal, noted)
}
