//! Where new secrets come from: a workshop is read and written without the machine, so its caller brings the randomness.

use crate::failure::Result;

/// Fills bytes with what nobody can guess.
pub type Random = fn(&mut [u8]) -> Result<()>;
