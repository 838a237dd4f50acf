//! Keys that a party presses, however they travel (RFC 4733 events from the media plane, INFO from signalling).

use std::time::Duration;

use crate::base::{LegId, Time};
use crate::media::Order;
use crate::vault::Event;

use super::desk::{Desk, Effect};
use super::trace::What;
use super::{Call, Phase};

/// An INFO is sent when the key is let go, after the press was heard in RTP.
const SAME_PRESS: Duration = Duration::from_secs(1);

/// How a key press was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// RFC 4733, or the tones themselves.
    Media,
    Info,
}

/// A key press of a leg that has been told in one way so far.
#[derive(Clone, Copy)]
pub(super) struct Told {
    key: char,
    way: Way,
    at: Time,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key may be of a secret.
        write!(f, "Told({:?})", self.way)
    }
}

impl Call {
    /// A key press that the media plane heard. To a joined leg it has been passed on already.
    pub(super) fn on_key(&mut self, desk: &mut Desk<'_>, leg: LegId, key: char) {
        if self.is_first(desk.now, leg, key, Way::Media) {
            self.pressed(desk, leg, key);
        }
    }

    /// Whether a press has not been told of already in another way: some phones send each key both in RTP and by INFO.
    fn is_first(&mut self, now: Time, leg: LegId, key: char, way: Way) -> bool {
        let Some(leg) = self.leg_mut(leg) else { return false };
        let told =
            leg.told.take_if(|told| told.key == key && told.way != way && now.since(told.at) < SAME_PRESS);
        if told.is_none() {
            leg.told = Some(Told { key, way, at: now });
        }
        told.is_none()
    }

    fn pressed(&mut self, desk: &mut Desk<'_>, leg: LegId, key: char) {
        let secret = matches!(&self.phase, Phase::Collecting(entry) if entry.secret);
        if secret {
            self.trace.add(desk.now, &What::Media { leg, text: "a secret key".into() });
        } else {
            self.trace.add(desk.now, &What::Media { leg, text: format!("key {key}").into() });
            self.record_event(desk, Event::Key { leg, key });
        }
        if leg == self.near {
            self.take_key(desk, key);
        }
        self.typed(desk, leg, key);
        self.code_pressed(desk, leg, key);
    }

    /// A key press that came by INFO (RFC 6086 with `application/dtmf-relay`): the far side needs it sent.
    pub(super) fn on_info_key(&mut self, desk: &mut Desk<'_>, leg: LegId, key: char) {
        if !self.is_first(desk.now, leg, key, Way::Info) {
            return;
        }
        if let Some(other) = self.peer_of(leg) {
            let keys = key.to_string();
            desk.effects.push_back(Effect::Media(Order::Keys { call: self.id, leg: other, keys }));
        }
        self.pressed(desk, leg, key);
    }

    /// The key of an `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`) body.
    pub(super) fn key_of(body: &[u8]) -> Option<char> {
        let text = std::str::from_utf8(body).ok()?;
        let signal = text
            .lines()
            .find_map(|line| {
                line.trim().strip_prefix("Signal").map(|rest| rest.trim_start().trim_start_matches('='))
            })
            .unwrap_or(text);
        match signal.trim() {
            "10" => Some('*'),
            "11" => Some('#'),
            one => {
                one.chars().next().map(|c| c.to_ascii_uppercase()).filter(|c| "0123456789*#ABCD".contains(*c))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_both_bodies() {
        for (body, key) in [
            ("Signal=5\r\nDuration=160\r\n", Some('5')),
            ("Signal= #\r\nDuration=160", Some('#')),
            ("Duration=100\r\nSignal=11\r\n", Some('#')),
            ("Signal=10", Some('*')),
            ("7", Some('7')),
            ("d", Some('D')),
            ("", None),
            ("Signal=", None),
            ("hello", None),
        ] {
            assert_eq!(Call::key_of(body.as_bytes()), key, "{body:?}");
        }
    }
}
