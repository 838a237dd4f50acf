//! The network between phones and switch: datagrams that get lost, late, doubled and out of order; streams that only get late,
//! and can be cut. All of it follows from the seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use ledgerline::base::{Random, Time};
use ledgerline::sip::{Flow, Transport};

/// Which end of a flow a packet travels to. A flow is always written as the switch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toward {
    Switch,
    Phone,
}

/// What travels.
#[derive(Debug, Clone)]
pub enum Cargo {
    /// A datagram, or a piece of a stream.
    Octets(Bytes),
    /// The end of a stream.
    Closed,
}

/// One thing in flight.
#[derive(Debug, Clone)]
pub struct Packet {
    pub flow: Flow,
    pub toward: Toward,
    pub cargo: Cargo,
    /// Tells the sender when it arrives: the world's own knowledge, no part of the network.
    pub receipt: Option<u64>,
}

/// What becomes of one datagram among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lost,
    Doubled,
    /// Others overtake it.
    Late,
}

/// What datagrams suffer.
#[derive(Debug, Clone)]
pub struct Weather {
    pub loss_percent: u64,
    pub delay: Range<Duration>,
    pub duplicate_percent: u64,
    /// Datagrams to the switch whose octets arrive changed.
    pub corrupt_percent: u64,
    /// Packets that take a quarter of a second longer, so that others overtake them.
    pub late_percent: u64,
}

impl Weather {
    /// Nothing is lost; each packet takes a millisecond.
    pub fn fair() -> Weather {
        let ms = Duration::from_millis(1);
        Weather { loss_percent: 0, delay: ms..ms, duplicate_percent: 0, corrupt_percent: 0, late_percent: 0 }
    }

    /// Whether every packet arrives, once.
    pub fn is_faithful(&self) -> bool {
        self.loss_percent == 0 && self.duplicate_percent == 0 && self.corrupt_percent == 0
    }
}

/// The network.
pub struct Network {
    random: Random,
    pub weather: Weather,
    in_flight: BTreeMap<(Time, u64), Packet>,
    sent: u64,
    connections: u64,
    /// When the last piece of each open stream arrives, by direction.
    streams: BTreeMap<u64, [Time; 2]>,
    pub lost: u64,
    /// Datagrams sent so far, and what becomes of one of them, counted from 0.
    pub datagrams: u64,
    pub fate: Option<(u64, Fate)>,
    /// Datagrams to the switch that begin with this word get lost, so many of them.
    pub swallows: (&'static str, u32),
}

impl Network {
    pub fn new(random: Random) -> Network {
        let in_flight = BTreeMap::new();
        Network {
            random,
            weather: Weather::fair(),
            in_flight,
            sent: 0,
            connections: 0,
            streams: BTreeMap::new(),
            lost: 0,
            datagrams: 0,
            fate: None,
            swallows: ("", 0),
        }
    }

    /// A new stream.
    pub fn connect(&mut self, now: Time, local: SocketAddr, remote: SocketAddr) -> Flow {
        self.connections += 1;
        self.streams.insert(self.connections, [now; 2]);
        Flow { transport: Transport::Tcp, local, remote, connection: self.connections }
    }

    /// Whether a stream is still there.
    pub fn is_open(&self, connection: u64) -> bool {
        self.streams.contains_key(&connection)
    }

    /// Cuts a stream: what is in flight is lost, both ends notice.
    pub fn cut(&mut self, now: Time, flow: Flow) {
        if self.streams.remove(&flow.connection).is_some() {
            self.in_flight.retain(|_, packet| packet.flow.connection != flow.connection);
            for toward in [Toward::Switch, Toward::Phone] {
                let at = now + self.delay();
                self.launch(at, Packet { flow, toward, cargo: Cargo::Closed, receipt: None });
            }
        }
    }

    /// Sends octets one way over a flow.
    pub fn send(&mut self, now: Time, flow: Flow, toward: Toward, octets: Bytes, receipt: Option<u64>) {
        let packet = Packet { flow, toward, cargo: Cargo::Octets(octets), receipt };
        match flow.transport {
            Transport::Udp => self.send_datagram(now, packet),
            _ => self.send_piece(now, packet),
        }
    }

