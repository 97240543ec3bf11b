//! Who sits where on the rehearsal's LAN, 10.77.0.0/24.

use std::net::Ipv4Addr;

/// The hub's last byte; nodes follow. The first few are left to routers, as in most OpenStack networks.
const HUB: u8 = 10;

/// A place on the LAN: one byte that both the address and the network card's address end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u8);

impl Place {
    /// Where the hub sits.
    pub const HUB: Self = Self(HUB);

    /// Where node `number` sits, counted from 1.
    #[must_use]
    pub fn node(number: u8) -> Self {
        Self(HUB + number)
    }

    /// The address.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.0)
    }

    /// The network card's address, in the range that QEMU uses.
    #[must_use]
    pub fn mac(self) -> String {
        format!("52:54:00:77:00:{:02x}", self.0)
    }

    /// The address of the second network card, which leads outside.
    #[must_use]
    pub fn outside_mac(self) -> String {
        format!("52:54:00:78:00:{:02x}", self.0)
    }
}
