//! One strand of a leg: video or fax, passed on as it came.
//!
//! Invariant: only a datagram from the strand's source, of the strand's kind and within its limit of bits, goes on or into a recording;
//! what goes on has the octets that came (protection apart).

use std::net::SocketAddr;

use crate::base::{Bucket, CallId, LegId, Rate, RecordingId, Time, bounds};
use crate::rtp::{Kind, Packet, demux};
use crate::vault::Frame;

use super::leg::STALE;
use super::shield::Shield;
use super::source::{Source, Verdict, rtcp_of, same};
use super::strand::{Strand, StrandAct, StrandAim, StrandFacts, StrandNews};
use super::tap::TapIndex;
use super::{Channel, Forward, LegKey, News, Trust, Wire, Worker};

/// See the module.
#[derive(Debug)]
pub(super) struct Pipe {
    call: CallId,
    leg: LegId,
    strand: Strand,
    local: SocketAddr,
    peer: Option<LegKey>,
    tap: Option<(TapIndex, u8)>,
    aim: Option<Box<StrandAim>>,
    rtp: Source,
    rtcp: Source,
    shield: Option<Box<Shield>>,
    bucket: Bucket,
    facts: StrandFacts,
    heard_at: Time,
    quiet_told: u32,
}

/// What a datagram is that the far end really sent.
enum Heard {
    /// Video or fax, as a recording keeps it: payload type, marker, sequence number, timestamp, and where the payload is.
    Media(Packet),
    Rtcp,
}

impl Pipe {
    fn new(call: CallId, leg: LegId, strand: Strand, local: SocketAddr, now: Time) -> Pipe {
        let nobody = Source::new(SocketAddr::from(([0, 0, 0, 0], 0)), Trust::Announced);
        Pipe {
            call,
            leg,
            strand,
            local,
            peer: None,
            tap: None,
            aim: None,
            rtp: nobody,
            rtcp: nobody,
            shield: None,
            bucket: Bucket::full(now, Rate::UNLIMITED),
            facts: StrandFacts::default(),
            heard_at: now,
            quiet_told: 0,
        }
    }

    fn take_aim(&mut self, now: Time, aim: Box<StrandAim>) {
        let fresh = aim.trust == Trust::Announced || now.since(self.heard_at) < STALE;
        let same = self.aim.is_some() && self.rtp.agrees(aim.to, aim.trust) && fresh;
        if !same {
            self.rtp = Source::new(aim.to, aim.trust);
        }
        let rtcp = rtcp_of(aim.to, aim.rtcp, self.rtp.locked());
        if !same || !self.rtcp.agrees(rtcp, Trust::Announced) {
            self.rtcp = Source::new(rtcp, Trust::Announced);
        }
        if !same || self.aim.as_ref().is_none_or(|before| !before.receive) {
            (self.heard_at, self.quiet_told) = (now, 0);
        }
        if self.aim.as_ref().is_none_or(|before| before.bits_per_s != aim.bits_per_s) {
            self.bucket = Bucket::full(now, rate(aim.bits_per_s));
        }
        self.shield = aim.secure.clone().map(|keys| Shield::renewed(self.shield.take(), keys));
        self.aim = Some(aim);
    }

    pub(super) fn only(&self, rtcp: bool) -> Option<SocketAddr> {
        let source = if rtcp { &self.rtcp } else { &self.rtp };
        self.aim.as_ref().and(source.only())
    }

    /// Takes what is protected out of its protection; how many octets are left. `None`: it is a forgery.
    fn open(&mut self, from: SocketAddr, channel: Channel, datagram: &mut [u8]) -> Option<usize> {
        let source = if channel == Channel::Rtp { &self.rtp } else { &self.rtcp };
        let known = source.judge(from) != Verdict::Stranger;
        let Some(shield) = self.shield.as_mut().filter(|_| known) else { return Some(datagram.len()) };
        let opened = shield.open(datagram);
        self.facts.unprotected += u64::from(opened.is_none());
        opened
    }

    /// Judges a datagram; says in `locked` whether the source lock moved.
    fn hear(
        &mut self,
        now: Time,
        from: SocketAddr,
        channel: Channel,
        datagram: &[u8],
        locked: &mut bool,
    ) -> Option<Heard> {
        let source = if channel == Channel::Rtp { &mut self.rtp } else { &mut self.rtcp };
        let verdict = source.judge(from);
        let Some(aim) = self.aim.as_ref().filter(|_| verdict != Verdict::Stranger) else {
            self.facts.rejected += 1;
            return None;
        };
        let Some(heard) = kind(self.strand, channel, aim.types, datagram) else {
            self.facts.malformed += 1;
            return None;
        };
        if verdict == Verdict::Candidate {
            // RTCP may be the first that comes on the port of RTP, but only RTP locks it.
            if channel == Channel::Rtp && matches!(heard, Heard::Rtcp) {
                self.facts.rejected += 1;
                return None;
            }
            source.lock(from);
            *locked = true;
            if channel == Channel::Rtp {
                self.rtcp = Source::new(rtcp_of(aim.to, aim.rtcp, Some(from)), Trust::Announced);
            }
        }
        (self.heard_at, self.quiet_told) = (now, 0);
        let octets = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        if !self.bucket.take(now, rate(aim.bits_per_s), octets) {
            self.facts.excess += 1;
            return None;
        }
        match heard {
            Heard::Rtcp => self.facts.rtcp_in += 1,
            Heard::Media(_) => {
                self.facts.packets_in += 1;
                self.facts.octets_in += u64::from(octets);
            }
        }
        aim.receive.then_some(heard)
    }

