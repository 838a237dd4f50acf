//! What becomes of each payload type that a leg may send, given whom it is joined to.
//!
//! Computed when a leg is aimed or joined, looked up for every packet. Invariant: a payload type outside the negotiated ones
//! goes nowhere, not into the recording either.

use crate::rtp::{Codec, Format};

use super::Aim;

/// What becomes of one payload type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Route {
    /// Not negotiated.
    #[default]
    Refuse,
    /// Taken (counted, recorded), and nobody to send it to, or no format for it there.
    Keep,
    /// Sent on as it is under this payload type.
    Pass(u8),
    /// Turned into A-law, sent under this payload type.
    ToALaw(u8),
    /// Turned into µ-law, sent under this payload type.
    ToMuLaw(u8),
    /// Decoded, and encoded again for whomever the leg is joined to.
    Decode,
    /// A key, and nobody has telephone events on the other side.
    Key,
    /// A key, sent on under this payload type.
    PassKey(u8),
}

/// All that the packet path wants to know of one payload type: eight octets, so that a packet touches one line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Way {
    /// Ticks a second.
    pub(super) clock: u32,
    pub(super) route: Route,
    /// The payload type under which a recording keeps it: both laws of G.711 under their static ones, whatever the SDP
    /// called them.
    pub(super) kept_as: u8,
    pub(super) coded: Coded,
}

/// What decodes a payload type, where somebody listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Coded {
    /// Nothing here does.
    #[default]
    Not,
    Pcmu,
    Pcma,
    G722,
    Opus,
    Noise,
}

impl Coded {
    fn of(format: &Format) -> Coded {
        match (format.codec, format.clock) {
            (Codec::Pcmu, 8_000) => Coded::Pcmu,
            (Codec::Pcma, 8_000) => Coded::Pcma,
            (Codec::G722, 8_000) => Coded::G722,
            (Codec::Opus, 48_000) => Coded::Opus,
            (Codec::Cn, _) => Coded::Noise,
            _ => Coded::Not,
        }
    }

    pub(super) fn codec(self) -> Option<Codec> {
        Some(match self {
            Coded::Not => return None,
            Coded::Pcmu => Codec::Pcmu,
            Coded::Pcma => Codec::Pcma,
            Coded::G722 => Codec::G722,
            Coded::Opus => Codec::Opus,
            Coded::Noise => Codec::Cn,
        })
    }
}

/// Whether this switch decodes and encodes a format: the codec is one of its own, at the clock that it is defined for.
pub(super) fn is_linear(format: &Format) -> bool {
    !matches!(Coded::of(format), Coded::Not | Coded::Noise)
}

/// Ways by payload type.
pub(super) type Routes = [Way; 128];

/// No type is taken.
pub(super) const NONE: Routes = [Way { clock: 0, route: Route::Refuse, kept_as: 0, coded: Coded::Not }; 128];

/// The routes of a leg aimed at `from` towards a leg aimed at `to` (`None`: it is joined to nobody).
pub(super) fn routes(from: &Aim, to: Option<&Aim>) -> Routes {
    let mut routes = NONE;
    let keys = from.telephone_event.iter();
    for format in from.formats.iter().chain(keys) {
        if let Some(way) = routes.get_mut(usize::from(format.pt)) {
            let route = to.map_or_else(|| alone(format), |to| onward(format, to));
            *way = Way { clock: format.clock, route, kept_as: kept_as(format), coded: Coded::of(format) };
        }
    }
    // Comfort noise means something only to whoever decodes the sound around it.
    if routes.iter().any(|way| way.route == Route::Decode) {
        let noise = routes.iter_mut().filter(|way| way.coded == Coded::Noise && way.route == Route::Keep);
        noise.for_each(|way| way.route = Route::Decode);
    }
    routes
}

/// Has everything decoded that could be sent on as it is: it is muted, or delayed.
pub(super) fn decode(routes: &mut Routes, to: Option<&Aim>) {
    if !to.is_some_and(|to| to.formats.iter().any(is_linear)) {
        return;
    }
    for way in routes.iter_mut().filter(|way| way.coded != Coded::Not) {
        if matches!(way.route, Route::Pass(_) | Route::ToALaw(_) | Route::ToMuLaw(_)) {
            way.route = Route::Decode;
        }
    }
}

