//! What mmdebstrap is told: how it runs, what it installs, and what it does before and after.

use std::path::{Path, PathBuf};

use super::bootstrap_context::BootstrapContext;
use super::embedded_lock;
use super::stdin_tar::{self, PACKAGES, WHEELS};
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::shell::quote;
use crate::plan::RootTree;
use crate::plan::lock::{Lock, LockedTree};
use crate::recipe::{Bundle, Registry};

/// Where a recipe's script stands inside the root file system while it runs.
pub(super) const INSIDE: &str = "/imagegen-script";
/// Unpacks all that mmdebstrap reads: several tars, one after the other. Its own hook for one takes 4 KiB at a time, and
/// half a minute for a root tree.
const UNPACK: &str =
    r#"tar --extract --file=- --ignore-zeros --directory="$1" --numeric-owner --xattrs --xattrs-include='*'"#;
/// Removes from the essential packages what dpkg is told to exclude.
const EXCLUDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/scripts/exclude.sh"));
/// What apt reads instead of `sources.list` meanwhile, beside it.
const SOURCES: &str = "imagegen.list";

/// Files that go into the root file system while the root tree is made.
pub(super) struct BootstrapFiles {
    /// The `sources.list` of the image.
    sources: PathBuf,
    /// The record of the root tree.
    record: PathBuf,
}

impl BootstrapFiles {
    pub(super) fn write(locked: &LockedTree, context: &BootstrapContext<'_>) -> Result<Self> {
        let files = Self { sources: context.file("sources.list"), record: context.file("record") };
        fs_err::write(&files.sources, locked.sources.join("\n") + "\n")?;
        fs_err::write(&files.record, Lock { layers: vec![locked.clone()] }.to_string())?;
        Ok(files)
    }
}

/// Installs the locked packages and no others.
pub(super) fn install(
    cmd: Cmd,
    tree: &RootTree,
    locked: &LockedTree,
    is_above: bool,
    files: &BootstrapFiles,
) -> Cmd {
    let required = locked.packages.iter().filter(|package| package.required).map(|package| &package.name);
    let packages: Vec<&str> = tree.packages.iter().chain(required).map(String::as_str).collect();
    let tool = cmd
        // A root tree may consist of a script alone, and an empty list is none to mmdebstrap.
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
    let tool = if is_above { tool.arg("--variant=custom") } else { tool.arg("--variant=essential") };
    let tool = tool.arg(format!("--setup-hook={UNPACK}"));
    let tool = if is_above {
        // As an ordinary user mmdebstrap makes /dev in what it bootstraps alone, and packages need one.
        tool.arg("--setup-hook=mkdir -p \"$1\"/dev")
    } else {
        // The special hooks read our files outside the user namespace, where alone a user's own folder is open.
        tool.arg(format!("--setup-hook=upload {} /etc/apt/sources.list", word(&files.sources)))
            .arg(format!("--extract-hook={EXCLUDE}"))
    };
    tool.arg(format!(
        "--setup-hook=echo \"deb [trusted=yes] copy:$1/{PACKAGES} ./\" >\"$1\"/etc/apt/{SOURCES}"
    ))
    .arg(format!("--customize-hook=rm -r \"$1\"/{PACKAGES} \"$1\"/etc/apt/{SOURCES}"))
    // Scripts may want the real archives, and the child root tree has options of its own.
    .arg("--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap")
    .arg(format!("--customize-hook=mkdir -p \"$1\"/{}", embedded_lock::FOLDER))
    .arg(format!(
        "--customize-hook=upload {} /{}/{}.yaml",
        word(&files.record),
        embedded_lock::FOLDER,
        tree.recipe
    ))
}

