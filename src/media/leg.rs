//! One leg: its far end, what is heard from it, the stream that it hears, and what is counted.
//!
//! Invariant: only a packet from the leg's source, well-formed and of a negotiated type, changes more than a counter.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{CallId, LegId, Time, bounds};
use crate::rtp::report::Block;
use crate::rtp::rtcp::{Back, CNAME, Mapping};
use crate::rtp::telephone_event::{self, Event, Presses};
use crate::rtp::{Codec, Format, Packet, Reception, Standing};

use super::feed::Feed;
use super::hush::Hush;
use super::listen::Listening;
use super::mix::Part;
use super::outbound::{Heard, Outbound};
use super::player::{Keypad, Player};
use super::report::Reports;
use super::route::{self, Coded, Route, Routes, Way};
use super::shield::Shield;
use super::source::{Source, Verdict, rtcp_of, same};
use super::tap::TapIndex;
use super::voice::Voice;
use super::{Aim, Channel, LegFacts, LegKey, News, Trust};

/// A far end that was silent this long before it is aimed at again may have another address behind its NAT by now.
pub(super) const STALE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    pub(super) id: LegId,
    pub(super) local: SocketAddr,
    pub(super) peer: Option<LegKey>,
    pub(super) tap: Option<Tapped>,
    pub(super) player: Option<Player>,
    pub(super) keypad: Option<Box<Keypad>>,
    /// The phase of the pace in which this leg is visited every 20 ms, if it is.
    pub(super) paced: Option<u8>,
    /// Its sound, decoded, while somebody here consumes it.
    pub(super) listening: Option<Box<Listening>>,
    /// Whether the sound that came last is decoded for the leg's peer.
    pub(super) decoding: bool,
    /// Its part in the mix of its call.
    pub(super) part: Option<Part>,
    /// Nobody is to hear it.
    pub(super) muted: bool,
    /// A tone is heard in its place then.
    pub(super) bleeps: bool,
    /// Frames of 20 ms by which others hear it later.
    pub(super) delay: u8,
    /// Who else wants its sound.
    pub(super) feeds: Vec<Feed>,
    /// Whether keys are looked for in its sound: it has no events, and somebody may want its keys.
    pub(super) detects: bool,
    /// What encodes sound for it, once something had to be encoded.
    pub(super) voice: Option<Box<Voice>>,
    /// How the silence behind what is said to it sounds.
    pub(super) hush: Hush,
    pub(super) out: Outbound,
    pub(super) shield: Option<Box<Shield>>,
    pub(super) counts: LegFacts,
    pub(super) cname: [u8; CNAME],
    pub(super) reports: Reports,
    aim: Option<Box<Aim>>,
    /// Where RTP goes; `None` while the far end may not be sent to or has no address.
    pub(super) to: Option<SocketAddr>,
    /// Whether what it says is of interest to anybody.
    listened: bool,
    /// The types last received and sent, 255 before: what is looked up once a type need not be looked up a packet.
    pt_in: u8,
    pt_out: u8,
    rtp: Source,
    rtcp: Source,
    routes: Routes,
    reception: Reception,
    presses: Presses,
    heard_at: Time,
    quiet_told: u32,
}

/// How a leg is copied into a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tapped {
    pub(super) tap: TapIndex,
    pub(super) track: u8,
    /// Also while it is not joined.
    pub(super) alone: bool,
}

/// A packet that the leg's far end really sent.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) packet: Packet,
    pub(super) heard: Heard,
    pub(super) way: Way,
}

impl Leg {
    pub(super) fn new(
        call: CallId,
        id: LegId,
        local: SocketAddr,
        out: Outbound,
        cname: [u8; CNAME],
        now: Time,
    ) -> Leg {
        let nobody = Source::new(SocketAddr::from(([0, 0, 0, 0], 0)), Trust::Announced);
        Leg {
            call,
            id,
            local,
            peer: None,
            tap: None,
            player: None,
            keypad: None,
            paced: None,
            listening: None,
            decoding: false,
            part: None,
            muted: false,
            bleeps: false,
            delay: 0,
            feeds: Vec::new(),
            detects: false,
            voice: None,
            hush: Hush::default(),
            out,
            shield: None,
            counts: LegFacts::default(),
            cname,
            reports: Reports::new(now),
            aim: None,
            to: None,
            listened: false,
            pt_in: u8::MAX,
            pt_out: u8::MAX,
            rtp: nobody,
            rtcp: nobody,
            routes: route::NONE,
            reception: Reception::default(),
            presses: Presses::default(),
            heard_at: now,
            quiet_told: 0,
        }
    }

