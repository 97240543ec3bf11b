//! Reading folders, and files that are nobody else's business.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

use crate::failure::Result;

/// All files below `folder`, by their path relative to it, with `/` between its parts.
pub fn read_tree(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    read_into(folder, "", &mut files)?;
    Ok(files)
}

fn read_into(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_into(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, fs_err::read(entry.path())?);
        }
    }
    Ok(())
}

/// A file's text and its permission bits; none where there is no such file.
pub fn read_private(path: &Path) -> Result<Option<(String, u32)>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some((text, fs_err::metadata(path)?.permissions().mode() & 0o7777))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Creates a file that only its owner can read, whole or not at all; one that is there already stays.
pub fn create_private(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Temporary files have mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}
