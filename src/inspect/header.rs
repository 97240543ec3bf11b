//! The header of a qcow2 (QEMU's docs/interop/qcow2.rst), and what it says of the tables behind it.

use std::io::{self, Error, ErrorKind, Read, SeekFrom};

use super::disk::{Source, be32, be64};

/// `QFI\xfb`, with which every qcow2 begins.
pub(crate) const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Bytes of the header as far as we look.
const HEADER: usize = 112;
/// Cluster sizes of qcow2, as powers of two (`QCOW_MIN_CLUSTER_BITS` is 9, `QCOW_MAX_CLUSTER_BITS` 21).
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// QEMU refuses first-level tables of more bytes (`QCOW_MAX_L1_SIZE`).
const LARGEST_L1: u64 = 32 << 20;

/// The incompatible features of the format, by their bits.
pub(crate) mod feature {
    /// It was not closed, and its reference counts are not to be trusted.
    pub(crate) const DIRTY: u64 = 1;
    /// QEMU has found it corrupt.
    pub(crate) const CORRUPT: u64 = 1 << 1;
    /// The data is in another file.
    pub(crate) const DATA_FILE: u64 = 1 << 2;
    /// The compression is not zlib.
    pub(crate) const COMPRESSION: u64 = 1 << 3;
}

/// How clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Raw deflate, without zlib's header.
    Deflate,
    Zstd,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(super) version: u32,
    pub(crate) backing_file: bool,
    pub(super) encrypted: bool,
    pub(crate) features: u64,
    pub(super) snapshots: u32,
    /// The disk's size in bytes.
    pub(crate) size: u64,
    pub(super) cluster_bits: u32,
    l1_entries: u64,
    pub(super) l1_offset: u64,
    compression: u8,
}

impl Header {
    pub(crate) fn read(file: &mut dyn Source) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = vec![];
        file.take(HEADER as u64).read_to_end(&mut bytes)?;
        bytes.resize(HEADER, 0);
        let version = be32(&bytes, 4);
        // Version 2 ends before the features.
        let length = if version < 3 { 72 } else { be32(&bytes, 100) };
        Ok(Self {
            version,
            backing_file: be64(&bytes, 8) != 0,
            cluster_bits: be32(&bytes, 20),
            size: be64(&bytes, 24),
            encrypted: be32(&bytes, 32) != 0,
            l1_entries: be32(&bytes, 36).into(),
            l1_offset: be64(&bytes, 40),
            snapshots: be32(&bytes, 60),
            features: if version < 3 { 0 } else { be64(&bytes, 72) },
            compression: if length > 104 { bytes[104] } else { 0 },
        })
    }

    /// The features that Glance does not know, by its own mask (`I_FEATURES_MAX_BIT` of oslo.utils' inspector).
    pub(super) fn unknown_features(&self) -> u64 {
        self.features & !0xf
    }

    /// Whether the disk's bytes can be had from this file, as far as the header goes.
    pub(super) fn readable(&self) -> bool {
        !self.backing_file
            && !self.encrypted
            && self.features & feature::DATA_FILE == 0
            && self.unknown_features() == 0
            && matches!(self.version, 2 | 3)
    }

    pub(super) fn compression(&self) -> io::Result<Compression> {
        match (self.features & feature::COMPRESSION != 0, self.compression) {
            (false, 0) => Ok(Compression::Deflate),
            (true, 1) => Ok(Compression::Zstd),
            (_, other) => Err(damaged(format!("its compression {other} is unknown"))),
        }
    }

    pub(super) fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Entries of a second-level table, which is a cluster of numbers of 64 bits.
    pub(super) fn l2_entries(&self) -> u64 {
        self.cluster() / 8
    }

    pub(super) fn tables(&self) -> u64 {
        self.size.div_ceil(self.cluster()).div_ceil(self.l2_entries())
    }

    /// Fails where a reader would have to guess.
    pub(super) fn check(&self, file_size: u64) -> io::Result<()> {
        if !CLUSTER_BITS.contains(&self.cluster_bits) {
            return Err(damaged(format!("its clusters would have 2^{} bytes", self.cluster_bits)));
        }
        let bytes = self.l1_entries.saturating_mul(8);
        if self.l1_entries < self.tables() || bytes > LARGEST_L1 {
            return Err(damaged(format!(
                "its first table has {} entries for {} bytes",
                self.l1_entries, self.size
            )));
        }
        if !self.l1_offset.is_multiple_of(self.cluster()) || self.l1_offset.saturating_add(bytes) > file_size
        {
            return Err(damaged("its first table lies behind the end of the file".into()));
        }
        Ok(())
    }
}

pub(super) fn damaged(what: String) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
