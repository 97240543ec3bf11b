//! What starts a machine before its own disk does.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::failure::{MissingPrerequisite, Result};
use crate::host::tools;

/// Where Debian's and Ubuntu's package `ovmf` keeps its firmware of 4 MiB. The ones with `ms` know Microsoft's keys, as
/// bought machines do, and start nothing else (README.Debian of that package).
const OVMF: &str = "/usr/share/OVMF";
/// Prints 1 with Secure Boot and 0 without, and nothing on a machine without UEFI. A variable's file begins with four
/// bytes of attributes; the GUID is that of UEFI's own variables.
const SECURE_BOOT: &str = "cat /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 2>/dev/null \
                           | od -An -tu1 -j4 | tr -d ' '; test -d /sys/firmware/efi && echo UEFI || echo BIOS";

/// A machine's firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// `SeaBIOS`, which QEMU brings along.
    Bios,
    /// OVMF, which starts whatever it finds.
    Uefi,
    /// OVMF, which starts nothing but what has a signature that leads to Microsoft's keys.
    SecureBoot,
}

impl fmt::Display for Firmware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
            Self::SecureBoot => "UEFI with Secure Boot",
        })
    }
}

impl Firmware {
    /// All of them, the simplest first.
    pub const ALL: [Self; 3] = [Self::Bios, Self::Uefi, Self::SecureBoot];

    /// Its code, and its variables as they are when the machine is new.
    fn files(self) -> Option<[PathBuf; 2]> {
        let ending = match self {
            Self::Bios => return None,
            Self::Uefi => "fd",
            Self::SecureBoot => "ms.fd",
        };
        Some(["CODE", "VARS"].map(|part| Path::new(OVMF).join(format!("OVMF_{part}_4M.{ending}"))))
    }

    /// What this host lacks of it.
    #[must_use]
    pub fn missing(self) -> Vec<MissingPrerequisite> {
        self.files().map_or_else(Vec::new, |files| tools::missing_firmware(&files))
    }

    /// QEMU's machine: with Secure Boot, only code in system management mode may change variables.
    pub(super) fn machine(self) -> &'static str {
        if self == Self::SecureBoot { "q35,smm=on" } else { "q35" }
    }

    /// QEMU's arguments for it; `variables` is the machine's own file.
    pub(super) fn arguments(self, variables: &Path) -> Vec<String> {
        let Some([code, _]) = self.files() else { return vec![] };
        let flash = "if=pflash,format=raw";
        let mut arguments = vec![
            "-drive".to_owned(),
            format!("{flash},unit=0,readonly=on,file={}", code.display()),
            "-drive".to_owned(),
            format!("{flash},unit=1,file={}", variables.display()),
        ];
        if self == Self::SecureBoot {
            // OVMF with system management mode does not start where a machine may be suspended to memory.
            for setting in ["driver=cfi.pflash01,property=secure,value=on", "ICH9-LPC.disable_s3=1"] {
                arguments.extend(["-global".to_owned(), setting.to_owned()]);
            }
        }
        arguments
    }

    /// Gives the machine variables that nobody has written to, as a cloud does that does not keep them.
    pub(super) fn forget(self, variables: &Path) -> Result<()> {
        if let Some([_, new]) = self.files() {
            fs_err::copy(new, variables)?;
        }
        Ok(())
    }

    /// The command that prints what a running machine was booted by, for [`Self::printed`].
    pub(super) const PROBE: [&'static str; 3] = ["sh", "-c", SECURE_BOOT];

    /// What a machine was booted by that printed this.
    pub(super) fn printed(printed: &str) -> Option<Self> {
        read(printed)
    }
}

fn read(printed: &str) -> Option<Firmware> {
    match printed.lines().collect::<Vec<_>>()[..] {
        ["BIOS"] => Some(Firmware::Bios),
        // Firmware that knows no keys may have no such variable.
        ["UEFI"] | ["0", "UEFI"] => Some(Firmware::Uefi),
        ["1", "UEFI"] => Some(Firmware::SecureBoot),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_one_is_secure_boot() {
        assert_eq!(read("BIOS"), Some(Firmware::Bios));
        assert_eq!(read("UEFI"), Some(Firmware::Uefi));
        assert_eq!(read("0\nUEFI"), Some(Firmware::Uefi));
        assert_eq!(read("1\nUEFI"), Some(Firmware::SecureBoot));
        assert_eq!(read("1\nBIOS"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn secure_boot_has_its_own_files_and_a_machine_that_guards_them() {
        let arguments =
            Firmware::SecureBoot.arguments(Path::new("/tmp/w/hub.vars")).join(" ").replace(" -", "\n-");
        insta::assert_snapshot!(arguments, @r"
        -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.ms.fd
        -drive if=pflash,format=raw,unit=1,file=/tmp/w/hub.vars
        -global driver=cfi.pflash01,property=secure,value=on
        -global ICH9-LPC.disable_s3=1
        ");
        assert_eq!(Firmware::SecureBoot.machine(), "q35,smm=on");
        assert!(Firmware::Bios.arguments(Path::new("/tmp/w/hub.vars")).is_empty());
    }
}
