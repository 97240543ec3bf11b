//! Reading folders, and files that are nobody else's business.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

use crate::failure::Result;

/// The files at these paths below `folder`, by path.
pub fn read_all<'a>(
    folder: &Path,
    paths: impl IntoIterator<Item = &'a String>,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let paths = paths.into_iter();
    paths.map(|path| Ok((path.clone(), fs_err::read(folder.join(path))?))).collect()
}

/// The paths of all files and links below `folder`, relative to it and in order; links are not followed.
pub fn files_below(folder: &Path) -> Result<Vec<String>> {
    let mut paths = vec![];
    list_into(folder, "", &mut paths)?;
    paths.sort();
    Ok(paths)
}

fn list_into(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list_into(&entry.path(), &format!("{path}/"), paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// The folders that a relative path leads through, from the outermost.
pub fn folders_on(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// The folder that a file is in, or is to be in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is something at a path, also a link that leads nowhere.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A file's text and its permission bits; none where there is no such file.
pub fn read_private(path: &Path) -> std::io::Result<Option<(String, u32)>> {
    let mut file = match fs_err::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some((text, mode_of(file.file())?)))
}

/// The permission bits that a new file for its owner alone gets in a folder: 0600, unless the file system does not keep
/// permissions (FAT, some network file systems, Windows' drives in WSL).
pub fn private_mode(folder: &Path) -> std::io::Result<u32> {
    mode_of(tempfile::NamedTempFile::new_in(folder)?.as_file())
}

/// Whether these permission bits leave a file to its owner.
#[must_use]
pub fn is_private(mode: u32) -> bool {
    mode.trailing_zeros() >= 6
}

fn mode_of(file: &std::fs::File) -> std::io::Result<u32> {
    Ok(file.metadata()?.permissions().mode() & 0o7777)
}

/// Creates a file that only its owner can read, whole or not at all; one that is there already stays.
pub fn create_private(path: &Path, text: &str) -> Result<()> {
    create(path, text, 0o600)
}

/// Creates a file with these permission bits, whole or not at all; one that is there already stays.
pub fn create(path: &Path, text: &str, mode: u32) -> Result<()> {
    let created = written_beside(path, text, mode)?.persist_noclobber(path).or_else(|refused| match refused
        .error
        .kind()
    {
        ErrorKind::PermissionDenied | ErrorKind::Unsupported => take_name(path, refused.file),
        _ => Err(refused.error),
    });
    created.with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}

/// Creates a file under a new name on a file system that has neither links nor a rename that keeps what is there, as FAT
/// in user space.
fn take_name(path: &Path, written: tempfile::NamedTempFile) -> std::io::Result<std::fs::File> {
    std::fs::File::create_new(path)?;
    written.persist(path).map_err(|refused| {
        let _ = fs_err::remove_file(path);
        refused.error
    })
}

/// Writes a file with these permission bits, whole or not at all, instead of one that is there already.
pub fn replace(path: &Path, text: &str, mode: u32) -> Result<()> {
    let written = written_beside(path, text, mode)?.persist(path).map_err(|refused| refused.error);
    written.with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}

fn written_beside(path: &Path, text: &str, mode: u32) -> Result<tempfile::NamedTempFile> {
    let folder = folder_of(path);
    // Temporary files have mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    match file.as_file().set_permissions(PermissionsExt::from_mode(mode)) {
        // Some file systems do not keep permissions, and say so when they are changed.
        Err(error) if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            return Err(error.into());
        }
        _ => {}
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// The names in a folder; none where it is not there.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error.into()),
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Takes a file away, if there is one.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
