//! `imagegen rehearse`.

mod script;

use std::path::Path;

use script::{Wanted, firmware, script, userdata};

use super::inputs;
use crate::cli::{AttackArgs, RehearseAct, RehearseArgs};
use crate::failure::Result;
use crate::host::{signals, tools};
use crate::rehearsal::{self, Firmware, Texts, Trial};
use crate::report::{self, Progress};
use crate::userdata::Role;
use crate::workshop::Workshop;

/// Runs the command.
pub fn run(args: &RehearseArgs) -> Result<()> {
    if let Some(RehearseAct::Attacks(args)) = &args.act {
        return attack(args);
    }
    if let Some(image) = &args.boot {
        return boot(image, args);
    }
    let script = script(&Wanted::of(args))?;
    signals::listen()?;
    require(rehearsal::memory(args.nodes, args.students.into()), &[script.firmware])?;
    rehearsal::check_images(&script.images)?;
    if args.benchmark && args.students == 0 {
        let figures = rehearsal::benchmark(script, &Progress::start())?;
        return report::data(&format!("{figures}\n"));
    }
    rehearsal::run(script, &Progress::start())
}

/// Attacks a workshop with two students on one node, so that each has a neighbour.
fn attack(args: &AttackArgs) -> Result<()> {
    let wanted = Wanted::for_attacks(args);
    let script = script(&wanted)?;
    signals::listen()?;
    let memory = rehearsal::memory(wanted.nodes, wanted.students.into()) + rehearsal::neighbour_memory();
    require(memory, &[script.firmware])?;
    rehearsal::check_images(&script.images)?;
    rehearsal::attack(script, &Progress::start())
}

/// Tries one image by itself.
fn boot(image: &Path, args: &RehearseArgs) -> Result<()> {
    let (first, then) = match args.firmware.map(firmware) {
        None => (Firmware::ALL.to_vec(), Firmware::ALL.to_vec()),
        Some(Firmware::Bios) => (vec![Firmware::Bios], vec![Firmware::Bios]),
        Some(other) => (vec![other], vec![Firmware::Bios, other]),
    };
    signals::listen()?;
    require(rehearsal::boot_memory(), &Firmware::ALL)?;
    rehearsal::check_images(&[image.to_owned()])?;
    let (workshop, secrets) = (Workshop::usual(), inputs::borrowed_secrets(&args.workshop)?);
    let text = |role| userdata(&workshop, &secrets, role, false);
    let texts = Texts { hub: text(Role::Hub)?, node: text(Role::Node { hub: rehearsal::hub_address() })? };
    let trial = Trial { image: image.to_owned(), first, then, texts, logs: args.logs.clone() };
    rehearsal::boot(&trial, &Progress::start())
}

fn require(memory: u64, firmware: &[Firmware]) -> Result<()> {
    let mut lacking = tools::lacking_for_rehearsal(memory);
    for shortage in firmware.iter().flat_map(|firmware| firmware.lacking()) {
        lacking.push(shortage);
    }
    tools::require(lacking)
}
