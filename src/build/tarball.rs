//! Entries of tars, with names and targets of any bytes and sizes of 64 bits: what a header has no room for stands in
//! records before it, in one of two ways (GNU's and POSIX's), and is easily lost.

use std::io::{self, Read, Write};

use anyhow::{anyhow, ensure};
use tar::{Builder, Entry, EntryType, Header};

use super::names;
use crate::failure::Result;

/// GNU's records with a long name and a long target, and what they are called themselves.
const LONG_NAME: u8 = b'L';
const LONG_TARGET: u8 = b'K';
const LONG: &[u8] = b"././@LongLink";
/// How records begin that describe a file with holes in POSIX's way. Its content begins with their list.
const HOLES: &[u8] = b"GNU.sparse.";

/// A header with these values.
pub(super) fn header(kind: EntryType, mode: u32, mtime: u64, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    header
}

/// The header of an entry with all that is said of it, also in the records before it; names excepted.
pub(super) fn header_of<R: Read>(entry: &Entry<'_, R>) -> io::Result<Header> {
    let said = entry.header();
    let kind = match said.entry_type() {
        // The oldest format has no kind for folders.
        EntryType::Regular | EntryType::Continuous if entry.path_bytes().ends_with(b"/") => {
            EntryType::Directory
        }
        // Holes are read as zeros.
        EntryType::Continuous | EntryType::GNUSparse => EntryType::Regular,
        kind => kind,
    };
    let size = if kind.is_file() { entry.size() } else { 0 };
    let old = said.as_old();
    let mode = if is_empty(&old.mode) { 0 } else { said.mode()? };
    let mtime = if is_empty(&old.mtime) { 0 } else { said.mtime()? };
    let mut header = header(kind, mode, mtime, size);
    header.set_uid(if is_empty(&old.uid) { 0 } else { said.uid()? });
    header.set_gid(if is_empty(&old.gid) { 0 } else { said.gid()? });
    if kind.is_character_special() || kind.is_block_special() {
        header.set_device_major(said.device_major()?.unwrap_or(0))?;
        header.set_device_minor(said.device_minor()?.unwrap_or(0))?;
    }
    Ok(header)
}

/// Whether a number is left out.
fn is_empty(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

/// The records of POSIX's kind before an entry, those that cannot be read left out.
pub(super) fn records<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(vec![]) };
    extensions.map(|it| it.map(|it| (it.key_bytes().to_vec(), it.value_bytes().to_vec()))).collect()
}

/// Whether these records say that the entry's content is a list of holes first.
pub(super) fn has_holes(records: &[(Vec<u8>, Vec<u8>)]) -> bool {
    records.iter().any(|(key, _)| key.starts_with(HOLES))
}

/// Adds an entry with `name`, which is clean, and the `target` of a link.
pub(super) fn append<W: Write>(
    builder: &mut Builder<W>,
    name: &[u8],
    target: Option<&[u8]>,
    mut header: Header,
    content: &mut impl Read,
) -> Result<()> {
    put_name(builder, LONG_NAME, name, |header| &mut header.name, &mut header)?;
    if let Some(target) = target {
        put_name(builder, LONG_TARGET, target, |header| &mut header.linkname, &mut header)?;
    }
    header.set_cksum();
    let size = header.size()?;
    let mut content = Counted { inner: content, bytes: 0 };
    builder.append(&header, (&mut content).take(size))?;
    let complete = || -> anyhow::Result<()> {
        ensure!(
            content.bytes == size,
            "`{}` ends after {} of {size} bytes",
            names::quoted(name),
            content.bytes
        );
        Ok(())
    };
    Ok(complete()?)
}

/// Writes a name into its field, and where it is too long into a record of its own as well.
fn put_name<W: Write>(
    builder: &mut Builder<W>,
    kind: u8,
    name: &[u8],
    field: impl Fn(&mut tar::OldHeader) -> &mut [u8; 100],
    header: &mut Header,
) -> Result<()> {
    if name.is_empty() || name.contains(&0) {
        return Err(anyhow!("`{}` cannot name an entry of a tar archive", names::quoted(name)).into());
    }
    let length = name.len().min(100);
    if name.len() > length {
        let bytes = name.len() as u64 + 1;
        let mut long = self::header(EntryType::new(kind), 0o644, 0, bytes);
        field_of_name(&mut long)[..LONG.len()].copy_from_slice(LONG);
        long.set_cksum();
        builder.append(&long, name.chain(&b"\0"[..]))?;
    }
    let field = field(header.as_old_mut());
    field.fill(0);
    field[..length].copy_from_slice(&name[..length]);
    Ok(())
}

