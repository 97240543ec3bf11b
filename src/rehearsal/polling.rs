//! Looking again and again for what comes by itself: with a bound, and a failure that says what was waited for, for how
//! long, and what was there in the end.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::failure::Result;
use crate::host::signals;

/// The shortest pause between two looks.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A look inside takes the machine as much time as the work it interrupts: so many times as long, it is left alone.
pub(super) const REST: u32 = 3;

/// And no longer than this.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(15);

/// What a look has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look<T> {
    /// What was waited for.
    Found(T),
    /// What is there instead, as a failure quotes it.
    NotYet(String),
}

/// Looks again and again until what is waited for is there, and for no longer than `bound`. A look that fails ends it.
pub(super) fn wait_for<T>(
    what: &str,
    bound: Duration,
    mut look: impl FnMut() -> Result<Look<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        let seen = match look()? {
            Look::Found(found) => return Ok(found),
            Look::NotYet(seen) => seen,
        };
        if begun.elapsed() >= bound {
            let seconds = bound.as_secs();
            return Err(anyhow!("timed out after {seconds} s waiting for {what}; last seen: {seen}").into());
        }
        signals::sleep((asked.elapsed() * REST).clamp(POLL_INTERVAL.min(bound), LONGEST_REST))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_given() {
        let mut looks = vec![Look::Found("the page"), Look::NotYet("nothing".into())];
        let found = wait_for("a page", Duration::from_millis(20), || Ok(looks.remove(looks.len() - 1)));
        assert_eq!((found.unwrap(), looks), ("the page", vec![]));
    }

    #[test]
    fn what_does_not_come_is_told_with_the_time_and_what_was_there() {
        let mut looks = 0;
        let failure = wait_for("the copy of the course", Duration::from_millis(20), || {
            looks += 1;
            Ok(Look::<()>::NotYet(format!("look {looks}: an empty home")))
        });
        assert_eq!(
            failure.unwrap_err().to_string(),
            "timed out after 0 s waiting for the copy of the course; last seen: look 2: an empty home"
        );
    }

    #[test]
    fn a_look_that_fails_is_not_repeated() {
        let mut looks = 0;
        let failure = wait_for("anything", Duration::from_secs(9), || {
            looks += 1;
            Err::<Look<()>, _>(anyhow!("the machine has ended").into())
        });
        assert_eq!((failure.unwrap_err().to_string(), looks), ("the machine has ended".into(), 1));
    }
}
