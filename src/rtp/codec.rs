//! Codecs by name and their numbers on the wire: RFC 3551 §6 for the static ones, `a=rtpmap` (RFC 8866 §6.6) for the rest.
//!
//! Invariant: two formats carry the same sound exactly when [`Format::same_sound`] says so; unknown codecs keep their
//! name, so that two unknown codecs are never taken for one another.

use std::fmt;

/// An encoding name that this switch does not know, kept to tell one unknown codec from another and to write it again.
///
/// Up to 24 octets of ASCII; a longer name is cut. Compares without regard to case (RFC 8866 §6.6 takes names from the
/// media type registry, where case does not count).
#[derive(Clone, Copy)]
pub struct Name {
    octets: [u8; 24],
    len: u8,
}

impl Name {
    /// Keeps `name`; octets that are not visible ASCII become `-`.
    pub fn new(name: &str) -> Name {
        let mut octets = [0; 24];
        let mut len = 0;
        for (place, octet) in octets.iter_mut().zip(name.bytes()) {
            *place = if octet.is_ascii_graphic() { octet } else { b'-' };
            len += 1;
        }
        Name { octets, len }
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        self.octets.get(..usize::from(self.len)).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sound (or something else) is coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722, static payload type 9. Its RTP clock is 8 000 though it samples at 16 000 (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 7587), clock 48 000, always written with two channels.
    Opus,
    /// G.729, static payload type 18; passed through, never decoded.
    G729,
    /// Comfort noise (RFC 3389), static payload type 13.
    Cn,
    /// Named telephone events (RFC 4733): keys.
    TelephoneEvent,
    /// Anything else: passed through between legs that both have it.
    Other(Name),
}

impl Codec {
    /// The codec of an `a=rtpmap` encoding name, in any case.
    pub fn named(name: &str) -> Codec {
        const KNOWN: [Codec; 7] = [
            Codec::Pcmu,
            Codec::Pcma,
            Codec::G722,
            Codec::Opus,
            Codec::G729,
            Codec::Cn,
            Codec::TelephoneEvent,
        ];
        KNOWN
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Codec::Other(Name::new(name)))
    }

    /// The encoding name as `a=rtpmap` writes it.
    pub fn name(&self) -> &str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::G729 => "G729",
            Codec::Cn => "CN",
            Codec::TelephoneEvent => "telephone-event",
            Codec::Other(name) => name.as_str(),
        }
    }

    /// Whether this is one of the two laws of G.711, which the media plane can produce and convert itself.
    pub fn is_g711(&self) -> bool {
        matches!(self, Codec::Pcmu | Codec::Pcma)
    }
}

/// One format of an `m=` line: a payload type and what it stands for in this session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    /// Payload type, 0 to 127.
    pub pt: u8,
    /// What it stands for.
    pub codec: Codec,
    /// RTP timestamp ticks a second.
    pub clock: u32,
    /// Channels as `a=rtpmap` writes them; 1 when it does not.
    pub channels: u8,
}

impl Format {
    /// G.711 µ-law as payload type 0.
    pub const PCMU: Format = Format { pt: 0, codec: Codec::Pcmu, clock: 8_000, channels: 1 };
    /// G.711 A-law as payload type 8.
    pub const PCMA: Format = Format { pt: 8, codec: Codec::Pcma, clock: 8_000, channels: 1 };

    /// Telephone events at the clock of narrowband sound, under payload type `pt` (101 is what most phones expect).
    pub const fn telephone_event(pt: u8) -> Format {
        Format { pt, codec: Codec::TelephoneEvent, clock: 8_000, channels: 1 }
    }

