//! One virtual machine: an overlay over a built image, a cable to the LAN, a line to its guest agent, and a config drive
//! where there is no metadata service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::agent::{Agent, CommandOutput};
use super::cloud::{Cloud, Datasource};
use super::metadata::Metadata;
use super::network::{Mac, MoreLinks};
use super::polling::{Look, wait_for};
use super::spec::{Spec, VmRole};
use crate::failure::{Failure, Result};
use crate::host::child::ChildProcess;
use crate::host::cmd::Cmd;
use crate::host::{signals, tools};
use crate::vm::{Accelerator, InstanceIdentity, QemuConfig, config_drive};

/// The disk of a flavour in bytes, larger than the image's so that growing the root file system is rehearsed too.
const DISK: u64 = 12 << 30;
/// Where the hub finds its second disk; udev makes the name of the disk's serial number.
pub const VOLUME: &str = "/dev/disk/by-id/virtio-homes";
const VOLUME_FILE: &str = "hub.volume";
/// In bytes; the file is sparse.
const VOLUME_SIZE: u64 = 1 << 30;
/// How long a machine may take to end all that runs in it.
const POWER_OFF: Duration = Duration::from_secs(600);
/// Prints what is another one after each boot.
/// How long the first sign of a machine may take: its agent answers late in its boot.
pub(super) const BOOT_TIMEOUT: Duration = Duration::from_secs(1800);
const BOOT_ID: &[&str] = &["cat", "/proc/sys/kernel/random/boot_id"];
/// How long one command inside may take. Under emulation a container can take a minute to start, and several where
/// somebody else has the processors.
const COMMAND: Duration = Duration::from_secs(600);
/// How long a whole class at work may take inside.
const LONG_COMMAND: Duration = Duration::from_secs(2700);

/// What the machines of one rehearsal share.
#[derive(Debug)]
pub struct VmEnvironment {
    /// The images of hub and node.
    pub images: [PathBuf; 2],
    /// Whether the machines have a second link, on which they reach what the host reaches.
    pub outside: bool,
    /// The port of this host that leads to the hub's page.
    pub door: Option<u16>,
    /// Whether the hub has a blank second disk.
    pub volume: bool,
    /// A folder for overlays and sockets; its path must be short, for sockets have at most 107 bytes.
    pub folder: PathBuf,
    /// Where the serial logs go.
    pub logs: PathBuf,
    /// What surrounds the machines.
    pub cloud: Cloud,
    /// The LAN's socket.
    pub lan: PathBuf,
    /// The socket of the second network, where there is one.
    pub second: Option<PathBuf>,
    /// The metadata service, where there is one; it gives out addresses, too.
    pub metadata: Option<Metadata>,
    /// How QEMU runs the machines.
    pub accelerator: Accelerator,
}

impl VmEnvironment {
    fn image(&self, role: VmRole) -> &Path {
        let [hub, node] = &self.images;
        match role {
            VmRole::Hub => hub,
            VmRole::Node => node,
        }
    }

    /// The file with the variables of a machine's firmware.
    fn variables(&self, spec: &Spec) -> PathBuf {
        self.folder.join(format!("{}.vars", spec.name))
    }

    /// The file with what a machine prints on its serial console.
    fn console(&self, spec: &Spec) -> PathBuf {
        self.logs.join(format!("{}.log", spec.log))
    }

    fn more_links(&self, spec: &Spec) -> MoreLinks {
        let outside = self.outside || self.door.is_some() && spec.role == VmRole::Hub;
        MoreLinks { outside, second: self.second.is_some() }
    }

    fn config_drive(&self, spec: &Spec) -> Option<PathBuf> {
        let wanted = self.cloud.datasource == Datasource::ConfigDrive;
        wanted.then(|| self.folder.join(format!("{}.config-2", spec.name)))
    }

    fn has_volume(&self, spec: &Spec) -> bool {
        self.volume && spec.role == VmRole::Hub
    }
}

/// A running machine. Dropping it is pulling its plug.
#[derive(Debug)]
pub struct Vm {
    /// What it was to be.
    pub spec: Spec,
    uuid: String,
    agent: Agent,
    console: PathBuf,
    process: ChildProcess,
}

