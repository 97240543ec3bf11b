//! A lock: every Debian package of every root tree, by version and hash, and the time that counts as that of the build.
//!
//! A lock determines every byte of a root tree. It is a YAML file that people may read and compare; the lock in a
//! root tree, the manifest of an image and the file of `imagegen build --write-lock` all have this one form.

mod check;
pub mod findings;
mod locked;
mod read;

pub use check::check;
pub use locked::{Lock, LockedPackage, LockedTree};
pub use read::{layers, parse};

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::document::Source;

    /// A lock of one root tree with one package.
    pub(crate) fn lock() -> Lock {
        Lock {
            layers: vec![LockedTree {
                recipe: "base".into(),
                kernel: Some("linux-image-cloud-amd64".into()),
                suite: "trixie".into(),
                epoch: 1_763_000_000,
                sources: vec![
                    "deb http://archive.example/debian trixie main".into(),
                    "deb [signed-by=\"/a.gpg\"] http://archive.example/debian/ trixie-updates main".into(),
                    "deb http://security.example/debian-security trixie-security main".into(),
                ],
                packages: vec![LockedPackage {
                    name: "libc6".into(),
                    version: "1:2.41-12".into(),
                    architecture: "amd64".into(),
                    sha256: "0123456789abcdef".repeat(4),
                    bytes: 2_800_000,
                    file: "pool/main/g/glibc/libc6_2.41-12_amd64.deb".into(),
                    required: true,
                    location: None,
                }],
            }],
        }
    }

    #[test]
    fn a_lock_that_was_written_is_read_as_the_same() {
        let text = lock().to_string();
        let read = parse(Source::new("lock.yaml", text.clone())).expect("sound");
        assert_eq!(read.to_string(), text);
        assert!(read.layers[0].packages[0].location.is_some());
    }

    #[test]
    fn one_recipe_has_a_layer_for_each_kernel() {
        let mut both = lock();
        let general = LockedTree { kernel: Some("linux-image-amd64".into()), ..both.layers[0].clone() };
        both.merge(Lock { layers: vec![general.clone(), both.layers[0].clone()] });
        assert_eq!(both.layers.len(), 2);
        assert_eq!(both.layer("base", Some("linux-image-amd64")), Some(&general));
        assert_eq!(both.layer("base", None), None);
    }

    #[test]
    fn each_archive_is_asked_once() {
        assert_eq!(
            lock().layers[0].archives(),
            ["http://archive.example/debian", "http://security.example/debian-security"]
        );
    }

    #[test]
    fn the_time_is_that_of_the_newest_layer() {
        let mut both = lock();
        both.merge(Lock {
            layers: vec![LockedTree {
                recipe: "hub".into(),
                kernel: None,
                epoch: 1_764_000_000,
                ..lock().layers[0].clone()
            }],
        });
        both.merge(lock());
        assert_eq!((both.layers.len(), both.epoch()), (2, Some(1_764_000_000)));
    }
}
