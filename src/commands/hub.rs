//! `imagegen hub`.

use super::{inputs, userdata};
use crate::cli::HubArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::userdata::Role;
use crate::workshop::findings;

/// Runs the command.
pub fn run(args: &HubArgs) -> Result<()> {
    let mut found = Findings::default();
    let workshop = inputs::workshop(&args.userdata.workshop, &mut found)?;
    if args.userdata.stock {
        userdata::note_doubts_about_stock_images(&workshop, &mut found);
        if workshop.homes.volume.is_some() && workshop.homes.export == "/home" {
            found.push(findings::volume_hides_local_homes());
        }
    }
    inputs::accept(found)?;
    userdata::print(&args.userdata, &workshop, Role::Hub)
}
