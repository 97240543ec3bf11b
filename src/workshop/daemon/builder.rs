//! What dockerd does with the leftovers of builds.

use super::values::{ANY, DURATION, SIZE};
use super::{Judge, basic};
use crate::document::{MapKey, Node, Value};

const POLICY: &str = "policy: [{keepStorage: 10GB, filter: [\"unused-for=48h\"]}]";

/// Judges the mapping; Go takes its keys in any case.
pub(super) fn judge(judge: &mut Judge<'_, '_>, node: &Node) {
    each(judge, "builder", node, &["gc", "entitlements", "history"], |judge, name, node| match name {
        "gc" => collection(judge, node),
        "entitlements" => each(judge, name, node, &["network-host", "security-insecure"], basic::flag),
        _ => each(judge, name, node, &["maxage", "maxentries"], |judge, name, node| match name {
            "maxage" => basic::text(judge, "maxAge", node, &DURATION),
            _ => basic::count(judge, "maxEntries", node, 0, i64::MAX - 1),
        }),
    });
}

fn collection(judge: &mut Judge<'_, '_>, node: &Node) {
    each(judge, "gc", node, &["enabled", "policy", "defaultkeepstorage"], |judge, name, node| match name {
        "enabled" => basic::flag(judge, name, node),
        "policy" => policy(judge, node),
        _ => basic::text(judge, "defaultKeepStorage", node, &SIZE),
    });
}

fn policy(judge: &mut Judge<'_, '_>, node: &Node) {
    let Value::List(items) = &node.value else { return judge.wrong_kind("policy", node, "a list", POLICY) };
    for item in items {
        each(judge, "policy", item, &["all", "filter", "keepstorage"], |judge, name, node| match name {
            "all" => basic::flag(judge, name, node),
            "filter" => basic::texts(judge, name, node, &ANY),
            _ => basic::text(judge, "keepStorage", node, &SIZE),
        });
    }
}

fn each(
    judge: &mut Judge<'_, '_>,
    name: &str,
    node: &Node,
    known: &[&str],
    judge_one: impl Fn(&mut Judge<'_, '_>, &str, &Node),
) {
    for (key, value) in judge.entries(name, node, "builder: {gc: {enabled: true, defaultKeepStorage: 10GB}}")
    {
        let lower = key.name.to_ascii_lowercase();
        if known.contains(&lower.as_str()) {
            judge_one(judge, &lower, value);
        } else {
            let lower = MapKey { name: lower, span: key.span.clone() };
            judge.findings.push(crate::document::findings::unknown_key(judge.source, &lower, known));
        }
    }
}
