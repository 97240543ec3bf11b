//! A workshop under attack: what a student, a neighbour on the network, a node that somebody has taken over, the hub's own
//! services and somebody in front of the page try, each attempt with a control in which it succeeds.

mod attempts;
mod neighbour;
mod notebook;
mod service;
mod visitor;

use super::checks::{self, Check};
use super::machine::Machine;
use super::spec::Spec;
use super::{BOOT, Equipment, Hall, Script, Stage, Student, finish, opening, run_checks};
use crate::failure::Result;
use crate::report::Progress;

/// The workshop, and a machine on its network that does not belong to it.
struct Scene {
    stage: Stage,
    neighbour: Machine,
}

/// The memory in MiB that an attack takes beside its workshop.
#[must_use]
pub fn neighbour_memory() -> u64 {
    Spec::neighbour().memory
}

/// Brings a workshop up, attacks it from all sides, and says what held.
pub fn attack(script: Script, progress: &Progress) -> Result<()> {
    let hall = Hall::open(Equipment::of(&script), progress)?;
    let stage = opening::set(script, &hall.bench, progress)?;
    let neighbour = Machine::start(Spec::neighbour(), &hall.bench)?;
    let mut scene = Scene { stage, neighbour };
    let mut failed = run_checks(&mut scene.stage, checks::for_attacks(), progress)?;
    if failed.is_empty() {
        failed = run_checks(&mut scene, ATTACKS, progress)?;
    }
    finish(&mut scene.stage, &failed, &hall.bench.logs)
}

const ATTACKS: &[Check<Scene>] = &[
    Check { name: "a notebook does not get out of its container", run: notebook::stays_inside },
    Check {
        name: "nobody reaches the parts of the kernel that no notebook needs",
        run: notebook::kernel_is_closed,
    },
    Check { name: "a neighbour reaches neither homes nor services", run: neighbour::is_kept_out },
    Check { name: "a node gets nothing of the hub but what is exported", run: neighbour::stays_in_the_homes },
    Check {
        name: "a neighbour without the key is turned away, and the hub's journal says so",
        run: neighbour::is_noted,
    },
    Check { name: "the page's own code gets no further", run: service::gets_no_further },
    Check { name: "the page takes neither large bodies nor endless headers", run: visitor::is_limited },
];

impl Scene {
    fn student(&self) -> Result<Student> {
        self.stage.present_student()
    }

    fn wait_for_neighbour(&mut self) -> Result<()> {
        self.neighbour.until_ok("the neighbour's agent", BOOT, &["true"]).map(drop)
    }
}
