//! The EFI system partition: a FAT file system inside the disk, by plain file writes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use fatfs::{Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions, ReadWriteSeek};
use fscommon::StreamSlice;

use super::target_tools::TargetTools;
use crate::failure::Result;
use crate::plan::disk::{self, Extent};
use crate::plan::{Image, Key};

/// What mount(8) and lsblk(8) call it, padded as FAT wants it.
const LABEL: [u8; 11] = *b"esp        ";

/// The files on the partition by their path there.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What goes onto the partition of `image`: files of its overlay, and of its layer.
pub(super) fn files(image: &Image, tools: &TargetTools) -> Result<Files> {
    let files = image.esp.iter();
    files
        .map(|file| {
            let content = match image.contents.get(&file.source) {
                Some(content) => content.clone(),
                None => tools.file(&file.source)?,
            };
            Ok((file.place.clone(), content))
        })
        .collect()
}

/// Makes the file system in `extent` of the disk. FAT's times and its volume id come from nowhere but the image's key:
/// without a clock, fatfs gives every file the first day of FAT, in 1980.
pub(super) fn write(disk: &Path, extent: Extent, key: &Key, files: &Files) -> Result<()> {
    let file = fs_err::OpenOptions::new().read(true).write(true).open(disk)?.into_parts().0;
    let partition = || StreamSlice::new(file.try_clone()?, extent.start, extent.end());
    // The UEFI specification (13.3.1.1) asks for FAT32, which begins at 65,525 clusters.
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(u32::try_from(disk::SECTOR).context("a sector is small")?)
        .volume_id(volume_id(key)?)
        .volume_label(LABEL);
    fatfs::format_volume(partition()?, options).context("formatting the EFI system partition")?;
    fill(partition()?, files).context("filling the EFI system partition")?;
    Ok(())
}

fn fill(partition: impl ReadWriteSeek, files: &Files) -> std::io::Result<()> {
    let volume = FileSystem::new(partition, FsOptions::new())?;
    for (path, content) in files {
        create(&volume.root_dir(), path, content)?;
    }
    volume.unmount()
}

fn create<T: ReadWriteSeek>(root: &Dir<'_, T>, path: &str, content: &[u8]) -> std::io::Result<()> {
    let ends = path.match_indices('/').map(|(end, _)| end);
    for end in ends {
        root.create_dir(&path[..end])?;
    }
    root.create_file(path)?.write_all(content)
}

fn volume_id(key: &Key) -> Result<u32> {
    let uuid = disk::uuid(key, "EFI system partition");
    Ok(u32::from_str_radix(&uuid[..8], 16).with_context(|| format!("`{uuid}` is no UUID"))?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn disk(key: &Key) -> (tempfile::NamedTempFile, Extent) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let extent = Extent { start: disk::ALIGNMENT, size: disk::EFI_SIZE };
        file.as_file().set_len(extent.end() + disk::ALIGNMENT).expect("room");
        let files = Files::from([
            ("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; 1_000_000]),
            ("EFI/BOOT/grubx64.efi".to_owned(), b"grub".to_vec()),
            ("EFI/debian/grub.cfg".to_owned(), b"configfile".to_vec()),
        ]);
        write(file.path(), extent, key, &files).expect("written");
        (file, extent)
    }

    #[test]
    fn the_files_can_be_read_back_and_the_file_system_is_fat32() {
        let (file, extent) = disk(&Key::of(&"image"));
        let partition =
            StreamSlice::new(file.reopen().expect("the file"), extent.start, extent.end()).expect("a slice");
        let volume = FileSystem::new(partition, FsOptions::new()).expect("a file system");
        assert_eq!((volume.fat_type(), volume.volume_label().as_str()), (FatType::Fat32, "esp"));
        let mut content = vec![];
        let mut shim = volume.root_dir().open_file("EFI/BOOT/BOOTX64.EFI").expect("shim");
        shim.read_to_end(&mut content).expect("its content");
        assert_eq!(content, vec![7; 1_000_000]);
        assert!(volume.root_dir().open_file("EFI/debian/grub.cfg").is_ok());
    }

    #[test]
    fn it_is_the_same_for_the_same_image_and_stays_within_its_partition() {
        let content = |key: &str| fs_err::read(disk(&Key::of(&key)).0.path()).expect("the disk");
        let one = content("image");
        assert_eq!(one, content("image"));
        assert_ne!(one, content("another"));
        let (start, end) = (1 << 20, (1 << 20) + usize::try_from(disk::EFI_SIZE).expect("small"));
        assert!(one[..start].iter().chain(&one[end..]).all(|byte| *byte == 0));
    }
}
