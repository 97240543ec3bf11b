//! One file per verb.

mod build;
mod doctor;
mod hub;
mod inputs;
mod man;
mod node;
mod rehearse;

use crate::cli::Command;
use crate::failure::Result;

/// Runs one command to its end.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Hub(args) => hub::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Rehearse(args) => rehearse::run(&args),
        Command::Doctor => doctor::run(),
        Command::Completions { shell } => man::completions(shell),
        Command::Man { folder } => man::pages(&folder),
    }
}
