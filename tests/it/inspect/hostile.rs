//! Images that are damaged at random or on purpose: there is always a report, and never a panic.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::sample::{Sample, qemu_img};
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

/// The checks and places of what the program finds in an image; in a process of its own, which may abort or hang.
fn findings(image: &[u8]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("disk.raw"), image).unwrap();
    let mut program = imagegen(folder.path());
    let output = program.args(["inspect", "disk.raw", "--json"]).timeout(Duration::from_secs(100)).output();
    let report: Json = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let text = |it: &Json, key: &str| it[key].as_str().unwrap().to_owned();
    let found = report["findings"].as_array().unwrap().iter();
    found.map(|it| (text(it, "check"), text(it, "place"))).collect()
}

/// Whether a damage of the file system is found at `place`.
fn damaged_at(image: &[u8], place: &str) -> bool {
    let findings = findings(image);
    findings.iter().any(|(check, at)| check == "file-system-damaged" && at == place)
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
    assert_eq!(findings(&merged().image()), []);
    let mut last = merged();
    last.debugfs.push("sif /vmlinuz size 1099511627776");
    assert!(damaged_at(&last.image(), "/vmlinuz"));
    let mut on_the_way = merged();
    on_the_way.debugfs.push("sif /lib size 1099511627776");
    assert!(damaged_at(&on_the_way.image(), "/lib"));
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
    assert!(damaged_at(&image, "/vmlinuz"));
}
