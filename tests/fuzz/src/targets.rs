//! What imagegen reads of what others wrote: each target takes any bytes, and must neither panic nor go on for ever.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use imagegen::build::untrusted;
use imagegen::document::{Findings, Source};
use imagegen::inspect;
use imagegen::plan::manifest_input::ManifestInput;
use imagegen::recipe::{Catalogue, Chain};
use imagegen::workshop;

pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: [(&str, Target); 10] = [
    ("workshop", workshop_file),
    ("roster", roster),
    ("recipe", recipe),
    ("qcow2", image),
    ("gpt", gpt),
    ("ext4", image),
    ("fat", fat),
    ("oci", archive),
    ("manifest", manifest),
    ("checksums", checksums),
];

fn workshop_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut findings = Findings::default();
    let nothing = |_: &str| Err("there is none".to_owned());
    workshop::parse(Source::new("workshop.yaml", text), &nothing, &mut findings);
}

fn roster(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut findings = Findings::default();
    let roster = |name: &str| Ok(Source::new(name, text.clone()));
    let workshop = "version: 1\nusers: {csv: roster.csv}\n";
    workshop::parse(Source::new("workshop.yaml", workshop), &roster, &mut findings);
}

fn recipe(bytes: &[u8]) {
    let files = BTreeMap::from([("node.yaml".to_owned(), bytes.to_vec())]);
    let _ = Chain::load(&Catalogue::new("images", files), "node");
}

fn image(bytes: &[u8]) {
    if let Ok(report) = inspect::inspect(Cursor::new(bytes.to_vec())) {
        let _ = report.json();
    }
}

/// A partition table whose checksums are right, whatever it says.
fn gpt(bytes: &[u8]) {
    let mut disk = bytes.to_vec();
    if disk.len() >= 3 * 512 {
        let number =
            |place: usize| u32::from_le_bytes(disk[place..place + 4].try_into().expect("four bytes"));
        let size = u64::from(number(512 + 80)) * u64::from(number(512 + 84));
        let end = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1024).min(disk.len());
        let entries = crc32(&disk[1024..end]).to_le_bytes();
        disk[512 + 88..512 + 92].copy_from_slice(&entries);
        disk[512 + 16..512 + 20].fill(0);
        let header = crc32(&disk[512..512 + 92]).to_le_bytes();
        disk[512 + 16..512 + 20].copy_from_slice(&header);
    }
    image(&disk);
}

/// An EFI system partition with these bytes, behind a master boot record.
fn fat(bytes: &[u8]) {
    let mut disk = vec![0; 512];
    disk[446 + 4] = 0xef;
    disk[446 + 8..446 + 12].copy_from_slice(&1_u32.to_le_bytes());
    let sectors = u32::try_from(bytes.len() / 512).unwrap_or(u32::MAX);
    disk[446 + 12..446 + 16].copy_from_slice(&sectors.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk.extend(bytes);
    image(&disk);
}

fn archive(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room for it");
    let _ = untrusted::archive(file.path());
}

fn manifest(bytes: &[u8]) {
    let _ = ManifestInput::parse(&Source::new("node.manifest.json", String::from_utf8_lossy(bytes)));
}

fn checksums(bytes: &[u8]) {
    let list = String::from_utf8_lossy(bytes);
    let _ = untrusted::checksum(&list, "node.qcow2");
}

/// The checksum of GPTs (UEFI specification, 5.3.2).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}
