//! A layer by mmdebstrap: bootstrapped, or another layer with more packages.

use std::path::{Path, PathBuf};

use super::deb::Deb;
use super::packages::{PackageStore, Provided};
use super::{Settings, record, repository, resolve};
use crate::failure::Result;
use crate::host::clock;
use crate::host::command::{Tool, quote};
use crate::host::tools;
use crate::host::work::WorkFolder;
use crate::plan::Layer;
use crate::plan::lock::{Lock, LockedLayer};
use crate::recipe::{PackageSet, Registry};

/// Where a recipe's script stands inside the root file system while it runs.
const INSIDE: &str = "/imagegen-script";
/// Where the wheels of a set stand until they are installed; images/scripts/python-set.sh and
/// userdata/provision/provision.py know it too.
pub(super) const WHEELS: &str = "/imagegen-set";
/// Where the packages of the layer stand until they are installed.
const PACKAGES: &str = "/imagegen-packages";
/// What apt reads in place of `sources.list` meanwhile, beside it.
const SOURCES: &str = "imagegen.list";

/// What mmdebstrap has to know of the environment: where programs are, and how to reach the archive.
const ENVIRONMENT: &[&str] =
    &["PATH", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY"];

/// What a layer is made from, and where.
pub(super) struct Surroundings<'a> {
    /// The tar of the layer below.
    pub(super) below: Option<PathBuf>,
    /// The tars of the layer's sets of packages, in their order.
    pub(super) sets: Vec<PathBuf>,
    /// Where the Debian packages are.
    pub(super) packages: &'a PackageStore,
    /// For files on the way.
    pub(super) work: &'a WorkFolder,
    /// For what mmdebstrap unpacks.
    pub(super) scratch: &'a WorkFolder,
    /// For what it says.
    pub(super) log: PathBuf,
    pub(super) settings: &'a Settings,
}

impl Surroundings<'_> {
    /// mmdebstrap as every step needs it.
    pub(super) fn mmdebstrap(&self) -> Tool {
        mmdebstrap(self.settings.root).env("TMPDIR", self.scratch.path("")).logged(&self.log)
    }
}

/// What mmdebstrap runs in the root file system must not see who runs it, and where.
fn mmdebstrap(root: bool) -> Tool {
    Tool::new(tools::MMDEBSTRAP.name)
        .inheriting(ENVIRONMENT)
        .env("HOME", "/root")
        // Python orders sets by hashes that are random otherwise, also those that it writes into compiled files.
        .env("PYTHONHASHSEED", "0")
        .arg(if root { "--mode=root" } else { "--mode=unshare" })
}

