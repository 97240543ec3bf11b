//! The service's end of its cable: frames in, frames out, and between them DHCP, and smoltcp with ARP, neighbour
//! discovery and TCP. Nothing here touches a socket of the host, and nothing grows with what comes in.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
};

use super::super::network::{LanLayout, Mac};
use super::http::{self, Health};
use super::{HOST, HOST_MAC, Instances, Manner, SERVICE, dhcp};

const HTTP: u16 = 80;
/// How many connections there can be at a time; more are refused.
const CONNECTIONS: usize = 32;
/// The longest request, in bytes.
const REQUEST: usize = 4096;
/// What is on its way to a client at a time, in bytes.
const WINDOW: usize = 16384;
/// How long a silent client keeps its connection.
const SILENCE: u64 = 10;
/// How long nothing has to be done at most.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);
/// How many addresses of machines are remembered: two each of all machines that a rehearsal can have, and some.
const SENDERS: usize = 64;

/// The service by IPv6, with the prefix of its link.
const SERVICE_6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

/// Everything behind the cable.
pub(super) struct Endpoint {
    instances: Instances,
    network: LanLayout,
    manner: Manner,
    begun: Instant,
    interface: Interface,
    link: Link,
    sockets: SocketSet<'static>,
    connections: Vec<Connection>,
    /// Whose card an address was last seen behind.
    senders: HashMap<IpAddr, Mac>,
}

/// A connection, and what is still to be sent on it.
struct Connection {
    socket: SocketHandle,
    answer: Option<Vec<u8>>,
    sent: usize,
}

impl Endpoint {
    pub(super) fn new(instances: Instances, network: LanLayout, manner: Manner) -> Self {
        let mut link = Link { mtu: usize::from(network.mtu()), incoming: None, outgoing: VecDeque::new() };
        let config = Config::new(EthernetAddress(HOST_MAC.0).into());
        let mut interface = Interface::new(config, &mut link, Moment::ZERO);
        interface.update_ip_addrs(|addresses| {
            let own = [
                IpCidr::new(HOST.into(), 24),
                IpCidr::new(SERVICE.into(), 32),
                IpCidr::new(SERVICE_6.into(), 64),
            ];
            // There is room for four.
            for address in own {
                let _ = addresses.push(address);
            }
        });
        let mut sockets = SocketSet::new(vec![]);
        let connections = (0..CONNECTIONS)
            .map(|_| Connection { socket: sockets.add(new_socket()), answer: None, sent: 0 })
            .collect();
        let begun = Instant::now();
        let senders = HashMap::new();
        Self { instances, network, manner, begun, interface, link, sockets, connections, senders }
    }

    /// How long nothing has to be done if no frame comes.
    pub(super) fn patience(&mut self) -> Duration {
        let now = self.moment(Instant::now());
        let delay = self.interface.poll_delay(now, &self.sockets);
        delay.map_or(CONNECTION_TIMEOUT, Into::into).clamp(Duration::from_millis(1), CONNECTION_TIMEOUT)
    }

    /// Takes a frame, if there is one, and gives those that are to be sent.
    pub(super) fn handle(&mut self, frame: Option<Vec<u8>>, now: Instant) -> Vec<Vec<u8>> {
        if let Some(frame) = frame {
            if let Some(answer) = self.dhcp(&frame) {
                return vec![answer];
            }
            self.remember_sender(&frame);
            if self.is_heard(&frame, now) {
                self.link.incoming = Some(frame);
            }
        }
        let moment = self.moment(now);
        self.interface.poll(moment, &mut self.link, &mut self.sockets);
        for number in 0..self.connections.len() {
            self.attend(number, now);
        }
        self.interface.poll(moment, &mut self.link, &mut self.sockets);
        self.link.outgoing.drain(..).collect()
    }

