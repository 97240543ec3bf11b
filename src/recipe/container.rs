//! What a container image says of itself beside its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::findings;
use crate::document::{Fields, Findings, Node, Source, Value};

const KEYS: &[&str] = &["name", "entrypoint", "command", "environment", "folder"];

/// The settings of a container image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerConfig {
    /// The repository's name, without tag and digest.
    pub name: String,
    /// The program that every container runs, and its first arguments.
    pub entrypoint: Vec<String>,
    /// Its further arguments where a container names none.
    pub command: Vec<String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The working folder.
    pub folder: String,
}

/// Reads the section `container`.
pub(super) fn read(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Option<ContainerConfig> {
    let mut fields = Fields::of(source, "container", node, KEYS, findings);
    fields.require(&["name"], "name: imagegen/notebook");
    let texts = |fields: &mut Fields<'_, '_>, key: &str, example: &str| {
        fields.texts(key, example).into_iter().map(|(text, _)| text.to_owned()).collect::<Vec<_>>()
    };
    let entrypoint = texts(&mut fields, "entrypoint", "entrypoint: [tini, -g, --]");
    let command = texts(&mut fields, "command", "command: [bash]");
    let folder = fields.text("folder", "folder: /tmp").map_or("/", |(folder, _)| folder).to_owned();
    let environment = environment(source, &mut fields);
    let (name, place) = fields.text("name", "name: imagegen/notebook")?;
    if !is_repository(name) {
        fields.findings().push(findings::not_a_repository(source, name, place));
    }
    Some(ContainerConfig { name: name.to_owned(), entrypoint, command, environment, folder })
}

fn environment(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> BTreeMap<String, String> {
    let example = "environment: {LANG: C.UTF-8}";
    let Some(node) = fields.get("environment") else { return BTreeMap::new() };
    let Value::Map(entries) = &node.value else {
        fields.findings().push(crate::document::findings::wrong_kind(
            source,
            "environment",
            node,
            "a mapping",
            example,
        ));
        return BTreeMap::new();
    };
    let mut variables = BTreeMap::new();
    for (key, node) in entries {
        match &node.value {
            Value::Text(text) => drop(variables.insert(key.name.clone(), text.clone())),
            _ => fields
                .findings()
                .push(crate::document::findings::wrong_kind(source, &key.name, node, "text", example)),
        }
    }
    variables
}

/// Parts of lower-case letters, digits and separators between slashes (the grammar of `distribution/reference`).
pub(super) fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    name.split('/').all(part)
}
