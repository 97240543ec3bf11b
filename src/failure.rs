//! How a run can fail, by what the user has to do about it.

use std::io::ErrorKind;

use crate::document::{Finding, Findings};

/// What every fallible function of the crate returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Something that the host lacks, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPrerequisite {
    /// What is missing, and what for.
    pub what: String,
    /// The command that mends it, or advice where no command does.
    pub remedy: String,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The input is wrong (exit code 1).
    #[error("the input cannot be used")]
    Input(Findings),
    /// The host lacks something (exit code 3); nothing was started.
    #[error("this machine lacks what the command needs")]
    Host(Vec<MissingPrerequisite>),
    /// The work itself failed (exit code 4).
    #[error("{0:#}")]
    Work(#[from] anyhow::Error),
    /// The user or the system asked for the end (exit code 130, as a shell reports SIGINT).
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// Whether work failed by what it worked on, and not by a signal or a disk that is full.
    #[must_use]
    pub fn is_of_content(&self) -> bool {
        let is_full = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|it| it.kind() == ErrorKind::StorageFull)
        };
        match self {
            Self::Work(error) => !error.chain().any(is_full),
            Self::Input(_) | Self::Host(_) | Self::Interrupted => false,
        }
    }

    /// The exit code that tells scripts which kind it was.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 1,
            Self::Host(_) => 3,
            Self::Work(_) => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Work(error.into())
    }
}

impl From<Findings> for Failure {
    fn from(findings: Findings) -> Self {
        Self::Input(findings)
    }
}

impl From<Finding> for Failure {
    fn from(finding: Finding) -> Self {
        Self::Input(finding.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_full_disk_nor_a_signal_says_anything_of_what_was_worked_on() {
        let of = |kind: ErrorKind| {
            Failure::Work(anyhow::Error::new(std::io::Error::from(kind)).context("unpacking"))
        };
        assert!(of(ErrorKind::InvalidData).is_of_content());
        assert!(!of(ErrorKind::StorageFull).is_of_content());
        assert!(!Failure::Interrupted.is_of_content());
    }
}
