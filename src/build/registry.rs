//! Fetching a container image from a registry: by skopeo, which finds credentials and certificates where podman and
//! skopeo have them, so that none of them passes through here.
//!
//! What is kept is an OCI archive with the manifest as the registry has it, byte by byte, so that the digest of the
//! recipe is that of what was fetched. Each blob is hashed once more on the way in.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::{Value as Json, json};
use tar::Builder;

use super::archive::{blob, for_this_platform, is_index, sha256};
use super::checked::Checked;
use super::oci::append;
use crate::failure::{Failure, Result};
use crate::host::cmd::Cmd;
use crate::host::tools;
use crate::host::workdir::WorkDir;
use crate::plan::CacheKey;
use crate::recipe::Reference;

/// What registries answer where they have no such manifest (OCI distribution specification, "Error Codes").
const UNKNOWN: [&str; 3] = ["manifest unknown", "name unknown", "repository name not known"];
/// What they, and skopeo, say where the credentials are missing or wrong.
const REFUSED: [&str; 4] =
    ["unauthorized", "authentication required", "access to the resource is denied", "403 (Forbidden)"];

/// Fetches an image into the OCI archive `target`; what skopeo says goes to `log`.
pub(super) fn fetch(
    reference: &Reference,
    key: &CacheKey,
    target: &Path,
    log: &Path,
    work: &WorkDir,
) -> Result<()> {
    let raw = skopeo(reference, |tool| {
        tool.args(["inspect", "--raw"]).arg(format!("docker://{}", reference.pinned())).output_bytes()
    })?;
    expect(reference, &reference.digest, &sha256(&raw))?;
    let manifest: Json = serde_json::from_slice(&raw).context("reading a manifest")?;
    let digest = if is_index(&manifest) {
        let ours = for_this_platform(&manifest);
        digest_of(ours.with_context(|| format!("{reference} has no image for amd64"))?)?
    } else {
        reference.digest.clone()
    };
    let folder = work.path(&format!("registry-{}", key.short()));
    let image = Reference { digest: digest.clone(), ..reference.clone() };
    skopeo(reference, |tool| {
        tool.args(["copy", "--quiet", "--preserve-digests", "--retry-times", "3"])
            .arg(format!("docker://{}", image.pinned()))
            .arg(format!("dir:{}", folder.display()))
            .logged(log)
            .run()
    })?;
    pack(reference, &raw, &digest, &folder, target)?;
    Ok(fs_err::remove_dir_all(&folder)?)
}

/// Runs skopeo, and says of its commonest failures what to do about them.
fn skopeo<T>(reference: &Reference, run: impl FnOnce(Cmd) -> Result<T>) -> Result<T> {
    run(Cmd::new(tools::SKOPEO.name)).map_err(|failure| match failure {
        Failure::Work(error) => told(reference, error).into(),
        other => other,
    })
}

fn told(reference: &Reference, error: anyhow::Error) -> anyhow::Error {
    let said = error.to_string().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(&word.to_lowercase()));
    let registry = reference.registry();
    if has(&REFUSED) {
        error.context(format!(
            "the registry {registry} does not give {} to everybody, and the credentials for it are missing or wrong: \
             run `skopeo login {registry}`, or name a file that has them in REGISTRY_AUTH_FILE",
            reference.name
        ))
    } else if has(&UNKNOWN) {
        error.context(format!(
            "the registry {registry} has no image {}: `skopeo list-tags docker://{}` prints what it has, and \
             `skopeo inspect` a tag's digest",
            reference.pinned(),
            reference.name
        ))
    } else {
        error.context(format!("fetching {reference}"))
    }
}

fn expect(reference: &Reference, wanted: &str, found: &str) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(anyhow!("fetching {reference}: the content has the digest {found} instead of {wanted}").into())
}

/// skopeo's folder, with files named by the digits of their digests, as an OCI archive. `raw` is what the reference
/// means, and `digest` the manifest in the folder.
fn pack(reference: &Reference, raw: &[u8], digest: &str, folder: &Path, target: &Path) -> Result<()> {
    let manifest = fs_err::read(folder.join("manifest.json"))?;
    expect(reference, digest, &sha256(&manifest))?;
    let parsed: Json = serde_json::from_slice(&manifest).context("reading a manifest")?;
    let kind = parsed["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
    let descriptor = json!({ "mediaType": kind, "digest": digest, "size": manifest.len() });
    let index = json!({ "schemaVersion": 2, "manifests": [descriptor] }).to_string();
    let mut builder = Builder::new(std::io::BufWriter::new(fs_err::File::create(target)?));
    let layout = json!({ "imageLayoutVersion": "1.0.0" }).to_string();
    let mut texts =
        vec![("oci-layout".to_owned(), layout.as_bytes()), ("index.json".to_owned(), index.as_bytes())];
    texts.push((blob(digest), &manifest));
    if digest != reference.digest {
        texts.push((blob(&reference.digest), raw));
    }
    for (path, text) in texts {
        append(&mut builder, &path, text.len() as u64, &mut &*text)?;
    }
    let layers = parsed["layers"].as_array().context("a manifest without layers")?;
    let mut packed = std::collections::BTreeSet::new();
    for described in std::iter::once(&parsed["config"]).chain(layers) {
        let digest = digest_of(described)?;
        // A layer can be in an image twice.
        if packed.insert(digest.clone()) {
            let digits = digest.rsplit(':').next().unwrap_or_default();
            let file = fs_err::File::open(folder.join(digits))?;
            let bytes = file.metadata()?.len();
            let mut content = Checked::new(file);
            append(&mut builder, &blob(&digest), bytes, &mut content)?;
            expect(reference, &digest, &format!("sha256:{}", content.sha256()?))?;
        }
    }
    builder.into_inner()?.flush()?;
    Ok(())
}

fn digest_of(descriptor: &Json) -> Result<String> {
    Ok(descriptor["digest"].as_str().context("a manifest with an entry that has no digest")?.to_owned())
}
