//! Reading a container image out of an archive: an OCI archive, as we, skopeo, podman and `docker save` (25 or later)
//! write it, or the older docker-archive, which has no manifest.

use crate::util::hex;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::findings;
use super::names::relative;
use crate::document::Findings;
use crate::failure::Result;
use crate::recipe::{is_digest, is_name, is_tag};

/// How far JSON of an image may go, in bytes (the limit of registries for manifests).
pub(super) const LARGEST_JSON: u64 = 4 << 20;
/// What Docker calls an image of which no tag is known.
const LATEST: &str = "latest";
const INDEX: &str = "index.json";
/// Docker's own table of contents.
const TABLE: &str = "manifest.json";
/// Where archives have the name of an image, with its tag; containerd's is the whole one.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
/// How many links may lead to a layer: Docker before 25 writes one that is there twice as a link.
const LONGEST_CHAIN: usize = 4;

/// An archive that is open, with the places of its blobs.
pub(super) struct ImageArchive {
    file: fs_err::File,
    places: BTreeMap<String, (u64, u64)>,
    links: BTreeMap<String, String>,
    path: String,
}

/// An image of an archive.
pub(super) struct ArchivedImage {
    /// The repository's name, without tag and digest, where the archive has one.
    pub(super) name: Option<String>,
    /// The tag.
    pub(super) tag: String,
    /// The digest of the manifest, with `sha256:`.
    pub(super) digest: String,
    /// The configuration as it stands in the archive, whose SHA-256 is the image's id.
    pub(super) config: Vec<u8>,
    /// The digests of the uncompressed layers, from the lowest, with `sha256:`.
    pub(super) diff_ids: Vec<String>,
    /// The layers' paths in the archive.
    layers: Vec<String>,
}