fn field_of_name(header: &mut Header) -> &mut [u8; 100] {
    &mut header.as_old_mut().name
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::io::Cursor;

    use tar::Archive;

    use super::*;

    /// Names, targets and sizes of a tar's entries.
    fn listing(tar: impl Read) -> Vec<(Vec<u8>, Option<Vec<u8>>, u64)> {
        let mut archive = Archive::new(tar);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let target = entry.link_name_bytes().map(Cow::into_owned);
            (entry.path_bytes().into_owned(), target, entry.size())
        });
        entries.collect()
    }

    fn written(name: &[u8], target: Option<&[u8]>) -> Vec<u8> {
        let kind = if target.is_some() { EntryType::Symlink } else { EntryType::Regular };
        let mut builder = Builder::new(vec![]);
        append(&mut builder, name, target, header(kind, 0o644, 0, 0), &mut io::empty()).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn any_name_and_target_comes_back_as_it_was() {
        let long = [b"\xff".repeat(130), b"\xc3\xa9".repeat(70)].join(&b'/');
        for name in [&b"caf\xe9"[..], &long, &b"a".repeat(100), &b"a".repeat(101)] {
            assert_eq!(listing(written(name, None).as_slice()), [(name.to_vec(), None, 0)]);
            for target in [&b"./x//y/"[..], b"../\xff", &long] {
                let wanted = (name.to_vec(), Some(target.to_vec()), 0);
                assert_eq!(listing(written(name, Some(target)).as_slice()), [wanted]);
            }
        }
    }

    /// A tar with one file of `bytes` zeros, whose size stands in a record or in the header.
    fn large(bytes: u64, in_record: bool) -> impl Read {
        let mut head = vec![];
        let mut builder = Builder::new(&mut head);
        if in_record {
            builder.append_pax_extensions([("size", bytes.to_string().as_bytes())]).unwrap();
        }
        let mut header = header(EntryType::Regular, 0o644, 0, if in_record { 0 } else { bytes });
        header.set_path("large").unwrap();
        header.set_cksum();
        builder.get_mut().write_all(header.as_bytes()).unwrap();
        std::mem::forget(builder);
        Cursor::new(head).chain(io::repeat(0).take(bytes.next_multiple_of(512) + 1024))
    }

    /// The end of a tar that is written, and how much of it there was.
    struct Tail {
        bytes: u64,
        head: Vec<u8>,
    }

    impl Write for Tail {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.bytes += buffer.len() as u64;
            let room = 4096_usize.saturating_sub(self.head.len()).min(buffer.len());
            self.head.extend(&buffer[..room]);
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_file_of_more_than_8_gib_keeps_its_size_and_its_content() {
        const BYTES: u64 = (8 << 30) + 513;
        let mut in_header = Archive::new(large(BYTES, false));
        let entry = in_header.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(header_of(&entry).unwrap().size().unwrap(), BYTES);
        let mut in_record = Archive::new(large(BYTES, true));
        let mut entry = in_record.entries().unwrap().next().unwrap().unwrap();
        let header = header_of(&entry).unwrap();
        let mut builder = Builder::new(Tail { bytes: 0, head: vec![] });
        append(&mut builder, b"large", None, header, &mut entry).unwrap();
        let Tail { bytes, head } = builder.into_inner().unwrap();
        assert_eq!(bytes, 512 + BYTES.next_multiple_of(512) + 1024);
        let mut written = Archive::new(head.as_slice());
        assert_eq!(written.entries().unwrap().next().unwrap().unwrap().size(), BYTES);
    }

    #[test]
    fn a_file_that_ends_too_early_is_none() {
        let mut builder = Builder::new(vec![]);
        let said =
            append(&mut builder, b"a", None, header(EntryType::Regular, 0o644, 0, 9), &mut &b"four"[..]);
        assert_eq!(said.unwrap_err().to_string(), "`a` ends after 4 of 9 bytes");
    }
}
