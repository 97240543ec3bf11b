//! Images that are damaged at random or on purpose: there is always a report, and never a panic.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::sample::{ESP, ROOT, Sample, put, qemu_img};
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
        prop_assert!(!report(image).text("damaged", true, imagegen::util::size).is_empty());
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
        prop_assert!(!report(image).text("damaged", true, imagegen::util::size).is_empty());
    }

    #[test]
    fn whatever_begins_like_a_qcow2_has_a_report(rest in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let image = [b"QFI\xfb\0\0\0\x03".to_vec(), rest].concat();
        prop_assert!(!report(image).text("damaged", true, imagegen::util::size).is_empty());
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
    let text = |it: &Json| ["location", "message"].map(|key| it[key].as_str().unwrap().to_owned()).join(": ");
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
    last.debugfs.push("sif /vmlinuz size 1099511627776".into());
    shows(&last.image(), "/vmlinuz: it cannot be read: it is a link of 1099511627776 bytes");
    let mut on_the_way = merged();
    on_the_way.debugfs.push("sif /lib size 1099511627776".into());
    shows(&on_the_way.image(), "/lib: it cannot be read: it is a link of 1099511627776 bytes");
}

#[test]
fn a_link_that_is_called_a_folder_is_not_followed() {
    let mut sample = Sample::new();
    sample.link("opt", "vmlinuz");
    sample.mke2fs.extend(["-O", "^metadata_csum"]);
    sample.debugfs.push("sif /vmlinuz size 1099511627776".into());
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

/// Blocks of the sample's file system that nothing uses.
const TWICE: u32 = 8000;
const ONCE: u32 = 8001;
const LAST: u32 = 8002;
const EMPTY: u32 = 8003;
const NAMES: u32 = 8004;

/// A disk with the folder /opt/loop of `size` bytes, which are the same KiB without a name again and again up to 32 MiB; the
/// last of these has the folder itself under 85 names.
fn loop_of(size: u64) -> Vec<u8> {
    let mut sample = Sample::new();
    sample.write("opt/loop/x", "");
    sample.mke2fs.extend(["-O", "^metadata_csum,^extent,^64bit"]);
    let places = (0..12).map(|direct| (direct.to_string(), EMPTY));
    for (place, block) in places.chain([("IND".to_owned(), ONCE), ("DIND".to_owned(), TWICE)]) {
        sample.debugfs.push(format!("sif /opt/loop block[{place}] {block}"));
    }
    sample.debugfs.push(format!("sif /opt/loop size {size}"));
    let mut image = sample.image();
    let named = b"\x04\x02loop";
    let place = image.windows(named.len()).position(|it| it == named).unwrap();
    let entry = |inode: &[u8], length: u16| [inode, &length.to_le_bytes(), b"\x01\x02a\0\0\0"].concat();
    let itself = image[place - 6..place - 2].to_vec();
    let mut twice = [ONCE; 256];
    twice[125] = LAST;
    let numbers = |blocks: [u32; 256]| blocks.map(u32::to_le_bytes).concat();
    for (block, bytes) in [
        (TWICE, numbers(twice)),
        (ONCE, numbers([EMPTY; 256])),
        (LAST, numbers([NAMES; 256])),
        (EMPTY, entry(&[0; 4], 1024)),
        (NAMES, [entry(&itself, 12).repeat(84), entry(&itself, 16)].concat()),
    ] {
        put(&mut image, (ROOT << 20) + u64::from(block) * 1024, &bytes);
    }
    image
}

#[test]
fn a_folder_without_an_end_is_damage() {
    let before_the_names = 12 + 256 + 125 * 256;
    shows(&loop_of((before_the_names + 1) << 10), "/: it cannot be read: it has too many entries");
    shows(&loop_of(64 << 20), "/opt/loop: it cannot be read: it is a folder of 67108864 bytes");
}
