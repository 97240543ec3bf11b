//! The config drive through which OpenStack hands an instance its user-data, as a FAT disk image.

use std::io::{Cursor, Write};

use anyhow::Context;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use serde_json::{Value as Json, json};

use crate::failure::Result;
use crate::host::random;

/// The size of the disk in bytes: room for the largest user-data that Nova takes (48 KiB), many times.
const SIZE: usize = 2 * 1024 * 1024;

/// The volume label by which cloud-init knows a config drive, padded as FAT wants it.
const LABEL: [u8; 11] = *b"config-2   ";

/// Who the instance is, as OpenStack tells it.
#[derive(Debug, Clone)]
pub struct InstanceIdentity {
    /// The server's name, which becomes the host name.
    pub name: String,
    /// The server's id in RFC 4122 form; a new one makes cloud-init run its per-instance work.
    pub uuid: String,
}

impl InstanceIdentity {
    /// An instance that nobody has seen before.
    pub fn fresh(name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), uuid: fresh_uuid()? })
    }
}

/// The whole disk image; `network` is what OpenStack calls `network_data.json`.
pub fn image(identity: &InstanceIdentity, network: &Json, user_data: Option<&str>) -> Result<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; SIZE]);
    fatfs::format_volume(&mut disk, FormatVolumeOptions::new().volume_label(LABEL))
        .context("formatting the config drive")?;
    write_files(&mut disk, &files(identity, network, user_data)).context("filling the config drive")?;
    Ok(disk.into_inner())
}

/// The files below `openstack/latest/`, which the metadata service has as well.
#[must_use]
pub fn files(
    identity: &InstanceIdentity,
    network: &Json,
    user_data: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut files = vec![("meta_data.json", meta_data(identity)), ("network_data.json", network.to_string())];
    files.extend(user_data.map(|text| ("user_data", text.to_owned())));
    files
}

fn write_files(disk: &mut Cursor<Vec<u8>>, files: &[(&str, String)]) -> std::io::Result<()> {
    let volume = FileSystem::new(disk, FsOptions::new())?;
    // The reader falls back on `latest` where it finds no dated version that it knows.
    let folder = volume.root_dir().create_dir("openstack")?.create_dir("latest")?;
    for (name, text) in files {
        folder.create_file(name)?.write_all(text.as_bytes())?;
    }
    drop(folder);
    volume.unmount()
}

fn meta_data(identity: &InstanceIdentity) -> String {
    json!({
        "uuid": identity.uuid,
        "name": identity.name,
        "hostname": identity.name,
        "availability_zone": "rehearsal",
        "launch_index": 0,
    })
    .to_string()
}

/// A random UUID (version 4, RFC 9562), of which nobody can guess 122 bits.
pub fn fresh_uuid() -> Result<String> {
    let mut bytes = [0; 16];
    random::fill(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::util::hex(&bytes);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn drive() -> Vec<u8> {
        let identity =
            InstanceIdentity { name: "node-1".into(), uuid: "00000000-0000-4000-8000-000000000000".into() };
        image(&identity, &json!({"links": []}), Some("#cloud-config\nruncmd: [true]\n")).unwrap()
    }

    fn read(volume: &FileSystem<Cursor<Vec<u8>>>, path: &str) -> String {
        let mut text = String::new();
        volume.root_dir().open_file(path).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_label_is_the_one_that_cloud_init_looks_for() {
        let volume = FileSystem::new(Cursor::new(drive()), FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label(), "config-2");
        assert_eq!(volume.read_volume_label_from_root_dir().unwrap().as_deref(), Some("config-2"));
    }

    #[test]
    fn the_files_can_be_read_back() {
        let volume = FileSystem::new(Cursor::new(drive()), FsOptions::new()).unwrap();
        assert_eq!(read(&volume, "openstack/latest/user_data"), "#cloud-config\nruncmd: [true]\n");
        let meta: serde_json::Value =
            serde_json::from_str(&read(&volume, "openstack/latest/meta_data.json")).unwrap();
        assert_eq!(meta["hostname"], "node-1");
        assert_eq!(meta["uuid"], "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn the_largest_user_data_fits() {
        let identity = InstanceIdentity { name: "hub".into(), uuid: String::new() };
        assert!(image(&identity, &json!({}), Some(&"x".repeat(65536))).is_ok());
    }

    #[test]
    fn uuids_are_random_and_of_version_4() {
        let (one, two) = (fresh_uuid().expect("a UUID"), fresh_uuid().expect("a UUID"));
        assert_ne!(one, two);
        assert_eq!((one.len(), &one[14..15]), (36, "4"));
    }
}
