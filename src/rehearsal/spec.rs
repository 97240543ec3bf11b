//! What a machine of a rehearsal is to be.

use super::firmware::Firmware;
use super::network::LanAddress;
use crate::util::debug_only;

/// What a machine is in the workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VmRole {
    /// The manager with the homes.
    Hub,
    /// A worker.
    Node,
}

impl VmRole {
    /// Memory in MiB.
    #[must_use]
    pub fn memory(self) -> u64 {
        match self {
            Self::Hub => 2048,
            Self::Node => 1536,
        }
    }
}

/// What a machine is to be.
#[derive(Clone)]
pub struct Spec {
    /// Its host name.
    pub name: String,
    /// The name of its serial log.
    pub log: String,
    /// What it boots by.
    pub firmware: Firmware,
    /// Which image it boots.
    pub role: VmRole,
    /// Its address.
    pub address: LanAddress,
    /// Its memory in MiB.
    pub memory: u64,
    /// What cloud-init gets; none for a machine without any.
    pub user_data: Option<String>,
}

debug_only!(Spec { name, log, firmware, role, address, memory });

impl Spec {
    /// The hub.
    #[must_use]
    pub fn hub(user_data: Option<String>) -> Self {
        Self::new("hub".into(), VmRole::Hub, LanAddress::HUB, user_data)
    }

    /// One of the nodes, counted from 1.
    #[must_use]
    pub fn node(number: u8, user_data: Option<String>) -> Self {
        Self::new(format!("node-{number}"), VmRole::Node, LanAddress::node(number), user_data)
    }

    /// A machine on the network that belongs to no workshop.
    #[must_use]
    pub fn neighbour() -> Self {
        Self::new("neighbour".into(), VmRole::Node, LanAddress::NEIGHBOUR, None)
    }

    fn new(name: String, role: VmRole, address: LanAddress, user_data: Option<String>) -> Self {
        let (log, memory) = (name.clone(), role.memory());
        Self { name, log, firmware: Firmware::Bios, role, address, memory, user_data }
    }

    /// With other firmware than BIOS.
    #[must_use]
    pub fn with_firmware(self, firmware: Firmware) -> Self {
        Self { firmware, ..self }
    }

    /// With a log of another name than its own.
    #[must_use]
    pub fn with_log(self, log: String) -> Self {
        Self { log, ..self }
    }

    /// With more memory, for notebooks.
    #[must_use]
    pub fn with_memory(self, more: u64) -> Self {
        Self { memory: self.memory + more, ..self }
    }
}
