//! `imagegen doctor`.

use super::build::{PLACE_OPTIONS, everything, lacking};
use crate::build::{Places, Store};
use crate::failure::{Failure, Result, Shortage};
use crate::host::tools;
use crate::rehearsal;
use crate::report;

/// Runs the command.
pub fn run() -> Result<()> {
    let places = Places { output: "dist".into(), store: Store::of_user()? };
    let build = lacking(&everything()?, &places, PLACE_OPTIONS);
    let registries = tools::lacking_for_registries();
    let rehearsal = tools::lacking_for_rehearsal(rehearsal::memory(1, 0));
    report::say(&verdict("imagegen build", &build));
    report::say(&verdict("imagegen build with containers of a registry", &registries));
    report::say(&verdict("imagegen rehearse", &rehearsal));
    let mut all = build;
    all.extend(registries);
    all.extend(rehearsal.into_iter().filter(|shortage| !all.contains(shortage)).collect::<Vec<_>>());
    if all.is_empty() { Ok(()) } else { Err(Failure::Host(all)) }
}

fn verdict(command: &str, lacking: &[Shortage]) -> String {
    match lacking.len() {
        0 => format!("{command}: all it needs is here"),
        1 => format!("{command}: 1 thing is missing"),
        more => format!("{command}: {more} things are missing"),
    }
}