    fn moment(&self, now: Instant) -> Moment {
        let elapsed = now.saturating_duration_since(self.begun);
        Moment::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    fn dhcp(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        dhcp::answer(frame, self.network, |mac| {
            instances.iter().find(|it| it.mac == mac).map(|it| it.address)
        })
    }

    /// A machine has addresses that its network card does not tell: by IPv6, for one.
    fn remember_sender(&mut self, frame: &[u8]) {
        let Some((mac, address)) = sender(frame) else { return };
        if self.senders.len() < SENDERS || self.senders.contains_key(&address) {
            self.senders.insert(address, mac);
        }
    }

    /// Whether a frame reaches the service: not while the machine that tries to connect has to wait.
    fn is_heard(&self, frame: &[u8], now: Instant) -> bool {
        let Some((mac, _)) = sender(frame).filter(|_| goes_to_service(frame)) else { return true };
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(instance) = instances.iter_mut().find(|it| it.mac == mac) else { return true };
        now.saturating_duration_since(*instance.asked.get_or_insert(now)) >= self.manner.delay
    }

    /// Does what there is to do on a connection.
    fn attend(&mut self, number: usize, now: Instant) {
        let Self { sockets, connections, .. } = self;
        let connection = &mut connections[number];
        let socket = sockets.get_mut::<Socket>(connection.socket);
        match socket.state() {
            State::Closed => {
                (connection.answer, connection.sent) = (None, 0);
                // Only port 0 cannot be listened on.
                let _ = socket.listen(HTTP);
                return;
            }
            // The client has everything: nobody waits for what may still be on its way.
            State::TimeWait => return socket.abort(),
            _ => {}
        }
        if connection.answer.is_none() {
            let request = socket.peek(REQUEST).unwrap_or_default().to_vec();
            let full = request.len() == REQUEST;
            let gone = socket.state() == State::CloseWait;
            let client = socket.remote_endpoint().map(|endpoint| endpoint.addr.into());
            let answer = self.answer(&request, client, now);
            self.connections[number].answer = answer.or_else(|| (full || gone).then(http::refuse));
        }
        self.send(number);
    }

    fn answer(&self, request: &[u8], client: Option<IpAddr>, now: Instant) -> Option<Vec<u8>> {
        let mac = client.and_then(|address| self.senders.get(&address));
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let instance = instances.iter().find(|it| Some(&it.mac) == mac);
        let asked = instance.and_then(|it| it.asked).unwrap_or(now);
        let failing = now.saturating_duration_since(asked) < self.manner.delay + self.manner.failures;
        http::respond(request, instance, if failing { Health::Failing } else { Health::Well })
    }

    /// Sends what there is room for, and ends the connection after the last of it.
    fn send(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let socket = self.sockets.get_mut::<Socket>(connection.socket);
        let Some(answer) = &connection.answer else { return };
        if socket.can_send() {
            connection.sent += socket.send_slice(&answer[connection.sent..]).unwrap_or_default();
        }
        if connection.sent == answer.len() {
            socket.close();
        }
    }
}

fn new_socket() -> Socket<'static> {
    let mut socket = Socket::new(SocketBuffer::new(vec![0; REQUEST]), SocketBuffer::new(vec![0; WINDOW]));
    socket.set_timeout(Some(smoltcp::time::Duration::from_secs(SILENCE)));
    socket.set_keep_alive(Some(smoltcp::time::Duration::from_secs(SILENCE / 2)));
    socket
}

/// The card and the address that a frame comes from.
fn sender(frame: &[u8]) -> Option<(Mac, IpAddr)> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let address = match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(ethernet.payload()).ok()?.src_addr().into(),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(ethernet.payload()).ok()?.src_addr().into(),
        _ => return None,
    };
    Some((Mac(ethernet.src_addr().0), address))
}

/// Whether a frame is part of a connection to the service.
fn goes_to_service(frame: &[u8]) -> bool {
    let Ok(ethernet) = EthernetFrame::new_checked(frame) else { return false };
    let to_http = |payload| TcpPacket::new_checked(payload).is_ok_and(|tcp| tcp.dst_port() == HTTP);
    match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(ethernet.payload()).is_ok_and(|ip| {
            ip.dst_addr() == SERVICE && ip.next_header() == IpProtocol::Tcp && to_http(ip.payload())
        }),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(ethernet.payload()).is_ok_and(|ip| {
            ip.dst_addr() == SERVICE_6 && ip.next_header() == IpProtocol::Tcp && to_http(ip.payload())
        }),
        _ => false,
    }
}

