//! `daemon.json` by Docker's own rules: which keys it has, what each takes, and what cannot go together.
//!
//! The rules are those of Docker 26.1.5, which Debian 13 has and the images with it. `.ci/docker-options` shows them to be
//! right on that dockerd. What it does not look at before a container starts, or takes without using it, is here too.

mod builder;
mod findings;
mod log;
mod loosened;
mod places;
mod rule;
mod runtimes;
mod table;
mod together;
mod ulimits;
mod values;

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{Docker, Engine, Extras};
use crate::document::{Findings, MapKey, Node, Source, Value};

use places::OptionLocations;
pub(super) use places::at;

/// What decides beside the options themselves whether they can be.
#[derive(Clone, Copy)]
pub(super) struct Machines<'a> {
    pub(super) engine: &'a Engine,
    pub(super) hub: &'a Extras,
    pub(super) node: &'a Extras,
}

/// Judges each of the organiser's options by itself, where `node` is `docker.options`.
pub(super) fn judge_options(
    source: &Arc<Source>,
    node: &Node,
    machines: Machines<'_>,
    findings: &mut Findings,
) {
    let Value::Map(entries) = &node.value else {
        let wrong = crate::document::findings::wrong_kind;
        findings.push(wrong(source, "options", node, "a mapping", "options: {max-concurrent-downloads: 6}"));
        return;
    };
    let mut judge = Judge { source, machines, findings };
    for (key, value) in entries.iter().filter(|(_, value)| value.value != Value::Null) {
        judge.option(key, value);
    }
}

/// Judges what goes together, where `node` is the section `docker`.
pub(super) fn judge_whole(
    source: &Arc<Source>,
    node: &Node,
    docker: &Docker,
    machines: Machines<'_>,
    findings: &mut Findings,
) {
    let rendered = docker.daemon_json();
    let places = OptionLocations::new(source, node);
    log::judge(&rendered, &places, findings);
    together::judge(&rendered, &places, machines, findings);
}

/// A judge of single options.
struct Judge<'a, 'f> {
    source: &'a Arc<Source>,
    machines: Machines<'a>,
    findings: &'f mut Findings,
}

impl Judge<'_, '_> {
    fn option(&mut self, key: &MapKey, node: &Node) {
        let Some(rule) = table::rule(&key.name) else {
            let finding = match table::since(&key.name) {
                Some(version) => findings::newer_key(self.source, key, version),
                None => findings::unknown_key(self.source, key, &table::names()),
            };
            return self.findings.push(finding);
        };
        rule::apply(self, rule, key, node);
        loosened::judge(self, key, node);
    }

    fn loosens(&mut self, node: &Node, loosening: findings::Loosening) {
        self.findings.push(findings::loosens(self.source, node, loosening));
    }

    fn wrong_kind(&mut self, name: &str, node: &Node, wanted: &str, example: &str) {
        self.findings.push(crate::document::findings::wrong_kind(self.source, name, node, wanted, example));
    }

    /// The entries of a mapping, or a finding.
    fn entries<'n>(&mut self, name: &str, node: &'n Node, example: &str) -> &'n [(MapKey, Node)] {
        if let Value::Map(entries) = &node.value {
            return entries;
        }
        self.wrong_kind(name, node, "a mapping", example);
        &[]
    }
}

/// The options as `daemon.json` has them; what is null is absent.
pub(super) fn json_of(node: &Node) -> Map<String, Json> {
    match json(node) {
        Json::Object(options) => options,
        _ => Map::new(),
    }
}

fn json(node: &Node) -> Json {
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

#[cfg(test)]
mod tests;
