//! Whether machines can run under KVM. Only a machine that ran tells: `/dev/kvm` may open, and even make a virtual
//! machine, where QEMU then aborts on a register that the outer hypervisor refuses.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::host::child::ChildProcess;
use crate::host::cmd::Cmd;
use crate::host::{signals, tools};

/// How long the probe may take. A machine that works needs well under a second.
const PROBE: Duration = Duration::from_secs(20);

/// Writes 16 to port 0xf4, where QEMU's debug-exit device ends the machine: `mov al,16; out 0xf4,al; hlt; jmp`.
const PROGRAM: [u8; 7] = [0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd];

/// QEMU's exit code for the 16 written by [`PROGRAM`]: twice the value, and one. Nothing else ends with it.
const RAN: i32 = 33;

/// The processor that is cheapest to emulate: it has the instructions that programs and their cryptography use
/// (x86-64-v2, AES) and nothing that takes time without a use here, as five levels of page tables do. It says that it is
/// Intel's Bonnell, which speculates on nothing, as an emulator does: Linux leaves its mitigations out (`cpu_vuln_whitelist`
/// in arch/x86/kernel/cpu/common.c). Up to stepping 2 Linux would leave out large pages too (erratum AAE44).
const EMULATED: &str = "Westmere,model=28,stepping=10";

/// How the machines' processors are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor's own virtualisation.
    Kvm,
    /// Emulation: slow, and possible everywhere.
    Tcg,
}

impl Accelerator {
    /// How many processors a machine has that is to be fast. With two emulated ones QEMU 10 now and then aborts, on an
    /// assertion of `msix_table_mmio_write`.
    #[must_use]
    pub fn processors(self) -> u32 {
        match self {
            Self::Kvm => 2,
            Self::Tcg => 1,
        }
    }

    /// QEMU's arguments for it.
    #[must_use]
    pub fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg,thread=multi", "-cpu", EMULATED],
        }
    }

    /// Runs a machine of one instruction under KVM. Gives what works, and a line about it for the user.
    pub fn probe(folder: &Path) -> Result<(Self, String)> {
        match try_out(Self::Kvm, folder)? {
            None => Ok((Self::Kvm, "using KVM".into())),
            Some(reason) => Ok((Self::Tcg, refusal(Path::new("/dev/kvm").exists(), &reason))),
        }
    }
}

fn refusal(device: bool, reason: &str) -> String {
    let found = if device {
        format!("KVM is here but QEMU cannot use it ({reason})")
    } else {
        "this machine has no KVM".to_owned()
    };
    format!("{found}: using emulation, expect a few minutes")
}

/// Runs the probe machine; gives the reason where it did not run.
fn try_out(accelerator: Accelerator, folder: &Path) -> Result<Option<String>> {
    // Of a name of its own: QEMU locks it, and several machines may be tried out at once.
    let disk = tempfile::Builder::new().prefix("probe-").suffix(".raw").tempfile_in(folder)?;
    fs_err::write(&disk, boot_sector())?;
    let mut machine = Cmd::new(tools::QEMU.name)
        .args(accelerator.arguments())
        .args([
            "-machine",
            "q35",
            "-m",
            "32",
            "-display",
            "none",
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
        ])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-snapshot", "-drive"])
        .arg(format!("if=virtio,format=raw,file={}", disk.path().display()))
        .kill_on_parent_death()
        .spawn()?;
    verdict(&mut machine)
}

fn verdict(machine: &mut ChildProcess) -> Result<Option<String>> {
    let deadline = Instant::now() + PROBE;
    while Instant::now() < deadline {
        if let Some(status) = machine.ended()? {
            signals::check()?;
            let said = machine.error_tail();
            let reason = said.lines().next().map_or(status.to_string(), |line| line.trim().to_owned());
            return Ok((status.code() != Some(RAN)).then_some(reason));
        }
        signals::sleep(Duration::from_millis(50))?;
    }
    Ok(Some(format!("a machine did nothing for {} s", PROBE.as_secs())))
}

fn boot_sector() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[..PROGRAM.len()].copy_from_slice(&PROGRAM);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_kvm_that_is_broken_from_kvm_that_is_not_there() {
        insta::assert_snapshot!(
            refusal(true, "failed to set MSR 0x10a to 0x69"),
            @"KVM is here but QEMU cannot use it (failed to set MSR 0x10a to 0x69): using emulation, expect a few minutes"
        );
        insta::assert_snapshot!(
            refusal(false, ""),
            @"this machine has no KVM: using emulation, expect a few minutes"
        );
    }
}
