//! Waiting for what comes by itself, in one place: with a bound, and a failure that says what was waited for, for how
//! long, and what was there in the end.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::vm::Vm;
use crate::failure::{Failure, Result};
use crate::host::signals;

/// The shortest pause between two looks.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// A look inside takes the machine as much time as the work it interrupts: so many times as long, it is left alone.
const REST: u32 = 3;
/// And no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(15);

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
            return Err(anyhow!("waited {seconds} s in vain for {what}; what was there last: {seen}").into());
        }
        signals::sleep((asked.elapsed() * REST).clamp(POLL_INTERVAL.min(bound), LONGEST_REST))?;
    }
}

impl Vm {
    /// Runs a command again and again until what it printed is what `wanted` is after. A command that fails, or an agent
    /// that is not there yet, counts as not yet.
    pub(super) fn wait_for_output<T>(
        &mut self,
        what: &str,
        bound: Duration,
        command: &[&str],
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let judge = |printed: &str| match wanted(printed) {
            Some(found) => Look::Found(found),
            None => Look::NotYet(format!("`{}`: {printed}", command.join(" "))),
        };
        let what = format!("{what}, on {}", self.spec.name);
        wait_for(&what, bound, || self.look(command, judge))
    }

    /// Runs a command, and judges what it printed.
    pub(super) fn look<T>(&mut self, command: &[&str], judge: impl Fn(&str) -> Look<T>) -> Result<Look<T>> {
        self.expect_alive()?;
        match self.stdout_of(command) {
            Err(Failure::Interrupted) => Err(Failure::Interrupted),
            Err(failure) => Ok(Look::NotYet(failure.to_string())),
            Ok(printed) => Ok(judge(&printed)),
        }
    }

    /// Runs a command again and again until it succeeds; gives what it printed.
    pub(super) fn wait_for_success(
        &mut self,
        what: &str,
        bound: Duration,
        command: &[&str],
    ) -> Result<String> {
        self.wait_for_output(what, bound, command, |printed| Some(printed.to_owned()))
    }

    /// Waits until the console, which costs the machine nothing to read, has `words`.
    pub(super) fn wait_for_console(&mut self, words: &str, bound: Duration) -> Result<()> {
        let what = format!("`{words}` on the console of {}", self.spec.name);
        wait_for(&what, bound, || {
            self.expect_alive()?;
            let console = self.console()?;
            if console.contains(words) {
                return Ok(Look::Found(()));
            }
            let last = console.lines().rev().find(|line| !line.trim().is_empty());
            Ok(Look::NotYet(last.unwrap_or("nothing at all").to_owned()))
        })
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
            "waited 0 s in vain for the copy of the course; what was there last: look 2: an empty home"
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
