//! `imagegen rehearse`: what is rehearsed, what its machines are like, and the cloud around them.

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
    /// OVMF with Secure Boot and Microsoft's keys
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
pub struct CloudArgs {
    /// Where the machines get their user-data from
    #[arg(long, value_enum, value_name = "SOURCE", default_value = "config-drive")]
    pub datasource: DatasourceKind,
    /// Have the metadata service ignore each machine for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub metadata_delay: u16,
    /// Have the metadata service then answer with HTTP status 500 for this long
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

/// What can be rehearsed.
#[derive(Debug, Subcommand)]
pub enum RehearseCommand {
    /// Boot the built images as a hub and its nodes, and check that they work together
    Run(RunArgs),
    /// Boot one image on each firmware, change its kernel and boot loaders inside, and boot it on each again
    Boot(BootArgs),
    /// Measure how long a node takes to join a hub that is up, or how long a notebook takes to start
    Bench(BenchArgs),
    /// Attack a workshop from a notebook, from a neighbour on its network and from outside, each attempt with a control
    Attacks(AttackArgs),
}

/// Arguments of `imagegen rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// What to rehearse.
    #[command(subcommand)]
    pub command: RehearseCommand,
}

/// Where a rehearsal finds its images and writes its logs.
#[derive(Debug, Args)]
pub struct RehearsalDirs {
    /// Where the built images are
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub images: PathBuf,
    /// Where the serial logs go
    #[arg(long, value_name = "DIR", default_value = "dist/rehearsal")]
    pub logs: PathBuf,
}

/// What `imagegen rehearse run` and `imagegen rehearse bench` share.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// How many nodes to boot beside the hub; 0 for a workshop of one machine, which boots `solo.qcow2`
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=16))]
    pub nodes: u8,
    /// What all machines boot by
    #[arg(long, value_enum, value_name = "FIRMWARE", default_value = "bios")]
    pub firmware: BootedBy,
    /// The directories.
    #[command(flatten)]
    pub dirs: RehearsalDirs,
    /// The cloud.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}

/// Arguments of `imagegen rehearse run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How many students log in and work in notebooks
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "stock_image")]
    pub students: u16,
    /// Forward this port of the loopback interface to the hub's page, and keep it open after the checks
    #[arg(long, value_name = "PORT", conflicts_with = "stock_image")]
    pub forward: Option<u16>,
    /// Run this shell command while the port is forwarded, with `IMAGEGEN_PAGE` and `IMAGEGEN_PASSWORDS` (JSON), then end
    #[arg(long, value_name = "COMMAND", requires = "forward")]
    pub exec: Option<String>,
    /// Boot this ordinary cloud image instead of the built images, with the user-data of `--stock`
    #[arg(long, value_name = "IMAGE")]
    pub stock_image: Option<PathBuf>,
    /// Rehearse `engine: classic` with the Swarm and the Consul that the images carry, without stand-ins
    #[arg(long, conflicts_with = "stock_image")]
    pub real_engine: bool,
    /// The machines.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Arguments of `imagegen rehearse boot`.
#[derive(Debug, Args)]
pub struct BootArgs {
    /// The image
    pub image: PathBuf,
    /// Boot it by this firmware alone before the change, and by this one and BIOS after it [default: each firmware]
    #[arg(long, value_enum, value_name = "FIRMWARE")]
    pub firmware: Option<BootedBy>,
    /// Where the serial logs go
    #[arg(long, value_name = "DIR", default_value = "dist/rehearsal")]
    pub logs: PathBuf,
}

/// Arguments of `imagegen rehearse bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Check the workshop with this many students, and measure how long a notebook takes to start; 0 measures how long a
    /// node takes to join
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub students: u16,
    /// The machines.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Arguments of `imagegen rehearse attacks`.
#[derive(Debug, Args)]
pub struct AttackArgs {
    /// The directories.
    #[command(flatten)]
    pub dirs: RehearsalDirs,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}
