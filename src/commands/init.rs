//! `imagegen init`.

use crate::cli::InitArgs;
use crate::failure::Result;
use crate::host::files;
use crate::report;
use crate::workshop::{self, findings};

/// Runs the command.
pub fn run(args: &InitArgs) -> Result<()> {
    let name = args.file.display().to_string();
    if args.file.exists() {
        return Err(findings::file_is_there(&name).into());
    }
    files::create(&args.file, workshop::EXAMPLE, 0o644)?;
    report::say(&format!("{name} is a workshop for 30 students. Change it, then run `imagegen check`."));
    Ok(())
}
