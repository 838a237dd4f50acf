//! Secure RTP on one leg: what comes is opened before anybody looks at it, what goes is protected last of all.
//!
//! Invariant: a leg with a shield takes nothing that is not protected under its keys, and sends nothing in clear.

use std::net::SocketAddr;

use crate::rtp::srtp::{Master, Receiver, Sender};
use crate::rtp::{Kind, demux};

use super::leg::Leg;
use super::source::Verdict;
use super::{Channel, Forward, Worker};

/// The keys of both directions, as SDES agreed on them (RFC 4568).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secure {
    /// Under which the switch sends.
    pub send: Master,
    /// Under which the far end does.
    pub receive: Master,
}

/// Both directions under way.
#[derive(Debug)]
pub(super) struct Shield {
    keys: Secure,
    sender: Sender,
    receiver: Receiver,
}

impl Shield {
    /// The shield for new keys. A direction whose key stays goes on counting: a roll-over counter that began anew would
    /// make every packet a forgery (RFC 3711 §3.3.1).
    pub(super) fn renewed(before: Option<Box<Shield>>, keys: Secure) -> Box<Shield> {
        match before {
            Some(mut shield) => {
                if shield.keys.send != keys.send {
                    shield.sender = Sender::new(&keys.send);
                }
                if shield.keys.receive != keys.receive {
                    shield.receiver = Receiver::new(&keys.receive);
                }
                shield.keys = keys;
                shield
            }
            None => {
                let (sender, receiver) = (Sender::new(&keys.send), Receiver::new(&keys.receive));
                Box::new(Shield { keys, sender, receiver })
            }
        }
    }

    /// Protects the packet in the first `len` octets of `buffer`; how long it is then.
    pub(super) fn protect(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        match demux(buffer) {
            Kind::Rtp => self.sender.protect(buffer, len),
            Kind::Rtcp => self.sender.protect_rtcp(buffer, len),
            Kind::Other => None,
        }
    }

    /// Opens a packet in place; how long it is then. `None`: forged, replayed, or in clear. What is no RTP is left as it is.
    pub(super) fn open(&mut self, datagram: &mut [u8]) -> Option<usize> {
        match demux(datagram) {
            Kind::Rtp => self.receiver.open(datagram).ok(),
            Kind::Rtcp => self.receiver.open_rtcp(datagram).ok(),
            Kind::Other => Some(datagram.len()),
        }
    }
}

impl Leg {
    /// Takes what a new aim says of protection.
    pub(super) fn take_shield(&mut self, keys: Option<&Secure>) {
        self.shield = keys.map(|keys| Shield::renewed(self.shield.take(), keys.clone()));
    }

    /// Opens what came from `from`; how many of its octets are to be looked at. A stranger's are left as they are: whoever
    /// judges sources counts them.
    pub(super) fn open(&mut self, from: SocketAddr, channel: Channel, datagram: &mut [u8]) -> Option<usize> {
        let verdict = self.judge(from, channel);
        let Some(shield) = self.shield.as_mut().filter(|_| verdict != Verdict::Stranger) else {
            return Some(datagram.len());
        };
        let opened = shield.open(datagram);
        self.counts.unprotected += u64::from(opened.is_none());
        opened
    }

    /// Protects the packet in the first `len` octets of `buffer`, when the leg is protected; how long it is then. `None`:
    /// it must not be sent.
    pub(super) fn protect(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        match &mut self.shield {
            Some(shield) => shield.protect(buffer, len),
            None => Some(len),
        }
    }
}

impl Worker {
    /// Protects what is to be sent on, in the buffer that it came in.
    pub(super) fn shielded(&mut self, mut forward: Forward, buffer: &mut [u8]) -> Option<Forward> {
        let leg = self.table.get_mut(forward.key)?;
        let len = leg.protect(buffer.get_mut(forward.place.start..)?, forward.place.len())?;
        forward.place.end = forward.place.start + len;
        Some(forward)
    }
}
