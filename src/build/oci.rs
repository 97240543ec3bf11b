//! A root file system as a container image: one layer, in the archive that `docker load`, podman and skopeo read.
//!
//! The formats are those of the OCI image specification 1.1 (image layout, manifest, configuration); `manifest.json`
//! is Docker's older table of contents, which `docker load` asks for first.

use crate::util::hex;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::rootfs::Rootfs;
use crate::failure::Result;
use crate::host::memory::TemporaryFile;
use crate::plan::DiskImage;
use crate::recipe::ContainerConfig;

/// The format of kept container images. Whoever changes what they consist of raises it: with the same number, what was kept
/// is used.
pub(super) const OCI_FORMAT: u32 = 1;
/// The label by which an image says which JupyterHub its single-user server belongs to.
const JUPYTERHUB_LABEL: &str = "imagegen.jupyterhub";
/// What Docker calls an image of which no tag is known.
const TAG: &str = "latest";
/// Little slower than the default, and 6 % smaller.
const COMPRESSION: i32 = 6;

/// Counts and hashes what passes.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn digest(self) -> (String, u64) {
        (hex(&self.hash.finalize()), self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// A blob of the archive: its media type, digest and size.
struct Blob {
    kind: &'static str,
    sha256: String,
    bytes: u64,
    content: BlobContent,
}

enum BlobContent {
    File(TemporaryFile),
    Text(Vec<u8>),
}

impl Blob {
    fn text(kind: &'static str, value: &Json) -> Self {
        let text = value.to_string().into_bytes();
        let sha256 = hex(&Sha256::digest(&text));
        Self { kind, sha256, bytes: text.len() as u64, content: BlobContent::Text(text) }
    }

    fn descriptor(&self) -> Json {
        json!({ "mediaType": self.kind, "digest": format!("sha256:{}", self.sha256), "size": self.bytes })
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.sha256)
    }
}

/// The one layer of an image, compressed.
pub(super) struct Layer {
    blob: Blob,
    /// The SHA-256 of its tar, by which configurations know a layer.
    diff_id: String,
}

impl Layer {
    /// A layer in `file`, of which `write` writes the tar; gives what that gives, too.
    pub(super) fn compress<T>(
        file: TemporaryFile,
        write: impl FnOnce(&mut dyn Write) -> Result<T>,
    ) -> Result<(T, Self)> {
        let output = Hashing::new(std::io::BufWriter::new(fs_err::File::create(file.path())?));
        let mut input = Hashing::new(zstd::Encoder::new(output, COMPRESSION)?);
        let written = write(&mut input)?;
        let Hashing { inner, hash, .. } = input;
        let mut output = inner.finish()?;
        output.flush()?;
        let (sha256, bytes) = output.digest();
        let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
        let blob = Blob { kind, sha256, bytes, content: BlobContent::File(file) };
        Ok((written, Self { blob, diff_id: hex(&hash.finalize()) }))
    }
}

/// Writes the archive `target` with the `layer` of the root file system `rootfs`; gives the image's digest.
pub(super) fn archive(
    layer: Layer,
    rootfs: &Rootfs,
    image: &DiskImage,
    container: &ContainerConfig,
    target: &Path,
    epoch: u64,
) -> Result<String> {
    let settings = configuration(rootfs, image, container, &layer.diff_id, epoch)?;
    let config = Blob::text("application/vnd.oci.image.config.v1+json", &settings);
    let manifest = Blob::text(
        "application/vnd.oci.image.manifest.v1+json",
        &json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor(),
            "layers": [layer.blob.descriptor()],
        }),
    );
    let digest = format!("sha256:{}", manifest.sha256);
    write(&[layer.blob, config, manifest], container, target)?;
    Ok(digest)
}

/// Seconds since 1970 as RFC 3339 has them.
pub(super) fn moment(epoch: u64) -> Result<String> {
    let moment = OffsetDateTime::from_unix_timestamp(epoch.try_into().context("a time after all times")?);
    Ok(moment.context("a time after all times")?.format(&Rfc3339).context("writing a time")?)
}

