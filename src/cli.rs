//! What can be typed; no decisions.

mod doctor;
pub mod manual;
mod quantity;
mod rehearsal;
mod workshop;

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ColorChoice, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::userdata::Platform;

pub use doctor::DoctorArgs;
pub use rehearsal::{
    AttackArgs, BenchArgs, BootArgs, BootedBy, CloudArgs, ClusterArgs, DatasourceKind, NetworkKind,
    RehearsalDirs, RehearseArgs, RehearseCommand, RunArgs,
};
pub use workshop::{AuthorityArgs, OutputArgs, RestoreSecretsArgs, UserFormat, UsersArgs, WorkshopArgs};

/// Golden images and cloud-init user-data for JupyterHub workshops on OpenStack.
///
/// Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 this machine lacks something, 4 the work failed, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "imagegen", version = crate::util::VERSION, max_term_width = 100)]
pub struct Cli {
    /// When to colour output
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto, display_order = 900)]
    pub color: ColorChoice,
    /// What to do; without it, the usual first steps are shown.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The command line without what imagegen starts itself: for completions, man pages and the reference.
#[must_use]
pub fn visible_commands() -> clap::Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect::<Vec<_>>();
    clap::Command::new("imagegen")
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(100)
        .about(whole.get_about().cloned().unwrap_or_default())
        .long_about(whole.get_long_about().cloned().unwrap_or_default())
        .args(whole.get_arguments().cloned())
        .subcommands(shown)
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a workshop file with comments, to be changed
    Init(InitArgs),
    /// Check the workshop file and list all errors and warnings
    Check(CheckArgs),
    /// Print the hub's cloud-init user-data, to paste into Horizon
    Hub(HubArgs),
    /// Print the user-data that all nodes of the workshop share
    Node(NodeArgs),
    /// Print the users: as a table, or as cards with their passwords
    Users(UsersArgs),
    /// Print the certificate of the workshop's authority, to import where the hub's page is to be trusted
    Authority(AuthorityArgs),
    /// Restore a lost secrets file from the hub's user-data
    RestoreSecrets(RestoreSecretsArgs),
    /// Print the JSON schema of the workshop file, for editors
    Schema,
    /// Build golden images into `dist/`
    Build(BuildArgs),
    /// Show the contents and faults of a disk image, without mounting it
    Inspect(InspectArgs),
    /// Rebuild an image from its manifest, and compare byte for byte
    Verify(VerifyArgs),
    /// Show or prune the cache that builds share
    Cache(CacheArgs),
    /// Boot built images in virtual machines, and check or measure their behaviour
    Rehearse(RehearseArgs),
    /// List everything that this machine lacks for building and rehearsing
    Doctor(DoctorArgs),
    /// End the child processes of a killed imagegen; imagegen starts this itself
    #[command(name = "__reaper", hide = true)]
    Keep,
    /// Print the version and the commit that it was built from
    Version,
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder; it is created if it does not exist.
        folder: PathBuf,
    },
}

/// Arguments of `imagegen init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it
    #[arg(default_value = "workshop.yaml")]
    pub file: PathBuf,
}

/// Arguments of `imagegen check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The workshop file [default: `workshop.yaml` or `workshop.yml`, and 30 students if there is neither]
    pub file: Option<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// Check the user-data of `--stock`, which carries the programs and has less room
    #[arg(long)]
    pub stock: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The platform whose size limit the user-data must fit
    #[arg(long = "for", value_name = "PLATFORM", value_enum, default_value_t = Platform::Horizon)]
    pub platform: Platform,
    /// The secrets file [default: `workshop.secrets.yaml` beside the workshop file]
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

/// What `imagegen hub` and `imagegen node` share.
#[derive(Debug, Args)]
pub struct UserdataArgs {
    /// The platform whose size limit the text must fit
    #[arg(long = "for", value_name = "PLATFORM", value_enum, default_value_t = Platform::Horizon)]
    pub platform: Platform,
    /// For an ordinary Debian or Ubuntu cloud image: the programs travel along, and packages come from its mirror
    #[arg(long)]
    pub stock: bool,
    /// Print the size of each part instead of the text
    #[arg(long, conflicts_with = "diff")]
    pub sizes: bool,
    /// Print the changes since this user-data instead of the text, with secrets masked
    #[arg(long, value_name = "OLD")]
    pub diff: Option<PathBuf>,
    /// Where it goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}

/// Arguments of `imagegen hub`.
#[derive(Debug, Args)]
pub struct HubArgs {
    /// What both have.
    #[command(flatten)]
    pub userdata: UserdataArgs,
}

/// Arguments of `imagegen node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The hub's address in the workshop's network; by default `network.hub_ip` of the workshop file
    // Kept as text: a wrong address is a finding like any other, told together with the rest.
    #[arg(long, value_name = "IP")]
    pub hub_ip: Option<String>,
    /// What both have.
    #[command(flatten)]
    pub userdata: UserdataArgs,
}

