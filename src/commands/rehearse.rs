//! `imagegen rehearse`.

use crate::cli::RehearseArgs;
use crate::failure::Result;

/// Runs the command.
pub fn run(_args: &RehearseArgs) -> Result<()> {
    Ok(())
}
