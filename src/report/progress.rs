//! What is being done: a moving line for each step on a terminal, plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Events, colour};

/// Shows the steps of a long command on standard error.
#[derive(Debug)]
pub struct Progress {
    begun: Instant,
    events: Events,
    bars: MultiProgress,
}

/// One step that is going on. Ended by [`Step::done`]; dropped without, it counts as failed.
#[derive(Debug)]
pub struct Step {
    name: String,
    begun: Instant,
    bars: MultiProgress,
    bar: ProgressBar,
    told: Instant,
    finished: bool,
}

/// How often a step that goes on says how far it is where there is no terminal.
const NEWS: Duration = Duration::from_secs(20);

impl Progress {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Events::new(false))
    }

    /// Starts the clock; programs that read along are told by `events`.
    #[must_use]
    pub fn with(events: Events) -> Self {
        let target =
            if colour::is_dumb() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(target);
        Self { begun: Instant::now(), events, bars }
    }

    /// Where programs are told.
    #[must_use]
    pub fn events(&self) -> Events {
        self.events
    }

    /// Says something that takes no time.
    pub fn note(&self, line: &str) {
        let line = format!("{:>7}  {line}", seconds(self.begun.elapsed()));
        self.bars.suspend(|| super::say(&line));
    }

    /// Begins a step.
    #[must_use]
    pub fn step(&self, name: impl Into<String>) -> Step {
        let name = name.into();
        let bar = self.bars.add(ProgressBar::new_spinner());
        // A template that is wrong falls back to the default one: looks only.
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or(ProgressStyle::default_spinner()),
        );
        bar.set_message(name.clone());
        if bar.is_hidden() {
            self.note(&format!("{name} …"));
        } else {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Step {
            name,
            begun: Instant::now(),
            bars: self.bars.clone(),
            bar,
            told: Instant::now(),
            finished: false,
        }
    }
}

impl Step {
    /// Says how far the step is: in the moving line, or now and then in one of its own.
    pub fn reached(&mut self, how_far: &str) {
        let line = format!("{}: {how_far}", self.name);
        if !self.bar.is_hidden() {
            self.bar.set_message(line);
        } else if self.told.elapsed() >= NEWS {
            self.told = Instant::now();
            super::say(&format!("{:>7}  {line}", seconds(self.begun.elapsed())));
        }
    }

    /// Ends the step well, with a word on the result.
    pub fn done(mut self, result: &str) {
        let took = self.begun.elapsed();
        let word = if result.is_empty() { String::new() } else { format!(": {result}") };
        self.close(&format!("{:>7}  {}{word}", seconds(took), self.name));
    }

    fn close(&mut self, line: &str) {
        self.finished = true;
        self.bar.finish_and_clear();
        self.bars.remove(&self.bar);
        self.bars.suspend(|| super::say(line));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.finished {
            let line = format!("{:>7}  {}: FAILED", seconds(self.begun.elapsed()), self.name);
            self.close(&line);
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
