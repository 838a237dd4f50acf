//! The packet path: what happens between a datagram's arrival and its departure.
//!
//! Invariant: nothing here allocates or looks anything up by more than an index; a datagram leaves in the buffer it came
//! in. (News of a key or a lock, and the tap's batches, are the exceptions: a few a second at most.)

use std::net::SocketAddr;

use crate::base::Time;
use crate::rtp::{Kind, Packet, demux, rtcp};
use crate::vault::Frame;

use super::leg::{Leg, Taken, Tapped};
use super::route::Route;
use super::{Channel, Forward, LegKey, News, Worker};

/// How much larger than the largest datagram the buffer should be: RTCP may grow by a source description, and everything
/// by its protection.
pub const BUFFER_SPARE: usize = 64;

impl Worker {
    /// Takes the datagram in the first `len` octets of `buffer` (which should have [`BUFFER_SPARE`] more) that came to a
    /// leg's channel from `from`; says what to send on, if anything.
    pub fn packet(
        &mut self,
        now: Time,
        key: LegKey,
        channel: Channel,
        from: SocketAddr,
        buffer: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        self.packets += 1;
        let Some(leg) = self.table.get_mut(key) else {
            return self.strand_packet(now, (key, channel), from, buffer, len);
        };
        let len = leg.open(from, channel, buffer.get_mut(..len)?)?;
        let datagram = buffer.get_mut(..len)?;
        let forward = match (demux(datagram), channel) {
            (Kind::Rtp, Channel::Rtp) => self.rtp(now, key, from, datagram),
            (Kind::Rtcp, _) => self.rtcp(now, key, channel, from, buffer, len),
            _ => {
                let leg = self.table.get_mut(key)?;
                leg.stray(from, channel == Channel::Rtcp);
                None
            }
        };
        self.shielded(forward?, buffer)
    }

    fn rtp(&mut self, now: Time, key: LegKey, from: SocketAddr, datagram: &mut [u8]) -> Option<Forward> {
        let leg = self.table.get_mut(key)?;
        let mut locked = false;
        let taken = leg.hear(now, from, datagram, &mut locked);
        if locked {
            self.news.push_back(News::Heard { call: leg.call, leg: leg.id, from });
            self.doors.extend([(key, Channel::Rtp), (key, Channel::Rtcp)]);
        }
        let taken = taken?;
        let payload = datagram.get(taken.packet.payload.clone())?;
        let (peer, muted) = (leg.peer, leg.muted);
        if matches!(taken.way.route, Route::Key | Route::PassKey(_)) {
            leg.listen_to(&taken, payload);
            let anew = taken.way.route == Route::Key || leg.decoding;
            if let Some(pressed) = leg.press(&taken, payload) {
                self.news.push_back(News::Key { call: leg.call, leg: leg.id, key: pressed });
                self.press_on(now, peer.filter(|_| anew && !muted), pressed);
            }
            if anew || muted {
                return None;
            }
        } else {
            if let Some(Tapped { tap, track, alone }) = leg.tap
                && (alone || peer.is_some())
            {
                self.taps.push(tap, now, frame(&taken, track, payload));
            }
            leg.decoding = taken.way.route == Route::Decode;
            if leg.decoding {
                self.decode(now, key, &taken, payload);
                return None;
            }
            leg.listen_to(&taken, payload);
            if muted {
                return None;
            }
        }
        let peer = peer?;
        let (to, place) = self.table.get_mut(peer)?.forward(now, taken, datagram)?;
        Some(Forward { key: peer, channel: Channel::Rtp, to, place })
    }

    /// Takes a packet that goes on only as decoded sound.
    fn decode(&mut self, now: Time, key: LegKey, taken: &Taken, payload: &[u8]) {
        if self.table.get(key).is_some_and(|leg| leg.listening.is_none()) {
            self.attend(now, key);
        }
        if let Some(leg) = self.table.get_mut(key) {
            leg.listen_to(taken, payload);
        }
    }

    fn rtcp(
        &mut self,
        now: Time,
        key: LegKey,
        channel: Channel,
        from: SocketAddr,
        buffer: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        let leg = self.table.get_mut(key)?;
        let mut locked = false;
        let heard = leg.hear_rtcp(now, from, channel == Channel::Rtp, &mut locked);
        if locked {
            self.doors.push((key, Channel::Rtcp));
        }
        let peer = leg.peer.filter(|_| heard);
        if heard {
            leg.hear_reports(now, buffer.get(..len)?);
        }
        let peer = peer?;
        let (leg, other): (&Leg, &Leg) = (self.table.get(key)?, self.table.get(peer)?);
        let (to, mux) = other.rtcp_target()?;
        let len = rtcp::relay(buffer, len, &other.mapping(leg)?, &other.cname)?;
        self.table.get_mut(peer)?.relays_report(now, buffer.get(..len)?);
        let channel = if mux { Channel::Rtp } else { Channel::Rtcp };
        Some(Forward { key: peer, channel, to, place: 0..len })
    }
}

/// A packet as the recording keeps it.
fn frame<'a>(taken: &Taken, track: u8, payload: &'a [u8]) -> Frame<'a> {
    let Packet { marker, seq: sequence, timestamp, .. } = taken.packet;
    Frame { track, arrival_us: 0, payload_type: taken.way.kept_as, marker, sequence, timestamp, payload }
}
