//! A raw disk as a compressed qcow2 image, version 3 (QEMU's docs/interop/qcow2.rst).
//!
//! All processors compress, where qemu-img would take one, and the bytes depend on nothing but the disk, where each version
//! of qemu-img may give others. The data come first, one behind the other, and the tables at the end, when it is known
//! where everything is.

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Context;

use crate::failure::Result;
use crate::host::signals;
use crate::inspect::header::{MAGIC, feature};
use crate::inspect::qcow2::COMPRESSED;

const VERSION: u32 = 3;
/// The size of a cluster as a power of two, in bytes.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;
const SECTOR: u64 = 512;
/// Numbers of references are of two to the power of this many bits.
const REFERENCE_ORDER: u32 = 4;
const HEADER_LENGTH: u32 = 112;
const ZSTD: u8 = 1;
/// zstd's own default.
const LEVEL: i32 = 3;
/// In entries of tables: this is the only reference.
const ONLY: u64 = 1 << 63;
/// Behind so many bits of an offset stands how many more sectors a compressed cluster touches.
const OFFSET_BITS: u32 = 62 - (CLUSTER_BITS - 8);
/// How many entries of 64 bits a cluster holds.
const ENTRIES: usize = 1 << (CLUSTER_BITS - 3);
/// How many numbers of references a cluster holds.
const REFERENCES: usize = 1 << (CLUSTER_BITS - 1);
/// How many clusters one thread takes at a time.
const CHUNK: u64 = 64;

/// A cluster as it is stored.
enum Packed {
    /// Nothing is stored of it.
    Zeros,
    Compressed(Vec<u8>),
    /// It would not get smaller.
    Plain(Vec<u8>),
}

/// Writes the image `target` of the disk `raw`, by this many threads.
pub(super) fn write(raw: &Path, target: &Path, threads: usize) -> Result<()> {
    let disk = fs_err::File::open(raw)?.into_parts().0;
    let bytes = disk.metadata()?.len();
    let mut image = Qcow2Writer::create(target)?;
    std::thread::scope(|scope| -> Result<()> {
        // Dropped when this ends, however: that is how the threads know.
        let mut chunks: Vec<Receiver<std::io::Result<Vec<Packed>>>> = vec![];
        for first in 0..threads as u64 {
            let (sender, receiver) = sync_channel(2);
            let disk = &disk;
            scope.spawn(move || pack_each(disk, bytes, (first, threads), &sender));
            chunks.push(receiver);
        }
        for turn in (0..threads).cycle().take(usize::try_from(count_of_chunks(bytes)).context("a huge disk")?)
        {
            signals::check()?;
            let packed = chunks[turn].recv().context("a thread that compresses has ended")?;
            packed
                .with_context(|| format!("reading {}", raw.display()))?
                .into_iter()
                .try_for_each(|it| image.add(it))?;
        }
        Ok(())
    })?;
    image.finish(bytes)
}

fn count_of_chunks(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK * CLUSTER)
}

/// Packs the first chunk, and each that comes so many behind the last.
fn pack_each(
    disk: &std::fs::File,
    bytes: u64,
    (first, step): (u64, usize),
    chunks: &SyncSender<std::io::Result<Vec<Packed>>>,
) {
    for chunk in (first..count_of_chunks(bytes)).step_by(step) {
        let packed = pack(disk, bytes, chunk);
        let failed = packed.is_err();
        if chunks.send(packed).is_err() || failed {
            return;
        }
    }
}

fn pack(disk: &std::fs::File, bytes: u64, chunk: u64) -> std::io::Result<Vec<Packed>> {
    let start = chunk * CHUNK * CLUSTER;
    let length = (bytes - start).min(CHUNK * CLUSTER);
    // Behind the end of the disk there are zeros.
    let mut buffer =
        vec![0; usize::try_from(length.next_multiple_of(CLUSTER)).map_err(std::io::Error::other)?];
    let (on_disk, _) = buffer.split_at_mut(usize::try_from(length).map_err(std::io::Error::other)?);
    disk.read_exact_at(on_disk, start)?;
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    buffer.chunks(1 << CLUSTER_BITS).map(|cluster| packed(cluster, &mut compressor)).collect()
}