fn configuration(
    rootfs: &Rootfs,
    image: &DiskImage,
    container: &ContainerConfig,
    diff_id: &str,
    epoch: u64,
) -> Result<Json> {
    let created = moment(epoch)?;
    let environment: Vec<String> =
        container.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut labels = json!({ "org.opencontainers.image.description": image.description });
    if let Some(version) = &rootfs.jupyterhub {
        labels[JUPYTERHUB_LABEL] = json!(version);
    }
    Ok(json!({
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {
            "Env": environment,
            "Entrypoint": container.entrypoint,
            "Cmd": container.command,
            "WorkingDir": container.folder,
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
        "history": [{ "created": created, "created_by": format!("imagegen build {}", image.recipe) }],
    }))
}

/// The manifest is the last of the `blobs`, and its configuration the one before.
fn write(blobs: &[Blob], container: &ContainerConfig, target: &Path) -> Result<()> {
    let mut builder = Builder::new(std::io::BufWriter::new(fs_err::File::create(target)?));
    let [layer, config, manifest] = blobs else { unreachable!("three blobs make an image of one layer") };
    let mut descriptor = manifest.descriptor();
    descriptor["annotations"] = json!({
        "io.containerd.image.name": format!("{}:{TAG}", container.name),
        "org.opencontainers.image.ref.name": TAG,
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor],
    });
    let table = json!([{
        "Config": config.path(),
        "RepoTags": [format!("{}:{TAG}", container.name)],
        "Layers": [layer.path()],
    }]);
    let version = json!({ "imageLayoutVersion": "1.0.0" });
    for (path, value) in [("oci-layout", version), ("index.json", index), ("manifest.json", table)] {
        let text = value.to_string();
        append(&mut builder, path, text.len() as u64, &mut text.as_bytes())?;
    }
    for blob in blobs {
        match &blob.content {
            BlobContent::Text(text) => append(&mut builder, &blob.path(), blob.bytes, &mut text.as_slice())?,
            BlobContent::File(file) => {
                append(&mut builder, &blob.path(), blob.bytes, &mut fs_err::File::open(file.path())?)?;
            }
        }
    }
    builder.into_inner()?.flush()?;
    Ok(())
}

/// Adds one file to an archive whose own times mean nothing.
pub(super) fn append<W: Write>(
    builder: &mut Builder<W>,
    path: &str,
    bytes: u64,
    content: &mut impl Read,
) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(bytes);
    Ok(builder.append_data(&mut header, path, content)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::compose::RootfsSpec;
    use crate::build::tarball::header;

    /// The tar of a layer with dpkg's list of packages, a file and a link.
    fn layer(path: &Path) {
        let mut builder = Builder::new(fs_err::File::create(path).unwrap());
        for (name, text) in [("var/lib/dpkg/status", ""), ("usr/bin/a", "a"), ("etc/machine-id", "1")] {
            let mut header = header(EntryType::Regular, 0o644, 9, text.len() as u64);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.append_link(&mut header(EntryType::Symlink, 0o777, 9, 0), "usr/bin/b", "a").unwrap();
        builder.finish().unwrap();
    }

    #[test]
    fn an_archive_is_what_the_format_says() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        layer(&at("layer.tar"));
        let container = ContainerConfig {
            name: "example/notebook".into(),
            entrypoint: vec!["tini".into()],
            command: vec![],
            environment: [("A".to_owned(), "b".to_owned())].into(),
            folder: "/home".into(),
        };
        let contents = [("etc/motd".to_owned(), b"Welcome\n".to_vec())].into();
        let overlay = vec![("etc/motd".to_owned(), 0o644, String::new())];
        let image = DiskImage { overlay, contents, ..DiskImage::bare() };
        let spec = RootfsSpec { layer: at("layer.tar"), image: &image, preloads: vec![], epoch: 5 };
        let file = TemporaryFile::on_disk(at("layer.tar.zst"));
        let (rootfs, layer) = Layer::compress(file, |tar| spec.write(tar)).unwrap();
        archive(layer, &rootfs, &image, &container, &at("image.tar"), 5).unwrap();
        let sha256 = hex(&Sha256::digest(fs_err::read(at("image.tar")).unwrap()));
        assert_eq!(
            (OCI_FORMAT, sha256.as_str()),
            (1, "7ea2d5a125b5ac0c4b365d066e2a036756599fae7a5234683c32d7a263edb46e"),
            "container images are made in another way than before: raise OCI_FORMAT, and note the new hash here"
        );
    }
}
