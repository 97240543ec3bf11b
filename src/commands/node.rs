//! `imagegen node`.

use super::{inputs, userdata};
use crate::cli::NodeArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::userdata::InstanceRole;
use crate::workshop::{findings, hub_option};

/// Runs the command.
pub fn run(args: &NodeArgs) -> Result<()> {
    let mut found = Findings::default();
    let workshop = inputs::workshop(&args.userdata.workshop, &mut found)?;
    let hub = match &args.hub_ip {
        Some(text) => hub_option::of_command_line(text, &workshop, &mut found),
        None => workshop.network.hub_ip,
    };
    let Some(hub) = hub else {
        if !found.has_errors() {
            found.push(findings::no_hub_address());
        }
        return Err(found.into());
    };
    if args.userdata.stock {
        userdata::note_doubts_about_stock_images(&workshop, &mut found);
    }
    inputs::accept(found)?;
    userdata::print(&args.userdata, &workshop, InstanceRole::Node { hub })
}
