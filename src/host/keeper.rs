//! A process that outlives imagegen by moments, to end what was started even if imagegen was killed by SIGKILL.
//!
//! It reads from imagegen which process groups run. When imagegen ends, however it ends, the kernel closes the pipe;
//! the groups that are still there are then asked to end, and after a while made to.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use super::command;
use super::signals;
use crate::failure::Result;

/// Time for mmdebstrap to take its own work folder away.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pipe to the keeper.
pub(super) struct Keeper(Box<dyn Write + Send>);

impl Keeper {
    /// Starts it.
    pub(super) fn start() -> Result<Self> {
        Ok(Self(Box::new(command::start_keeper()?)))
    }

    /// Tells it of a process group that begins.
    pub(super) fn adopt(&mut self, group: u32) {
        self.tell('+', group);
    }

    /// Tells it of one that has ended.
    pub(super) fn release(&mut self, group: u32) {
        self.tell('-', group);
    }

    fn tell(&mut self, sign: char, group: u32) {
        // Without its keeper a build goes on: a signal still reaches what it started.
        let _ = self.0.write_all(format!("{sign}{group}\n").as_bytes());
    }
}

/// What the keeper does, from the beginning to the end of the imagegen that reports on `reports`.
pub fn keep(reports: impl BufRead) {
    let left = read(reports);
    for group in &left {
        signals::terminate(*group);
    }
    let deadline = Instant::now() + PATIENCE;
    while left.iter().any(|group| signals::is_alive(*group)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    for group in left {
        signals::kill(group);
    }
}

/// The groups that were running when the reports ended.
fn read(reports: impl BufRead) -> BTreeSet<u32> {
    let mut groups = BTreeSet::new();
    for line in reports.lines().map_while(std::result::Result::ok) {
        if let Some(group) = line.strip_prefix('+').and_then(|number| number.parse().ok()) {
            groups.insert(group);
        } else if let Some(group) = line.strip_prefix('-').and_then(|number| number.parse().ok()) {
            groups.remove(&group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_ended_is_left() {
        assert_eq!(read("+10\n+11\n-10\n+12\n+1".as_bytes()), BTreeSet::from([1, 11, 12]));
    }
}
