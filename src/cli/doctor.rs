//! What `imagegen doctor` takes.

use clap::Args;

/// Arguments of `imagegen doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Print the Debian packages that building and rehearsing need, one a line, without checking this machine
    #[arg(long, conflicts_with = "json")]
    pub packages: bool,
}
