//! `imagegen node`.

use super::inputs;
use crate::cli::NodeArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::userdata;
use crate::workshop::address;

/// Runs the command.
pub fn run(args: &NodeArgs) -> Result<()> {
    let mut findings = Findings::default();
    let workshop = inputs::workshop(&args.workshop, &mut findings)?;
    let hub = address::hub(&args.hub_ip, workshop.network, &mut findings);
    inputs::accept(findings)?;
    let secrets = inputs::secrets(&args.workshop)?;
    inputs::print_userdata("node", &userdata::node(&workshop, &secrets, hub)?)
}
