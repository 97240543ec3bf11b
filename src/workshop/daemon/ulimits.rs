//! Limits of processes: `{nofile: {Name: nofile, Hard: 4096, Soft: 4096}}`.

use super::{Judge, findings};
use crate::document::{Node, Value};

const EXAMPLE: &str = "default-ulimits: {nofile: {Name: nofile, Hard: 4096, Soft: 4096}}";

/// The limits that Linux has, by runc's names.
const LIMITS: &[&str] = &[
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];
/// `fs.nr_open`: the kernel lets nobody have more files open, and a container without a limit of them does not start.
const MOST_FILES: i64 = 1_048_576;

/// Judges the mapping.
pub(super) fn judge(judge: &mut Judge<'_, '_>, node: &Node) {
    for (key, limit) in judge.entries("default-ulimits", node, EXAMPLE) {
        let entries = judge.entries(&key.name, limit, EXAMPLE);
        if !matches!(limit.value, Value::Map(_)) {
            continue;
        }
        // Docker takes the three in any case.
        let part = |name: &str| {
            entries.iter().find(|(key, _)| key.name.eq_ignore_ascii_case(name)).map(|(_, node)| node)
        };
        for (key, _) in entries {
            if !["name", "hard", "soft"].iter().any(|known| key.name.eq_ignore_ascii_case(known)) {
                let known = ["Name", "Hard", "Soft"];
                judge.findings.push(crate::document::findings::unknown_key(judge.source, key, &known));
            }
        }
        let named = part("name").map(|node| &node.value);
        let is_limit = |name: &String| LIMITS.contains(&name.to_ascii_lowercase().as_str());
        if !matches!(named, Some(Value::Text(name)) if is_limit(name)) {
            judge.findings.push(findings::unnamed_limit(
                judge.source,
                part("name").unwrap_or(limit),
                &key.name,
                LIMITS,
            ));
        }
        let files = matches!(named, Some(Value::Text(name)) if name.eq_ignore_ascii_case("nofile"));
        bounds(judge, limit, part("soft"), part("hard"), if files { MOST_FILES } else { i64::MAX });
    }
}

/// The soft limit is at most the hard one; no limit is -1.
fn bounds(judge: &mut Judge<'_, '_>, limit: &Node, soft: Option<&Node>, hard: Option<&Node>, most: i64) {
    let number = |node: Option<&Node>| match node.map(|node| &node.value) {
        Some(Value::Int(number)) if *number >= -1 => Some(*number),
        _ => None,
    };
    let (Some(low), Some(high)) = (number(soft), number(hard)) else {
        return judge.wrong_kind("default-ulimits", limit, "whole numbers as `Hard` and `Soft`", EXAMPLE);
    };
    let least = |number: i64| if number == -1 { i64::MAX } else { number };
    if least(low) > least(high) {
        judge.findings.push(findings::soft_above_hard(
            judge.source,
            soft.unwrap_or(limit),
            hard.unwrap_or(limit),
        ));
    }
    if least(high) > most {
        judge.findings.push(findings::too_many_files(judge.source, hard.unwrap_or(limit), most));
    }
}