/// Makes the layer `target` from its packages, which are in the store.
pub(super) fn make(
    layer: &Layer,
    locked: &LockedLayer,
    target: &Path,
    surroundings: &Surroundings<'_>,
) -> Result<()> {
    let Surroundings { below, sets, work, .. } = surroundings;
    let scripts = write_scripts(layer, work)?;
    let installer = work.path(&format!("{}-python-set.sh", layer.recipe));
    fs_err::write(&installer, &layer.installer)?;
    let files = Files::write(layer, locked, surroundings)?;
    let tool = surroundings.mmdebstrap().env("SOURCE_DATE_EPOCH", locked.epoch.to_string());
    let mut tool = install(tool, layer, locked, below.as_deref(), &files);
    for (path, (_, set)) in sets.iter().zip(&layer.sets) {
        tool = with_set(tool, path, set, &installer);
    }
    for script in &scripts {
        tool = with_script(tool, script, "");
    }
    // The empty mirror keeps mmdebstrap from writing a sources.list of its own.
    tool.arg("--format=tar").arg(&layer.suite).arg(target).arg("").run()?;
    fs_err::remove_file(&files.packages)?;
    record::ensure_installed(target, locked, layer.below.is_none())
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

/// What the layer is to be made of: as locked, or as apt chooses now. The packages are put into the store.
pub(super) fn choose(layer: &Layer, surroundings: &Surroundings<'_>) -> Result<(LockedLayer, Provided)> {
    if let Some(locked) = &layer.locked {
        // All of these are at hand since the build began.
        return Ok((locked.clone(), Provided::default()));
    }
    let mut locked = if layer.packages.is_empty() {
        LockedLayer::without_packages(&layer.recipe, &layer.suite)
    } else {
        resolve::resolve(layer, surroundings).map_err(clock::doubted)?
    };
    let provided = surroundings.packages.provide(&locked.packages, &locked.archives(), &surroundings.log)?;
    locked.epoch = match layer.epoch {
        Some(epoch) => epoch,
        None => newest(&locked, surroundings)?,
    };
    Ok((locked, provided))
}

/// The time of the newest package in the layer and below it: whenever the same packages are installed, it is the same.
fn newest(locked: &LockedLayer, surroundings: &Surroundings<'_>) -> Result<u64> {
    let mut newest = match &surroundings.below {
        Some(below) => record::lock_of(below)?.epoch().unwrap_or(0),
        None => 0,
    };
    for package in &locked.packages {
        newest = newest.max(Deb::read(&surroundings.packages.path(&package.sha256))?.epoch);
    }
    Ok(newest)
}

/// Files that go into the root file system while the layer is made.
struct Files {
    /// The archive of the packages.
    packages: PathBuf,
    /// The `sources.list` of the image.
    sources: PathBuf,
    /// The record of the layer.
    record: PathBuf,
}

impl Files {
    fn write(layer: &Layer, locked: &LockedLayer, surroundings: &Surroundings<'_>) -> Result<Self> {
        let at = |name: &str| surroundings.work.path(&format!("{}-{name}", layer.recipe));
        let files = Self { packages: at("packages.tar"), sources: at("sources.list"), record: at("record") };
        repository::write(&locked.packages, &layer.suite, surroundings.packages, &files.packages)?;
        fs_err::write(&files.sources, locked.sources.join("\n") + "\n")?;
        fs_err::write(&files.record, Lock { layers: vec![locked.clone()] }.to_string())?;
        Ok(files)
    }
}

/// Installs the packages of `files` and no others.
fn install(tool: Tool, layer: &Layer, locked: &LockedLayer, below: Option<&Path>, files: &Files) -> Tool {
    let required = locked.packages.iter().filter(|package| package.required).map(|package| &package.name);
    let packages: Vec<&str> = layer.packages.iter().chain(required).map(String::as_str).collect();
    let tool = tool
        // A layer may consist of a script alone, and an empty list is none to mmdebstrap.
        .args((!packages.is_empty()).then(|| format!("--include={}", packages.join(","))))
        // None of these options reaches an image: hygiene drops the files that carry them.
        .arg(format!("--aptopt=Dir::Etc::SourceList \"{SOURCES}\""))
        .arg("--aptopt=Dir::Etc::SourceParts \"/dev/null\"")
        .arg("--dpkgopt=force-unsafe-io")
        // The kernel fills /dev at boot, and device nodes cannot be unpacked in a user namespace.
        .arg("--skip=output/dev")
        // There is no archive whose keys could be looked for.
        .arg("--skip=check/signed-by")
        // Nor does an archive of no packages have anything to read.
        .args(locked.packages.is_empty().then_some("--skip=update"));
    // The special hooks read our files outside the user namespace, where alone a user's own folder is open.
    let tool = match below {
        None => tool
            .arg("--variant=essential")
            .arg(format!("--setup-hook=upload {} /etc/apt/sources.list", word(&files.sources))),
        Some(below) => tool
            .arg("--variant=custom")
            .arg(format!("--setup-hook=tar-in {} /", word(below)))
            // As an ordinary user mmdebstrap makes /dev in what it bootstraps alone, and packages need one.
            .arg("--setup-hook=mkdir -p \"$1\"/dev"),
    };
    tool.arg(format!("--setup-hook=mkdir \"$1\"{PACKAGES}"))
        .arg(format!("--setup-hook=tar-in {} {PACKAGES}", word(&files.packages)))
        .arg(format!(
            "--setup-hook=echo \"deb [trusted=yes] copy:$1{PACKAGES} ./\" >\"$1\"/etc/apt/{SOURCES}"
        ))
        .arg(format!("--customize-hook=rm -r \"$1\"{PACKAGES} \"$1\"/etc/apt/{SOURCES}"))
        // Scripts may want the real archives, and the layer above has options of its own.
        .arg("--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap")
        .arg(format!("--customize-hook=mkdir -p \"$1\"/{}", record::FOLDER))
        .arg(format!(
            "--customize-hook=upload {} /{}/{}.yaml",
            word(&files.record),
            record::FOLDER,
            layer.recipe
        ))
}

fn word(path: &Path) -> String {
    quote(&path.to_string_lossy())
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
    use crate::plan::lock::tests::lock;

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
            locked: None,
            epoch: None,
        }
    }

    fn files(folder: &str) -> Files {
        let at = |name: &str| Path::new(folder).join(name);
        Files { packages: at("packages.tar"), sources: at("sources.list"), record: at("record") }
    }

    fn one_to_a_line(tool: &Tool) -> String {
        tool.to_string().replace(" '--", "\n'--").replace(" \"--", "\n\"--")
    }

    #[test]
    fn an_ordinary_user_bootstraps_in_a_user_namespace_from_the_chosen_packages() {
        let tool = mmdebstrap(false);
        let tool = install(tool, &layer(), &lock().layers[0], None, &files("work"));
        insta::assert_snapshot!(one_to_a_line(&tool), @r##"
        `mmdebstrap
        '--mode=unshare'
        '--include=nfs-common,autofs,libc6'
        '--aptopt=Dir::Etc::SourceList "imagegen.list"'
        '--aptopt=Dir::Etc::SourceParts "/dev/null"'
        '--dpkgopt=force-unsafe-io'
        '--skip=output/dev'
        '--skip=check/signed-by'
        '--variant=essential'
        '--setup-hook=upload work/sources.list /etc/apt/sources.list'
        '--setup-hook=mkdir "$1"/imagegen-packages'
        '--setup-hook=tar-in work/packages.tar /imagegen-packages'
        '--setup-hook=echo "deb [trusted=yes] copy:$1/imagegen-packages ./" >"$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -r "$1"/imagegen-packages "$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap'
        '--customize-hook=mkdir -p "$1"/imagegen-lock'
        '--customize-hook=upload work/record /imagegen-lock/hub.yaml'`
        "##);
    }

    #[test]
    fn a_layer_on_another_begins_with_its_tar_and_paths_are_quoted() {
        let tool = mmdebstrap(true);
        let tool = install(
            tool,
            &layer(),
            &lock().layers[0],
            Some(Path::new("it's/base.tar")),
            &files("work folder"),
        );
        let tool = with_script(tool, "work folder/script", "");
        insta::assert_snapshot!(one_to_a_line(&tool), @r##"
        `mmdebstrap
        '--mode=root'
        '--include=nfs-common,autofs,libc6'
        '--aptopt=Dir::Etc::SourceList "imagegen.list"'
        '--aptopt=Dir::Etc::SourceParts "/dev/null"'
        '--dpkgopt=force-unsafe-io'
        '--skip=output/dev'
        '--skip=check/signed-by'
        '--variant=custom'
        "--setup-hook=tar-in \"it's/base.tar\" /"
        '--setup-hook=mkdir -p "$1"/dev'
        '--setup-hook=mkdir "$1"/imagegen-packages'
        "--setup-hook=tar-in 'work folder/packages.tar' /imagegen-packages"
        '--setup-hook=echo "deb [trusted=yes] copy:$1/imagegen-packages ./" >"$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -r "$1"/imagegen-packages "$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap'
        '--customize-hook=mkdir -p "$1"/imagegen-lock'
        "--customize-hook=upload 'work folder/record' /imagegen-lock/hub.yaml"
        "--customize-hook=upload 'work folder/script' /imagegen-script"
        '--customize-hook=chroot "$1" sh -eu /imagegen-script'
        '--customize-hook=rm "$1"/imagegen-script'`
        "##);
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
