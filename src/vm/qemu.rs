//! The QEMU that every machine of ours is started by: without anything that was not asked for, and as Nova presents an
//! instance.

use std::path::Path;

use super::Accelerator;
use crate::host::cmd::Cmd;
use crate::host::tools;

/// What machines have in common; each adds its links, and how it is talked to.
#[derive(Debug)]
pub struct QemuConfig<'a> {
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
    /// The config drive, for a machine that has one.
    pub config_drive: Option<&'a Path>,
    /// The product name that its firmware tells.
    pub product: &'a str,
}

/// The product name of Nova's instances, where a cloud has not given them another one.
pub const NOVA: &str = "OpenStack Nova";

impl QemuConfig<'_> {
    /// The command, to which more devices can be added.
    #[must_use]
    pub fn qemu(&self) -> Cmd {
        let Self { name, board, uuid, disk_options, .. } = self;
        let [log, disk] = [self.log, self.disk].map(|path| path.display().to_string());
        let config_drive =
            self.config_drive.map(|path| format!("if=virtio,format=raw,readonly=on,file={}", path.display()));
        // A comma ends an option, if it is not doubled.
        let product = self.product.replace(',', ",,");
        let root =
            format!("if=none,id=root,format=qcow2,cache=unsafe,discard=unmap,{disk_options}file={disk}");
        Cmd::new(tools::QEMU.name)
            .args(["-name", name, "-machine", board])
            .args(&self.firmware)
            .args(self.accelerator.arguments())
            // cloud-init looks at it.
            .args(["-uuid", uuid])
            .args(["-smbios", &format!("type=1,manufacturer=OpenStack Foundation,product={product}")])
            .args(["-smp", &self.processors.to_string(), "-m", &self.memory.to_string()])
            .args(["-display", "none", "-nodefaults", "-no-user-config"])
            .args(["-serial", &format!("file:{log}")])
            .args(["-drive", &root])
            .args(["-device", "virtio-blk-pci,drive=root,bootindex=1"])
            .args(config_drive.iter().flat_map(|drive| ["-drive", drive]))
            .args(["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"])
    }
}
