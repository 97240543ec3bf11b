//! What is wrong with the user's input, and what to do about it.

use std::ops::Range;
use std::sync::Arc;

use super::{Location, Source};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used; the user would want to know.
    Warning,
}

/// A stretch of text that a finding underlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The text that it points into.
    pub source: Arc<Source>,
    /// Which bytes.
    pub span: Range<usize>,
    /// What to say beside them.
    pub text: String,
}

/// One finding. The wording of each is made by a named function in a `findings` module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The places; the first is where the error is, the others are what it clashes with.
    pub labels: Vec<Label>,
    /// What to do, in one sentence without a full stop.
    pub remedy: String,
}

impl Finding {
    /// An error with no place yet.
    #[must_use]
    pub fn error(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), labels: vec![], remedy: remedy.into() }
    }

    /// A warning with no place yet.
    #[must_use]
    pub fn warning(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, remedy) }
    }

    /// The finding with one more place underlined.
    #[must_use]
    pub fn at_place(self, location: &Location, text: impl Into<String>) -> Self {
        self.at(&location.source, location.span.clone(), text)
    }

    /// The finding with one more stretch of `source` underlined.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { source: Arc::clone(source), span, text: text.into() });
        self
    }
}

/// All that was found, in the order of finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Notes one more.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Whether the input cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each finding.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// Puts them in the order of the text that they point into, file by file; those that point nowhere stay first.
    pub fn sort_by_place(&mut self) {
        self.0.sort_by_key(|finding| {
            finding.labels.first().map(|label| (label.source.name.clone(), label.span.start))
        });
    }

    /// Takes over what another check found.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// `value` with the warnings where nothing forbids it.
    ///
    /// # Errors
    /// All findings where at least one is an error.
    pub fn or_value<T>(self, value: T) -> Result<(T, Self), Self> {
        if self.has_errors() { Err(self) } else { Ok((value, self)) }
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        Self(vec![finding])
    }
}