    /// What a static audio payload type stands for without an `a=rtpmap` (RFC 3551 table 4); `None` for dynamic and
    /// unassigned ones.
    pub fn of_static(pt: u8) -> Option<Format> {
        let (codec, clock, channels) = match pt {
            0 => (Codec::Pcmu, 8_000, 1),
            3 => (Codec::named("GSM"), 8_000, 1),
            4 => (Codec::named("G723"), 8_000, 1),
            5 => (Codec::named("DVI4"), 8_000, 1),
            6 => (Codec::named("DVI4"), 16_000, 1),
            7 => (Codec::named("LPC"), 8_000, 1),
            8 => (Codec::Pcma, 8_000, 1),
            9 => (Codec::G722, 8_000, 1),
            10 => (Codec::named("L16"), 44_100, 2),
            11 => (Codec::named("L16"), 44_100, 1),
            12 => (Codec::named("QCELP"), 8_000, 1),
            13 => (Codec::Cn, 8_000, 1),
            15 => (Codec::named("G728"), 8_000, 1),
            16 => (Codec::named("DVI4"), 11_025, 1),
            17 => (Codec::named("DVI4"), 22_050, 1),
            18 => (Codec::G729, 8_000, 1),
            _ => return None,
        };
        Some(Format { pt, codec, clock, channels })
    }

    /// Reads the value of `a=rtpmap`: `<pt> <name>/<clock>[/<channels>]` (RFC 8866 §6.6).
    ///
    /// `None` for anything that is not of that shape, for a payload type above 127 and for a clock of 0.
    pub fn from_rtpmap(value: &str) -> Option<Format> {
        let (pt, rest) = value.trim().split_once(' ')?;
        let mut parts = rest.trim().split('/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let clock = parts.next()?.parse().ok().filter(|clock| *clock > 0)?;
        let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok())?;
        let pt = pt.parse().ok().filter(|pt| *pt <= 127)?;
        Some(Format { pt, codec: Codec::named(name), clock, channels })
    }

    /// The value of `a=rtpmap`: `8 PCMA/8000`, `111 opus/48000/2`.
    pub fn rtpmap(&self) -> String {
        let base = format!("{} {}/{}", self.pt, self.codec.name(), self.clock);
        if self.channels > 1 { format!("{base}/{}", self.channels) } else { base }
    }

    /// Whether a payload of the other format can be sent as it is under this one: same codec, clock and channels.
    pub fn same_sound(&self, other: &Format) -> bool {
        self.codec == other.codec && self.clock == other.clock && self.channels == other.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtpmap_is_read_and_written() {
        for (written, codec, clock, channels) in [
            ("0 PCMU/8000", Codec::Pcmu, 8_000, 1),
            ("101 telephone-event/16000", Codec::TelephoneEvent, 16_000, 1),
            ("111 opus/48000/2", Codec::Opus, 48_000, 2),
            ("97 iLBC/8000", Codec::named("ilbc"), 8_000, 1),
        ] {
            let format = Format::from_rtpmap(written).unwrap();
            assert_eq!((format.codec, format.clock, format.channels), (codec, clock, channels), "{written}");
            assert_eq!(format.rtpmap(), written);
        }
        for broken in [
            "",
            "0",
            "0 PCMU",
            "128 X/8000",
            "0 /8000",
            "0 PCMU/0",
            "0 PCMU/x",
            "-1 PCMU/8000",
            "9 G722/8000/x",
        ] {
            assert_eq!(Format::from_rtpmap(broken), None, "{broken}");
        }
    }

    #[test]
    fn static_types_need_no_rtpmap_and_agree_with_it() {
        for written in
            ["0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "13 CN/8000", "18 G729/8000", "3 GSM/8000"]
        {
            let format = Format::from_rtpmap(written).unwrap();
            assert!(Format::of_static(format.pt).unwrap().same_sound(&format), "{written}");
        }
        assert_eq!(Format::of_static(96), None);
        assert_eq!(Format::of_static(1), None);
    }

    #[test]
    fn unknown_codecs_differ_by_name() {
        assert_eq!(Codec::named("speex"), Codec::named("SPEEX"));
        assert_ne!(Codec::named("speex"), Codec::named("AMR"));
        assert_eq!(Codec::named("pcmu"), Codec::Pcmu);
        assert_eq!(Name::new("a b\u{7}").as_str(), "a-b-");
    }
}
