//! What students work in, and the materials that are there before them.

use std::sync::Arc;

use super::subnet::expect_subnet;
use super::{Quota, Share, Subnet, findings, pages, quota, validate};
use crate::document::{Fields, Findings, Node, Source, Value};

pub(super) const KEYS: &[&str] = &[
    "image",
    "memory",
    "reserve",
    "scratch",
    "cpus",
    "processes",
    "idle_minutes",
    "start_seconds",
    "reachable",
];
pub(super) const MATERIAL_KEYS: &[&str] = &["git", "archive", "ref", "sha256", "into"];
const MATERIAL: &str = "materials: [{git: \"https://example.org/course.git\", into: share}]";

/// Where the machines have shared materials, and where the hub keeps them.
const SHARE: [&str; 2] = ["/share", "/srv/imagegen-share"];
const MIB: u64 = 1 << 20;
/// Below this no kernel starts beside its server.
const LEAST_MEMORY: u64 = 128 * MIB;

/// What each student's server gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Notebooks {
    /// A container image by digest; without it, the one that the node image carries.
    pub image: Option<String>,
    /// The most memory, in bytes.
    pub memory: u64,
    /// The memory that a machine must have left to take one more server, in bytes; half of `memory` unless said.
    pub reserve: u64,
    /// What each student may store on a machine's own disk, outside the home.
    pub scratch: Quota,
    /// The most processor time, in CPUs; without it, as much as there is.
    pub cpus: Option<f64>,
    /// The most processes and threads.
    pub processes: u32,
    /// Minutes without a keystroke after which a server is stopped.
    pub idle_minutes: u32,
    /// Seconds that a server may take to start.
    pub start_seconds: u32,
    /// Networks that notebooks may reach although their addresses are private.
    pub reachable: Vec<Subnet>,
}

impl Default for Notebooks {
    fn default() -> Self {
        Self {
            image: None,
            memory: 1024 * MIB,
            reserve: 512 * MIB,
            scratch: Quota::OfDisk,
            cpus: None,
            processes: 512,
            idle_minutes: 120,
            start_seconds: 300,
            reachable: vec![],
        }
    }
}

/// Something that students find when they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Whether it is a git repository; otherwise an archive.
    pub git: bool,
    /// Where it comes from.
    pub url: String,
    /// The branch or tag of a repository.
    pub reference: Option<String>,
    /// The SHA-256 of an archive, in hexadecimal.
    pub sha256: Option<String>,
    /// Whether each home gets a copy; otherwise all read the one in `/share`.
    pub in_homes: bool,
}

