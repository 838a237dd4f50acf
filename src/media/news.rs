//! What the data plane reports to the core.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{CallId, LegId};
use crate::rtp::Codec;

use super::{Strand, StrandNews};

/// One report. News of one call come in the order in which they happened.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// The leg has its ports. RTCP is the port above, unless the far end multiplexes.
    Opened {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// The RTP address to write into SDP.
        local: SocketAddr,
    },
    /// There is no free pair of ports at the address asked for (or the bound on legs is reached); the leg does not exist.
    NoPort {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
    },
    /// The first packet from the leg's far end since it was aimed at this address; its source is locked to `from`.
    Heard {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// Where it came from.
        from: SocketAddr,
    },
    /// The far end pressed a key (once for each press, however many packets told of it).
    Key {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// `0-9`, `*`, `#`, `A-D`, or `!` for a hook flash.
        key: char,
    },
    /// A play ended.
    Played {
        /// Whose leg.
        call: CallId,
        /// Who listened.
        leg: LegId,
        /// The core's number of the order.
        play: u32,
        /// False when it was stopped or replaced, when a prompt was missing, or when the leg has no format that the
        /// plane can produce.
        whole: bool,
    },
    /// An announcement to the call's mix ended.
    Announced {
        /// Whose mix.
        call: CallId,
        /// The core's number of the order.
        play: u32,
        /// False when it was stopped or replaced, when a prompt was missing, or when there is no mix.
        whole: bool,
    },
    /// An order was not carried out: the mix is locked, the leg's sound cannot be decoded or made, or there are too many.
    Refused {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
    },
    /// Nothing (neither RTP nor RTCP) came from the far end for this long though the leg is listened to; repeated every
    /// [`bounds::QUIET`](crate::base::bounds::QUIET) while that lasts.
    Quiet {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// How long by now.
        lasting: Duration,
    },
    /// Sound goes one way: nothing comes from this leg, to which somebody speaks. Told once; not of phones that were silent with
    /// comfort noise.
    OneWay {
        /// Whose leg.
        call: CallId,
        /// From which nothing comes.
        leg: LegId,
        /// For how long by now.
        lasting: Duration,
    },
    /// Sound comes from the leg again.
    BothWays {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// For how long nothing came.
        lasted: Duration,
    },
    /// The facts of every leg of the call, as asked for by `Report`, have been told.
    Reported {
        /// Which call.
        call: CallId,
    },
    /// What was counted on a leg: when it closes, and when asked for.
    Facts {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// The counts.
        facts: Box<LegFacts>,
        /// Whether the leg is closed: they change no more.
        over: bool,
    },
    /// Of the video or the fax of a leg.
    Strand {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// Which of its strands.
        strand: Strand,
        /// What of it.
        news: StrandNews,
    },
    /// All legs of the call are closed and its ports returned. The last news of a call.
    Ended {
        /// Which call.
        call: CallId,
    },
    /// The core read too slowly: this many news were dropped for want of room. Calls may wait for news that never come;
    /// their own time limits end them.
    Missed {
        /// How many.
        news: u64,
    },
}

impl News {
    /// The call that news are about; `None` for those about the plane.
    pub fn call(&self) -> Option<CallId> {
        match self {
            News::Opened { call, .. }
            | News::NoPort { call, .. }
            | News::Heard { call, .. }
            | News::Key { call, .. }
            | News::Played { call, .. }
            | News::Announced { call, .. }
            | News::Refused { call, .. }
            | News::Quiet { call, .. }
            | News::OneWay { call, .. }
            | News::BothWays { call, .. }
            | News::Reported { call }
            | News::Facts { call, .. }
            | News::Strand { call, .. }
            | News::Ended { call } => Some(*call),
            News::Missed { .. } => None,
        }
    }
}

/// What was counted on one leg since it was opened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LegFacts {
    /// RTP packets accepted from the far end.
    pub packets_in: u64,
    /// Octets of their payloads.
    pub octets_in: u64,
    /// RTP packets sent to the far end.
    pub packets_out: u64,
    /// Octets of their payloads.
    pub octets_out: u64,
    /// Packets that never came, by sequence numbers (RFC 3550 A.3; duplicates may bring it down, never below 0).
    pub lost: u64,
    /// Interarrival jitter at the end, microseconds (RFC 3550 §6.4.1).
    pub jitter_us: u32,
    /// The largest value that the jitter took, microseconds.
    pub jitter_most_us: u32,
    /// Packets from sources other than the far end (forged, stray, or late from before a relock). Those that the
    /// kernel refuses on a connected socket are not seen and not counted.
    pub rejected: u64,
    /// Datagrams that are neither RTP nor RTCP.
    pub malformed: u64,
    /// Packets dropped because their payload type was not negotiated, or the other side has no format for them.
    pub unusable: u64,
    /// Packets dropped under SRTP: forged, replayed, in clear, or under another key.
    pub unprotected: u64,
    /// RTCP packets accepted from the far end.
    pub rtcp_in: u64,
    /// RTCP packets of our own, sent to it.
    pub rtcp_out: u64,
    /// What the far end says that it lost of what it was sent (RFC 3550 §6.4.1); `None`: it has not reported.
    pub far_lost: Option<u32>,
    /// The jitter that it says it measures, microseconds.
    pub far_jitter_us: Option<u32>,
    /// To the far end and back, without what it held our report; microseconds.
    pub round_trip_us: Option<u32>,
    /// The estimated opinion (MOS) of what comes from the far end, in hundredths: 100 to 441.
    pub mos_in: Option<u16>,
    /// The same of what it hears; only where it reports.
    pub mos_out: Option<u16>,
    /// For how long the far end heard its peer and was not heard itself, milliseconds.
    pub one_way_ms: u32,
    /// Key presses reported.
    pub keys: u64,
    /// The codec last received.
    pub codec_in: Option<Codec>,
    /// The codec last sent.
    pub codec_out: Option<Codec>,
    /// The source that the leg is locked to.
    pub from: Option<SocketAddr>,
}
