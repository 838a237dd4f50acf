//! What a leg's session has besides sound: its other `m=` lines, video and fax, as both ends describe them.
//!
//! A description of ours keeps the places of the dialog's lines for as long as it lives (RFC 3264 §8); what is refused has port 0.
//! What one party says of its video or fax is what the other is told of it, but for addresses, keys and direction, which are each leg's
//! own. Invariant: a strand is on only when both ends have described it, and each leg has one of a kind at most.

mod carried;

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::{Random, bounds};
use crate::config::Srtp;
use crate::media::{Strand, StrandAim, Trust};
use crate::rtp::Format;
use crate::sdp::{Direction, Kind, Media, Session};

use super::crypto::{self, Keys};
use super::leg::Stream;
use super::offer::{self, Description, Spoken, is_secure};
use carried::{carried, fits};

/// What stands in one place of a leg's descriptions. A media section that is kept here is what its refusal looks like.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Sound,
    Strand(Strand, Media),
    Refused(Media),
}

/// What is said of a leg's lines: by both ends now, or in an offer of ours that is not answered yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// In their order; empty: sound alone.
    places: Vec<Place>,
    /// Whether the sound is given up for fax.
    pub silent: bool,
    /// Whether fax stands in the place of the sound instead of one of its own.
    gives_way: bool,
    /// What we say of each strand: what the other party has said. `None`: nothing, it is refused.
    ours: [Option<Media>; 2],
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strands {
    pub shape: Shape,
    /// What an offer of ours that is under way would make of it.
    pub next: Option<Box<Shape>>,
    /// That offer itself.
    pub proposed: Option<Bytes>,
    lines: Vec<Line>,
    /// What the far end has said that it wants, whether it got it or not.
    wishes: [Option<Media>; 2],
}

/// One strand of a leg that has ports, or waits for them.
#[derive(Debug)]
struct Line {
    strand: Strand,
    local: Option<SocketAddr>,
    keys: Keys,
    theirs: Option<Far>,
}

/// What a far end says of one of its lines.
#[derive(Debug, Clone)]
struct Far {
    media: Media,
    to: SocketAddr,
    rtcp: Option<SocketAddr>,
    direction: Direction,
}

impl Far {
    fn read(session: &Session, media: &Media) -> Option<Far> {
        let (to, rtcp) = (session.rtp_of(media)?, session.rtcp_of(media));
        Some(Far { media: media.clone(), to, rtcp, direction: session.direction_of(media) })
    }
}

/// Which strand a media section is, refused or not.
fn strand_of(media: &Media) -> Option<Strand> {
    match media.kind {
        Kind::Video if media.is_rtp() => Some(Strand::Video),
        Kind::Image if media.protocol.eq_ignore_ascii_case("udptl") => Some(Strand::Fax),
        _ => None,
    }
}

/// Whether a media section could be passed on as this strand.
pub(super) fn is_usable(media: &Media, strand: Strand) -> bool {
    let is = |profile: &str| media.protocol.eq_ignore_ascii_case(profile);
    media.port != 0
        && strand_of(media) == Some(strand)
        && match strand {
            Strand::Video => is("RTP/AVP") || is("RTP/AVPF") || !crypto::lines_of(media).is_empty(),
            Strand::Fax => media.formats.iter().any(|format| format.eq_ignore_ascii_case("t38")),
        }
}

impl Shape {
    /// What is said of a strand.
    pub fn has(&self, strand: Strand) -> bool {
        self.ours[index(strand)].is_some()
    }

    /// Says nothing of a strand any more. Without fax there is sound again.
    pub fn drop(&mut self, strand: Strand) {
        self.ours[index(strand)] = None;
        if strand == Strand::Fax {
            (self.silent, self.gives_way) = (false, false);
        }
    }

    /// Says of a strand what another party's leg has described; as that party does, in the place of the sound or beside it.
    fn add(&mut self, strand: Strand, media: Media, of: &Shape) {
        let placed = |place: &Place| matches!(place, Place::Strand(is, _) if *is == strand);
        if strand == Strand::Fax {
            self.silent = of.silent;
            self.gives_way = of.gives_way && !self.places.iter().any(placed);
        }
        if self.places.is_empty() {
            self.places.push(Place::Sound);
        }
        let beside = strand != Strand::Fax || !self.gives_way;
        if beside && !self.places.iter().any(placed) && self.places.len() < bounds::MEDIA_LINES {
            self.places.push(Place::Strand(strand, media.refused()));
        }
        self.ours[index(strand)] = Some(media);
    }

