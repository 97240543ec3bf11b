//! Sets of packages from the registries of Python and npm, each pinned by a lock with a hash for every package.

use super::inside::is_inside;
use std::sync::Arc;

use serde::Serialize;

use super::{Catalogue, findings};
use crate::document::{Fields, Findings, Location, Node, Source};

/// Where the packages of a set come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Registry {
    /// The Python Package Index; wheels for this version of Python.
    Python(String),
    /// npm's.
    Npm,
}

/// A locked set, and where in the image it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bundle {
    /// The registry.
    pub registry: Registry,
    /// The lock's path in the folder of recipes.
    pub path: String,
    /// The lock's text.
    pub lock: String,
    /// The folder in the image, without a leading slash.
    pub into: String,
    /// Where the recipe names the lock.
    #[serde(skip)]
    pub location: Option<Location>,
}

/// Reads one entry of the lists `python` and `npm`.
pub(super) fn read(
    catalogue: &Catalogue,
    source: &Arc<Source>,
    kind: &str,
    node: &Node,
    findings: &mut Findings,
) -> Option<Bundle> {
    let python = kind == "python";
    let known: &[&str] = if python { &["lock", "into", "version"] } else { &["lock", "into"] };
    let mut fields = Fields::of(source, kind, node, known, findings);
    fields.require(known, "lock: locks/hub.txt");
    let version = if python {
        fields.text("version", "version: '3.13'").map(|(version, _)| version.to_owned())
    } else {
        None
    };
    let (into, into_node) = fields.text("into", "into: opt/jupyterhub")?;
    if !is_inside(into) {
        fields.findings().push(findings::not_a_path(source, into, into_node.span.clone()));
    }
    let (path, lock_node) = fields.text("lock", "lock: locks/hub.txt")?;
    let Some(lock) = catalogue.source(path) else {
        fields.findings().push(findings::no_such_lock(source, path, lock_node));
        return None;
    };
    let registry = if python { Registry::Python(version?) } else { Registry::Npm };
    let location = Some(Location::of(source, lock_node));
    Some(Bundle { registry, path: path.to_owned(), lock: lock.text.clone(), into: into.to_owned(), location })
}
