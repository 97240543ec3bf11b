//! `imagegen rehearse`.

mod script;

use script::{Wanted, firmware, script, userdata};

use super::inputs;
use crate::cli::{BenchArgs, BootArgs, RehearseArgs, RehearseCommand};
use crate::failure::Result;
use crate::host::{reaper, tools};
use crate::rehearsal::{self, BootTest, Firmware, Scenario, Texts};
use crate::report::{self, Progress};
use crate::userdata::InstanceRole;
use crate::workshop::Workshop;

/// Runs the command.
pub fn run(args: &RehearseArgs) -> Result<()> {
    match &args.command {
        RehearseCommand::Run(args) => {
            rehearsal::run(prepared(&Wanted::for_run(args), 0)?, &Progress::start())
        }
        RehearseCommand::Boot(args) => boot(args),
        RehearseCommand::Bench(args) => bench(args),
        RehearseCommand::Attacks(args) => {
            let neighbour = rehearsal::neighbour_memory();
            rehearsal::attack(prepared(&Wanted::for_attacks(args), neighbour)?, &Progress::start())
        }
    }
}

/// The rehearsal, where the machine and the images allow it; `more` is the memory in MiB that it takes beside that of its
/// hub and nodes.
fn prepared(wanted: &Wanted, more: u64) -> Result<Scenario> {
    let script = script(wanted)?;
    reaper::listen()?;
    require(rehearsal::memory(wanted.nodes, wanted.students.into()) + more, &[script.firmware])?;
    rehearsal::check_images(&script.images)?;
    Ok(script)
}

/// Measures how fast a node joins, or with students how fast a notebook starts.
fn bench(args: &BenchArgs) -> Result<()> {
    let script = prepared(&Wanted::for_bench(args), 0)?;
    if args.students > 0 {
        return rehearsal::run(script, &Progress::start());
    }
    let figures = rehearsal::benchmark(script, &Progress::start())?;
    report::data(&format!("{figures}\n"))
}

/// Tries one image by itself.
fn boot(args: &BootArgs) -> Result<()> {
    let (first, then) = match args.firmware.map(firmware) {
        None => (Firmware::ALL.to_vec(), Firmware::ALL.to_vec()),
        Some(Firmware::Bios) => (vec![Firmware::Bios], vec![Firmware::Bios]),
        Some(other) => (vec![other], vec![Firmware::Bios, other]),
    };
    reaper::listen()?;
    require(rehearsal::boot_memory(), &Firmware::ALL)?;
    rehearsal::check_images(std::slice::from_ref(&args.image))?;
    let (workshop, secrets) = (Workshop::default_workshop(), inputs::or_new(None)?);
    let text = |role| userdata(&workshop, &secrets, role, false);
    let texts = Texts {
        hub: text(InstanceRole::Hub)?,
        node: text(InstanceRole::Node { hub: rehearsal::hub_address() })?,
    };
    let boot = BootTest { image: args.image.clone(), first, then, texts, logs: args.logs.clone() };
    rehearsal::boot(&boot, &Progress::start())
}

fn require(memory: u64, firmware: &[Firmware]) -> Result<()> {
    let mut lacking = tools::missing_for_rehearsal(memory);
    for shortage in firmware.iter().flat_map(|firmware| firmware.missing()) {
        lacking.push(shortage);
    }
    tools::require(lacking)
}
