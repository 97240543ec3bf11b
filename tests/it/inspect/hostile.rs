//! Images that are damaged at random: there is always a report, and never a panic.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::sample::qemu_img;
use super::{faults, report};

/// A sound raw disk and a sound qcow2 of it, made once.
fn sound() -> &'static [Vec<u8>; 3] {
    static SOUND: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let raw = faults::sound().clone();
        std::fs::write(folder.join("disk.raw"), &raw).unwrap();
        qemu_img(folder, &["convert", "-O", "qcow2", "-c", "disk.raw", "deflate.qcow2"]);
        let zstd = ["convert", "-O", "qcow2", "-c", "-o", "compression_type=zstd,cluster_size=4k"];
        qemu_img(folder, &[&zstd[..], &["disk.raw", "zstd.qcow2"]].concat());
        [
            raw,
            std::fs::read(folder.join("deflate.qcow2")).unwrap(),
            std::fs::read(folder.join("zstd.qcow2")).unwrap(),
        ]
    })
}

/// Where the structures of the disk are, in bytes: partition tables, core image, FAT, superblock and the blocks behind it.
const STRUCTURES: [(usize, usize); 4] =
    [(0, 34 * 512), (1 << 20, 4096), (2 << 20, 64 << 10), (4 << 20, 512 << 10)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_damaged_disk_has_a_report(
        damage in proptest::collection::vec((0_usize..4, any::<prop::sample::Index>(), any::<u8>()), 1..24),
    ) {
        let mut image = sound()[0].clone();
        for (structure, index, byte) in damage {
            let (start, size) = STRUCTURES[structure];
            image[start + index.index(size)] = byte;
        }
        prop_assert!(!report(image).text("damaged", true).is_empty());
    }

    #[test]
    fn a_damaged_qcow2_has_a_report(
        which in 1_usize..3,
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
        prop_assert!(!report(image).text("damaged", true).is_empty());
    }

    #[test]
    fn whatever_begins_like_a_qcow2_has_a_report(rest in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let image = [b"QFI\xfb\0\0\0\x03".to_vec(), rest].concat();
        prop_assert!(!report(image).text("damaged", true).is_empty());
    }
}
