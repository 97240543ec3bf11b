//! Parse, run, show the error, give the exit code.

use std::process::ExitCode;

use clap::Parser;
use imagegen::{cli::Cli, commands, report};

fn main() -> ExitCode {
    match commands::run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report::failure(&failure),
    }
}
