//! `imagegen inspect`.

use anyhow::Context;

use super::{advisories, inputs};
use crate::cli::InspectArgs;
use crate::document::Finding;
use crate::failure::Result;
use crate::inspect;
use crate::report;

/// Runs the command.
pub fn run(args: &InspectArgs) -> Result<()> {
    if let Some(file) = &args.advisories {
        return advisories::run(args, file);
    }
    let name = args.image.display().to_string();
    let found = inspect::inspect(inputs::open(&args.image, inputs::DISK_IMAGE)?)?;
    let text = if args.json {
        found.json().context("writing the report")?
    } else {
        found.text(&name, args.list, crate::util::size)
    };
    report::data(&text)?;
    match found.errors() {
        0 => Ok(()),
        errors => Err(Finding::error(
            format!("{name} has {errors} errors and must not be used as it is"),
            "correct these faults in the image's build, and build it again",
        )
        .into()),
    }
}