    /// Where what the peer says goes: video and fax only while the far end may be sent to; reports all the same (RFC 3264 §5.1).
    fn target(&self, heard: &Heard) -> Option<(SocketAddr, Channel)> {
        let aim = self.aim.as_ref()?;
        match heard {
            Heard::Media(_) => self.rtp.target().filter(|_| aim.send).map(|to| (to, Channel::Rtp)),
            Heard::Rtcp => {
                // Behind a NAT the address is a guess until something came from it.
                let guessed = self.rtp.locked().is_some_and(|locked| !same(locked, aim.to));
                let to = if guessed { self.rtcp.locked() } else { self.rtcp.target() };
                to.map(|to| (to, Channel::Rtcp))
            }
        }
    }

    /// Fits a datagram of the peer's to the far end: protects it where that was agreed, and counts it.
    fn pass(&mut self, heard: &Heard, buffer: &mut [u8], len: usize) -> Option<(SocketAddr, Channel, usize)> {
        let (to, channel) = self.target(heard)?;
        let len = match &mut self.shield {
            Some(shield) => shield.protect(buffer, len)?,
            None => len,
        };
        if matches!(heard, Heard::Media(_)) {
            self.facts.packets_out += 1;
            self.facts.octets_out += len as u64;
        }
        Some((to, channel, len))
    }

    /// Fax has no sound beside it: whoever falls silent there is asked after as a silent phone is.
    pub(super) fn quiet(&mut self, now: Time) -> Option<News> {
        let listens = self.aim.as_ref().is_some_and(|aim| aim.receive) && self.peer.is_some();
        if self.strand != Strand::Fax || !listens {
            return None;
        }
        let lasting = now.since(self.heard_at);
        (lasting >= bounds::QUIET * (self.quiet_told + 1)).then(|| {
            self.quiet_told += 1;
            News::Quiet { call: self.call, leg: self.leg, lasting }
        })
    }

    pub(super) fn forget_tap(&mut self, index: TapIndex) {
        if self.tap.is_some_and(|(tap, _)| tap == index) {
            self.tap = None;
        }
    }
}

fn rate(bits_per_s: u32) -> Rate {
    let octets = bits_per_s / 8;
    Rate { per_s: octets, burst: octets }
}

/// What a datagram is on this channel of a strand; `None`: nothing that belongs there.
fn kind(strand: Strand, channel: Channel, types: u128, datagram: &[u8]) -> Option<Heard> {
    match (strand, channel, demux(datagram)) {
        (Strand::Fax, Channel::Rtp, _) => {
            // ITU-T T.38 §9.1: a sequence number, then what it carries.
            let (seq, rest) = datagram.split_first_chunk().filter(|(_, rest)| !rest.is_empty())?;
            let payload = 0..rest.len() + 2;
            let seq = u16::from_be_bytes(*seq);
            Some(Heard::Media(Packet { marker: false, pt: 0, seq, timestamp: 0, ssrc: 0, payload }))
        }
        (Strand::Video, _, Kind::Rtcp) => Some(Heard::Rtcp),
        (Strand::Video, Channel::Rtp, Kind::Rtp) => {
            let packet = Packet::read(datagram).ok()?;
            (types >> packet.pt & 1 == 1).then_some(Heard::Media(packet))
        }
        _ => None,
    }
}

/// Orders.
impl Worker {
    pub(super) fn strand(
        &mut self,
        now: Time,
        place: (CallId, LegId, Strand),
        act: StrandAct,
        wire: &mut impl Wire,
    ) {
        let (call, leg, strand) = place;
        match act {
            StrandAct::Open(local) => {
                let news = match self.open_strand(now, place, local, wire) {
                    Some(local) => StrandNews::Opened(local),
                    None => StrandNews::NoPort,
                };
                self.news.push_back(News::Strand { call, leg, strand, news });
            }
            StrandAct::Aim(aim) => {
                let Some(key) = self.strand_key(place) else { return };
                if let Some(pipe) = self.table.pipe_mut(key) {
                    pipe.take_aim(now, aim);
                    self.doors.extend([(key, Channel::Rtp), (key, Channel::Rtcp)]);
                }
            }
            StrandAct::Link(with) => self.link(place, with),
            StrandAct::Unlink => self.unlink(place),
            StrandAct::Tap { recording, started, track } => {
                self.tap_strand(now, place, (recording, started), track);
            }
            StrandAct::Close => self.close_strand(place, wire),
        }
    }

    fn strand_key(&self, (call, leg, strand): (CallId, LegId, Strand)) -> Option<LegKey> {
        let strands = &self.calls.get(&call)?.strands;
        strands.iter().find(|(of, kind, _)| (*of, *kind) == (leg, strand)).map(|(.., key)| *key)
    }

