//! Parse, run, show the error, give the exit code.

use std::process::ExitCode;

use clap::Parser;
use imagegen::cli::{Cli, manual};
use imagegen::{commands, report};

/// The exit code of a wrong command line, which clap gives too.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let Cli { color, command } = Cli::parse();
    report::set_colour(color);
    let Some(command) = command else {
        report::say(manual::FIRST_STEPS);
        return ExitCode::from(USAGE);
    };
    match commands::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report::failure(&failure),
    }
}
