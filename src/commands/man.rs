//! `imagegen completions` and `imagegen man`: both made from the same clap types as the help.

use std::path::Path;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::failure::Result;
use crate::report;

/// Prints the completion script for `shell`.
pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "imagegen", &mut script);
    report::data(&String::from_utf8_lossy(&script))
}

/// Writes one man page per verb into `folder`.
pub fn pages(folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    report::say(&format!("man pages written to {}", folder.display()));
    Ok(())
}