    /// Takes the places of an offer of the far end's.
    fn follow(&mut self, offer: &Description) {
        let before = std::mem::take(&mut self.places);
        let sounds = before.iter().position(|place| matches!(place, Place::Sound)).unwrap_or(0);
        let fax = offer.session.media.iter().position(|media| is_usable(media, Strand::Fax));
        self.silent = offer.silent;
        // The sound's place is given to fax when there is no line of audio any more.
        self.gives_way = offer.silent && offer.place.is_none();
        let sound = if self.gives_way { fax.or(Some(sounds)) } else { offer.place };
        let mut taken = [false; 2];
        for (place, media) in offer.session.media.iter().enumerate() {
            let strand = strand_of(media).filter(|strand| {
                let first = !std::mem::replace(&mut taken[index(*strand)], true);
                first && (media.port == 0 || is_usable(media, *strand))
            });
            self.places.push(match strand {
                _ if Some(place) == sound => Place::Sound,
                Some(strand) => Place::Strand(strand, media.refused()),
                None => Place::Refused(media.refused()),
            });
        }
    }

    /// Where a strand is in a description.
    fn place_of(&self, strand: Strand) -> Option<usize> {
        let fax_in_sound = strand == Strand::Fax && self.gives_way;
        self.places.iter().position(|place| match place {
            Place::Sound => fax_in_sound,
            Place::Strand(is, _) => *is == strand && !fax_in_sound,
            Place::Refused(_) => false,
        })
    }
}

fn index(strand: Strand) -> usize {
    match strand {
        Strand::Video => 0,
        Strand::Fax => 1,
    }
}

/// Ports and keys.
impl Strands {
    /// Makes room for a strand, if there is none: its ports are to be opened. `false`: it has them, or has asked for them.
    pub fn prepare(&mut self, strand: Strand, policy: Srtp, private: bool, random: &mut Random) -> bool {
        let missing = self.line(strand).is_none();
        if missing {
            let policy = if strand == Strand::Fax { Srtp::Off } else { policy };
            let keys = Keys::new(policy, private, random);
            self.lines.push(Line { strand, local: None, keys, theirs: None });
        }
        missing
    }

    /// The ports of a strand are there; or there are none for it.
    pub fn opened(&mut self, strand: Strand, local: Option<SocketAddr>) {
        match local {
            Some(local) => {
                if let Some(line) = self.line_mut(strand) {
                    line.local = Some(local);
                }
            }
            None => self.lines.retain(|line| line.strand != strand),
        }
    }

    /// Whether ports are still to come.
    pub fn wait(&self) -> bool {
        self.lines.iter().any(|line| line.local.is_none())
    }

    /// Whether a strand has its ports.
    pub fn has_port(&self, strand: Strand) -> bool {
        self.line(strand).is_some_and(|line| line.local.is_some())
    }

    /// The leg lives in another call from now on: its ports are gone, its places and wishes stay.
    pub fn uproot(&mut self) {
        self.lines.clear();
        self.next = None;
        Strand::ALL.into_iter().for_each(|strand| self.shape.drop(strand));
    }

    fn line(&self, strand: Strand) -> Option<&Line> {
        self.lines.iter().find(|line| line.strand == strand)
    }

    fn line_mut(&mut self, strand: Strand) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.strand == strand)
    }
}

/// What both ends say.
impl Strands {
    /// Whether a strand is agreed on.
    pub fn is_on(&self, strand: Strand) -> bool {
        self.shape.has(strand)
            && self.line(strand).is_some_and(|line| line.local.is_some() && line.theirs.is_some())
    }

    /// Whether the far end has said that it wants a strand.
    pub fn wishes(&self, strand: Strand) -> bool {
        self.wishes[index(strand)].is_some()
    }

    /// The far end will not have a strand.
    pub fn forget_wish(&mut self, strand: Strand) {
        self.wishes[index(strand)] = None;
    }

    /// What `next` is to say: as now, until it is changed.
    pub fn next(&mut self) -> &mut Shape {
        let shape = &self.shape;
        self.next.get_or_insert_with(|| Box::new(shape.clone()))
    }

    /// Says of a strand in the next offer what another leg's far end wants.
    pub fn offer_wish_of(&mut self, other: &Strands, strand: Strand, most_kbps: u32) {
        if let Some(media) = &other.wishes[index(strand)] {
            let media = carried(media, most_kbps);
            self.next().add(strand, media, &other.shape);
        }
    }

