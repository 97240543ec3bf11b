//! A process that outlives imagegen by moments, to end what was started even if imagegen was killed by SIGKILL.
//!
//! It reads from imagegen which process groups run, and which work folders there are. When imagegen ends, however it
//! ends, the kernel closes the pipe; the groups that are still there are then asked to end, and after a while made to,
//! and the folders that are still there are taken away.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::cmd;
use super::signals::{self, ChildObserver};
use super::workdir;
use crate::failure::Result;

/// Time for mmdebstrap to end what it has begun.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// The pipe to the reaper.
struct Reaper(Box<dyn Write + Send>);

impl Reaper {
    /// Starts it.
    fn start() -> Result<Self> {
        Ok(Self(Box::new(cmd::start_reaper()?)))
    }

    fn tell(&mut self, sign: char, what: impl Display) {
        // Without its reaper a build goes on: a signal still reaches what it started.
        let _ = self.0.write_all(format!("{sign}{what}\n").as_bytes());
    }
}

impl ChildObserver for Reaper {
    fn begun(&mut self, group: u32) {
        self.tell('+', group);
    }

    fn ended(&mut self, group: u32) {
        self.tell('-', group);
    }

    /// It is told of no folder that goes: one that is not there does no harm.
    fn work_dir(&mut self, folder: &Path) {
        // It stands elsewhere, and reads lines.
        if let Ok(folder) = std::path::absolute(folder)
            && let Some(path) = folder.to_str().filter(|path| !path.contains('\n'))
        {
            self.tell('/', path);
        }
    }
}

/// Starts the reaper and listens for signals; called by the commands that start processes.
pub fn listen() -> Result<()> {
    signals::listen(Box::new(Reaper::start()?))
}

/// What the reaper does, from the beginning to the end of the imagegen that reports on `reports`.
pub fn keep(reports: impl BufRead) {
    let Left { groups, folders } = read(reports);
    for group in &groups {
        signals::terminate(*group);
    }
    let deadline = Instant::now() + KILL_TIMEOUT;
    while groups.iter().any(|group| signals::is_alive(*group)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    for group in groups {
        signals::kill(group);
    }
    for folder in folders {
        // The next run sweeps what is in the way of this.
        let _ = workdir::remove_abandoned(&folder);
    }
}

/// What was there when the reports ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    groups: BTreeSet<u32>,
    folders: Vec<PathBuf>,
}

fn read(reports: impl BufRead) -> Left {
    let mut left = Left::default();
    for line in reports.lines().map_while(std::result::Result::ok) {
        let Some((sign, what)) = line.split_at_checked(1) else { continue };
        match (sign, what.parse()) {
            ("+", Ok(group)) => drop(left.groups.insert(group)),
            ("-", Ok(group)) => drop(left.groups.remove(&group)),
            ("/", _) => left.folders.push(what.into()),
            _ => {}
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_ended_is_left() {
        let left = read("+10\n+11\n-10\n//tmp/work 1\n+12\n+1".as_bytes());
        assert_eq!(left.groups, BTreeSet::from([1, 11, 12]));
        assert_eq!(left.folders, [Path::new("/tmp/work 1")]);
    }
}
