//! One image by itself on each firmware, before and after its kernel and its boot loaders are upgraded inside; and with
//! user-data that was spoiled.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, ensure};

use super::cloud::Cloud;
use super::firmware::Firmware;
use super::pastes::{self, Spoiling, Texts};
use super::spec::{Spec, VmRole};
use super::vm::{BOOT_TIMEOUT, Vm};
use super::{Testbed, TestbedSpec, guest_setup};
use crate::failure::{Failure, Result};
use crate::report::{self, Progress};

/// Replaces another kernel and the boot loaders; prints the kernel that is to boot next.
const UPGRADE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/upgrade.sh"));
/// How long cloud-init may take to enlarge the root file system, once the machine answers.
const GROWING: Duration = Duration::from_secs(300);

/// What is to be tried.
#[derive(Debug)]
pub struct BootTest {
    /// The image.
    pub image: PathBuf,
    /// On what it boots before it is upgraded, in this order: on the last one it is upgraded.
    pub first: Vec<Firmware>,
    /// On what it boots afterwards.
    pub then: Vec<Firmware>,
    /// What it gets, spoiled, after that.
    pub texts: Texts,
    /// Where the logs go.
    pub logs: PathBuf,
}

/// The memory in MiB that a boot test takes.
#[must_use]
pub fn boot_memory() -> u64 {
    VmRole::Node.memory()
}

/// Boots one disk on the firmware that is asked for, upgrades it there, and boots it again; then new disks with spoiled
/// user-data.
pub fn boot(test: &BootTest, progress: &Progress) -> Result<()> {
    let testbed = Testbed::open(
        TestbedSpec {
            images: [test.image.clone(), test.image.clone()],
            outside: true,
            door: None,
            volume: false,
            logs: test.logs.clone(),
            cloud: Cloud::default(),
        },
        progress,
    )?;
    let mut session = Session { testbed: &testbed, progress, machine: None, boots: 0 };
    let outcome = session.run(test);
    if matches!(outcome, Err(Failure::Work(_))) {
        report::say(&format!("The serial logs are in {}.", testbed.environment.logs.display()));
    }
    outcome
}

/// A disk that goes from machine to machine.
struct Session<'a> {
    testbed: &'a Testbed,
    progress: &'a Progress,
    machine: Option<Vm>,
    boots: u8,
}

impl Session<'_> {
    fn run(&mut self, test: &BootTest) -> Result<()> {
        for firmware in &test.first {
            self.boots(*firmware, None)?;
        }
        let kernel = self.upgrade()?;
        for firmware in &test.then {
            self.boots(*firmware, Some(&kernel))?;
        }
        self.pastes(&test.texts)
    }

    /// Switches the machine off and on, now with `firmware`, and looks around in it.
    fn boots(&mut self, firmware: Firmware, kernel: Option<&str>) -> Result<()> {
        let what = if kernel.is_some() { "the upgraded image" } else { "the image" };
        let step = self.progress.step(format!("{what} boots by {firmware}"));
        self.boots += 1;
        let log = format!("boot-{}", self.boots);
        let bench = &self.testbed.environment;
        let mut machine = match self.machine.take() {
            None => Vm::start(Spec::node(1, None).with_firmware(firmware).with_log(log), bench)?,
            Some(machine) => machine.power_cycle(|spec| spec.with_firmware(firmware).with_log(log), bench)?,
        };
        let running = machine.wait_for_success("the machine's agent", BOOT_TIMEOUT, &["uname", "-r"])?;
        let found = Firmware::printed(&machine.stdout_of(&Firmware::PROBE)?);
        let expected = || -> anyhow::Result<()> {
            let by = found.map_or_else(|| "nothing known".to_owned(), |found| found.to_string());
            ensure!(found == Some(firmware), "the machine reports that it booted by {by}");
            let wanted = kernel.unwrap_or(&running);
            ensure!(wanted == running, "the machine runs {running}, and was to run {wanted}");
            Ok(())
        };
        expected()?;
        let size = root_has_grown(&mut machine)?;
        step.done(&format!("it runs {running}, and its root has {size} MiB"));
        if pastes::judges(&mut machine)? {
            let step = self.progress.step("without user-data, it asks for some");
            step.done(&pastes::refused(&mut machine, pastes::NOTHING)?);
        }
        self.machine = Some(machine);
        Ok(())
    }

    /// Has the image, on a disk of its own each time, get user-data that something has happened to.
    fn pastes(&mut self, texts: &Texts) -> Result<()> {
        let mut machine = self.machine.take().ok_or_else(|| anyhow!("no machine has booted"))?;
        if !pastes::judges(&mut machine)? {
            return Ok(());
        }
        let text = texts.of(&mut machine)?;
        drop(machine);
        for spoiling in Spoiling::ALL {
            let step = self.progress.step(spoiling.title());
            let mut machine = Vm::start(spoiling.spec(text), &self.testbed.environment)?;
            step.done(&spoiling.look(&mut machine)?);
        }
        Ok(())
    }

    /// Gives the kernel that has to boot from now on.
    fn upgrade(&mut self) -> Result<String> {
        let step = self.progress.step("another kernel, and shim and GRUB reinstalled");
        let machine = self.machine.as_mut().ok_or_else(|| anyhow!("no machine has booted"))?;
        guest_setup::introduce_mirrors(machine)?;
        let outcome = machine.run_with_timeout(&["sh", "-c", UPGRADE], "")?;
        let said = machine.succeeded(&outcome, &["userdata/rehearsal/upgrade.sh"])?;
        let kernel = said.lines().last().unwrap_or_default().to_owned();
        step.done(&format!("{kernel} is next"));
        Ok(kernel)
    }
}

/// Waits until a machine has enlarged its root file system; gives its size in MiB.
pub(super) fn root_has_grown(machine: &mut Vm) -> Result<u64> {
    let show = ["df", "--output=size", "--block-size=1M", "/"];
    machine.wait_for_output("a root file system that fills the disk", GROWING, &show, grown)
}

/// The size in MiB of a root file system that has been enlarged, as df(1) shows it.
fn grown(shown: &str) -> Option<u64> {
    let size: u64 = shown.lines().last()?.trim().parse().ok()?;
    (size >= 10 * 1024).then_some(size)
}
