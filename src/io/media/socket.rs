//! One media socket: bound, non-blocking, marked, and connected once its far end is certain.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

/// See the module.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    connected: Option<SocketAddr>,
}

impl Socket {
    /// A socket bound to `local`; `dscp` goes into the upper six bits of the traffic class (RFC 2474).
    pub(super) fn bind(local: SocketAddr, dscp: u8) -> io::Result<Socket> {
        let family = if local.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
        // Marking is a wish: some containers forbid it, and calls go on without.
        let class = dscp << 2;
        if local.is_ipv4() {
            let _ = sockopt::set_ip_tos(&fd, class);
        } else {
            sockopt::set_ipv6_v6only(&fd, true)?;
            let _ = sockopt::set_ipv6_tclass(&fd, u32::from(class));
        }
        rustix::net::bind(&fd, &local)?;
        Ok(Socket { fd, connected: None })
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Whether what is sent without an address goes to `to`.
    pub(super) fn is_connected_to(&self, to: SocketAddr) -> bool {
        self.connected == Some(to)
    }

    /// Lets the kernel refuse everybody but `far` (`None`: nobody). A route that does not exist leaves it as it was.
    pub(super) fn narrow(&mut self, far: Option<SocketAddr>) {
        if self.connected == far {
            return;
        }
        let done = match far {
            Some(far) => rustix::net::connect(&self.fd, &far),
            None => rustix::net::connect_unspec(&self.fd),
        };
        if done.is_ok() {
            self.connected = far;
        } else if self.connected.is_some() {
            let _ = rustix::net::connect_unspec(&self.fd);
            self.connected = None;
        }
    }

    /// Receives one datagram: who sent it and how long it is (longer than `buffer` when it was cut).
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<(SocketAddr, usize), Errno> {
        let (_, len, from) = rustix::net::recvfrom(&self.fd, buffer, RecvFlags::DONTWAIT | RecvFlags::TRUNC)?;
        let from = from.and_then(|from| SocketAddr::try_from(from).ok()).ok_or(Errno::AFNOSUPPORT)?;
        Ok((from, len))
    }

    /// Sends one datagram. What cannot be sent is lost, as it may be on any network.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let sent = self.try_send(to, datagram);
        // On a connected socket a refusal of an earlier datagram is told here, and this one was not sent.
        if sent == Err(Errno::CONNREFUSED) {
            let _ = self.try_send(to, datagram);
        }
    }

    fn try_send(&self, to: SocketAddr, datagram: &[u8]) -> Result<usize, Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if self.connected == Some(to) {
            rustix::net::send(&self.fd, datagram, flags)
        } else {
            rustix::net::sendto(&self.fd, datagram, flags, &to)
        }
    }
}
