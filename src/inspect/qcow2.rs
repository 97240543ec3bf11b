//! Reading qcow2, as far as images that are uploaded to a cloud use it (QEMU's docs/interop/qcow2.rst): versions 2 and 3,
//! plain and compressed clusters, no backing file, no encryption.
//!
//! No length in the image is trusted: tables are read a cluster at a time, and what is kept has a bound of its own.

use std::collections::BTreeMap;
use std::io::{self, Error, Read, Seek, SeekFrom};

use super::disk::{Source, be64, seek};
use super::header::{Compression, Header, damaged};

/// Memory for second-level tables and for clusters, in bytes each.
const CACHE: usize = 16 << 20;
/// Where a cluster or a table is: bits 9 to 55 of an entry.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// In an entry: the cluster is compressed.
pub(crate) const COMPRESSED: u64 = 1 << 62;
const ALL_ZERO: u64 = 1;
/// Faults after which looking through the tables ends: the image is lost anyway.
const ENOUGH: usize = 3;

/// Where a cluster's bytes are.
enum Cluster {
    Zero,
    Plain(u64),
    Compressed { start: u64, length: usize },
}

/// A qcow2 as the disk in it.
pub(super) struct Qcow2 {
    file: Box<dyn Source>,
    file_size: u64,
    header: Header,
    compression: Compression,
    position: u64,
    tables: Cache,
    clusters: Cache,
}

impl Qcow2 {
    pub(super) fn open(mut file: Box<dyn Source>, header: Header) -> io::Result<Self> {
        let file_size = file.seek(SeekFrom::End(0))?;
        header.check(file_size)?;
        let (compression, cluster) =
            (header.compression()?, usize::try_from(header.cluster()).unwrap_or(CACHE));
        let cache = || Cache { kept: BTreeMap::new(), most: (CACHE / cluster).max(2), clock: 0 };
        Ok(Self { file, file_size, header, compression, position: 0, tables: cache(), clusters: cache() })
    }

    /// Looks through all tables for clusters that are not in the file; stops when it is clear that there is no use.
    pub(super) fn faults(&mut self) -> io::Result<Vec<String>> {
        let mut faults = vec![];
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..self.header.tables() {
            let Some(place) = self.table_place(number)? else { continue };
            // Otherwise a small file could keep us busy for hours.
            if !seen.insert(place) {
                faults.push(format!("two parts of the disk share the table at byte {place}"));
            }
            let table = self.read_cluster(place)?;
            let entries = (0..self.header.l2_entries()).map(|index| entry_of(&table, index));
            faults
                .extend(entries.filter_map(|entry| self.locate(entry).err()).map(|error| error.to_string()));
            if faults.len() >= ENOUGH {
                break;
            }
        }
        Ok(faults.into_iter().take(ENOUGH).collect())
    }

    /// Where the second-level table `number` is; none where all that it would lead to is zero.
    fn table_place(&mut self, number: u64) -> io::Result<Option<u64>> {
        self.file.seek(SeekFrom::Start(self.header.l1_offset + number * 8))?;
        let mut entry = [0; 8];
        self.file.read_exact(&mut entry)?;
        match u64::from_be_bytes(entry) & OFFSET {
            0 => Ok(None),
            place
                if place.is_multiple_of(self.header.cluster())
                    && place + self.header.cluster() <= self.file_size =>
            {
                Ok(Some(place))
            }
            place => Err(damaged(format!("a table is listed at byte {place} of {}", self.file_size))),
        }
    }

    /// The cluster at byte `start` of the file, which may be a table.
    fn read_cluster(&mut self, start: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.header.cluster()).map_err(Error::other)?];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// What an entry of a second-level table means.
    fn locate(&self, entry: u64) -> io::Result<Cluster> {
        let size = self.header.cluster();
        let (start, end, cluster) = if entry & COMPRESSED != 0 {
            let bits = 62 - (self.header.cluster_bits - 8);
            let start = entry & ((1 << bits) - 1);
            let sectors = ((entry & (COMPRESSED - 1)) >> bits) + 1;
            let length = sectors * 512 - start % 512;
            let length = usize::try_from(length).map_err(Error::other)?;
            // The last cluster of a file need not fill its last sector.
            (start, start + 1, Cluster::Compressed { start, length })
        } else if entry & ALL_ZERO != 0 && self.header.version > 2 || entry & OFFSET == 0 {
            return Ok(Cluster::Zero);
        } else {
            let start = entry & OFFSET;
            if !start.is_multiple_of(size) {
                return Err(damaged(format!(
                    "a cluster is listed at byte {start}, which is not a cluster's boundary"
                )));
            }
            (start, start + size, Cluster::Plain(start))
        };
        if end > self.file_size {
            let file_size = self.file_size;
            return Err(damaged(format!(
                "a cluster is listed at byte {start}, but the file has {file_size}"
            )));
        }
        Ok(cluster)
    }

    fn load(&mut self, number: u64) -> io::Result<Vec<u8>> {
        let (table, index) = (number / self.header.l2_entries(), number % self.header.l2_entries());
        if !self.tables.has(table) {
            let bytes = match self.table_place(table)? {
                Some(place) => self.read_cluster(place)?,
                None => vec![],
            };
            self.tables.put(table, bytes);
        }
        let entry = self.tables.get(table).map_or(0, |bytes| entry_of(bytes, index));
        let size = usize::try_from(self.header.cluster()).map_err(Error::other)?;
        match self.locate(entry)? {
            Cluster::Zero => Ok(vec![0; size]),
            Cluster::Plain(start) => self.read_cluster(start),
            Cluster::Compressed { start, length } => {
                let mut bytes = vec![];
                self.file.seek(SeekFrom::Start(start))?;
                (&mut *self.file).take(length as u64).read_to_end(&mut bytes)?;
                unpack(self.compression, &bytes, size)
            }
        }
    }
}

