//! The client of the QEMU guest agent: how the rehearsal looks inside a machine that nobody can log in to.
//!
//! The protocol is one JSON object a line. Answers to a question that was given up on may come later, so every new
//! connection begins with a `guest-sync-delimited` whose answer carries a number of ours.

use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::host::signals;

/// How long the answer to a question may take. An emulated machine that is busy answers in seconds, and in more where
/// somebody else has the processors.
const ANSWER: Duration = Duration::from_secs(120);
/// How long an agent may take to answer its first question. One that is not there yet is asked again.
const GREETING: Duration = Duration::from_secs(30);

/// How often waiting for an answer looks for Ctrl-C.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The first and the longest pause between two questions whether a command has ended. Each question costs the machine a
/// line of its journal.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(4));

/// How often a question that harms nothing is asked before its silence counts.
const QUESTIONS: u32 = 4;

/// The byte that makes both sides forget a half-sent message; it cannot stand in UTF-8.
const SENTINEL: u8 = 0xff;

/// The exit code that a shell reports for a command ended by a signal, less the signal's number.
const SIGNALLED: i64 = 128;

/// The agent of one machine.
#[derive(Debug)]
pub struct Agent {
    socket: PathBuf,
    line: Option<BufReader<UnixStream>>,
    synced: u64,
}

/// How a command inside a machine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// The exit code; 128 and the signal's number for one that was killed.
    pub code: i64,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl CommandOutput {
    /// Whether the command succeeded.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == 0
    }
}

/// What was seen, as it is quoted beside a check that failed.
impl fmt::Display for CommandOutput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "exit code {}", self.code)?;
        for text in [&self.stdout, &self.stderr] {
            if !text.trim().is_empty() {
                write!(formatter, "\n{}", text.trim())?;
            }
        }
        Ok(())
    }
}

impl Agent {
    /// The agent behind the Unix socket `socket` of QEMU. Nothing is asked yet.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, line: None, synced: 0 }
    }

    /// Runs a command to its end, with `input` on its standard input, for at most `patience`.
    pub fn run(&mut self, command: &[&str], input: &str, patience: Duration) -> Result<CommandOutput> {
        let deadline = Instant::now() + patience;
        let process = self.start(command, input)?;
        let mut pause = PAUSES.0;
        loop {
            let status = self.status(process)?;
            if status["exited"] == true {
                return outcome(&status);
            }
            if Instant::now() > deadline {
                return Err(
                    anyhow!("`{}` did not end within {} s", command.join(" "), patience.as_secs()).into()
                );
            }
            signals::sleep(pause)?;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Whether a command has ended. To ask that again harms nothing, and a machine at its limit may not answer once.
    fn status(&mut self, process: i64) -> Result<Value> {
        for _ in 1..QUESTIONS {
            match self.call("guest-exec-status", &json!({"pid": process})) {
                Err(Failure::Work(error)) if is_silence(&error) => {}
                answer => return answer,
            }
        }
        self.call("guest-exec-status", &json!({"pid": process}))
    }

    fn start(&mut self, command: &[&str], input: &str) -> Result<i64> {
        let (program, arguments) = command.split_first().context("a command has at least a program")?;
        let answer = self.call(
            "guest-exec",
            &json!({
                "path": program,
                "arg": arguments,
                "input-data": BASE64.encode(input),
                "capture-output": true,
            }),
        )?;
        Ok(answer["pid"].as_i64().with_context(|| format!("the guest agent gave no process id: {answer}"))?)
    }

    /// Asks one question. After an error the connection is made anew by the next one.
    fn call(&mut self, question: &str, arguments: &Value) -> Result<Value> {
        let answer = self.connected().and_then(|line| {
            send(line, &[], question, arguments)?;
            receive(line, ANSWER)
        });
        if answer.is_err() {
            self.line = None;
        }
        let answer = answer?;
        match answer.get("error") {
            Some(error) => Err(anyhow!("the guest agent refused `{question}`: {}", error["desc"]).into()),
            None => Ok(answer["return"].clone()),
        }
    }

    fn connected(&mut self) -> Result<&mut BufReader<UnixStream>> {
        let line = match self.line.take() {
            Some(line) => line,
            None => self.connect()?,
        };
        Ok(self.line.insert(line))
    }

    fn connect(&mut self) -> Result<BufReader<UnixStream>> {
        let stream = UnixStream::connect(&self.socket)
            .with_context(|| format!("connecting to the guest agent at {}", self.socket.display()))?;
        stream.set_read_timeout(Some(POLL_INTERVAL))?;
        stream.set_write_timeout(Some(ANSWER))?;
        let mut line = BufReader::new(stream);
        self.synced += 1;
        send(&mut line, &[SENTINEL], "guest-sync-delimited", &json!({"id": self.synced}))?;
        while receive(&mut line, GREETING)?["return"] != json!(self.synced) {}
        Ok(line)
    }
}

fn send(line: &mut BufReader<UnixStream>, before: &[u8], question: &str, arguments: &Value) -> Result<()> {
    let message = json!({"execute": question, "arguments": arguments});
    let bytes = [before, message.to_string().as_bytes(), b"\n"].concat();
    Ok(line.get_mut().write_all(&bytes).context("asking the guest agent")?)
}

/// The next message that is JSON, without what a sentinel cuts off.
fn receive(line: &mut BufReader<UnixStream>, patience: Duration) -> Result<Value> {
    let deadline = Instant::now() + patience;
    loop {
        let bytes = read_line(line, deadline)?;
        let start = bytes.iter().rposition(|byte| *byte == SENTINEL).map_or(0, |position| position + 1);
        if let Ok(message) = serde_json::from_slice(&bytes[start..]) {
            return Ok(message);
        }
    }
}

fn read_line(line: &mut BufReader<UnixStream>, deadline: Instant) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    loop {
        signals::check()?;
        match line.read_until(b'\n', &mut bytes) {
            Ok(_) if bytes.ends_with(b"\n") => return Ok(bytes),
            Ok(_) => return Err(anyhow!("the guest agent's connection was closed").into()),
            Err(error) if is_pause(error.kind()) && Instant::now() < deadline => {}
            Err(error) => return Err(anyhow!(error).context("the guest agent does not answer").into()),
        }
    }
}

