//! Every command and flag that a page names exists.

use std::collections::BTreeSet;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};
use imagegen::cli::Cli;

use super::{Page, pages};
use crate::project;

/// Flags of other programs that pages name, with the script that reads them.
const OTHERS: [(&str, &str); 1] = [("--loaded", ".ci/rehearsals")];

/// The first thing that is wrong with a command line of imagegen.
fn fault(line: &str) -> Option<String> {
    let words = shlex::split(line)?;
    let words = words.into_iter().take_while(|word| !word.starts_with(['>', '<']));
    let error = Cli::command().try_get_matches_from(words).err()?;
    match error.kind() {
        // A page may name a verb without what it needs.
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        _ => Some(error.to_string()),
    }
}

/// The command lines of imagegen in a line of shell, or in one of a pipeline.
fn commands(line: &str) -> Vec<String> {
    let parts = line.split("&&").flat_map(|part| part.split(['|', ';'])).map(str::trim);
    let parts = parts.map(|part| part.trim_start_matches(['$', '-', ' ']));
    let parts = parts.filter_map(|part| {
        let (program, _) = part.split_once(' ').unwrap_or((part, ""));
        (program.rsplit('/').next() == Some("imagegen")).then(|| part.to_owned())
    });
    parts.collect()
}

/// All command lines of a page, each with its place.
fn all_of(page: &Page) -> Vec<(String, String)> {
    let in_blocks = page.lines.iter().filter(|line| line.block.is_some());
    let in_blocks = in_blocks.map(|line| (page.place(line), line.text.clone()));
    let lines = in_blocks.chain(page.code()).filter(|(_, line)| line.trim() != "imagegen");
    lines.flat_map(|(place, line)| commands(&line).into_iter().map(move |it| (place.clone(), it))).collect()
}

#[test]
fn every_command_of_a_page_can_be_typed() {
    let commands: Vec<_> = pages().iter().flat_map(all_of).collect();
    assert!(commands.len() > 30, "{commands:?}");
    let faults = commands.iter().filter_map(|(place, line)| Some((place, line, fault(line)?)));
    let faults: Vec<_> = faults.map(|(place, line, fault)| format!("{place}: {line}\n{fault}")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn flags(command: &Command, all: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        all.extend(argument.get_long().map(|long| format!("--{long}")));
        all.extend(argument.get_short().map(|short| format!("-{short}")));
    }
    command.get_subcommands().for_each(|inner| flags(inner, all));
}

/// Whether a piece of code begins with a flag, unlike a list of YAML.
fn is_flag(code: &str) -> bool {
    code.starts_with('-') && !code.starts_with("- ")
}

#[test]
fn every_flag_of_a_page_exists() {
    let mut known = BTreeSet::new();
    flags(&Cli::command(), &mut known);
    for (flag, script) in OTHERS {
        assert!(std::fs::read_to_string(project(script)).unwrap().contains(flag), "{script}: {flag}");
        known.insert(flag.to_owned());
    }
    let pages = pages();
    let named = pages.iter().flat_map(Page::code).filter(|(_, code)| is_flag(code));
    let missing: Vec<_> =
        named.filter(|(_, code)| !known.contains(code.split(' ').next().unwrap_or_default())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_command_that_does_not_exist_is_noticed() {
    assert_eq!(commands("$ imagegen users | head -n 3"), ["imagegen users"]);
    assert_eq!(commands("- .ci/setup && target/release/imagegen build all").len(), 1);
    assert_eq!(fault("imagegen build"), None);
    assert_eq!(fault("imagegen authority > authority.crt"), None);
    assert!(fault("imagegen frobnicate").is_some());
    assert!(fault("imagegen hub --frobnicate").is_some());
}
