//! Offers and answers as far as sound goes (RFC 3264): what a far end said, what we say to it, what both can speak.
//!
//! What stands in the other lines is the business of [`super::strand`]. Invariant: of several lines of audio one is taken, the others are
//! refused.

use std::net::SocketAddr;

use crate::config::Srtp;
use crate::media::Strand;
use crate::rtp::{Codec, Format};
use crate::sdp::{Direction, Kind, Media, NotSdp, RtpMap, Session};

use super::crypto::{self, Keys, Line};
use super::strand;

/// What a far end said of its audio.
#[derive(Debug, Clone)]
pub(super) struct Description {
    pub session: Session,
    /// Which of its media lines is the sound; `None`: none, its place was given to fax.
    pub place: Option<usize>,
    /// Whether it gives the sound up for fax: what is said of sound below means nothing then.
    pub silent: bool,
    /// Where it wants RTP. The address may be unspecified: a hold in RFC 2543's notation.
    pub rtp: SocketAddr,
    /// Where it wants RTCP.
    pub rtcp: Option<SocketAddr>,
    /// Its codecs in its order, telephone events apart.
    pub formats: Vec<Spoken>,
    /// Telephone events at the clock of the first codec, if it knows them.
    pub telephone_event: Option<Format>,
    /// From its point of view.
    pub direction: Direction,
    /// Whether it puts us on hold, in any of the three notations.
    pub held: bool,
    /// The keys of SRTP that it offers or has chosen, as far as they are usable.
    pub keys: Vec<Line>,
    /// Whether its profile is the secure one (RTP/SAVP).
    pub insists: bool,
}

/// An offer that has been read, and holds sound that can be used; which of it is a matter of the leg's encryption.
#[derive(Debug, Clone)]
pub struct Offer(Session);

impl Offer {
    /// Reads an INVITE's body.
    ///
    /// # Errors
    /// The status to refuse it with: 400 for what is no session description, 413 for one of too many lines, 488 for one without usable
    /// audio.
    pub fn read(body: &[u8]) -> Result<Offer, u16> {
        let read = || -> Result<Offer, Unusable> {
            let session = Session::parse(body)?;
            chosen(&session, Srtp::Optional)?;
            Ok(Offer(session))
        };
        read().map_err(|why| match why {
            Unusable::Malformed => 400,
            Unusable::TooLarge => 413,
            Unusable::NoAudio => 488,
        })
    }

    /// What a leg that encrypts so takes of it.
    pub(super) fn described(self, srtp: Srtp) -> Option<Description> {
        Description::of(self.0, srtp).ok()
    }
}

/// A codec with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spoken {
    pub format: Format,
    pub fmtp: Option<String>,
}

/// Why a description cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("not a session description")]
    Malformed,
    #[error("too much of a session description")]
    TooLarge,
    #[error("no audio over RTP that can be used")]
    NoAudio,
}

impl From<NotSdp> for Unusable {
    fn from(why: NotSdp) -> Unusable {
        if why.is_too_much() { Unusable::TooLarge } else { Unusable::Malformed }
    }
}

impl Description {
    /// Reads a body. Phones that leave encryption to the other side offer the same audio on two lines, in clear and under RTP/SAVP:
    /// the one that suits `srtp` is taken.
    ///
    /// # Errors
    /// [`Unusable`] when it is no SDP, or has no audio line over RTP with an address; one that insists on SRTP has keys.
    pub fn read(body: &[u8], srtp: Srtp) -> Result<Description, Unusable> {
        Description::of(Session::parse(body)?, srtp)
    }

    /// The same within a call, where fax may take the place of the sound.
    ///
    /// # Errors
    /// As [`Description::read`]; none for want of audio where there is a usable line of fax.
    pub fn read_within(body: &[u8], srtp: Srtp) -> Result<Description, Unusable> {
        let session = Session::parse(body)?;
        let fax = session.media.iter().any(|media| strand::is_usable(media, Strand::Fax));
        match Description::of(session.clone(), srtp) {
            Err(Unusable::NoAudio) if fax => Ok(Description::silent(session)),
            read => read,
        }
    }