    fn send_datagram(&mut self, now: Time, packet: Packet) {
        let fate = self.fate.filter(|(nth, _)| *nth == self.datagrams).map(|(_, fate)| fate);
        self.datagrams += 1;
        let copies =
            1 + u64::from(self.happens(self.weather.duplicate_percent) || fate == Some(Fate::Doubled));
        if self.is_swallowed(&packet) || fate == Some(Fate::Lost) {
            return;
        }
        for _ in 0..copies {
            if self.happens(self.weather.loss_percent) {
                self.lost += 1;
                continue;
            }
            let mut at = now + self.delay();
            if self.happens(self.weather.late_percent) || fate == Some(Fate::Late) {
                at = at + Duration::from_millis(250);
            }
            let mut packet = packet.clone();
            if packet.toward == Toward::Switch && self.happens(self.weather.corrupt_percent) {
                packet.cargo = self.corrupted(packet.cargo);
            }
            self.launch(at, packet);
        }
    }

    /// Octets that were changed, left out, repeated or cut off on their way.
    fn corrupted(&mut self, cargo: Cargo) -> Cargo {
        let Cargo::Octets(octets) = cargo else { return cargo };
        let mut octets = octets.to_vec();
        for _ in 0..1 + self.random.below(4) {
            let at = self.random.below(octets.len().max(1) as u64) as usize;
            let len = (1 + self.random.below(30) as usize).min(octets.len().saturating_sub(at));
            match self.random.below(6) {
                0 => octets.truncate(at),
                1 => drop(octets.drain(at..at + len)),
                2 => {
                    let again = octets[at..at + len].to_vec();
                    octets.splice(at..at, again);
                }
                3 => octets.splice(at..at + len.min(1), *b"\r\n").for_each(drop),
                _ if at < octets.len() => octets[at] = self.random.below(256) as u8,
                _ => {}
            }
        }
        Cargo::Octets(octets.into())
    }

    fn is_swallowed(&mut self, packet: &Packet) -> bool {
        let (word, left) = &mut self.swallows;
        let hit = match &packet.cargo {
            Cargo::Octets(octets) => packet.toward == Toward::Switch && octets.starts_with(word.as_bytes()),
            Cargo::Closed => false,
        };
        let swallowed = hit && *left > 0;
        *left -= u32::from(swallowed);
        swallowed
    }

    /// A stream delivers in order; a loss costs it time.
    fn send_piece(&mut self, now: Time, packet: Packet) {
        if !self.is_open(packet.flow.connection) {
            return;
        }
        let mut at = now + self.delay();
        while self.happens(self.weather.loss_percent) {
            at = at + Duration::from_millis(200);
        }
        if let Some(last) = self.streams.get_mut(&packet.flow.connection) {
            let last = &mut last[packet.toward as usize];
            at = at.max(*last);
            *last = at;
        }
        self.launch(at, packet);
    }

    /// When the next packet arrives.
    pub fn deadline(&self) -> Option<Time> {
        self.in_flight.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next packet that has arrived by `now`.
    pub fn arrived(&mut self, now: Time) -> Option<Packet> {
        let (at, _) = *self.in_flight.first_key_value()?.0;
        if at > now {
            return None;
        }
        self.in_flight.pop_first().map(|(_, packet)| packet)
    }

    /// Whether nothing is in flight.
    pub fn is_still(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Lets a packet arrive at a time.
    pub fn launch(&mut self, at: Time, packet: Packet) {
        self.sent += 1;
        self.in_flight.insert((at, self.sent), packet);
    }

    fn happens(&mut self, percent: u64) -> bool {
        percent > 0 && self.random.below(100) < percent
    }

    fn delay(&mut self) -> Duration {
        between(&mut self.random, &self.weather.delay)
    }
}

/// A time within `range`; an empty range is its start.
pub fn between(random: &mut Random, range: &Range<Duration>) -> Duration {
    let spread = u64::try_from(range.end.saturating_sub(range.start).as_micros()).unwrap_or(0);
    range.start + Duration::from_micros(random.below(spread))
}
