//! A DHCP server as Neutron's: it knows each network card before it asks, and leads the way to the metadata service.

use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress,
    EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::super::network::{ANY, LanLayout, Mac};
use super::{HOST, HOST_MAC, SERVICE};

/// The number of the option with classless static routes (RFC 3442).
const CLASSLESS_ROUTES: u8 = 121;
/// The number of the option with the largest packet of the link.
const INTERFACE_MTU: u8 = 26;
/// In seconds.
const LEASE: u32 = 86400;
/// The hop limit of what we send.
const HOPS: u8 = 64;

/// The frame that answers `frame`, where that is a question by DHCP of a card that `address_of` knows.
pub fn answer(
    frame: &[u8],
    network: LanLayout,
    address_of: impl Fn(Mac) -> Option<Ipv4Addr>,
) -> Option<Vec<u8>> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    if ip.next_header() != IpProtocol::Udp {
        return None;
    }
    let udp = UdpPacket::new_checked(ip.payload()).ok()?;
    if (udp.src_port(), udp.dst_port()) != (DHCP_CLIENT_PORT, DHCP_SERVER_PORT) {
        return None;
    }
    let packet = DhcpPacket::new_checked(udp.payload()).ok()?;
    let question = DhcpRepr::parse(&packet).ok()?;
    let address = address_of(Mac(question.client_hardware_address.0))?;
    Some(framed(&reply(&question, address)?, network))
}

/// What a question of the owner of `address` gets, without the options that smoltcp does not know.
fn reply<'a>(question: &DhcpRepr, address: Ipv4Addr) -> Option<DhcpRepr<'a>> {
    let wanted = question.requested_ip.unwrap_or(question.client_ip);
    let message_type = match question.message_type {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        // Meant for another server, whose offer the client has taken.
        DhcpMessageType::Request if question.server_identifier.is_some_and(|server| server != HOST) => {
            return None;
        }
        DhcpMessageType::Request if wanted == address => DhcpMessageType::Ack,
        DhcpMessageType::Request => DhcpMessageType::Nak,
        _ => return None,
    };
    let granted = message_type != DhcpMessageType::Nak;
    Some(DhcpRepr {
        message_type,
        transaction_id: question.transaction_id,
        secs: 0,
        client_hardware_address: question.client_hardware_address,
        client_ip: if granted { question.client_ip } else { ANY },
        your_ip: if granted { address } else { ANY },
        server_ip: HOST,
        router: None,
        subnet_mask: None,
        relay_agent_ip: ANY,
        broadcast: question.broadcast,
        requested_ip: None,
        client_identifier: question.client_identifier,
        server_identifier: Some(HOST),
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: granted.then_some(LEASE),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    })
}

/// The reply with its options, in the packets around it. It goes to the client's card, and to an address that everybody
/// takes: the client has none yet.
fn framed(reply: &DhcpRepr, network: LanLayout) -> Vec<u8> {
    let (routes, mtu) = (encoded_routes(network), network.mtu().to_be_bytes());
    let options = [
        DhcpOption { kind: CLASSLESS_ROUTES, data: &routes },
        DhcpOption { kind: INTERFACE_MTU, data: &mtu },
    ];
    let mut reply = reply.clone();
    if reply.message_type != DhcpMessageType::Nak {
        reply.subnet_mask = Some(network.mask());
        reply.additional_options = &options;
    }
    let udp = UdpRepr { src_port: DHCP_SERVER_PORT, dst_port: DHCP_CLIENT_PORT };
    let ip = Ipv4Repr {
        src_addr: HOST,
        dst_addr: Ipv4Addr::BROADCAST,
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + reply.buffer_len(),
        hop_limit: HOPS,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(HOST_MAC.0),
        dst_addr: if reply.broadcast { EthernetAddress::BROADCAST } else { reply.client_hardware_address },
        ethertype: EthernetProtocol::Ipv4,
    };
    let mut frame = vec![0; ethernet.buffer_len() + ip.buffer_len() + ip.payload_len];
    let mut around = EthernetFrame::new_unchecked(&mut frame);
    ethernet.emit(&mut around);
    let checksums = ChecksumCapabilities::default();
    let mut packet = Ipv4Packet::new_unchecked(around.payload_mut());
    ip.emit(&mut packet, &checksums);
    let (from, to) = (ip.src_addr.into(), ip.dst_addr.into());
    udp.emit(
        &mut UdpPacket::new_unchecked(packet.payload_mut()),
        &from,
        &to,
        reply.buffer_len(),
        |payload| {
            // The buffer has the length that the reply itself has told.
            let _ = reply.emit(&mut DhcpPacket::new_unchecked(payload));
        },
        &checksums,
    );
    frame
}

