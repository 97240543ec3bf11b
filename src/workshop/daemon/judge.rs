//! What judges an option: where it stands, and what decides beside it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::findings;
use crate::document::{Findings, MapKey, Node, Source, Value};
use crate::workshop::{Engine, Extras};

/// What decides beside the options themselves whether they can be.
#[derive(Clone, Copy)]
pub(in crate::workshop) struct Machines<'a> {
    pub(in crate::workshop) engine: &'a Engine,
    pub(in crate::workshop) hub: &'a Extras,
    pub(in crate::workshop) node: &'a Extras,
}

/// A judge of single options.
pub(super) struct Judge<'a, 'f> {
    pub(super) source: &'a Arc<Source>,
    pub(super) machines: Machines<'a>,
    pub(super) findings: &'f mut Findings,
}

impl Judge<'_, '_> {
    pub(super) fn loosens(&mut self, node: &Node, loosening: findings::Loosening) {
        self.findings.push(findings::loosens(self.source, node, loosening));
    }

    pub(super) fn wrong_kind(&mut self, name: &str, node: &Node, wanted: &str, example: &str) {
        self.findings.push(crate::document::findings::wrong_kind(self.source, name, node, wanted, example));
    }

    /// The entries of a mapping, or a finding.
    pub(super) fn entries<'n>(&mut self, name: &str, node: &'n Node, example: &str) -> &'n [(MapKey, Node)] {
        if let Value::Map(entries) = &node.value {
            return entries;
        }
        self.wrong_kind(name, node, "a mapping", example);
        &[]
    }
}

pub(super) fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => {
            let filled = entries.iter().filter(|(_, node)| node.value != Value::Null);
            Json::Object(filled.map(|(key, node)| (key.name.clone(), json(node))).collect())
        }
    }
}
