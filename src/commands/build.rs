//! `imagegen build`.

use crate::cli::BuildArgs;
use crate::failure::Result;

/// Runs the command.
pub fn run(_args: &BuildArgs) -> Result<()> {
    Ok(())
}
