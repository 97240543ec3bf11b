//! A way into a rehearsal for a browser.

use std::time::Duration;

use super::Cluster;
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::signals;
use crate::report::{self, Progress};

/// A port of this host that leads to the hub's page.
#[derive(Debug, Clone)]
pub struct PortForward {
    /// The port, on the loopback interface.
    pub port: u16,
    /// A shell command to run when all else is done; without one, the door stays open until somebody interrupts.
    pub then: Option<String>,
}

/// Runs the command, or keeps the page open for a browser until somebody interrupts.
pub(super) fn hold_open(forward: &PortForward, cluster: &Cluster, progress: &Progress) -> Result<()> {
    let page = format!("https://127.0.0.1:{}", forward.port);
    let Some(command) = &forward.then else {
        let students = cluster.students.iter().take(3);
        let known: Vec<String> = students.map(|it| format!("{} with {}", it.name, it.password)).collect();
        report::say(&format!(
            "The page is at {page}: log in as {}. Ctrl-C ends it all.",
            known.join(", or ")
        ));
        loop {
            signals::sleep(Duration::from_secs(1))?;
        }
    };
    let step = progress.step(format!("then `{command}`"));
    let students = cluster.students.iter();
    let known: serde_json::Map<_, _> =
        students.map(|it| (it.name.clone(), it.password.clone().into())).collect();
    let said = Cmd::new("sh")
        .args(["-c", command])
        .env("IMAGEGEN_PAGE", page)
        .env("IMAGEGEN_PASSWORDS", serde_json::Value::from(known).to_string())
        .output()?;
    step.done(said.trim());
    Ok(())
}
