//! Container images where Docker has them after `docker load`, written into a machine's root file system: a node needs
//! neither a registry nor a minute of unpacking at its first boot.
//!
//! The layout is that of Docker's overlay2 graph driver and its image store (moby: `daemon/graphdriver/overlay2`,
//! `layer/filestore.go`, `image/fs.go`, `reference/store.go`), which has not changed since Docker 1.12. A dockerd that
//! finds it goes on using it. The record by which `docker push` writes the same tar again is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde_json::{Value as Json, json};

use super::archive::{ArchivedImage, ImageArchive, sha256};
use super::context::BuildContext;
use super::overlay2::{DOCKER, layers};
use super::preloaded::{Overlay2Contents, PreloadedImage};
use super::tar_rewriter::TarRewriter;
use crate::failure::Result;
use crate::plan::PreloadSource;
use crate::recipe::Reference;

/// What the machine carries, for the scripts on it.
pub(super) const LIST: &str = "usr/share/imagegen/containers.json";
/// The options of Debian's dockerd. By a label the swarm knows which machine has which image.
pub(super) const OPTIONS: &str = "etc/default/docker";
const LABEL: &str = "imagegen.notebook";

/// A container image to carry.
#[derive(Debug)]
pub(super) struct PreloadSet {
    /// The archive.
    pub(super) path: PathBuf,
    /// What the image is called where the archive does not say.
    pub(super) name: String,
    /// What it was fetched by, and is known by here too.
    pub(super) reference: Option<Reference>,
    /// The version of the hub's JupyterHub, for an image that is not ours.
    pub(super) hub: Option<String>,
}

impl PreloadSet {
    /// An archive that says itself what is in it.
    pub(super) fn of(path: PathBuf) -> Self {
        Self { path, name: String::new(), reference: None, hub: None }
    }
}

/// Puts the images of all archives into the root file system. The first with JupyterHub in it is the notebook image.
pub(super) fn preload<W: Write>(
    rewriter: &mut TarRewriter<W>,
    preloads: &[PreloadSet],
) -> Result<Vec<PreloadedImage>> {
    let mut preloaded: Vec<PreloadedImage> = vec![];
    if preloads.is_empty() {
        return Ok(preloaded);
    }
    for (path, mode) in [("", 0o710), ("/overlay2", 0o710), ("/overlay2/l", 0o700)] {
        rewriter.folder_with(format!("{DOCKER}{path}").as_bytes(), mode)?;
    }
    let (mut repositories, mut unpacked, mut images) = (json!({}), BTreeMap::new(), BTreeSet::new());
    for preload in preloads {
        let mut archive = ImageArchive::open(&preload.path)?;
        let image = archive.image()?;
        let contents = layers(rewriter, &mut archive, &image, &mut unpacked, &preload.path)?;
        // Of one that is refused there is more to say than this.
        if !rewriter.refuses() {
            fits(&preload.path, contents.jupyterhub.as_deref(), preload.hub.as_deref())?;
        }
        let id = sha256(&image.config);
        if images.insert(id.clone()) {
            let digits = &id["sha256:".len()..];
            let path = format!("{DOCKER}/image/overlay2/imagedb/content/sha256/{digits}");
            rewriter.private_file(&path, &image.config)?;
        }
        let notebook = contents.jupyterhub.is_some() && !preloaded.iter().any(|other| other.notebook);
        let image = named(preload, image, contents, notebook);
        for name in image.names() {
            repositories[&image.name][name] = json!(id);
        }
        preloaded.push(image);
    }
    let table = json!({ "Repositories": repositories }).to_string();
    rewriter.private_file(&format!("{DOCKER}/image/overlay2/repositories.json"), table.as_bytes())?;
    tell(rewriter, &preloaded)?;
    Ok(preloaded)
}

