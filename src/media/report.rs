//! RTCP of our own, and what far ends report: RFC 3550 §6.4; how a leg sounds, and whether sound goes one way only.
//!
//! Between two phones that are relayed their own reports pass, translated; a leg to which nothing is relayed (a menu, a mix, a converted
//! pair) is sent reports of ours. Either way what its far end says of our stream is read.
//! Invariant: a round trip is computed only from a report that was really sent to that far end.

use std::time::Duration;

use crate::base::Time;
use crate::rtp::quality::Path;
use crate::rtp::report::{self, Block, LONGEST, Said, Sent};
use crate::rtp::srtp::OVERHEAD;

use super::leg::Leg;
use super::route::Coded;
use super::{Channel, News, Wire, Worker};

/// Between two reports of ours: RFC 3550 §6.2's least interval.
const EVERY: Duration = Duration::from_secs(5);
/// Until the first one: §6.2 halves it.
const FIRST: Duration = Duration::from_millis(2_500);
/// Sound that goes one way for so long is told of.
const ONE_WAY: Duration = Duration::from_secs(3);
/// A far end from which sound came within this time speaks.
const SPEAKS: Duration = Duration::from_secs(1);
/// What a phone adds to the network's delay: a packet of 20 ms and a buffer of two.
const PHONE: Duration = Duration::from_millis(60);

/// What is reported between the switch and one far end.
#[derive(Debug)]
pub(super) struct Reports {
    next: Time,
    /// The last SR that came: the middle of its time stamp, and when.
    heard: Option<(u32, Time)>,
    /// The last two that went out.
    sent: [Option<(u32, Time)>; 2],
    /// What the far end said last of the stream that it hears.
    told: Option<Block>,
    round_trip: Option<Duration>,
    /// When sound came last, or could first have come.
    sound_at: Time,
    /// When it began after a silence.
    spurt_at: Time,
    /// Since when it goes one way, once that was told.
    one_way_since: Option<Time>,
    one_way: Duration,
}

impl Reports {
    pub(super) fn new(now: Time) -> Reports {
        Reports {
            next: now + FIRST,
            heard: None,
            sent: [None; 2],
            told: None,
            round_trip: None,
            sound_at: now,
            spurt_at: now,
            one_way_since: None,
            one_way: Duration::ZERO,
        }
    }

    /// Sound has come.
    pub(super) fn sound(&mut self, now: Time) {
        if now.since(self.sound_at) >= SPEAKS {
            self.spurt_at = now;
        }
        self.sound_at = now;
    }

    /// Another far end, or another peer: what is one way is judged anew.
    pub(super) fn begin(&mut self, now: Time) {
        self.sound_at = self.sound_at.max(now);
    }

    /// A sender report goes out to the far end: ours, or one that is relayed.
    fn goes_out(&mut self, middle: u32, now: Time) {
        self.sent = [Some((middle, now)), self.sent[0]];
    }

    fn takes(&mut self, now: Time, block: Block) {
        self.told = Some(block);
        let answered = self.sent.iter().flatten().find(|(middle, _)| *middle == block.last_sr);
        if let Some((_, at)) = answered.filter(|_| block.last_sr != 0) {
            let held = Duration::from_micros((u64::from(block.delay) * 1_000_000) >> 16);
            self.round_trip = Some(now.since(*at).saturating_sub(held));
        }
    }
}

impl Leg {
    /// Reads what the far end reports.
    pub(super) fn hear_reports(&mut self, now: Time, compound: &[u8]) {
        let ours = self.out.ssrc();
        for said in report::read(compound) {
            match said {
                Said::Sender(middle) => self.reports.heard = Some((middle, now)),
                Said::Heard(block) if block.ssrc == ours => self.reports.takes(now, block),
                Said::Heard(_) => {}
            }
        }
    }

    /// Takes note of a report that is relayed to the far end.
    pub(super) fn relays_report(&mut self, now: Time, compound: &[u8]) {
        for said in report::read(compound) {
            if let Said::Sender(middle) = said {
                self.reports.goes_out(middle, now);
            }
        }
    }

    /// Our own report, if it is time for one and nobody else's goes there; octets of `buffer`.
    fn own_report(&mut self, now: Time, buffer: &mut [u8]) -> Option<usize> {
        if self.reports.next > now {
            return None;
        }
        // RFC 3550 §6.3.1 spreads reports by half their interval; here by what the stream's name is.
        let spread = Duration::from_millis(u64::from(self.out.ssrc() % 1_000));
        self.reports.next = now + EVERY + spread;
        if self.out.splice().is_some() {
            return None;
        }
        let ntp = report::ntp(now.since(Time::ZERO));
        let sent = (self.counts.packets_out > 0).then(|| Sent {
            ntp,
            timestamp: self.out.timestamp_at(now, self.clock_out()),
            packets: self.counts.packets_out as u32,
            octets: self.counts.octets_out as u32,
        });
        let mut block = self.reception_report();
        if let (Some(block), Some((middle, at))) = (&mut block, self.reports.heard) {
            let ago = now.since(at).as_micros() << 16;
            (block.last_sr, block.delay) = (middle, u32::try_from(ago / 1_000_000).unwrap_or(u32::MAX));
        }
        if sent.is_none() && block.is_none() {
            return None;
        }
        let len = report::write(buffer, self.out.ssrc(), sent.as_ref(), block.as_ref(), &self.cname)?;
        if sent.is_some() {
            self.reports.goes_out(report::middle(ntp), now);
        }
        self.counts.rtcp_out += 1;
        self.protect(buffer, len)
    }

