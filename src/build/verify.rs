//! Comparing an image with what was rebuilt from its manifest.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::{base, file_tree};
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::tools;
use crate::host::workdir::WorkDir;
use crate::plan::difference::differences;

const BUFFER: usize = 1 << 20;

/// Fails with all that is different, unless `image` and `rebuilt` are the same to the byte.
pub fn compare(image: &Path, rebuilt: &Path, is_container: bool, work: &WorkDir) -> Result<()> {
    if same_bytes(image, rebuilt)? {
        return Ok(());
    }
    let lines = if is_container { containers(image, rebuilt)? } else { disks(image, rebuilt, work)? };
    if lines.is_empty() {
        return Ok(());
    }
    let name = image.display();
    Err(anyhow!("rebuilding {name} from its manifest gives something else:\n  {}", lines.join("\n  ")).into())
}

/// Byte for byte, and not by hashes: this is what the result is about.
fn same_bytes(one: &Path, other: &Path) -> Result<bool> {
    if fs_err::metadata(one)?.len() != fs_err::metadata(other)?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (fs_err::File::open(one)?, fs_err::File::open(other)?);
    let (mut left, mut right) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        crate::host::signals::check()?;
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

/// Whether a disk is in a qcow2 file, and not raw (QEMU's docs/interop/qcow2.txt, "Header").
fn is_qcow2(image: &Path) -> Result<bool> {
    let mut magic = vec![];
    fs_err::File::open(image)?.take(4).read_to_end(&mut magic)?;
    Ok(magic == b"QFI\xfb")
}

/// What differs; nothing where `image` is the raw disk that is in `rebuilt`.
fn disks(image: &Path, rebuilt: &Path, work: &WorkDir) -> Result<Vec<String>> {
    let (container, image) = (is_qcow2(image)?, raw(image, "image.raw", work)?);
    let rebuilt = raw(rebuilt, "rebuilt.raw", work)?;
    if same_bytes(&image, &rebuilt)? {
        let differs = "the disks are identical, but their qcow2 files differ";
        return Ok(if container { vec![differs.into()] } else { vec![] });
    }
    let ((ours, before), (theirs, other)) = (file_tree::of_disk(&image)?, file_tree::of_disk(&rebuilt)?);
    let mut lines = differences(&ours, &theirs);
    if before != other {
        lines.insert(0, "the partition table or the boot loader differs".into());
    }
    if lines.is_empty() {
        lines.push("all files are the same, but the file systems around them differ".into());
    }
    Ok(lines)
}

fn raw(image: &Path, name: &str, work: &WorkDir) -> Result<PathBuf> {
    // What the image says of itself must not make qemu-img read other files of this machine.
    let disk = base::inspect(image)?;
    let target = work.path(name);
    let cmd = Cmd::new(tools::QEMU_IMG.name).args(["convert", "-f", disk.format, "-O", "raw"]);
    cmd.arg(image).arg(&target).run()?;
    Ok(target)
}

fn containers(image: &Path, rebuilt: &Path) -> Result<Vec<String>> {
    let ((ours, settings), (theirs, other)) =
        (file_tree::of_container(image)?, file_tree::of_container(rebuilt)?);
    let mut lines = differences(&ours, &theirs);
    if lines.is_empty() && settings != other {
        lines.push(format!("the configuration {settings} became {other}"));
    }
    if lines.is_empty() {
        lines.push("all files are the same, but the archives around them differ".into());
    }
    Ok(lines)
}
