//! Where what is wrong with several options at once was written.

use std::sync::Arc;

use crate::document::{Location, Node, Source, Value};

/// The section `docker` as it was written.
pub(super) struct OptionLocations<'a> {
    source: &'a Arc<Source>,
    section: &'a Node,
}

impl<'a> OptionLocations<'a> {
    pub(super) fn new(source: &'a Arc<Source>, section: &'a Node) -> Self {
        Self { source, section }
    }

    /// Where the value of an option of dockerd stands, or of the key of ours that stands for it; the whole section where
    /// neither is written.
    pub(super) fn of(&self, path: &[&str]) -> Location {
        let own = match path {
            ["log-opts", "max-size"] => "log_max_size",
            ["log-opts", "max-file"] => "log_max_files",
            _ => "",
        };
        let inner = at(self.section, "options")
            .and_then(|options| path.iter().try_fold(options, |node, key| at(node, key)));
        Location::of(self.source, inner.or_else(|| at(self.section, own)).unwrap_or(self.section))
    }
}

/// The value under a key.
pub(in crate::workshop) fn at<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(name, _)| name.name == key).map(|(_, node)| node)
}
