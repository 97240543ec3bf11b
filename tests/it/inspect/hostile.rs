//! Images that are damaged at random: there is always a report, and never a panic.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::sample::{Sample, qemu_img};
use super::{faults, report};

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
