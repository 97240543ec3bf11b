//! dpkg's list of packages (dpkg-query(1)).

use serde::Serialize;

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// Its name, without the architecture.
    pub name: String,
    /// Its version, as dpkg has it.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The source package, where it has another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The installed packages in dpkg's status file, by name.
pub(crate) fn installed_packages(status: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = status
        .split("\n\n")
        .filter(|stanza| field(stanza, "Status") == Some("install ok installed"))
        .filter_map(|stanza| {
            Some(Package {
                name: field(stanza, "Package")?.to_owned(),
                version: field(stanza, "Version")?.to_owned(),
                architecture: field(stanza, "Architecture")?.to_owned(),
                // `Source: gcc-14 (14.2.0-19)` where the version differs too.
                source: field(stanza, "Source")
                    .and_then(|source| source.split_whitespace().next())
                    .map(str::to_owned),
            })
        })
        .collect();
    packages.sort();
    packages
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// dpkg's list of packages.
pub(crate) const DPKG_STATUS: &str = "var/lib/dpkg/status";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count() {
        let status = "Package: zstd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.5\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
                      Package: autofs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.1\nDescription: a\n b: c\n";
        let names: Vec<String> = installed_packages(status).into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["autofs", "zstd"]);
    }
}
