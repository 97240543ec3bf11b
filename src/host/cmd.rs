//! Every process that imagegen starts is started here.
//!
//! A child never outlives imagegen: it is listed while it lives so that a signal to imagegen reaches it, it is killed
//! when its guard is dropped, and where imagegen itself is killed, `setpriv --pdeathsig` and the reaper end it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;

use super::child::{ChildProcess, StdinPipe};
use super::shell::quote;
use super::{lock, signals};
use crate::failure::Result;

/// A command to run: a program of the host, its arguments and its surroundings.
#[derive(Clone)]
pub struct Cmd {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// The variables of imagegen's own environment that it gets; none names all.
    inherited: Option<&'static [&'static str]>,
    death_signal: &'static str,
    log: Option<PathBuf>,
}

impl Cmd {
    /// The program `program`, looked up in `PATH` unless it is a path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: vec![],
            environment: vec![],
            inherited: None,
            death_signal: "TERM",
            log: None,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// One more variable in the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Of imagegen's own environment it gets these variables alone: the result then depends on no other.
    #[must_use]
    pub fn inheriting(mut self, names: &'static [&'static str]) -> Self {
        self.inherited = Some(names);
        self
    }

    /// For programs that have nothing to clean up: the kernel kills them at once when imagegen dies.
    #[must_use]
    pub fn kill_on_parent_death(mut self) -> Self {
        self.death_signal = "KILL";
        self
    }

    /// Writes all that the program says to this file, which stays only if the program fails.
    #[must_use]
    pub fn logged(mut self, path: &Path) -> Self {
        self.log = Some(path.to_owned());
        self
    }

    /// Its words, quoted for a shell.
    #[must_use]
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments).map(|word| word.to_string_lossy());
        words.map(|word| quote(&word)).collect::<Vec<_>>().join(" ")
    }

    /// Runs to the end and expects success.
    pub fn run(self) -> Result<()> {
        self.spawn()?.finish()
    }

    /// Runs to the end, expects success, and gives what it printed.
    pub fn output(self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.output_bytes()?).into_owned())
    }

    /// Runs to the end, expects success, and gives what it printed, byte by byte.
    pub fn output_bytes(self) -> Result<Vec<u8>> {
        self.run_reading_stdout(|printed| {
            let mut bytes = Vec::new();
            printed.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// Runs to the end, expects success, and has `take` read what it prints meanwhile.
    pub fn run_reading_stdout<T>(self, take: impl FnOnce(&mut ChildStdout) -> Result<T>) -> Result<T> {
        let mut running = self.start(Stdio::null(), Some(Stdio::piped()))?;
        let taken = take(&mut running.output()?)?;
        running.finish()?;
        Ok(taken)
    }

    /// Runs to the end, expects success, and has `feed` write what it reads.
    pub fn run_with_stdin(self, feed: impl FnOnce(&mut StdinPipe) -> Result<()>) -> Result<()> {
        let mut running = self.start(Stdio::piped(), None)?;
        feed(&mut running.input()?)?;
        running.finish()
    }

    /// Runs to the end, expects success, has `feed` write what it reads, and then `take` read what it prints: a tool that
    /// prints before it has read all would be stuck.
    pub fn run_stdin_then_stdout<T>(
        self,
        feed: impl FnOnce(&mut StdinPipe) -> Result<()>,
        take: impl FnOnce(&mut ChildStdout) -> Result<T>,
    ) -> Result<T> {
        let mut running = self.start(Stdio::piped(), Some(Stdio::piped()))?;
        feed(&mut running.input()?)?;
        let taken = take(&mut running.output()?)?;
        running.finish()?;
        Ok(taken)
    }

    /// Runs to the end whatever signal has come, and nobody asks what became of it: for what cleans up.
    pub fn clean_up(self) {
        let _ = self.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Starts it in the background.
    pub fn spawn(self) -> Result<ChildProcess> {
        self.start(Stdio::null(), None)
    }

    /// What it prints goes to the log, if there is one, where nobody reads it.
    fn start(self, stdin: Stdio, stdout: Option<Stdio>) -> Result<ChildProcess> {
        signals::check()?;
        let errors = self.errors()?;
        let unread = if self.log.is_some() { errors.try_clone()?.into() } else { Stdio::null() };
        let child = self
            .command()
            .stdin(stdin)
            .stdout(stdout.unwrap_or(unread))
            .stderr(errors.try_clone()?)
            .spawn()
            .with_context(|| format!("starting {self}"))?;
        Ok(ChildProcess::adopted(self.to_string(), self.log, child, errors))
    }

    /// Where its standard error goes.
    fn errors(&self) -> Result<std::fs::File> {
        let Some(log) = &self.log else { return Ok(tempfile::tempfile()?) };
        let opened =
            fs_err::OpenOptions::new().create(true).truncate(true).read(true).write(true).open(log)?;
        let log = opened.into_parts().0;
        // Pruning the cache then sees that it is in use.
        lock::share(&log)?;
        Ok(log)
    }

    fn command(&self) -> Command {
        let mut command = process("setpriv".as_ref());
        command.args(["--pdeathsig", self.death_signal, "--"]).arg(&self.program).args(&self.arguments);
        if let Some(names) = self.inherited {
            let values = names.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
            command.env_clear().envs(values);
        }
        command.process_group(0).env("LC_ALL", "C.UTF-8").envs(self.environment.iter().cloned());
        command
    }
}

/// The one place that may: everything else goes through `Cmd`.
#[expect(clippy::disallowed_methods)]
fn process(program: &OsStr) -> Command {
    Command::new(program)
}

/// Starts this program once more as its own reaper, and gives the pipe that the reaper reads.
pub(super) fn start_reaper() -> Result<ChildStdin> {
    let mut command = process("/proc/self/exe".as_ref());
    // Out of the way of Ctrl-C, and of whoever wants to unmount a folder.
    command.arg("__reaper").process_group(0).current_dir("/");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the reaper")?;
    Ok(child.stdin.take().context("a reaper without a pipe to it")?)
}

/// The line as one could paste it into a shell. The environment is left out: it may hold more than is wanted.
impl fmt::Display for Cmd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.line())
    }
}

