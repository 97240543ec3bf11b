//! `imagegen verify`.

use crate::cli::VerifyArgs;
use crate::failure::Result;

/// Runs the command.
pub fn run(_args: &VerifyArgs) -> Result<()> {
    Ok(())
}