fn packed(cluster: &[u8], compressor: &mut zstd::bulk::Compressor<'_>) -> std::io::Result<Packed> {
    if cluster.iter().all(|byte| *byte == 0) {
        return Ok(Packed::Zeros);
    }
    let smaller = compressor.compress(cluster)?;
    Ok(if smaller.len() < cluster.len() {
        Packed::Compressed(smaller)
    } else {
        Packed::Plain(cluster.to_vec())
    })
}

/// An image that is being written.
struct Qcow2Writer {
    file: BufWriter<fs_err::File>,
    /// Where the next byte goes.
    end: u64,
    /// For each cluster of the disk where it is.
    entries: Vec<u64>,
    /// For each cluster of the file by how much it is referred to.
    references: Vec<u16>,
}

impl Qcow2Writer {
    fn create(target: &Path) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, fs_err::File::create(target)?);
        let mut image = Self { file, end: 0, entries: vec![], references: vec![] };
        // The header's cluster; what is in it is known last.
        image.append(&vec![0; 1 << CLUSTER_BITS])?;
        Ok(image)
    }

    /// Writes at the end, and counts the clusters that this touches.
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let start = self.end;
        self.file.write_all(bytes)?;
        self.end += bytes.len() as u64;
        for cluster in start / CLUSTER..self.end.div_ceil(CLUSTER) {
            let cluster = usize::try_from(cluster).context("a huge image")?;
            self.references.resize(self.references.len().max(cluster + 1), 0);
            self.references[cluster] += 1;
        }
        Ok(start)
    }

    /// The same, at the beginning of a cluster.
    fn append_aligned(&mut self, bytes: &[u8]) -> Result<u64> {
        let start = self.end.next_multiple_of(CLUSTER);
        let gap = usize::try_from(start - self.end).context("a gap")?;
        self.file.write_all(&vec![0; gap])?;
        self.end = start;
        self.append(bytes)
    }

    fn add(&mut self, cluster: Packed) -> Result<()> {
        let entry = match cluster {
            Packed::Zeros => 0,
            Packed::Plain(bytes) => self.append_aligned(&bytes)? | ONLY,
            Packed::Compressed(bytes) => {
                let start = self.append(&bytes)?;
                let more_sectors = (self.end - 1) / SECTOR - start / SECTOR;
                COMPRESSED | more_sectors << OFFSET_BITS | start
            }
        };
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the tables and the header.
    fn finish(mut self, disk_bytes: u64) -> Result<()> {
        let entries = std::mem::take(&mut self.entries);
        let mut tables = vec![];
        for table in entries.chunks(ENTRIES) {
            let is_empty = table.iter().all(|entry| *entry == 0);
            tables.push(if is_empty { 0 } else { self.append_aligned(&whole(table))? | ONLY });
        }
        let table_of_tables = self.append_aligned(&whole(&tables))?;
        let (references, clusters) = self.write_references()?;
        let header = Header {
            disk_bytes,
            tables: u32::try_from(tables.len()).context("a huge disk")?,
            table_of_tables,
            references,
            clusters,
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header.bytes())?;
        Ok(self.file.flush()?)
    }

    /// Writes how much each cluster is referred to, these tables included; gives where the table of tables is, and its
    /// number of clusters.
    fn write_references(&mut self) -> Result<(u64, u32)> {
        let written = self.references.len();
        let (mut blocks, mut tables) = (0, 0);
        // They count themselves too.
        while (written + blocks + tables).div_ceil(REFERENCES) > blocks || blocks.div_ceil(ENTRIES) > tables {
            blocks = (written + blocks + tables).div_ceil(REFERENCES);
            tables = blocks.div_ceil(ENTRIES);
        }
        let mut references = self.references.clone();
        references.resize(written + blocks + tables, 1);
        let mut places = vec![];
        for block in references.chunks(REFERENCES) {
            let bytes: Vec<u8> = block.iter().flat_map(|number| number.to_be_bytes()).collect();
            places.push(self.append_aligned(&padded(bytes))?);
        }
        let table = self.append_aligned(&whole(&places))?;
        Ok((table, u32::try_from(tables).context("a huge image")?))
    }
}