impl Vm {
    /// Makes the machine's disks and switches it on.
    pub fn start(spec: Spec, environment: &VmEnvironment) -> Result<Self> {
        let image = std::path::absolute(environment.image(spec.role))?;
        Cmd::new(tools::QEMU_IMG.name)
            .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
            .arg(&image)
            .arg(environment.folder.join(format!("{}.qcow2", spec.name)))
            .arg(disk_size(&image)?.to_string())
            .run()?;
        let identity = InstanceIdentity::fresh(&spec.name)?;
        let network = spec.address.network_data(environment.cloud.network, environment.more_links(&spec));
        let user_data = spec.user_data.as_deref();
        if let Some(file) = environment.config_drive(&spec) {
            fs_err::write(file, config_drive::image(&identity, &network, user_data)?)?;
        }
        if let Some(service) = &environment.metadata {
            service.introduce(spec.address, &identity, &network, user_data);
        }
        if environment.has_volume(&spec) {
            fs_err::File::create(environment.folder.join(VOLUME_FILE))?.set_len(VOLUME_SIZE)?;
        }
        Self::switch_on(spec, identity.uuid, environment)
    }

    fn switch_on(spec: Spec, uuid: String, environment: &VmEnvironment) -> Result<Self> {
        spec.firmware.forget(&environment.variables(&spec))?;
        let console = environment.console(&spec);
        // What a machine of an earlier rehearsal said is not this one's.
        fs_err::write(&console, "")?;
        let process = qemu(&spec, &uuid, environment).kill_on_parent_death().spawn()?;
        let agent = Agent::new(environment.folder.join(format!("{}.qga", spec.name)));
        Ok(Self { spec, uuid, agent, console, process })
    }

    /// Has the machine power itself off, and switches it on again, changed: the same instance with the same disk.
    pub fn power_cycle(
        mut self,
        change: impl FnOnce(Spec) -> Spec,
        environment: &VmEnvironment,
    ) -> Result<Self> {
        self.ask_systemd("poweroff")?;
        let what = format!("{} to power itself off", self.spec.name);
        wait_for(&what, POWER_OFF, || match self.process.ended()? {
            Some(status) if status.success() => Ok(Look::Found(())),
            Some(status) => Err(self.process.failed(status)),
            None => Ok(Look::NotYet("it still runs".into())),
        })?;
        Self::switch_on(change(self.spec), self.uuid, environment)
    }

    /// Has the machine boot again, and waits until it answers.
    pub fn reboot(&mut self) -> Result<()> {
        let before = self.stdout_of(BOOT_ID)?;
        self.ask_systemd("reboot")?;
        self.wait_for_output("another boot", BOOT_TIMEOUT, BOOT_ID, |now| (now != before).then_some(()))
    }

    /// Has systemd end the machine's work, one way or the other. The agent may be gone before it has answered: what counts
    /// is that the machine goes.
    fn ask_systemd(&mut self, verb: &str) -> Result<()> {
        match self.run(&["systemctl", "--no-block", verb]) {
            Err(Failure::Interrupted) => Err(Failure::Interrupted),
            _ => Ok(()),
        }
    }

    /// Runs a command inside and gives what became of it.
    pub fn run(&mut self, command: &[&str]) -> Result<CommandOutput> {
        self.script(command, "")
    }

    /// Runs a command inside with `input` on its standard input.
    pub fn script(&mut self, command: &[&str], input: &str) -> Result<CommandOutput> {
        self.expect_alive()?;
        self.agent.run(command, input, COMMAND)
    }

    /// As [`Self::script`], for what may take long.
    pub fn run_with_timeout(&mut self, command: &[&str], input: &str) -> Result<CommandOutput> {
        self.expect_alive()?;
        self.agent.run(command, input, LONG_COMMAND)
    }

    /// Writes a file.
    pub fn write_file(&mut self, path: &str, content: &str) -> Result<()> {
        let command = ["tee", path];
        let outcome = self.script(&command, content)?;
        self.succeeded(&outcome, &command).map(drop)
    }

    /// Fails where the machine has ended.
    pub(super) fn expect_alive(&mut self) -> Result<()> {
        match self.process.ended()? {
            None => Ok(()),
            Some(status) => {
                // A signal to imagegen ends its machines too; that is no machine's fault.
                signals::check()?;
                Err(self.process.failed(status))
            }
        }
    }

    /// Runs a command inside and expects success; gives what it printed, without the last line's end.
    pub fn stdout_of(&mut self, command: &[&str]) -> Result<String> {
        let outcome = self.run(command)?;
        self.succeeded(&outcome, command)
    }

    /// What a command printed, or the failure to tell of it.
    pub fn succeeded(&self, outcome: &CommandOutput, command: &[&str]) -> Result<String> {
        if outcome.ok() {
            return Ok(outcome.stdout.trim_end().to_owned());
        }
        Err(anyhow!("on {}: `{}`: {outcome}", self.spec.name, command.join(" ")).into())
    }

    /// What the machine has printed on its serial console.
    pub(super) fn console(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs_err::read(&self.console)?).into_owned())
    }
}

