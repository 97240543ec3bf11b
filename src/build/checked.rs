//! Hashing what is read, to the end.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use crate::failure::Result;
use crate::host::signals;
use crate::util::hex;

const BUFFER: usize = 1 << 16;

/// Hash in hexadecimal, and size in bytes, of all that a reader gives.
pub(super) fn hash<Hash: Digest>(reader: &mut impl Read) -> Result<(String, u64)> {
    copy::<Hash>(reader, &mut std::io::sink())
}

/// The same, of what is also written to `writer`.
pub(super) fn copy<Hash: Digest>(reader: &mut impl Read, writer: &mut impl Write) -> Result<(String, u64)> {
    let mut hash = Hash::new();
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        signals::check()?;
        match reader.read(&mut buffer)? {
            0 => return Ok((hex(&hash.finalize()), bytes)),
            read => {
                hash.update(&buffer[..read]);
                writer.write_all(&buffer[..read])?;
                bytes += read as u64;
            }
        }
    }
}

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
