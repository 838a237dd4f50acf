//! Session timers: RFC 4028, in both roles. A session that nobody refreshes is over, so a peer that vanished is found.
//!
//! Invariant: the interval is never below [`MIN_SE_S`] nor below the least that either side named.

use std::time::Duration;

use super::Side;
use crate::base::{Time, bounds};
use crate::sip::{Message, Name};

/// The option tag.
pub const OPTION: &str = "timer";

/// The least interval, in seconds (RFC 4028 §4): what Min-SE says of this switch.
pub const MIN_SE_S: u32 = 90;

/// What two sides agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimer {
    /// Seconds without a refresh after which the session is over.
    pub interval_s: u32,
    /// Who refreshes it.
    pub refresher: Side,
    /// Whether the peer knows session timers: then the answer that makes it refresh says `Require: timer`.
    pub known: bool,
}

/// The interval that a request asks for is too small: 422 with `Min-SE: 90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Session-Expires of {0} s is below 90")]
pub struct TooSmall(pub u32);

impl SessionTimer {
    /// What to answer a request with (INVITE or UPDATE): table 2 of RFC 4028 §9. `ours_s` is what this switch wants.
    ///
    /// # Errors
    /// [`TooSmall`] for an interval of a peer that could ask for a longer one.
    pub fn answering(request: &Message, ours_s: u32) -> Result<SessionTimer, TooSmall> {
        let known = request.lists(Name::Supported, OPTION) || request.lists(Name::Require, OPTION);
        let wished = read(request);
        if let Some((wished_s, _)) = wished
            && known
            && wished_s < MIN_SE_S
        {
            return Err(TooSmall(wished_s));
        }
        let least = min_se_s(request).unwrap_or(MIN_SE_S).max(MIN_SE_S);
        let interval_s = wished.map_or(ours_s, |(wished_s, _)| wished_s.min(ours_s)).max(least);
        let refresher = match wished.and_then(|(_, refresher)| refresher) {
            _ if !known => Side::Ours,
            Some(Role::Uas) => Side::Ours,
            Some(Role::Uac) | None => Side::Theirs,
        };
        Ok(SessionTimer { interval_s, refresher, known })
    }

    /// What a 2xx to a request of ours, which asked for `asked_s`, agreed to. A peer that says nothing of it does nothing: then the
    /// refreshes are this switch's.
    pub fn answered(response: &Message, asked_s: u32) -> SessionTimer {
        match read(response) {
            Some((interval_s, role)) => SessionTimer {
                interval_s: interval_s.max(MIN_SE_S),
                refresher: if role == Some(Role::Uas) { Side::Theirs } else { Side::Ours },
                known: true,
            },
            None => SessionTimer { interval_s: asked_s.max(MIN_SE_S), refresher: Side::Ours, known: false },
        }
    }

    /// When there is something to do after a refresh at `now`: half the interval later to refresh; or, shortly before its end
    /// (RFC 4028 §10: a third of it, at most 32 s), to end a session that the peer has not refreshed.
    pub fn due(&self, now: Time) -> Time {
        let interval = Duration::from_secs(self.interval_s.into());
        match self.refresher {
            Side::Ours => now + interval / 2,
            Side::Theirs => now + (interval - (interval / 3).min(Duration::from_secs(32))),
        }
    }

    /// The Session-Expires value in a request of ours.
    pub fn in_request(&self) -> String {
        format!("{};refresher={}", self.interval_s, if self.refresher == Side::Ours { "uac" } else { "uas" })
    }

    /// The Session-Expires value in a 2xx of ours.
    pub fn in_answer(&self) -> String {
        format!("{};refresher={}", self.interval_s, if self.refresher == Side::Ours { "uas" } else { "uac" })
    }

    /// Whether the 2xx has to say `Require: timer`: the peer is to refresh (RFC 4028 §9).
    pub fn is_required(&self) -> bool {
        self.known && self.refresher == Side::Theirs
    }
}

