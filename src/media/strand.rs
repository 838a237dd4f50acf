//! What legs exchange besides sound: video, and fax over UDPTL. The words that core and plane share.
//!
//! A leg has at most one strand of each kind, with a pair of ports of its own. Invariant: what is in a strand is never looked into
//! further than to tell RTP from RTCP: the plane makes, decodes and rewrites nothing there.

use std::net::{IpAddr, SocketAddr};

use crate::base::{LegId, RecordingId, Time};

use super::{Secure, Trust};

/// A kind of media besides sound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strand {
    /// RTP with RTCP and its feedback (RFC 4585).
    Video,
    /// Fax: UDPTL datagrams (ITU-T T.38), which are no RTP.
    Fax,
}

impl Strand {
    /// Both.
    pub const ALL: [Strand; 2] = [Strand::Video, Strand::Fax];

    /// For people.
    pub const fn word(self) -> &'static str {
        match self {
            Strand::Video => "video",
            Strand::Fax => "fax",
        }
    }

    /// The track of a recording that a leg's strand is kept on; `side` is the track of its sound: 0 the caller's, 1 the other.
    pub const fn track(self, side: u8) -> u8 {
        let side = if side == 0 { 0 } else { 1 };
        match self {
            Strand::Video => 2 + side,
            Strand::Fax => 4 + side,
        }
    }
}

/// What is to be done about one strand of a leg.
#[derive(Clone, Debug)]
pub enum StrandAct {
    /// Take a pair of ports at this address. Answered by `Opened` or `NoPort`; a strand that is open is answered with its address
    /// again.
    Open(IpAddr),
    /// Where the far end of the strand is. Needed before anything is taken from it or sent to it; an unchanged address keeps the
    /// source lock.
    Aim(Box<StrandAim>),
    /// Pass what comes on to this leg's strand of the same kind, and back. Undone by `Unlink`, and by any `Join` or `Part` that takes
    /// the two legs from each other; a mix of the sound leaves it as it is.
    Link(LegId),
    /// Pass nothing on.
    Unlink,
    /// Copy what the far end says into a recording, while the strand is linked.
    Tap {
        /// Into which.
        recording: RecordingId,
        /// The recording's zero.
        started: Time,
        /// [`Strand::track`].
        track: u8,
    },
    /// Give the ports back; `Facts` follow.
    Close,
}

/// The far end of a strand, as SDP negotiated it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StrandAim {
    /// Where it receives.
    pub to: SocketAddr,
    /// Where it receives RTCP; `None`: the port above. Means nothing to fax.
    pub rtcp: Option<SocketAddr>,
    /// The payload types that either side announced, a bit each; others go nowhere. Means nothing to fax.
    pub types: u128,
    /// Whether it may be sent to.
    pub send: bool,
    /// Whether it is listened to.
    pub receive: bool,
    /// Whom to take for the far end.
    pub trust: Trust,
    /// The keys of SRTP; `None`: in clear.
    pub secure: Option<Secure>,
    /// Bits a second (of datagrams' payloads) that it may send, over a second; what is more is dropped and counted. 0: without limit.
    pub bits_per_s: u32,
}

/// What the plane reports of a strand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StrandNews {
    /// It has its ports: this is to be written into SDP.
    Opened(SocketAddr),
    /// There is no free pair of ports; the strand does not exist.
    NoPort,
    /// The first datagram of its far end since it was aimed there.
    Heard(SocketAddr),
    /// It is closed: what was counted.
    Facts(Box<StrandFacts>),
}

/// What was counted on one strand since it was opened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StrandFacts {
    /// Datagrams accepted from the far end, RTCP apart.
    pub packets_in: u64,
    /// Their octets, headers and all.
    pub octets_in: u64,
    /// Datagrams passed on to the far end, RTCP apart.
    pub packets_out: u64,
    /// Their octets.
    pub octets_out: u64,
    /// RTCP packets accepted from the far end.
    pub rtcp_in: u64,
    /// Datagrams from others than the far end.
    pub rejected: u64,
    /// Datagrams that are not of the strand's kind, or of a payload type that nobody announced.
    pub malformed: u64,
    /// Packets dropped under SRTP: forged, replayed, in clear, or under another key.
    pub unprotected: u64,
    /// Datagrams beyond [`StrandAim::bits_per_s`].
    pub excess: u64,
}

impl StrandFacts {
    /// In words, for a call's log.
    pub fn words(&self) -> String {
        let StrandFacts { packets_in, octets_in, packets_out, .. } = self;
        let mut words = format!("{packets_in} packets in ({octets_in} octets), {packets_out} out");
        for (count, what) in [
            (self.rejected, "from strangers"),
            (self.malformed, "malformed"),
            (self.unprotected, "not protected as agreed"),
            (self.excess, "beyond the limit of bits"),
        ] {
            if count > 0 {
                words.push_str(&format!(", {count} {what}"));
            }
        }
        words
    }
}