impl ImageArchive {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = fs_err::File::open(path)?;
        let (mut places, mut links) = (BTreeMap::new(), BTreeMap::new());
        let path = path.display().to_string();
        let mut archive = tar::Archive::new(fs_err::File::open(&path)?);
        let entries = archive.entries_with_seek().with_context(|| format!("reading {path}"))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("{path} is not a tar archive, or is truncated"))?;
            let name = relative(&entry.path_bytes());
            match entry.link_name_bytes() {
                Some(target) => drop(links.insert(name, String::from_utf8_lossy(&target).into_owned())),
                None => drop(places.insert(name, (entry.raw_file_position(), entry.size()))),
            }
        }
        Ok(Self { file, places, links, path })
    }

    /// The one image in it, for linux/amd64.
    pub(super) fn image(&mut self) -> Result<ArchivedImage> {
        let image = if self.places.contains_key(INDEX) { self.oci_image()? } else { self.docker_image()? };
        self.ensure_sound(&image)?;
        if image.layers.len() != image.diff_ids.len() {
            return Err(anyhow!("the image in {} does not name all of its layers", self.path).into());
        }
        let config: Json =
            serde_json::from_slice(&image.config).context("reading an image's configuration")?;
        if let Some(other) = config["architecture"].as_str().filter(|name| *name != "amd64") {
            return Err(anyhow!("the image in {} is for {other}, but machines are amd64", self.path).into());
        }
        Ok(image)
    }

    /// Names and digests become paths on the machine and options of its dockerd.
    fn ensure_sound(&self, image: &ArchivedImage) -> Result<()> {
        let mut wrong = Findings::default();
        for digest in image.diff_ids.iter().chain([&image.digest]).filter(|digest| !is_digest(digest)) {
            wrong.push(findings::not_a_digest(&self.path, digest));
        }
        for name in image.name.iter().filter(|name| !is_name(name)) {
            wrong.push(findings::not_a_name(&self.path, name));
        }
        if !is_tag(&image.tag) {
            wrong.push(findings::not_a_name(&self.path, &image.tag));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
    }

    fn oci_image(&mut self) -> Result<ArchivedImage> {
        let index = self.json(INDEX)?;
        let descriptor = self.only(&index["manifests"], |descriptor| descriptor["digest"].clone())?;
        let (name, tag) = self.tagged().or_else(|| named(&descriptor)).unzip();
        let mut digest = text(&descriptor, "digest")?;
        let mut manifest = self.blob_json(&digest)?;
        // An index of several platforms points to manifests once more.
        if is_index(&manifest) {
            let inner = for_this_platform(&manifest);
            digest = text(inner.with_context(|| format!("{} has no image for amd64", self.path))?, "digest")?;
            manifest = self.blob_json(&digest)?;
        }
        let config = self.blob(&text(&manifest["config"], "digest")?)?;
        let layers = texts(&manifest["layers"], Some("digest"))?;
        Ok(ArchivedImage {
            name,
            tag: tag.unwrap_or_else(|| LATEST.to_owned()),
            digest,
            diff_ids: diff_ids(&config)?,
            layers: layers.iter().map(|digest| blob(digest)).collect(),
            config,
        })
    }

    /// Without a manifest there is no digest, so it gets that of the manifest which Docker would write for its push.
    fn docker_image(&mut self) -> Result<ArchivedImage> {
        let table = self.json(TABLE)?;
        let entry = self.only(&table, |entry| entry["Config"].clone())?;
        let config = read_all(self.entry(&text(&entry, "Config")?)?)?;
        let layers = texts(&entry["Layers"], None)?;
        let diff_ids = diff_ids(&config)?;
        let described = layers.iter().zip(&diff_ids).map(|(path, digest)| {
            let size = self.place(path)?.1;
            Ok(json!({"mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": size, "digest": digest}))
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(),
                "digest": sha256(&config),
            },
            "layers": described.collect::<Result<Vec<Json>>>()?,
        });
        let (name, tag) = self.tagged().unzip();
        let digest = sha256(manifest.to_string().as_bytes());
        Ok(ArchivedImage {
            name,
            tag: tag.unwrap_or_else(|| LATEST.to_owned()),
            digest,
            config,
            diff_ids,
            layers,
        })
    }

    /// The one entry of a list; the same image may be in it under several tags.
    fn only(&self, list: &Json, identity: impl Fn(&Json) -> Json) -> Result<Json> {
        let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let first = entries.first().with_context(|| format!("{} has no image in it", self.path))?;
        if entries.iter().any(|entry| identity(entry) != identity(first)) {
            let path = &self.path;
            return Err(anyhow!("{path} contains several images: save only one").into());
        }
        Ok(first.clone())
    }

    /// Name and tag in Docker's own table of contents, which has them as Docker itself writes them.
    fn tagged(&mut self) -> Option<(String, String)> {
        split(self.json(TABLE).ok()?[0]["RepoTags"][0].as_str()?)
    }

    /// The tar of a layer, uncompressed.
    pub(super) fn layer(&mut self, image: &ArchivedImage, number: usize) -> Result<Box<dyn Read + '_>> {
        let mut blob = BufReader::with_capacity(1 << 20, self.entry(&image.layers[number])?);
        let mut magic = [0; 4];
        let read = std::io::copy(&mut (&mut blob).take(4), &mut magic.as_mut_slice())?;
        let whole = std::io::Cursor::new(magic[..usize::try_from(read).unwrap_or(0)].to_vec()).chain(blob);
        Ok(match magic {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
            _ => Box::new(whole),
        })
    }

    /// What has this digest.
    fn blob(&mut self, digest: &str) -> Result<Vec<u8>> {
        let bytes = read_all(self.entry(&blob(digest))?)?;
        if sha256(&bytes) != digest {
            let path = &self.path;
            return Err(anyhow!(
                "{path}: the content of {} does not match its digest",
                digest.escape_default()
            )
            .into());
        }
        Ok(bytes)
    }

    fn blob_json(&mut self, digest: &str) -> Result<Json> {
        let bytes = self.blob(digest)?;
        Ok(serde_json::from_slice(&bytes).context("reading an image's manifest")?)
    }

    fn json(&mut self, path: &str) -> Result<Json> {
        let bytes = read_all(self.entry(path)?)?;
        Ok(serde_json::from_slice(&bytes).with_context(|| format!("reading {path} of {}", self.path))?)
    }

    fn entry<'a>(&'a mut self, path: &str) -> Result<impl Read + use<'a>> {
        let (start, size) = self.place(path)?;
        self.file.seek(SeekFrom::Start(start))?;
        Ok((&mut self.file).take(size))
    }

    /// Where a file of the archive begins, and its size.
    fn place(&self, path: &str) -> Result<(u64, u64)> {
        let mut wanted = path.to_owned();
        for _ in 0..LONGEST_CHAIN {
            match (self.places.get(&wanted), self.links.get(&wanted)) {
                (Some(place), _) => return Ok(*place),
                (None, Some(target)) => wanted = beside(&wanted, target),
                (None, None) => break,
            }
        }
        let archive = &self.path;
        Err(anyhow!(
            "{archive} has no {path}: it is not a complete container image archive. `docker save` and \
             `skopeo copy … oci-archive:NEW` write one"
        )
        .into())
    }
}

