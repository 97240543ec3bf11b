//! The machine's clock, and what follows from a wrong one: archives and certificates that are not valid.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

use crate::failure::{Failure, MissingPrerequisite, Result};

/// Debian 13 was released on 2025-08-09; a clock that says an earlier time is wrong. In seconds since 1970.
const EARLIEST: u64 = 1_754_697_600;
/// How apt and gpgv say that something is not valid at this time.
const NOT_NOW: [&str; 4] = ["is not valid yet", "is expired", "EXPKEYSIG", "EXPSIG"];

/// Now, in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    seconds(SystemTime::now())
}

/// Today, in UTC.
#[must_use]
pub fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

/// A time in seconds since 1970; one before that is as old as can be.
#[must_use]
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What a clock that is far behind makes impossible.
pub(super) fn missing() -> Option<MissingPrerequisite> {
    (now() < EARLIEST).then(|| MissingPrerequisite {
        what: format!("{}, which is before Debian 13 was released", says()),
        remedy: "sudo timedatectl set-ntp true".to_owned(),
    })
}

/// Files that are made now get times of now; what is to have only times up to `epoch`, in seconds since 1970, cannot
/// be made on a machine whose clock is before that: later times are put back, and earlier ones are not put forward.
pub fn ensure_after(epoch: u64) -> Result<()> {
    if now() >= epoch {
        return Ok(());
    }
    let epoch = text(OffsetDateTime::from_unix_timestamp(epoch.try_into().unwrap_or(i64::MAX)));
    Err(anyhow!("{}, but the packages have times up to {epoch}: set the clock and build again", says())
        .into())
}

/// Says of a failure what the clock may have to do with it.
#[must_use]
pub fn doubted(failure: Failure) -> Failure {
    match failure {
        Failure::Work(error) if NOT_NOW.iter().any(|words| error.to_string().contains(words)) => {
            let doubt = format!("{}; if that is wrong, set the clock and build again", says());
            Failure::Work(error.context(doubt))
        }
        other => other,
    }
}

fn says() -> String {
    let now = OffsetDateTime::now_utc();
    format!("the clock of this machine says {}", text(now.replace_nanosecond(0)))
}

/// A time for a person.
fn text(time: std::result::Result<OffsetDateTime, time::error::ComponentRange>) -> String {
    let far = "an impossible time";
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| far.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_from_another_time_raises_doubts() {
        let expired =
            anyhow!("E: Release file for x is expired (invalid since 100d). Updates will not be applied.");
        assert!(format!("{}", doubted(expired.into())).starts_with("the clock of this machine says 20"));
        assert_eq!(doubted(anyhow!("disk full").into()).to_string(), "disk full");
        assert!(missing().is_none());
    }

    #[test]
    fn nothing_is_made_before_the_time_that_it_is_to_have() {
        assert!(ensure_after(now()).is_ok());
        let said = ensure_after(4_102_444_800).unwrap_err().to_string();
        assert!(said.contains("times up to 2100-01-01T00:00:00Z: set the clock"), "{said}");
        assert!(ensure_after(u64::MAX).is_err());
    }
}
