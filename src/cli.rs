//! What can be typed; no decisions.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Golden images and cloud-init user-data for JupyterHub workshops on OpenStack.
///
/// Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 this machine lacks something, 4 the work failed.
#[derive(Debug, Parser)]
#[command(name = "imagegen", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the hub's cloud-init user-data, to paste into Horizon
    Hub(HubArgs),
    /// Print the user-data that all nodes of the workshop share
    Node(NodeArgs),
    /// Build golden images into `dist/`
    Build(BuildArgs),
    /// Boot the built images as a hub and its nodes, and check that they work together
    Rehearse(RehearseArgs),
    /// Say everything that this machine lacks for building and rehearsing
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder; made where it is not there.
        folder: PathBuf,
    },
}

/// Where the workshop is described.
#[derive(Debug, Clone, Args)]
pub struct WorkshopArgs {
    /// The workshop file; without it `./workshop.yaml`, and 30 students where that is not there either
    #[arg(long, value_name = "FILE")]
    pub workshop: Option<PathBuf>,
    /// The secrets file, made on first use; by default `workshop.secrets.yaml` beside the workshop file
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

/// Arguments of `imagegen hub`.
#[derive(Debug, Args)]
pub struct HubArgs {
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}

/// Arguments of `imagegen node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The hub's address in the workshop's network
    // Kept as text: a wrong address is a finding like any other, told together with the rest.
    #[arg(long, value_name = "IP")]
    pub hub_ip: String,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}

/// What can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The layer that hub and node share; kept in the cache
    Base,
    /// `hub.qcow2`
    Hub,
    /// `node.qcow2`
    Node,
    /// Both images
    All,
}

/// Arguments of `imagegen build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// What to build
    #[arg(required = true)]
    pub what: Vec<Target>,
    /// Recipes of your own in place of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
    /// A Debian mirror in place of mmdebstrap's default
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Bootstrap the base layer anew although a fresh one is at hand
    #[arg(long)]
    pub fresh: bool,
    /// Print the stages and do nothing
    #[arg(long)]
    pub plan: bool,
}

/// Arguments of `imagegen rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// How many nodes to boot beside the hub
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub nodes: u8,
    /// Where the built images are
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub images: PathBuf,
    /// Where the serial logs go
    #[arg(long, value_name = "DIR", default_value = "dist/rehearsal")]
    pub logs: PathBuf,
    /// Check nothing, and measure how long a node takes to join a hub that is up
    #[arg(long)]
    pub benchmark: bool,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}
