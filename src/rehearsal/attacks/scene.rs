//! A workshop under attack.

use crate::failure::Result;
use crate::rehearsal::vm::BOOT_TIMEOUT;
use crate::rehearsal::vm::Vm;
use crate::rehearsal::{Cluster, Student};

/// The workshop, and a machine on its network that does not belong to it.
pub(super) struct Scene {
    pub(super) cluster: Cluster,
    pub(super) neighbour: Vm,
}

impl Scene {
    pub(super) fn student(&self) -> Result<Student> {
        self.cluster.present_student()
    }

    pub(super) fn wait_for_neighbour(&mut self) -> Result<()> {
        self.neighbour.wait_for_success("the neighbour's agent", BOOT_TIMEOUT, &["true"]).map(drop)
    }
}
