//! How long checks wait, and what they connect to.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::failure::Result;
use crate::rehearsal::vm::Vm;

/// How long the slowest part of a boot may take under emulation.
pub(in crate::rehearsal) const CHECK_TIMEOUT: Duration = Duration::from_secs(1500);

/// How long what has nothing to wait for any more may take.
pub(in crate::rehearsal) const SOON: Duration = Duration::from_secs(300);

/// The port of SSH.
pub(super) const SSH: u16 = 22;

/// A port that every member of a swarm has open, and one that every hub has: the proof that an open one is noticed.
pub(super) const GOSSIP: u16 = 7946;

pub(super) const NFS: u16 = 2049;

/// The port of the hub's API, which containers do reach: the proof that a closed one would be noticed.
pub(super) const API: u16 = 8081;

/// Whether a connection from `machine` is accepted.
pub(super) fn answers(machine: &mut Vm, address: Ipv4Addr, port: u16) -> Result<bool> {
    Ok(machine.run(&["sh", "-c", &connecting(address, port)])?.ok())
}

/// Waits until a connection from `machine` is accepted.
pub(super) fn until_it_answers(
    machine: &mut Vm,
    address: Ipv4Addr,
    port: u16,
    bound: Duration,
) -> Result<()> {
    let what = format!("an answer of {address} on port {port}");
    machine.wait_for_success(&what, bound, &["sh", "-c", &connecting(address, port)]).map(drop)
}

pub(super) fn connecting(address: Ipv4Addr, port: u16) -> String {
    format!("timeout 10 bash -c 'exec 3<>/dev/tcp/{address}/{port}'")
}
