//! A disk that several readers share, and windows into it.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug, Formatter};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use crate::plan::disk::Extent;

/// Anything that a disk can be read from.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// A disk by its bytes, whatever format its image has.
#[derive(Clone)]
pub(super) struct Disk {
    source: Rc<RefCell<Box<dyn Source>>>,
    size: u64,
}

impl Disk {
    pub(super) fn new(mut source: Box<dyn Source>) -> io::Result<Self> {
        let size = source.seek(SeekFrom::End(0))?;
        Ok(Self { source: Rc::new(RefCell::new(source)), size })
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// `length` bytes from `start` on, which must all be there; `length` is a number of ours and never one of the image.
    pub(super) fn bytes(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.fill(start, &mut bytes)?;
        Ok(bytes)
    }

    fn fill(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut source = self.source.borrow_mut();
        source.seek(SeekFrom::Start(start))?;
        source.read_exact(bytes)
    }

    /// A stretch of the disk as a disk of its own; what lies behind the disk's end cannot be read.
    pub(super) fn window(&self, extent: Extent) -> Window {
        let start = extent.start.min(self.size);
        let size = extent.size.min(self.size - start);
        Window { disk: self.clone(), start, size, position: 0 }
    }
}

impl Debug for Disk {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Disk").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A stretch of a disk.
#[derive(Debug)]
pub(super) struct Window {
    disk: Disk,
    start: u64,
    size: u64,
    position: u64,
}

impl Window {
    /// Fills `bytes` from `start` on, or fails.
    pub(super) fn fill(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        let end = start.checked_add(bytes.len() as u64).filter(|end| *end <= self.size);
        end.ok_or(ErrorKind::UnexpectedEof)?;
        self.disk.fill(self.start + start, bytes)
    }
}

impl Read for Window {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.fill(self.position.min(self.size), &mut bytes[..length])?;
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek(self.position, self.size, to)?;
        Ok(self.position)
    }
}

/// A window of which only so much may be read, by a crate that goes wherever an image leads it.
#[derive(Debug)]
pub(super) struct Allowed {
    window: Window,
    allowance: Rc<Cell<u64>>,
    /// What is said when no more may be read.
    beyond: &'static str,
}

impl Allowed {
    pub(super) fn new(window: Window, bytes: u64, beyond: &'static str) -> Self {
        Self { window, allowance: Rc::new(Cell::new(bytes)), beyond }
    }

    /// The bytes that may still be read, which can be changed.
    pub(super) fn allowance(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.allowance)
    }

    /// Fills `bytes` from `start` on, or fails.
    pub(super) fn fill(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.spend(bytes.len())?;
        self.window.fill(start, bytes)
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let left = self.allowance.get().checked_sub(bytes as u64);
        self.allowance.set(left.ok_or_else(|| io::Error::other(self.beyond))?);
        Ok(())
    }
}

impl Read for Allowed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.window.read(bytes)?;
        self.spend(length)?;
        Ok(length)
    }
}

impl Seek for Allowed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.window.seek(to)
    }
}

/// The crate that reads FAT wants to be able to write; nothing is ever written.
impl Write for Allowed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a seek leads in something of `size` bytes.
pub(super) fn seek(position: u64, size: u64, to: SeekFrom) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(target) => Some(target),
        SeekFrom::End(offset) => size.checked_add_signed(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
    };
    target.ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// A little-endian number of 16 bits at `offset`; 0 behind the end.
pub(super) fn le16(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(array(bytes, offset))
}

/// A little-endian number of 32 bits at `offset`; 0 behind the end.
pub(super) fn le32(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array(bytes, offset))
}

/// A little-endian number of 64 bits at `offset`; 0 behind the end.
pub(super) fn le64(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array(bytes, offset))
}

/// A big-endian number of 32 bits at `offset`; 0 behind the end.
pub(super) fn be32(bytes: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(array(bytes, offset))
}

/// A big-endian number of 64 bits at `offset`; 0 behind the end.
pub(super) fn be64(bytes: &[u8], offset: usize) -> u64 {
    u64::from_be_bytes(array(bytes, offset))
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let slice = bytes.get(offset..).and_then(|rest| rest.get(..N));
    slice.and_then(|slice| slice.try_into().ok()).unwrap_or([0; N])
}