fn entry_of(table: &[u8], index: u64) -> u64 {
    usize::try_from(index * 8).map_or(0, |offset| be64(table, offset))
}

/// Exactly `size` bytes: what comes after them is filling.
fn unpack(compression: Compression, packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    match compression {
        Compression::Deflate => flate2::read::DeflateDecoder::new(packed).read_exact(&mut bytes)?,
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(packed)?.single_frame();
            // No frame needs a window larger than a cluster, the largest of which has 2^21 bytes.
            decoder.window_log_max(23)?;
            decoder.read_exact(&mut bytes)?;
        }
    }
    Ok(bytes)
}

impl Read for Qcow2 {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.header.size || bytes.is_empty() {
            return Ok(0);
        }
        let number = self.position / self.header.cluster();
        if !self.clusters.has(number) {
            let cluster = self.load(number)?;
            self.clusters.put(number, cluster);
        }
        let cluster = self.clusters.get(number).unwrap_or_default();
        let within = usize::try_from(self.position % self.header.cluster()).map_err(Error::other)?;
        let left = usize::try_from(self.header.size - self.position).unwrap_or(usize::MAX);
        let length = bytes.len().min(cluster.len() - within).min(left);
        bytes[..length].copy_from_slice(&cluster[within..within + length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for Qcow2 {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek(self.position, self.header.size, to)?;
        Ok(self.position)
    }
}

/// The clusters that were used last.
struct Cache {
    kept: BTreeMap<u64, (u64, Vec<u8>)>,
    most: usize,
    clock: u64,
}

impl Cache {
    fn has(&self, number: u64) -> bool {
        self.kept.contains_key(&number)
    }

    fn get(&mut self, number: u64) -> Option<&[u8]> {
        self.clock += 1;
        let (used, bytes) = self.kept.get_mut(&number)?;
        *used = self.clock;
        Some(bytes)
    }

    fn put(&mut self, number: u64, bytes: Vec<u8>) {
        if self.kept.len() >= self.most {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(number, _)| *number);
            oldest.map(|oldest| self.kept.remove(&oldest));
        }
        self.clock += 1;
        self.kept.insert(number, (self.clock, bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::host::cmd::Cmd;

    /// What QEMU reads out of a qcow2 is what we read, whatever it was made with.
    fn written_and_read(content: &[u8], options: &str, compressed: bool) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let (raw, qcow2) = (folder.path().join("raw"), folder.path().join("qcow2"));
        fs_err::write(&raw, content).expect("a file");
        let mut cmd = Cmd::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2", "-o", options]);
        if compressed {
            cmd = cmd.arg("-c");
        }
        cmd.arg(&raw).arg(&qcow2).run().expect("qemu-img");
        read(&qcow2)
    }

    fn open(path: &Path) -> Qcow2 {
        let mut file = fs_err::File::open(path).expect("the file");
        let header = Header::read(&mut file).expect("a header");
        Qcow2::open(Box::new(file), header).expect("a qcow2")
    }

    fn read(path: &Path) -> Vec<u8> {
        let mut disk = open(path);
        assert_eq!(disk.faults().expect("tables"), Vec::<String>::new());
        let mut bytes = vec![];
        disk.read_to_end(&mut bytes).expect("the disk");
        bytes
    }

    /// Stretches of noise, of text and of nothing, in whole sectors.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let stretch = (0_u8..3, 1_usize..200).prop_perturb(|(kind, sectors), mut rng| {
            let mut bytes = vec![0; sectors * 512];
            match kind {
                0 => {}
                1 => rng.fill_bytes(&mut bytes),
                _ => bytes.iter_mut().zip((0..=u8::MAX).cycle()).for_each(|(byte, value)| *byte = value),
            }
            bytes
        });
        proptest::collection::vec(stretch, 1..6).prop_map(|stretches| stretches.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_disk_comes_out_as_it_went_in(
            content in content(),
            cluster in prop::sample::select(vec!["512", "4k", "64k", "2M"]),
            way in prop::sample::select(vec![
                ("compat=0.10", false), ("compat=1.1", false), ("compat=1.1", true),
                ("compression_type=zstd", true), ("preallocation=metadata", false),
            ]),
        ) {
            let options = format!("{},cluster_size={cluster}", way.0);
            prop_assert!(written_and_read(&content, &options, way.1) == content, "{options} {}", way.1);
        }
    }

    #[test]
    fn any_place_can_be_read_in_any_order() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).take(300_032).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let (raw, qcow2) = (folder.path().join("raw"), folder.path().join("qcow2"));
        fs_err::write(&raw, &content).expect("a file");
        let cmd = Cmd::new("qemu-img").args([
            "convert",
            "-c",
            "-f",
            "raw",
            "-O",
            "qcow2",
            "-o",
            "cluster_size=512",
        ]);
        cmd.arg(&raw).arg(&qcow2).run().expect("qemu-img");
        let mut disk = open(&qcow2);
        for place in [0_u32, 299_000, 511, 512, 513, 150_000, 1] {
            let mut bytes = [0; 1000];
            disk.seek(SeekFrom::Start(place.into())).expect("a place");
            disk.read_exact(&mut bytes).expect("bytes");
            assert_eq!(bytes[..], content[place as usize..][..1000], "{place}");
        }
        assert_eq!(disk.seek(SeekFrom::End(-4)).expect("a place"), 300_028);
    }
}
