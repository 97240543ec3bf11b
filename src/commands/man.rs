//! `imagegen completions` and `imagegen man`: both made from the same clap types as the help.

use std::io;
use std::path::Path;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::manual::{self, Entry};
use crate::cli::visible_commands;
use crate::failure::Result;
use crate::report;

/// Prints the completion script for `shell`.
pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible_commands(), "imagegen", &mut script);
    report::data(&String::from_utf8_lossy(&script))
}

/// Writes one man page per command into `folder`.
pub fn pages(folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    let mut command = visible_commands().disable_help_subcommand(true);
    command.build();
    write_pages(&command, folder)?;
    report::say(&format!("man pages written to {}", folder.display()));
    Ok(())
}

fn write_pages(command: &clap::Command, folder: &Path) -> Result<()> {
    command.get_subcommands().try_for_each(|subcommand| write_pages(subcommand, folder))?;
    let man = Man::new(command.clone());
    fs_err::write(folder.join(man.get_filename()), page(&man, command)?)?;
    Ok(())
}

fn page(man: &Man, command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = vec![];
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    sections(name).to_writer(&mut page)?;
    Ok(page)
}

/// What clap knows nothing of.
fn sections(page: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    for (purpose, line) in manual::examples(page) {
        item(&mut roff, vec![roman(format!("{purpose}:"))], line);
    }
    listed(&mut roff, "FILES", manual::entries_for(&manual::FILES, page));
    listed(&mut roff, "ENVIRONMENT", manual::entries_for(&manual::ENVIRONMENT, page));
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in manual::EXIT_STATUS {
        item(&mut roff, vec![bold(code)], meaning);
    }
    roff
}

fn listed<'a>(roff: &mut Roff, heading: &str, entries: impl Iterator<Item = &'a Entry>) {
    let mut entries = entries.peekable();
    if entries.peek().is_some() {
        roff.control("SH", [heading]);
    }
    for (name, _, meaning) in entries {
        item(roff, vec![bold(*name)], meaning);
    }
}

fn item(roff: &mut Roff, tag: Vec<clap_mangen::roff::Inline>, text: &str) {
    roff.control("TP", []).text(tag).text([roman(text)]);
}
