//! A machine that does one thing and switches itself off. What it says on its line to us, as JSON, tells how it went: a
//! machine that went off, by itself or by a crash, has not thereby done anything.

use crate::util::debug_only;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::accelerator::Accelerator;
use super::config_drive::{self, InstanceIdentity};
use super::qemu::{NOVA, QemuConfig};
use crate::failure::Result;
use crate::host::child::ChildProcess;
use crate::host::cmd::Cmd;
use crate::host::signals;

/// The name of the line to us, inside the machine.
const PORT: &str = "imagegen";
/// The address of its network card.
const MAC: &str = "52:54:00:79:00:01";
/// How often we look.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Lines of the serial log that are worth a message.
const LINES: usize = 25;
/// How much of the serial log is read for them, in bytes.
const TAIL: u64 = 16 << 10;

/// Memory in MiB.
pub const MEMORY: u64 = 2048;

/// What a machine is sent for.
pub struct OneShotVm {
    /// Its name.
    pub name: String,
    /// The disk that it boots from and changes, as qcow2.
    pub disk: PathBuf,
    /// What else it gets to read, each raw, by a serial number that udev makes a name of.
    pub drives: Vec<(PathBuf, &'static str)>,
    /// What cloud-init gets.
    pub user_data: String,
    /// How QEMU runs it.
    pub accelerator: Accelerator,
    /// A folder for what the machine needs and says.
    pub folder: PathBuf,
    /// How long the first word may take.
    pub first_event_timeout: Duration,
    /// How long the whole may take.
    pub timeout: Duration,
}

debug_only!(OneShotVm { name, disk, drives, accelerator, folder });

impl OneShotVm {
    /// Runs the machine until it goes off; `hear` gets each of its words, and may end it by a failure.
    ///
    /// # Errors
    /// What `hear` failed by; or that the machine was silent, took too long, or ended by something else than itself.
    pub fn run<Word: DeserializeOwned>(&self, mut hear: impl FnMut(Word) -> Result<()>) -> Result<()> {
        let identity = InstanceIdentity::fresh(&self.name)?;
        let network = json!({
            "links": [{"id": "outside", "type": "phy", "ethernet_mac_address": MAC, "mtu": 1500}],
            "networks": [{"id": "packages", "type": "ipv4_dhcp", "link": "outside"}],
            "services": [],
        });
        let drive = config_drive::image(&identity, &network, Some(&self.user_data))?;
        fs_err::write(self.file("config-2"), drive)?;
        let mut line = Line::new(self.file("words"))?;
        let mut machine = self.qemu(&identity.uuid).kill_on_parent_death().spawn()?;
        let begun = Instant::now();
        loop {
            // Looked at first: what was said before the end is read after it.
            let ended = machine.ended()?;
            signals::check()?;
            line.events()?.into_iter().try_for_each(&mut hear)?;
            if let Some(status) = ended {
                return if status.success() {
                    switched_off(&mut machine)
                } else {
                    Err(machine.failed(status))
                };
            }
            self.expect_in_time(begun.elapsed(), line.heard)?;
            signals::sleep(POLL_INTERVAL)?;
        }
    }

    fn expect_in_time(&self, elapsed: Duration, heard: bool) -> Result<()> {
        if !heard && elapsed > self.first_event_timeout {
            let minutes = self.first_event_timeout.as_secs() / 60;
            return Err(anyhow!(
                "the machine has reported nothing for {minutes} minutes: does the image's cloud-init read config drives?"
            )
            .into());
        }
        if elapsed > self.timeout {
            return Err(
                anyhow!("the machine was not done after {} minutes", self.timeout.as_secs() / 60).into()
            );
        }
        Ok(())
    }

    /// Where the serial log is.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.file("log")
    }

    /// The end of the serial log, without the control characters of a terminal.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log()).unwrap_or_default()
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    fn qemu(&self, uuid: &str) -> Cmd {
        let show = |path: &Path| path.display().to_string();
        let config = QemuConfig {
            name: &self.name,
            board: "q35",
            firmware: vec![],
            accelerator: self.accelerator,
            uuid,
            processors: self.accelerator.processors(),
            memory: MEMORY,
            log: &self.log(),
            disk: &self.disk,
            // What the machine gives back does not take room in the result.
            disk_options: "detect-zeroes=unmap,",
            config_drive: Some(&self.file("config-2")),
            product: NOVA,
        };
        let mut tool = config
            .qemu()
            .args(["-chardev", &format!("file,id=words,path={}", show(&self.file("words")))])
            .args(["-device", &format!("virtserialport,chardev=words,name={PORT}")])
            .args(["-netdev", "user,id=outside"])
            .args(["-device", &format!("virtio-net-pci,netdev=outside,romfile=,mac={MAC}")]);
        for (path, serial) in &self.drives {
            tool = tool
                .args(["-drive", &format!("if=none,id={serial},format=raw,readonly=on,file={}", show(path))])
                .args(["-device", &format!("virtio-blk-pci,drive={serial},serial={serial}")]);
        }
        tool
    }
}

