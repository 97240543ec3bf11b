//! The names by which browsers reach the page.

use std::net::Ipv4Addr;

use super::Workshop;

/// The name of the rendezvous in its certificate. Nodes reach the hub by its address, and look at nothing but the
/// certificate's fingerprint.
pub(super) const HUB_NAME: &str = "hub.imagegen.internal";
/// The page's, where the workshop says no other: a certificate without any name is not one.
const PAGE_NAME: &str = "page.hub.imagegen.internal";

/// The names by which browsers reach the page, as far as they are known when the text is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageNames {
    hosts: Vec<String>,
    address: Option<Ipv4Addr>,
}

impl PageNames {
    /// Those that the workshop says.
    pub(super) fn of(workshop: &Workshop) -> Self {
        let mut hosts: Vec<String> = [&workshop.network.hub_name, &workshop.web.domain]
            .into_iter()
            .flatten()
            .cloned()
            .chain(workshop.web.wildcard())
            .chain([PAGE_NAME.to_owned()])
            .collect();
        hosts.dedup();
        Self { hosts, address: workshop.network.hub_ip }
    }

    /// The page's host names.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(String::as_str)
    }

    /// The domains that all of them are in.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        self.hosts().filter(|host| !host.starts_with("*."))
    }

    /// The page's addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.address.into_iter()
    }
}
