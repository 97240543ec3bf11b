//! A workshop rehearsed: the built images as a hub and its nodes in QEMU, looked at from the inside.

mod agent;
mod attacks;
mod benchmark;
mod boot_test;
mod check;
mod checks;
mod cloud;
mod cluster;
pub mod findings;
mod firmware;
mod guest_setup;
mod lan;
mod metadata;
mod network;
mod pastes;
mod polling;
mod port_forward;
mod run_checks;
mod scenario;
mod spec;
mod startup;
mod testbed;
mod vm;
mod waiting;

use std::net::Ipv4Addr;
use std::path::PathBuf;

pub use attacks::{attack, neighbour_memory};
pub use benchmark::benchmark;
pub use boot_test::{BootTest, boot, boot_memory};
pub use cloud::{Cloud, Datasource};
use cluster::{Cluster, for_notebooks};
pub use cluster::{EXAMPLE_ADDRESS, Student};
pub use firmware::Firmware;
pub use metadata::Manner;
use network::LanAddress;
pub use network::{LAN, LanLayout};
pub use pastes::Texts;
pub use port_forward::PortForward;
use run_checks::{finish, run_checks};
pub use scenario::Scenario;
use spec::VmRole;
use testbed::{Testbed, TestbedSpec};
pub use vm::VOLUME;

use crate::document::Findings;
use crate::failure::Result;
use crate::report::Progress;

/// The hub's address in a rehearsal.
#[must_use]
pub fn hub_address() -> Ipv4Addr {
    LanAddress::HUB.address()
}

/// The memory in MiB that a hub and so many nodes take with so many students at work.
#[must_use]
pub fn memory(nodes: u8, students: usize) -> u64 {
    let machines = VmRole::Hub.memory() + u64::from(nodes) * VmRole::Node.memory();
    machines + u64::from(nodes.max(1)) * for_notebooks(nodes, students)
}

/// Whether the images are there.
pub fn check_images(images: &[PathBuf]) -> Result<()> {
    let mut findings = Findings::default();
    for image in images.iter().filter(|image| !image.is_file()) {
        findings.push(findings::no_image(image));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings.into()) }
}

/// Rehearses: all machines are gone at the end, however it ends.
pub fn run(scenario: Scenario, progress: &Progress) -> Result<()> {
    let testbed = Testbed::open(TestbedSpec::of(&scenario), progress)?;
    let (door, timed) = (scenario.forward.clone(), scenario.timed);
    let mut stage = startup::set(scenario, &testbed.environment, progress)?;
    let checks = checks::of(&stage, timed);
    let failed = run_checks(&mut stage, checks, progress)?;
    finish(&mut stage, &failed, &testbed.environment.logs)?;
    door.map_or(Ok(()), |door| port_forward::hold_open(&door, &stage, progress))
}
