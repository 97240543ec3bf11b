//! What starts: GRUB for BIOS, a loader for UEFI, a kernel with its initrd and modules, and the menu between them.

use super::Check;
use crate::inspect::disk::{le16, le64};
use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::{Level, Violation};
use crate::inspect::system::{InstalledKernel, MENU, System};
use crate::inspect::table::grub_core_sector;
use crate::plan::disk::SECTOR;

/// GRUB's core image holds at this offset of its first sector where its second sector is on the disk, and behind it how
/// many there are (`struct grub_pc_bios_boot_blocklist`).
const CORE_NEXT: usize = 0x1f4;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "bios-boot",
        severity: Level::Error,
        message: "a BIOS cannot load a kernel: {}",
        remedy: "install GRUB for BIOS again: grub-install --target=i386-pc",
        look: |evidence| {
            let fault = evidence.bios_boot().and_then(|_| bios_fault(evidence));
            fault.map(|fault| Violation::at("the boot sector", fault)).into_iter().collect()
        },
    },
    Check {
        name: "uefi-boot",
        severity: Level::Error,
        message: "UEFI finds nothing to start in the EFI system partition: {}",
        remedy: "put a loader at EFI/BOOT/BOOTX64.EFI: grub-install --target=x86_64-efi --removable",
        look: |evidence| {
            let Some(esp) = &evidence.esp else { return vec![] };
            let place = format!("partition {}", esp.number);
            esp.fault().map(|fault| Violation::at(place, fault)).into_iter().collect()
        },
    },
    Check {
        name: "boot-loader",
        severity: Level::Error,
        message: "there is no boot loader, neither for BIOS nor for UEFI",
        remedy: "install GRUB: grub-install --target=i386-pc, and --target=x86_64-efi --removable",
        look: |evidence| {
            let table = evidence.table.as_ref().is_some_and(|table| !table.partitions.is_empty());
            let none = table && !boots_bios(evidence) && evidence.esp.is_none();
            if none && evidence.bios_boot().is_none() { vec![Violation::at("the disk", "")] } else { vec![] }
        },
    },
    Check {
        name: "bios-only",
        severity: Level::Note,
        message: "it boots by BIOS only, and flavours with UEFI need another image",
        remedy: "add an EFI system partition if there are such flavours",
        look: |evidence| only(evidence.esp.is_none() && boots_bios(evidence)),
    },
    Check {
        name: "uefi-only",
        severity: Level::Note,
        message: "it boots by UEFI only, and most clouds boot by BIOS",
        remedy: "add GRUB for BIOS, or upload it with --property hw_firmware_type=uefi",
        look: |evidence| {
            let uefi = evidence.esp.as_ref().is_some_and(crate::inspect::esp::Esp::boots);
            only(uefi && evidence.bios_boot().is_none() && !boots_bios(evidence))
        },
    },
    Check {
        name: "kernel",
        severity: Level::Error,
        message: "there is no kernel: no file whose name begins with vmlinuz- has content",
        remedy: "install one: linux-image-cloud-amd64 on Debian, linux-image-virtual on Ubuntu",
        look: |evidence| {
            let none = evidence.system().is_some_and(|system| system.kernels.is_empty());
            if none { vec![Violation::file("boot", "")] } else { vec![] }
        },
    },
    Check {
        name: "initrd",
        severity: Level::Error,
        message: "the kernel {} has no initrd, without which it does not find the root file system",
        remedy: "make one: update-initramfs -c -k VERSION",
        look: |evidence| kernels_without(evidence, |kernel| kernel.initrd),
    },
    Check {
        name: "modules",
        severity: Level::Error,
        message: "the kernel {} has no modules in /lib/modules",
        remedy: "install the kernel's package again, and nothing but by the package manager",
        look: |evidence| kernels_without(evidence, |kernel| kernel.modules),
    },
    Check {
        name: "boot-menu",
        severity: Level::Error,
        message: "GRUB's menu does not start a kernel: {}",
        remedy: "regenerate it in the image: update-grub",
        look: |evidence| {
            let fault = evidence.system().and_then(|system| menu_fault(evidence, system));
            fault.map(|fault| Violation::file(MENU, fault)).into_iter().collect()
        },
    },
    Check {
        name: "console",
        severity: Level::Warning,
        message: "the kernel does not write to the serial port, so the cloud's log of an instance stays empty",
        remedy: "add console=tty0 console=ttyS0,115200 to the kernel's command line",
        look: |evidence| {
            let menu = evidence.system().and_then(|system| system.tree.text(MENU)).unwrap_or_default();
            let silent = !menu.trim().is_empty() && !menu.contains("console=ttyS0");
            if silent { vec![Violation::file(MENU, "")] } else { vec![] }
        },
    },
];

