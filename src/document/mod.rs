//! YAML text as a tree that remembers where every piece stands, so that a finding can underline it.
//!
//! Serde's derived types stop at the first error. An organiser wants to hear of every error at once, hence the
//! two steps: [`Document::parse`] reads any well-formed YAML, and the callers walk the tree through [`Fields`],
//! noting what is wrong and going on.

mod fields;
mod finding;
pub mod findings;
mod json;
mod node;
mod source;

use std::sync::Arc;

pub use fields::Fields;
pub use finding::{Finding, Findings, Label, Severity};
pub use node::{MapKey, Node, Value};
pub use source::{Location, Source};

/// A parsed YAML document and the text that it came from.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where the text came from.
    pub source: Arc<Source>,
    /// The top node; an empty file is an empty mapping.
    pub root: Node,
}

impl Document {
    /// Reads one YAML document.
    ///
    /// # Errors
    /// The one finding that makes the text no YAML at all.
    pub fn parse(source: Arc<Source>) -> Result<Self, Finding> {
        match node::parse(&source.text) {
            Ok(root) => Ok(Self { source, root }),
            Err((message, span)) => Err(findings::not_yaml(&source, &message, span)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Document {
        Document::parse(Source::new("test.yaml", text)).expect("the text is YAML")
    }

    #[test]
    fn every_node_knows_its_bytes() {
        let document = parse("name: galaxy\nusers:\n  - {name: ada, uid: 1815}\n");
        let Value::Map(top) = &document.root.value else { panic!("not a mapping") };
        let text = &document.source.text;
        assert_eq!(&text[top[0].0.span.clone()], "name");
        assert_eq!(&text[top[0].1.span.clone()], "galaxy");
        let Value::List(users) = &top[1].1.value else { panic!("not a list") };
        let Value::Map(ada) = &users[0].value else { panic!("not a mapping") };
        assert_eq!(&text[ada[1].1.span.clone()], "1815");
        assert_eq!(ada[1].1.value, Value::Int(1815));
    }

    #[test]
    fn a_location_is_named_by_file_and_line() {
        let source = Source::new("node.yaml", "a: é\nb: c\n");
        let at = |start| Location { source: Arc::clone(&source), span: start..start }.file_and_line();
        assert_eq!([at(0), at(6), at(99)], ["node.yaml:1", "node.yaml:2", "node.yaml:3"]);
    }

    #[test]
    fn spans_count_bytes_not_characters() {
        let document = parse("title: \"Zürich\" # für alle\nname: b\n");
        let Value::Map(top) = &document.root.value else { panic!("not a mapping") };
        assert_eq!(&document.source.text[top[1].1.span.clone()], "b");
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        assert_eq!(parse("").root.value, Value::Map(vec![]));
        assert_eq!(parse("# only a comment\n").root.value, Value::Map(vec![]));
    }

    #[test]
    fn broken_yaml_is_one_finding_with_its_place() {
        let finding = Document::parse(Source::new("test.yaml", "users: [1, 2\nname: x\n")).unwrap_err();
        assert!(finding.labels[0].span.start > 0, "{finding:?}");
    }

    #[test]
    fn a_key_given_twice_is_a_finding() {
        assert!(Document::parse(Source::new("test.yaml", "name: a\nname: b\n")).is_err());
    }
}
