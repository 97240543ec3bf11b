//! How a rehearsal begins: nodes that are there before their hub, and a hub that comes too late for their first question.

use std::time::Duration;

use super::machine::{Bench, Machine};
use super::spec::Spec;
use super::{BOOT, Script, Stage, for_notebooks, supplies};
use crate::failure::Result;
use crate::report::Progress;

/// How long an ordinary image may take to install its packages besides.
const PACKAGES: Duration = Duration::from_secs(2400);

/// Switches the nodes on, and the hub when it can only come too late for their first question.
pub(super) fn set(script: Script, bench: &Bench, progress: &Progress) -> Result<Stage> {
    let mut nodes = start_nodes(&script, bench, progress)?;
    // Ordinary images install packages before they ask, in which the hub would overtake them.
    if script.plain {
        wait_in_vain(&mut nodes, &script, progress)?;
    }
    let step = progress.step("the hub is switched on");
    let more = if nodes.is_empty() { for_notebooks(0, script.present) } else { 0 };
    let spec = Spec::hub(Some(script.hub.clone())).with_memory(more).with_firmware(script.firmware);
    let mut hub = Machine::start(spec, bench)?;
    step.done("");
    if !script.plain {
        wait_in_vain(&mut nodes, &script, progress)?;
    }
    supplies::hand_out(&mut hub, &script)?;
    let Script { students, plain, volume, transport, shares, homes, classic, present, .. } = script;
    let Script { materials, fingerprint, .. } = script;
    let (classic, mtu) = (classic.is_some(), bench.cloud.network.mtu());
    Ok(Stage {
        hub,
        nodes,
        students,
        plain,
        classic,
        volume,
        transport,
        shares,
        homes,
        present,
        materials,
        fingerprint,
        mtu,
    })
}

/// Switches the nodes on, and waits until each has found its user-data: it will ask for the hub before a hub that is
/// switched on now can answer.
fn start_nodes(script: &Script, bench: &Bench, progress: &Progress) -> Result<Vec<Machine>> {
    let mut nodes = vec![];
    if script.nodes == 0 {
        return Ok(nodes);
    }
    let step = progress.step(format!("{} node(s) boot, without a hub", script.nodes));
    for number in 1..=script.nodes {
        let spec = Spec::node(number, Some(script.node.clone())).with_firmware(script.firmware);
        nodes.push(Machine::start(spec.with_memory(for_notebooks(script.nodes, script.present)), bench)?);
    }
    for node in &mut nodes {
        node.until_it_says("Cloud-init v.", BOOT)?;
    }
    step.done("");
    Ok(nodes)
}

/// Gives each node what it needs from outside, and waits until it has asked for the hub, which is not there yet.
fn wait_in_vain(nodes: &mut [Machine], script: &Script, progress: &Progress) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let step = progress.step("each node asks for the hub in vain");
    for node in &mut *nodes {
        supplies::hand_out(node, script)?;
    }
    for node in nodes {
        ask_in_vain(node, script)?;
    }
    step.done("");
    Ok(())
}

/// Waits until a node has looked for the hub, which is not there yet.
fn ask_in_vain(node: &mut Machine, script: &Script) -> Result<()> {
    if script.classic.is_some() {
        let tried = "docker logs swarm-join 2>&1 | grep docker/swarm";
        return node.until_ok("its first question to Consul", BOOT, &["sh", "-c", tried]).map(drop);
    }
    node.until_it_says("Waiting for the hub", if script.plain { PACKAGES } else { BOOT })
}
