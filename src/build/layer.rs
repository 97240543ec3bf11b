//! A layer by mmdebstrap: bootstrapped, or another layer with more packages.

use std::path::Path;

use super::{Places, Settings};
use crate::failure::Result;
use crate::host::command::{Tool, quote};
use crate::host::tools;
use crate::host::work::WorkFolder;
use crate::plan::{Key, Layer};
use crate::recipe::{PackageSet, Registry};

/// Where a recipe's script stands inside the root file system while it runs.
const INSIDE: &str = "/imagegen-script";
/// Where the wheels of a set stand until they are installed; images/scripts/python-set.sh and
/// userdata/provision/provision.py know it too.
pub(super) const WHEELS: &str = "/imagegen-set";

/// Makes the layer and puts it into the store; gives its size in bytes.
pub(super) fn make(
    layer: &Layer,
    key: &Key,
    places: &Places,
    work: &WorkFolder,
    settings: Settings,
) -> Result<u64> {
    let unfinished = places.store.layers.unfinished()?;
    let scripts = write_scripts(layer, work)?;
    let installer = work.path("python-set.sh");
    fs_err::write(&installer, &layer.installer)?;
    let below = layer.below.as_ref().map(|below| places.store.layers.path(below));
    let sets: Vec<_> = layer.sets.iter().map(|(key, set)| (places.store.sets.path(key), set)).collect();
    let mut tool = mmdebstrap(layer, below.as_deref(), settings);
    for (path, set) in &sets {
        tool = with_set(tool, path, set, &installer);
    }
    for script in &scripts {
        tool = with_script(tool, script, "");
    }
    tool.arg(&layer.suite).arg(&*unfinished).args(&layer.mirror).run()?;
    let bytes = fs_err::metadata(&unfinished)?.len();
    places.store.layers.keep(unfinished, key)?;
    Ok(bytes)
}

fn write_scripts(layer: &Layer, work: &WorkFolder) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for (number, (_, text)) in layer.scripts.iter().enumerate() {
        let path = work.path(&format!("{}-script-{number}", layer.recipe));
        fs_err::write(&path, text)?;
        paths.push(path.to_string_lossy().into_owned());
    }
    Ok(paths)
}

fn mmdebstrap(layer: &Layer, below: Option<&Path>, settings: Settings) -> Tool {
    let tool = Tool::new(tools::MMDEBSTRAP.name)
        .arg(if settings.root { "--mode=root" } else { "--mode=unshare" })
        .arg("--format=tar")
        .arg(format!("--include={}", layer.packages.join(",")))
        // Neither option reaches an image: hygiene drops the files that carry them.
        .arg("--aptopt=Acquire::Retries \"3\"")
        .arg("--dpkgopt=force-unsafe-io")
        // The kernel fills /dev at boot, and device nodes cannot be unpacked in a user namespace.
        .arg("--skip=output/dev")
        .env("SOURCE_DATE_EPOCH", settings.epoch.to_string());
    match below {
        None => tool.arg("--variant=minbase"),
        // The special hooks read our files outside the user namespace, where alone a user's own folder is open.
        Some(below) => tool
            .arg("--variant=custom")
            .arg(format!("--setup-hook=tar-in {} /", quote(&below.to_string_lossy())))
            // As an ordinary user mmdebstrap makes /dev in what it bootstraps alone, and packages need one.
            .arg("--setup-hook=mkdir -p \"$1\"/dev"),
    }
}

/// Unpacks a set of packages where it goes; one of Python is installed from there.
fn with_set(tool: Tool, path: &Path, set: &PackageSet, installer: &Path) -> Tool {
    let into = match set.registry {
        Registry::Python(_) => WHEELS.to_owned(),
        Registry::Npm => format!("/{}", set.into),
    };
    let tool = tool.arg(format!("--customize-hook=mkdir -p \"$1\"{}", quote(&into))).arg(format!(
        "--customize-hook=tar-in {} {}",
        quote(&path.to_string_lossy()),
        quote(&into)
    ));
    match set.registry {
        Registry::Python(_) => with_script(tool, &installer.to_string_lossy(), &set.into),
        Registry::Npm => tool,
    }
}

fn with_script(tool: Tool, path: &str, argument: &str) -> Tool {
    let argument = if argument.is_empty() { String::new() } else { format!(" {}", quote(argument)) };
    tool.arg(format!("--customize-hook=upload {} {INSIDE}", quote(path)))
        .arg(format!("--customize-hook=chroot \"$1\" sh -eu {INSIDE}{argument}"))
        .arg(format!("--customize-hook=rm \"$1\"{INSIDE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Layer {
        Layer {
            recipe: "hub".into(),
            suite: "trixie".into(),
            below: None,
            packages: vec!["nfs-common".into(), "autofs".into()],
            sets: vec![],
            installer: String::new(),
            scripts: vec![],
            mirror: None,
        }
    }

    #[test]
    fn an_ordinary_user_bootstraps_in_a_user_namespace() {
        let tool = mmdebstrap(&layer(), None, Settings { epoch: 1, root: false });
        insta::assert_snapshot!(tool, @r#"`mmdebstrap '--mode=unshare' '--format=tar' '--include=nfs-common,autofs' '--aptopt=Acquire::Retries "3"' '--dpkgopt=force-unsafe-io' '--skip=output/dev' '--variant=minbase'`"#);
    }

    #[test]
    fn a_layer_on_another_begins_with_its_tar_and_paths_are_quoted() {
        let below = Some(Path::new("it's/base.tar"));
        let tool = mmdebstrap(&layer(), below, Settings { epoch: 1, root: true });
        let tool = with_script(tool, "work folder/script", "");
        insta::assert_snapshot!(tool, @r#"`mmdebstrap '--mode=root' '--format=tar' '--include=nfs-common,autofs' '--aptopt=Acquire::Retries "3"' '--dpkgopt=force-unsafe-io' '--skip=output/dev' '--variant=custom' "--setup-hook=tar-in \"it's/base.tar\" /" '--setup-hook=mkdir -p "$1"/dev' "--customize-hook=upload 'work folder/script' /imagegen-script" '--customize-hook=chroot "$1" sh -eu /imagegen-script' '--customize-hook=rm "$1"/imagegen-script'`"#);
    }

    #[test]
    fn wheels_are_installed_inside_and_modules_only_unpacked() {
        let set = |registry| PackageSet {
            registry,
            path: String::new(),
            lock: String::new(),
            into: "opt/a".into(),
        };
        let tool = with_set(Tool::new("m"), Path::new("n.tar"), &set(Registry::Npm), Path::new("i.sh"));
        insta::assert_snapshot!(tool, @r#"`m '--customize-hook=mkdir -p "$1"/opt/a' '--customize-hook=tar-in n.tar /opt/a'`"#);
        let python = set(Registry::Python("3.13".into()));
        let tool = with_set(Tool::new("m"), Path::new("p.tar"), &python, Path::new("i.sh"));
        insta::assert_snapshot!(tool, @r#"`m '--customize-hook=mkdir -p "$1"/imagegen-set' '--customize-hook=tar-in p.tar /imagegen-set' '--customize-hook=upload i.sh /imagegen-script' '--customize-hook=chroot "$1" sh -eu /imagegen-script opt/a' '--customize-hook=rm "$1"/imagegen-script'`"#);
    }
}
