//! A child process while it runs, and what ends it.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::files::remove_if_there;
use super::signals;
use super::tool_failure::ToolFailure;
use crate::failure::{Failure, Result};

/// How much of a failed command's error output is quoted, in bytes.
const ERROR_TAIL: u64 = 4096;

/// How much may wait in a pipe, in bytes: all that Linux grants to every user (`/proc/sys/fs/pipe-max-size`).
const PIPE: usize = 1 << 20;

/// What a child reads. Where it has ended too early, why it did matters, and not that it reads no more.
#[derive(Debug)]
pub struct StdinPipe(ChildStdin);

impl Write for StdinPipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A child process. Dropping it ends the child.
#[derive(Debug)]
pub struct ChildProcess {
    /// Its command line, for messages.
    line: String,
    /// What it says goes here too, where that was requested.
    log: Option<PathBuf>,
    child: Child,
    /// What it writes to its standard error.
    errors: File,
    reaped: bool,
}

impl ChildProcess {
    /// A child that has been started, of which signals have to know from now on.
    pub(super) fn adopted(line: String, log: Option<PathBuf>, child: Child, errors: File) -> Self {
        signals::track_group(child.id());
        Self { line, log, child, errors, reaped: false }
    }

    /// The number of the child.
    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the child is to read; it ends when this is dropped.
    pub(super) fn input(&mut self) -> Result<StdinPipe> {
        let input = self.child.stdin.take().context("an input to write to")?;
        widen(&input);
        Ok(StdinPipe(input))
    }

    /// What the child prints.
    pub(super) fn output(&mut self) -> Result<ChildStdout> {
        let output = self.child.stdout.take().context("an output to read")?;
        widen(&output);
        Ok(output)
    }

    /// Whether the child has ended; its status if so.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if !self.reaped && !signals::has_ended(self.child.id())? {
            return Ok(None);
        }
        self.reap().map(Some)
    }

    /// Waits for the end; what a signal ended does not count as its own failure.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        // It may be waiting for the end of what it reads.
        drop(self.child.stdin.take());
        if !self.reaped {
            signals::await_end(self.child.id())?;
        }
        let status = self.reap()?;
        if !status.success() {
            signals::check()?;
        }
        Ok(status)
    }

    /// Waits for the end and expects success, of which no log is needed.
    pub fn finish(mut self) -> Result<()> {
        let status = self.wait()?;
        if !status.success() {
            return Err(self.failed(status));
        }
        self.log.as_deref().map_or(Ok(()), remove_if_there)
    }

    /// Asks the child to end, and insists after `patience`.
    pub fn stop(&mut self, patience: Duration) {
        signals::terminate(self.child.id());
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if matches!(self.ended(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        signals::kill(self.child.id());
        let _ = self.reap();
    }

    /// Takes the status of a child that has ended. What it left running goes first, as long as nobody else can have its
    /// number.
    fn reap(&mut self) -> Result<ExitStatus> {
        if !self.reaped {
            signals::kill(self.child.id());
        }
        let status = self.child.wait();
        self.forget();
        Ok(status?)
    }

    /// The failure of a child that ended with `status`, with the end of its output.
    pub fn failed(&mut self, status: ExitStatus) -> Failure {
        if status.code() == Some(127) {
            return anyhow!("{} could not be started: the program was not found", self.line).into();
        }
        let what = format!("{} failed ({status})", self.line);
        anyhow::Error::new(ToolFailure::new(what, self.error_tail(), self.log.clone())).into()
    }

    /// The end of what the child wrote to its standard error.
    pub fn error_tail(&mut self) -> String {
        let length = self.errors.seek(SeekFrom::End(0)).unwrap_or(0);
        let mut tail = Vec::new();
        let start = self.errors.seek(SeekFrom::Start(length.saturating_sub(ERROR_TAIL)));
        if start.is_ok() && self.errors.read_to_end(&mut tail).is_err() {
            tail.clear();
        }
        String::from_utf8_lossy(&tail).trim().to_owned()
    }

    fn forget(&mut self) {
        if !self.reaped {
            signals::untrack_group(self.child.id());
            self.reaped = true;
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        if !self.reaped {
            // Time for mmdebstrap to end what it has begun.
            self.stop(Duration::from_secs(20));
        }
    }
}

/// Lets more wait in a pipe than the usual 64 KiB: with gigabytes to pass, both ends would wait for each other all the time.
/// Where the system grants no more, it works all the same.
fn widen(pipe: &impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE);
}
