//! What is in a finished image, read without mounting it.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow};
use ext4_view::{Ext4, Ext4Read, FileType, Metadata};
use sha2::Sha256;

use super::archive::ImageArchive;
use super::checked;
use super::rootfs::relative;
use crate::failure::Result;
use crate::host::signals;
use crate::plan::difference::{Entry, Listing};

/// A type of inode has a name in the words of a person.
const KINDS: [(FileType, &str); 7] = [
    (FileType::Regular, "file"),
    (FileType::Directory, "folder"),
    (FileType::Symlink, "link"),
    (FileType::CharacterDevice, "character device"),
    (FileType::BlockDevice, "block device"),
    (FileType::Fifo, "pipe"),
    (FileType::Socket, "socket"),
];

/// A part of a disk.
struct Part {
    disk: std::fs::File,
    start: u64,
}

impl Ext4Read for Part {
    fn read(
        &mut self,
        start: u64,
        target: &mut [u8],
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.disk.seek(SeekFrom::Start(self.start + start))?;
        Ok(self.disk.read_exact(target)?)
    }
}

/// A file in the file system, as a reader.
struct Content(ext4_view::File);

impl Read for Content {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_bytes(target).map_err(std::io::Error::other)
    }
}

/// The root file system of a raw disk, and the hash of all that is before it: partition table and boot loader.
pub(super) fn of_disk(disk: &Path) -> Result<(Listing, String)> {
    let table = gpt::GptConfig::new().open(disk).context("reading the partition table")?;
    let partitions = table.partitions();
    let root =
        partitions.values().find(|partition| partition.part_type_guid == gpt::partition_types::LINUX_FS);
    let start = root.context("the disk has no root file system")?.first_lba * crate::plan::disk::SECTOR;
    let file = fs_err::File::open(disk)?.into_parts().0;
    let before = hash(&mut (&file).take(start))?;
    let system = Ext4::load(Box::new(Part { disk: file, start })).context("reading the root file system")?;
    let mut listing = Listing::new();
    walk(&system, "", &mut listing)?;
    Ok((listing, before))
}

fn walk(system: &Ext4, folder: &str, listing: &mut Listing) -> Result<()> {
    signals::check()?;
    let told = || format!("reading /{folder}");
    let entries = system.read_dir(format!("/{folder}").as_str()).with_context(told)?;
    for entry in entries {
        let entry = entry.with_context(told)?;
        let name = entry.file_name().display().to_string();
        if name == "." || name == ".." {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let metadata = entry.metadata().with_context(told)?;
        listing.insert(path.clone(), entry_of(system, &path, &metadata)?);
        if metadata.is_dir() {
            walk(system, &path, listing)?;
        }
    }
    Ok(())
}

fn entry_of(system: &Ext4, path: &str, metadata: &Metadata) -> Result<Entry> {
    let kind = KINDS.iter().find(|(kind, _)| *kind == metadata.file_type()).map_or("file", |(_, name)| *name);
    let absolute = format!("/{path}");
    let told = || format!("reading {absolute}");
    let content = match kind {
        "file" => hash(&mut Content(system.open(absolute.as_str()).with_context(told)?))?,
        "link" => system.read_link(absolute.as_str()).with_context(told)?.display().to_string(),
        _ => String::new(),
    };
    Ok(Entry {
        kind,
        mode: u32::from(metadata.mode()) & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        modified: metadata.modified().seconds(),
        // How many blocks a folder takes is not a difference to see.
        size: if kind == "folder" { 0 } else { metadata.len() },
        content,
    })
}

/// All layers of a container image, and its configuration as text.
pub(super) fn of_container(archive: &Path) -> Result<(Listing, String)> {
    let mut archive = ImageArchive::open(archive)?;
    let image = archive.image()?;
    let mut listing = Listing::new();
    for number in 0..image.diff_ids.len() {
        let mut layer = tar::Archive::new(archive.layer(&image, number)?);
        for entry in layer.entries()? {
            signals::check()?;
            let mut entry = entry?;
            let path = relative(&entry.path_bytes());
            let entry = entry_of_tar(&mut entry)?;
            listing.insert(path, entry);
        }
    }
    Ok((listing, String::from_utf8_lossy(&image.config).into_owned()))
}

fn entry_of_tar(entry: &mut tar::Entry<'_, impl Read>) -> Result<Entry> {
    let header = entry.header().clone();
    let kind = match header.entry_type() {
        tar::EntryType::Directory => "folder",
        tar::EntryType::Symlink => "link",
        tar::EntryType::Link => "hard link",
        _ => "file",
    };
    let content = match entry.link_name_bytes() {
        Some(target) => String::from_utf8_lossy(&target).into_owned(),
        None => hash(entry)?,
    };
    let number = |value: u64| u32::try_from(value).map_err(|_| anyhow!("an owner beyond all numbers"));
    Ok(Entry {
        kind,
        mode: header.mode()?,
        owner: (number(header.uid()?)?, number(header.gid()?)?),
        modified: i64::try_from(header.mtime()?).unwrap_or(i64::MAX),
        size: header.size()?,
        content,
    })
}

fn hash(reader: &mut impl Read) -> Result<String> {
    Ok(checked::hash::<Sha256>(reader)?.0)
}
