//! What is wrong with an image, where, and what to do about it.

use serde::Serialize;

use super::name;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The image must not be used.
    Error,
    /// The image can be used; somebody would want to know.
    Warning,
    /// It is as it is, and nothing is wrong with it.
    Note,
}

impl Level {
    /// As it is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFinding {
    /// The name of the check.
    #[serde(rename = "rule")]
    pub check: &'static str,
    /// How bad it is.
    pub severity: Level,
    /// A path in the image with a leading slash, or a part of the image.
    #[serde(rename = "location")]
    pub place: String,
    /// What is wrong there, in one sentence without a full stop.
    pub message: String,
    /// What to do, in one sentence without a full stop.
    #[serde(rename = "help")]
    pub remedy: &'static str,
}

/// What a check looks for. Its wording is part of it, so that all of it can be read in one place.
pub(super) struct Rule<E> {
    pub(super) name: &'static str,
    pub(super) severity: Level,
    /// `{}` stands for what is particular to a fault.
    pub(super) message: &'static str,
    pub(super) remedy: &'static str,
    pub(super) look: fn(&E) -> Vec<Violation>,
}

/// One place where a check has found what it looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) place: String,
    pub(super) detail: String,
}

impl Violation {
    /// In a part of the image that is no file.
    pub(super) fn at(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { place: place.into(), detail: detail.into() }
    }

    /// At a path without a leading slash.
    pub(super) fn file(path: &str, detail: impl Into<String>) -> Self {
        Self::at(format!("/{path}"), detail)
    }
}

impl<E> Rule<E> {
    pub(super) fn findings(&self, evidence: &E) -> Vec<ImageFinding> {
        let faults = (self.look)(evidence).into_iter();
        faults
            .map(|fault| ImageFinding {
                check: self.name,
                severity: self.severity,
                message: self.message.replace("{}", &name::shown(&fault.detail)),
                place: name::shown(&fault.place),
                remedy: self.remedy,
            })
            .collect()
    }
}
