//! Whether a file system has what was written into it: the names, kinds, modes, owners and sizes of all files, and no
//! others. What makes a file system of a tar may read the tar otherwise than it was meant.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use ext4_view::{Ext4, FileType, Metadata};
use tar::{EntryType, Header};

use super::names;
use crate::failure::Result;
use crate::host::signals;

/// What mke2fs makes of its own accord.
const OWN: &[u8] = b"lost+found";
/// Differences that are told.
const TOLD: usize = 20;

/// What is said of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    kind: &'static str,
    mode: u32,
    owner: (u64, u64),
    size: u64,
}

/// The entries of a tar by name, of which the last counts.
#[derive(Debug, Default)]
pub(super) struct Written(BTreeMap<Vec<u8>, Said>);

impl Written {
    /// Notes an entry. A hard link is what it leads to, and gets its mode and owner.
    pub(super) fn note(&mut self, name: &[u8], target: Option<&[u8]>, header: &mut Header) -> Result<()> {
        let linked = target.filter(|_| header.entry_type().is_hard_link()).and_then(|it| self.0.get(it));
        let said = match linked.cloned() {
            Some(said) => {
                header.set_mode(said.mode);
                header.set_uid(said.owner.0);
                header.set_gid(said.owner.1);
                said
            }
            None => Said::of_header(header, target)?,
        };
        self.0.insert(name.to_vec(), said);
        Ok(())
    }

    /// Fails with what is otherwise in a file system.
    pub(super) fn ensure_in(&self, system: &Ext4) -> Result<()> {
        let mut found = BTreeMap::new();
        walk(system, &[], &mut found)?;
        let missing = self.0.keys().filter(|name| !found.contains_key(*name));
        let missing = missing.map(|name| format!("/{} is missing", names::quoted(name)));
        let others = found.iter().filter_map(|(name, is)| match self.0.get(name) {
            Some(said) if said == is => None,
            Some(said) => {
                Some(format!("/{} is {}, but was written as {}", names::quoted(name), is.told(), said.told()))
            }
            None => Some(format!("/{} was not written", names::quoted(name))),
        });
        let differences: Vec<String> = missing.chain(others).take(TOLD).collect();
        if differences.is_empty() {
            return Ok(());
        }
        Err(anyhow!("the file system differs from what was written:\n  {}", differences.join("\n  ")).into())
    }
}

impl Said {
    fn of_header(header: &Header, target: Option<&[u8]>) -> Result<Self> {
        let (kind, size) = match header.entry_type() {
            EntryType::Directory => ("a folder", 0),
            // Mode and owner of a link mean nothing.
            EntryType::Symlink => return Ok(Self::link(target.map_or(0, <[u8]>::len) as u64)),
            EntryType::Char => ("a character device", 0),
            EntryType::Block => ("a block device", 0),
            EntryType::Fifo => ("a pipe", 0),
            _ => ("a file", header.size()?),
        };
        Ok(Self { kind, mode: header.mode()? & 0o7777, owner: (header.uid()?, header.gid()?), size })
    }

    fn of_inode(inode: &Metadata) -> Self {
        let (kind, size) = match inode.file_type() {
            FileType::Directory => ("a folder", 0),
            FileType::Symlink => return Self::link(inode.len()),
            FileType::CharacterDevice => ("a character device", 0),
            FileType::BlockDevice => ("a block device", 0),
            FileType::Fifo => ("a pipe", 0),
            FileType::Socket => ("a socket", 0),
            FileType::Regular => ("a file", inode.len()),
        };
        let owner = (u64::from(inode.uid()), u64::from(inode.gid()));
        Self { kind, mode: u32::from(inode.mode() & 0o7777), owner, size }
    }

    fn link(size: u64) -> Self {
        Self { kind: "a link", mode: 0, owner: (0, 0), size }
    }

    fn told(&self) -> String {
        let Self { kind, mode, owner: (user, group), size } = self;
        format!("{kind} of {size} bytes, mode {mode:04o}, owner {user}:{group}")
    }
}

/// Notes all that is in a folder, which has an empty name if it is the root.
fn walk(system: &Ext4, folder: &[u8], found: &mut BTreeMap<Vec<u8>, Said>) -> Result<()> {
    signals::check()?;
    let told = || format!("reading /{}", names::quoted(folder));
    let path = [b"/", folder].concat();
    for entry in system.read_dir(path.as_slice()).with_context(told)? {
        let entry = entry.with_context(told)?;
        let name = entry.file_name();
        let name: &[u8] = name.as_ref();
        if name == b"." || name == b".." || (folder.is_empty() && name == OWN) {
            continue;
        }
        let name = if folder.is_empty() { name.to_vec() } else { [folder, name].join(&b'/') };
        let inode = entry.metadata().with_context(told)?;
        if inode.is_dir() {
            walk(system, &name, found)?;
        }
        found.insert(name, Said::of_inode(&inode));
    }
    Ok(())
}
