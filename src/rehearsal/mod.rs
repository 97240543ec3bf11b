//! A workshop rehearsed: the built images as a hub and its nodes in QEMU, looked at from the inside.

mod agent;
mod attacks;
mod benchmark;
mod boot_test;
mod checks;
mod cloud;
pub mod findings;
mod firmware;
mod guest_setup;
mod lan;
mod metadata;
mod network;
mod pastes;
mod port_forward;
mod spec;
mod startup;
mod vm;
mod waiting;

use std::net::Ipv4Addr;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;

pub use attacks::{attack, neighbour_memory};
pub use benchmark::benchmark;
pub use boot_test::{BootTest, boot, boot_memory};
use checks::ClusterCheck;
pub use cloud::{Cloud, Datasource};
pub use firmware::Firmware;
use lan::Lan;
pub use metadata::Manner;
use metadata::Metadata;
use network::LanAddress;
pub use network::{LAN, LanLayout};
pub use pastes::Texts;
pub use port_forward::PortForward;
use spec::VmRole;
pub use vm::VOLUME;
use vm::{Vm, VmEnvironment};

use crate::document::Findings;
use crate::failure::{Failure, Result};
use crate::host::workdir::WorkDir;
use crate::report::{self, Progress};
use crate::vm::Accelerator;
use crate::workshop::Transport;

/// What stands for the internet on the LAN: an address that is kept for examples (RFC 5737), and that the hub answers for.
pub const EXAMPLE_ADDRESS: &str = "198.51.100.1";

/// How long the first sign of a machine may take: its agent answers late in its boot.
const BOOT: Duration = Duration::from_secs(1800);

/// What a server with a kernel takes, in MiB.
const NOTEBOOK: u64 = 256;

/// A student, as the checks need to know one.
#[derive(Clone, PartialEq, Eq)]
pub struct Student {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
    /// The password on the student's card.
    pub password: String,
}

impl std::fmt::Debug for Student {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}:{}", self.name, self.uid, self.gid)
    }
}

/// What is to be rehearsed.
#[derive(Debug)]
pub struct Scenario {
    /// The images of hub and node.
    pub images: [PathBuf; 2],
    /// Whether they are ordinary cloud images, which need packages from outside.
    pub plain: bool,
    /// Where the engine is the classic one: those of its container images that stand-ins are made for.
    pub classic: Option<Vec<String>>,
    /// The folder with the homes on the hub.
    pub homes: String,
    /// Whether the hub has a volume for them.
    pub volume: bool,
    /// What they travel over.
    pub transport: Transport,
    /// Folders that nodes mount from the hub to read: the path on nodes, the folder on the hub.
    pub shares: Vec<(String, String)>,
    /// What all machines boot by.
    pub firmware: Firmware,
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
    /// How many of them log in and work.
    pub present: usize,
    /// How many materials there are for them, which the rehearsal serves.
    pub materials: usize,
    /// The SHA-256 of the hub's certificate, in hexadecimal.
    pub fingerprint: String,
    /// Whether the start of a notebook is measured beside the checks.
    pub timed: bool,
    /// A way in for a browser.
    pub forward: Option<PortForward>,
    /// What surrounds the machines.
    pub cloud: Cloud,
}

/// The machines of a rehearsal, and what they should be like.
#[derive(Debug)]
struct Cluster {
    hub: Vm,
    nodes: Vec<Vm>,
    students: Vec<Student>,
    plain: bool,
    classic: bool,
    volume: bool,
    transport: Transport,
    shares: Vec<(String, String)>,
    homes: String,
    present: usize,
    materials: usize,
    fingerprint: String,
    /// The largest packet on the LAN.
    mtu: u16,
}

impl Cluster {
    fn machines(&mut self) -> impl Iterator<Item = &mut Vm> {
        std::iter::once(&mut self.hub).chain(&mut self.nodes)
    }

    /// The first student who is there.
    fn present_student(&self) -> Result<Student> {
        let present = self.students.iter().take(self.present).next();
        Ok(present.cloned().ok_or_else(|| anyhow!("nobody is present"))?)
    }

    /// The machine with this host name.
    fn machine(&mut self, name: &str) -> Result<&mut Vm> {
        let found = self.machines().find(|machine| machine.spec.name == name);
        Ok(found.ok_or_else(|| anyhow!("there is no machine `{name}`"))?)
    }

    /// Looks at all machines at the same time, and gives what was seen on the hub and then on each node.
    fn on_each<T: Send>(&mut self, look: impl Fn(&mut Vm) -> Result<T> + Sync) -> Result<Vec<T>> {
        let look = &look;
        std::thread::scope(|scope| {
            let looks: Vec<_> = self.machines().map(|machine| scope.spawn(move || look(machine))).collect();
            let seen = looks.into_iter().map(|look| look.join().unwrap_or_else(|it| resume_unwind(it)));
            seen.collect()
        })
    }
}

/// The hub's address in a rehearsal.
#[must_use]
pub fn hub_address() -> Ipv4Addr {
    LanAddress::HUB.address()
}