/// The size of a machine's disk in bytes: an image of more than the usual size is not cut off.
fn disk_size(image: &Path) -> Result<u64> {
    let shown = Cmd::new(tools::QEMU_IMG.name).args(["info", "--output=json"]).arg(image).output()?;
    let info: serde_json::Value = serde_json::from_str(&shown).context("reading what qemu-img says")?;
    Ok(info["virtual-size"].as_u64().context("qemu-img tells no virtual size")?.max(DISK))
}

/// The QEMU that is the machine.
fn qemu(spec: &Spec, uuid: &str, environment: &VmEnvironment) -> Cmd {
    let file = |ending: &str| environment.folder.join(format!("{}.{ending}", spec.name));
    let config_drive = environment.config_drive(spec);
    let config = QemuConfig {
        name: &spec.name,
        board: spec.firmware.machine(),
        firmware: spec.firmware.arguments(&environment.variables(spec)),
        accelerator: environment.accelerator,
        uuid,
        processors: 1,
        memory: spec.memory,
        log: &environment.console(spec),
        disk: &file("qcow2"),
        disk_options: "",
        config_drive: config_drive.as_deref(),
        product: &environment.cloud.product,
    };
    config
        .qemu()
        .args(["-chardev", &format!("socket,id=qga,path={},server=on,wait=off", file("qga").display())])
        .args(["-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"])
        // The second network's card comes first: it is the one that a machine finds first.
        .args(environment.second.iter().flat_map(|socket| cable("second", socket, spec.address.second_mac())))
        .args(cable("lan", &environment.lan, spec.address.mac()))
        .args(more_devices(spec, environment))
}

/// A network card, and its cable to a switch of ours.
fn cable(id: &str, socket: &Path, mac: Mac) -> [String; 4] {
    [
        "-netdev".into(),
        format!("stream,id={id},server=off,addr.type=unix,addr.path={}", socket.display()),
        "-device".into(),
        format!("virtio-net-pci,netdev={id},romfile=,mac={mac}"),
    ]
}

/// A link to the outside and a second disk, where there is one.
fn more_devices(spec: &Spec, environment: &VmEnvironment) -> Vec<String> {
    let mut devices = vec![];
    let door = environment.door.filter(|_| spec.role == VmRole::Hub);
    if environment.outside || door.is_some() {
        let mac = spec.address.outside_mac();
        // Who comes in by the door is answered; nothing goes out by it.
        let door = door.map(|port| format!(",restrict=on,hostfwd=tcp:127.0.0.1:{port}-:443"));
        devices.extend(["-netdev".into(), format!("user,id=outside{}", door.unwrap_or_default())]);
        devices.extend(["-device".into(), format!("virtio-net-pci,netdev=outside,romfile=,mac={mac}")]);
    }
    if environment.has_volume(spec) {
        let file = environment.folder.join(VOLUME_FILE);
        let drive = format!("if=none,id=homes,format=raw,cache=unsafe,file={}", file.display());
        devices.extend(["-drive".into(), drive]);
        devices.extend(["-device".into(), "virtio-blk-pci,drive=homes,serial=homes".into()]);
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> VmEnvironment {
        VmEnvironment {
            images: ["hub.qcow2".into(), "node.qcow2".into()],
            outside: false,
            door: None,
            volume: false,
            folder: "/tmp/w".into(),
            logs: "logs".into(),
            cloud: Cloud::default(),
            lan: "/tmp/w/lan".into(),
            second: None,
            metadata: None,
            accelerator: Accelerator::Tcg,
        }
    }

    fn command(environment: &VmEnvironment) -> String {
        qemu(&Spec::node(1, None), "00000000-0000-4000-8000-000000000000", environment).to_string()
    }

    #[test]
    fn a_machine_has_its_disks_its_cable_and_its_agent_and_no_other_device() {
        insta::assert_snapshot!(command(&bench()).replace(" '-", "\n'-"));
    }

    #[test]
    fn on_another_cloud_it_has_another_name_another_card_before_its_own_and_no_config_drive() {
        let cloud = Cloud {
            datasource: Datasource::Metadata,
            product: "VMware, virtually".into(),
            ..Cloud::default()
        };
        let command = command(&VmEnvironment { cloud, second: Some("/tmp/w/second".into()), ..bench() });
        assert!(!command.contains("config-2"), "{command}");
        assert!(command.contains("product=VMware,, virtually"), "{command}");
        let [second, own] = ["52:54:00:7a:00:0b", "52:54:00:77:00:0b"].map(|mac| command.find(mac).unwrap());
        assert!(second < own, "{command}");
    }
}