/// What the header says besides what is the same in all images.
struct Header {
    disk_bytes: u64,
    tables: u32,
    table_of_tables: u64,
    references: u64,
    /// Of the table of numbers of references.
    clusters: u32,
}

impl Header {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend([0; 12]); // no backing file: where its name is, and how long
        bytes.extend(CLUSTER_BITS.to_be_bytes());
        bytes.extend(self.disk_bytes.to_be_bytes());
        bytes.extend([0; 4]); // not encrypted
        bytes.extend(self.tables.to_be_bytes());
        bytes.extend(self.table_of_tables.to_be_bytes());
        bytes.extend(self.references.to_be_bytes());
        bytes.extend(self.clusters.to_be_bytes());
        bytes.extend([0; 12]); // no snapshots: how many, and where
        bytes.extend(feature::COMPRESSION.to_be_bytes());
        bytes.extend([0; 16]); // no features that a reader need not understand
        bytes.extend(REFERENCE_ORDER.to_be_bytes());
        bytes.extend(HEADER_LENGTH.to_be_bytes());
        bytes.push(ZSTD);
        bytes
    }
}

/// Entries as whole clusters.
fn whole(entries: &[u64]) -> Vec<u8> {
    padded(entries.iter().flat_map(|entry| entry.to_be_bytes()).collect())
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(1 << CLUSTER_BITS), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Rng;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::host::cmd::Cmd;
    use crate::host::tools;

    /// A disk of zeros, text and noise; more than one chunk, and no whole number of clusters.
    fn disk() -> Vec<u8> {
        let mut bytes = vec![0; 3 * (64 << CLUSTER_BITS) + 5 * 512];
        let mut runner = TestRunner::deterministic();
        for (number, cluster) in bytes.chunks_mut(1 << CLUSTER_BITS).enumerate() {
            match number % 5 {
                0 | 3 => {}
                1 => cluster.iter_mut().enumerate().for_each(|(at, byte)| *byte = b"imagegen "[at % 9]),
                2 => cluster[7] = 7,
                _ => runner.rng().fill_bytes(cluster),
            }
        }
        let last = bytes.len() - 1;
        bytes[last] = 9;
        bytes
    }

    fn written(folder: &Path, disk: &[u8], threads: usize) -> Vec<u8> {
        let (raw, image) = (folder.join("disk.raw"), folder.join("disk.qcow2"));
        fs_err::write(&raw, disk).unwrap();
        write(&raw, &image, threads).unwrap();
        let qemu_img = || Cmd::new(tools::QEMU_IMG.name);
        qemu_img().args(["check", "-q", "-f", "qcow2"]).arg(&image).run().unwrap();
        qemu_img().args(["compare", "-q", "-f", "raw", "-F", "qcow2"]).args([&raw, &image]).run().unwrap();
        fs_err::read(image).unwrap()
    }

    #[test]
    fn qemu_finds_the_disk_in_it_and_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let image = written(folder.path(), &disk(), 2);
        assert!(image.len() < disk().len());
    }

    #[test]
    fn any_number_of_threads_writes_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        assert!(written(folder.path(), &disk(), 1) == written(folder.path(), &disk(), 3));
    }

    #[test]
    fn a_disk_of_zeros_is_tables_alone() {
        let folder = tempfile::tempdir().unwrap();
        // More than one table of entries is for: 512 MiB each.
        fs_err::File::create(folder.path().join("zeros")).unwrap().set_len(1300 << 20).unwrap();
        let image = folder.path().join("zeros.qcow2");
        write(&folder.path().join("zeros"), &image, 2).unwrap();
        Cmd::new(tools::QEMU_IMG.name).args(["check", "-q"]).arg(&image).run().unwrap();
        assert!(fs_err::metadata(&image).unwrap().len() < 5 * CLUSTER);
    }
}
