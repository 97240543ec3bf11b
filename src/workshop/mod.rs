//! `workshop.yaml` and `workshop.secrets.yaml` as typed values.

mod accounts;
pub mod address;
mod authority;
mod autofs;
mod certificate;
mod conflicts;
mod daemon;
mod day;
mod docker;
mod engine;
mod engine_findings;
pub mod export;
pub mod findings;
pub mod hub_option;
mod key;
mod machines;
mod network;
mod notebook_findings;
mod notebooks;
mod option_findings;
pub mod overlaps;
mod page_names;
mod pages;
mod parsed_users;
mod passwords;
mod quota;
mod random;
mod read;
mod reader;
mod restore;
mod roster;
pub mod schema;
pub mod secret_findings;
mod secrets;
mod subnet;
mod users;
mod validate;
mod web;
mod web_findings;
mod zones;

pub use accounts::{AccountEntry, Group, PasswordHash, User, UserRange, Users};
pub use autofs::{Autofs, Share};
pub use docker::Docker;
pub use engine::{ClassicImages, Engine};
pub use machines::{ExtraFile, Extras};
pub use network::{Homes, Network, Transport};
pub use notebooks::{Material, Notebooks};
pub use quota::Quota;
pub use random::Random;
pub use read::parse;
pub use reader::FileReader;
pub use restore::{HubFiles, Restored};
pub use secrets::Secrets;
pub use subnet::Subnet;
pub use users::{ADMIN_ID, OWN_IDS};
pub use web::{OwnCertificate, Web};

/// One workshop: who comes, and how its machines are set up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workshop {
    /// What it is called: lower-case letters, digits and hyphens.
    pub name: String,
    /// What joins the machines to one.
    pub engine: Engine,
    /// Everybody with an account.
    pub users: Users,
    /// Options for Docker on hub and nodes.
    pub docker: Docker,
    /// Where the machines find each other.
    pub network: Network,
    /// What the hub exports.
    pub homes: Homes,
    /// How nodes mount homes and shared data.
    pub autofs: Autofs,
    /// What each student's server gets.
    pub notebooks: Notebooks,
    /// Whether the hub carries notebooks too.
    pub notebooks_on_hub: bool,
    /// How the page is reached.
    pub web: Web,
    /// What students find when they come.
    pub materials: Vec<Material>,
    /// What the hub gets beside all that.
    pub hub: Extras,
    /// What each node gets beside all that.
    pub node: Extras,
    /// Public keys that may log in as the administrator; without any there is no SSH.
    pub admin_ssh_keys: Vec<String>,
    /// The machines' time zone (`Europe/Zurich`); UTC where there is none.
    pub timezone: Option<String>,
    /// The machines' locale (`de_CH.UTF-8`); the image's where there is none.
    pub locale: Option<String>,
    /// When golden images get security updates.
    pub security_updates: SecurityUpdates,
}

/// A workshop file with comments that is valid as it stands.
pub const EXAMPLE: &str = include_str!("example.yaml");

impl Workshop {
    /// The workshop of a person who has written nothing.
    #[must_use]
    pub fn default_workshop() -> Self {
        Self { name: "training".into(), users: Users::usual(), ..Self::default() }
    }
}

/// When security updates are installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecurityUpdates {
    /// When an instance boots for the first time, before its workshop starts.
    #[default]
    AtFirstBoot,
    /// Only by building a new image.
    Never,
}
