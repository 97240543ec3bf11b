//! OpenStack's metadata service on the virtual LAN: what Neutron and Nova together give an instance without a config
//! drive. It plugs into the LAN as a machine does, and answers ARP, DHCP and HTTP there.

mod dhcp;
mod endpoint;
mod http;
mod instances;

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value as Json;

use super::lan;
use super::network::{LanAddress, LanLayout};
use crate::failure::Result;
use crate::vm::{InstanceIdentity, config_drive};
use endpoint::Endpoint;
pub use instances::Manner;
use instances::{HOST, HOST_MAC, Instance, Instances, SERVICE};

/// Frames that wait for the service; the LAN drops what it is too slow for.
const QUEUE: usize = 256;

/// The running service. Dropping it pulls its cable and waits for its threads.
#[derive(Debug)]
pub struct Metadata {
    instances: Instances,
    cable: UnixStream,
    threads: Vec<JoinHandle<()>>,
}

impl Metadata {
    /// Plugs the service into the LAN with the socket `lan`.
    pub fn start(lan: &Path, network: LanLayout, manner: Manner) -> Result<Self> {
        let cable = UnixStream::connect(lan).context("plugging the metadata service into the LAN")?;
        let (mut incoming, outgoing) = (cable.try_clone()?, cable.try_clone()?);
        let (queue, waiting) = sync_channel(QUEUE);
        let reader = std::thread::spawn(move || {
            // It ends with the cable, or with the other thread.
            while let Ok(packet) = lan::read_packet(&mut incoming) {
                if queue.send(packet[lan::LENGTH..].to_vec()).is_err() {
                    return;
                }
            }
        });
        let instances = Instances::default();
        let mut endpoint = Endpoint::new(Arc::clone(&instances), network, manner);
        let server = std::thread::spawn(move || serve(&mut endpoint, &waiting, outgoing));
        Ok(Self { instances, cable, threads: vec![reader, server] })
    }

    /// Makes an instance known before it is switched on. One that was at this place before is not any more.
    pub fn introduce(
        &self,
        address: LanAddress,
        identity: &InstanceIdentity,
        network: &Json,
        user_data: Option<&str>,
    ) {
        let instance = Instance {
            mac: address.mac(),
            address: address.address(),
            name: identity.name.clone(),
            uuid: identity.uuid.clone(),
            files: config_drive::files(identity, network, user_data),
            asked: None,
        };
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.retain(|known| known.mac != instance.mac);
        instances.push(instance);
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        let _ = self.cable.shutdown(Shutdown::Both);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Has the endpoint answer until the cable is pulled.
fn serve(endpoint: &mut Endpoint, waiting: &Receiver<Vec<u8>>, mut outgoing: UnixStream) {
    loop {
        let frame = match waiting.recv_timeout(endpoint.patience()) {
            Ok(frame) => Some(frame),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        };
        for answer in endpoint.handle(frame, Instant::now()) {
            if outgoing.write_all(&lan::packet(&answer)).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rehearsal::network::MoreLinks;

    pub(super) fn instance() -> Instance {
        let identity =
            InstanceIdentity { name: "node-1".into(), uuid: "00000000-0000-4000-8000-000000000000".into() };
        Instance {
            mac: LanAddress::node(1).mac(),
            address: LanAddress::node(1).address(),
            name: identity.name.clone(),
            uuid: identity.uuid.clone(),
            files: config_drive::files(&identity, &serde_json::json!({"links": []}), Some("#cloud-config\n")),
            asked: None,
        }
    }

    #[test]
    fn it_answers_on_the_lan_and_ends_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("lan");
        let lan = lan::Lan::start(&socket).unwrap();
        let service = Metadata::start(&socket, LanLayout::Vxlan, Manner::default()).unwrap();
        let network = LanAddress::HUB.network_data(LanLayout::Vxlan, MoreLinks::default());
        let identity = InstanceIdentity { name: "hub".into(), uuid: "0".into() };
        service.introduce(LanAddress::HUB, &identity, &network, None);
        service.introduce(LanAddress::HUB, &identity, &network, None);
        assert_eq!(service.instances.lock().unwrap().len(), 1);
        let mut machine = UnixStream::connect(&socket).unwrap();
        machine.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let question = endpoint::tests::arp_request(LanAddress::HUB, SERVICE);
        // Asked again and again: the switch may not have served the one or the other yet.
        let begun = Instant::now();
        let answer = loop {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "waited 30 s in vain for an answer of the service"
            );
            machine.write_all(&lan::packet(&question)).unwrap();
            machine.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            if let Ok(packet) = lan::read_packet(&mut machine) {
                break packet[lan::LENGTH..].to_vec();
            }
        };
        endpoint::tests::expect_arp_reply(&answer, SERVICE);
        let begun = Instant::now();
        drop(service);
        drop(lan);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