/// The interval for another try after a 422; `None` when it names nothing longer than `asked_s`, or more than
/// [`bounds::SESSION_EXPIRES_S`].
pub fn after_422(response: &Message, asked_s: u32) -> Option<u32> {
    min_se_s(response).filter(|least| *least > asked_s && *least <= bounds::SESSION_EXPIRES_S)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

fn read(message: &Message) -> Option<(u32, Option<Role>)> {
    let text = message.header_str(Name::SessionExpires)?;
    let mut parts = text.split(';').map(str::trim);
    let interval_s = parts.next()?.parse::<u32>().ok()?.min(bounds::SESSION_EXPIRES_S);
    let refresher = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        match (name.trim().eq_ignore_ascii_case("refresher"), value.trim().to_ascii_lowercase().as_str()) {
            (true, "uac") => Some(Role::Uac),
            (true, "uas") => Some(Role::Uas),
            _ => None,
        }
    });
    Some((interval_s, refresher))
}

fn min_se_s(message: &Message) -> Option<u32> {
    message.header_str(Name::MinSe)?.split(';').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(start: &str, lines: &str) -> Message {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\n{lines}\r\n"
        );
        Message::parse(text.into()).expect("well formed")
    }

    #[test]
    fn a_request_is_answered_as_the_table_says() {
        for (lines, expected) in [
            ("", Ok((1_800, Side::Ours, false))),
            ("Supported: timer\r\n", Ok((1_800, Side::Theirs, true))),
            ("Supported: timer\r\nSession-Expires: 600\r\n", Ok((600, Side::Theirs, true))),
            ("k: timer\r\nx: 600;refresher=uas\r\n", Ok((600, Side::Ours, true))),
            ("Supported: timer\r\nSession-Expires: 600;Refresher=UAC\r\n", Ok((600, Side::Theirs, true))),
            ("Supported: timer\r\nSession-Expires: 7200\r\n", Ok((1_800, Side::Theirs, true))),
            (
                "Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n",
                Ok((3_600, Side::Theirs, true)),
            ),
            ("Supported: timer\r\nSession-Expires: 89\r\n", Err(TooSmall(89))),
            ("Session-Expires: 60\r\n", Ok((90, Side::Ours, false))),
            ("Supported: timer\r\nSession-Expires: soon\r\n", Ok((1_800, Side::Theirs, true))),
        ] {
            let got = SessionTimer::answering(&message("INVITE sip:b@x SIP/2.0", lines), 1_800);
            assert_eq!(got.map(|t| (t.interval_s, t.refresher, t.known)), expected, "{lines}");
        }
    }

    #[test]
    fn an_answer_is_taken_as_it_is() {
        for (lines, interval_s, refresher) in [
            ("", 1_800, Side::Ours),
            ("Session-Expires: 600;refresher=uas\r\n", 600, Side::Theirs),
            ("Session-Expires: 600;refresher=uac\r\n", 600, Side::Ours),
            ("Session-Expires: 600\r\n", 600, Side::Ours),
            ("Session-Expires: 5;refresher=uas\r\n", 90, Side::Theirs),
        ] {
            let got = SessionTimer::answered(&message("SIP/2.0 200 OK", lines), 1_800);
            assert_eq!((got.interval_s, got.refresher), (interval_s, refresher), "{lines}");
        }
    }

    #[test]
    fn a_refresh_is_due_at_half_time_and_a_missing_one_is_noticed_before_the_end() {
        let timer = |interval_s, refresher| SessionTimer { interval_s, refresher, known: true };
        for (timer, due_s) in [
            (timer(1_800, Side::Ours), 900),
            (timer(1_800, Side::Theirs), 1_768),
            (timer(90, Side::Theirs), 60),
            (timer(90, Side::Ours), 45),
        ] {
            assert_eq!(timer.due(Time::ZERO), Time::ZERO + Duration::from_secs(due_s), "{timer:?}");
        }
        assert_eq!(timer(90, Side::Ours).in_request(), "90;refresher=uac");
        assert_eq!(timer(90, Side::Ours).in_answer(), "90;refresher=uas");
        assert!(timer(90, Side::Theirs).is_required() && !timer(90, Side::Ours).is_required());
    }

    #[test]
    fn a_422_is_followed_upwards_only() {
        for (lines, next) in [
            ("Min-SE: 3600\r\n", Some(3_600)),
            ("Min-SE: 1800\r\n", None),
            ("Min-SE: 4000000000\r\n", None),
            ("", None),
        ] {
            let response = message("SIP/2.0 422 Session Interval Too Small", lines);
            assert_eq!(after_422(&response, 1_800), next, "{lines}");
        }
    }
}
