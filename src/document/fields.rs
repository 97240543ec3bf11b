//! Walking a mapping: each known key is taken once, and what is left over is unknown.

use std::ops::Range;
use std::sync::Arc;

use super::{Findings, Node, Source, Value, findings};

/// The entries of one mapping, being read. Every problem goes to the findings, and reading goes on.
#[derive(Debug)]
pub struct Fields<'a, 'f> {
    source: &'a Arc<Source>,
    node: &'a Node,
    known: &'a [&'a str],
    findings: &'f mut Findings,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// Starts reading `node`, which stands under `key`, as a mapping with the `known` keys; notes unknown ones.
    pub fn of(
        source: &'a Arc<Source>,
        key: &str,
        node: &'a Node,
        known: &'a [&'a str],
        findings: &'f mut Findings,
    ) -> Self {
        match &node.value {
            Value::Map(entries) => {
                for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
                    findings.push(findings::unknown_key(source, key, known));
                }
            }
            _ => findings.push(findings::wrong_kind(source, key, node, "a mapping", "key: value")),
        }
        Self { source, node, known, findings }
    }

    /// The node under `key`; an explicit null counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(self.known.contains(&key), "`{key}` is read but not declared as known");
        let Value::Map(entries) = &self.node.value else { return None };
        let (_, node) = entries.iter().find(|(name, _)| name.name == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// The text under `key`. A number or a truth value is not taken for text: YAML has changed it already
    /// (`0123` and `1e3` are numbers).
    pub fn text(&mut self, key: &str, example: &str) -> Option<(&'a str, &'a Node)> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) => Some((text, node)),
            _ => self.wrong_kind(key, node, "text", example),
        }
    }

    /// The whole number under `key`, within `range`.
    pub fn int(&mut self, key: &str, range: Range<i64>, example: &str) -> Option<(i64, &'a Node)> {
        let node = self.get(key)?;
        match node.value {
            Value::Int(number) if range.contains(&number) => Some((number, node)),
            Value::Int(_) => {
                self.findings.push(findings::out_of_range(self.source, key, node, &range));
                None
            }
            _ => self.wrong_kind(key, node, "a whole number", example),
        }
    }

    /// The truth value under `key`.
    pub fn flag(&mut self, key: &str, example: &str) -> Option<bool> {
        let node = self.get(key)?;
        match node.value {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong_kind(key, node, "true or false", example),
        }
    }

    /// The items of the list under `key`.
    pub fn list(&mut self, key: &str, example: &str) -> Option<&'a [Node]> {
        let node = self.get(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => self.wrong_kind(key, node, "a list", example),
        }
    }

    /// The texts of the list under `key`; none where the key is absent.
    pub fn texts(&mut self, key: &str, example: &str) -> Vec<(&'a str, &'a Node)> {
        let items = self.list(key, example).unwrap_or_default();
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push((text.as_str(), item)),
                _ => self.findings.push(findings::wrong_kind(
                    self.source,
                    key,
                    item,
                    "text in its list",
                    example,
                )),
            }
        }
        texts
    }

    /// Notes that `key` is absent, with an example of how to write it.
    pub fn missing(&mut self, key: &str, example: &str) {
        self.findings.push(findings::missing_key(self.source, self.node, key, example));
    }

    /// Expects `version: 1`, which every file of ours begins with.
    pub fn expect_version(&mut self) {
        match self.get("version") {
            None => self.missing("version", "version: 1"),
            Some(node) if node.value != Value::Int(1) => {
                self.findings.push(findings::unknown_version(self.source, node));
            }
            Some(_) => {}
        }
    }

    /// Notes each of `keys` that is absent.
    pub fn require(&mut self, keys: &[&str], example: &str) {
        for key in keys.iter().filter(|key| self.get(key).is_none()).collect::<Vec<_>>() {
            self.missing(key, example);
        }
    }

    /// Where a caller's own findings go.
    pub fn findings(&mut self) -> &mut Findings {
        self.findings
    }

    fn wrong_kind<T>(&mut self, key: &str, node: &Node, wanted: &str, example: &str) -> Option<T> {
        self.findings.push(findings::wrong_kind(self.source, key, node, wanted, example));
        None
    }
}
