//! `imagegen node`.

use crate::cli::NodeArgs;
use crate::failure::Result;

/// Runs the command.
pub fn run(_args: &NodeArgs) -> Result<()> {
    Ok(())
}
