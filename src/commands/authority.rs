//! `imagegen authority`.

use super::inputs;
use crate::cli::AuthorityArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::report;

/// Runs the command.
pub fn run(args: &AuthorityArgs) -> Result<()> {
    let mut found = Findings::default();
    let workshop = inputs::workshop(&args.workshop, &mut found)?;
    inputs::accept(found)?;
    let secrets = inputs::existing_secrets(&args.workshop)?;
    report::data(&secrets.authority_certificate(&workshop)?)
}