    /// Takes a new aim. The lock stays when the far end is the same and not stale.
    pub(super) fn take_aim(&mut self, now: Time, mut aim: Box<Aim>) {
        aim.formats.truncate(bounds::FORMATS);
        let fresh = aim.trust == Trust::Announced || now.since(self.heard_at) < STALE;
        let same = self.aim.is_some() && self.rtp.agrees(aim.rtp, aim.trust) && fresh;
        if !same {
            self.rtp = Source::new(aim.rtp, aim.trust);
            self.reception.end();
            self.presses.reset();
        }
        let rtcp = rtcp_of(aim.rtp, aim.rtcp, self.rtp.locked());
        if !same || !self.rtcp.agrees(rtcp, Trust::Announced) {
            self.rtcp = Source::new(rtcp, Trust::Announced);
        }
        if !same || self.aim.as_ref().is_none_or(|before| !before.receive) {
            (self.heard_at, self.quiet_told) = (now, 0);
            self.reports.begin(now);
        }
        (self.pt_in, self.pt_out, self.listened) = (u8::MAX, u8::MAX, aim.receive);
        self.take_shield(aim.secure.as_ref());
        self.aim = Some(aim);
        self.find_target();
    }

    fn find_target(&mut self) {
        let may = self.aim.as_ref().is_some_and(|aim| aim.send);
        self.to = self.rtp.target().filter(|_| may);
    }

    /// Computes the routes towards the aim of whomever the leg is joined to.
    pub(super) fn route_to(&mut self, to: Option<&Aim>) {
        self.routes = self.aim.as_ref().map_or(route::NONE, |aim| route::routes(aim, to));
        if self.muted || self.delay > 0 {
            route::decode(&mut self.routes, to);
        }
        // A party without a bridge may be asked for keys; in a bridge they are wanted where the other side takes events.
        let wanted = to.is_none_or(|to| route::keys(to).is_some());
        self.detects = self.listened && wanted && self.key_format().is_none() && self.is_linear();
        let decodes = self.routes.iter().any(|way| way.route == Route::Decode);
        self.decoding &= decodes;
        if !decodes && !self.is_attended() {
            self.listening = None;
        }
    }

    pub(super) fn aim(&self) -> Option<&Aim> {
        self.aim.as_deref()
    }

    /// What a sender is to a channel of the leg.
    pub(super) fn judge(&self, from: SocketAddr, channel: Channel) -> Verdict {
        match channel {
            Channel::Rtp => self.rtp.judge(from),
            Channel::Rtcp => self.rtcp.judge(from),
        }
    }

    /// Takes an RTP datagram: `None` when it goes no further. Says in `locked` whether the source lock moved.
    pub(super) fn hear(
        &mut self,
        now: Time,
        from: SocketAddr,
        datagram: &[u8],
        locked: &mut bool,
    ) -> Option<Taken> {
        let verdict = self.rtp.judge(from);
        if verdict == Verdict::Stranger {
            self.counts.rejected += 1;
            return None;
        }
        let Ok(packet) = Packet::read(datagram) else {
            self.counts.malformed += 1;
            return None;
        };
        let way = self.routes.get(usize::from(packet.pt)).copied().unwrap_or_default();
        if way.route == Route::Refuse {
            self.counts.unusable += 1;
            return None;
        }
        if verdict == Verdict::Candidate {
            self.lock(from);
            *locked = true;
        }
        self.count(now, packet, way)
    }

    fn lock(&mut self, from: SocketAddr) {
        self.rtp.lock(from);
        if let Some(aim) = &self.aim {
            self.rtcp = Source::new(rtcp_of(aim.rtp, aim.rtcp, Some(from)), Trust::Announced);
        }
        self.find_target();
    }