    /// What reports add to the facts of the leg.
    pub(super) fn report_facts(&self, facts: &mut super::LegFacts) {
        let reports = &self.reports;
        let half = reports.round_trip.unwrap_or_default() / 2;
        facts.round_trip_us = reports.round_trip.map(|it| u32::try_from(it.as_micros()).unwrap_or(u32::MAX));
        facts.one_way_ms = u32::try_from(reports.one_way.as_millis()).unwrap_or(u32::MAX);
        let expected = facts.packets_in + facts.lost;
        if let (Some(codec), true) = (facts.codec_in, expected > 0) {
            let jitter = Duration::from_micros(u64::from(facts.jitter_us));
            let (lost, delay) = (facts.lost as f64 / expected as f64, half + PHONE + 2 * jitter);
            facts.mos_in = Some(Path { codec, lost, delay }.mos_hundredths());
        }
        let Some(told) = reports.told else { return };
        facts.far_lost = Some(told.lost);
        let clock = u64::from(self.clock_out().max(1));
        let jitter_us = u64::from(told.jitter) * 1_000_000 / clock;
        facts.far_jitter_us = Some(u32::try_from(jitter_us).unwrap_or(u32::MAX));
        if let (Some(codec), true) = (facts.codec_out, facts.packets_out > 0) {
            let lost = f64::from(told.lost) / facts.packets_out as f64;
            let delay = half + PHONE + 2 * Duration::from_micros(jitter_us.min(1_000_000));
            facts.mos_out = Some(Path { codec, lost, delay }.mos_hundredths());
        }
    }

    /// Whether sound is expected from it. Phones that send comfort noise are silent while their people are.
    fn should_speak(&self) -> bool {
        self.aim().is_some_and(|aim| aim.receive) && self.last_coded() != Coded::Noise
    }

    /// Since when it speaks without a pause; `None`: it does not.
    fn speaks_since(&self, now: Time) -> Option<Time> {
        let speaks = self.counts.packets_in > 0 && now.since(self.reports.sound_at) < SPEAKS;
        speaks.then_some(self.reports.spurt_at)
    }

    /// Sound goes one way, or both ways again; `spoken`: since when its peer speaks.
    fn judge_ways(&mut self, now: Time, spoken: Option<Time>) -> Option<News> {
        let (call, leg, expected) = (self.call, self.id, self.should_speak());
        let reports = &mut self.reports;
        match (reports.one_way_since, spoken) {
            (None, Some(spoken)) if expected => {
                let since = reports.sound_at.max(spoken);
                let lasting = now.since(since);
                if lasting < ONE_WAY {
                    return None;
                }
                (reports.one_way_since, reports.one_way) = (Some(since), reports.one_way + lasting);
                Some(News::OneWay { call, leg, lasting })
            }
            (Some(since), _) if reports.sound_at > since => {
                reports.one_way_since = None;
                Some(News::BothWays { call, leg, lasted: reports.sound_at.since(since) })
            }
            (Some(_), Some(_)) if expected => {
                reports.one_way += super::worker::SWEEP;
                None
            }
            _ => None,
        }
    }
}

impl Worker {
    /// What is due once a second: reports of our own, and the search for sound that goes one way.
    pub(super) fn report_all(&mut self, now: Time, wire: &mut impl Wire) {
        let mut buffer = [0; LONGEST + OVERHEAD];
        for (key, leg) in self.table.iter_keyed() {
            let Some((to, mux)) = leg.rtcp_target() else { continue };
            if let Some(packet) = leg.own_report(now, &mut buffer).and_then(|len| buffer.get(..len)) {
                wire.send(key, if mux { Channel::Rtp } else { Channel::Rtcp }, to, packet);
            }
        }
        for index in 0..self.table.slots() {
            let Some((key, peer)) =
                self.table.key_at(index).and_then(|key| Some((key, self.table.get(key)?.peer?)))
            else {
                continue;
            };
            let spoken = self.table.get(peer).and_then(|peer| peer.speaks_since(now));
            let told = self.table.get_mut(key).and_then(|leg| leg.judge_ways(now, spoken));
            self.news.extend(told);
        }
    }
}
