//! Hashing what is read, to the end.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::failure::Result;
use crate::recipe::hex;

/// A reader that hashes what it gives.
pub(super) struct Checked<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// The SHA-256 of all there is, what nobody has read yet included, in hexadecimal.
    pub(super) fn sha256(mut self) -> Result<String> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(hex(&self.hash.finalize()))
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