/// What was fetched by a reference is called by it: its digest may be that of an index of several platforms.
fn named(
    preloads: &PreloadSet,
    image: ArchivedImage,
    contents: Overlay2Contents,
    notebook: bool,
) -> PreloadedImage {
    let repository = preloads.reference.as_ref().map(Reference::repository);
    let (name, tag, digest) = match preloads.reference.clone() {
        Some(Reference { name, tag, digest }) => (name, tag, digest),
        None => (image.name.unwrap_or_else(|| preloads.name.clone()), Some(image.tag), image.digest),
    };
    PreloadedImage { name, tag, digest, repository, contents, notebook }
}

/// Says on the machine what it carries, and by dockerd's labels to the swarm which notebook image it has.
fn tell<W: Write>(rewriter: &mut TarRewriter<W>, preloaded: &[PreloadedImage]) -> Result<()> {
    let list = preloaded.iter().map(|PreloadedImage { name, digest, contents, notebook, .. }| {
        json!({ "name": name, "digest": digest, "jupyterhub": contents.jupyterhub, "notebook": notebook })
    });
    let list = Json::Array(list.collect()).to_string() + "\n";
    rewriter.file(LIST, 0o644, list.as_bytes())?;
    // A swarm's constraints cannot name what has an `@` in it.
    let labels =
        preloaded.iter().find(|image| image.notebook).map(|PreloadedImage { name, digest, .. }| {
            format!("--label={LABEL}={name}@{digest} --label={LABEL}-digest={digest}")
        });
    rewriter.file(OPTIONS, 0o644, format!("DOCKER_OPTS=\"{}\"\n", labels.unwrap_or_default()).as_bytes())
}

/// A single-user server of another major version does not get on with the hub (JupyterHub's own rule).
fn fits(path: &Path, version: Option<&str>, hub: Option<&str>) -> Result<()> {
    let Some(hub) = hub else { return Ok(()) };
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let name = path.display();
    match version {
        Some(version) if major(version) == major(hub) => Ok(()),
        Some(version) => Err(anyhow!(
            "{name} has JupyterHub {version}, and the hub has {hub}: install jupyterhub=={}.* in the image",
            major(hub)
        )
        .into()),
        None => {
            let major = major(hub);
            Err(anyhow!("{name} has no JupyterHub in it: install jupyterhub=={major}.* in the image").into())
        }
    }
}

