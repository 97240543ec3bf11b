//! Rules for single values: of the right type, and in their range.

use super::values::ValueKind;
use super::{Judge, findings};
use crate::document::{Node, Value};

pub(super) fn flag(judge: &mut Judge<'_, '_>, name: &str, node: &Node) {
    if !matches!(node.value, Value::Bool(_)) {
        judge.wrong_kind(name, node, "true or false", &format!("{name}: true"));
    }
}

pub(super) fn count(judge: &mut Judge<'_, '_>, name: &str, node: &Node, least: i64, most: i64) {
    match node.value {
        Value::Int(number) if (least..=most).contains(&number) => {}
        Value::Int(_) => {
            let finding =
                crate::document::findings::out_of_range(judge.source, name, node, &(least..most + 1));
            judge.findings.push(finding);
        }
        _ => judge.wrong_kind(name, node, "a whole number", &format!("{name}: {}", least.max(6))),
    }
}

pub(super) fn text(judge: &mut Judge<'_, '_>, name: &str, node: &Node, kind: &ValueKind) {
    match &node.value {
        Value::Text(text) if (kind.is)(text) => {}
        Value::Text(text) => judge.findings.push(findings::wrong_text(judge.source, name, text, node, kind)),
        _ => judge.wrong_kind(name, node, "text", &format!("{name}: \"{}\"", kind.example)),
    }
}

pub(super) fn texts(judge: &mut Judge<'_, '_>, name: &str, node: &Node, kind: &ValueKind) {
    let Value::List(items) = &node.value else {
        return judge.wrong_kind(name, node, "a list of texts", &format!("{name}: [\"{}\"]", kind.example));
    };
    for item in items {
        text(judge, name, item, kind);
    }
}

/// A mapping with values of one kind under known keys.
pub(super) fn mapping(
    judge: &mut Judge<'_, '_>,
    name: &str,
    node: &Node,
    keys: &[&str],
    each: impl Fn(&mut Judge<'_, '_>, &str, &Node),
) {
    for (key, value) in judge.entries(name, node, &format!("{name}: {{{}: …}}", keys[0])) {
        if keys.contains(&key.name.as_str()) {
            each(judge, &key.name, value);
        } else {
            judge.findings.push(crate::document::findings::unknown_key(judge.source, key, keys));
        }
    }
}
