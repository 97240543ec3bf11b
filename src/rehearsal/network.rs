//! Who sits where on the rehearsal's LAN, 10.77.0.0/24.

use std::net::Ipv4Addr;

use serde_json::{Value as Json, json};

/// The hub's last byte; nodes follow. The first few are left to routers, as in most OpenStack networks.
const HUB: u8 = 10;

/// What an instance is told about its link: the size of a packet inside a VXLAN tenant network of 1500 bytes.
const MTU: u32 = 1450;

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

    /// No route leads out of the LAN: whatever an instance of a golden image needs has to be in that image. An ordinary
    /// image has a second link for its packages.
    #[must_use]
    pub fn network_data(self, outside: bool) -> Json {
        let mut links =
            vec![json!({"id": "lan", "type": "phy", "ethernet_mac_address": self.mac(), "mtu": MTU})];
        let mut networks = vec![json!({
            "id": "workshop",
            "type": "ipv4",
            "link": "lan",
            "ip_address": self.address(),
            "netmask": "255.255.255.0",
            "routes": [],
        })];
        if outside {
            let mac = self.outside_mac();
            links.push(json!({"id": "outside", "type": "phy", "ethernet_mac_address": mac, "mtu": 1500}));
            networks.push(json!({"id": "packages", "type": "ipv4_dhcp", "link": "outside"}));
        }
        json!({"links": links, "networks": networks, "services": []})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_names_the_card_and_its_address() {
        insta::assert_snapshot!(
            Place::node(1).network_data(false).to_string(),
            @r#"{"links":[{"ethernet_mac_address":"52:54:00:77:00:0b","id":"lan","mtu":1450,"type":"phy"}],"networks":[{"id":"workshop","ip_address":"10.77.0.11","link":"lan","netmask":"255.255.255.0","routes":[],"type":"ipv4"}],"services":[]}"#
        );
    }
}
