//! The only code that prints. Data goes to standard output, talk to standard error.

mod colour;
mod events;
mod progress;
mod snippet;

use std::io::Write;
use std::process::ExitCode;

pub use colour::set_colour;
pub use events::{Events, Published, StageEvents};
pub use progress::{Progress, Step};

use crate::document::Findings;
use crate::failure::{Failure, MissingPrerequisite, Result, without_number};

/// Writes data to standard output. A reader that has gone away is not an error.
pub fn data(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line of talk to standard error.
pub fn say(line: &str) {
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Shows findings that do not stop the work, or that do, with a blank line between them.
pub fn findings(findings: &Findings) {
    if findings.is_empty() {
        return;
    }
    let colour = colour::is_wanted();
    let rendered: Vec<String> = findings.iter().map(|finding| snippet::render(finding, colour)).collect();
    say(&rendered.join("\n\n"));
}

/// Shows why a run failed, and gives its exit code.
#[must_use]
pub fn failure(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Input(found) => findings(found),
        Failure::Host(shortages) => self::missing_prerequisites(shortages),
        Failure::Work(error) => say(&without_number(&format!("error: {error:#}"))),
        Failure::Interrupted => say("interrupted; temporary files were removed"),
    }
    ExitCode::from(failure.exit_code())
}

fn missing_prerequisites(shortages: &[MissingPrerequisite]) {
    for shortage in shortages {
        say(&format!("missing: {}\n    fix: {}", shortage.what, shortage.remedy));
    }
}
