//! Package URLs (ECMA-427, and the definitions of the types in the purl specification): one name for a package that
//! scanners of all kinds know.

use crate::inspect::Package;
use std::fmt::Write;

use crate::build::inventory::Distribution;
use crate::build::preloaded::PreloadedImage;
use crate::plan::lock::LockedPackage;

/// A package of Debian's, or of what is made from it.
pub(super) fn debian(package: &Package, system: Option<&Distribution>) -> String {
    let id = system.map_or("debian", |system| system.id.as_str());
    let qualifiers = [
        ("arch", Some(package.architecture.clone())),
        ("distro", system.map(|Distribution { id, version }| format!("{id}-{version}"))),
        ("upstream", package.source.clone()),
    ];
    purl("deb", &format!("{id}/{}", package.name), &package.version, qualifiers)
}

/// A package of Debian's that a lock names.
pub(super) fn locked(package: &LockedPackage, system: Option<&Distribution>) -> String {
    let LockedPackage { name, version, architecture, .. } = package;
    let [name, version, architecture] = [name, version, architecture].map(String::clone);
    debian(&Package { name, version, architecture, source: None }, system)
}

/// A package of Python's; its registry takes `_` for `-` and no capitals.
pub(super) fn python(name: &str, version: &str) -> String {
    purl("pypi", &name.to_lowercase().replace('_', "-"), version, [])
}

/// A package of npm's, with its scope.
pub(super) fn npm(name: &str, version: &str) -> String {
    purl("npm", name, version, [])
}

/// A container image.
pub(super) fn oci(image: &PreloadedImage) -> String {
    let name = image.name.rsplit('/').next().unwrap_or_default();
    let qualifiers = [
        ("arch", Some("amd64".to_owned())),
        ("repository_url", image.repository.clone()),
        ("tag", image.tag.clone()),
    ];
    purl("oci", name, &image.digest, qualifiers)
}

/// The qualifiers come in the order of their names.
fn purl<const N: usize>(
    kind: &str,
    path: &str,
    version: &str,
    qualifiers: [(&str, Option<String>); N],
) -> String {
    let known =
        qualifiers.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))));
    let qualifiers: Vec<String> = known.collect();
    let separator = if qualifiers.is_empty() { "" } else { "?" };
    format!("pkg:{kind}/{}@{}{separator}{}", encode(path), encode(version), qualifiers.join("&"))
}

/// All but letters, digits, `.-_~`, the colon, and slashes between parts, stands as a percent sign and two digits.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b".-_~:/".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::preloaded::Overlay2Contents;

    #[test]
    fn each_kind_of_package_is_named_as_the_specification_has_it() {
        let package = Package {
            name: "libstdc++6".into(),
            version: "1:14.2.0-19+b1~x".into(),
            architecture: "amd64".into(),
            source: Some("gcc-14".into()),
        };
        assert_eq!(
            debian(&package, Some(&Distribution { id: "debian".into(), version: "13".into() })),
            "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bb1~x?arch=amd64&distro=debian-13&upstream=gcc-14"
        );
        assert_eq!(python("Jupyter_Server", "2.1"), "pkg:pypi/jupyter-server@2.1");
        assert_eq!(npm("@types/node", "1.0.0"), "pkg:npm/%40types/node@1.0.0");
        let mut image = PreloadedImage {
            name: "registry.example.org:5000/team/app".into(),
            tag: Some("1.0".into()),
            digest: "sha256:ab".into(),
            repository: None,
            contents: Overlay2Contents::default(),
            notebook: false,
        };
        assert_eq!(oci(&image), "pkg:oci/app@sha256:ab?arch=amd64&tag=1.0");
        image.repository = Some(image.name.clone());
        assert_eq!(
            oci(&image),
            "pkg:oci/app@sha256:ab?arch=amd64&repository_url=registry.example.org:5000/team/app&tag=1.0"
        );
    }
}
