//! No image becomes a golden one that [`crate::inspect`] finds an error in.

use std::path::Path;

use anyhow::{Context, anyhow};

use crate::failure::{Failure, Result};
use crate::inspect::{self, Level};
use crate::report::Progress;

/// Fails with all errors in a finished image; warnings are shown.
pub(super) fn accept(image: &Path, title: &str, progress: &Progress) -> Result<()> {
    let step = progress.step(format!("{title}: inspected"));
    let report = inspect::inspect(fs_err::File::open(image)?).context("inspecting the finished image")?;
    let of = |severity| {
        let found = report.findings().iter().filter(move |finding| finding.severity == severity);
        found.map(|finding| format!("{}: {}", finding.place, finding.message)).collect::<Vec<_>>()
    };
    let errors = of(Level::Error);
    if !errors.is_empty() {
        return Err(refused(&errors));
    }
    let warnings = of(Level::Warning);
    for warning in &warnings {
        progress.note(&format!("{title}: {warning}"));
    }
    step.done(&format!("{} warnings", warnings.len()));
    Ok(())
}

/// What makes an image unfit to be published.
pub(super) fn refused(faults: &[String]) -> Failure {
    anyhow!("this must not become a golden image:\n  {}", faults.join("\n  ")).into()
}
