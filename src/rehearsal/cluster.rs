//! The machines of a rehearsal, and what they should be like.

use std::panic::resume_unwind;

use anyhow::anyhow;

use super::vm::Vm;
use crate::failure::Result;
use crate::workshop::Transport;

/// What stands for the internet on the LAN: an address that is kept for examples (RFC 5737), and that the hub answers for.
pub const EXAMPLE_ADDRESS: &str = "198.51.100.1";

/// What a server with a kernel takes, in MiB.
pub(super) const NOTEBOOK: u64 = 256;

/// A student, as the checks need to know one.
#[derive(Clone, PartialEq, Eq)]
pub struct Student {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
    /// The password on the student's card.
    pub password: String,
}

impl std::fmt::Debug for Student {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}:{}", self.name, self.uid, self.gid)
    }
}

/// The machines of a rehearsal, and what they should be like.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) hub: Vm,
    pub(super) nodes: Vec<Vm>,
    pub(super) students: Vec<Student>,
    pub(super) plain: bool,
    pub(super) classic: bool,
    pub(super) volume: bool,
    pub(super) transport: Transport,
    pub(super) shares: Vec<(String, String)>,
    pub(super) homes: String,
    pub(super) present: usize,
    pub(super) materials: usize,
    pub(super) fingerprint: String,
    /// The largest packet on the LAN.
    pub(super) mtu: u16,
}

impl Cluster {
    pub(super) fn machines(&mut self) -> impl Iterator<Item = &mut Vm> {
        std::iter::once(&mut self.hub).chain(&mut self.nodes)
    }

    /// The first student who is there.
    pub(super) fn present_student(&self) -> Result<Student> {
        let present = self.students.iter().take(self.present).next();
        Ok(present.cloned().ok_or_else(|| anyhow!("nobody is present"))?)
    }

    /// The machine with this host name.
    pub(super) fn machine(&mut self, name: &str) -> Result<&mut Vm> {
        let found = self.machines().find(|machine| machine.spec.name == name);
        Ok(found.ok_or_else(|| anyhow!("there is no machine `{name}`"))?)
    }

    /// Looks at all machines at the same time, and gives what was seen on the hub and then on each node.
    pub(super) fn on_each<T: Send>(&mut self, look: impl Fn(&mut Vm) -> Result<T> + Sync) -> Result<Vec<T>> {
        let look = &look;
        std::thread::scope(|scope| {
            let looks: Vec<_> = self.machines().map(|machine| scope.spawn(move || look(machine))).collect();
            let seen = looks.into_iter().map(|look| look.join().unwrap_or_else(|it| resume_unwind(it)));
            seen.collect()
        })
    }
}

/// The memory in MiB that each machine with notebooks needs for students at work: the nodes, or a hub without any.
pub(super) fn for_notebooks(nodes: u8, students: usize) -> u64 {
    (students as u64).div_ceil(u64::from(nodes.max(1))) * NOTEBOOK
}
