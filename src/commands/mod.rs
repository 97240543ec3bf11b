//! One file per verb.

mod advisories;
mod authority;
mod build;
mod cache;
mod check;
mod doctor;
mod findings;
mod hub;
mod init;
mod inputs;
mod inspect;
mod man;
mod node;
mod output;
mod rehearse;
mod restore_secrets;
mod userdata;
mod users;
mod verify;

use crate::cli::Command;
use crate::failure::Result;
use crate::host::reaper;
use crate::report;
use crate::workshop::schema;

/// Runs one command to its end.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Hub(args) => hub::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Users(args) => users::run(&args),
        Command::Authority(args) => authority::run(&args),
        Command::RestoreSecrets(args) => restore_secrets::run(&args),
        Command::Schema => report::data(schema::TEXT),
        Command::Build(args) => build::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Rehearse(args) => rehearse::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Keep => {
            reaper::keep(std::io::stdin().lock());
            Ok(())
        }
        Command::Version => report::data(&format!("imagegen {}\n", crate::util::VERSION)),
        Command::Completions { shell } => man::completions(shell),
        Command::Man { folder } => man::pages(&folder),
    }
}
