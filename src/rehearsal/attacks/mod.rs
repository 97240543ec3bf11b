//! A workshop under attack: what a student, a neighbour on the network, a node that somebody has taken over, the hub's own
//! services and somebody in front of the page try, each attempt with a control in which it succeeds.

mod attempts;
mod neighbour;
mod notebook;
mod scene;
mod service;
mod visitor;

use super::check::ClusterCheck;
use super::checks;
use super::spec::Spec;
use super::vm::Vm;
use super::{Scenario, Testbed, TestbedSpec, finish, run_checks, startup};
use crate::failure::Result;
use crate::report::Progress;
use scene::Scene;

/// The memory in MiB that an attack takes beside its workshop.
#[must_use]
pub fn neighbour_memory() -> u64 {
    Spec::neighbour().memory
}

/// Brings a workshop up, attacks it from all sides, and says what held.
pub fn attack(scenario: Scenario, progress: &Progress) -> Result<()> {
    let testbed = Testbed::open(TestbedSpec::of(&scenario), progress)?;
    let stage = startup::set(scenario, &testbed.environment, progress)?;
    let neighbour = Vm::start(Spec::neighbour(), &testbed.environment)?;
    let mut scene = Scene { cluster: stage, neighbour };
    let mut failed = run_checks(&mut scene.cluster, checks::for_attacks(), progress)?;
    if failed.is_empty() {
        failed = run_checks(&mut scene, ATTACKS, progress)?;
    }
    finish(&mut scene.cluster, &failed, &testbed.environment.logs)
}

const ATTACKS: &[ClusterCheck<Scene>] = &[
    ClusterCheck { name: "a notebook does not get out of its container", run: notebook::stays_inside },
    ClusterCheck {
        name: "nobody reaches the parts of the kernel that no notebook needs",
        run: notebook::kernel_is_closed,
    },
    ClusterCheck { name: "a neighbour reaches neither homes nor services", run: neighbour::is_kept_out },
    ClusterCheck {
        name: "a node gets nothing of the hub but what is exported",
        run: neighbour::stays_in_the_homes,
    },
    ClusterCheck {
        name: "a neighbour without the key is turned away, and the hub's journal says so",
        run: neighbour::is_noted,
    },
    ClusterCheck { name: "the page's own code gets no further", run: service::gets_no_further },
    ClusterCheck {
        name: "the page takes neither large bodies nor endless headers",
        run: visitor::is_limited,
    },
];