/// The way to the service, and other routes of the network, as RFC 3442 packs them. A client may not look at any other
/// routes besides; where its subnet is itself alone, also we are only on its link by a route.
fn encoded_routes(network: LanLayout) -> Vec<u8> {
    let mut routes = network.routes();
    if network.mask() == Ipv4Addr::BROADCAST {
        routes.push((HOST, Ipv4Addr::BROADCAST, ANY));
    }
    routes.push((SERVICE, Ipv4Addr::BROADCAST, HOST));
    routes
        .into_iter()
        .flat_map(|(destination, mask, gateway)| {
            let prefix = mask.to_bits().leading_ones().to_le_bytes()[0];
            let significant = usize::from(prefix.div_ceil(8));
            [&[prefix], &destination.octets()[..significant], &gateway.octets()[..]].concat()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 11]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);

    fn question(kind: DhcpMessageType) -> DhcpRepr<'static> {
        let card = EthernetAddress(CARD.0);
        DhcpRepr {
            message_type: kind,
            client_hardware_address: card,
            client_ip: ANY,
            your_ip: ANY,
            server_identifier: None,
            lease_duration: None,
            ..reply(
                &DhcpRepr {
                    message_type: DhcpMessageType::Discover,
                    transaction_id: 77,
                    secs: 0,
                    client_hardware_address: card,
                    client_ip: ANY,
                    your_ip: ANY,
                    server_ip: ANY,
                    router: None,
                    subnet_mask: None,
                    relay_agent_ip: ANY,
                    broadcast: false,
                    requested_ip: None,
                    client_identifier: None,
                    server_identifier: None,
                    parameter_request_list: None,
                    dns_servers: None,
                    max_size: None,
                    lease_duration: None,
                    renew_duration: None,
                    rebind_duration: None,
                    additional_options: &[],
                },
                ADDRESS,
            )
            .unwrap()
        }
    }

    /// The question as a frame from the client.
    fn asked(question: &DhcpRepr) -> Vec<u8> {
        let mut frame = framed(question, LanLayout::Vxlan);
        let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
        let mut udp = UdpPacket::new_unchecked(packet.payload_mut());
        udp.set_src_port(DHCP_CLIENT_PORT);
        udp.set_dst_port(DHCP_SERVER_PORT);
        frame
    }

    fn answered(question: &DhcpRepr, network: LanLayout) -> Option<Vec<u8>> {
        answer(&asked(question), network, |mac| (mac == CARD).then_some(ADDRESS))
    }

    /// Has smoltcp, which checks sums, take the answer apart.
    fn parsed(frame: &[u8], look: impl FnOnce(&DhcpRepr, &DhcpPacket<&[u8]>)) {
        let ethernet = EthernetFrame::new_checked(frame).unwrap();
        assert_eq!(ethernet.dst_addr(), EthernetAddress(CARD.0));
        let ip = Ipv4Packet::new_checked(ethernet.payload()).unwrap();
        let sums = ChecksumCapabilities::default();
        let repr = Ipv4Repr::parse(&ip, &sums).unwrap();
        let udp = UdpPacket::new_checked(ip.payload()).unwrap();
        UdpRepr::parse(&udp, &repr.src_addr.into(), &repr.dst_addr.into(), &sums).unwrap();
        let packet = DhcpPacket::new_checked(udp.payload()).unwrap();
        look(&DhcpRepr::parse(&packet).unwrap(), &packet);
    }

    fn option(packet: &DhcpPacket<&[u8]>, number: u8) -> Vec<u8> {
        packet.options().find(|option| option.kind == number).unwrap().data.to_vec()
    }

    #[test]
    fn a_known_card_is_offered_its_address_and_the_way_to_the_service() {
        let frame = answered(&question(DhcpMessageType::Discover), LanLayout::Geneve).unwrap();
        parsed(&frame, |reply, packet| {
            assert_eq!((reply.message_type, reply.transaction_id), (DhcpMessageType::Offer, 77));
            assert_eq!((reply.your_ip, reply.server_identifier), (ADDRESS, Some(HOST)));
            assert_eq!(reply.subnet_mask, Some(Ipv4Addr::new(255, 255, 255, 0)));
            assert_eq!(option(packet, INTERFACE_MTU), 1442_u16.to_be_bytes());
            assert_eq!(option(packet, CLASSLESS_ROUTES), [32, 169, 254, 169, 254, 10, 77, 0, 2]);
        });
    }

    #[test]
    fn an_address_of_its_own_alone_comes_with_routes_on_the_link() {
        let frame = answered(&question(DhcpMessageType::Discover), LanLayout::Slash32).unwrap();
        parsed(&frame, |reply, packet| {
            assert_eq!(reply.subnet_mask, Some(Ipv4Addr::BROADCAST));
            let routes = option(packet, CLASSLESS_ROUTES);
            assert_eq!(routes[..8], [24, 10, 77, 0, 0, 0, 0, 0]);
            assert_eq!(routes[8..17], [32, 10, 77, 0, 2, 0, 0, 0, 0]);
            assert_eq!(routes[17..], [32, 169, 254, 169, 254, 10, 77, 0, 2]);
        });
    }

    #[test]
    fn the_offered_address_is_granted_and_another_refused() {
        let wish = |address| DhcpRepr { requested_ip: Some(address), ..question(DhcpMessageType::Request) };
        parsed(&answered(&wish(ADDRESS), LanLayout::Vxlan).unwrap(), |reply, _| {
            assert_eq!((reply.message_type, reply.lease_duration), (DhcpMessageType::Ack, Some(LEASE)));
        });
        parsed(&answered(&wish(Ipv4Addr::new(10, 77, 0, 12)), LanLayout::Vxlan).unwrap(), |reply, _| {
            assert_eq!((reply.message_type, reply.your_ip), (DhcpMessageType::Nak, ANY));
        });
        let renewed = DhcpRepr { client_ip: ADDRESS, ..question(DhcpMessageType::Request) };
        parsed(&answered(&renewed, LanLayout::Vxlan).unwrap(), |reply, _| {
            assert_eq!(reply.message_type, DhcpMessageType::Ack);
        });
    }

    #[test]
    fn strangers_other_servers_and_nonsense_get_nothing() {
        let discover = question(DhcpMessageType::Discover);
        assert_eq!(answer(&asked(&discover), LanLayout::Vxlan, |_| None), None);
        let elsewhere = DhcpRepr {
            server_identifier: Some(Ipv4Addr::new(10, 77, 0, 3)),
            requested_ip: Some(ADDRESS),
            ..question(DhcpMessageType::Request)
        };
        assert_eq!(answered(&elsewhere, LanLayout::Vxlan), None);
        let whole = asked(&discover);
        for length in 0..whole.len() {
            let _ = answer(&whole[..length], LanLayout::Vxlan, |_| Some(ADDRESS));
        }
        assert_eq!(answer(&whole[..60], LanLayout::Vxlan, |_| Some(ADDRESS)), None);
    }
}
