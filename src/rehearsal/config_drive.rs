//! The config drive through which OpenStack hands an instance its user-data, as a FAT disk image.

use std::io::{Cursor, Write};

use anyhow::Context;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use serde_json::json;

use super::network::Place;
use crate::failure::Result;

/// The size of the disk in bytes: room for the largest user-data that Nova takes (48 KiB), many times.
const SIZE: usize = 2 * 1024 * 1024;

/// The volume label by which cloud-init knows a config drive, padded as FAT wants it.
const LABEL: [u8; 11] = *b"config-2   ";

/// What the instance is told about its link: the size of a packet inside a VXLAN tenant network of 1500 bytes.
const MTU: u32 = 1450;

/// Who the instance is, as OpenStack tells it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The server's name, which becomes the host name.
    pub name: String,
    /// The server's id in RFC 4122 form; a new one makes cloud-init run its per-instance work.
    pub uuid: String,
}

/// The whole disk image.
pub fn image(identity: &Identity, place: Place, outside: bool, user_data: Option<&str>) -> Result<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; SIZE]);
    fatfs::format_volume(&mut disk, FormatVolumeOptions::new().volume_label(LABEL))
        .context("formatting the config drive")?;
    write_files(&mut disk, &files(identity, place, outside, user_data))
        .context("filling the config drive")?;
    Ok(disk.into_inner())
}

/// The files below `openstack/latest/`.
fn files(
    identity: &Identity,
    place: Place,
    outside: bool,
    user_data: Option<&str>,
) -> Vec<(&'static str, String)> {
    let network = network_data(place, outside);
    let mut files = vec![("meta_data.json", meta_data(identity)), ("network_data.json", network)];
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

fn meta_data(identity: &Identity) -> String {
    json!({
        "uuid": identity.uuid,
        "name": identity.name,
        "hostname": identity.name,
        "availability_zone": "rehearsal",
        "launch_index": 0,
    })
    .to_string()
}

/// No route leads out of the LAN: whatever an instance of a golden image needs has to be in that image. An ordinary
/// image has a second link for its packages.
fn network_data(place: Place, outside: bool) -> String {
    let mut links =
        vec![json!({"id": "lan", "type": "phy", "ethernet_mac_address": place.mac(), "mtu": MTU})];
    let mut networks = vec![json!({
        "id": "workshop",
        "type": "ipv4",
        "link": "lan",
        "ip_address": place.address(),
        "netmask": "255.255.255.0",
        "routes": [],
    })];
    if outside {
        let mac = place.outside_mac();
        links.push(json!({"id": "outside", "type": "phy", "ethernet_mac_address": mac, "mtu": 1500}));
        networks.push(json!({"id": "packages", "type": "ipv4_dhcp", "link": "outside"}));
    }
    json!({"links": links, "networks": networks, "services": []}).to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn drive() -> Vec<u8> {
        let identity =
            Identity { name: "node-1".into(), uuid: "00000000-0000-4000-8000-000000000000".into() };
        image(&identity, Place::node(1), false, Some("#cloud-config\nruncmd: [true]\n")).unwrap()
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
    fn the_network_names_the_card_and_its_address() {
        insta::assert_snapshot!(
            network_data(Place::node(1), false),
            @r#"{"links":[{"ethernet_mac_address":"52:54:00:77:00:0b","id":"lan","mtu":1450,"type":"phy"}],"networks":[{"id":"workshop","ip_address":"10.77.0.11","link":"lan","netmask":"255.255.255.0","routes":[],"type":"ipv4"}],"services":[]}"#
        );
    }

    #[test]
    fn the_largest_user_data_fits() {
        let identity = Identity { name: "hub".into(), uuid: String::new() };
        assert!(image(&identity, Place::HUB, false, Some(&"x".repeat(65536))).is_ok());
    }
}
