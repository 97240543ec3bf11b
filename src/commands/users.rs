//! `imagegen users`.

use super::inputs;
use super::output::Output;
use crate::cli::{UserFormat, UsersArgs};
use crate::document::Findings;
use crate::failure::Result;
use crate::workshop::{Workshop, export, findings};

/// Runs the command.
pub fn run(args: &UsersArgs) -> Result<()> {
    let mut found = Findings::default();
    let workshop = inputs::workshop(&args.workshop, &mut found)?;
    let cards = args.format == UserFormat::Cards;
    let address = address(args, &workshop);
    if cards && address.is_none() {
        found.push(findings::no_address_for_cards());
    }
    inputs::accept(found)?;
    let output = Output::of(&args.output)?;
    let secrets = (cards || args.passwords).then(|| inputs::existing_secrets(&args.workshop)).transpose()?;
    output.write(&match (args.format, secrets) {
        (UserFormat::Cards, Some(secrets)) => {
            export::cards(&workshop, &secrets, &address.unwrap_or_default())?
        }
        (UserFormat::Csv, secrets) => export::csv(&workshop, secrets.as_ref())?,
        (UserFormat::Json, secrets) => export::json(&workshop, secrets.as_ref())?,
        (_, secrets) => export::text(&workshop, secrets.as_ref()),
    })
}

/// What students type: as it was requested, or else what the workshop says.
fn address(args: &UsersArgs, workshop: &Workshop) -> Option<String> {
    let network = &workshop.network;
    let named = || workshop.web.domain.clone().or_else(|| network.hub_name.clone());
    let known = || named().or_else(|| network.hub_ip.map(|ip| ip.to_string()));
    args.address.clone().or_else(known)
}
