//! `imagegen doctor`.

use anyhow::Context;
use serde_json::{Value, json};

use super::build::{PLACE_OPTIONS, everything, lacking};
use crate::build::{BuildDirs, Cache};
use crate::cli::DoctorArgs;
use crate::failure::{Failure, MissingPrerequisite, Result};
use crate::host::tools;
use crate::rehearsal;
use crate::report;

/// Runs the command.
pub fn run(args: &DoctorArgs) -> Result<()> {
    if args.packages {
        let lines = tools::required_packages().into_iter().map(|package| format!("{package}\n"));
        return report::data(&lines.collect::<String>());
    }
    let dirs = BuildDirs { output: "dist".into(), cache: Cache::open_default()? };
    let lacking = [
        ("imagegen build", lacking(&everything()?, &dirs, PLACE_OPTIONS)),
        ("imagegen build with containers of a registry", tools::missing_for_registries()),
        ("imagegen rehearse", tools::missing_for_rehearsal(rehearsal::memory(1, 0))),
    ];
    if args.json {
        report::data(&as_json(&lacking)?)?;
    }
    for (command, lacking) in &lacking {
        report::say(&verdict(command, lacking));
    }
    let mut all: Vec<MissingPrerequisite> = vec![];
    for shortage in lacking.into_iter().flat_map(|(_, lacking)| lacking) {
        if !all.contains(&shortage) {
            all.push(shortage);
        }
    }
    if all.is_empty() { Ok(()) } else { Err(Failure::Host(all)) }
}

fn as_json(lacking: &[(&str, Vec<MissingPrerequisite>)]) -> Result<String> {
    let missing = |it: &MissingPrerequisite| json!({ "message": it.what, "fix": it.remedy });
    let commands = lacking.iter().map(|(command, lacking)| {
        let missing: Value = lacking.iter().map(missing).collect();
        json!({ "command": command, "missing": missing })
    });
    let value = json!({ "format": 1, "commands": commands.collect::<Value>() });
    Ok(serde_json::to_string_pretty(&value).context("writing the missing prerequisites")? + "\n")
}

fn verdict(command: &str, lacking: &[MissingPrerequisite]) -> String {
    match lacking.len() {
        0 => format!("{command}: nothing is missing"),
        1 => format!("{command}: 1 thing is missing"),
        more => format!("{command}: {more} things are missing"),
    }
}