    fn silent(session: Session) -> Description {
        Description {
            place: session.media.iter().position(|media| media.kind == Kind::Audio),
            silent: true,
            rtp: SocketAddr::from(([0, 0, 0, 0], 0)),
            rtcp: None,
            formats: Vec::new(),
            telephone_event: None,
            direction: Direction::Inactive,
            held: false,
            keys: Vec::new(),
            insists: false,
            session,
        }
    }

    fn of(session: Session, srtp: Srtp) -> Result<Description, Unusable> {
        let (place, media, rtp) = chosen(&session, srtp)?;
        let (formats, events): (Vec<Spoken>, Vec<Spoken>) =
            spoken(media).partition(|spoken| spoken.format.codec != Codec::TelephoneEvent);
        let clock = formats.first().map_or(8_000, |spoken| spoken.format.clock);
        let telephone_event = events
            .iter()
            .find(|event| event.format.clock == clock)
            .or(events.first())
            .map(|event| event.format);
        Ok(Description {
            place: Some(place),
            silent: false,
            rtp,
            rtcp: session.rtcp_of(media),
            formats,
            telephone_event,
            direction: session.direction_of(media),
            held: session.is_held(media),
            keys: crypto::lines_of(media),
            insists: is_secure(media),
            session,
        })
    }

    /// Its format that carries the same sound as `other`.
    pub fn same_sound(&self, other: &Format) -> Option<&Spoken> {
        self.formats.iter().find(|spoken| spoken.format.same_sound(other))
    }

    /// Its first format in which the switch itself can speak: G.711 for choice, which costs nothing to make.
    pub fn first_own(&self) -> Option<&Spoken> {
        self.first(Codec::is_g711).or_else(|| self.first(Codec::is_linear))
    }

    /// The format to use towards it so that it and a far side that speaks `other` understand each other: the same, else
    /// the other law of G.711, else whatever of its formats the media plane can turn the other into.
    pub fn fitting(&self, other: &Format) -> Option<&Spoken> {
        let converted = |kind: fn(&Codec) -> bool| self.first(kind).filter(|_| kind(&other.codec));
        self.same_sound(other).or_else(|| converted(Codec::is_g711)).or_else(|| converted(Codec::is_linear))
    }

    fn first(&self, kind: fn(&Codec) -> bool) -> Option<&Spoken> {
        self.formats.iter().find(|spoken| kind(&spoken.format.codec))
    }

    /// The comfort noise that it takes beside `chosen`.
    pub fn noise_beside(&self, chosen: &Format) -> Option<&Spoken> {
        let fits = |it: &&Spoken| it.format.codec == Codec::Cn && it.format.clock == chosen.clock;
        self.formats.iter().find(fits).filter(|_| chosen.codec.is_g711())
    }

    /// The line of sound in the answer to this offer: `chosen` (sound first, what goes with it behind) and telephone events.
    pub fn answer(&self, port: u16, chosen: &[Spoken], keys: &Keys) -> Media {
        let offered = self.place.and_then(|place| self.session.media.get(place));
        let protocol = offered.map_or("RTP/AVP", |offered| offered.protocol.as_str());
        let mut media = Media::new(Kind::Audio, port, protocol);
        chosen.iter().for_each(|chosen| push(&mut media, chosen));
        if let Some(event) = self.telephone_event {
            push(&mut media, &Spoken { format: event, fmtp: Some("0-16".into()) });
        }
        media.set("ptime", "20");
        media.set_direction(self.direction.answer(Direction::SendRecv));
        keys.write_answer(&mut media);
        media
    }
}

/// The line of sound that suits `srtp`: its place, itself, and where it wants RTP.
fn chosen(session: &Session, srtp: Srtp) -> Result<(usize, &Media, SocketAddr), Unusable> {
    let usable = || session.media.iter().enumerate().filter(|(_, media)| is_usable_audio(media));
    let suits = |(_, media): &(usize, &Media)| match srtp {
        Srtp::Off => !is_secure(media),
        Srtp::Optional | Srtp::Required => !crypto::lines_of(media).is_empty(),
    };
    let (place, media) = usable().find(suits).or_else(|| usable().next()).ok_or(Unusable::NoAudio)?;
    Ok((place, media, session.rtp_of(media).ok_or(Unusable::NoAudio)?))
}

