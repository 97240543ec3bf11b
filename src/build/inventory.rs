//! What a root file system says of its own contents beside dpkg: licences of Debian packages, packages of Python and npm.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::host::files::folders_on;

/// Where Debian's own Python packages are: they are in dpkg's list already.
const DEBIAN_PYTHON: &str = "usr/lib/python3/";
/// What /etc/os-release leads to.
const OS_RELEASE: &str = "usr/lib/os-release";
/// Larger files of metadata are not read, in bytes: these are a few kilobytes, or tens of them.
const LARGEST: u64 = 4 << 20;
/// A licence in the field for its name may be the whole text; then its first line is not a name.
const LONGEST_NAME: usize = 80;

/// A licence, in one of the ways in which packages name theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Licence {
    /// An expression of SPDX's identifiers.
    Expression(String),
    /// Any words.
    Name(String),
}

/// A package that is not Debian's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) licence: Option<Licence>,
}

/// The distribution, as os-release(5) names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distribution {
    /// `debian`, `ubuntu`.
    pub(super) id: String,
    /// `13`, or a codename where there is no number yet.
    pub(super) version: String,
}

/// What was found, by the paths of the files that say it.
#[derive(Debug, Clone, Default)]
pub(super) struct Inventory {
    copyrights: BTreeMap<String, Vec<String>>,
    python: BTreeMap<String, Unpacked>,
    npm: BTreeMap<String, Unpacked>,
    system: Option<Distribution>,
}

impl Inventory {
    /// Whether the file at `path` is worth reading.
    pub(super) fn wants(path: &str, bytes: u64) -> bool {
        bytes <= LARGEST
            && (copyright_of(path).is_some() || is_python(path) || is_npm(path) || path == OS_RELEASE)
    }

    /// Takes in such a file.
    pub(super) fn note(&mut self, path: &str, content: &[u8]) {
        let text = String::from_utf8_lossy(content);
        if copyright_of(path).is_some() {
            self.copyrights.insert(path.to_owned(), debian_licences(&text));
        } else if is_python(path) {
            self.python.extend(python(&text).map(|package| (path.to_owned(), package)));
        } else if is_npm(path) {
            self.npm.extend(npm(content).map(|package| (path.to_owned(), package)));
        } else if path == OS_RELEASE {
            self.system = system(&text);
        }
    }

    /// A layer above takes this file or folder away; the root has an empty name.
    pub(super) fn forget(&mut self, gone: &str) {
        let stays = |path: &String| ["", path].into_iter().chain(folders_on(path)).all(|it| it != gone);
        self.copyrights.retain(|path, _| stays(path));
        self.python.retain(|path, _| stays(path));
        self.npm.retain(|path, _| stays(path));
    }

    /// The licences of a Debian package as its copyright file names them; none where that is not made for programs.
    pub(super) fn licences(&self, package: &str) -> &[String] {
        self.copyrights.get(&format!("usr/share/doc/{package}/copyright")).map_or(&[], Vec::as_slice)
    }

    /// The distribution, where it says so.
    pub(super) fn system(&self) -> Option<&Distribution> {
        self.system.as_ref()
    }

    /// The packages of Python.
    pub(super) fn python(&self) -> impl Iterator<Item = &Unpacked> {
        self.python.values()
    }

    /// The packages of npm.
    pub(super) fn npm(&self) -> impl Iterator<Item = &Unpacked> {
        self.npm.values()
    }
}

fn system(text: &str) -> Option<Distribution> {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches(['"', '\'']).to_owned())
    };
    Some(Distribution {
        id: field("ID")?,
        version: field("VERSION_ID").or_else(|| field("VERSION_CODENAME"))?,
    })
}

fn copyright_of(path: &str) -> Option<&str> {
    path.strip_prefix("usr/share/doc/")?.strip_suffix("/copyright").filter(|package| !package.contains('/'))
}

fn is_python(path: &str) -> bool {
    path.ends_with(".dist-info/METADATA") && !path.starts_with(DEBIAN_PYTHON)
}

/// `…/node_modules/NAME/package.json` or `…/node_modules/@SCOPE/NAME/package.json`, and none of those inside a package.
fn is_npm(path: &str) -> bool {
    let Some((_, inner)) = path.rsplit_once("node_modules/") else { return false };
    let Some(name) = inner.strip_suffix("/package.json") else { return false };
    name.matches('/').count() == usize::from(name.starts_with('@'))
}

/// The short names in a copyright file of Debian's machine-readable format 1.0, each once.
fn debian_licences(text: &str) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    if !text.trim_start().starts_with("Format:") {
        return names;
    }
    for line in text.lines() {
        let name = line.strip_prefix("License:").map(str::trim).unwrap_or_default();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names
}