/// What can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The root tree that hub and node share; it stays in the cache
    Base,
    /// `hub.qcow2`
    Hub,
    /// `node.qcow2`, with the notebook image in it
    Node,
    /// `notebook.oci.tar`, the container image that students work in
    Notebook,
    /// `solo.qcow2`, a hub that carries notebooks itself
    Solo,
    /// Hub, node and notebook
    All,
}

/// Arguments of `imagegen build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// What to build
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<Target>,
    /// Recipes of your own instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub recipes: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
    /// A Debian mirror to use instead of mmdebstrap's default
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// A notebook image of your own for the nodes, as an OCI archive
    #[arg(long, value_name = "FILE")]
    pub notebook_image: Option<PathBuf>,
    /// Make every layer, container image and unpinned cloud image again instead of using cached ones; what is pinned by a
    /// hash still comes from the cache
    #[arg(long)]
    pub no_cache: bool,
    /// How many stages run at once [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroU16>,
    /// Build from exactly the packages of this lock
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// Write a lock of every package of every layer, by version and hash
    #[arg(long, value_name = "FILE")]
    pub write_lock: Option<PathBuf>,
    /// Sign images and provenances with this OpenSSH key: a private key without a passphrase, or the public half of one in
    /// ssh-agent
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// Print the stages and do nothing
    #[arg(long)]
    pub plan: bool,
    /// Print events as JSON, one object a line; with `--plan`, print the plan as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imagegen inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The image: raw or qcow2
    pub image: PathBuf,
    /// Print the report for a program
    #[arg(long)]
    pub json: bool,
    /// List the packages with their versions and the units with their states
    #[arg(long, conflicts_with = "json")]
    pub list: bool,
    /// List the vulnerabilities that apply to its packages instead, from a file: the JSON of Debian's security tracker, or
    /// advisories in OSV's format
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "list"])]
    pub advisories: Option<PathBuf>,
    /// Write a VEX document to this file that says which of them do not apply
    #[arg(long, value_name = "FILE", requires = "advisories")]
    pub vex: Option<PathBuf>,
    /// Fail if one with at least this severity applies; unrated ones count as medium
    #[arg(long, value_name = "SEVERITY", value_enum, requires = "advisories")]
    pub fail_on: Option<Urgency>,
}

/// How bad a vulnerability is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Urgency {
    /// Not counted as a security problem
    Unimportant,
    /// Low
    Low,
    /// Medium, or not rated yet
    Medium,
    /// High
    High,
    /// Critical
    Critical,
}

/// Arguments of `imagegen verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The image, or the raw disk in it, with its manifest beside it
    pub image: PathBuf,
    /// The recipes that it was made from, if they are not the built-in ones
    #[arg(long, value_name = "DIR")]
    pub recipes: Option<PathBuf>,
    /// The notebook image that `build --notebook-image` put into it
    #[arg(long, value_name = "FILE")]
    pub notebook_image: Option<PathBuf>,
    /// A Debian mirror to fetch the packages from, instead of the archives in the manifest
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Check first that one of these keys signed the image and its provenance: a list of allowed signers, as ssh-keygen(1)
    /// describes it
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// Build in a temporary directory below this one [default: the image's directory]
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// How many stages run at once [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroU16>,
}

/// Arguments of `imagegen cache`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CacheArgs {
    /// What to do with it, if not show it.
    #[command(subcommand)]
    pub action: Option<CacheAction>,
    /// Print it as JSON, with sizes in bytes and ages in seconds
    #[arg(long)]
    pub json: bool,
}

/// What can be done with what is kept.
#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// Remove entries that no build can use, and others that you name; never those of a running build
    Prune(PruneArgs),
}

/// Arguments of `imagegen cache prune`.
#[derive(Debug, Clone, Copy, Args)]
pub struct PruneArgs {
    /// Also remove older entries: a number with s, m, h, d or w
    #[arg(long, value_name = "AGE", value_parser = quantity::age)]
    pub older_than: Option<u64>,
    /// Also remove the oldest entries until the cache has at most this size: a number with K, M, G or T
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub max_size: Option<u64>,
    /// Remove all entries
    #[arg(long, conflicts_with_all = ["older_than", "max_size"])]
    pub all: bool,
}
