//! The virtual LAN: an Ethernet switch between the sockets of the machines, so that no tap device and no root is needed.
//!
//! QEMU's `-netdev stream` sends each frame as a 4-byte big-endian length and the frame itself. Every port has a reader
//! thread and a writer thread with a bounded queue between them, as a real switch has: a machine that does not read
//! loses its own frames and holds up nobody else.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;

use crate::failure::Result;

/// The longest frame that QEMU sends, in bytes: `NET_BUFSIZE` in its `include/net/net.h`.
const LONGEST_FRAME: usize = 4096 + 65536;

/// How many frames wait for a machine that is slow to read; more are dropped. About one TCP window of full frames.
const QUEUE: usize = 256;

/// The bytes of the length before each frame.
pub(super) const LENGTH: usize = 4;

/// The bit of an Ethernet address's first byte that marks a group. Such an address is nobody's, so it is not learnt.
const GROUP: u8 = 1;

/// An Ethernet address.
type Mac = [u8; 6];

/// A frame with its length before it, ready to be written.
pub(super) type Packet = Arc<[u8]>;

/// A running switch. Dropping it pulls all cables and waits for its threads.
#[derive(Debug)]
pub struct Lan {
    /// The socket on which the acceptor listens.
    listening: UnixStream,
    switch: Arc<Switch>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Switch {
    table: Mutex<MacTable>,
    closing: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The ports, and behind which of them each address was last seen.
#[derive(Debug, Default)]
struct MacTable {
    ports: HashMap<usize, Port>,
    seen: HashMap<Mac, usize>,
    next: usize,
}

#[derive(Debug)]
struct Port {
    cable: UnixStream,
    queue: SyncSender<Packet>,
}

impl Lan {
    /// Listens on the Unix socket `socket` for machines to plug in.
    pub fn start(socket: &Path) -> Result<Self> {
        let listener = UnixListener::bind(socket)
            .with_context(|| format!("making the LAN's socket {}", socket.display()))?;
        let switch = Arc::new(Switch::default());
        let listening = UnixStream::from(OwnedFd::from(listener.try_clone()?));
        let accepting = Arc::clone(&switch);
        let acceptor = std::thread::spawn(move || accept(&accepting, &listener));
        Ok(Self { listening, switch, acceptor: Some(acceptor) })
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.switch.closing.store(true, Ordering::SeqCst);
        // This wakes the acceptor, also where somebody has swept the folder with the socket away.
        let _ = self.listening.shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for port in lock(&self.switch.table).ports.values() {
            let _ = port.cable.shutdown(Shutdown::Both);
        }
        let threads = std::mem::take(&mut *lock(&self.switch.threads));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn accept(switch: &Arc<Switch>, listener: &UnixListener) {
    for cable in listener.incoming() {
        if switch.closing.load(Ordering::SeqCst) {
            return;
        }
        // A machine that went away between plugging in and being served needs no port.
        if let Ok(cable) = cable {
            let _ = plug_in(switch, cable);
        }
    }
}

fn plug_in(switch: &Arc<Switch>, cable: UnixStream) -> io::Result<()> {
    let (outgoing, incoming) = (cable.try_clone()?, cable.try_clone()?);
    let (queue, waiting) = sync_channel(QUEUE);
    let number = lock(&switch.table).add(Port { cable, queue });
    let reading = Arc::clone(switch);
    let reader = std::thread::spawn(move || {
        // An error here is the end of the machine, or nonsense in place of frames: either way the cable is pulled.
        let _ = read_frames(&reading, number, incoming);
        lock(&reading.table).remove(number);
    });
    let writer = std::thread::spawn(move || write_frames(&waiting, outgoing));
    lock(&switch.threads).extend([reader, writer]);
    Ok(())
}

fn read_frames(switch: &Switch, from: usize, mut incoming: UnixStream) -> io::Result<()> {
    loop {
        let packet = read_packet(&mut incoming)?;
        lock(&switch.table).forward(from, &packet);
    }
}

/// A frame with its length before it, as soon as it is there as a whole.
pub(super) fn read_packet(incoming: &mut impl Read) -> io::Result<Packet> {
    let mut length = [0; LENGTH];
    incoming.read_exact(&mut length)?;
    // Wider than 32 bits is never lost: every host of QEMU has at least that.
    let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if size > LONGEST_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {size} bytes")));
    }
    let mut packet = vec![0; LENGTH + size];
    packet[..LENGTH].copy_from_slice(&length);
    incoming.read_exact(&mut packet[LENGTH..])?;
    Ok(packet.into())
}

/// A frame as it goes over a socket of the LAN.
pub(super) fn packet(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], frame].concat()
}

fn write_frames(waiting: &Receiver<Packet>, mut outgoing: UnixStream) {
    for packet in waiting {
        if outgoing.write_all(&packet).is_err() {
            return;
        }
    }
}

impl MacTable {
    fn add(&mut self, port: Port) -> usize {
        self.next += 1;
        self.ports.insert(self.next, port);
        self.next
    }

    /// Pulls the cable of a port. Its writer ends with its queue.
    fn remove(&mut self, number: usize) {
        if let Some(port) = self.ports.remove(&number) {
            let _ = port.cable.shutdown(Shutdown::Both);
        }
        self.seen.retain(|_, port| *port != number);
    }

