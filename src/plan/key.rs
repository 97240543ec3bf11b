//! What stages and their results are known by.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::recipe::Reference;
use crate::util::hex;

/// The hash of everything that goes into a stage, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CacheKey(String);

impl CacheKey {
    /// The hash of `inputs`.
    ///
    /// # Panics
    /// Never: the inputs are plain values that JSON can hold.
    pub fn of(inputs: &impl Serialize) -> Self {
        let text = serde_json::to_vec(inputs).expect("plain values are JSON");
        Self(hex(&Sha256::digest(text)))
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it for a person.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// What is known by its own hash already.
    pub(super) fn of_content(reference: &Reference) -> Self {
        Self(reference.digest.rsplit(':').next().unwrap_or_default().to_owned())
    }
}