    /// Says of a strand in the answer to come what another leg's far end has agreed to; nothing where it has not.
    pub fn answer_as(&mut self, other: &Strands, strand: Strand, most_kbps: u32) {
        let said = other.line(strand).and_then(|line| line.theirs.as_ref()).filter(|_| other.is_on(strand));
        self.shape.ours[index(strand)] = said.map(|far| carried(&far.media, most_kbps));
    }

    /// Takes an offer of the far end's. A strand that we say nothing of, or nothing that is still offered, is off.
    pub fn hear_offer(&mut self, offer: &Description) {
        self.shape.follow(offer);
        for strand in Strand::ALL {
            let media = self.shape.place_of(strand).and_then(|place| offer.session.media.get(place));
            let media = media.filter(|media| is_usable(media, strand));
            self.wishes[index(strand)] = media.cloned();
            let told = self.shape.ours[index(strand)].as_ref();
            let far = media.and_then(|media| {
                told.filter(|told| fits(told, media, false)).and_then(|_| Far::read(&offer.session, media))
            });
            let taken = match (self.line_mut(strand), far) {
                (Some(line), Some(far)) => {
                    let taken = line.keys.take_offer(&crypto::lines_of(&far.media), is_secure(&far.media));
                    line.theirs = taken.then_some(far);
                    taken
                }
                (Some(line), None) => {
                    line.theirs = None;
                    false
                }
                (None, _) => false,
            };
            if !taken {
                self.shape.ours[index(strand)] = None;
            }
        }
    }

    /// Takes the far end's answer to an offer of ours.
    pub fn hear_answer(&mut self, answer: &Description) {
        // What comes before the final answer may still change.
        if let Some(next) = &self.next {
            self.shape = (**next).clone();
        }
        for strand in Strand::ALL {
            let media = self.shape.place_of(strand).and_then(|place| answer.session.media.get(place));
            let far = media.filter(|media| self.shape.has(strand) && is_usable(media, strand));
            let far = far.and_then(|media| Far::read(&answer.session, media));
            let taken = self.line_mut(strand).is_some_and(|line| {
                line.theirs = far.filter(|far| line.keys.take_answer(&crypto::lines_of(&far.media)));
                line.theirs.is_some()
            });
            let theirs = self.line(strand).and_then(|line| line.theirs.as_ref());
            self.wishes[index(strand)] = theirs.map(|far| far.media.clone());
            if !taken {
                // What is refused keeps its place; the sound's stays as the answer has it.
                self.shape.ours[index(strand)] = None;
            }
        }
        self.shape.silent = answer.silent;
    }

    /// Whether an offer wants more than is agreed on: a strand that is off, or other formats of one that is on. A wish that is repeated,
    /// as some phones do with every hold, is none.
    pub fn is_more(&self, offer: &Description, may: impl Fn(Strand) -> bool) -> bool {
        Strand::ALL.into_iter().filter(|strand| may(*strand)).any(|strand| {
            let wanted = offer.session.media.iter().find(|media| is_usable(media, strand));
            let told = self.shape.ours[index(strand)].as_ref().filter(|_| self.is_on(strand));
            wanted.is_some_and(|wanted| match told {
                Some(told) => !fits(told, wanted, true),
                None => self.wishes[index(strand)].as_ref().is_none_or(|wish| wish.formats != wanted.formats),
            })
        })
    }

    /// Remembers what an offer wants, before it is answered.
    pub fn hear_wishes(&mut self, offer: &Description) {
        for strand in Strand::ALL {
            let wanted = offer.session.media.iter().find(|media| is_usable(media, strand));
            self.wishes[index(strand)] = wanted.cloned();
        }
    }

    /// Whether an offer gives the sound up in a way that a leg can be told of: the shape that it would have.
    pub fn shape_of(offer: &Description) -> Shape {
        let mut shape = Shape::default();
        shape.follow(offer);
        shape
    }

    /// Says of a strand in the next offer what an offer of another leg's wants.
    pub fn offer_as(&mut self, wanted: &Description, strand: Strand, most_kbps: u32) {
        let media = wanted.session.media.iter().find(|media| is_usable(media, strand));
        let shape = Strands::shape_of(wanted);
        match media.map(|media| carried(media, most_kbps)) {
            Some(media) => self.next().add(strand, media, &shape),
            None => self.next().drop(strand),
        }
    }

