//! Images that are damaged at random or on purpose: there is always a report, and never a panic.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::sample::{ESP, Sample, qemu_img};
use super::{faults, report};
use crate::imagegen;

/// A sound disk as qcow2 with both ways to compress, made once.
fn sound() -> &'static [Vec<u8>; 2] {
    static SOUND: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("disk.raw"), faults::sound()).unwrap();
        qemu_img(folder, &["convert", "-O", "qcow2", "-c", "disk.raw", "deflate.qcow2"]);
        let zstd = ["convert", "-O", "qcow2", "-c", "-o", "compression_type=zstd,cluster_size=4k"];
        qemu_img(folder, &[&zstd[..], &["disk.raw", "zstd.qcow2"]].concat());
        [
            std::fs::read(folder.join("deflate.qcow2")).unwrap(),
            std::fs::read(folder.join("zstd.qcow2")).unwrap(),
        ]
    })
}

/// A sound raw disk whose file system has no checksums, so that damage gets to all that reads it.
fn unchecked() -> &'static Vec<u8> {
    static UNCHECKED: OnceLock<Vec<u8>> = OnceLock::new();
    UNCHECKED.get_or_init(|| {
        let mut sample = Sample::new();
        sample.mke2fs.extend(["-O", "^metadata_csum"]);
        sample.image()
    })
}

/// The places of all bytes that say something.
fn places() -> &'static Vec<usize> {
    static PLACES: OnceLock<Vec<usize>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let said = unchecked().iter().enumerate().filter(|(_, byte)| **byte != 0);
        said.map(|(place, _)| place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_damaged_disk_has_a_report(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64),
    ) {
        let mut image = unchecked().clone();
        for (index, byte) in damage {
            image[*index.get(places())] = byte;
        }
        prop_assert!(!report(image).text("damaged", true, imagegen::report::size).is_empty());
    }

    #[test]
    fn a_damaged_qcow2_has_a_report(
        which in 0_usize..2,
        header in proptest::collection::vec((0_usize..112, any::<u8>()), 0..3),
        anywhere in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut image = sound()[which].clone();
        for (place, byte) in header {
            image[place] = byte;
        }
        for (index, byte) in anywhere {
            let place = index.index(image.len());
            image[place] = byte;
        }
        if let Some(cut) = cut {
            image.truncate(cut.index(image.len()));
        }
        prop_assert!(!report(image).text("damaged", true, imagegen::report::size).is_empty());
    }

    #[test]
    fn whatever_begins_like_a_qcow2_has_a_report(rest in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let image = [b"QFI\xfb\0\0\0\x03".to_vec(), rest].concat();
        prop_assert!(!report(image).text("damaged", true, imagegen::report::size).is_empty());
    }
}

/// What the program finds in an image; in a process of its own, which may abort or hang.
fn findings(image: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("disk.raw"), image).unwrap();
    let mut program = imagegen(folder.path());
    let output = program.args(["inspect", "disk.raw", "--json"]).timeout(Duration::from_secs(100)).output();
    let report: Json = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let found = report["findings"].as_array().unwrap().iter();
    let text = |it: &Json| ["place", "message"].map(|key| it[key].as_str().unwrap().to_owned()).join(": ");
    found.map(text).collect()
}

/// Checks that the program finds this in an image, and perhaps more.
fn shows(image: &[u8], finding: &str) {
    let findings = findings(image);
    assert!(findings.iter().any(|it| it == finding), "{finding}\n{findings:#?}");
}

/// A sample with /lib as a link, as Debian has it.
fn merged() -> Sample {
    let sample = Sample::new();
    sample.remove("lib");
    sample.write("usr/lib/modules/6.12/modules.dep", "");
    sample.link("lib", "usr/lib");
    sample
}

#[test]
fn a_link_of_a_tebibyte_is_damage() {
    assert_eq!(findings(&merged().image()), [""; 0]);
    let mut last = merged();
    last.debugfs.push("sif /vmlinuz size 1099511627776");
    shows(&last.image(), "/vmlinuz: it cannot be read: it is a link of 1099511627776 bytes");
    let mut on_the_way = merged();
    on_the_way.debugfs.push("sif /lib size 1099511627776");
    shows(&on_the_way.image(), "/lib: it cannot be read: it is a link of 1099511627776 bytes");
}

#[test]
fn a_link_that_is_called_a_folder_is_not_followed() {
    let mut sample = Sample::new();
    sample.link("opt", "vmlinuz");
    sample.mke2fs.extend(["-O", "^metadata_csum"]);
    sample.debugfs.push("sif /vmlinuz size 1099511627776");
    let mut image = sample.image();
    let entry = b"\x03\x07opt";
    let place = image.windows(entry.len()).position(|it| it == entry).unwrap();
    image[place + 1] = 2;
    shows(&image, "/vmlinuz: it cannot be read: it is a link of 1099511627776 bytes");
}

/// A disk whose folder EFI, in the first cluster of its FAT, is full of one entry; and goes on in itself where `circle`.
fn esp_full_of(entry: [u8; 32], circle: bool) -> Vec<u8> {
    let mut image = faults::sound().clone();
    let fat = &mut image[usize::try_from(ESP << 20).unwrap()..];
    let number = |place| usize::from(u16::from_le_bytes([fat[place], fat[place + 1]]));
    let (sector, table) = (number(11), number(11) * number(14));
    let root = table + usize::from(fat[16]) * number(22) * sector;
    let (cluster, data) = (usize::from(fat[13]) * sector, root + number(17) * 32);
    // Behind the entry of its long name.
    assert_eq!(&fat[root + 32..root + 43], b"EFI        ");
    assert_eq!(fat[root + 32 + 26], 2);
    fat[data..data + cluster].copy_from_slice(&entry.repeat(cluster / 32));
    if circle {
        // The third number of 12 bits.
        fat[table + 3] = 2;
        fat[table + 4] &= 0xf0;
    }
    image
}

/// An entry of a FAT's folder, with EFI's own cluster.
fn fat_entry(name: &[u8; 11], attributes: u8) -> [u8; 32] {
    let mut entry = [0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[26] = 2;
    entry
}

#[test]
fn an_esp_without_an_end_is_damage() {
    let starts = "partition 3: UEFI finds nothing to start in the EFI system partition: ";
    let deleted = esp_full_of(fat_entry(b"\xe5          ", 0), true);
    shows(&deleted, &format!("{starts}its folders have no end"));
    let files = esp_full_of(fat_entry(b"A          ", 0), true);
    shows(&files, &format!("{starts}it has too many entries"));
    let in_themselves = esp_full_of(fat_entry(b"A          ", 0x10), false);
    shows(&in_themselves, &format!("{starts}it has too many entries"));
}
