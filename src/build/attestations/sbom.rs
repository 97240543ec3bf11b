//! The bill of materials: CycloneDX 1.6 in JSON (ECMA-424).

use crate::inspect::Package;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::purl;
use crate::build::inventory::{Inventory, Licence, Unpacked};
use crate::build::preloaded::PreloadedImage;
use crate::build::rootfs::Rootfs;
use crate::plan::DiskImage;

/// The short names of Debian's copyright format that mean the same as an identifier of SPDX. All others stay words.
const IDENTIFIERS: &[(&str, &str)] = &[
    ("Apache-2", "Apache-2.0"),
    ("Apache-2.0", "Apache-2.0"),
    ("Artistic-2.0", "Artistic-2.0"),
    ("BSD-2-clause", "BSD-2-Clause"),
    ("BSD-3-clause", "BSD-3-Clause"),
    ("CC0-1.0", "CC0-1.0"),
    ("Expat", "MIT"),
    ("GPL-1+", "GPL-1.0-or-later"),
    ("GPL-2", "GPL-2.0-only"),
    ("GPL-2+", "GPL-2.0-or-later"),
    ("GPL-3", "GPL-3.0-only"),
    ("GPL-3+", "GPL-3.0-or-later"),
    ("ISC", "ISC"),
    ("LGPL-2", "LGPL-2.0-only"),
    ("LGPL-2+", "LGPL-2.0-or-later"),
    ("LGPL-2.1", "LGPL-2.1-only"),
    ("LGPL-2.1+", "LGPL-2.1-or-later"),
    ("LGPL-3", "LGPL-3.0-only"),
    ("LGPL-3+", "LGPL-3.0-or-later"),
    ("MPL-2.0", "MPL-2.0"),
    ("Zlib", "Zlib"),
];
/// What the document calls the image itself.
const IMAGE: &str = "image";

/// What identifies the document.
pub(super) struct SbomIdentity<'a> {
    /// The image's file: its name and its SHA-256.
    pub(super) file: (&'a str, &'a str),
    /// A UUID that is the same for the same image.
    pub(super) uuid: String,
    /// The image's time, as RFC 3339 has it.
    pub(super) time: String,
}