    /// Where the media plane is to send a strand; `None` while it is off. `rate_bps`: its limit; 0: none.
    pub fn aim(
        &self,
        strand: Strand,
        trust: impl Fn(SocketAddr) -> Trust,
        rate_bps: u32,
    ) -> Option<StrandAim> {
        let line = self.line(strand).filter(|_| self.is_on(strand))?;
        let far = line.theirs.as_ref()?;
        let told = self.shape.ours[index(strand)].as_ref();
        let types = far.media.payload_types().chain(told.into_iter().flat_map(Media::payload_types));
        Some(StrandAim {
            to: far.to,
            rtcp: far.rtcp,
            types: types.fold(0, |types, pt| types | 1 << pt),
            send: far.direction.receives() && !far.to.ip().is_unspecified(),
            receive: far.direction.sends(),
            trust: trust(far.to),
            secure: line.keys.secure(),
            bits_per_s: rate_bps,
        })
    }

    /// The formats that a strand's far end may send, for a recording: payload type, name, ticks a second.
    pub fn formats(&self, strand: Strand) -> Vec<(u8, String, u32)> {
        let Some(told) = self.shape.ours[index(strand)].as_ref() else { return Vec::new() };
        if strand == Strand::Fax {
            return vec![(0, "t38".into(), 0)];
        }
        let name = |pt: u8| Some((pt, told.rtpmap(pt)?.encoding, told.rtpmap(pt)?.clock));
        told.payload_types().filter_map(name).collect()
    }
}

/// Descriptions.
impl Stream {
    /// Our offer: `formats` of sound, and of the strands what `next` says, or what is said now.
    pub fn describe_offer(
        &mut self,
        local: SocketAddr,
        formats: Vec<Spoken>,
        telephone_event: Option<Format>,
    ) -> Bytes {
        self.version += 1;
        let sound = offer::offer(local.port(), &formats, telephone_event, &self.keys);
        self.ours = formats;
        let mut session = Session::new(local.ip(), self.session, self.version);
        let shape = self.strands.next.as_deref().unwrap_or(&self.strands.shape);
        let places = if shape.places.is_empty() { &[Place::Sound][..] } else { &shape.places };
        for place in places {
            session.media.push(match place {
                Place::Sound if shape.gives_way => {
                    self.strands.offered(shape, Strand::Fax).unwrap_or_else(|| sound.refused())
                }
                Place::Sound if shape.silent => sound.refused(),
                Place::Sound => sound.clone(),
                Place::Strand(strand, refused) => {
                    self.strands.offered(shape, *strand).unwrap_or_else(|| refused.clone())
                }
                Place::Refused(refused) => refused.clone(),
            });
        }
        session.to_bytes()
    }

    /// Our answer to an offer that has been heard: `sound`, or none of it, and the strands that are on.
    pub fn describe_answer(&mut self, local: SocketAddr, offer: &Description, sound: Option<Media>) -> Bytes {
        self.version += 1;
        let mut session = Session::new(local.ip(), self.session, self.version);
        let shape = &self.strands.shape;
        for (place, offered) in offer.session.media.iter().enumerate() {
            let answer = match shape.places.get(place) {
                Some(Place::Sound) if shape.gives_way => self.strands.answered(Strand::Fax, offered),
                Some(Place::Sound) => sound.clone(),
                Some(Place::Strand(strand, _)) if offered.port != 0 => {
                    self.strands.answered(*strand, offered)
                }
                _ => None,
            };
            session.media.push(answer.unwrap_or_else(|| offered.refused()));
        }
        session.to_bytes()
    }
}

impl Strands {
    fn offered(&self, shape: &Shape, strand: Strand) -> Option<Media> {
        let line = self.line(strand)?;
        let mut media = shape.ours[index(strand)].clone()?;
        media.port = line.local?.port();
        if strand == Strand::Video {
            media.set_direction(Direction::SendRecv);
            let feedback = media.protocol.to_ascii_uppercase().ends_with("AVPF");
            line.keys.write_offer(&mut media);
            if feedback && is_secure(&media) {
                media.protocol = "RTP/SAVPF".into();
            }
        }
        Some(media)
    }

    fn answered(&self, strand: Strand, offered: &Media) -> Option<Media> {
        let line = self.line(strand).filter(|_| self.is_on(strand))?;
        let far = line.theirs.as_ref()?;
        let mut media = self.shape.ours[index(strand)].clone()?;
        media.port = line.local?.port();
        media.protocol = offered.protocol.clone();
        if strand == Strand::Video {
            media.set_direction(far.direction.answer(Direction::SendRecv));
            line.keys.write_answer(&mut media);
        }
        Some(media)
    }
}

#[cfg(test)]
mod tests;