/// What an image carries.
pub(super) fn preload_set(context: &BuildContext<'_>, carried: &PreloadSource) -> Result<PreloadSet> {
    Ok(match carried {
        PreloadSource::Made(key) => PreloadSet::of(context.hold(key)?.path()),
        PreloadSource::Fetched(key, reference) => {
            PreloadSet { reference: Some(reference.clone()), ..PreloadSet::of(context.hold(key)?.path()) }
        }
        PreloadSource::Archive(archive) => PreloadSet {
            name: archive.name.clone(),
            hub: archive.hub.clone(),
            ..PreloadSet::of(archive.path.clone())
        },
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use sha2::{Digest, Sha256};
    use tar::{Archive, Builder, Header};

    use super::super::compose::RootfsSpec;
    use super::super::names::relative;
    use super::super::oci;
    use super::super::rootfs::Rootfs;
    use super::*;
    use crate::host::memory::TemporaryFile;
    use crate::plan::DiskImage;
    use crate::recipe::ContainerConfig;
    use crate::util::hex;

    fn image(container: Option<ContainerConfig>) -> DiskImage {
        DiskImage { container, ..DiskImage::bare() }
    }

    fn tar_of(path: &Path, files: &[(&str, &str)]) {
        let mut builder = Builder::new(fs_err::File::create(path).unwrap());
        for (name, content) in files {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
    }

    /// An archive with these files, its digest, and the root file system of a machine that carries it.
    fn carried(
        files: &[(&str, &str)],
        hub: Option<&str>,
    ) -> (String, crate::failure::Result<BTreeMap<String, Vec<u8>>>) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let container = ContainerConfig {
            name: "example/notebook".into(),
            entrypoint: vec!["tini".into()],
            command: vec![],
            environment: BTreeMap::new(),
            folder: "/".into(),
        };
        tar_of(&at("rootfs.tar"), files);
        let rootfs = Rootfs::default();
        let image_of = image(Some(container.clone()));
        let file = TemporaryFile::on_disk(at("layer.tar.zst"));
        let copy = |tar: &mut dyn std::io::Write| {
            Ok(std::io::copy(&mut fs_err::File::open(at("rootfs.tar"))?, tar)?)
        };
        let layer = oci::Layer::compress(file, copy).unwrap().1;
        let digest = oci::archive(layer, &rootfs, &image_of, &container, &at("oci.tar"), 0).unwrap();
        tar_of(&at("layer.tar"), &[("etc/default/docker", "DOCKER_OPTS=--debug")]);
        let preload = vec![PreloadSet { hub: hub.map(str::to_owned), ..PreloadSet::of(at("oci.tar")) }];
        let spec = RootfsSpec { layer: at("layer.tar"), image: &image(None), preloads: preload, epoch: 0 };
        let made = spec.write(fs_err::File::create(at("node.tar")).unwrap());
        (digest, made.map(|_| listing(&at("node.tar"))))
    }

    fn listing(tar: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut archive = Archive::new(fs_err::File::open(tar).unwrap());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = vec![];
            entry.read_to_end(&mut content).unwrap();
            let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
            (relative(&entry.path_bytes()), link.unwrap_or(content))
        });
        entries.collect()
    }

    const METADATA: &str = "opt/x/lib/python3.13/site-packages/jupyterhub-6.1.1.dist-info/METADATA";

    #[test]
    fn docker_finds_the_image_by_its_digest() {
        let (digest, made) = carried(&[("bin/sh", "elf"), (METADATA, "")], None);
        let made = made.unwrap();
        let store = format!("{DOCKER}/image/overlay2");
        let repositories: Json =
            serde_json::from_slice(&made[&format!("{store}/repositories.json")]).unwrap();
        let names = &repositories["Repositories"]["example/notebook"];
        let id = names[format!("example/notebook@{digest}")].as_str().unwrap();
        assert_eq!(names["example/notebook:latest"], id);
        let config = &made[&format!("{store}/imagedb/content/sha256/{}", &id[7..])];
        assert_eq!(
            hex(&Sha256::digest(config)),
            &id[7..],
            "an image is known by the hash of its configuration"
        );
        let config: Json = serde_json::from_slice(config).unwrap();
        let chain = config["rootfs"]["diff_ids"][0].as_str().unwrap().trim_start_matches("sha256:");
        assert_eq!(made[&format!("{store}/layerdb/sha256/{chain}/cache-id")], chain.as_bytes());
        assert_eq!(made[&format!("{DOCKER}/overlay2/{chain}/diff/bin/sh")], b"elf");
        let link = String::from_utf8(made[&format!("{DOCKER}/overlay2/{chain}/link")].clone()).unwrap();
        assert_eq!(made[&format!("{DOCKER}/overlay2/l/{link}")], format!("../{chain}/diff").as_bytes());
    }

    #[test]
    fn dockerd_says_by_labels_which_image_is_there() {
        let (digest, made) = carried(&[("bin/sh", "elf"), (METADATA, "")], None);
        let made = made.unwrap();
        let options = String::from_utf8(made[OPTIONS].clone()).unwrap();
        let wanted = format!("--label={LABEL}=example/notebook@{digest} --label={LABEL}-digest={digest}");
        assert_eq!(options, format!("DOCKER_OPTS=\"{wanted}\"\n"));
        let list: Json = serde_json::from_slice(&made[LIST]).unwrap();
        assert_eq!(list[0]["jupyterhub"], "6.1.1");
    }

    /// The files of a machine that carries an image with these layers.
    fn carried_layers(layers: &[&[(&str, &str)]]) -> BTreeMap<String, Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let tars = layers.iter().map(|files| {
            tar_of(&at("layer.tar"), files);
            String::from_utf8(fs_err::read(at("layer.tar")).unwrap()).unwrap()
        });
        let tars: Vec<String> = tars.collect();
        let names: Vec<String> = (0..tars.len()).map(|number| format!("layer{number}")).collect();
        let hashes: Vec<String> = tars.iter().map(|tar| sha256(tar.as_bytes())).collect();
        let config = json!({ "rootfs": { "diff_ids": hashes } }).to_string();
        let table = json!([{ "Config": "config", "RepoTags": ["app:1"], "Layers": names }]).to_string();
        let mut files = vec![("manifest.json", table.as_str()), ("config", config.as_str())];
        files.extend(names.iter().map(String::as_str).zip(tars.iter().map(String::as_str)));
        tar_of(&at("app.tar"), &files);
        tar_of(&at("layer.tar"), &[]);
        let preload = vec![PreloadSet::of(at("app.tar"))];
        let spec = RootfsSpec { layer: at("layer.tar"), image: &image(None), preloads: preload, epoch: 0 };
        spec.write(fs_err::File::create(at("node.tar")).unwrap()).unwrap();
        listing(&at("node.tar"))
    }

    #[test]
    fn removed_files_are_what_overlayfs_takes_for_removed() {
        let lower = [("etc/motd", "hello"), ("srv/old", "old"), ("srv/sub/old", "old")];
        let upper = [("etc/.wh.motd", ""), ("srv/.wh..wh..opq", ""), ("srv/new", "new"), (METADATA, "")];
        let made = carried_layers(&[&lower, &upper]);
        let upper = made.keys().find_map(|path| path.strip_suffix("/diff/srv/new")).unwrap();
        let is_whiteout = |path: &str| made[&format!("{upper}/diff/{path}")].is_empty();
        assert!(["etc/motd", "srv/old", "srv/sub"].into_iter().all(is_whiteout), "{:?}", made.keys());
        assert!(!made.keys().any(|path| path.contains(".wh.")), "{:?}", made.keys());
        assert!(
            made.keys().any(|path| path.ends_with("/diff/srv/sub/old")),
            "the layer below stays as it is"
        );
    }

    #[test]
    fn without_jupyterhub_there_is_no_notebook_image_and_no_label() {
        let (_, made) = carried(&[("bin/sh", "elf")], None);
        let made = made.unwrap();
        assert_eq!(made[OPTIONS], b"DOCKER_OPTS=\"\"\n");
        let list: Json = serde_json::from_slice(&made[LIST]).unwrap();
        assert_eq!(list[0]["notebook"], false);
    }

    #[test]
    fn a_layer_that_is_not_what_its_image_says_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = json!({ "rootfs": { "diff_ids": [sha256(b"something else")] } }).to_string();
        let table = json!([{ "Config": "config", "RepoTags": ["app:1"], "Layers": ["layer"] }]).to_string();
        tar_of(&at("layer.tar"), &[("etc/motd", "hello")]);
        let layer = String::from_utf8(fs_err::read(at("layer.tar")).unwrap()).unwrap();
        tar_of(&at("app.tar"), &[("manifest.json", &table), ("config", &config), ("layer", &layer)]);
        let preload = vec![PreloadSet::of(at("app.tar"))];
        let spec = RootfsSpec { layer: at("layer.tar"), image: &image(None), preloads: preload, epoch: 0 };
        let said = spec.measure().unwrap_err().to_string();
        assert!(said.contains("app.tar: the layer sha256:") && said.ends_with("is damaged"), "{said}");
    }

    #[test]
    fn an_image_for_another_hub_is_refused_with_what_to_install() {
        let (_, fits) = carried(&[(METADATA, "")], Some("6.0.0"));
        assert!(fits.is_ok());
        let (_, other) = carried(&[(METADATA, "")], Some("5.5.4"));
        let said = other.unwrap_err().to_string();
        assert!(
            said.contains("has JupyterHub 6.1.1, and the hub has 5.5.4: install jupyterhub==5.*"),
            "{said}"
        );
        let (_, none) = carried(&[("bin/sh", "elf")], Some("6.1.1"));
        assert!(none.unwrap_err().to_string().contains("has no JupyterHub in it"));
    }
}
