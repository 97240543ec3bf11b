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

/// The cause of an error in the system's words, without the number of the error.
#[must_use]
pub fn cause(error: &std::io::Error) -> String {
    let words = match error.kind() {
        ErrorKind::NotFound => "No such file or directory",
        ErrorKind::PermissionDenied => "Permission denied",
        ErrorKind::IsADirectory => "Is a directory",
        ErrorKind::NotADirectory => "Not a directory",
        ErrorKind::StorageFull => "No space left on device",
        ErrorKind::ReadOnlyFilesystem => "Read-only file system",
        _ => return without_number(&error.to_string()),
    };
    words.to_owned()
}

/// The text without the numbers of errors that Rust adds: ` (os error 2)`.
#[must_use]
pub fn without_number(text: &str) -> String {
    const BEGINNING: &str = " (os error ";
    let mut parts = text.split(BEGINNING);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(')') {
        Some((number, rest)) if number.parse::<u32>().is_ok() => text + rest,
        _ => text + BEGINNING + part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_in_the_systems_words() {
        let errors = [ErrorKind::NotFound.into(), std::io::Error::from_raw_os_error(2)];
        assert_eq!(errors.map(|error| cause(&error)), ["No such file or directory"; 2]);
        assert_eq!(cause(&std::io::Error::from_raw_os_error(40)), "Too many levels of symbolic links");
        assert_eq!(without_number("a: No (os error 2): b (os error x)"), "a: No: b (os error x)");
    }

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
