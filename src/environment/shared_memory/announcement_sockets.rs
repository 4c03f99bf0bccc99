//! Sockets that overhear the announcements of DDS participants.

use std::env;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Instant;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use super::announcement::Announcement;
use super::peers::Peers;

/// Group of the announcements, by the DDS specification.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);
/// Variables that keep ROS 2 to this machine, of versions since and before Iron.
const LOCAL_VARIABLES: [(&str, &str); 2] = [
    ("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
    ("ROS_LOCALHOST_ONLY", "1"),
];
/// Ports of participants within those of a domain: the first, and the distance between two.
const FIRST_PARTICIPANT: u16 = 10;
const PARTICIPANT_GAIN: u16 = 2;
/// Participant whose place is taken. Since Iron nodes that keep to this machine announce themselves to the places of 32
/// participants, whether these exist or not. This is the last of them, so that none is discovered less for it unless all
/// exist; one bridge per domain is enough to notice what concerns all of them.
const PLACE: u16 = 31;
/// Longest datagram that is read whole. Announcements take a few hundred bytes.
const MAX_DATAGRAM: usize = 8 * 1024;
/// Datagrams read at a time. Others stay for the next time, or the system drops them.
const MAX_DATAGRAMS: usize = 256;

/// Sockets for the announcements of one domain.
#[derive(Debug)]
pub(super) struct AnnouncementSockets {
    sockets: Vec<UdpSocket>,
    buffer: Vec<u8>,
}

impl AnnouncementSockets {
    /// Listens to the announcements of the domain whose ports begin with `domain`.
    pub(super) fn open(domain: u16) -> io::Result<Self> {
        let mut sockets = vec![open_group(domain)?];
        let is_set = |(name, value): &(&str, &str)| env::var(name).is_ok_and(|set| set == *value);
        if LOCAL_VARIABLES.iter().any(is_set) {
            sockets.extend(open_place(domain));
        }
        Ok(Self {
            sockets,
            buffer: vec![0; MAX_DATAGRAM],
        })
    }

    /// Records the announcements that have arrived.
    pub(super) fn receive_into(&mut self, peers: &mut Peers, now: Instant) {
        for socket in &self.sockets {
            for _ in 0..MAX_DATAGRAMS {
                // An error says that there is none at present.
                let Ok(length) = socket.recv(&mut self.buffer) else {
                    break;
                };
                if let Some(announcement) = Announcement::read(&self.buffer[..length]) {
                    peers.record(now, announcement);
                }
            }
        }
    }
}

/// Opens a socket for announcements to the group, beside all others. It receives them if the middleware of any process
/// has joined the group, and takes nothing away from it.
fn open_group(port: u16) -> io::Result<UdpSocket> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    // Bound to the group, it receives nothing that is addressed to a node.
    bind(&socket, &SocketAddrV4::new(GROUP, port))?;
    Ok(UdpSocket::from(socket))
}

/// Opens a socket in the place of a participant. `None` if it exists, or if another bridge has taken it.
fn open_place(domain: u16) -> Option<UdpSocket> {
    let port = domain.checked_add(FIRST_PARTICIPANT + PARTICIPANT_GAIN * PLACE)?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::super::announcement::tests::encode;
    use super::*;

    /// Sends an announcement from `sender` until it is received.
    fn exchange(receiver: UdpSocket, sender: &UdpSocket, to: SocketAddrV4) {
        let mut sockets = AnnouncementSockets {
            sockets: vec![receiver],
            buffer: vec![0; MAX_DATAGRAM],
        };
        let mut peers = Peers::default();
        sockets.receive_into(&mut peers, Instant::now());
        assert!(peers.is_empty());
        while peers.is_empty() {
            sender.send_to(&encode(1, 16, 7411), to).expect("sent");
            sockets.receive_into(&mut peers, Instant::now());
        }
    }

    /// Returns a free port with room for those of a domain behind it.
    fn free_port() -> u16 {
        let socket = UdpSocket::bind((GROUP, 0)).expect("bound");
        let port = socket.local_addr().expect("bound").port();
        port.min(u16::MAX - 1000)
    }

    #[test]
    fn announcements_to_the_group_are_overheard_beside_its_members() {
        let port = free_port();
        let member = open_group(port).expect("the first");
        member
            .join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)
            .expect("joined");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        sockopt::set_ip_multicast_if(&sender, &Ipv4Addr::LOCALHOST).expect("set");
        let listener = open_group(port).expect("the second");
        exchange(listener, &sender, SocketAddrV4::new(GROUP, port));
        let mut buffer = [0; 8];
        assert!(member.recv(&mut buffer).is_ok(), "it received it too");
    }

    #[test]
    fn announcements_to_the_place_of_a_participant_are_received_by_one_bridge() {
        let (domain, place) = std::iter::repeat_with(free_port)
            .find_map(|domain| Some((domain, open_place(domain)?)))
            .expect("endless");
        assert!(open_place(domain).is_none(), "taken");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, domain + 72);
        exchange(place, &sender, to);
    }
}
