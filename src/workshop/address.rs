//! The hub's address, as it was typed.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Subnet, findings};
use crate::document::{Findings, Location};

/// Reads the hub's address, which stands at `place`; none with a finding.
pub fn hub(
    text: &str,
    location: &Location,
    network: Option<Subnet>,
    findings: &mut Findings,
) -> Option<Ipv4Addr> {
    let mut refuse = |reason: &str, remedy: &str| {
        findings.push(findings::not_a_hub_address(location, reason, remedy));
        None
    };
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        return match text.parse::<Ipv6Addr>() {
            Ok(_) => refuse("it is an IPv6 address", "give the hub's IPv4 address, like `10.0.0.5`"),
            Err(_) => refuse("it is not an IPv4 address", "write it like `10.0.0.5`"),
        };
    };
    match fault(address, network) {
        Some((reason, remedy)) => refuse(reason, &remedy),
        None => Some(address),
    }
}

/// Why no machine of a workshop can have this address.
fn fault(address: Ipv4Addr, network: Option<Subnet>) -> Option<(&'static str, String)> {
    let see = || "take it from the hub's line in Horizon's list of instances".to_owned();
    if address.is_loopback() {
        return Some(("it is a loopback address, which every machine has for itself", see()));
    }
    if address.is_unspecified() || address.octets()[0] == 0 {
        return Some(("it stands for no machine", see()));
    }
    if address.is_link_local() {
        return Some(("it is a link-local address, which no router passes on", see()));
    }
    if address.is_multicast() || address.octets()[0] >= 240 {
        return Some(("it is not the address of one machine", see()));
    }
    match network {
        Some(network) if !network.contains(address) => Some((
            "it is not in the workshop's network",
            format!("choose one in {network}, or correct `network.cidr`"),
        )),
        Some(network) if address == network.address => {
            Some(("it is the address of the network itself", see()))
        }
        Some(network) if address == network.broadcast() => {
            Some(("it is the network's broadcast address", see()))
        }
        // Without a network in the workshop file, the usual /24 is the best guess.
        None if address.octets()[3] == 0 => Some(("it is the address of a network", see())),
        None if address.octets()[3] == 255 => Some(("it is a network's broadcast address", see())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workshop::Workshop;
    use crate::workshop::hub_option::of_command_line;

    fn fault_of(text: &str, network: Option<Subnet>) -> Option<String> {
        let mut findings = Findings::default();
        let mut workshop = Workshop::default_workshop();
        workshop.network.cidr = network;
        of_command_line(text, &workshop, &mut findings);
        findings.iter().next().map(|finding| finding.labels[0].text.clone())
    }

    #[test]
    fn addresses_that_no_hub_can_have_are_refused_with_the_reason() {
        for (text, reason) in [
            ("hub.example.org", "not an IPv4"),
            ("fe80::1", "IPv6"),
            ("127.0.0.1", "loopback"),
            ("10.0.0.0", "of a network"),
            ("10.0.0.255", "broadcast"),
            ("169.254.169.254", "link-local"),
            ("224.0.0.1", "one machine"),
            ("0.0.0.0", "no machine"),
        ] {
            let fault = fault_of(text, None).unwrap_or_default();
            assert!(fault.contains(reason), "{text}: {fault}");
        }
    }

    #[test]
    fn the_workshops_network_decides_where_it_is_known() {
        let network = Some(Subnet { address: Ipv4Addr::new(10, 0, 0, 0), prefix: 22 });
        assert_eq!(fault_of("10.0.1.0", network), None);
        assert!(fault_of("10.0.4.5", network).is_some());
        assert!(fault_of("10.0.3.255", network).is_some());
        assert_eq!(fault_of("10.0.0.5", None), None);
    }
}