/// Reads the section `notebooks`.
pub(super) fn read(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Notebooks {
    let mut notebooks = Notebooks::default();
    let mut fields = Fields::of(source, "notebooks", node, KEYS, findings);
    if let Some((text, node)) = fields.text("image", "image: registry.example.org/notebook@sha256:…") {
        if !is_pinned(text) {
            fields.findings().push(findings::not_a_pinned_image(source, text, node));
        }
        notebooks.image = Some(text.to_owned());
    }
    if let Some(bytes) = size(source, "memory", LEAST_MEMORY, &mut fields) {
        (notebooks.memory, notebooks.reserve) = (bytes, bytes / 2);
    }
    if let Some(bytes) = size(source, "reserve", MIB, &mut fields) {
        if bytes > notebooks.memory
            && let Some(node) = fields.get("reserve")
        {
            fields.findings().push(findings::reserve_beyond_memory(source, node));
        }
        notebooks.reserve = bytes;
    }
    notebooks.scratch = quota::read(source, "scratch", &mut fields);
    notebooks.cpus = cpus(source, &mut fields);
    for (key, value, least) in [
        ("processes", &mut notebooks.processes, 64),
        ("idle_minutes", &mut notebooks.idle_minutes, 5),
        ("start_seconds", &mut notebooks.start_seconds, 30),
    ] {
        if let Some((number, _)) = fields.int(key, least..100_000, "processes: 512") {
            *value = u32::try_from(number).unwrap_or(u32::MAX);
        }
    }
    for (text, node) in fields.texts("reachable", "reachable: [192.168.40.0/24]") {
        notebooks.reachable.extend(expect_subnet(source, text, node, fields.findings()));
    }
    notebooks
}

/// A name of an image with the digest of its manifest.
fn is_pinned(text: &str) -> bool {
    let Some((name, digest)) = text.split_once("@sha256:") else { return false };
    validate::is_image(name) && !name.contains('@') && is_sha256(digest)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

/// `512M` or `2G`, in bytes.
fn size(source: &Arc<Source>, key: &str, least: u64, fields: &mut Fields<'_, '_>) -> Option<u64> {
    let (text, node) = fields.text(key, "memory: 1G")?;
    let unit = match text.chars().last() {
        Some('M') => MIB,
        Some('G') => 1024 * MIB,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|digits| digits.parse::<u32>().ok());
    let bytes = u64::from(number.unwrap_or(0)) * unit;
    if bytes < least {
        fields.findings().push(findings::not_a_memory_size(source, text, least / MIB, node));
        return None;
    }
    Some(bytes)
}

fn cpus(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Option<f64> {
    let node = fields.get("cpus")?;
    let number = match &node.value {
        Value::Int(number) => i32::try_from(*number).map(f64::from).unwrap_or_default(),
        Value::Float(number) => *number,
        _ => 0.0,
    };
    if !(0.05..=256.0).contains(&number) {
        fields.findings().push(findings::not_a_number_of_cpus(source, node));
    }
    Some(number)
}

/// Reads the list `materials`.
pub(super) fn read_materials(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Vec<Material> {
    let items = fields.list("materials", MATERIAL).unwrap_or_default();
    let mut seen: Vec<(String, &Node)> = vec![];
    let mut materials = vec![];
    for item in items {
        let Some(material) = material(source, item, fields.findings()) else { continue };
        let name = material.name().to_owned();
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
            fields.findings().push(findings::material_twice(source, &name, item, first));
        }
        seen.push((name, item));
        materials.push(material);
    }
    materials
}

fn material(source: &Arc<Source>, item: &Node, findings: &mut Findings) -> Option<Material> {
    let mut fields = Fields::of(source, "materials", item, MATERIAL_KEYS, findings);
    let (git, archive) = (fields.text("git", MATERIAL), fields.text("archive", MATERIAL));
    let reference = fields.text("ref", "ref: main");
    let sha256 = fields.text("sha256", "sha256: \"…\"");
    let into = fields.text("into", "into: homes");
    let (Some((url, node)), true) = (git.or(archive), git.is_some() != archive.is_some()) else {
        fields.findings().push(findings::git_or_archive(source, item));
        return None;
    };
    if !is_url(url) {
        fields.findings().push(findings::not_a_material(source, url, node));
    }
    let page = if git.is_some() { pages::instead_of_git(url) } else { pages::instead_of_an_archive(url) };
    if let Some(page) = page {
        fields.findings().push(findings::page_for_people(source, url, &page, node));
    }
    if let Some((text, node)) = reference.filter(|(text, _)| !is_reference(text) || git.is_none()) {
        fields.findings().push(findings::not_a_reference(source, text, node));
    }
    if let Some((text, node)) = sha256.filter(|(text, _)| !is_sha256(text) || archive.is_none()) {
        fields.findings().push(findings::not_a_checksum(source, text, node));
    }
    if let Some((text, node)) = into.filter(|(text, _)| !["homes", "share"].contains(text)) {
        fields.findings().push(findings::not_a_place(source, text, node));
    }
    let owned = |text: Option<(&str, &Node)>| text.map(|(text, _)| text.to_owned());
    Some(Material {
        git: git.is_some(),
        url: url.to_owned(),
        reference: owned(reference),
        sha256: owned(sha256),
        in_homes: into.is_some_and(|(text, _)| text == "homes"),
    })
}

impl Material {
    /// The last part of its URL, without a query and endings: the folder that it becomes.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        let mut name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        for ending in [".git", ".zip", ".gz", ".xz", ".bz2", ".tgz", ".txz", ".tar"] {
            name = name.strip_suffix(ending).unwrap_or(name);
        }
        // Dots alone would be the folder itself, or the one above it.
        if name.trim_matches('.').is_empty() { "materials" } else { name }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.and_then(|rest| Some((rest, rest.split_once('/')?.0))).is_some_and(|(rest, host)| {
        !host.is_empty()
            // What is in the text stands in logs too.
            && !host.contains('@')
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?&=%+@,".contains(c))
            && !rest.trim_end_matches('/').ends_with("..")
    })
}

/// What git takes for a branch or a tag, without what would be an option.
fn is_reference(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c))
}

/// The share that nodes mount where some material goes there.
pub(super) fn share(materials: &[Material]) -> Option<Share> {
    materials.iter().any(|material| !material.in_homes).then(|| Share {
        path: SHARE[0].to_owned(),
        server: None,
        folder: SHARE[1].to_owned(),
        writable: false,
        mount_options: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_after_the_last_part() {
        for (url, name) in [
            ("https://example.org/a/course.git", "course"),
            ("https://example.org/data.tar.gz", "data"),
            ("https://example.org/course/", "course"),
            ("https://example.org/.git", "materials"),
            ("https://example.org/files/data.zip?download=1", "data"),
            ("https://example.org/course/?path=a/b.zip#top", "course"),
            ("https://example.org/..?download=1", "materials"),
        ] {
            let url = url.to_owned();
            let material = Material { git: true, url, reference: None, sha256: None, in_homes: false };
            assert_eq!(material.name(), name);
        }
    }
}