/// The memory in MiB that a hub and so many nodes take with so many students at work.
#[must_use]
pub fn memory(nodes: u8, students: usize) -> u64 {
    let machines = VmRole::Hub.memory() + u64::from(nodes) * VmRole::Node.memory();
    machines + u64::from(nodes.max(1)) * for_notebooks(nodes, students)
}

/// The memory in MiB that each machine with notebooks needs for students at work: the nodes, or a hub without any.
fn for_notebooks(nodes: u8, students: usize) -> u64 {
    (students as u64).div_ceil(u64::from(nodes.max(1))) * NOTEBOOK
}

/// Whether the images are there.
pub fn check_images(images: &[PathBuf]) -> Result<()> {
    let mut findings = Findings::default();
    for image in images.iter().filter(|image| !image.is_file()) {
        findings.push(findings::no_image(image));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings.into()) }
}

/// Rehearses: all machines are gone at the end, however it ends.
pub fn run(scenario: Scenario, progress: &Progress) -> Result<()> {
    let testbed = Testbed::open(TestbedSpec::of(&scenario), progress)?;
    let (door, timed) = (scenario.forward.clone(), scenario.timed);
    let mut stage = startup::set(scenario, &testbed.environment, progress)?;
    let checks = checks::of(&stage, timed);
    let failed = run_checks(&mut stage, checks, progress)?;
    finish(&mut stage, &failed, &testbed.environment.logs)?;
    door.map_or(Ok(()), |door| port_forward::hold_open(&door, &stage, progress))
}

/// Keeps the journals and fails where a check has failed.
fn finish(cluster: &mut Cluster, failed: &[&str], logs: &Path) -> Result<()> {
    if failed.is_empty() {
        return Ok(());
    }
    keep_journals(cluster, logs)?;
    Err(anyhow!("{} failed; the logs are in {}", failed.join(", "), logs.display()).into())
}

/// What a rehearsal needs of the place where it takes place.
struct TestbedSpec {
    images: [PathBuf; 2],
    outside: bool,
    door: Option<u16>,
    volume: bool,
    logs: PathBuf,
    cloud: Cloud,
}

impl TestbedSpec {
    fn of(scenario: &Scenario) -> Self {
        Self {
            images: scenario.images.clone(),
            outside: scenario.plain,
            door: scenario.forward.as_ref().map(|door| door.port),
            volume: scenario.volume,
            logs: scenario.logs.clone(),
            cloud: scenario.cloud.clone(),
        }
    }
}

/// Where a rehearsal takes place. Dropped after the machines, it takes the LAN and all files but the logs with it.
struct Testbed {
    environment: VmEnvironment,
    _lan: Lan,
    _second: Option<Lan>,
    _folder: WorkDir,
}

impl Testbed {
    fn open(spec: TestbedSpec, progress: &Progress) -> Result<Self> {
        let folder = WorkDir::named(&socket_dir()?, "imagegen-rehearsal-")?;
        let socket = folder.path("lan");
        let lan = Lan::start(&socket)?;
        let cloud = spec.cloud;
        let service = cloud.has_service();
        let metadata = service.then(|| Metadata::start(&socket, cloud.network, cloud.manner)).transpose()?;
        let second_socket = cloud.second_interface.then(|| folder.path("second"));
        let second = second_socket.as_deref().map(Lan::start).transpose()?;
        let (accelerator, reason) = Accelerator::probe(&folder.path(""))?;
        progress.note(&reason);
        fs_err::create_dir_all(&spec.logs)?;
        let environment = VmEnvironment {
            images: spec.images,
            outside: spec.outside,
            door: spec.door,
            volume: spec.volume,
            folder: folder.path(""),
            logs: std::path::absolute(&spec.logs)?,
            cloud,
            lan: socket,
            second: second_socket,
            metadata,
            accelerator,
        };
        Ok(Self { environment, _lan: lan, _second: second, _folder: folder })
    }
}

/// The user's folder for temporary files, or `/tmp`: the path of a socket has at most 107 bytes, of which a rehearsal's own
/// folder and a name in it take up to 47.
fn socket_dir() -> Result<PathBuf> {
    let folder = std::path::absolute(std::env::temp_dir())?;
    Ok(if folder.as_os_str().len() <= 60 { folder } else { "/tmp".into() })
}

/// Runs every check, also after one has failed, and gives the names of those that did.
fn run_checks<S: 'static>(
    stage: &mut S,
    checks: impl IntoIterator<Item = &'static ClusterCheck<S>>,
    progress: &Progress,
) -> Result<Vec<&'static str>> {
    let mut failed = vec![];
    for ClusterCheck { name, run } in checks {
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
fn keep_journals(cluster: &mut Cluster, logs: &Path) -> Result<()> {
    for machine in cluster.machines() {
        let name = format!("{}.journal.log", machine.spec.name);
        let kept = machine
            .stdout_of(&["journalctl", "-b", "--no-pager", "-n", "20000", "-o", "short-monotonic"])
            .and_then(|journal| Ok(fs_err::write(logs.join(&name), journal)?));
        match kept {
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(failure) => report::say(&format!("{name} could not be kept: {failure}")),
            Ok(()) => {}
        }
    }
    Ok(())
}
