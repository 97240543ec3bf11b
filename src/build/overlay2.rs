//! The layers of a container image, as Docker's overlay2 graph driver has them.

use crate::inspect::DPKG_STATUS;
use crate::inspect::installed_packages;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::anyhow;
use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

use super::archive::{ArchivedImage, ImageArchive};
use super::checked::Checked;
use super::confined::{Admitted, Confined, EntryVerdict};
use super::findings::{self, Refusal};
use super::inventory::Inventory;
use super::names;
use super::preloaded::{Overlay2Contents, jupyterhub_version};
use super::tar_rewriter::TarRewriter;
use super::tarball::{self, header};
use super::whiteouts::Names;
use crate::failure::{Failure, Result};
use crate::host::signals;
use crate::util::hex;

/// Entries of a layer that are told of those that are refused.
const MOST_REFUSED: usize = 20;
/// dpkg's list of packages is not read where it is larger, in bytes; that of a large system has 10 MB.
const LARGEST_STATUS: u64 = 32 << 20;

/// All layers of an image, from the lowest, but for those of `unpacked`, which another image has too.
pub(super) fn layers<W: Write>(
    rewriter: &mut TarRewriter<W>,
    archive: &mut ImageArchive,
    image: &ArchivedImage,
    unpacked: &mut BTreeMap<String, Overlay2Contents>,
    path: &Path,
) -> Result<Overlay2Contents> {
    let mut below: Vec<Chained> = vec![];
    let mut contents = Overlay2Contents::default();
    for (number, diff_id) in image.diff_ids.iter().enumerate() {
        let layer = Chained::on(below.last(), diff_id);
        if let Some(known) = unpacked.get(&layer.id) {
            contents = known.clone();
        } else {
            let (names, whiteouts) = names(archive, image, number)?;
            for path in names.gone() {
                contents.inventory.forget(&names::shown(path));
            }
            let mut tar = Checked::new(archive.layer(image, number)?);
            let mut refused = Refused::default();
            let bytes = layer.unpack(rewriter, &mut tar, &whiteouts, &mut contents, &mut refused);
            let bytes = bytes.map_err(|failure| of_layer(failure, path, diff_id))?;
            refused.tell(rewriter, &path.display().to_string(), diff_id);
            if tar.sha256()? != diff_id.trim_start_matches("sha256:") {
                return Err(anyhow!("{}: the layer {diff_id} is damaged", path.display()).into());
            }
            layer.describe(rewriter, &below, diff_id, bytes)?;
            unpacked.insert(layer.id.clone(), contents.clone());
        }
        below.push(layer);
    }
    Ok(contents)
}

/// A failure with the layer that was being read.
fn of_layer(failure: Failure, path: &Path, diff_id: &str) -> Failure {
    match failure {
        Failure::Work(error) => {
            Failure::Work(error.context(format!("{}: the layer {diff_id}", path.display())))
        }
        other => other,
    }
}

/// The names in a layer, and the whiteouts that it needs. The lowest, which is the only one of ours, has nothing below it
/// to hide, and is not read for this.
fn names(
    archive: &mut ImageArchive,
    image: &ArchivedImage,
    number: usize,
) -> Result<(Names, BTreeSet<Vec<u8>>)> {
    if number == 0 {
        return Ok(Default::default());
    }
    let names = Names::of(archive.layer(image, number)?)?;
    let lower = if names.asks_for_below() { 0..number } else { 0..0 };
    let below = lower.map(|number| Names::of(archive.layer(image, number)?)).collect::<Result<Vec<_>>>()?;
    let whiteouts = names.whiteouts(&below);
    Ok((names, whiteouts))
}

/// A layer by its chain: the digest of all layers up to it (OCI image specification, "Layer `ChainID`").
struct Chained {
    id: String,
}

impl Chained {
    fn on(below: Option<&Self>, diff_id: &str) -> Self {
        let id = match below {
            None => diff_id.trim_start_matches("sha256:").to_owned(),
            Some(below) => hex(&Sha256::digest(format!("sha256:{} {diff_id}", below.id))),
        };
        Self { id }
    }

    /// The folder of its files.
    fn folder(&self) -> String {
        format!("{DOCKER}/overlay2/{}", self.id)
    }

    /// A short name, since the mount options of many layers must fit a page: 26 letters, as Docker's own.
    fn link(&self) -> String {
        self.id[..26].to_uppercase()
    }