/// A relative link's target, seen from the archive's top.
fn beside(link: &str, target: &str) -> String {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether this is an index of manifests for several platforms.
pub(super) fn is_index(manifest: &Json) -> bool {
    manifest["manifests"].is_array()
}

/// Of an index: the descriptor of its image for linux/amd64, if it has one.
pub(super) fn for_this_platform(index: &Json) -> Option<&Json> {
    let inner = index["manifests"].as_array()?;
    let ours = |platform: &Json| platform["architecture"] == "amd64" && platform["os"] == "linux";
    inner.iter().find(|it| ours(&it["platform"]))
}

/// `sha256:` and the digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Where an OCI archive has what has this digest.
pub(super) fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn named(descriptor: &Json) -> Option<(String, String)> {
    NAMES.iter().find_map(|key| split(descriptor["annotations"][key].as_str()?))
}

fn split(name: &str) -> Option<(String, String)> {
    let (name, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))?;
    Some((name.to_owned(), tag.to_owned()))
}

fn diff_ids(config: &[u8]) -> Result<Vec<String>> {
    let config: Json = serde_json::from_slice(config).context("reading an image's configuration")?;
    texts(&config["rootfs"]["diff_ids"], None)
}

fn read_all(reader: impl Read) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    reader.take(LARGEST_JSON).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(value: &Json, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("an image without a `{key}`"))?.to_owned())
}

