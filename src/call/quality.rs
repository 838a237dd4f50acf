//! How a call sounds: what the media plane measured of each leg, in words and in figures, and the alarm when sound goes one way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::LegId;
use crate::media::LegFacts;

use super::Call;
use super::desk::Desk;
use super::trace::What;
use super::view::Change;

/// What was measured on a leg. What the far end would have to report (RTCP) is `None` where it does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// RTP packets from the far end.
    pub packets_in: u64,
    /// RTP packets to it.
    pub packets_out: u64,
    /// Packets from it that never came.
    pub lost: u64,
    /// Packets to it that it says never came.
    pub far_lost: Option<u32>,
    /// Jitter of what comes from it, milliseconds.
    pub jitter_ms: f64,
    /// Jitter that it says it measures, milliseconds.
    pub far_jitter_ms: Option<f64>,
    /// To it and back, milliseconds.
    pub round_trip_ms: Option<f64>,
    /// The estimated opinion (MOS, 1 to 4.41) of what comes from it.
    pub mos_in: Option<f64>,
    /// The same of what it hears.
    pub mos_out: Option<f64>,
    /// How what comes from it is coded.
    pub codec_in: Option<String>,
    /// How what it hears is coded.
    pub codec_out: Option<String>,
    /// For how long it was not heard though somebody spoke to it, milliseconds.
    pub one_way_ms: u32,
}

impl Quality {
    pub(super) fn of(facts: &LegFacts) -> Quality {
        let ms = |us: u32| f64::from(us) / 1_000.0;
        let mos = |hundredths: u16| f64::from(hundredths) / 100.0;
        Quality {
            packets_in: facts.packets_in,
            packets_out: facts.packets_out,
            lost: facts.lost,
            far_lost: facts.far_lost,
            jitter_ms: ms(facts.jitter_us),
            far_jitter_ms: facts.far_jitter_us.map(ms),
            round_trip_ms: facts.round_trip_us.map(ms),
            mos_in: facts.mos_in.map(mos),
            mos_out: facts.mos_out.map(mos),
            codec_in: facts.codec_in.map(|codec| codec.name().to_string()),
            codec_out: facts.codec_out.map(|codec| codec.name().to_string()),
            one_way_ms: facts.one_way_ms,
        }
    }

    /// In words, behind the counts: only what was measured.
    fn words(&self) -> String {
        let mut words = String::new();
        if self.jitter_ms > 0.0 {
            words += &format!(", jitter {:.1} ms", self.jitter_ms);
        }
        if let Some(round_trip) = self.round_trip_ms {
            words += &format!(", round trip {round_trip:.1} ms");
        }
        if let Some(lost) = self.far_lost {
            words += &format!(", {lost} lost on the way to it");
        }
        for (mos, way) in [(self.mos_in, "in"), (self.mos_out, "out")] {
            words += &mos.map(|mos| format!(", MOS {way} {mos:.2}")).unwrap_or_default();
        }
        if self.one_way_ms > 0 {
            words += &format!(", not heard for {:.1} s", f64::from(self.one_way_ms) / 1_000.0);
        }
        words
    }
}

impl Call {
    /// The media plane has counted; `over`: the leg is closed.
    pub(super) fn on_facts(&mut self, desk: &mut Desk<'_>, leg: LegId, facts: LegFacts, over: bool) {
        if over {
            let unprotected = match facts.unprotected {
                0 => String::new(),
                count => format!(", {count} not protected as agreed"),
            };
            let text = format!(
                "{} packets in, {} out, {} lost, {} rejected{unprotected}{}",
                facts.packets_in,
                facts.packets_out,
                facts.lost,
                facts.rejected,
                Quality::of(&facts).words()
            );
            self.trace.add(desk.now, &What::Media { leg, text: text.into() });
        }
        if let Some(at) = self.leg_mut(leg) {
            at.facts = Some(Box::new(facts));
        }
    }

    /// Nothing comes from a leg to which somebody speaks.
    pub(super) fn on_one_way(&mut self, desk: &mut Desk<'_>, leg: LegId, lasting: Duration) {
        let text = format!("sound goes one way: nothing from it for {:.1} s", lasting.as_secs_f64());
        self.trace.add(desk.now, &What::Media { leg, text: text.into() });
        self.happened(desk, Change::OneWay { leg });
    }

    /// Sound comes again.
    pub(super) fn on_both_ways(&mut self, desk: &mut Desk<'_>, leg: LegId, lasted: Duration) {
        let text = format!("sound goes both ways again, after {:.1} s", lasted.as_secs_f64());
        self.trace.add(desk.now, &What::Media { leg, text: text.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_said() {
        let nothing = LegFacts::default();
        let heard = LegFacts { packets_in: 9, jitter_us: 2_500, mos_in: Some(432), ..LegFacts::default() };
        let told = LegFacts {
            far_lost: Some(3),
            round_trip_us: Some(41_000),
            mos_out: Some(401),
            one_way_ms: 3_200,
            ..heard.clone()
        };
        for (facts, words) in [
            (nothing, ""),
            (heard, ", jitter 2.5 ms, MOS in 4.32"),
            (
                told,
                ", jitter 2.5 ms, round trip 41.0 ms, 3 lost on the way to it, MOS in 4.32, MOS out 4.01, \
                 not heard for 3.2 s",
            ),
        ] {
            assert_eq!(Quality::of(&facts).words(), words);
        }
    }
}