/// The line of sound in an offer of `formats` and telephone events.
pub(super) fn offer(port: u16, formats: &[Spoken], telephone_event: Option<Format>, keys: &Keys) -> Media {
    let mut media = Media::new(Kind::Audio, port, "RTP/AVP");
    for spoken in formats {
        push(&mut media, spoken);
    }
    if let Some(event) = telephone_event {
        push(&mut media, &Spoken { format: event, fmtp: Some("0-16".into()) });
    }
    media.set("ptime", "20");
    media.set_direction(Direction::SendRecv);
    keys.write_offer(&mut media);
    media
}

/// What the switch speaks of its own accord: A-law first, as the lines of its first users do.
pub(super) fn own_formats() -> Vec<Spoken> {
    [Format::PCMA, Format::PCMU].into_iter().map(|format| Spoken { format, fmtp: None }).collect()
}

/// Telephone events as the switch offers them.
pub(super) fn own_events() -> Format {
    Format::telephone_event(101)
}

/// What to offer a phone that is rung for a caller.
///
/// A caller who is answered already has a codec: that one first. One who is not has an offer: its codecs in its order.
/// Wherever one codec will do that the media plane can decode, the others that it can encode do too. They come last, so
/// that a phone takes them only when it has none of the caller's.
pub(super) fn formats_for(caller: Option<&Description>, agreed: &[Format]) -> Vec<Spoken> {
    let mut formats = match (agreed.first(), caller) {
        (Some(first), Some(caller)) => caller.same_sound(first).cloned().into_iter().collect(),
        (Some(first), None) => vec![Spoken { format: *first, fmtp: None }],
        (None, Some(caller)) => caller.formats.clone(),
        (None, None) => own_formats(),
    };
    if formats.iter().any(|spoken| spoken.format.codec.is_linear()) {
        for own in own_formats().into_iter().chain(wideband_formats()) {
            if !formats.iter().any(|spoken| spoken.format.codec == own.format.codec) {
                formats.push(with_free_type(own, &formats));
            }
        }
    }
    formats
}

/// What the switch can turn other sound into when a phone has nothing better.
fn wideband_formats() -> [Spoken; 2] {
    let opus = Format { pt: FIRST_DYNAMIC, codec: Codec::Opus, clock: 48_000, channels: 2 };
    let g722 = Format { pt: 9, codec: Codec::G722, clock: 8_000, channels: 1 };
    // RFC 7587 §6.1: what is decoded here is one wideband channel; in-band correction is used.
    let fmtp = "maxplaybackrate=16000;stereo=0;useinbandfec=1";
    [Spoken { format: g722, fmtp: None }, Spoken { format: opus, fmtp: Some(fmtp.into()) }]
}

/// The first payload type for formats without a fixed one (RFC 3551 §6).
const FIRST_DYNAMIC: u8 = 96;

/// Gives a format another payload type if one of `formats`, or the switch's telephone events, has its own.
fn with_free_type(mut spoken: Spoken, formats: &[Spoken]) -> Spoken {
    let taken = |pt: u8| pt == own_events().pt || formats.iter().any(|other| other.format.pt == pt);
    let wanted = spoken.format.pt;
    spoken.format.pt =
        std::iter::once(wanted).chain(FIRST_DYNAMIC..=127).find(|pt| !taken(*pt)).unwrap_or(wanted);
    spoken
}

fn is_usable_audio(media: &Media) -> bool {
    let is = |profile: &str| media.protocol.eq_ignore_ascii_case(profile);
    let clear = is("RTP/AVP") || is("RTP/AVPF");
    media.kind == Kind::Audio
        && media.port != 0
        && (clear || (is_secure(media) && !crypto::lines_of(media).is_empty()))
}

pub(super) fn is_secure(media: &Media) -> bool {
    ["RTP/SAVP", "RTP/SAVPF"].iter().any(|profile| media.protocol.eq_ignore_ascii_case(profile))
}

fn spoken(media: &Media) -> impl Iterator<Item = Spoken> + '_ {
    media.payload_types().filter_map(|pt| {
        let mapped = media.rtpmap(pt).filter(|map| map.clock > 0).map(|map| Format {
            pt,
            codec: Codec::named(&map.encoding),
            clock: map.clock,
            channels: map.channels,
        });
        let format = mapped.or_else(|| Format::of_static(pt))?;
        Some(Spoken { format, fmtp: media.fmtp(pt).map(str::to_string) })
    })
}