fn texts(list: &Json, key: Option<&str>) -> Result<Vec<String>> {
    let items = list.as_array().context("an image without layers")?.iter();
    items
        .map(|item| match key {
            Some(key) => text(item, key),
            None => Ok(item.as_str().context("a layer without a digest")?.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tar::{Builder, EntryType, Header};

    use super::*;

    /// A file of the archive, or a link to one.
    fn add(builder: &mut Builder<Vec<u8>>, path: &str, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content).unwrap();
    }

    fn opened(builder: Builder<Vec<u8>>) -> ImageArchive {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), builder.into_inner().unwrap()).unwrap();
        ImageArchive::open(file.path()).unwrap()
    }

    fn config(layers: &[&[u8]]) -> Vec<u8> {
        let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
        json!({ "rootfs": { "type": "layers", "diff_ids": diff_ids } }).to_string().into_bytes()
    }

    fn docker(table: &Json) -> ImageArchive {
        let mut builder = Builder::new(vec![]);
        add(&mut builder, "manifest.json", table.to_string().as_bytes());
        add(&mut builder, "config.json", &config(&[b"lower", b"lower"]));
        add(&mut builder, "a/layer.tar", b"lower");
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "b/layer.tar", "../a/layer.tar").unwrap();
        opened(builder)
    }

    fn entry(config: &str, tag: &str) -> Json {
        json!({ "Config": config, "RepoTags": [tag], "Layers": ["a/layer.tar", "b/layer.tar"] })
    }

    #[test]
    fn an_archive_of_older_dockers_gets_the_digest_that_a_push_would_give_it() {
        let mut archive = docker(&json!([entry("config.json", "a.org:5000/team/app:1.0")]));
        let image = archive.image().unwrap();
        assert_eq!((image.name.as_deref(), image.tag.as_str()), (Some("a.org:5000/team/app"), "1.0"));
        assert!(image.digest.starts_with("sha256:") && image.digest != sha256(&image.config));
        for number in 0..2 {
            let mut content = String::new();
            archive.layer(&image, number).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, "lower", "the second is a link to the first");
        }
    }

    #[test]
    fn the_same_image_under_two_tags_is_one_and_two_images_are_refused() {
        let same = json!([entry("config.json", "app:1"), entry("config.json", "app:2")]);
        assert_eq!(docker(&same).image().unwrap().tag, "1");
        let two = json!([entry("config.json", "app:1"), entry("other.json", "app:2")]);
        let said = docker(&two).image().err().unwrap().to_string();
        assert!(said.contains("several images"), "{said}");
    }

    #[test]
    fn what_is_no_image_is_said_to_be_none() {
        let mut builder = Builder::new(vec![]);
        add(&mut builder, "etc/motd", b"hello");
        let said = opened(builder).image().err().unwrap().to_string();
        assert!(
            said.contains("has no manifest.json: it is not a complete container image archive"),
            "{said}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), [b'x'; 2000]).unwrap();
        let said = ImageArchive::open(file.path()).err().unwrap().to_string();
        assert!(said.contains("is not a tar archive"), "{said}");
    }

    #[test]
    fn an_oci_archive_is_named_by_its_annotations_and_an_index_is_followed() {
        let mut builder = Builder::new(vec![]);
        let config = config(&[b"lower"]);
        let manifest =
            json!({ "config": { "digest": sha256(&config) }, "layers": [{ "digest": sha256(b"lower") }] });
        let manifest = manifest.to_string();
        let platform = |architecture: &str| json!({ "os": "linux", "architecture": architecture });
        let inner = json!({ "manifests": [
            { "digest": sha256(b"of another"), "platform": platform("arm64") },
            { "digest": sha256(manifest.as_bytes()), "platform": platform("amd64") },
        ]});
        let inner = inner.to_string();
        let index = json!({ "manifests": [{
            "digest": sha256(inner.as_bytes()),
            "annotations": { "org.opencontainers.image.ref.name": "a.org/app:2.0" },
        }]});
        add(&mut builder, "index.json", index.to_string().as_bytes());
        for content in [inner.as_bytes(), manifest.as_bytes(), &config, b"lower"] {
            add(&mut builder, &blob(&sha256(content)), content);
        }
        let image = opened(builder).image().unwrap();
        assert_eq!((image.name.as_deref(), image.tag.as_str()), (Some("a.org/app"), "2.0"));
        assert_eq!(image.digest, sha256(manifest.as_bytes()));
    }

    #[test]
    fn an_image_for_other_machines_is_refused() {
        let mut builder = Builder::new(vec![]);
        let config = br#"{"architecture": "arm64", "rootfs": {"diff_ids": []}}"#;
        let table = json!([{ "Config": "config", "RepoTags": ["app:1"], "Layers": [] }]);
        add(&mut builder, "manifest.json", table.to_string().as_bytes());
        add(&mut builder, "config", config);
        let said = opened(builder).image().err().unwrap().to_string();
        assert!(said.ends_with("is for arm64, but machines are amd64"), "{said}");
    }

    /// What is said of an image that calls itself by this name, with this digest of a layer.
    fn said_of(name: &str, diff_id: &str) -> Vec<String> {
        let mut builder = Builder::new(vec![]);
        let config = json!({ "rootfs": { "diff_ids": [diff_id] } }).to_string();
        let table = json!([{ "Config": "config", "RepoTags": [name], "Layers": ["layer"] }]);
        add(&mut builder, "manifest.json", table.to_string().as_bytes());
        add(&mut builder, "config", config.as_bytes());
        add(&mut builder, "layer", b"");
        match opened(builder).image() {
            Err(crate::failure::Failure::Input(said)) => said.iter().map(|it| it.message.clone()).collect(),
            Err(other) => panic!("{other}"),
            Ok(_) => vec![],
        }
    }

    #[test]
    fn names_and_digests_are_what_they_should_be() {
        let digest = sha256(b"");
        assert_eq!(said_of("a.org:5000/team/app:1.0", &digest), Vec::<String>::new());
        for name in ["app\" --host=tcp://0.0.0.0:2375:1", "app\nX=1:1", "../app:1", "App:1", "app:1 --debug"]
        {
            let said = said_of(name, &digest);
            assert!(said.len() == 1 && said[0].contains("which is not an image name"), "{name}: {said:?}");
        }
        for digest in ["", "x", "sha256:../../../etc/x", "sha256:ABCD", &digest[..70]] {
            let said = said_of("app:1", digest);
            assert!(said.len() == 1 && said[0].contains("where a digest belongs"), "{digest}: {said:?}");
        }
    }

    #[test]
    fn a_manifest_that_is_not_what_its_digest_says_is_refused() {
        let mut builder = Builder::new(vec![]);
        let index = json!({ "manifests": [{ "digest": sha256(b"another") }] });
        add(&mut builder, "index.json", index.to_string().as_bytes());
        add(&mut builder, &blob(&sha256(b"another")), b"{}");
        let said = opened(builder).image().err().unwrap().to_string();
        assert!(said.contains("does not match its digest"), "{said}");
    }
}
