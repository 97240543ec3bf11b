//! `imagegen hub`.

use super::inputs;
use crate::cli::HubArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::userdata;

/// Runs the command.
pub fn run(args: &HubArgs) -> Result<()> {
    let mut findings = Findings::default();
    let workshop = inputs::workshop(&args.workshop, &mut findings)?;
    inputs::accept(findings)?;
    let secrets = inputs::secrets(&args.workshop)?;
    inputs::print_userdata("hub", &userdata::hub(&workshop, &secrets)?)
}