/// QEMU ends well on a signal from somebody too, and the machine's disk is then as after a power cut.
fn switched_off(machine: &mut ChildProcess) -> Result<()> {
    let said = machine.error_tail();
    if said.contains("terminating on signal") {
        return Err(anyhow!("the machine was ended from outside: {said}").into());
    }
    Ok(())
}

fn tail(log: &Path) -> std::io::Result<String> {
    let mut file = fs_err::File::open(log)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = vec![];
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let plain: String = text.chars().filter(|c| ['\n', '\t'].contains(c) || !c.is_control()).collect();
    let lines: Vec<&str> = plain.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(lines[lines.len().saturating_sub(LINES)..].join("\n"))
}

/// What has come over the line so far, as lines of JSON.
struct Line {
    file: std::fs::File,
    unread: Vec<u8>,
    heard: bool,
}

impl Line {
    fn new(path: PathBuf) -> Result<Self> {
        fs_err::write(&path, "")?;
        Ok(Self { file: fs_err::File::open(path)?.into_parts().0, unread: vec![], heard: false })
    }

    fn events<Word: DeserializeOwned>(&mut self) -> Result<Vec<Word>> {
        self.file.read_to_end(&mut self.unread)?;
        let end = self.unread.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let whole: Vec<u8> = self.unread.drain(..end).collect();
        self.heard |= !whole.is_empty();
        let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let words = lines.map(|line| {
            let told = || format!("the machine sent an unknown message: {}", String::from_utf8_lossy(line));
            serde_json::from_slice(line).with_context(told)
        });
        Ok(words.collect::<anyhow::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tools;

    #[test]
    fn words_are_heard_line_by_line_and_half_a_line_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words");
        let mut line = Line::new(path.clone()).unwrap();
        assert_eq!(line.events::<u32>().unwrap(), Vec::<u32>::new());
        assert!(!line.heard);
        fs_err::write(&path, "1\n2\n3").unwrap();
        assert_eq!(line.events::<u32>().unwrap(), [1, 2]);
        fs_err::write(&path, "1\n2\n34\n").unwrap();
        assert_eq!(line.events::<u32>().unwrap(), [34]);
        fs_err::write(&path, "1\n2\n34\nnonsense\n").unwrap();
        assert!(line.events::<u32>().unwrap_err().to_string().contains("nonsense"));
    }

    #[test]
    fn the_log_s_tail_is_its_last_lines_without_control_characters() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<String> = (0..100).map(|number| format!("\x1b[0mline {number}\r\n\n")).collect();
        fs_err::write(file.path(), lines.concat()).unwrap();
        let tail = tail(file.path()).unwrap();
        assert_eq!(tail.lines().count(), LINES);
        assert!(tail.ends_with("line 99"), "{tail}");
        assert!(!tail.contains('\x1b') && !tail.contains("line 74"), "{tail}");
    }

    /// Switches a q35 machine off, by its ACPI: `mov dx,0x604; mov ax,0x2000; out dx,ax`; then, or without it, waits.
    const OFF: [u8; 10] = [0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4, 0xeb, 0xfd];

    fn machine(folder: &Path, program: &[u8]) -> OneShotVm {
        let mut content = vec![0; 1 << 20];
        content[..program.len()].copy_from_slice(program);
        content[510..512].copy_from_slice(&[0x55, 0xaa]);
        fs_err::write(folder.join("raw"), content).unwrap();
        let disk = folder.join("disk.qcow2");
        let convert = Cmd::new(tools::QEMU_IMG.name).args(["convert", "-O", "qcow2"]);
        convert.args([&folder.join("raw"), &disk]).run().unwrap();
        OneShotVm {
            name: "test".into(),
            disk,
            drives: vec![(folder.join("raw"), "payload")],
            user_data: String::new(),
            accelerator: Accelerator::Tcg,
            folder: folder.to_owned(),
            first_event_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
        }
    }

    #[test]
    #[ignore = "slow: it runs machines"]
    fn a_machine_that_goes_off_is_noticed_and_one_that_is_silent_too() {
        let folder = tempfile::tempdir().unwrap();
        let hear = |(): ()| Ok(());
        machine(folder.path(), &OFF).run(hear).unwrap();
        let silent =
            OneShotVm { first_event_timeout: Duration::from_secs(2), ..machine(folder.path(), &OFF[7..]) };
        let failure = silent.run(hear).unwrap_err().to_string();
        assert!(failure.contains("has reported nothing"), "{failure}");
    }
}
