//! SIP over UDP: one socket a listener; each datagram comes with the local address it was sent to, and leaves from the
//! address that its flow names, also where the listener is a wildcard.
//!
//! Invariant: a flow's local address is always concrete.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use bytes::Bytes;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage,
    recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::base::bounds;
use crate::sip::{Flow, Transport};

/// Octets of receive buffer asked of the kernel: two thousand INVITEs while the control task is at something else.
const RECEIVE_BUFFER: usize = 4 << 20;

/// One UDP listener.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    local: SocketAddr,
}

/// What a socket yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A datagram.
    Datagram {
        /// From whom, to which of our addresses.
        flow: Flow,
        /// Its octets.
        raw: Bytes,
    },
    /// A datagram that holds nothing but a keep-alive (RFC 5626 §3.5.1 and what phones send in its place).
    KeepAlive,
}

impl Udp {
    /// Binds a listener. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, most often that the address is in use or is not this machine's.
    pub fn bind(address: SocketAddr) -> io::Result<Udp> {
        let socket =
            Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
            tracing::debug!(%error, "the receive buffer stays small");
        }
        // A refusal by the peer's machine (ICMP) is told to us, with the peer's address, on the error queue.
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        }
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Udp { socket, local })
    }

    /// The address that it is bound to; may be a wildcard.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether datagrams of a flow with this local address leave through this socket.
    pub fn carries(&self, local: SocketAddr) -> bool {
        let same_family = self.local.is_ipv4() == local.is_ipv4();
        self.local == local
            || (same_family && self.local.ip().is_unspecified() && self.local.port() == local.port())
    }

    /// Waits until there is something to receive or a refusal to read.
    pub async fn ready(&self) -> io::Result<()> {
        self.socket.ready(Interest::READABLE | Interest::ERROR).await.map(drop)
    }

    /// The next datagram. `buffer` holds [`bounds::MESSAGE_BYTES`] and one more, so that a longer datagram shows.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; then [`Udp::ready`] waits for the next.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        self.socket.try_io(Interest::READABLE, || {
            let mut control = [0; CONTROL_BYTES];
            let mut slices = [IoSliceMut::new(buffer)];
            let got = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::MSG_DONTWAIT,
            )?;
            let remote = got.address.as_ref().and_then(address_of).ok_or(io::ErrorKind::InvalidData)?;
            let to = got.cmsgs()?.find_map(|message| addressed(&message)).unwrap_or(self.local.ip());
            let octets = got.iovs().next().unwrap_or(&[]);
            if is_keep_alive(octets) {
                return Ok(Arrival::KeepAlive);
            }
            let local = SocketAddr::new(to, self.local.port());
            let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
            Ok(Arrival::Datagram { flow, raw: Bytes::copy_from_slice(octets) })
        })
    }

    /// Sends one datagram from the flow's local address.
    ///
    /// # Errors
    /// The system's about this datagram: no route, or the socket's queue full (then it is lost as on any network).
    pub fn send(&self, flow: &Flow, octets: &[u8]) -> io::Result<()> {
        let mut sent = self.try_send(flow, octets);
        // The kernel tells the refusal of an earlier datagram, to whomever it went, at the next call, and then does nothing
        // else (ip(7), IP_RECVERR). Who refused is in the error queue; this datagram is still to be sent.
        for _ in 0..EARLIER {
            match &sent {
                Err(error) if tells_of_a_peer(error) => sent = self.try_send(flow, octets),
                _ => break,
            }
        }
        sent
    }

    fn try_send(&self, flow: &Flow, octets: &[u8]) -> io::Result<()> {
        let slices = [IoSlice::new(octets)];
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        // Only a wildcard needs to be told the source.
        let told = self.local.ip().is_unspecified();
        let sent = match (flow.remote, flow.local.ip()) {
            (SocketAddr::V4(remote), IpAddr::V4(_)) if !told => {
                sendmsg(fd, &slices, &[], flags, Some(&SockaddrIn::from(remote)))
            }
            (SocketAddr::V6(remote), IpAddr::V6(_)) if !told => {
                sendmsg(fd, &slices, &[], flags, Some(&SockaddrIn6::from(remote)))
            }
            (SocketAddr::V4(remote), IpAddr::V4(from)) => {
                let source = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(from.octets()) },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                sendmsg(
                    fd,
                    &slices,
                    &[ControlMessage::Ipv4PacketInfo(&source)],
                    flags,
                    Some(&SockaddrIn::from(remote)),
                )
            }
            (SocketAddr::V6(remote), IpAddr::V6(from)) => {
                let source = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: from.octets() },
                    ipi6_ifindex: remote.scope_id(),
                };
                sendmsg(
                    fd,
                    &slices,
                    &[ControlMessage::Ipv6PacketInfo(&source)],
                    flags,
                    Some(&SockaddrIn6::from(remote)),
                )
            }
            _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        sent.map(drop).map_err(io::Error::from)
    }

    /// The next peer whose machine refused a datagram of ours (ICMP port or host unreachable).
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub fn refused(&self) -> io::Result<Flow> {
        self.socket.try_io(Interest::ERROR, || {
            let mut control = [0; CONTROL_BYTES];
            let mut rest = [0; 64];
            let mut slices = [IoSliceMut::new(&mut rest)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let got =
                recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
            let remote = got.address.as_ref().and_then(address_of).ok_or(io::ErrorKind::InvalidData)?;
            // The refusal was sent to the address that the datagram came from.
            let from = got.cmsgs()?.find_map(|message| addressed(&message)).unwrap_or(self.local.ip());
            let local = SocketAddr::new(from, self.local.port());
            Ok(Flow { transport: Transport::Udp, local, remote, connection: 0 })
        })
    }
}

