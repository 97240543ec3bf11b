//! The QEMU that every machine of ours is started by: without anything that was not asked for, and as Nova presents an
//! instance.

use std::path::Path;

use super::Accelerator;
use crate::host::command::Tool;
use crate::host::tools;

/// What machines have in common; each adds its links, and how it is talked to.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Its name.
    pub name: &'a str,
    /// QEMU's name of the board, with what the firmware wants of it.
    pub board: &'a str,
    /// What the firmware is given by; nothing for `SeaBIOS`.
    pub firmware: Vec<String>,
    /// How it is run.
    pub accelerator: Accelerator,
    /// Its UUID.
    pub uuid: &'a str,
    /// Its number of processors.
    pub processors: u32,
    /// Its memory in MiB.
    pub memory: u64,
    /// Where its serial log goes.
    pub log: &'a Path,
    /// The disk that it boots from, as qcow2.
    pub disk: &'a Path,
    /// More options of that disk, each with a comma behind it.
    pub disk_options: &'a str,
    /// The config drive.
    pub config_drive: &'a Path,
}

impl Frame<'_> {
    /// The command, to which more devices can be added.
    #[must_use]
    pub fn qemu(&self) -> Tool {
        let Self { name, board, uuid, disk_options, .. } = self;
        let [log, disk, config_drive] =
            [self.log, self.disk, self.config_drive].map(|path| path.display().to_string());
        let root =
            format!("if=none,id=root,format=qcow2,cache=unsafe,discard=unmap,{disk_options}file={disk}");
        Tool::new(tools::QEMU.name)
            .args(["-name", name, "-machine", board])
            .args(&self.firmware)
            .args(self.accelerator.arguments())
            // cloud-init looks at it.
            .args([
                "-uuid",
                uuid,
                "-smbios",
                "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova",
            ])
            .args(["-smp", &self.processors.to_string(), "-m", &self.memory.to_string()])
            .args(["-display", "none", "-nodefaults", "-no-user-config"])
            .args(["-serial", &format!("file:{log}")])
            .args(["-drive", &root])
            .args(["-device", "virtio-blk-pci,drive=root,bootindex=1"])
            .args(["-drive", &format!("if=virtio,format=raw,readonly=on,file={config_drive}")])
            .args(["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"])
    }
}
