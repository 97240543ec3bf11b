//! The instances that the service knows, and how it behaves towards them.

use crate::util::debug_only;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::rehearsal::network::Mac;

/// The address of the service.
pub(super) const SERVICE: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The address of the port with the DHCP server, through which the service is reached.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

pub(super) const HOST_MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 2]);

/// How the service behaves towards each machine, from the machine's first attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// How long it does not answer at all.
    pub delay: Duration,
    /// How long it answers with HTTP's 500 after that.
    pub failures: Duration,
}

/// An instance, as the service knows it.
pub(super) struct Instance {
    pub(super) mac: Mac,
    pub(super) address: Ipv4Addr,
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) files: Vec<(&'static str, String)>,
    /// When it first tried to connect.
    pub(super) asked: Option<Instant>,
}

debug_only!(Instance { mac, address, name, uuid, asked });

impl Instance {
    pub(super) fn file(&self, name: &str) -> Option<&str> {
        self.files.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }
}

/// The instances by their network cards.
pub(super) type Instances = Arc<Mutex<Vec<Instance>>>;
