//! Package URLs (ECMA-427, and the definitions of the types in the purl specification): one name for a package that
//! scanners of all kinds know.

use crate::build::inventory::System;
use crate::build::manifest::Package;
use crate::build::preload::Aboard;

/// A package of Debian's, or of what is made from it.
pub(super) fn debian(package: &Package, system: Option<&System>) -> String {
    let id = system.map_or("debian", |system| system.id.as_str());
    let (name, version) = (encode(&package.name), encode(&package.version));
    let mut purl = format!("pkg:deb/{}/{name}@{version}?arch={}", encode(id), encode(&package.architecture));
    if let Some(System { id, version }) = system {
        purl += &format!("&distro={}-{}", encode(id), encode(version));
    }
    if let Some(source) = &package.source {
        purl += &format!("&upstream={}", encode(source));
    }
    purl
}

/// A package of Python's; its registry takes `_` for `-` and no capitals.
pub(super) fn python(name: &str, version: &str) -> String {
    format!("pkg:pypi/{}@{}", encode(&name.to_lowercase().replace('_', "-")), encode(version))
}

/// A package of npm's, with its scope.
pub(super) fn npm(name: &str, version: &str) -> String {
    let parts: Vec<String> = name.split('/').map(encode).collect();
    format!("pkg:npm/{}@{}", parts.join("/"), encode(version))
}

/// A container image.
pub(super) fn oci(image: &Aboard) -> String {
    let name = image.name.rsplit('/').next().unwrap_or_default();
    let (name, digest) = (encode(name), encode(&image.digest));
    let mut purl = format!("pkg:oci/{name}@{digest}?arch=amd64");
    if let Some(repository) = &image.repository {
        let path: Vec<String> = repository.split('/').map(encode).collect();
        purl += &format!("&repository_url={}", path.join("/"));
    }
    purl + &image.tag.iter().map(|tag| format!("&tag={}", encode(tag))).collect::<String>()
}

/// All but letters, digits, `.-_~` and the colon stands as a percent sign and two digits.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::preload::Contents;

    #[test]
    fn each_kind_of_package_is_named_as_the_specification_has_it() {
        let package = Package {
            name: "libstdc++6".into(),
            version: "1:14.2.0-19+b1~x".into(),
            architecture: "amd64".into(),
            source: Some("gcc-14".into()),
        };
        assert_eq!(
            debian(&package, Some(&System { id: "debian".into(), version: "13".into() })),
            "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bb1~x?arch=amd64&distro=debian-13&upstream=gcc-14"
        );
        assert_eq!(python("Jupyter_Server", "2.1"), "pkg:pypi/jupyter-server@2.1");
        assert_eq!(npm("@types/node", "1.0.0"), "pkg:npm/%40types/node@1.0.0");
        let mut image = Aboard {
            name: "registry.example.org:5000/team/app".into(),
            tag: Some("1.0".into()),
            digest: "sha256:ab".into(),
            repository: None,
            contents: Contents::default(),
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
