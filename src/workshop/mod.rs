//! `workshop.yaml` and `workshop.secrets.yaml` as typed values.

pub mod address;
pub mod findings;
mod names;
mod read;
mod secrets;
mod users;

use std::net::Ipv4Addr;

pub use read::parse;
pub use secrets::{HUB_NAME, Secrets};

/// One workshop: who comes, and how its machines are set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workshop {
    /// What it is called: lower-case letters, digits and hyphens.
    pub name: String,
    /// Everybody with an account, in the order of the file.
    pub users: Vec<User>,
    /// Options for Docker on hub and nodes.
    pub docker: Docker,
    /// The network that hub and nodes share; without it the hub looks at its own interface.
    pub network: Option<Network>,
}

/// An account that is the same on all machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's own group, which is named like the user.
    pub gid: u32,
    /// The name of the person, where it is known.
    pub full_name: Option<String>,
}

/// Docker's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docker {
    /// URLs of registries to ask before the public one.
    pub registry_mirrors: Vec<String>,
    /// The size at which a container's log is rotated, in Docker's notation (`10m`).
    pub log_max_size: String,
    /// How many files of each log are kept.
    pub log_max_files: u8,
    /// Bytes in a packet of the containers' network; Docker's default is 1500.
    pub mtu: Option<u16>,
}

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    pub address: Ipv4Addr,
    /// How many bits are the network's, from 1 to 30.
    pub prefix: u8,
}

impl Network {
    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.address)
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

impl std::fmt::Display for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl Default for Docker {
    fn default() -> Self {
        Self { registry_mirrors: vec![], log_max_size: "10m".into(), log_max_files: 3, mtu: None }
    }
}

impl Default for Workshop {
    /// 30 students, `training01` to `training30`, with UIDs from 2001.
    fn default() -> Self {
        let users = (1..=30).map(|number| {
            let id = 2000 + number;
            User { name: format!("training{number:02}"), uid: id, gid: id, full_name: None }
        });
        Self { name: "training".into(), users: users.collect(), docker: Docker::default(), network: None }
    }
}
