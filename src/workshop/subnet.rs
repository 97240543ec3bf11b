//! An IPv4 network.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::findings;
use crate::document::{Findings, Node, Source};

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// Its first address.
    pub address: Ipv4Addr,
    /// How many bits are the network's, from 8 to 30.
    pub prefix: u8,
}

impl Subnet {
    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.address)
    }

    /// Whether some address lies in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// The address that reaches all machines of the network.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !self.mask())
    }

    fn mask(self) -> u32 {
        u32::MAX << (32 - u32::from(self.prefix))
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

/// A network from its notation, or what to write instead.
pub(super) fn subnet(text: &str) -> Result<Subnet, String> {
    let usual = || "write it like `10.0.0.0/24`, with a prefix from 8 to 30".to_owned();
    let (address, prefix) = text.split_once('/').ok_or_else(usual)?;
    let address: Ipv4Addr = address.parse().map_err(|_| usual())?;
    let prefix: u8 = prefix.parse().map_err(|_| usual())?;
    if !(8..=30).contains(&prefix) {
        return Err(usual());
    }
    let first = Ipv4Addr::from(u32::from(address) & (u32::MAX << (32 - u32::from(prefix))));
    if first != address {
        return Err(format!("`{address}` lies within a network; write `{first}/{prefix}`"));
    }
    Ok(Subnet { address, prefix })
}

/// A network from its notation; none with a finding.
pub(super) fn expect_subnet(
    source: &Arc<Source>,
    text: &str,
    node: &Node,
    findings: &mut Findings,
) -> Option<Subnet> {
    subnet(text).map_err(|remedy| findings.push(findings::not_a_network(source, text, node, &remedy))).ok()
}
