//! A workshop rehearsed: the built images as a hub and its nodes in QEMU, looked at from the inside.

mod accelerator;
mod agent;
mod benchmark;
mod checks;
mod config_drive;
pub mod findings;
mod lan;
mod machine;
mod network;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;

use accelerator::Accelerator;
pub use benchmark::benchmark;
use checks::Check;
use lan::Lan;
use machine::{Bench, Machine, Role, Spec};
use network::Place;

use crate::document::Findings;
use crate::failure::{Failure, Result};
use crate::report::{self, Progress};

/// How long the first sign of a machine may take: its agent answers late in its boot.
const BOOT: Duration = Duration::from_secs(600);

/// A student, as the checks need to know one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Student {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
}

/// What is to be rehearsed.
#[derive(Debug)]
pub struct Script {
    /// The folder with `hub.qcow2` and `node.qcow2`.
    pub images: PathBuf,
    /// Where the logs go.
    pub logs: PathBuf,
    /// The hub's user-data.
    pub hub: String,
    /// The text that all nodes share.
    pub node: String,
    /// How many nodes.
    pub nodes: u8,
    /// Everybody with an account.
    pub students: Vec<Student>,
}

/// The machines of a rehearsal, and what they should be like.
#[derive(Debug)]
struct Stage {
    hub: Machine,
    nodes: Vec<Machine>,
    students: Vec<Student>,
}

impl Stage {
    fn machines(&mut self) -> impl Iterator<Item = &mut Machine> {
        std::iter::once(&mut self.hub).chain(&mut self.nodes)
    }
}

/// The hub's address in a rehearsal.
#[must_use]
pub fn hub_address() -> Ipv4Addr {
    Place::HUB.address()
}

/// The memory in MiB that a hub and so many nodes take.
#[must_use]
pub fn memory(nodes: u8) -> u64 {
    Role::Hub.memory() + u64::from(nodes) * Role::Node.memory()
}

/// Whether the images are there.
pub fn check_images(images: &Path) -> Result<()> {
    let missing =
        [Role::Hub, Role::Node].map(|role| role.image(images)).into_iter().filter(|image| !image.is_file());
    let findings = missing.fold(Findings::default(), |mut findings, image| {
        findings.push(findings::no_image(&image));
        findings
    });
    if findings.is_empty() { Ok(()) } else { Err(findings.into()) }
}

/// Rehearses: all machines are gone at the end, however it ends.
pub fn run(script: Script, progress: &Progress) -> Result<()> {
    let hall = Hall::open(&script, progress)?;
    let mut stage = set(script, &hall.bench, progress)?;
    let failed = run_checks(&mut stage, progress)?;
    if failed.is_empty() {
        return Ok(());
    }
    keep_journals(&mut stage, &hall.bench.logs)?;
    Err(anyhow!("{} failed; the logs are in {}", failed.join(", "), hall.bench.logs.display()).into())
}

/// Where a rehearsal takes place. Dropped after the machines, it takes the LAN and all files but the logs with it.
struct Hall {
    bench: Bench,
    _lan: Lan,
    _folder: tempfile::TempDir,
}

impl Hall {
    fn open(script: &Script, progress: &Progress) -> Result<Self> {
        // Not the user's folder for temporary files: the path of a socket has at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("imagegen-rehearsal-").tempdir_in("/tmp")?;
        let socket = folder.path().join("lan");
        let lan = Lan::start(&socket)?;
        let (accelerator, reason) = Accelerator::probe(folder.path())?;
        progress.note(&reason);
        fs_err::create_dir_all(&script.logs)?;
        let bench = Bench {
            images: script.images.clone(),
            folder: folder.path().to_owned(),
            logs: std::path::absolute(&script.logs)?,
            lan: socket,
            accelerator,
        };
        Ok(Self { bench, _lan: lan, _folder: folder })
    }
}

/// Switches the nodes on, and only when they are up the hub.
fn set(script: Script, bench: &Bench, progress: &Progress) -> Result<Stage> {
    let step = progress.step(format!("{} node(s) boot, without a hub", script.nodes));
    let mut nodes = vec![];
    for number in 1..=script.nodes {
        nodes.push(Machine::start(Spec::node(number, Some(script.node.clone())), bench)?);
    }
    let asking = ["journalctl", "-b", "-o", "cat", "-u", "imagegen-join.service"];
    for node in &mut nodes {
        node.until(BOOT, &asking, |said| said.contains("Waiting for the hub").then_some(()))?;
    }
    step.done("each has asked for it in vain");
    let step = progress.step("the hub boots");
    let user_data = Some(script.hub);
    let mut hub = Machine::start(Spec::hub(user_data), bench)?;
    hub.until(BOOT, &["true"], |_| Some(()))?;
    step.done("");
    Ok(Stage { hub, nodes, students: script.students })
}

/// Runs every check, also after one has failed, and gives the names of those that did.
fn run_checks(stage: &mut Stage, progress: &Progress) -> Result<Vec<&'static str>> {
    let mut failed = vec![];
    for Check { name, run } in checks::ALL {
        let step = progress.step(*name);
        match run(stage) {
            Ok(seen) => step.done(&format!("ok, {seen}")),
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => {
                drop(step);
                report::say(&format!("           {}", failure.to_string().replace('\n', "\n           ")));
                failed.push(*name);
            }
        }
    }
    Ok(failed)
}

/// The journals tell more than the consoles. A machine that does not answer any more has none to give.
fn keep_journals(stage: &mut Stage, logs: &Path) -> Result<()> {
    for machine in stage.machines() {
        let name = format!("{}.journal.log", machine.spec.name);
        let kept = machine
            .read(&["journalctl", "-b", "--no-pager", "-n", "20000", "-o", "short-monotonic"])
            .and_then(|journal| Ok(fs_err::write(logs.join(&name), journal)?));
        match kept {
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => report::say(&format!("{name} could not be kept: {failure}")),
            Ok(()) => {}
        }
    }
    Ok(())
}