    fn open_strand(
        &mut self,
        now: Time,
        place: (CallId, LegId, Strand),
        local: std::net::IpAddr,
        wire: &mut impl Wire,
    ) -> Option<SocketAddr> {
        let (call, leg, strand) = place;
        // Strands belong to legs that are open: at most two to each.
        self.key(call, leg)?;
        if let Some(open) = self.strand_key(place).and_then(|key| self.table.pipe_mut(key)) {
            return Some(open.local);
        }
        let key = self.table.next();
        let local = wire.open(key, local)?;
        self.table.insert_pipe(key, Pipe::new(call, leg, strand, local, now));
        if let Some(session) = self.calls.get_mut(&call) {
            session.strands.push((leg, strand, key));
        }
        Some(local)
    }

    fn link(&mut self, place: (CallId, LegId, Strand), with: LegId) {
        let (call, leg, strand) = place;
        let other = (call, with, strand);
        let (Some(a), Some(b)) = (self.strand_key(place), self.strand_key(other)) else { return };
        if leg == with {
            return;
        }
        self.unlink(place);
        self.unlink(other);
        for (key, peer) in [(a, b), (b, a)] {
            if let Some(pipe) = self.table.pipe_mut(key) {
                pipe.peer = Some(peer);
            }
        }
    }

    fn unlink(&mut self, place: (CallId, LegId, Strand)) {
        let Some(key) = self.strand_key(place) else { return };
        let Some(peer) = self.table.pipe_mut(key).and_then(|pipe| pipe.peer.take()) else { return };
        if let Some(peer) = self.table.pipe_mut(peer) {
            peer.peer = None;
        }
    }

    /// Two legs leave whomever they were with, but for each other: their strands do, too.
    pub(super) fn unlink_others(&mut self, call: CallId, a: LegId, b: Option<LegId>) {
        for strand in Strand::ALL {
            let key = |leg| self.strand_key((call, leg, strand));
            let (of_a, of_b) = (key(a), b.and_then(key));
            let together = of_a
                .and_then(|key| self.table.pipe(key))
                .is_some_and(|pipe| pipe.peer.is_some() && pipe.peer == of_b);
            if !together {
                self.unlink((call, a, strand));
                if let Some(b) = b {
                    self.unlink((call, b, strand));
                }
            }
        }
    }

    fn tap_strand(
        &mut self,
        now: Time,
        place: (CallId, LegId, Strand),
        (recording, started): (RecordingId, Time),
        track: u8,
    ) {
        let Some(key) = self.strand_key(place) else { return };
        let Some(index) = self.tap_index(now, place.0, recording, started) else { return };
        if let Some(pipe) = self.table.pipe_mut(key) {
            pipe.tap = Some((index, track));
        }
    }

    fn close_strand(&mut self, place: (CallId, LegId, Strand), wire: &mut impl Wire) {
        self.unlink(place);
        let Some(key) = self.strand_key(place) else { return };
        let (call, leg, strand) = place;
        if let Some(session) = self.calls.get_mut(&call) {
            session.strands.retain(|(.., of)| *of != key);
        }
        if let Some(pipe) = self.table.remove_pipe(key) {
            let news = StrandNews::Facts(Box::new(pipe.facts));
            self.news.push_back(News::Strand { call, leg, strand, news });
        }
        wire.close(key);
    }

    /// Closes the strands of a leg that closes.
    pub(super) fn close_strands(&mut self, call: CallId, leg: LegId, wire: &mut impl Wire) {
        for strand in Strand::ALL {
            self.close_strand((call, leg, strand), wire);
        }
    }
}

/// Packets.
impl Worker {
    /// A datagram came to a strand's channel; what to send on, if anything.
    pub(super) fn strand_packet(
        &mut self,
        now: Time,
        (key, channel): (LegKey, Channel),
        from: SocketAddr,
        buffer: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        let pipe = self.table.pipe_mut(key)?;
        let len = pipe.open(from, channel, buffer.get_mut(..len)?)?;
        let mut locked = false;
        let heard = pipe.hear(now, from, channel, buffer.get(..len)?, &mut locked);
        if locked {
            self.doors.extend([(key, Channel::Rtp), (key, Channel::Rtcp)]);
            if channel == Channel::Rtp {
                let Pipe { call, leg, strand, .. } = *pipe;
                self.news.push_back(News::Strand { call, leg, strand, news: StrandNews::Heard(from) });
            }
        }
        let (heard, peer) = (heard?, pipe.peer?);
        if let (Heard::Media(packet), Some((tap, track))) = (&heard, pipe.tap) {
            let Packet { marker, pt: payload_type, seq: sequence, timestamp, .. } = *packet;
            let payload = buffer.get(packet.payload.clone())?;
            let frame = Frame { track, arrival_us: 0, payload_type, marker, sequence, timestamp, payload };
            self.taps.push(tap, now, frame);
        }
        let (to, channel, len) = self.table.pipe_mut(peer)?.pass(&heard, buffer, len)?;
        Some(Forward { key: peer, channel, to, place: 0..len })
    }
}
