//! What says where the workshop is and where its texts go, and the verbs about its users and secrets.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where the workshop is described.
#[derive(Debug, Clone, Args)]
pub struct WorkshopArgs {
    /// The workshop file; without it `./workshop.yaml` or `./workshop.yml`, and 30 students where there is neither
    #[arg(long, value_name = "FILE")]
    pub workshop: Option<PathBuf>,
    /// The secrets file, made on first use; by default `workshop.secrets.yaml` beside the workshop file
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

/// Where a text goes that holds secrets.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Write to this file, which only you can read, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How users are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserFormat {
    /// A table for people
    Text,
    /// A table for spreadsheets
    Csv,
    /// A table for programs
    Json,
    /// HTML to print: eight cards on a page of A4, each with address, name, password and fingerprint
    Cards,
}

/// Arguments of `imagegen users`.
#[derive(Debug, Args)]
pub struct UsersArgs {
    /// How to print them
    #[arg(long, value_enum, default_value_t = UserFormat::Text)]
    pub format: UserFormat,
    /// Add the passwords to a table; cards have them always
    #[arg(long)]
    pub passwords: bool,
    /// The hub's address for the cards; by default `network.hub_name` or `network.hub_ip` of the workshop file
    #[arg(long, value_name = "NAME")]
    pub address: Option<String>,
    /// Where they go.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}

/// Arguments of `imagegen authority`.
#[derive(Debug, Args)]
pub struct AuthorityArgs {
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}

/// Arguments of `imagegen restore-secrets`.
#[derive(Debug, Args)]
pub struct RestoreSecretsArgs {
    /// The hub's user-data, as `imagegen hub` printed it or the cloud shows it; `-` is standard input
    #[arg(value_name = "FILE")]
    pub text: PathBuf,
    /// The workshop.
    #[command(flatten)]
    pub workshop: WorkshopArgs,
}
