//! How a rehearsal begins: nodes that are there before their hub, and a hub that comes too late for their first question.

use std::time::Duration;

use super::spec::Spec;
use super::vm::BOOT_TIMEOUT;
use super::vm::{Vm, VmEnvironment};
use super::{Cluster, Scenario, for_notebooks, guest_setup};
use crate::failure::Result;
use crate::report::Progress;

/// How long an ordinary image may take to install its packages besides.
const PACKAGES: Duration = Duration::from_secs(2400);

/// Switches the nodes on, and the hub when it can only come too late for their first question.
pub(super) fn set(scenario: Scenario, environment: &VmEnvironment, progress: &Progress) -> Result<Cluster> {
    let mut nodes = start_nodes(&scenario, environment, progress)?;
    // Ordinary images install packages before they ask, in which the hub would overtake them.
    if scenario.plain {
        wait_in_vain(&mut nodes, &scenario, progress)?;
    }
    let step = progress.step("the hub is switched on");
    let more = if nodes.is_empty() { for_notebooks(0, scenario.present) } else { 0 };
    let spec = Spec::hub(Some(scenario.hub.clone())).with_memory(more).with_firmware(scenario.firmware);
    let mut hub = Vm::start(spec, environment)?;
    step.done("");
    if !scenario.plain {
        wait_in_vain(&mut nodes, &scenario, progress)?;
    }
    guest_setup::prepare(&mut hub, &scenario)?;
    let Scenario { students, plain, volume, transport, shares, homes, classic, present, .. } = scenario;
    let Scenario { materials, fingerprint, .. } = scenario;
    let (classic, mtu) = (classic.is_some(), environment.cloud.network.mtu());
    Ok(Cluster {
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
fn start_nodes(scenario: &Scenario, environment: &VmEnvironment, progress: &Progress) -> Result<Vec<Vm>> {
    let mut nodes = vec![];
    if scenario.nodes == 0 {
        return Ok(nodes);
    }
    let step = progress.step(format!("{} node(s) boot, without a hub", scenario.nodes));
    for number in 1..=scenario.nodes {
        let spec = Spec::node(number, Some(scenario.node.clone())).with_firmware(scenario.firmware);
        nodes
            .push(Vm::start(spec.with_memory(for_notebooks(scenario.nodes, scenario.present)), environment)?);
    }
    for node in &mut nodes {
        node.wait_for_console("Cloud-init v.", BOOT_TIMEOUT)?;
    }
    step.done("");
    Ok(nodes)
}

/// Gives each node what it needs from outside, and waits until it has asked for the hub, which is not there yet.
fn wait_in_vain(nodes: &mut [Vm], scenario: &Scenario, progress: &Progress) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let step = progress.step("each node asks for the hub in vain");
    for node in &mut *nodes {
        guest_setup::prepare(node, scenario)?;
    }
    for node in nodes {
        ask_in_vain(node, scenario)?;
    }
    step.done("");
    Ok(())
}

/// Waits until a node has looked for the hub, which is not there yet.
fn ask_in_vain(node: &mut Vm, scenario: &Scenario) -> Result<()> {
    if scenario.classic.is_some() {
        let tried = "docker logs swarm-join 2>&1 | grep docker/swarm";
        return node
            .wait_for_success("its first question to Consul", BOOT_TIMEOUT, &["sh", "-c", tried])
            .map(drop);
    }
    node.wait_for_console("Waiting for the hub", if scenario.plain { PACKAGES } else { BOOT_TIMEOUT })
}
