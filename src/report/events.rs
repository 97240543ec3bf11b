//! What a pipeline reads while it builds: one JSON object a line, on standard output.

use std::time::Instant;

use serde::Serialize;

use super::data;
use crate::failure::{Failure, Result, without_number};

/// The version of this format.
const FORMAT: u32 = 1;

/// Something that has happened. `stage` is what the screen calls it, `key` the hash of all that goes into it.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    /// The first event of every build.
    BuildStarted { format: u32, version: &'static str },
    /// A stage begins.
    StageStarted { stage: &'a str, key: &'a str },
    /// A stage need not begin: its result is there from an earlier build.
    StageCached { stage: &'a str, key: &'a str },
    /// A stage has ended well; `bytes` is the size of what it made.
    StageFinished { stage: &'a str, key: &'a str, seconds: f64, bytes: u64 },
    /// A stage has not.
    StageFailed { stage: &'a str, key: &'a str, seconds: f64 },
    /// The results have their final names. It is the last event of a build that ends well.
    BuildFinished { files: &'a [Published] },
    /// The last event of one that does not.
    BuildFailed { kind: &'static str, exit_code: u8, messages: Vec<String> },
}

/// A file in the output folder.
#[derive(Debug, Serialize)]
pub struct Published {
    /// Its path, as the output folder was named.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// Tells of the stages of a build, where anybody wants to hear of them.
#[derive(Debug, Clone, Copy)]
pub struct Events {
    wanted: bool,
}

/// A stage that has begun. Ended by [`StageEvents::done`]; dropped without, it has failed.
#[derive(Debug)]
pub struct StageEvents<'a> {
    events: Events,
    stage: String,
    key: &'a str,
    begun: Instant,
    finished: bool,
}

impl Events {
    /// Prints events if they are `wanted`.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self { wanted }
    }

    /// The build begins.
    pub fn start(self) {
        self.tell(&Event::BuildStarted { format: FORMAT, version: env!("CARGO_PKG_VERSION") });
    }

    /// A stage is cached.
    pub fn kept(self, stage: &str, key: &str) {
        self.tell(&Event::StageCached { stage, key });
    }

    /// A stage begins.
    #[must_use]
    pub fn begin(self, stage: String, key: &str) -> StageEvents<'_> {
        self.tell(&Event::StageStarted { stage: &stage, key });
        StageEvents { events: self, stage, key, begun: Instant::now(), finished: false }
    }

    /// The build is done.
    pub fn result(self, files: &[Published]) -> Result<()> {
        self.write(&Event::BuildFinished { files })
    }

    /// The build has failed. What a person reads is printed elsewhere.
    pub fn failed(self, failure: &Failure) {
        let (kind, messages) = match failure {
            Failure::Input(found) => ("input", found.iter().map(|finding| finding.message.clone()).collect()),
            Failure::Host(lacking) => {
                ("host", lacking.iter().map(|shortage| shortage.what.clone()).collect())
            }
            Failure::Work(error) => ("work", vec![without_number(&format!("{error:#}"))]),
            Failure::Interrupted => ("interrupted", vec![failure.to_string()]),
        };
        self.tell(&Event::BuildFailed { kind, exit_code: failure.exit_code(), messages });
    }

    fn tell(self, event: &Event<'_>) {
        // A pipeline that cannot be told how far the work is still wants its images.
        let _ = self.write(event);
    }

    fn write(self, event: &Event<'_>) -> Result<()> {
        if !self.wanted {
            return Ok(());
        }
        let line = serde_json::to_string(event).map_err(anyhow::Error::from)?;
        data(&(line + "\n"))
    }
}

impl StageEvents<'_> {
    /// The stage has ended well, with a result of so many bytes.
    pub fn done(mut self, bytes: u64) {
        self.finished = true;
        let (stage, key, seconds) = (self.stage.as_str(), self.key, self.seconds());
        self.events.tell(&Event::StageFinished { stage, key, seconds, bytes });
    }

    /// To a thousandth.
    fn seconds(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }
}

impl Drop for StageEvents<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let (stage, key, seconds) = (self.stage.as_str(), self.key, self.seconds());
            self.events.tell(&Event::StageFailed { stage, key, seconds });
        }
    }
}
