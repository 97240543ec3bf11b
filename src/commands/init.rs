//! `imagegen init`.

use crate::cli::InitArgs;
use crate::failure::Result;
use crate::host::files;
use crate::report;
use crate::workshop::{self, findings};

/// Runs the command.
pub fn run(args: &InitArgs) -> Result<()> {
    let name = args.file.display().to_string();
    // A link that leads nowhere is there, too.
    if args.file.symlink_metadata().is_ok() {
        return Err(findings::file_is_there(&name).into());
    }
    if !files::folder_of(&args.file).is_dir() {
        return Err(findings::no_folder_for(&name).into());
    }
    files::create(&args.file, workshop::EXAMPLE, 0o644)?;
    report::say(&format!("{name} is a workshop for 30 students. Change it, then run `imagegen check`."));
    Ok(())
}
