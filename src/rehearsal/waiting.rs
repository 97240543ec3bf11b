//! Waiting for what a machine does by itself.

use std::time::Duration;

use super::polling::{Look, wait_for};
use super::vm::Vm;
use crate::failure::{Failure, Result};

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
