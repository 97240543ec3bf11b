//! `imagegen hub`.

use super::{inputs, userdata};
use crate::cli::HubArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::userdata::InstanceRole;

/// Runs the command.
pub fn run(args: &HubArgs) -> Result<()> {
    let mut found = Findings::default();
    let workshop = inputs::workshop(&args.userdata.workshop, &mut found)?;
    if args.userdata.stock {
        userdata::note_doubts_about_stock_hubs(&workshop, &mut found);
    }
    inputs::accept(found)?;
    userdata::print(&args.userdata, &workshop, InstanceRole::Hub)
}