fn only(is: bool) -> Vec<Violation> {
    if is { vec![Violation::at("the disk", "")] } else { vec![] }
}

/// Whether the first sector has GRUB's code, and the core image that it loads is there.
pub(in crate::inspect) fn boots_bios(facts: &ImageFacts) -> bool {
    facts.table.is_some() && bios_fault(facts).is_none()
}

fn bios_fault(facts: &ImageFacts) -> Option<String> {
    let Some(sector) = facts.table.as_ref().and_then(|table| grub_core_sector(&table.sector)) else {
        return Some("there is no code of GRUB in it".into());
    };
    let core = facts.core.as_deref().unwrap_or_default();
    if core.iter().all(|byte| *byte == 0) {
        return Some(format!("it loads GRUB from sector {sector}, and there is nothing"));
    }
    let (next, count) = (le64(core, CORE_NEXT), u64::from(le16(core, CORE_NEXT + 8)));
    let place = facts.bios_boot()?.extent;
    let starts = sector.checked_mul(SECTOR).is_some_and(|start| start == place.start);
    if !starts {
        return Some(format!("it loads GRUB from sector {sector}, where its partition does not begin"));
    }
    let end = next.saturating_add(count).saturating_mul(SECTOR);
    let whole = next == sector + 1 && end <= place.start.saturating_add(place.size);
    (!whole).then(|| format!("GRUB would go on at sector {next}, outside its partition"))
}

fn kernels_without(facts: &ImageFacts, has: impl Fn(&InstalledKernel) -> bool) -> Vec<Violation> {
    let kernels = facts.system().map_or(&[][..], |system| &system.kernels);
    let without = kernels.iter().filter(|kernel| !has(kernel));
    without
        .map(|kernel| Violation::file(&format!("boot/vmlinuz-{}", kernel.version), kernel.version.as_str()))
        .collect()
}

/// Looks at the first entry of the menu, which is the one that starts by itself.
fn menu_fault(facts: &ImageFacts, system: &System) -> Option<String> {
    let Some(menu) = system.tree.text(MENU) else { return Some("it is not there".into()) };
    let words = |command: &str| {
        let lines = menu.lines().map(str::trim).filter(|line| line.starts_with(command));
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).next()
    };
    let Some(linux) = words("linux ").or_else(|| words("linux\t")) else {
        return Some("it has no entry".into());
    };
    let initrd = words("initrd ").or_else(|| words("initrd\t")).unwrap_or_default();
    for path in linux.get(1).into_iter().chain(initrd.get(1)) {
        // Of a /boot of its own, GRUB sees the files without the folder.
        let path = path.trim_start_matches('/');
        if !path.contains('$') && !system.tree.exists(path) && !system.tree.exists(&format!("boot/{path}")) {
            return Some(format!("there is no /{path}, which it names"));
        }
    }
    let root = linux.iter().find_map(|word| word.strip_prefix("root=UUID="))?;
    let uuid = &facts.root.as_ref()?.superblock.uuid;
    (!root.contains('$') && root != uuid)
        .then(|| format!("it wants the file system {root}, and this is {uuid}"))
}