/// How many refusals of earlier datagrams one datagram gets past.
const EARLIER: usize = 3;

/// Whether an error may be an ICMP message's about another datagram.
fn tells_of_a_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

/// Room for the control messages that we ask for: packet information, or an extended error with its offender.
const CONTROL_BYTES: usize = 256;

/// The local address that a datagram was sent to.
fn addressed(message: &ControlMessageOwned) -> Option<IpAddr> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let [local, header] =
                [info.ipi_spec_dst, info.ipi_addr].map(|ip| IpAddr::from(ip.s_addr.to_ne_bytes()));
            // The two differ for broadcasts, which are answered from the interface's own address.
            Some(if local.is_unspecified() { header } else { local })
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(IpAddr::from(info.ipi6_addr.s6_addr)),
        _ => None,
    }
}

fn address_of(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match storage.family()? {
        nix::sys::socket::AddressFamily::Inet => {
            storage.as_sockaddr_in().map(|address| SocketAddr::V4(SocketAddrV4::from(*address)))
        }
        nix::sys::socket::AddressFamily::Inet6 => {
            storage.as_sockaddr_in6().map(|address| SocketAddr::V6(SocketAddrV6::from(*address)))
        }
        _ => None,
    }
}

/// Line ends, blanks and zero octets only: no message begins with them.
fn is_keep_alive(octets: &[u8]) -> bool {
    octets.iter().all(|octet| matches!(octet, b'\r' | b'\n' | b' ' | 0))
}

/// A buffer for [`Udp::receive`].
pub fn buffer() -> Vec<u8> {
    vec![0; bounds::MESSAGE_BYTES + 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    async fn next(udp: &Udp, buffer: &mut [u8]) -> Arrival {
        loop {
            udp.ready().await.expect("ready");
            match udp.receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other.expect("a datagram"),
            }
        }
    }

    #[tokio::test]
    async fn a_wildcard_answers_from_the_address_that_was_addressed() {
        for (wildcard, addressed) in
            [("0.0.0.0:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "::1")]
        {
            let udp = Udp::bind(wildcard.parse().expect("an address")).expect("bound");
            let to = SocketAddr::new(addressed.parse().expect("an address"), udp.local().port());
            let any: SocketAddr =
                if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }.parse().expect("an address");
            let phone = UdpSocket::bind(any).expect("bound");
            phone.send_to(b"\r\n\r\n", to).expect("sent");
            phone.send_to(b"OPTIONS", to).expect("sent");
            let mut buffer = buffer();
            assert_eq!(next(&udp, &mut buffer).await, Arrival::KeepAlive);
            let Arrival::Datagram { flow, raw } = next(&udp, &mut buffer).await else {
                panic!("a keep-alive")
            };
            assert_eq!((&raw[..], flow.local), (&b"OPTIONS"[..], to));
            assert_eq!(flow.remote, phone.local_addr().expect("bound"));
            assert!(udp.carries(flow.local));
            udp.send(&flow, b"200").expect("sent");
            let mut got = [0; 8];
            let (len, from) = phone.recv_from(&mut got).expect("an answer");
            assert_eq!((&got[..len], from), (&b"200"[..], to));
        }
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_named() {
        for (bound, from, peer) in [
            ("127.0.0.1:0", "127.0.0.1", "127.0.0.1:0"),
            ("0.0.0.0:0", "127.0.0.7", "127.0.0.1:0"),
            ("[::]:0", "::1", "[::1]:0"),
        ] {
            let udp = Udp::bind(bound.parse().expect("an address")).expect("bound");
            let gone = UdpSocket::bind(peer).expect("bound").local_addr().expect("bound");
            let local = SocketAddr::new(from.parse().expect("an address"), udp.local().port());
            let flow = Flow { transport: Transport::Udp, local, remote: gone, connection: 0 };
            udp.send(&flow, b"INVITE").expect("sent");
            let refused = loop {
                udp.ready().await.expect("ready");
                match udp.refused() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        // The refusal may also be the receive's error; its queue entry comes with it.
                        let _ = udp.receive(&mut buffer());
                    }
                    other => break other.expect("a refusal"),
                }
            };
            assert_eq!(refused, flow);
        }
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_costs_no_other_peer_a_datagram() {
        let udp = Udp::bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let gone = UdpSocket::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
        let there = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let flow = |remote| Flow { transport: Transport::Udp, local: udp.local(), remote, connection: 0 };
        // On loopback the refusal is there when the call returns.
        udp.send(&flow(gone), b"BYE").expect("sent");
        udp.send(&flow(there.local_addr().expect("bound")), b"INVITE").expect("sent");
        let mut got = [0; 8];
        assert_eq!(there.recv(&mut got).expect("it came"), 6);
        udp.ready().await.expect("ready");
        assert_eq!(udp.refused().map(|flow| flow.remote).ok(), Some(gone), "and who refused is still told");
    }
}