/// All that is in an image, container images with what is in them.
pub(super) fn document(identity: &SbomIdentity<'_>, rootfs: &Rootfs, image: &DiskImage) -> Json {
    let mut components = packages(&rootfs.packages, &rootfs.inventory);
    for image in &rootfs.preloaded {
        let (purl, component) = container(image);
        components.insert(purl, component);
    }
    let references: Vec<&String> = components.keys().collect();
    let dependencies = json!([{ "ref": IMAGE, "dependsOn": references }]);
    let components: Vec<Json> =
        components.iter().map(|(purl, component)| referable(purl, component)).collect();
    let (name, sha256) = identity.file;
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", identity.uuid),
        "version": 1,
        "metadata": {
            "timestamp": identity.time,
            "lifecycles": [{ "phase": "build" }],
            "tools": { "components": [{
                "type": "application", "name": "imagegen", "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": if image.container.is_some() { "container" } else { "operating-system" },
                "bom-ref": IMAGE,
                "name": name,
                "description": image.description,
                "hashes": [{ "alg": "SHA-256", "content": sha256 }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

/// Only what stands at the top can be pointed to: a package may be in several container images.
fn referable(purl: &str, component: &Json) -> Json {
    let mut component = component.clone();
    component["bom-ref"] = json!(purl);
    component
}

/// The packages of a root file system by their purls, each once.
fn packages(debian: &[Package], inventory: &Inventory) -> BTreeMap<String, Json> {
    let mut components = BTreeMap::new();
    for package in debian {
        let licences = inventory.licences(&package.name).iter().map(|name| debian_licence(name)).collect();
        add(
            &mut components,
            purl::debian(package, inventory.system()),
            &package.name,
            &package.version,
            licences,
        );
    }
    let mut unpacked = |found: &Unpacked, purl: fn(&str, &str) -> String| {
        let licences = found.licence.iter().map(licence).collect();
        add(&mut components, purl(&found.name, &found.version), &found.name, &found.version, licences);
    };
    inventory.python().for_each(|found| unpacked(found, purl::python));
    inventory.npm().for_each(|found| unpacked(found, purl::npm));
    components
}

fn add(
    components: &mut BTreeMap<String, Json>,
    purl: String,
    name: &str,
    version: &str,
    licences: Vec<Json>,
) {
    let mut component = json!({ "type": "library", "name": name, "version": version, "purl": purl });
    if !licences.is_empty() {
        component["licenses"] = Json::Array(licences);
    }
    components.insert(purl, component);
}

fn container(preloaded: &PreloadedImage) -> (String, Json) {
    let PreloadedImage { name, digest, contents, .. } = preloaded;
    let purl = purl::oci(preloaded);
    let inner = packages(&contents.packages, &contents.inventory);
    let component = json!({
        "type": "container",
        "name": name,
        "version": digest,
        "purl": purl,
        "components": inner.into_values().collect::<Vec<_>>(),
    });
    (purl, component)
}

fn debian_licence(name: &str) -> Json {
    match IDENTIFIERS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)) {
        Some((_, identifier)) => json!({ "license": { "id": identifier } }),
        None => json!({ "license": { "name": name } }),
    }
}

fn licence(licence: &Licence) -> Json {
    match licence {
        Licence::Expression(text) => json!({ "expression": text }),
        Licence::Name(name) => json!({ "license": { "name": name } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::preloaded::Overlay2Contents;

    fn rootfs() -> Rootfs {
        let debian = |name: &str, source: Option<&str>| Package {
            name: name.into(),
            version: "1:2-3".into(),
            architecture: "amd64".into(),
            source: source.map(str::to_owned),
        };
        let mut inventory = Inventory::default();
        inventory.note("usr/lib/os-release", b"ID=debian\nVERSION_ID=\"13\"\n");
        let copyright = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nLicense: Expat\n\nLicense: odd\n";
        inventory.note("usr/share/doc/zstd/copyright", copyright);
        inventory.note(
            "opt/x/node_modules/@a/b/package.json",
            br#"{"name": "@a/b", "version": "1", "license": "MIT"}"#,
        );
        let mut inner = Inventory::default();
        inner.note("opt/x/a-1.dist-info/METADATA", b"Name: A_b\nVersion: 1\nLicense: BSD\n\nA text.\n");
        let contents = Overlay2Contents {
            packages: vec![debian("zstd", None)],
            inventory: inner,
            ..Overlay2Contents::default()
        };
        let image = PreloadedImage {
            name: "a.org/app".into(),
            tag: None,
            digest: "sha256:ab".into(),
            repository: Some("a.org/app".into()),
            contents,
            notebook: false,
        };
        let packages = vec![debian("libzstd1", Some("libzstd")), debian("zstd", Some("libzstd"))];
        Rootfs { packages, inventory, preloaded: vec![image], ..Rootfs::default() }
    }

    #[test]
    fn all_kinds_of_packages_are_named_with_their_licences() {
        let identity = SbomIdentity { file: ("node.qcow2", "cd"), uuid: "u".into(), time: "t".into() };
        let document = document(&identity, &rootfs(), &DiskImage::bare());
        let line =
            |component: &Json| format!("{} {}", component["purl"].as_str().unwrap(), component["licenses"]);
        let lines =
            |of: &Json| of["components"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(lines(&document), @r#"
        pkg:deb/debian/libzstd1@1:2-3?arch=amd64&distro=debian-13&upstream=libzstd null
        pkg:deb/debian/zstd@1:2-3?arch=amd64&distro=debian-13&upstream=libzstd [{"license":{"id":"MIT"}},{"license":{"name":"odd"}}]
        pkg:npm/%40a/b@1 [{"expression":"MIT"}]
        pkg:oci/app@sha256:ab?arch=amd64&repository_url=a.org/app null
        "#);
        // It does not say which Debian it is.
        insta::assert_snapshot!(lines(&document["components"][3]), @r#"
        pkg:deb/debian/zstd@1:2-3?arch=amd64 null
        pkg:pypi/a-b@1 [{"license":{"name":"BSD"}}]
        "#);
        assert_eq!(document["dependencies"][0]["dependsOn"].as_array().unwrap().len(), 4);
    }
}
