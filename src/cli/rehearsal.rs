//! What a rehearsal's machines are like, and the cloud around them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::WorkshopArgs;

/// What a rehearsal's machines boot by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BootedBy {
    /// `SeaBIOS`
    Bios,
    /// OVMF without Secure Boot
    Uefi,
    /// OVMF that starts only what Microsoft's keys lead to
    SecureBoot,
}

/// Where a rehearsal's machines get their user-data from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DatasourceKind {
    /// A disk with the label `config-2`
    ConfigDrive,
    /// The service at 169.254.169.254, as Neutron and Nova provide it
    Metadata,
}

/// What the network of a rehearsal is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NetworkKind {
    /// Static addresses, MTU 1450
    Default,
    /// Addresses by DHCP, MTU 1450
    Dhcp,
    /// Static addresses, MTU 1442
    Geneve,
    /// Static addresses, MTU 9000
    Jumbo,
    /// A static /32 address and an on-link route, MTU 1450
    Slash32,
    /// Static IPv4 and IPv6 addresses, MTU 1450
    DualStack,
}

/// The cloud around a rehearsal's machines.
#[derive(Debug, Args)]
#[group(id = "cloud", multiple = true)]
pub struct CloudArgs {
    /// Where the machines get their user-data from
    #[arg(long, value_enum, value_name = "SOURCE", default_value = "config-drive")]
    pub datasource: DatasourceKind,
    /// Have the metadata service ignore each machine for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub metadata_delay: u16,
    /// Have the metadata service answer with HTTP status 500 for so long after that
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub metadata_failures: u16,
    /// The product name in the machines' firmware
    #[arg(long, value_name = "NAME", default_value = "OpenStack Nova")]
    pub product: String,
    /// What the network is like
    #[arg(long, value_enum, value_name = "KIND", default_value = "default")]
    pub network: NetworkKind,
    /// Add a network interface before the workshop's, on a network without DHCP and metadata service
    #[arg(long)]
    pub second_interface: bool,
}

/// What can be rehearsed beside a workshop that works.
#[derive(Debug, Subcommand)]
pub enum RehearseAct {
    /// Attack a workshop from a notebook, from a neighbour on its network and from outside, each attempt with a control
    Attacks(AttackArgs),
}

/// Arguments of `imagegen rehearse attacks`.
#[derive(Debug, Args)]
pub struct AttackArgs {
    /// Where the built images are
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub images: PathBuf,
    /// Where the serial logs go
    #[arg(long, value_name = "DIR", default_value = "dist/rehearsal")]
    pub logs: PathBuf,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}