    fn count(&mut self, now: Time, packet: Packet, way: Way) -> Option<Taken> {
        (self.heard_at, self.quiet_told) = (now, 0);
        let standing = self.reception.sequence(packet.ssrc, packet.seq);
        if matches!(standing, Standing::First(_)) {
            self.presses.reset();
        }
        let is_key = matches!(way.route, Route::Key | Route::PassKey(_));
        let heard = Heard::new(standing, self.reception.epoch(), way.clock)?;
        if heard.newest && !is_key {
            self.reception.timing(packet.timestamp, now.as_micros(), way.clock);
        }
        if !is_key {
            self.reports.sound(now);
        }
        self.counts.packets_in += 1;
        self.counts.octets_in += packet.payload.len() as u64;
        if self.pt_in != packet.pt && !is_key {
            self.pt_in = packet.pt;
            let codec = self.format(packet.pt).map(|format| format.codec).filter(|codec| *codec != Codec::Cn);
            self.counts.codec_in = codec.or(self.counts.codec_in);
        }
        self.listened.then_some(Taken { packet, heard, way })
    }

    /// Takes the key in a packet; says which one if a press begins.
    pub(super) fn press(&mut self, taken: &Taken, payload: &[u8]) -> Option<char> {
        let event = Event::read(payload)?;
        let Packet { marker, timestamp, .. } = taken.packet;
        let key = telephone_event::key(self.presses.packet(marker, timestamp, event, taken.way.clock)?)?;
        self.counts.keys += 1;
        Some(key)
    }

    /// Whether an RTCP datagram that came on its RTP socket (`mux`) or its RTCP socket is the far end's.
    pub(super) fn hear_rtcp(&mut self, now: Time, from: SocketAddr, mux: bool, locked: &mut bool) -> bool {
        let verdict = if mux { self.rtp.judge(from) } else { self.rtcp.judge(from) };
        // RTCP may be the first that comes on a multiplexed port, but only RTP locks it.
        let early = mux && verdict == Verdict::Candidate && self.rtp.only().is_none();
        if self.aim.is_none() || verdict == Verdict::Stranger || early {
            self.counts.rejected += 1;
            return false;
        }
        if verdict == Verdict::Candidate && !mux {
            self.rtcp.lock(from);
            *locked = true;
        }
        (self.heard_at, self.quiet_told) = (now, 0);
        self.counts.rtcp_in += 1;
        true
    }

    /// Counts a datagram that is neither RTP nor RTCP, or RTP on the port of RTCP.
    pub(super) fn stray(&mut self, from: SocketAddr, rtcp: bool) {
        let source = if rtcp { &self.rtcp } else { &self.rtp };
        if source.judge(from) == Verdict::Stranger {
            self.counts.rejected += 1;
        } else {
            self.counts.malformed += 1;
        }
    }

    /// Fits a packet that the peer sent into this leg's stream, in place; says where to send what part of the datagram.
    pub(super) fn forward(
        &mut self,
        now: Time,
        mut taken: Taken,
        datagram: &mut [u8],
    ) -> Option<(SocketAddr, std::ops::Range<usize>)> {
        let pt = match taken.way.route {
            Route::Pass(pt) | Route::ToALaw(pt) | Route::ToMuLaw(pt) | Route::PassKey(pt) => Some(pt),
            Route::Refuse | Route::Keep | Route::Decode | Route::Key => None,
        };
        let busy = self.player.is_some() || self.keypad.is_some();
        let (Some(pt), Some(to), false) = (pt, self.to, busy) else {
            self.out.interrupt();
            return None;
        };
        taken.packet.pt = pt;
        if !self.out.relay(now, &mut taken.packet, taken.heard) {
            return None;
        }
        self.convert(&taken, datagram.get_mut(taken.packet.payload.clone())?);
        self.sent(pt, taken.packet.payload.len());
        Some((to, taken.packet.rewrite(datagram)))
    }

    fn convert(&self, taken: &Taken, payload: &mut [u8]) {
        match taken.way.route {
            Route::ToALaw(_) => crate::rtp::g711::mu_to_a(payload),
            Route::ToMuLaw(_) => crate::rtp::g711::a_to_mu(payload),
            Route::PassKey(pt) => {
                let clock = self.format(pt).map_or(taken.way.clock, |format| format.clock);
                if clock != taken.way.clock {
                    scale(payload, taken.way.clock, clock);
                }
            }
            _ => {}
        }
    }

