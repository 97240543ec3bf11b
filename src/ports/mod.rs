//! The ports that machines of a workshop open: each with its owner, who listens, and its peer, who may connect. Golden
//! machines make their firewall of the same file.

use anyhow::Context;
use serde::Deserialize;

use crate::failure::Result;

const TABLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/base/usr/lib/imagegen/inbound/ports.json"));

/// Which machine opens a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortOwner {
    /// The hub.
    Hub,
    /// Each node.
    Node,
}

/// What a port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// Everybody, by IPv4 and IPv6.
    Anywhere,
    /// The workshop's network.
    Network,
    /// The nodes that have shown the workshop's key, as the hub knows them; outside the hub, the workshop's network.
    Enrolled,
    /// The hub alone.
    Hub,
}

/// What runs the notebooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortEngine {
    /// Docker's own swarm mode.
    Swarm,
    /// The standalone Swarm of 2016.
    Classic,
}

/// A key of the workshop file without which nobody listens at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortKey {
    /// The SSH keys of administrators.
    AdminSshKeys,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The machine.
    pub role: PortOwner,
    /// Who listens.
    pub owner: String,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The first and the last port.
    pub ports: (u16, u16),
    /// Who may connect.
    pub peer: Peer,
    /// The engines that have the owner.
    pub engines: Vec<PortEngine>,
    /// What the workshop must say for there to be an owner.
    pub only_with: Option<PortKey>,
}

/// The whole table.
pub fn table() -> Result<Vec<Port>> {
    Ok(serde_json::from_str(TABLE).context("the table of ports")?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));

    /// A port as README has it, without its machine.
    fn described(port: &Port) -> String {
        let (first, last) = port.ports;
        let protocol = format!("{:?}", port.protocol).to_uppercase();
        let number = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let peer = match port.peer {
            Peer::Anywhere => "anybody",
            Peer::Network => "the workshop's network",
            Peer::Enrolled => "enrolled nodes",
            Peer::Hub => "the hub",
        };
        let condition = match (port.only_with, &port.engines[..]) {
            (Some(PortKey::AdminSshKeys), _) => "with `admin_ssh_keys`",
            (None, [PortEngine::Swarm]) => "engine `swarm`",
            (None, [PortEngine::Classic]) => "engine `classic`",
            (None, _) => "always",
        };
        format!("| {protocol} {number} | {} | {peer} | {condition} |", port.owner)
    }

    #[test]
    fn readme_has_every_port_of_the_table_and_no_other() {
        let mut wanted: Vec<String> =
            table().expect("a table").iter().map(|it| format!("| {:?} {}", it.role, described(it))).collect();
        let mut told: Vec<String> = README.lines().filter(|line| is_port(line)).map(str::to_owned).collect();
        wanted.sort();
        told.sort();
        assert_eq!(told, wanted);
    }

    fn is_port(line: &str) -> bool {
        ["| Hub | ", "| Node | "].iter().any(|role| line.starts_with(role))
    }

    #[test]
    fn every_port_has_one_owner_and_one_peer() {
        let mut seen: HashMap<(PortOwner, Protocol, PortEngine), Vec<Port>> = HashMap::new();
        for port in table().expect("a table") {
            assert!(port.ports.0 <= port.ports.1, "{port:?}");
            for engine in &port.engines {
                let others = seen.entry((port.role, port.protocol, *engine)).or_default();
                for other in others.iter() {
                    let apart = other.ports.1 < port.ports.0 || port.ports.1 < other.ports.0;
                    assert!(apart, "{other:?} and {port:?}");
                }
                others.push(port.clone());
            }
        }
    }
}