/// Whether nothing has come for a [`GLANCE`]. What was read until then is kept.
fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Whether a question failed because no answer came in time.
fn is_silence(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| is_pause(error.kind()))
}

fn outcome(status: &Value) -> Result<CommandOutput> {
    let signal = status["signal"].as_i64().map(|signal| SIGNALLED + signal);
    let code = status["exitcode"].as_i64().or(signal).context("the guest agent gave no exit code")?;
    Ok(CommandOutput { code, stdout: text(&status["out-data"])?, stderr: text(&status["err-data"])? })
}

/// A field with output; the agent leaves it out where there is none.
fn text(field: &Value) -> Result<String> {
    let bytes = BASE64.decode(field.as_str().unwrap_or_default()).context("reading a command's output")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread::JoinHandle;

    use super::*;

    /// Plays the agent's side: for each line received, the bytes that `answer` gives.
    fn agent(
        answer: impl FnMut(&Value) -> Vec<u8> + Send + 'static,
    ) -> (Agent, tempfile::TempDir, JoinHandle<()>) {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("qga")).unwrap();
        let player = std::thread::spawn(move || play(&listener, answer));
        (Agent::new(folder.path().join("qga")), folder, player)
    }

    fn play(listener: &UnixListener, mut answer: impl FnMut(&Value) -> Vec<u8>) {
        let mut line = BufReader::new(listener.accept().unwrap().0);
        let mut bytes = vec![];
        while line.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let start = usize::from(bytes[0] == SENTINEL);
            let question = serde_json::from_slice(&bytes[start..]).unwrap();
            line.get_mut().write_all(&answer(&question)).unwrap();
            bytes.clear();
        }
    }

    fn said(value: &Value) -> Vec<u8> {
        format!("{}\n", json!({"return": value})).into_bytes()
    }

    #[test]
    fn a_command_is_asked_for_until_it_ends() {
        let mut asked = 0;
        let (mut agent, _folder, player) = agent(move |question| match question["execute"].as_str() {
            Some("guest-sync-delimited") => [b"\xff".to_vec(), said(&question["arguments"]["id"])].concat(),
            Some("guest-exec") => {
                assert_eq!(question["arguments"]["path"], "sh");
                assert_eq!(question["arguments"]["arg"], json!(["-s", "ada"]));
                assert_eq!(question["arguments"]["input-data"], BASE64.encode("id -u $1"));
                said(&json!({"pid": 7}))
            }
            _ if asked == 0 => {
                asked += 1;
                said(&json!({"exited": false}))
            }
            _ => said(&json!({"exited": true, "exitcode": 3, "out-data": "MjAwMQo=", "err-data": "aG0="})),
        });
        let outcome = agent.run(&["sh", "-s", "ada"], "id -u $1", Duration::from_secs(5)).unwrap();
        assert_eq!(outcome, CommandOutput { code: 3, stdout: "2001\n".into(), stderr: "hm".into() });
        drop(agent);
        player.join().unwrap();
    }

    #[test]
    fn late_answers_to_an_earlier_connection_are_passed_over() {
        let (mut agent, _folder, _player) = agent(|question| match question["execute"].as_str() {
            Some("guest-sync-delimited") => {
                let late = [said(&json!({"exited": true, "exitcode": 9})), said(&json!(0))].concat();
                [late, b"{\"half\": \xff".to_vec(), said(&question["arguments"]["id"])].concat()
            }
            Some("guest-exec") => said(&json!({"pid": 7})),
            _ => said(&json!({"exited": true, "exitcode": 0})),
        });
        assert!(agent.run(&["true"], "", Duration::from_secs(5)).unwrap().ok());
    }

    #[test]
    fn a_refusal_says_why() {
        let (mut agent, _folder, _player) = agent(|question| match question["execute"].as_str() {
            Some("guest-sync-delimited") => said(&question["arguments"]["id"]),
            _ => b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"it is disabled\"}}\n".to_vec(),
        });
        let failure = agent.run(&["true"], "", Duration::from_secs(5)).unwrap_err();
        assert!(failure.to_string().ends_with("refused `guest-exec`: \"it is disabled\""), "{failure}");
    }

    #[test]
    fn a_command_that_does_not_end_is_given_up() {
        let (mut agent, _folder, _player) = agent(|question| match question["execute"].as_str() {
            Some("guest-sync-delimited") => said(&question["arguments"]["id"]),
            Some("guest-exec") => said(&json!({"pid": 7})),
            _ => said(&json!({"exited": false})),
        });
        let failure = agent.run(&["sleep", "9"], "", Duration::from_millis(300)).unwrap_err();
        assert!(failure.to_string().starts_with("`sleep 9` did not end"), "{failure}");
    }

    #[test]
    fn a_killed_command_has_the_code_that_a_shell_would_give() {
        assert_eq!(outcome(&json!({"exited": true, "signal": 9})).unwrap().code, 137);
    }
}
