//! `imagegen rehearse`.

use super::inputs;
use crate::cli::RehearseArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::host::{signals, tools};
use crate::rehearsal::{self, Script, Student};
use crate::report::{self, Progress};
use crate::userdata;

/// Runs the command.
pub fn run(args: &RehearseArgs) -> Result<()> {
    let script = script(args)?;
    signals::listen()?;
    tools::require(tools::lacking_for_rehearsal(rehearsal::memory(args.nodes)))?;
    rehearsal::check_images(&args.images)?;
    if args.benchmark {
        let figures = rehearsal::benchmark(script, &Progress::start())?;
        return report::data(&format!("{figures}\n"));
    }
    rehearsal::run(script, &Progress::start())
}

fn script(args: &RehearseArgs) -> Result<Script> {
    let mut findings = Findings::default();
    let mut workshop = inputs::workshop(&args.workshop, &mut findings)?;
    inputs::accept(findings)?;
    // The rehearsal's LAN is not the workshop's network.
    workshop.network = None;
    let secrets = inputs::rehearsal_secrets(&args.workshop)?;
    Ok(Script {
        images: args.images.clone(),
        logs: args.logs.clone(),
        hub: userdata::hub(&workshop, &secrets)?,
        node: userdata::node(&workshop, &secrets, rehearsal::hub_address())?,
        nodes: args.nodes,
        students: workshop
            .users
            .into_iter()
            .map(|user| Student { name: user.name, uid: user.uid, gid: user.gid })
            .collect(),
    })
}
