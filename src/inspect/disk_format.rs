//! What kind of file an image is, and the disk in it.

use std::io::{self, Read, Seek, SeekFrom};

use super::disk::{Disk, Source};
use super::header::{Header, MAGIC};
use super::qcow2::Qcow2;

/// Bytes at the beginning that tell formats apart: up to the volume descriptor of ISO 9660.
const BEGINNING: u64 = 0x8000 + 6;

/// Formats that are recognised and not read: by the place of a mark, the mark, and what it is called.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"KDMV", "a VMDK"),
    (0, b"# Disk DescriptorFile", "a VMDK"),
    (0, b"vhdxfile", "a VHDX"),
    (0, b"conectix", "a VHD"),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI"),
    (0, b"QED\0", "a QED"),
    (0, b"LUKS\xba\xbe", "an encrypted disk (LUKS)"),
    (0, b"\xfd7zXZ\0", "compressed by xz"),
    (0, b"\x1f\x8b", "compressed by gzip"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (0, b"BZh", "compressed by bzip2"),
    (0x101, b"ustar", "a tar"),
    (0x8001, b"CD001", "an ISO 9660 image"),
];

/// What an image's file is.
#[derive(Debug)]
pub(super) enum Format {
    /// The disk's bytes as they are.
    Raw,
    /// A qcow2.
    Qcow2(Header),
    /// Something else, which is called this.
    Other(&'static str),
}

/// An image's file.
#[derive(Debug)]
pub(super) struct DiskFormat {
    pub(super) format: Format,
    /// Bytes of the file.
    pub(super) file_size: u64,
    /// What is wrong with the file's own structure.
    pub(super) faults: Vec<String>,
    /// The disk in it, where it can be read.
    pub(super) disk: Option<Disk>,
}

impl DiskFormat {
    /// Fails where the file itself cannot be read; whatever is wrong with its content is a fault.
    pub(super) fn open(mut file: Box<dyn Source>) -> io::Result<Self> {
        let file_size = file.seek(SeekFrom::End(0))?;
        let format = recognise(&mut *file)?;
        let mut container = Self { format, file_size, faults: vec![], disk: None };
        match &container.format {
            Format::Raw if file_size > 0 => container.disk = Some(Disk::new(file)?),
            Format::Qcow2(header) if header.readable() => {
                let opened = Qcow2::open(file, header.clone());
                let looked = opened.and_then(|mut disk| Ok((disk.faults()?, Disk::new(Box::new(disk))?)));
                match looked {
                    Ok((faults, disk)) if faults.is_empty() => container.disk = Some(disk),
                    // What would be said of the rest of it follows from that.
                    Ok((faults, _)) => container.faults = faults,
                    Err(error) => container.faults.push(error.to_string()),
                }
            }
            _ => {}
        }
        Ok(container)
    }

    /// What the format is called.
    pub(super) fn name(&self) -> &'static str {
        match self.format {
            Format::Raw => "raw",
            Format::Qcow2(_) => "qcow2",
            Format::Other(name) => name,
        }
    }
}

fn recognise(file: &mut dyn Source) -> io::Result<Format> {
    file.seek(SeekFrom::Start(0))?;
    let mut beginning = vec![];
    file.take(BEGINNING).read_to_end(&mut beginning)?;
    if beginning.starts_with(&MAGIC) {
        return Ok(Format::Qcow2(Header::read(file)?));
    }
    let marked =
        |place: usize, mark: &[u8]| beginning.get(place..).is_some_and(|rest| rest.starts_with(mark));
    let other = OTHERS.iter().find(|(place, mark, _)| marked(*place, mark));
    Ok(other.map_or(Format::Raw, |(_, _, name)| Format::Other(name)))
}
