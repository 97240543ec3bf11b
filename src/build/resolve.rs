//! Which packages a root tree consists of: apt chooses once from an archive, before anything is installed.

use std::path::Path;

use anyhow::Context;

use super::bootstrap_context::BootstrapContext;
use super::embedded_lock;
use crate::failure::Result;
use crate::host::shell::quote;
use crate::plan::RootTree;
use crate::plan::lock::{LockedPackage, LockedTree};

pub(super) const SCRIPT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/resolve.sh"));
/// Where the script stands while it runs; mmdebstrap is alone in that root file system.
const INSIDE: &str = "/imagegen-resolve";
/// The folder of its results, as it knows too.
const RESULTS: &str = "/imagegen-resolved";

/// Asks apt, on top of the parent root tree; the epoch is still open.
pub(super) fn resolve(tree: &RootTree, context: &BootstrapContext<'_>) -> Result<LockedTree> {
    let below = context.parent.as_deref();
    let folder = context.work.path(&format!("{}-resolved", context.name));
    fs_err::create_dir(&folder)?;
    let script = folder.join("script");
    fs_err::write(&script, SCRIPT)?;
    let upload = |path: &Path, inside: &str| {
        format!("--setup-hook=upload {} {inside}", quote(&path.to_string_lossy()))
    };
    let mut tool = context
        .mmdebstrap()
        .args(["--variant=custom", "--format=null", "--skip=cleanup"])
        .arg(upload(&script, INSIDE));
    if let Some(below) = below {
        let status = folder.join("status");
        fs_err::write(&status, embedded_lock::dpkg_status(below)?)?;
        tool = tool.arg(upload(&status, "/var/lib/dpkg/status"));
    }
    let way = if below.is_some() { "add" } else { "bootstrap" };
    let packages: Vec<String> = tree.packages.iter().map(|package| quote(package)).collect();
    tool = tool.arg(format!("--setup-hook=sh \"$1\"{INSIDE} \"$1\" {way} {}", packages.join(" ")));
    for name in ["sources", "required", "packages"] {
        let target = folder.join(name);
        tool =
            tool.arg(format!("--setup-hook=download {RESULTS}/{name} {}", quote(&target.to_string_lossy())));
    }
    tool.arg(&tree.suite).arg("/dev/null").args(&tree.mirror).run()?;
    let [sources, required, packages] =
        ["sources", "required", "packages"].map(|name| fs_err::read_to_string(folder.join(name)));
    Ok(parse(tree, &sources?, &required?, &packages?).context("reading apt's choice of packages")?)
}

fn parse(tree: &RootTree, sources: &str, required: &str, packages: &str) -> anyhow::Result<LockedTree> {
    let mut locked = LockedTree {
        recipe: tree.recipe.clone(),
        kernel: tree.kernel.clone(),
        suite: tree.suite.clone(),
        epoch: 0,
        sources: sources.lines().filter(|line| line.starts_with("deb ")).map(str::to_owned).collect(),
        packages: vec![],
    };
    let archives = locked.archives();
    let required: Vec<&str> = required.lines().collect();
    for line in packages.lines() {
        let mut package = package(line, &archives).with_context(|| format!("apt said `{line}`"))?;
        package.required = tree.parent.is_none() && required.contains(&package.name.as_str());
        locked.packages.push(package);
    }
    locked
        .packages
        .sort_by(|one, other| (&one.name, &one.architecture).cmp(&(&other.name, &other.architecture)));
    Ok(locked)
}

/// One line of `apt-get --print-uris`: the address in quotes, the name of the file, its size, its hash.
fn package(line: &str, archives: &[String]) -> Option<LockedPackage> {
    let mut words = line.split(' ');
    let address = words.next()?.trim_matches('\'');
    // A colon in a version is written as `%3a` in the name of its file.
    let stem = decoded(words.next()?.strip_suffix(".deb")?);
    let mut parts = stem.split('_').map(str::to_owned);
    let bytes = words.next()?.parse().ok()?;
    let sha256 = words.next()?.strip_prefix("SHA256:")?.to_owned();
    let file =
        archives.iter().find_map(|archive| address.strip_prefix(archive.as_str())?.strip_prefix('/'))?;
    Some(LockedPackage {
        name: parts.next()?,
        version: parts.next()?,
        architecture: parts.next()?,
        sha256,
        bytes,
        file: decoded(file),
        required: false,
        location: None,
    })
}

/// A text with its `%xx` as the characters that they stand for.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte {
            whole.push(char::from(byte));
            whole.push_str(&part[2..]);
        } else {
            whole.push('%');
            whole.push_str(part);
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::lock::tests::lock;

    #[test]
    fn what_apt_prints_becomes_a_lock() {
        let line = "'http://security.example/debian-security/pool/updates/main/l/linux/linux-image-6.12%2bdeb13_2%3a6.12-1_amd64.deb' \
                    linux-image-6.12+deb13_2%3a6.12-1_amd64.deb 34699820 SHA256:07f2";
        let package = package(line, &lock().layers[0].archives()).expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("linux-image-6.12+deb13", "2:6.12-1"));
        assert_eq!(package.file, "pool/updates/main/l/linux/linux-image-6.12+deb13_2:6.12-1_amd64.deb");
        assert_eq!((package.bytes, package.sha256.as_str()), (34_699_820, "07f2"));
    }
}
