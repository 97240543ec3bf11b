//! Who sits where on the rehearsal's LAN, 10.77.0.0/24, and what instances are told of it.

use std::net::Ipv4Addr;

use serde_json::{Value as Json, json};

/// The hub's last byte; nodes follow. The first few are left to routers, as in most OpenStack networks.
const HUB: u8 = 10;

/// The LAN: its first address, and how many bits are the network's.
pub const LAN: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 77, 0, 0), 24);

/// The mask of the LAN.
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);

/// How a network of the cloud presents itself to an instance. The addresses are the same in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LanLayout {
    /// Static addresses, and packets as large as a VXLAN tenant network of 1500 bytes carries.
    #[default]
    Vxlan,
    /// The same by DHCP, also after cloud-init has learnt of the network.
    Dhcp,
    /// Smaller packets, as in a Geneve tenant network.
    Geneve,
    /// Packets of 9000 bytes.
    Jumbo,
    /// Each machine has its address alone, and its neighbours by a route on the link.
    Slash32,
    /// IPv6 beside IPv4.
    DualStack,
}

impl LanLayout {
    /// The largest packet.
    #[must_use]
    pub fn mtu(self) -> u16 {
        match self {
            Self::Vxlan | Self::Dhcp | Self::Slash32 | Self::DualStack => 1450,
            Self::Geneve => 1442,
            Self::Jumbo => 9000,
        }
    }

    /// The mask of each machine's address.
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        if self == Self::Slash32 { Ipv4Addr::BROADCAST } else { MASK }
    }

    /// The routes that a machine needs besides those of its own subnet: destination, its mask, and a gateway, of zeros
    /// where the destination is on the link.
    #[must_use]
    pub fn routes(self) -> Vec<(Ipv4Addr, Ipv4Addr, Ipv4Addr)> {
        if self == Self::Slash32 { vec![(LAN.0, MASK, ANY)] } else { vec![] }
    }

    /// The `networks` of `network_data.json` for the link of the LAN.
    fn described(self, address: LanAddress) -> Vec<Json> {
        if self == Self::Dhcp {
            return vec![json!({"id": "workshop", "type": "ipv4_dhcp", "link": "lan"})];
        }
        let routes: Vec<Json> = self
            .routes()
            .into_iter()
            .map(|(network, netmask, gateway)| json!({"network": network, "netmask": netmask, "gateway": gateway}))
            .collect();
        let mut networks = vec![json!({
            "id": "workshop",
            "type": "ipv4",
            "link": "lan",
            "ip_address": address.address(),
            "netmask": self.mask(),
            "routes": routes,
        })];
        if self == Self::DualStack {
            networks.push(json!({
                "id": "workshop6",
                "type": "ipv6",
                "link": "lan",
                "ip_address": format!("fd77::{:x}", address.0),
                "netmask": "ffff:ffff:ffff:ffff::",
                "routes": [],
            }));
        }
        networks
    }
}

/// No address.
pub const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A place on the LAN: one byte that both the address and the network card's address end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanAddress(u8);

/// What a machine is connected to besides the LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MoreLinks {
    /// A network that leads outside, with DHCP.
    pub outside: bool,
    /// A network of the cloud with static addresses, where neither DHCP nor the metadata service answers.
    pub second: bool,
}

impl LanAddress {
    /// Where the hub sits.
    pub const HUB: Self = Self(HUB);

    /// Where a machine sits that belongs to no workshop: beyond all nodes.
    pub const NEIGHBOUR: Self = Self(200);

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
    pub fn mac(self) -> Mac {
        Mac([0x52, 0x54, 0, 0x77, 0, self.0])
    }

    /// The address of the network card that leads outside.
    #[must_use]
    pub fn outside_mac(self) -> Mac {
        Mac([0x52, 0x54, 0, 0x78, 0, self.0])
    }

    /// The address of the network card on the second network.
    #[must_use]
    pub fn second_mac(self) -> Mac {
        Mac([0x52, 0x54, 0, 0x7a, 0, self.0])
    }

    /// No route leads out of the LAN: whatever an instance of a golden image needs has to be in that image. An ordinary
    /// image has one more link for its packages.
    #[must_use]
    pub fn network_data(self, network: LanLayout, more: MoreLinks) -> Json {
        let link = |id: &str, mac: Mac, mtu: u16| json!({"id": id, "type": "phy", "ethernet_mac_address": mac.to_string(), "mtu": mtu});
        let mut links = vec![link("lan", self.mac(), network.mtu())];
        let mut networks = network.described(self);
        if more.second {
            links.push(link("second", self.second_mac(), network.mtu()));
            networks.push(json!({
                "id": "second",
                "type": "ipv4",
                "link": "second",
                "ip_address": Ipv4Addr::new(10, 78, 0, self.0),
                "netmask": MASK,
                "routes": [],
            }));
        }
        if more.outside {
            links.push(link("outside", self.outside_mac(), 1500));
            networks.push(json!({"id": "packages", "type": "ipv4_dhcp", "link": "outside"}));
        }
        json!({"links": links, "networks": networks, "services": []})
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl std::fmt::Display for Mac {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.map(|byte| format!("{byte:02x}")).join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(network: LanLayout, more: MoreLinks) -> String {
        LanAddress::node(1).network_data(network, more).to_string()
    }

    #[test]
    fn the_network_names_the_card_and_its_address() {
        insta::assert_snapshot!(
            shown(LanLayout::Vxlan, MoreLinks::default()),
            @r#"{"links":[{"ethernet_mac_address":"52:54:00:77:00:0b","id":"lan","mtu":1450,"type":"phy"}],"networks":[{"id":"workshop","ip_address":"10.77.0.11","link":"lan","netmask":"255.255.255.0","routes":[],"type":"ipv4"}],"services":[]}"#
        );
    }

    #[test]
    fn other_networks_differ_in_what_they_are_for() {
        let alone = MoreLinks::default();
        assert!(shown(LanLayout::Geneve, alone).contains(r#""mtu":1442"#));
        assert!(shown(LanLayout::Jumbo, alone).contains(r#""mtu":9000"#));
        assert!(shown(LanLayout::DualStack, alone).contains(r#""ip_address":"fd77::b""#));
        insta::assert_snapshot!(
            LanAddress::HUB.network_data(LanLayout::Slash32, alone)["networks"].to_string(),
            @r#"[{"id":"workshop","ip_address":"10.77.0.10","link":"lan","netmask":"255.255.255.255","routes":[{"gateway":"0.0.0.0","netmask":"255.255.255.0","network":"10.77.0.0"}],"type":"ipv4"}]"#
        );
        insta::assert_snapshot!(
            LanAddress::HUB.network_data(LanLayout::Dhcp, alone)["networks"].to_string(),
            @r#"[{"id":"workshop","link":"lan","type":"ipv4_dhcp"}]"#
        );
    }

    #[test]
    fn more_links_have_cards_of_their_own() {
        let data = LanAddress::HUB.network_data(LanLayout::Vxlan, MoreLinks { outside: true, second: true });
        let macs: Vec<&str> = data["links"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|link| link["ethernet_mac_address"].as_str())
            .collect();
        assert_eq!(macs, ["52:54:00:77:00:0a", "52:54:00:7a:00:0a", "52:54:00:78:00:0a"]);
    }
}
