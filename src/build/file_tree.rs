//! What is in a finished image, read without mounting it.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow};
use ext4_view::{Ext4, Ext4Read, FileType, Metadata};
use sha2::Sha256;

use super::archive::ImageArchive;
use super::checked;
use super::names;
use super::tarball;
use crate::failure::Result;
use crate::host::signals;
use crate::plan::difference::{FileEntry, FileTree};

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
struct Ext4Content(ext4_view::File);

impl Read for Ext4Content {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_bytes(target).map_err(std::io::Error::other)
    }
}

/// The file system that begins at a byte of a raw disk.
pub(super) fn open(disk: std::fs::File, start: u64) -> Result<Ext4> {
    Ok(Ext4::load(Box::new(Part { disk, start })).context("reading the root file system")?)
}

/// The root file system of a raw disk, and the hash of all that is before it: partition table and boot loader.
pub(super) fn of_disk(disk: &Path) -> Result<(FileTree, String)> {
    let table = gpt::GptConfig::new().open(disk).context("reading the partition table")?;
    let partitions = table.partitions();
    let root =
        partitions.values().find(|partition| partition.part_type_guid == gpt::partition_types::LINUX_FS);
    let start = root.context("the disk has no root file system")?.first_lba * crate::plan::disk::SECTOR;
    let file = fs_err::File::open(disk)?.into_parts().0;
    let before = hash(&mut (&file).take(start))?;
    let mut tree = FileTree::new();
    walk(&open(file, start)?, b"/", &mut tree)?;
    Ok((tree, before))
}

/// Notes what is in a folder, whose path ends with a slash.
fn walk(system: &Ext4, folder: &[u8], tree: &mut FileTree) -> Result<()> {
    signals::check()?;
    let told = || format!("reading {}", names::shown(folder));
    for entry in system.read_dir(folder).with_context(told)? {
        let entry = entry.with_context(told)?;
        let name = entry.file_name().as_ref().to_vec();
        if name == b"." || name == b".." {
            continue;
        }
        let mut path = [folder, name.as_slice()].concat();
        let metadata = entry.metadata().with_context(told)?;
        tree.insert(names::shown(&path[1..]), entry_of(system, &path, &metadata)?);
        if metadata.is_dir() {
            path.push(b'/');
            walk(system, &path, tree)?;
        }
    }
    Ok(())
}

fn entry_of(system: &Ext4, path: &[u8], metadata: &Metadata) -> Result<FileEntry> {
    let kind = KINDS.iter().find(|(kind, _)| *kind == metadata.file_type()).map_or("file", |(_, name)| *name);
    let told = || format!("reading {}", names::shown(path));
    let content = match kind {
        "file" => hash(&mut Ext4Content(system.open(path).with_context(told)?))?,
        "link" => names::shown(system.read_link(path).with_context(told)?.as_ref()),
        _ => String::new(),
    };
    Ok(FileEntry {
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
pub(super) fn of_container(archive: &Path) -> Result<(FileTree, String)> {
    let mut archive = ImageArchive::open(archive)?;
    let image = archive.image()?;
    let mut tree = FileTree::new();
    for number in 0..image.diff_ids.len() {
        let mut layer = tar::Archive::new(archive.layer(&image, number)?);
        for entry in layer.entries()? {
            signals::check()?;
            let mut entry = entry?;
            let path = names::relative(&entry.path_bytes());
            let entry = entry_of_tar(&mut entry)?;
            tree.insert(path, entry);
        }
    }
    Ok((tree, String::from_utf8_lossy(&image.config).into_owned()))
}

fn entry_of_tar(entry: &mut tar::Entry<'_, impl Read>) -> Result<FileEntry> {
    let header = tarball::header_of(entry)?;
    let kind = match header.entry_type() {
        tar::EntryType::Directory => "folder",
        tar::EntryType::Symlink => "link",
        tar::EntryType::Link => "hard link",
        _ => "file",
    };
    let content = match entry.link_name_bytes() {
        Some(target) => names::shown(&target),
        None => hash(entry)?,
    };
    let number = |value: u64| u32::try_from(value).map_err(|_| anyhow!("an owner beyond all numbers"));
    Ok(FileEntry {
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
