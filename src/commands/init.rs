//! `imagegen init`.

use std::path::{Path, PathBuf};

use super::{findings, inputs};
use crate::cli::InitArgs;
use crate::failure::Result;
use crate::host::files;
use crate::report;
use crate::workshop;

/// Runs the command.
pub fn run(args: &InitArgs) -> Result<()> {
    let name = args.file.display().to_string();
    if let Some(other) = same_workshop(&args.file).find(|path| files::is_there(path)) {
        return Err(findings::file_is_there(&other.display().to_string()).into());
    }
    if !files::folder_of(&args.file).is_dir() {
        return Err(findings::no_folder_for(&name).into());
    }
    files::create(&args.file, workshop::EXAMPLE, 0o644)?;
    report::say(&format!("{name} is a workshop for 30 students. Change it, then run `imagegen check`."));
    Ok(())
}

/// The file, and the one that would be read beside it where it has one of the names that are read without being asked for.
fn same_workshop(file: &Path) -> impl Iterator<Item = PathBuf> {
    let usual = inputs::WORKSHOPS.iter().any(|name| file.ends_with(name));
    let beside = inputs::WORKSHOPS.iter().filter(move |_| usual).map(|name| file.with_file_name(name));
    std::iter::once(file.to_owned()).chain(beside)
}
