//! One pass over a root tree's tar: hygiene, overlay, times; and what the image consists of is noted on the way.

use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use tar::{Archive, Builder};

use super::preload::{self, PreloadSet};
use super::rootfs::Rootfs;
use super::tar_rewriter::TarRewriter;
use crate::failure::Result;
use crate::host::signals;
use crate::plan::DiskImage;

const BUFFER: usize = 1 << 20;

/// What a root file system is made of. It is written as a tar as often as somebody wants to read it.
pub(super) struct RootfsSpec<'a> {
    /// The root tree below the image.
    pub(super) layer: PathBuf,
    pub(super) image: &'a DiskImage,
    /// The container images to carry.
    pub(super) preloads: Vec<PreloadSet>,
    /// The latest time of any file, in seconds since 1970.
    pub(super) epoch: u64,
}

impl RootfsSpec<'_> {
    /// What there will be, without writing it anywhere.
    pub(super) fn measure(&self) -> Result<Rootfs> {
        self.write(std::io::sink())
    }

    /// Writes the finished root file system as a tar.
    pub(super) fn write(&self, target: impl Write) -> Result<Rootfs> {
        let input = BufReader::with_capacity(BUFFER, fs_err::File::open(&self.layer)?);
        let output = BufWriter::with_capacity(BUFFER, target);
        let mut rewriter = TarRewriter::new(Builder::new(output), self.image, self.epoch);
        if !self.preloads.is_empty() {
            rewriter.replaced.insert(preload::OPTIONS.to_owned());
        }
        for entry in Archive::new(input).entries()? {
            signals::check()?;
            rewriter.entry(entry?)?;
        }
        rewriter.overlay(self.image)?;
        rewriter.rootfs.preloaded = preload::preload(&mut rewriter, &self.preloads)?;
        rewriter.finish()
    }
}

/// Writes what `image` and `cargo` lay over a root file system, and nothing below it, to the tar `target`.
pub(super) fn lay_over(
    image: &DiskImage,
    preloads: &[PreloadSet],
    target: &Path,
    epoch: u64,
) -> Result<Rootfs> {
    let output = BufWriter::with_capacity(BUFFER, fs_err::File::create(target)?);
    let mut rewriter = TarRewriter::new(Builder::new(output), image, epoch);
    rewriter.overlay(image)?;
    rewriter.rootfs.preloaded = preload::preload(&mut rewriter, preloads)?;
    rewriter.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use tar::{EntryType, Header};

    use super::*;

    type Listing = BTreeMap<String, (u32, u64, String)>;

    fn layer(entries: &[(&str, EntryType, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut builder = Builder::new(file.reopen().expect("the file"));
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(if kind.is_dir() { 0o755 } else { 0o640 });
            header.set_mtime(2_000_000_000);
            if *kind == EntryType::Symlink {
                header.set_size(0);
                builder.append_link(&mut header, path, content).expect("a link");
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_bytes()).expect("an entry");
            }
        }
        builder.finish().expect("a tar");
        file
    }

    fn image(overlay: &[(&str, &str)], links: &[(&str, &str)]) -> DiskImage {
        DiskImage {
            overlay: overlay.iter().map(|(path, _)| ((*path).to_owned(), 0o644, String::new())).collect(),
            links: links.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned())).collect(),
            contents: overlay
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
                .collect(),
            ..DiskImage::bare()
        }
    }

    fn run(layer: &tempfile::NamedTempFile, image: &DiskImage) -> Result<(Listing, Rootfs)> {
        let composition =
            RootfsSpec { layer: layer.path().to_owned(), image, preloads: vec![], epoch: 1_000_000_000 };
        let mut tar = vec![];
        let rootfs = composition.write(&mut tar)?;
        assert_eq!(composition.measure()?.contents, rootfs.contents);
        let mut listing = Listing::new();
        for entry in Archive::new(tar.as_slice()).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.display().to_string();
            let link = entry.link_name()?.map(|link| link.display().to_string());
            let (mode, mtime) = (entry.header().mode()?, entry.header().mtime()?);
            let mut content = String::new();
            entry.read_to_string(&mut content)?;
            listing.insert(path, (mode, mtime, link.unwrap_or(content)));
        }
        Ok((listing, rootfs))
    }

    #[test]
    fn the_overlay_replaces_files_and_makes_its_folders() {
        let layer = layer(&[
            ("./etc/", EntryType::Directory, ""),
            ("./etc/fstab", EntryType::Regular, "old"),
            ("./etc/resolv.conf", EntryType::Regular, "nameserver 192.0.2.1"),
        ]);
        let image =
            image(&[("etc/fstab", "new"), ("opt/a/b", "deep")], &[("etc/resolv.conf", "../run/stub")]);
        let (listing, _) = run(&layer, &image).expect("composed");
        assert_eq!(listing["etc/fstab"].2, "new");
        assert_eq!(listing["etc/resolv.conf"].2, "../run/stub");
        assert_eq!(listing["opt/a"].0, 0o755);
        assert_eq!(listing["opt/a/b"].2, "deep");
    }

    #[test]
    fn nothing_is_newer_than_the_epoch_but_the_stamps() {
        let layer =
            layer(&[("./etc/", EntryType::Directory, ""), ("./etc/motd", EntryType::Regular, "hello")]);
        let (listing, _) = run(&layer, &image(&[], &[])).expect("composed");
        assert_eq!(listing["etc/motd"].1, 1_000_000_000);
        assert_eq!(listing["etc/.updated"].1, 1_000_000_001);
    }

    #[test]
    fn identities_are_dropped_or_emptied() {
        let layer = layer(&[
            ("./etc/", EntryType::Directory, ""),
            ("./etc/machine-id", EntryType::Regular, "0123456789abcdef"),
            ("./etc/hostname", EntryType::Regular, "builder"),
        ]);
        let (listing, _) = run(&layer, &image(&[], &[])).expect("composed");
        assert_eq!(listing["etc/machine-id"], (0o444, 1_000_000_000, String::new()));
        assert!(!listing.contains_key("etc/hostname"));
    }

    #[test]
    fn passwords_login_users_and_sshd_are_all_refused_at_once() {
        let layer = layer(&[
            ("./etc/passwd", EntryType::Regular, "ada:x:1000:1000::/home/ada:/bin/sh\n"),
            ("./etc/shadow", EntryType::Regular, "ada:$y$j9T$x:1::::::\n"),
            ("./usr/sbin/sshd", EntryType::Regular, "elf"),
        ]);
        let failure = run(&layer, &image(&[], &[])).unwrap_err().to_string();
        for part in ["login user `ada`", "`ada` has a password", "SSH server"] {
            assert!(failure.contains(part), "{failure}");
        }
    }

    #[test]
    fn packages_are_read_from_dpkg() {
        let status =
            "Package: autofs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.1.9-1\n\n";
        let layer = layer(&[("./var/lib/dpkg/status", EntryType::Regular, status)]);
        let (_, rootfs) = run(&layer, &image(&[], &[])).expect("composed");
        assert_eq!(rootfs.packages[0].name, "autofs");
    }
}