    /// Sends a packet to the port of its destination, or to all others where that is not known.
    fn forward(&mut self, from: usize, packet: &Packet) {
        let Some((destination, source)) = addresses(&packet[LENGTH..]) else { return };
        if source[0] & GROUP == 0 {
            self.seen.insert(source, from);
        }
        let known = self.seen.get(&destination).copied();
        for (number, port) in &self.ports {
            if *number != from && known.is_none_or(|only| only == *number) {
                // A full queue loses the frame, as on any Ethernet.
                let _ = port.queue.try_send(Arc::clone(packet));
            }
        }
    }
}

/// Destination and source of an Ethernet frame.
fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    let destination = frame.get(..6)?.try_into().ok()?;
    let source = frame.get(6..12)?.try_into().ok()?;
    Some((destination, source))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const ALL: Mac = [0xff; 6];

    struct Bench {
        lan: Lan,
        folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { lan: Lan::start(&folder.path().join("lan")).unwrap(), folder }
        }

        /// Plugs in a machine and waits until the switch serves it.
        fn plug(&self) -> UnixStream {
            let before = lock(&self.lan.switch.table).ports.len();
            let machine = UnixStream::connect(self.folder.path().join("lan")).unwrap();
            machine.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            while lock(&self.lan.switch.table).ports.len() == before {
                std::thread::sleep(Duration::from_millis(1));
            }
            machine
        }
    }

    fn packet(to: Mac, from: Mac, body: &[u8]) -> Vec<u8> {
        super::packet(&[&to[..], &from[..], body].concat())
    }

    fn mac(last: u8) -> Mac {
        [0x52, 0x54, 0, 0x77, 0, last]
    }

    #[track_caller]
    fn receives(machine: &mut UnixStream, expected: &[u8]) {
        assert_eq!(&read_packet(machine).unwrap()[..], expected);
    }

    #[track_caller]
    fn receives_nothing(machine: &mut UnixStream) {
        machine.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert_eq!(read_packet(machine).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_broadcast_arrives_at_the_others_and_not_at_its_sender() {
        let bench = Bench::new();
        let (mut first, mut second, mut third) = (bench.plug(), bench.plug(), bench.plug());
        let hello = packet(ALL, mac(1), b"who has 10.77.0.10");
        first.write_all(&hello).unwrap();
        receives(&mut second, &hello);
        receives(&mut third, &hello);
        receives_nothing(&mut first);
    }

    #[test]
    fn an_address_that_was_seen_gets_its_frames_alone() {
        let bench = Bench::new();
        let (mut first, mut second, mut third) = (bench.plug(), bench.plug(), bench.plug());
        let (hello, answer) = (packet(ALL, mac(1), b"hello"), packet(mac(1), mac(2), b"answer"));
        first.write_all(&hello).unwrap();
        receives(&mut second, &hello);
        receives(&mut third, &hello);
        second.write_all(&answer).unwrap();
        receives(&mut first, &answer);
        receives_nothing(&mut third);
    }

    #[test]
    fn frames_survive_being_written_in_pieces_and_together() {
        let bench = Bench::new();
        let (mut first, mut second) = (bench.plug(), bench.plug());
        let (one, two) = (packet(ALL, mac(1), &[1; 1500]), packet(ALL, mac(1), b""));
        let both = [one.clone(), two.clone()].concat();
        for piece in both.chunks(601) {
            first.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
        receives(&mut second, &one);
        receives(&mut second, &two);
    }

    #[test]
    fn a_machine_that_does_not_read_holds_up_nobody() {
        let bench = Bench::new();
        let (mut first, _stuck, mut third) = (bench.plug(), bench.plug(), bench.plug());
        let big = packet(ALL, mac(1), &[7; 1400]);
        // One at a time, so that only the stuck port's queue and socket buffer fill up: 2.8 MB are more than both hold.
        for _ in 0..2000 {
            first.write_all(&big).unwrap();
            receives(&mut third, &big);
        }
    }

    #[test]
    fn nonsense_pulls_only_its_own_cable() {
        let bench = Bench::new();
        let (mut first, mut second, mut third) = (bench.plug(), bench.plug(), bench.plug());
        first.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert_eq!(first.read(&mut [0]).unwrap(), 0);
        let hello = packet(ALL, mac(2), b"still here");
        second.write_all(&hello).unwrap();
        receives(&mut third, &hello);
    }

    #[test]
    fn it_ends_although_its_socket_was_swept_away() {
        let Bench { lan, folder } = Bench::new();
        drop(folder);
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(lan);
            ended.send(()).unwrap();
        });
        end.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    #[test]
    fn dropping_it_ends_its_threads_even_with_a_stuck_machine() {
        let bench = Bench::new();
        let (mut first, _stuck) = (bench.plug(), bench.plug());
        for _ in 0..500 {
            first.write_all(&packet(ALL, mac(1), &[7; 1400])).unwrap();
        }
        let begun = Instant::now();
        drop(bench.lan);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(first.read(&mut [0]).unwrap(), 0);
    }
}
