//! `imagegen hub`.

use crate::cli::HubArgs;
use crate::failure::Result;

/// Runs the command.
pub fn run(_args: &HubArgs) -> Result<()> {
    Ok(())
}