fn push(media: &mut Media, spoken: &Spoken) {
    let Format { pt, codec, clock, channels } = spoken.format;
    let map =
        RtpMap { payload_type: pt, encoding: codec.name().to_string(), clock, channels: channels.max(1) };
    media.push_format(&map, spoken.fmtp.as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(lines: &str) -> Result<Description, Unusable> {
        let text =
            format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}");
        Description::read(text.as_bytes(), Srtp::Optional)
    }

    #[test]
    fn a_hold_is_seen_in_all_three_notations() {
        for (lines, held) in [
            ("m=audio 4000 RTP/AVP 8\r\n", false),
            ("m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n", true),
            ("m=audio 4000 RTP/AVP 8\r\na=inactive\r\n", true),
            ("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n", true),
            ("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n", false),
        ] {
            assert_eq!(description(lines).expect("usable").held, held, "{lines}");
        }
    }

    #[test]
    fn of_two_lines_of_audio_the_one_that_suits_the_policy_is_taken() {
        let clear = "m=audio 4000 RTP/AVP 8\r\n";
        let keyed = "m=audio 4002 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                     inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
        let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
        for (lines, srtp, port) in [
            ([clear, keyed], Srtp::Off, 4000),
            ([keyed, clear], Srtp::Off, 4000),
            ([clear, keyed], Srtp::Optional, 4002),
            ([keyed, clear], Srtp::Required, 4002),
            ([clear, clear], Srtp::Required, 4000),
            ([keyed, keyed], Srtp::Off, 4002),
        ] {
            let text = format!("{head}{}", lines.concat());
            let read = Description::read(text.as_bytes(), srtp).expect("usable");
            assert_eq!(read.rtp.port(), port, "{srtp:?} {lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_spoken_is_refused() {
        for lines in
            ["", "m=audio 0 RTP/AVP 8\r\n", "m=audio 4000 RTP/SAVP 8\r\n", "m=video 4000 RTP/AVP 31\r\n"]
        {
            assert_eq!(description(lines).map(|_| ()), Err(Unusable::NoAudio), "{lines}");
        }
        assert_eq!(Description::read(b"hello", Srtp::Off).map(|_| ()), Err(Unusable::Malformed));
    }

    #[test]
    fn the_nearest_format_is_chosen_that_the_far_side_can_be_turned_into() {
        let far = |map: &str| Format::from_rtpmap(map).expect("a format");
        for (formats, other, chosen) in [
            ("0", "8 PCMA/8000", Some(Codec::Pcmu)),
            ("9 0", "8 PCMA/8000", Some(Codec::Pcmu)),
            ("9", "8 PCMA/8000", Some(Codec::G722)),
            ("9 0", "96 opus/48000/2", Some(Codec::G722)),
            ("9 18", "18 G729/8000", Some(Codec::G729)),
            ("9 0", "18 G729/8000", None),
            ("18", "8 PCMA/8000", None),
            ("8 9", "9 G722/8000", Some(Codec::G722)),
        ] {
            let offer = description(&format!("m=audio 4000 RTP/AVP {formats}\r\n")).expect("usable");
            let fitting = offer.fitting(&far(other)).map(|spoken| spoken.format.codec);
            assert_eq!(fitting, chosen, "{formats} towards {other}");
        }
    }

    #[test]
    fn a_phone_is_offered_what_its_caller_can_hear() {
        let codecs = |spoken: Vec<Spoken>| -> Vec<u8> { spoken.iter().map(|s| s.format.pt).collect() };
        let both = description("m=audio 4000 RTP/AVP 9 0 101\r\na=rtpmap:101 telephone-event/8000\r\n");
        let both = both.expect("usable");
        assert_eq!(codecs(formats_for(Some(&both), &[])), [9, 0, 8, 96]);
        assert_eq!(codecs(formats_for(Some(&both), &[Format::PCMU])), [0, 8, 9, 96]);
        assert_eq!(codecs(formats_for(None, &[])), [8, 0, 9, 96]);
        let crowded = "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 AMR/8000\r\n";
        let crowded = description(crowded).expect("usable");
        assert_eq!(codecs(formats_for(Some(&crowded), &[])), [0, 96, 8, 9, 97]);
        let foreign = description("m=audio 4000 RTP/AVP 18\r\n").expect("usable");
        assert_eq!(codecs(formats_for(Some(&foreign), &[])), [18]);
    }
}
