//! Reading a container image out of an OCI archive: ours, or what `docker save` (25 or later), podman and skopeo write.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::Value as Json;

use crate::failure::Result;

/// How far JSON of an image may go, in bytes (the limit of registries for manifests).
const LARGEST_JSON: u64 = 4 << 20;
/// What an image is called of which the archive has no name.
const UNNAMED: &str = "notebook";

/// An archive that is open, with the places of its blobs.
pub(super) struct OciArchive {
    file: fs_err::File,
    places: BTreeMap<String, (u64, u64)>,
    name: String,
}

/// An image of an archive.
pub(super) struct Contained {
    /// The repository's name, without tag and digest.
    pub(super) name: String,
    /// The digest of the manifest, with `sha256:`.
    pub(super) digest: String,
    /// The configuration as it stands in the archive, whose SHA-256 is the image's id.
    pub(super) config: Vec<u8>,
    /// The digests of the uncompressed layers, from the lowest, with `sha256:`.
    pub(super) diff_ids: Vec<String>,
    /// The digests of the layers as they are in the archive.
    layers: Vec<String>,
}

impl OciArchive {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = fs_err::File::open(path)?;
        let mut places = BTreeMap::new();
        let mut archive = tar::Archive::new(fs_err::File::open(path)?);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            places.insert(name, (entry.raw_file_position(), entry.size()));
        }
        Ok(Self { file, places, name: path.display().to_string() })
    }

    /// The one image in it, for linux/amd64.
    pub(super) fn image(&mut self) -> Result<Contained> {
        let index = self.json("index.json")?;
        let descriptor = &index["manifests"][0];
        let name = self.tagged().unwrap_or_else(|| UNNAMED.to_owned());
        let mut digest = text(descriptor, "digest")?;
        let mut manifest = self.blob_json(&digest)?;
        // An index of several platforms points to manifests once more.
        if let Some(inner) = manifest["manifests"].as_array() {
            let ours = inner.iter().find(|it| it["platform"]["architecture"] == "amd64");
            digest = text(ours.with_context(|| format!("{} has nothing for amd64", self.name))?, "digest")?;
            manifest = self.blob_json(&digest)?;
        }
        let config = self.blob_bytes(&text(&manifest["config"], "digest")?)?;
        let parsed: Json = serde_json::from_slice(&config).context("reading an image's configuration")?;
        Ok(Contained {
            name,
            digest,
            diff_ids: texts(&parsed["rootfs"]["diff_ids"], None)?,
            layers: texts(&manifest["layers"], Some("digest"))?,
            config,
        })
    }

    /// The name before the tag in Docker's own table of contents, which has it as Docker itself writes it.
    fn tagged(&mut self) -> Option<String> {
        let table = self.json("manifest.json").ok()?;
        Some(table[0]["RepoTags"][0].as_str()?.rsplit_once(':')?.0.to_owned())
    }

    /// The tar of a layer, uncompressed.
    pub(super) fn layer(&mut self, image: &Contained, number: usize) -> Result<Box<dyn Read + '_>> {
        let digest =
            image.layers.get(number).context("an image with fewer layers than its own list")?.clone();
        let mut blob = BufReader::with_capacity(1 << 20, self.blob(&digest)?);
        let mut magic = [0; 4];
        let read = std::io::copy(&mut (&mut blob).take(4), &mut magic.as_mut_slice())?;
        let whole = std::io::Cursor::new(magic[..usize::try_from(read).unwrap_or(0)].to_vec()).chain(blob);
        Ok(match magic {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
            _ => Box::new(whole),
        })
    }

    fn blob_json(&mut self, digest: &str) -> Result<Json> {
        Ok(serde_json::from_slice(&self.blob_bytes(digest)?).context("reading an image's manifest")?)
    }

    fn blob_bytes(&mut self, digest: &str) -> Result<Vec<u8>> {
        read_all(self.blob(digest)?)
    }

    fn blob<'a>(&'a mut self, digest: &str) -> Result<impl Read + use<'a>> {
        self.entry(&format!("blobs/{}", digest.replace(':', "/")))
    }

    fn json(&mut self, path: &str) -> Result<Json> {
        let bytes = read_all(self.entry(path)?)?;
        Ok(serde_json::from_slice(&bytes).with_context(|| format!("reading {path} of {}", self.name))?)
    }

    fn entry<'a>(&'a mut self, path: &str) -> Result<impl Read + use<'a>> {
        let Some((start, size)) = self.places.get(path).copied() else {
            let name = &self.name;
            return Err(anyhow!(
                "{name} has no {path}: it is no OCI archive. `docker save` of Docker 25 or later writes one, and \
                 `skopeo copy docker-archive:{name} oci-archive:NEW` turns an older one into one"
            )
            .into());
        };
        self.file.seek(SeekFrom::Start(start))?;
        Ok((&mut self.file).take(size))
    }
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
