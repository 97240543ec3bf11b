//! `imagegen doctor`.

use crate::failure::Result;

/// Runs the command.
pub fn run() -> Result<()> {
    Ok(())
}
