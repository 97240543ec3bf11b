//! `daemon.json` by Docker's own rules: which keys it has, what each takes, and what cannot go together.
//!
//! The rules are those of Docker 26.1.5, which Debian 13 has and the images with it. `.ci/docker-options` shows them to be
//! right on that dockerd. What it does not look at before a container starts, or takes without using it, is here too.

mod basic;
mod builder;
mod findings;
mod judge;
mod log;
mod log_drivers;
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

use crate::document::{Findings, MapKey, Node, Source, Value};

pub(super) use judge::Machines;
use judge::{Judge, json};
use places::OptionLocations;
pub(super) use places::at;

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
        judge_option(&mut judge, key, value);
    }
}

/// Judges what goes together in `rendered`, where `node` is the section `docker`.
pub(super) fn judge_whole(
    source: &Arc<Source>,
    node: &Node,
    rendered: &Map<String, Json>,
    machines: Machines<'_>,
    findings: &mut Findings,
) {
    let places = OptionLocations::new(source, node);
    log::judge(rendered, &places, findings);
    together::judge(rendered, &places, machines, findings);
}

/// Judges one option.
fn judge_option(judge: &mut Judge<'_, '_>, key: &MapKey, node: &Node) {
    let Some(rule) = table::rule(&key.name) else {
        let finding = match table::since(&key.name) {
            Some(version) => findings::newer_key(judge.source, key, version),
            None => findings::unknown_key(judge.source, key, &table::names()),
        };
        return judge.findings.push(finding);
    };
    rule::apply(judge, rule, key, node);
    loosened::judge(judge, key, node);
}

/// The options as `daemon.json` has them; what is null is absent.
pub(super) fn json_of(node: &Node) -> Map<String, Json> {
    match json(node) {
        Json::Object(options) => options,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
