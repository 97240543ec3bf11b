//! A text that findings point into, and places in it.

use std::ops::Range;
use std::sync::Arc;

use super::Node;

/// Some text that findings can point into: a file, or the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the user calls it: a file's path, or `command line`.
    pub name: String,
    /// The whole text; spans are byte offsets into it.
    pub text: String,
}

impl Source {
    /// A source that findings can share.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// A stretch of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The text that it is in.
    pub source: Arc<Source>,
    /// Which bytes.
    pub span: Range<usize>,
}

impl Location {
    /// Where `node` stands in `source`.
    #[must_use]
    pub fn of(source: &Arc<Source>, node: &Node) -> Self {
        Self { source: Arc::clone(source), span: node.span.clone() }
    }

    /// The file and the line, as compilers write them: `recipes/node.yaml:12`.
    #[must_use]
    pub fn file_and_line(&self) -> String {
        let before = self.source.text.bytes().take(self.span.start);
        format!("{}:{}", self.source.name, before.filter(|byte| *byte == b'\n').count() + 1)
    }
}
