//! The machine's clock, and what follows from a wrong one: archives and certificates that are not valid.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::{Failure, Shortage};

/// Debian 13 was released on 2025-08-09; a clock that says an earlier time is wrong. In seconds since 1970.
const EARLIEST: u64 = 1_754_697_600;
/// How apt and gpgv say that something is not valid at this time.
const NOT_NOW: [&str; 4] = ["is not valid yet", "is expired", "EXPKEYSIG", "EXPSIG"];

/// Now, in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    seconds(SystemTime::now())
}

/// A time in seconds since 1970; one before that is as old as can be.
#[must_use]
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What a clock that is far behind makes impossible.
pub(super) fn lacking() -> Option<Shortage> {
    (now() < EARLIEST).then(|| Shortage {
        what: format!("{}, which is before Debian 13 was released", says()),
        remedy: "sudo timedatectl set-ntp true".to_owned(),
    })
}

/// Says of a failure what the clock may have to do with it.
#[must_use]
pub fn doubted(failure: Failure) -> Failure {
    match failure {
        Failure::Work(error) if NOT_NOW.iter().any(|words| error.to_string().contains(words)) => {
            let doubt = format!("{}; if that is wrong, set it right and build again", says());
            Failure::Work(error.context(doubt))
        }
        other => other,
    }
}

fn says() -> String {
    let now = OffsetDateTime::now_utc();
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let text = now.format(&Rfc3339).unwrap_or_else(|_| now.unix_timestamp().to_string());
    format!("the clock of this machine says {text}")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_archive_from_another_time_raises_doubts() {
        let expired =
            anyhow!("E: Release file for x is expired (invalid since 100d). Updates will not be applied.");
        assert!(format!("{}", doubted(expired.into())).starts_with("the clock of this machine says 20"));
        assert_eq!(doubted(anyhow!("disk full").into()).to_string(), "disk full");
        assert!(lacking().is_none());
    }
}