    /// Its files, which are noted in `contents`, and whiteouts; gives the files' size in bytes.
    fn unpack<W: Write>(
        &self,
        rewriter: &mut TarRewriter<W>,
        tar: impl Read,
        whiteouts: &BTreeSet<Vec<u8>>,
        contents: &mut Overlay2Contents,
        refused: &mut Refused,
    ) -> Result<u64> {
        let diff = format!("{}/diff", self.folder());
        rewriter.folder_with(self.folder().as_bytes(), 0o710)?;
        rewriter.folder_with(diff.as_bytes(), 0o755)?;
        let (mut bytes, mut confined) = (0, Confined::default());
        for entry in Archive::new(tar).entries()? {
            signals::check()?;
            let mut entry = entry?;
            match confined.judge(&mut entry)? {
                EntryVerdict::Skip => {}
                EntryVerdict::Refuse(refusal) => refused.note(&entry.path_bytes(), refusal),
                EntryVerdict::Write(admitted) => {
                    bytes += admitted.header.size()?;
                    keep_entry(contents, rewriter, &diff, *admitted, entry)?;
                }
            }
        }
        for path in whiteouts {
            if let Err(refusal) = confined.within_folders(path) {
                refused.note(path, refusal);
                continue;
            }
            let place = names::below(&diff, path);
            rewriter.parents(&place)?;
            // A device with the numbers 0 and 0 (Linux, Documentation/filesystems/overlayfs.rst).
            rewriter.keep(&place, None, header(EntryType::Char, 0o600, 0, 0), &mut std::io::empty())?;
        }
        Ok(bytes)
    }

    /// What Docker notes of a layer.
    fn describe<W: Write>(
        &self,
        rewriter: &mut TarRewriter<W>,
        below: &[Self],
        diff_id: &str,
        bytes: u64,
    ) -> Result<()> {
        let folder = self.folder();
        rewriter.file(&format!("{folder}/link"), 0o644, self.link().as_bytes())?;
        rewriter.file(&format!("{folder}/committed"), 0o600, b"")?;
        rewriter.symlink(&format!("{DOCKER}/overlay2/l/{}", self.link()), &format!("../{}/diff", self.id))?;
        let notes = format!("{DOCKER}/image/overlay2/layerdb/sha256/{}", self.id);
        for (name, text) in [("diff", diff_id), ("cache-id", &self.id), ("size", &bytes.to_string())] {
            rewriter.file(&format!("{notes}/{name}"), 0o644, text.as_bytes())?;
        }
        if let Some(parent) = below.last() {
            rewriter.folder_with(format!("{folder}/work").as_bytes(), 0o700)?;
            let lower: Vec<String> = below.iter().rev().map(|layer| format!("l/{}", layer.link())).collect();
            rewriter.file(&format!("{folder}/lower"), 0o644, lower.join(":").as_bytes())?;
            rewriter.file(&format!("{notes}/parent"), 0o644, format!("sha256:{}", parent.id).as_bytes())?;
        }
        Ok(())
    }
}

/// The entries of a layer that no layer may have.
#[derive(Default)]
struct Refused {
    first: Vec<(Vec<u8>, Refusal)>,
    more: usize,
}

impl Refused {
    fn note(&mut self, name: &[u8], refusal: Refusal) {
        if self.first.len() < MOST_REFUSED {
            self.first.push((name.to_vec(), refusal));
        } else {
            self.more += 1;
        }
    }

    fn tell<W: Write>(&self, rewriter: &mut TarRewriter<W>, archive: &str, layer: &str) {
        for (name, refusal) in &self.first {
            rewriter.refuse(findings::hostile_entry(archive, layer, &names::quoted(name), refusal));
        }
        if self.more > 0 {
            rewriter.refuse(findings::more_hostile_entries(archive, layer, self.more));
        }
    }
}

/// Writes an entry, and notes what it says of what is in the layer.
fn keep_entry<W: Write, R: Read>(
    contents: &mut Overlay2Contents,
    rewriter: &mut TarRewriter<W>,
    folder: &str,
    admitted: Admitted,
    mut entry: Entry<'_, R>,
) -> Result<()> {
    let Admitted { name, header, target } = admitted;
    let (path, place) = (names::shown(&name), names::below(folder, &name));
    contents.jupyterhub = jupyterhub_version(&path).or(contents.jupyterhub.take());
    // Tools that make layers without a file system leave folders out.
    rewriter.parents(&place)?;
    rewriter.extended_attributes(&tarball::records(&mut entry)?)?;
    let size = header.size()?;
    let status = path == DPKG_STATUS && size <= LARGEST_STATUS;
    if header.entry_type() == EntryType::Link {
        let target = target.map(|target| names::below(folder, &target));
        return rewriter.keep(&place, target.as_deref(), header, &mut std::io::empty());
    }
    if !header.entry_type().is_file() || !(status || Inventory::wants(&path, size)) {
        return rewriter.keep(&place, target.as_deref(), header, &mut entry);
    }
    let mut content = vec![];
    entry.read_to_end(&mut content)?;
    if status {
        contents.packages = installed_packages(&String::from_utf8_lossy(&content));
    } else {
        contents.inventory.note(&path, &content);
    }
    rewriter.keep(&place, None, header, &mut content.as_slice())
}

pub(super) const DOCKER: &str = "var/lib/docker";
