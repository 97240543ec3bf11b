//! `imagegen inspect`.

use std::io::ErrorKind;

use anyhow::Context;

use crate::cli::InspectArgs;
use crate::document::Finding;
use crate::failure::{Failure, Result};
use crate::inspect;
use crate::report;

/// Runs the command.
pub fn run(args: &InspectArgs) -> Result<()> {
    let name = args.image.display().to_string();
    let file = fs_err::File::open(&args.image).map_err(|error| unusable(&name, error))?;
    let found = inspect::inspect(file).map_err(|error| unusable(&name, error))?;
    let text = if args.json {
        found.json().context("writing the report")?
    } else {
        found.text(&name, args.list, report::size)
    };
    report::data(&text)?;
    match found.errors() {
        0 => Ok(()),
        errors => Err(Finding::error(
            format!("{name} must not be used as it is: {errors} of the findings are errors"),
            "mend what they name where the image is made, and make it again",
        )
        .into()),
    }
}

/// A path that is wrong is the user's to put right; a disk that does not read is not.
fn unusable(name: &str, error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::PermissionDenied => Finding::error(
            format!("{name} cannot be read: {}", error.kind()),
            "name a disk image, raw or qcow2",
        )
        .into(),
        _ => error.into(),
    }
}
