//! The worker under a bench: phones are addresses, the wire is a list, time stands still unless it is moved.

mod feed;
mod forged;
mod keys;
mod life;
mod mix;
mod play;
mod relay;
mod report;
mod shield;
mod strand;
mod tap;
mod transcode;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::base::{CallId, LegId, Random, Time};
use crate::rtp::{Format, Packet};
use crate::vault::TapItem;

/// A datagram that left the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    at: Time,
    leg: LegId,
    channel: Channel,
    to: SocketAddr,
    octets: Vec<u8>,
}

impl Sent {
    fn packet(&self) -> Packet {
        Packet::read(&self.octets).unwrap()
    }

    fn payload(&self) -> &[u8] {
        &self.octets[12..]
    }
}

/// Sockets that only remember.
#[derive(Default)]
struct Paper {
    now: Time,
    open: HashMap<LegKey, SocketAddr>,
    legs: Vec<LegKey>,
    narrowed: HashMap<(LegKey, Channel), Option<SocketAddr>>,
    sent: Vec<(Time, LegKey, Channel, SocketAddr, Vec<u8>)>,
    full: bool,
}

impl Wire for Paper {
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr> {
        let port = 20_000 + 2 * self.legs.len() as u16;
        let at = (!self.full).then_some(SocketAddr::new(local, port))?;
        assert_eq!(self.open.insert(key, at), None, "a key in use is given again");
        self.legs.push(key);
        Some(at)
    }

    fn narrow(&mut self, key: LegKey, channel: Channel, far: Option<SocketAddr>) {
        self.narrowed.insert((key, channel), far);
    }

    fn send(&mut self, key: LegKey, channel: Channel, to: SocketAddr, datagram: &[u8]) {
        assert!(self.open.contains_key(&key), "sent through a closed socket");
        self.sent.push((self.now, key, channel, to, datagram.to_vec()));
    }

    fn close(&mut self, key: LegKey) {
        assert!(self.open.remove(&key).is_some(), "closed twice");
    }
}

/// One call on one worker.
struct Stage {
    worker: Worker,
    wire: Paper,
    now: Time,
    call: CallId,
    keys: HashMap<LegId, LegKey>,
}

const A: LegId = LegId(0);
const B: LegId = LegId(1);

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn alice() -> SocketAddr {
    at("198.51.100.1:4000")
}

fn bob() -> SocketAddr {
    at("198.51.100.2:5000")
}

fn formats(list: &[&str]) -> Vec<Format> {
    list.iter().map(|format| Format::from_rtpmap(format).unwrap()).collect()
}

fn aim(rtp: SocketAddr) -> Aim {
    Aim {
        rtp,
        rtcp: None,
        formats: vec![Format::PCMA],
        telephone_event: Some(Format::telephone_event(101)),
        send: true,
        receive: true,
        trust: Trust::Announced,
        secure: None,
    }
}

/// A packet of 20 ms, numbered `n`, of the stream `ssrc`.
fn rtp(pt: u8, n: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let packet =
        Packet { marker: n == 0, pt, seq: n as u16, timestamp: n.wrapping_mul(160), ssrc, payload: 0..0 };
    [&packet.header()[..], payload].concat()
}

impl Stage {
    fn new() -> Stage {
        Stage {
            worker: Worker::new(Random::from_number(1)),
            wire: Paper::default(),
            now: Time::from_millis(5_000),
            call: CallId::from_bytes([9; 16]),
            keys: HashMap::new(),
        }
    }

    /// Alice and Bob, aimed and joined.
    fn joined() -> Stage {
        let mut stage = Stage::new();
        stage.leg(A, aim(alice()));
        stage.leg(B, aim(bob()));
        stage.order(Order::Join { call: stage.call, a: A, b: B });
        stage
    }

    fn leg(&mut self, leg: LegId, aim: Aim) {
        self.order(Order::Open { call: self.call, leg, local: "192.0.2.1".parse().unwrap() });
        self.keys.insert(leg, *self.wire.legs.last().unwrap());
        self.aim(leg, aim);
    }

    fn aim(&mut self, leg: LegId, aim: Aim) {
        self.order(Order::Aim { call: self.call, leg, aim: Box::new(aim) });
    }

    fn order(&mut self, order: Order) {
        self.worker.order(self.now, order, &mut self.wire);
        self.worker.settle(&mut self.wire);
    }

    /// A datagram comes to a leg's channel.
    fn comes(&mut self, leg: LegId, channel: Channel, from: SocketAddr, datagram: &[u8]) -> Option<Sent> {
        let mut buffer = [datagram, &[0; BUFFER_SPARE]].concat();
        let key = self.keys[&leg];
        let forward = self.worker.packet(self.now, key, channel, from, &mut buffer, datagram.len());
        self.worker.settle(&mut self.wire);
        let Forward { key, channel, to, place } = forward?;
        self.wire.now = self.now;
        self.wire.send(key, channel, to, &buffer[place]);
        self.sent().pop()
    }

    /// An RTP packet comes to a leg.
    fn says(&mut self, leg: LegId, from: SocketAddr, datagram: &[u8]) -> Option<Sent> {
        self.comes(leg, Channel::Rtp, from, datagram)
    }

    /// Lets time pass, ticking when the worker wants it.
    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(due) = self.worker.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.wire.now = self.now;
            self.worker.tick(self.now, &mut self.wire);
        }
        self.now = until;
    }

    /// What was sent since the last look.
    fn sent(&mut self) -> Vec<Sent> {
        let legs: HashMap<LegKey, LegId> = self.keys.iter().map(|(leg, key)| (*key, *leg)).collect();
        let sent = self.wire.sent.drain(..);
        sent.map(|(at, key, channel, to, octets)| Sent { at, leg: legs[&key], channel, to, octets }).collect()
    }

    fn news(&mut self) -> Vec<News> {
        std::iter::from_fn(|| self.worker.poll_news()).collect()
    }

    fn taps(&mut self) -> Vec<TapItem> {
        std::iter::from_fn(|| self.worker.poll_tap()).collect()
    }

    fn facts(&mut self, leg: LegId) -> LegFacts {
        self.news();
        self.order(Order::Report { call: self.call });
        let found = self.news().into_iter().find_map(|news| match news {
            News::Facts { leg: of, facts, .. } if of == leg => Some(*facts),
            _ => None,
        });
        found.unwrap()
    }
}