impl fmt::Debug for Cmd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tool({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_failure_begins_with_the_error_and_names_the_command() {
        let failure = Cmd::new("sh").args(["-c", "echo 'no such thing' >&2; exit 3"]).run().unwrap_err();
        let text = failure.to_string();
        let command = "`sh -c \"echo 'no such thing' >&2; exit 3\"` failed (exit status: 3)";
        assert_eq!(text, format!("no such thing\n{command}"));
    }

    #[test]
    fn output_is_what_was_printed() {
        assert_eq!(Cmd::new("printf").arg("a b").output().unwrap(), "a b");
    }

    #[test]
    fn a_child_reads_what_it_is_fed_and_its_own_failure_counts_where_it_reads_too_little() {
        let feed = |stdin: &mut StdinPipe| Ok(stdin.write_all(&vec![b'a'; 1 << 20])?);
        let counts = |number: u32| format!("test $(wc -c) = {number}");
        Cmd::new("sh").args(["-c", &counts(1 << 20)]).run_with_stdin(feed).unwrap();
        let failure =
            Cmd::new("sh").args(["-c", "echo 'not hungry' >&2; exit 1"]).run_with_stdin(feed).unwrap_err();
        assert!(failure.to_string().contains("not hungry"), "{failure}");
    }

    #[test]
    fn a_child_gets_no_more_of_the_environment_than_it_is_to() {
        let printed = Cmd::new("env").inheriting(&["PATH"]).env("A", "b").output().unwrap();
        let mut names: Vec<&str> = printed.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        names.sort_unstable();
        assert_eq!(names, ["A", "LC_ALL", "PATH"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_said_so() {
        let failure = Cmd::new("imagegen-no-such-program").run().unwrap_err();
        assert!(failure.to_string().contains("was not found"), "{failure}");
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let begun = Instant::now();
        let running = Cmd::new("sleep").arg("60").spawn().unwrap();
        let child = running.id();
        assert!(signals::is_alive(child));
        drop(running);
        assert!(!signals::is_alive(child));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_a_child_leaves_running_is_gone_when_the_child_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let leaves = "sleep 60 >/dev/null 2>&1 & echo $! >\"$1\"";
        Cmd::new("sh").args(["-c", leaves, "sh"]).arg(&file).run().unwrap();
        let pid = fs_err::read_to_string(&file).unwrap();
        // Whoever adopted it may not have taken note of its end.
        let is_running = || {
            let state = fs_err::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        let begun = Instant::now();
        while is_running() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it runs on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn quoting_survives_a_shell() {
        proptest::proptest!(|(word in "[^\0]{0,20}")| {
            let echoed = Cmd::new("sh").args(["-c", &format!("printf %s {}", quote(&word))]).output().unwrap();
            proptest::prop_assert_eq!(echoed, word);
        });
    }
}
