//! The EFI system partition.

use std::io::{self, Read};

use fatfs::{Dir, FileSystem, FsOptions};

use super::disk::{Allowed, Window, le16, le32};

/// What firmware starts on a disk that it knows nothing of (UEFI specification, 3.5.1.1), without regard to case.
const REMOVABLE_LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// What shim starts, which is in its own folder.
const GRUB: &str = "EFI/BOOT/GRUBX64.EFI";
/// shim's line about itself in its section .sbat (SBAT.md of shim), and the bytes of a loader in which we look for it.
const SHIM: &[u8] = b"shim,";
const LARGEST_LOADER: u64 = 4 << 20;
/// Entries of an EFI system partition that we are ready to look at, the bytes that these may take with the longest of names
/// and all that leads to them, and how deep we look.
const MOST_ENTRIES: usize = 4096;
const LARGEST_FOLDERS: u64 = 4 << 20;
const DEPTH: usize = 8;

/// What is in an EFI system partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Esp {
    pub(super) number: u32,
    /// Paths of all files in capital letters, with their sizes in bytes; or why there is no telling.
    pub(super) files: Result<Vec<(String, u64)>, String>,
    /// Whether what firmware starts is shim, which does nothing but start what stands beside it.
    shim: bool,
}

impl Esp {
    pub(super) fn read(number: u32, window: Window) -> Self {
        match read(window) {
            Ok((files, shim)) => Self { number, files: Ok(files), shim },
            Err(why) => Self { number, files: Err(why), shim: false },
        }
    }

    /// Whether firmware finds something to start.
    pub(super) fn boots(&self) -> bool {
        self.fault().is_none()
    }

    /// Why firmware finds nothing to start, if so.
    pub(super) fn fault(&self) -> Option<String> {
        let files = match &self.files {
            Ok(files) => files,
            Err(why) => return Some(why.clone()),
        };
        let has = |wanted: &str| files.iter().any(|(path, size)| path == wanted && *size > 0);
        if !has(REMOVABLE_LOADER) {
            return Some(format!("there is no {REMOVABLE_LOADER}"));
        }
        (self.shim && !has(GRUB))
            .then(|| format!("{REMOVABLE_LOADER} is shim, and there is no {GRUB} for it to start"))
    }
}

/// All files, and whether the loader is shim.
fn read(window: Window) -> Result<(Vec<(String, u64)>, bool), String> {
    sound(&window)?;
    // The crate follows a folder from cluster to cluster, and a damaged one leads it in a circle.
    let window = Allowed::new(window, LARGEST_FOLDERS, "its folders have no end");
    let allowance = window.allowance();
    let system = FileSystem::new(window, FsOptions::new()).map_err(|error| error.to_string())?;
    let mut found = vec![];
    let mut left = MOST_ENTRIES;
    list(&system.root_dir(), "", DEPTH, &mut left, &mut found).map_err(|error| error.to_string())?;
    allowance.set(2 * LARGEST_LOADER);
    let shim = is_shim(&system.root_dir());
    Ok((found, shim))
}

fn is_shim(root: &Dir<'_, Allowed>) -> bool {
    let mut loader = vec![];
    let read =
        root.open_file(REMOVABLE_LOADER).map(|file| file.take(LARGEST_LOADER).read_to_end(&mut loader));
    read.is_ok() && loader.windows(SHIM.len()).any(|window| window == SHIM)
}

/// What the crate takes for granted of the first sector (Microsoft's FAT specification, section 3.1).
fn sound(window: &Window) -> Result<(), String> {
    let mut sector = vec![0; 512];
    window.fill(0, &mut sector).map_err(|error| error.to_string())?;
    let right = le16(&sector, 510) == 0xaa55
        && matches!(le16(&sector, 11), 512 | 1024 | 2048 | 4096)
        && sector[13].is_power_of_two()
        && le16(&sector, 14) > 0
        && matches!(sector[16], 1 | 2)
        // FAT32 alone names the first cluster of its root folder; clusters are counted from 2.
        && (le16(&sector, 22) > 0 || le32(&sector, 44) >= 2);
    if right { Ok(()) } else { Err("it has no FAT file system".into()) }
}

fn list(
    folder: &Dir<'_, Allowed>,
    path: &str,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<(String, u64)>,
) -> io::Result<()> {
    for entry in folder.iter() {
        let entry = entry?;
        let name = entry.file_name().to_uppercase();
        if name == "." || name == ".." {
            continue;
        }
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("it has too many entries"))?;
        let place = format!("{path}{name}");
        if !entry.is_dir() {
            found.push((place, entry.len()));
        } else if depth > 0 {
            list(&entry.to_dir(), &format!("{place}/"), depth - 1, left, found)?;
        }
    }
    Ok(())
}
