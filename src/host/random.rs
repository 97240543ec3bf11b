//! The system's source of randomness.

use anyhow::anyhow;

use crate::failure::Result;

/// Fills `bytes` with what nobody can guess.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    Ok(getrandom::fill(bytes).map_err(|error| anyhow!("no randomness: {error}"))?)
}