fn word(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// Puts a set of packages where it goes; one of Python's is installed there.
pub(super) fn with_set(cmd: Cmd, number: usize, bundle: &Bundle, installer: &Path) -> Cmd {
    let from = stdin_tar::place(number);
    match bundle.registry {
        Registry::Python(_) => {
            let tool = cmd.arg(format!("--customize-hook=mv \"$1\"/{from} \"$1\"/{WHEELS}"));
            with_script(tool, &bundle.path, installer, &bundle.into)
        }
        Registry::Npm => {
            let into = quote(&format!("/{}", bundle.into));
            cmd.arg(format!("--customize-hook=chroot \"$1\" mkdir -p {into}"))
                .arg(format!("--customize-hook=chroot \"$1\" cp -a /{from}/. {into}"))
                .arg(format!("--customize-hook=rm -r \"$1\"/{from}"))
        }
    }
}

/// Runs the script `file`. The first word of the hook does nothing: mmdebstrap quotes the hook that fails, and with it
/// `name`, what the recipe calls the script.
pub(super) fn with_script(cmd: Cmd, name: &str, file: &Path, argument: &str) -> Cmd {
    let argument = if argument.is_empty() { String::new() } else { format!(" {}", quote(argument)) };
    cmd.arg(format!("--customize-hook=upload {} {INSIDE}", word(file)))
        .arg(format!("--customize-hook=: {}; chroot \"$1\" sh -eu {INSIDE}{argument}", quote(name)))
        .arg(format!("--customize-hook=rm \"$1\"{INSIDE}"))
}

#[cfg(test)]
mod tests {
    use super::super::bootstrap_context::tool;
    use super::*;
    use crate::host::privilege::Privilege;
    use crate::plan::lock::tests::lock;
    use crate::recipe::RecipePlaces;

    fn layer() -> RootTree {
        RootTree {
            recipe: "hub".into(),
            kernel: None,
            suite: "trixie".into(),
            parent: None,
            packages: vec!["nfs-common".into(), "autofs".into()],
            dpkg: vec![],
            sets: vec![],
            initramfs: String::new(),
            installer: String::new(),
            scripts: vec![],
            places: RecipePlaces::default(),
            mirror: None,
            locked: None,
            epoch: None,
        }
    }

    fn files(folder: &str) -> BootstrapFiles {
        let at = |name: &str| Path::new(folder).join(name);
        BootstrapFiles { sources: at("sources.list"), record: at("record") }
    }

    fn one_to_a_line(cmd: &Cmd) -> String {
        cmd.to_string().replace(" '--", "\n'--").replace(" \"--", "\n\"--")
    }

    #[test]
    fn an_ordinary_user_bootstraps_in_a_user_namespace_from_the_chosen_packages() {
        let tool = tool(Privilege::User);
        let tool = install(tool, &layer(), &lock().layers[0], false, &files("work"));
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
        '--setup-hook=tar --extract --file=- --ignore-zeros --directory="$1" --numeric-owner --xattrs --xattrs-include='"'*'"
        '--setup-hook=upload work/sources.list /etc/apt/sources.list'
        "--extract-hook=# Removes what dpkg's settings exclude from the tree in "'$1: the essential packages are unpacked before dpkg is there to know
        # them; a moment later it unpacks them once more. Patterns are those of fnmatch(3) to dpkg and find alike.
        cat "$1"/etc/dpkg/dpkg.cfg.d/* | sed -n "s/''^path-exclude[ =]//p" | while read -r pattern; do
        	find "$1" -xdev ! -type d -path "$1$pattern" -delete
        done
        '
        '--setup-hook=echo "deb [trusted=yes] copy:$1/imagegen-packages ./" >"$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -r "$1"/imagegen-packages "$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap'
        '--customize-hook=mkdir -p "$1"/imagegen-lock'
        '--customize-hook=upload work/record /imagegen-lock/hub.yaml'`
        "##);
    }

    #[test]
    fn a_layer_on_another_is_root_s_in_mounts_of_its_own_and_paths_are_quoted() {
        let tool = tool(Privilege::Root);
        let tool = install(tool, &layer(), &lock().layers[0], true, &files("work folder"));
        let tool = with_script(tool, "scripts/a.sh", Path::new("work folder/script"), "");
        insta::assert_snapshot!(one_to_a_line(&tool), @r##"
        `unshare --mount -- mmdebstrap
        '--mode=root'
        '--include=nfs-common,autofs,libc6'
        '--aptopt=Dir::Etc::SourceList "imagegen.list"'
        '--aptopt=Dir::Etc::SourceParts "/dev/null"'
        '--dpkgopt=force-unsafe-io'
        '--skip=output/dev'
        '--skip=check/signed-by'
        '--variant=custom'
        '--setup-hook=tar --extract --file=- --ignore-zeros --directory="$1" --numeric-owner --xattrs --xattrs-include='"'*'"
        '--setup-hook=mkdir -p "$1"/dev'
        '--setup-hook=echo "deb [trusted=yes] copy:$1/imagegen-packages ./" >"$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -r "$1"/imagegen-packages "$1"/etc/apt/imagegen.list'
        '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap'
        '--customize-hook=mkdir -p "$1"/imagegen-lock'
        "--customize-hook=upload 'work folder/record' /imagegen-lock/hub.yaml"
        "--customize-hook=upload 'work folder/script' /imagegen-script"
        '--customize-hook=: scripts/a.sh; chroot "$1" sh -eu /imagegen-script'
        '--customize-hook=rm "$1"/imagegen-script'`
        "##);
    }

    #[test]
    fn wheels_are_installed_inside_and_modules_only_put_in_their_place() {
        let set = |registry| Bundle {
            registry,
            path: "locks/a".into(),
            lock: String::new(),
            into: "opt/a".into(),
            location: None,
        };
        let tool = with_set(Cmd::new("m"), 1, &set(Registry::Npm), Path::new("i.sh"));
        insta::assert_snapshot!(tool, @r#"`m '--customize-hook=chroot "$1" mkdir -p /opt/a' '--customize-hook=chroot "$1" cp -a /imagegen-set-1/. /opt/a' '--customize-hook=rm -r "$1"/imagegen-set-1'`"#);
        let python = set(Registry::Python("3.13".into()));
        let tool = with_set(Cmd::new("m"), 0, &python, Path::new("i.sh"));
        insta::assert_snapshot!(tool, @r#"`m '--customize-hook=mv "$1"/imagegen-set-0 "$1"/imagegen-set' '--customize-hook=upload i.sh /imagegen-script' '--customize-hook=: locks/a; chroot "$1" sh -eu /imagegen-script opt/a' '--customize-hook=rm "$1"/imagegen-script'`"#);
    }
}