/// The payload type under which a recording keeps a format.
pub(super) fn kept_as(format: &Format) -> u8 {
    match format.codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        _ => format.pt,
    }
}

fn alone(format: &Format) -> Route {
    if format.codec == Codec::TelephoneEvent { Route::Key } else { Route::Keep }
}

fn onward(format: &Format, to: &Aim) -> Route {
    if format.codec == Codec::TelephoneEvent {
        return keys(to).map_or(Route::Key, |keys| Route::PassKey(keys.pt));
    }
    if let Some(same) = to.formats.iter().find(|other| other.same_sound(format)) {
        return Route::Pass(same.pt);
    }
    let law = |codec| to.formats.iter().find(|other| other.codec == codec && other.clock == 8_000);
    let converted = match (format.codec, format.clock) {
        (Codec::Pcmu, 8_000) => law(Codec::Pcma).map(|to| Route::ToALaw(to.pt)),
        (Codec::Pcma, 8_000) => law(Codec::Pcmu).map(|to| Route::ToMuLaw(to.pt)),
        _ => None,
    };
    let decoded = is_linear(format) && to.formats.iter().any(is_linear);
    converted.unwrap_or(if decoded { Route::Decode } else { Route::Keep })
}

/// The telephone events of an aim, wherever it states them.
pub(super) fn keys(aim: &Aim) -> Option<&Format> {
    let listed = || aim.formats.iter().find(|format| format.codec == Codec::TelephoneEvent);
    aim.telephone_event.as_ref().or_else(listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Trust;

    fn aim(formats: &[&str], keys: Option<u8>) -> Aim {
        Aim {
            rtp: "192.0.2.1:4000".parse().unwrap(),
            rtcp: None,
            formats: formats.iter().map(|format| Format::from_rtpmap(format).unwrap()).collect(),
            telephone_event: keys.map(Format::telephone_event),
            send: true,
            receive: true,
            trust: Trust::Announced,
            secure: None,
        }
    }

    #[test]
    fn each_payload_type_finds_its_way() {
        let a =
            aim(&["8 PCMA/8000", "0 PCMU/8000", "96 opus/48000/2", "18 G729/8000", "13 CN/8000"], Some(101));
        let both = aim(&["0 PCMU/8000", "8 PCMA/8000"], None);
        let wide = aim(&["9 G722/8000"], Some(97));
        let pass = aim(&["18 G729/8000"], Some(97));
        let mu = aim(&["0 PCMU/8000", "111 opus/48000/2"], Some(97));
        for (to, pt, route) in [
            (None, 8, Route::Keep),
            (None, 101, Route::Key),
            (None, 97, Route::Refuse),
            (Some(&both), 8, Route::Pass(8)),
            (Some(&both), 0, Route::Pass(0)),
            (Some(&both), 96, Route::Decode),
            (Some(&both), 13, Route::Decode),
            (Some(&both), 18, Route::Keep),
            (Some(&both), 101, Route::Key),
            (Some(&wide), 8, Route::Decode),
            (Some(&wide), 101, Route::PassKey(97)),
            (Some(&pass), 8, Route::Keep),
            (Some(&pass), 18, Route::Pass(18)),
            (Some(&pass), 101, Route::PassKey(97)),
            (Some(&mu), 8, Route::ToMuLaw(0)),
            (Some(&mu), 96, Route::Pass(111)),
            (Some(&mu), 18, Route::Keep),
            (Some(&mu), 13, Route::Keep),
            (Some(&mu), 101, Route::PassKey(97)),
            (Some(&mu), 127, Route::Refuse),
        ] {
            assert_eq!(routes(&a, to)[pt].route, route, "{pt} to {:?}", to.map(|to| &to.formats));
        }
        assert_eq!(routes(&mu, Some(&aim(&["8 PCMA/8000"], None)))[0].route, Route::ToALaw(8));
    }
}