/// The cable, as smoltcp wants to see it.
struct Link {
    mtu: usize,
    incoming: Option<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

/// A frame that has come.
struct Incoming(Vec<u8>);

/// Room for a frame that is to go.
struct Outgoing<'a>(&'a mut VecDeque<Vec<u8>>);

impl Device for Link {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = EthernetFrame::<&[u8]>::header_len() + self.mtu;
        capabilities
    }

    fn receive(&mut self, _: Moment) -> Option<(Incoming, Outgoing<'_>)> {
        Some((Incoming(self.incoming.take()?), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Moment) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }
}

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        self.0.push_back(frame);
        result
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;
    use std::sync::{Arc, Mutex};

    use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetRepr};

    use super::super::tests::instance;
    use super::*;
    use crate::rehearsal::network::LanAddress;

    pub fn arp_request(from: LanAddress, wanted: Ipv4Addr) -> Vec<u8> {
        let source = EthernetAddress(from.mac().0);
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: source,
            source_protocol_addr: from.address(),
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: wanted,
        };
        let ethernet = EthernetRepr {
            src_addr: source,
            dst_addr: EthernetAddress::BROADCAST,
            ethertype: EthernetProtocol::Arp,
        };
        let mut frame = vec![0; ethernet.buffer_len() + arp.buffer_len()];
        let mut around = EthernetFrame::new_unchecked(&mut frame);
        ethernet.emit(&mut around);
        arp.emit(&mut ArpPacket::new_unchecked(around.payload_mut()));
        frame
    }

    #[track_caller]
    pub fn expect_arp_reply(frame: &[u8], wanted: Ipv4Addr) {
        let ethernet = EthernetFrame::new_checked(frame).unwrap();
        let reply = ArpRepr::parse(&ArpPacket::new_checked(ethernet.payload()).unwrap()).unwrap();
        let ArpRepr::EthernetIpv4 { operation, source_hardware_addr, source_protocol_addr, .. } = reply
        else {
            panic!("{reply}")
        };
        assert_eq!(operation, ArpOperation::Reply);
        assert_eq!((source_hardware_addr.0, source_protocol_addr), (HOST_MAC.0, wanted));
    }

    fn endpoint(manner: Manner) -> Endpoint {
        Endpoint::new(Arc::new(Mutex::new(vec![instance()])), LanLayout::Vxlan, manner)
    }

    /// A machine with smoltcp, on a cable to the service of its own.
    struct Client {
        interface: Interface,
        link: Link,
        sockets: SocketSet<'static>,
        socket: SocketHandle,
        port: u16,
    }

    impl Client {
        fn new(address: LanAddress) -> Self {
            let mut link = Link { mtu: 1450, incoming: None, outgoing: VecDeque::new() };
            let config = Config::new(EthernetAddress(address.mac().0).into());
            let mut interface = Interface::new(config, &mut link, Moment::ZERO);
            let link_local = smoltcp::wire::Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 11);
            interface.update_ip_addrs(|addresses| {
                addresses.push(IpCidr::new(address.address().into(), 24)).unwrap();
                addresses.push(IpCidr::new(link_local.into(), 64)).unwrap();
            });
            interface.routes_mut().add_default_ipv4_route(HOST).unwrap();
            let mut sockets = SocketSet::new(vec![]);
            let socket = sockets.add(new_socket());
            Self { interface, link, sockets, socket, port: 40000 }
        }

        /// Sends a request, and gives what came back within so many seconds, during which only the test's clock runs.
        fn ask(&mut self, service: &mut Endpoint, from: &mut Instant, to: IpAddr, seconds: u64) -> String {
            self.port += 1;
            let socket = self.sockets.get_mut::<Socket>(self.socket);
            socket.abort();
            socket.connect(self.interface.context(), (to, HTTP), self.port).unwrap();
            let (end, mut said) = (*from + Duration::from_secs(seconds), vec![]);
            let mut asked = false;
            while *from < end {
                *from += Duration::from_millis(20);
                let now = service.moment(*from);
                self.interface.poll(now, &mut self.link, &mut self.sockets);
                let frames: Vec<_> = self.link.outgoing.drain(..).collect();
                for frame in frames.into_iter().map(Some).chain([None]) {
                    for answer in service.handle(frame, *from) {
                        self.link.incoming = Some(answer);
                        self.interface.poll(now, &mut self.link, &mut self.sockets);
                    }
                }
                let socket = self.sockets.get_mut::<Socket>(self.socket);
                if socket.may_send() && !asked {
                    socket.send_slice(b"GET /openstack/latest/user_data HTTP/1.1\r\n\r\n").unwrap();
                    asked = true;
                }
                while socket.can_recv() {
                    said.extend(socket.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap());
                }
                if asked && !socket.may_recv() {
                    socket.close();
                    break;
                }
            }
            String::from_utf8(said).unwrap()
        }
    }

    #[test]
    fn its_addresses_answer_arp_and_others_do_not() {
        let mut endpoint = endpoint(Manner::default());
        for address in [HOST, SERVICE] {
            let answers = endpoint.handle(Some(arp_request(LanAddress::node(1), address)), Instant::now());
            expect_arp_reply(&answers[0], address);
        }
        let other = arp_request(LanAddress::node(1), LanAddress::HUB.address());
        assert_eq!(endpoint.handle(Some(other), Instant::now()), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_known_machine_gets_its_user_data_by_ipv4_and_by_ipv6() {
        let (mut service, mut client) = (endpoint(Manner::default()), Client::new(LanAddress::node(1)));
        let mut now = Instant::now();
        for to in [SERVICE.into(), SERVICE_6.into()] {
            let said = client.ask(&mut service, &mut now, to, 5);
            assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("#cloud-config\n"), "{to}: {said}");
        }
        let said = Client::new(LanAddress::node(2)).ask(&mut service, &mut now, SERVICE.into(), 5);
        assert!(said.starts_with("HTTP/1.1 404 "), "{said}");
    }

    #[test]
    fn more_connections_than_there_is_room_for_come_one_after_the_other() {
        let (mut service, mut client) = (endpoint(Manner::default()), Client::new(LanAddress::node(1)));
        let mut now = Instant::now();
        for _ in 0..3 * CONNECTIONS {
            let said = client.ask(&mut service, &mut now, SERVICE.into(), 5);
            assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        }
    }

    #[test]
    fn a_large_text_arrives_whole() {
        let mut big = instance();
        let text = "x".repeat(3 * WINDOW);
        big.files = vec![("user_data", text.clone())];
        let mut service = Endpoint::new(Arc::new(Mutex::new(vec![big])), LanLayout::Vxlan, Manner::default());
        let said =
            Client::new(LanAddress::node(1)).ask(&mut service, &mut Instant::now(), SERVICE.into(), 20);
        assert!(said.ends_with(&format!("\r\n\r\n{text}")), "{} bytes", said.len());
    }

    #[test]
    fn it_is_silent_and_then_fails_for_as_long_as_it_is_told() {
        let manner = Manner { delay: Duration::from_secs(90), failures: Duration::from_secs(30) };
        let (mut service, mut client) = (endpoint(manner), Client::new(LanAddress::node(1)));
        let begun = Instant::now();
        let mut now = begun;
        assert_eq!(client.ask(&mut service, &mut now, SERVICE.into(), 85), "");
        now = begun + Duration::from_secs(95);
        let said = client.ask(&mut service, &mut now, SERVICE.into(), 10);
        assert!(said.starts_with("HTTP/1.1 500 "), "{said}");
        now = begun + Duration::from_secs(121);
        let said = client.ask(&mut service, &mut now, SERVICE.into(), 10);
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    }

    #[test]
    fn nonsense_gets_nothing() {
        let mut service = endpoint(Manner::default());
        let whole = arp_request(LanAddress::node(1), SERVICE);
        for length in 0..whole.len() {
            assert!(service.handle(Some(whole[..length].to_vec()), Instant::now()).is_empty());
        }
    }
}
