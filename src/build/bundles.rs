//! Bundles from Python's and npm's registries: fetched once, checked against the hashes of their lock, and cached.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value as Json, json};
use tar::{Builder, EntryType, Header};

use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::files::files_below;
use crate::host::tools;
use crate::host::workdir::WorkDir;
use crate::plan::CacheKey;
use crate::recipe::{Bundle, Registry};

/// Kinds of wheels that run on Debian 12 and later, from the newest to the oldest (PEP 600, PEP 599).
const PLATFORMS: [&str; 6] = [
    "manylinux_2_34_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_24_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
];
/// npm's own note of what it did, which differs from run to run.
const NPM_NOTE: &str = "node_modules/.package-lock.json";

/// Fetches a set into the tar `target`; what pip3 or npm says goes to `log`.
pub(super) fn fetch(
    bundle: &Bundle,
    key: &CacheKey,
    target: &Path,
    log: &Path,
    work: &WorkDir,
) -> Result<()> {
    let folder = work.path(&format!("set-{}", key.short()));
    fs_err::create_dir(&folder)?;
    match &bundle.registry {
        Registry::Python(version) => wheels(&bundle.lock, version, &folder, log)?,
        Registry::Npm => modules(&bundle.lock, &folder, log)?,
    }
    pack(&folder, target)?;
    Ok(fs_err::remove_dir_all(&folder)?)
}

/// For the image's Python, whatever the host's is.
fn wheels(lock: &str, version: &str, folder: &Path, log: &Path) -> Result<()> {
    let list = folder.with_extension("lock");
    fs_err::write(&list, lock)?;
    Cmd::new(tools::PIP.name)
        .args(["download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--implementation", "cp", "--python-version", version])
        .args(PLATFORMS.iter().flat_map(|platform| ["--platform", platform]))
        .arg("--dest")
        .arg(folder)
        .arg("--requirement")
        .arg(&list)
        .logged(log)
        .run()
}

/// npm wants to see what it locks in a file beside the lock, which has it too.
fn modules(lock: &str, folder: &Path, log: &Path) -> Result<()> {
    let parsed: Json = serde_json::from_str(lock).context("reading an npm lock")?;
    let root = &parsed["packages"][""];
    let package =
        json!({"name": root["name"], "version": root["version"], "dependencies": root["dependencies"]});
    fs_err::write(folder.join("package-lock.json"), lock)?;
    fs_err::write(folder.join("package.json"), package.to_string())?;
    Cmd::new(tools::NPM.name)
        .args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"])
        // What a user's own settings would change in the files.
        .args(["--include=optional", "--bin-links=true", "--install-strategy=hoisted"])
        .arg("--prefix")
        .arg(folder)
        .logged(log)
        .run()
}

/// A tar that is the same for the same files: in the order of their paths, of one time, root's.
fn pack(folder: &Path, target: &Path) -> Result<()> {
    let mut builder = Builder::new(std::io::BufWriter::new(fs_err::File::create(target)?));
    for path in files_below(folder)?.into_iter().filter(|path| path != NPM_NOTE) {
        let whole = folder.join(&path);
        let metadata = fs_err::symlink_metadata(&whole)?;
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_mode(0o755);
        if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, &path, fs_err::read_link(&whole)?)?;
        } else {
            let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0;
            header.set_mode(if executable { 0o755 } else { 0o644 });
            header.set_size(metadata.len());
            builder.append_data(&mut header, &path, fs_err::File::open(&whole)?)?;
        }
    }
    builder.into_inner()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_make_the_same_tar_whenever_they_were_written() {
        let tar = |first: &str, second: &str| {
            let folder = tempfile::tempdir().unwrap();
            let inner = folder.path().join("set");
            fs_err::create_dir_all(inner.join("node_modules/.bin")).unwrap();
            for name in [first, second] {
                fs_err::write(inner.join("node_modules").join(name), name).unwrap();
            }
            fs_err::write(inner.join(NPM_NOTE), format!("{:?}", folder.path())).unwrap();
            fs_err::os::unix::fs::symlink("../a.js", inner.join("node_modules/.bin/a")).unwrap();
            let target = folder.path().join("set.tar");
            pack(&inner, &target).unwrap();
            fs_err::read(target).unwrap()
        };
        assert_eq!(tar("a.js", "b.js"), tar("b.js", "a.js"));
    }
}