/// The header of a distribution's metadata (Python's "Core metadata", 2.4).
fn python(text: &str) -> Option<Unpacked> {
    let header: Vec<(&str, &str)> =
        text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| header.iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim());
    let classified = || {
        let classifiers = header.iter().filter(|(key, _)| *key == "Classifier");
        classifiers
            .filter_map(|(_, value)| value.strip_prefix("License :: ")?.rsplit(" :: ").next())
            .next_back()
    };
    let named =
        field("License").filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME && *name != "UNKNOWN");
    let name = || named.or_else(classified).map(|name| Licence::Name(name.to_owned()));
    Some(Unpacked {
        name: field("Name")?.to_owned(),
        version: field("Version")?.to_owned(),
        licence: field("License-Expression").map(|text| Licence::Expression(text.to_owned())).or_else(name),
    })
}

fn npm(content: &[u8]) -> Option<Unpacked> {
    let package: Json = serde_json::from_slice(content).ok()?;
    // What is not SPDX's in npm says so in words (npm's package.json, "license").
    let licence = package["license"].as_str().map(|text| {
        let words = text.starts_with("SEE ") || text == "UNLICENSED";
        if words { Licence::Name(text.to_owned()) } else { Licence::Expression(text.to_owned()) }
    });
    Some(Unpacked {
        name: package["name"].as_str()?.to_owned(),
        version: package["version"].as_str()?.to_owned(),
        licence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_metadata_of_installed_packages_is_read() {
        for wanted in [
            "usr/share/doc/autofs/copyright",
            "opt/x/lib/python3.13/site-packages/jupyterhub-6.1.1.dist-info/METADATA",
            "opt/proxy/node_modules/ws/package.json",
            "opt/proxy/node_modules/@a/b/node_modules/@c/d/package.json",
        ] {
            assert!(Inventory::wants(wanted, 100), "{wanted}");
            assert!(!Inventory::wants(wanted, LARGEST + 1), "{wanted}");
        }
        for other in [
            "usr/share/doc/autofs/examples/copyright",
            "usr/lib/python3/dist-packages/yaml-6.dist-info/METADATA",
            "opt/proxy/node_modules/ws/lib/package.json",
            "opt/proxy/package.json",
        ] {
            assert!(!Inventory::wants(other, 100), "{other}");
        }
    }

    #[test]
    fn licences_of_debian_packages_are_those_of_the_machine_readable_format() {
        let mut inventory = Inventory::default();
        let text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n\
                    License: GPL-2+\n text\n\nFiles: b\nLicense: Expat\n\nLicense: GPL-2+\n";
        inventory.note("usr/share/doc/autofs/copyright", text.as_bytes());
        inventory.note("usr/share/doc/bash/copyright", b"License: see there\n");
        assert_eq!(inventory.licences("autofs"), ["Expat", "GPL-2+"]);
        assert!(inventory.licences("bash").is_empty());
    }

    #[test]
    fn a_python_package_names_its_licence_in_one_of_three_ways() {
        let licence = |fields: &str| {
            let text =
                format!("Metadata-Version: 2.4\nName: a\nVersion: 1\n{fields}\nLicense: in the text\n");
            python(&text).unwrap().licence
        };
        let name = |text: &str| Some(Licence::Name(text.to_owned()));
        assert_eq!(
            licence("License-Expression: MIT OR ISC\n"),
            Some(Licence::Expression("MIT OR ISC".into()))
        );
        assert_eq!(licence("License: BSD\n"), name("BSD"));
        assert_eq!(licence("Classifier: License :: OSI Approved :: MIT License\n"), name("MIT License"));
        assert_eq!(licence(""), None);
    }

    #[test]
    fn the_distribution_is_what_os_release_says() {
        let of = |text: &str| system(text).map(|Distribution { id, version }| format!("{id} {version}"));
        assert_eq!(of("NAME=\"Debian\"\nVERSION_ID=\"13\"\nID=debian\n"), Some("debian 13".into()));
        assert_eq!(of("ID=debian\nVERSION_CODENAME=sid\n"), Some("debian sid".into()));
        assert_eq!(of("ID=arch\n"), None);
    }

    #[test]
    fn what_a_layer_above_takes_away_is_forgotten() {
        let mut inventory = Inventory::default();
        let place = |name: &str| format!("opt/x/{name}/METADATA");
        for name in ["a-1.dist-info", "a-1.dist-info.dist-info"] {
            inventory.note(&place(name), b"Name: a\nVersion: 1\n");
        }
        inventory.forget("opt/x/a-1.dist-info");
        assert_eq!(inventory.python().count(), 1);
        inventory.forget("opt");
        assert_eq!(inventory.python().count(), 0);
    }
}