    /// Counts a packet sent.
    pub(super) fn sent(&mut self, pt: u8, octets: usize) {
        self.counts.packets_out += 1;
        self.counts.octets_out += octets as u64;
        if self.pt_out != pt {
            self.pt_out = pt;
            let sound = |codec: &Codec| !matches!(codec, Codec::TelephoneEvent | Codec::Cn);
            let codec = self.format(pt).map(|format| format.codec).filter(sound);
            self.counts.codec_out = codec.or(self.counts.codec_out);
        }
    }

    /// Where RTCP goes, and whether over the RTP socket. Reports go on while the call is held (RFC 3264 §5.1).
    pub(super) fn rtcp_target(&self) -> Option<(SocketAddr, bool)> {
        let aim = self.aim.as_ref()?;
        if aim.rtcp == Some(aim.rtp) {
            return self.rtp.target().map(|to| (to, true));
        }
        // Behind a NAT the address is a guess until something came from it.
        let guessed = self.rtp.locked().is_some_and(|locked| !same(locked, aim.rtp));
        let to = if guessed { self.rtcp.locked() } else { self.rtcp.target() };
        to.map(|to| (to, false))
    }

    /// How RTCP from `from` reads on this leg; `None` while nothing from there is heard here.
    pub(super) fn mapping(&self, from: &Leg) -> Option<Mapping> {
        let splice = self.out.splice()?;
        let back = from.out.splice().and_then(|back| {
            let (heard_ssrc, origin_ssrc) = (from.out.ssrc(), self.reception.ssrc()?);
            Some(Back { heard_ssrc, origin_ssrc, sequence: back.sequence })
        });
        let (from_ssrc, to_ssrc) = (from.reception.ssrc()?, self.out.ssrc());
        Some(Mapping { from_ssrc, to_ssrc, timestamp: splice.timestamp, back })
    }

    /// The one source of RTP (or RTCP) that is left, when nobody else can become it.
    pub(super) fn only(&self, rtcp: bool) -> Option<SocketAddr> {
        self.aim.as_ref()?;
        if rtcp { self.rtcp.only() } else { self.rtp.only() }
    }

    /// The telephone events that the leg takes.
    pub(super) fn key_format(&self) -> Option<Format> {
        self.aim.as_ref().and_then(|aim| route::keys(aim)).copied()
    }

    fn format(&self, pt: u8) -> Option<Format> {
        let aim = self.aim.as_ref()?;
        aim.formats.iter().chain(&aim.telephone_event).find(|format| format.pt == pt).copied()
    }

    /// Says once per [`bounds::QUIET`] that nothing comes though something should.
    pub(super) fn quiet(&mut self, now: Time) -> Option<News> {
        self.aim.as_ref().filter(|aim| aim.receive)?;
        let lasting = now.since(self.heard_at);
        (lasting >= bounds::QUIET * (self.quiet_told + 1)).then(|| {
            self.quiet_told += 1;
            News::Quiet { call: self.call, leg: self.id, lasting }
        })
    }

    /// What our next report says of the stream that is heard.
    pub(super) fn reception_report(&mut self) -> Option<Block> {
        self.reception.report()
    }

    /// The clock of what was sent last.
    pub(super) fn clock_out(&self) -> u32 {
        self.format(self.pt_out).map_or(8_000, |format| format.clock)
    }

    /// How the sound that came last is coded.
    pub(super) fn last_coded(&self) -> Coded {
        self.routes.get(usize::from(self.pt_in)).map_or(Coded::Not, |way| way.coded)
    }

    /// Everything counted so far.
    pub(super) fn facts(&self, over: bool) -> News {
        let mut facts = LegFacts {
            lost: self.reception.lost(),
            jitter_us: self.reception.jitter_us(),
            jitter_most_us: self.reception.jitter_most_us(),
            from: self.rtp.locked(),
            ..self.counts.clone()
        };
        self.report_facts(&mut facts);
        News::Facts { call: self.call, leg: self.id, facts: Box::new(facts), over }
    }
}

/// Turns a key's duration from one clock to another.
fn scale(payload: &mut [u8], from: u32, to: u32) {
    if let Some(event) = Event::read(payload)
        && let Some(place) = payload.first_chunk_mut()
    {
        let duration = u64::from(event.duration) * u64::from(to) / u64::from(from.max(1));
        let duration = u16::try_from(duration).unwrap_or(u16::MAX);
        *place = Event { duration, ..event }.write();
    }
}
