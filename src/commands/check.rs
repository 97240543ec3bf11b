//! `imagegen check`.

use std::net::Ipv4Addr;

use super::{inputs, userdata};
use crate::cli::CheckArgs;
use crate::document::Findings;
use crate::failure::{Failure, Result};
use crate::report;
use crate::userdata::{Image, Machine, Role};
use crate::workshop::{Engine, Workshop};

/// Stands for the hub's address where the workshop does not say it: a private one, written as long as any.
const SOME_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 200);

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<()> {
    let mut found = Findings::default();
    let workshop = inputs::workshop(&args.workshop, &mut found)?;
    if found.has_errors() || (args.strict && !found.is_empty()) {
        return Err(found.into());
    }
    report::findings(&found);
    inputs::note_defaults(&args.workshop, &workshop)?;
    report::data(&summary(args, &workshop)?)
}

/// What the workshop comes to, in a few lines.
fn summary(args: &CheckArgs, workshop: &Workshop) -> Result<String> {
    let kept = inputs::kept_secrets(&args.workshop)?;
    let id = kept.as_ref().map(|secrets| format!(", id {}", secrets.workshop_id(&workshop.name)));
    let secrets = inputs::or_new(kept)?;
    let budget = userdata::budget(args.platform);
    let engine = match workshop.engine {
        Engine::Swarm => "swarm",
        Engine::Classic(_) => "classic",
    };
    let users = workshop.users.count();
    let mut lines =
        vec![format!("workshop {}: {users} users, engine {engine}{}", workshop.name, id.unwrap_or_default())];
    let hub = workshop.network.hub_ip.unwrap_or(SOME_ADDRESS);
    let mut failed = Findings::default();
    for (name, role) in [("hub", Role::Hub), ("node", Role::Node { hub })] {
        match (Machine { workshop, secrets: &secrets, role, image: Image::Golden }).render(budget) {
            Ok(rendered) => lines.push(format!(
                "user-data of the {name}: {} of {} bytes for {}, {}",
                rendered.text.len(),
                budget.limit(),
                budget.title(),
                userdata::form(rendered.form)
            )),
            Err(Failure::Input(findings)) => failed.extend(findings),
            Err(other) => return Err(other),
        }
    }
    if failed.is_empty() { Ok(lines.join("\n") + "\n") } else { Err(failed.into()) }
}
