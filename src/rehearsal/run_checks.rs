//! Checks, one after the other, and what is kept of a cluster in which one has failed.

use std::path::Path;

use anyhow::anyhow;

use super::Cluster;
use super::check::ClusterCheck;
use crate::failure::{Failure, Result};
use crate::report::{self, Progress};

/// Keeps the journals and fails where a check has failed.
pub(super) fn finish(cluster: &mut Cluster, failed: &[&str], logs: &Path) -> Result<()> {
    if failed.is_empty() {
        return Ok(());
    }
    keep_journals(cluster, logs)?;
    Err(anyhow!("{} failed; the logs are in {}", failed.join(", "), logs.display()).into())
}

/// Runs every check, also after one has failed, and gives the names of those that did.
pub(super) fn run_checks<S: 'static>(
    stage: &mut S,
    checks: impl IntoIterator<Item = &'static ClusterCheck<S>>,
    progress: &Progress,
) -> Result<Vec<&'static str>> {
    let mut failed = vec![];
    for ClusterCheck { name, run } in checks {
        let step = progress.step(*name);
        match run(stage) {
            Ok(seen) => step.done(&format!("ok, {seen}")),
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => {
                drop(step);
                report::say(&format!("           {}", failure.to_string().replace('\n', "\n           ")));
                failed.push(*name);
            }
        }
    }
    Ok(failed)
}

/// The journals tell more than the consoles. A machine that does not answer any more has none to give.
pub(super) fn keep_journals(cluster: &mut Cluster, logs: &Path) -> Result<()> {
    for machine in cluster.machines() {
        let name = format!("{}.journal.log", machine.spec.name);
        let kept = machine
            .stdout_of(&["journalctl", "-b", "--no-pager", "-n", "20000", "-o", "short-monotonic"])
            .and_then(|journal| Ok(fs_err::write(logs.join(&name), journal)?));
        match kept {
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => report::say(&format!("{name} could not be copied: {failure}")),
            Ok(()) => {}
        }
    }
    Ok(())
}
