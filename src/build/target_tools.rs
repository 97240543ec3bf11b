//! The tools that make an image are the image's own.
//!
//! mke2fs and grub-mkimage are taken out of the root tree and run by its own dynamic loader, without a chroot and so
//! without any privilege. The file system then has the features of the system that will mount it, whatever the host
//! has: Debian 12's mke2fs reads no tar and its defaults differ, and hosts without GRUB for BIOS need none.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::names::relative;
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::workdir::WorkDir;
use crate::plan::{CacheKey, DiskImage};

/// Debian's folder of libraries on amd64, and the loader in it.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
/// GRUB's modules and images for PC BIOS.
const GRUB: &str = "usr/lib/grub/i386-pc";
const PROGRAMS: [&str; 3] = ["usr/sbin/mke2fs", "usr/bin/grub-mkimage", "usr/sbin/tune2fs"];
const MKE2FS_CONFIG: &str = "etc/mke2fs.conf";

/// The unpacked tools of one root tree.
#[derive(Debug)]
pub(super) struct TargetTools {
    folder: PathBuf,
}

impl TargetTools {
    /// Takes the tools and the boot loaders of `image` out of its `layer`, unless an earlier image did.
    pub(super) fn unpack(layer: &Path, image: &DiskImage, work: &WorkDir) -> Result<Self> {
        let key = CacheKey::of(&(&image.layer, &image.esp));
        let folder = work.path(&format!("tools-{}", key.short()));
        if !folder.exists() {
            unpack_into(layer, &folder, &|path| {
                is_wanted(path) || image.esp.iter().any(|file| file.source == path)
            })?;
        }
        Ok(Self { folder })
    }

    /// A file of the root tree that the list of the EFI system partition names.
    pub(super) fn file(&self, path: &str) -> Result<Vec<u8>> {
        fs_err::read(self.folder.join(path)).map_err(|_| {
            anyhow!(
                "the image has no /{path}, which is to go onto the EFI system partition: add its package to the \
                 recipe (shim-signed, grub-efi-amd64-signed), or take it out of usr/lib/imagegen/esp.list"
            )
            .into()
        })
    }

    /// mke2fs with its own settings file.
    pub(super) fn mke2fs(&self) -> Cmd {
        self.run(PROGRAMS[0]).env("MKE2FS_CONFIG", self.folder.join(MKE2FS_CONFIG))
    }

    /// tune2fs, which takes the offset of a file system after its path.
    pub(super) fn tune2fs(&self) -> Cmd {
        self.run(PROGRAMS[2])
    }

    /// grub-mkimage, told where its modules are.
    pub(super) fn grub_mkimage(&self) -> Cmd {
        self.run(PROGRAMS[1]).arg("--directory").arg(self.folder.join(GRUB))
    }

    /// The first sector's code.
    pub(super) fn boot_img(&self) -> Result<Vec<u8>> {
        Ok(fs_err::read(self.folder.join(GRUB).join("boot.img"))?)
    }

    fn run(&self, program: &str) -> Cmd {
        Cmd::new(self.folder.join(LOADER))
            .arg("--library-path")
            .arg(self.folder.join(LIBRARIES))
            .arg(self.folder.join(program))
    }
}

fn unpack_into(layer: &Path, folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
    // Most of a root tree is skipped, which a buffer would read again and again.
    let mut archive = tar::Archive::new(fs_err::File::open(layer)?);
    archive.set_preserve_ownerships(false);
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        let path = relative(&entry.path_bytes());
        if wanted(&path) && !entry.header().entry_type().is_dir() {
            unpack_entry(&mut entry, &path, folder)?;
        }
    }
    match PROGRAMS.iter().find(|program| !folder.join(program).exists()) {
        None => Ok(()),
        Some(program) => {
            Err(anyhow!("the root tree has no /{program}: add e2fsprogs and grub-pc-bin to the recipe")
                .into())
        }
    }
}

/// Links are wanted as well: a library's short name is one.
fn unpack_entry<R: Read>(entry: &mut tar::Entry<'_, R>, path: &str, folder: &Path) -> Result<()> {
    let target = folder.join(path);
    if let Some(parent) = target.parent() {
        fs_err::create_dir_all(parent)?;
    }
    match entry.link_name()? {
        Some(link) if entry.header().entry_type().is_symlink() => {
            fs_err::os::unix::fs::symlink(link, &target)?;
        }
        _ => drop(entry.unpack(&target)?),
    }
    Ok(())
}

fn is_wanted(path: &str) -> bool {
    let library = path
        .strip_prefix(LIBRARIES)
        .is_some_and(|name| name.matches('/').count() == 1 && name.contains(".so"));
    library || PROGRAMS.contains(&path) || path == MKE2FS_CONFIG || path.starts_with(GRUB)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root tree with empty programs, and shim.
    fn layer() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut builder = tar::Builder::new(file.reopen().expect("the file"));
        for path in PROGRAMS.into_iter().chain(["usr/lib/shim/shim"]) {
            let mut header = tar::Header::new_gnu();
            header.set_size(path.len() as u64);
            builder.append_data(&mut header, format!("./{path}"), path.as_bytes()).expect("an entry");
        }
        builder.finish().expect("a tar");
        file
    }

    #[test]
    fn boot_loaders_are_taken_along_and_what_is_not_there_is_said() {
        let file = |source: &str| crate::recipe::EspFile { place: "a".into(), source: source.into() };
        let image = DiskImage {
            esp: vec![file("usr/lib/shim/shim"), file("usr/lib/grub/none")],
            ..DiskImage::bare()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let work = WorkDir::within(folder.path()).expect("a work folder");
        let tools = TargetTools::unpack(layer().path(), &image, &work).expect("unpacked");
        assert_eq!(tools.file("usr/lib/shim/shim").expect("shim"), b"usr/lib/shim/shim");
        let said = tools.file("usr/lib/grub/none").unwrap_err().to_string();
        assert!(said.contains("/usr/lib/grub/none") && said.contains("shim-signed"), "{said}");
    }
}
