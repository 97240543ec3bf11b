//! What an image's root file system says about the system in it.

use super::dpkg::{Package, installed_packages};
use super::modes::{Noted, Strange};
use super::tree::{EntryKind, Tree};
use crate::plan::hygiene::{self, HygieneRule};

const DPKG_STATUS: &str = "var/lib/dpkg/status";
const UNITS: &str = "etc/systemd/system";
/// Where GRUB's menu is.
pub(super) const MENU: &str = "boot/grub/grub.cfg";
/// How the file of a kernel begins; its version follows.
const KERNEL: &str = "vmlinuz-";
/// Folders in which a private key is no example that came with a package.
const KEY_FOLDERS: [&str; 5] = ["etc", "home", "root", "srv", "var/lib"];
/// No private key takes more bytes.
const LARGEST_KEY: u64 = 64 << 10;

/// A system, and what was noted on a walk through all of its files.
pub(super) struct System {
    pub(super) tree: Tree,
    /// What must not be in a golden image.
    pub(super) marked: Vec<(String, &'static HygieneRule)>,
    /// What makes the image no golden one, and why.
    pub(super) forbidden: Vec<(String, &'static str)>,
    /// Logs that are not empty.
    pub(super) logs: Vec<String>,
    pub(super) private_keys: Vec<String>,
    /// Files with other modes than packages give to them.
    pub(super) strange: Strange,
    pub(super) kernels: Vec<InstalledKernel>,
    pub(super) packages: Vec<Package>,
    /// Packages that dpkg has not finished with, and the state that it has them in.
    pub(super) unfinished: Vec<(String, String)>,
    pub(super) units: Vec<Unit>,
}

/// A kernel in /boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InstalledKernel {
    pub(super) version: String,
    pub(super) initrd: bool,
    pub(super) modules: bool,
}

/// What the image says about a unit of systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) state: UnitState,
}

/// The state of a unit, by the links in /etc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnitState {
    /// By the link at this path, whose target is there or not.
    Enabled {
        link: String,
        there: bool,
    },
    Masked,
}

impl Tree {
    /// Whether there is a kernel in `folder`.
    pub(super) fn has_kernel(&self, folder: &str) -> bool {
        self.list(folder).iter().any(|(name, _)| name.starts_with(KERNEL))
    }
}

impl System {
    pub(super) fn of(tree: Tree) -> Self {
        let status = tree.text(DPKG_STATUS).unwrap_or_default();
        let mut system = Self {
            marked: vec![],
            forbidden: vec![],
            logs: vec![],
            private_keys: vec![],
            strange: Strange::default(),
            kernels: kernels(&tree),
            packages: installed_packages(&status),
            unfinished: unfinished_packages(&status),
            units: units(&tree),
            tree,
        };
        system.walk();
        system
    }

    fn walk(&mut self) {
        let tree = &self.tree;
        let (marked, forbidden) = (&mut self.marked, &mut self.forbidden);
        let (logs, private_keys) = (&mut self.logs, &mut self.private_keys);
        let mut modes = Noted::default();
        tree.walk("", &mut |path, found| {
            let kind = found.kind;
            if hygiene::carried(path) {
                return false;
            }
            if let Some(mode) = found.mode {
                modes.note(path, kind, mode);
            }
            forbidden.extend(hygiene::forbidden(path).map(|why| (path.to_owned(), why)));
            if kind == EntryKind::Folder {
                return true;
            }
            match hygiene::broken_rule(path) {
                Some(rule) => marked.push((path.to_owned(), rule)),
                None if kind == EntryKind::File && has_content(tree, path, "var/log/") => {
                    logs.push(path.to_owned());
                }
                None if kind == EntryKind::File && is_private_key(tree, path) => {
                    private_keys.push(path.to_owned());
                }
                None => {}
            }
            false
        });
        self.strange = modes.compare(tree);
    }

    /// The name and version of the distribution.
    pub(super) fn name(&self) -> String {
        let text = self.tree.text("etc/os-release").unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        name.unwrap_or("a system without a name").trim_matches('"').to_owned()
    }

    /// The names of enabled or masked units, each once.
    pub(super) fn unit_names(&self, masked: bool) -> Vec<&str> {
        let is_masked =
            |name: &str| self.units.iter().any(|unit| unit.name == name && unit.state == UnitState::Masked);
        let names = self.units.iter().map(|unit| unit.name.as_str());
        // A mask is stronger than the links that enable a unit.
        let mut names: Vec<&str> = names.filter(|name| is_masked(name) == masked).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn has_content(tree: &Tree, path: &str, folder: &str) -> bool {
    path.starts_with(folder) && tree.size(path) > Some(0)
}

/// By the first line, which all programs write the same way (RFC 7468, section 13).
fn is_private_key(tree: &Tree, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let named = name.starts_with("id_") || matches!(name.rsplit_once('.'), Some((_, "key" | "pem")));
    named
        && KEY_FOLDERS
            .iter()
            .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
        && tree.size(path).is_some_and(|size| size <= LARGEST_KEY)
        && tree.text(path).is_some_and(|text| text.contains("PRIVATE KEY-----"))
}

fn kernels(tree: &Tree) -> Vec<InstalledKernel> {
    let names = tree.list("boot").into_iter();
    let versions = names.filter_map(|(name, _)| Some(name.strip_prefix(KERNEL)?.to_owned()));
    let versions = versions.filter(|version| tree.size(&format!("boot/{KERNEL}{version}")) > Some(0));
    versions
        .map(|version| InstalledKernel {
            initrd: tree.size(&format!("boot/initrd.img-{version}")) > Some(0),
            modules: tree.exists(&format!("lib/modules/{version}")),
            version,
        })
        .collect()
}

/// Packages in any other state than installed, or removed with settings left.
fn unfinished_packages(status: &str) -> Vec<(String, String)> {
    let field =
        |stanza: &str, name: &str| stanza.lines().find_map(|line| Some(line.strip_prefix(name)?.to_owned()));
    let stanzas =
        status.split("\n\n").filter_map(|it| Some((field(it, "Package: ")?, field(it, "Status: ")?)));
    stanzas
        .filter(|(_, state)| {
            !matches!(
                state.as_str(),
                "install ok installed"
                    | "hold ok installed"
                    | "deinstall ok config-files"
                    | "purge ok not-installed"
            )
        })
        .collect()
}

fn units(tree: &Tree) -> Vec<Unit> {
    let mut units = vec![];
    for (name, kind) in tree.list(UNITS) {
        let path = format!("{UNITS}/{name}");
        match kind {
            EntryKind::Folder if matches!(name.rsplit_once('.'), Some((_, "wants" | "requires"))) => {
                units.extend(tree.list(&path).into_iter().map(|(unit, _)| {
                    let link = format!("{path}/{unit}");
                    Unit {
                        name: unit,
                        state: UnitState::Enabled {
                            there: tree.exists(&link) || template(tree, &link),
                            link,
                        },
                    }
                }));
            }
            EntryKind::Link if tree.link(&path).as_deref() == Some("/dev/null") => {
                units.push(Unit { name, state: UnitState::Masked });
            }
            _ => {}
        }
    }
    units
}

/// An instance of a template is a link to the template's file, which may also stand under the target's own name.
fn template(tree: &Tree, link: &str) -> bool {
    let name = link.rsplit('/').next().unwrap_or_default();
    ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"]
        .iter()
        .any(|folder| tree.exists(&format!("{folder}/{name}")))
}
