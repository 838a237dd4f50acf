//! What the core asks of the data plane.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, LegId, PromptId, RecordingId, Time};
use crate::rtp::Format;

use super::say::Say;
use super::{FeedId, FeedRate, PromptLibrary, Secure, Strand, StrandAct};

/// One order. An order for a call or leg that does not exist (any more) is dropped without news, except that
/// [`Order::End`] is always answered with [`News::Ended`](super::News::Ended).
#[derive(Clone, Debug)]
pub enum Order {
    /// Take a pair of ports (RTP even, RTCP the odd one above: RFC 3550 §11) at `local` for a new leg.
    /// Answered by `Opened` or `NoPort`. A leg that is already open is answered with its address again.
    Open {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// The address to bind: the one that the leg's SDP will state.
        local: IpAddr,
    },
    /// Where the far end of the leg is and what was negotiated with it. Needed before the leg sends or accepts anything;
    /// sent again after every offer/answer exchange. An unchanged address keeps the source lock, another one relocks.
    Aim {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// Address, formats and directions.
        aim: Box<Aim>,
    },
    /// Play `sounds` to the leg, one after the other without a gap. Whatever plays to it already is stopped first
    /// (and reported). While it plays, nothing is relayed to the leg. Answered by `Played` when it ends.
    Play {
        /// Whose leg.
        call: CallId,
        /// Who listens.
        leg: LegId,
        /// The core's number for this order; comes back in `Played`.
        play: u32,
        /// What to play, at most [`bounds::SOUNDS`](crate::base::bounds::SOUNDS).
        sounds: Vec<Sound>,
        /// Start again at the end, until stopped.
        repeat: bool,
    },
    /// Stop what plays to the leg; `Played { whole: false }` follows if something did.
    Stop {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
    },
    /// Let two legs of a call hear each other. Each leaves whomever it was joined to, and what plays to either stops.
    Join {
        /// Whose legs.
        call: CallId,
        /// One of them.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Undo the join of this leg (and so of its peer).
    Part {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
    },
    /// Send keys to the leg: RFC 4733 events of 100 ms with 60 ms between where it has telephone-event, in-band tones
    /// otherwise. Characters other than `0-9 * # A-D` are skipped; `,` waits half a second.
    Keys {
        /// Whose leg.
        call: CallId,
        /// Who receives them.
        leg: LegId,
        /// At most [`bounds::KEYS`](crate::base::bounds::KEYS) of them; more are cut.
        keys: String,
    },
    /// Copy what the leg says into a recording. A leg that is copied `alone` is copied whenever it may be heard; while it is
    /// not joined, what the switch plays to it is copied to the other track. Others are copied while they are joined. Sent
    /// again, it changes track and manner.
    Tap {
        /// Whose leg.
        call: CallId,
        /// Into which recording.
        recording: RecordingId,
        /// The recording's zero: arrival times count from here.
        started: Time,
        /// Which leg.
        leg: LegId,
        /// 0: the caller's side; 1: the far side.
        track: u8,
        /// Whether it is copied while it is not joined too: the party that the switch itself talks to.
        alone: bool,
    },
    /// Stop copying every leg of this recording; what is gathered is handed on and the vault told that no more comes.
    Untap {
        /// Whose recording.
        call: CallId,
        /// Which recording.
        recording: RecordingId,
    },
    /// Take the leg into the mix of its call, or give it another role there. It leaves whomever it was joined to, and what
    /// plays to it stops. Legs meet in a mix only within one call: a party of another call is brought in by opening a leg
    /// of this one for it. Refused when the mix is locked, or when the leg has no format that can be decoded.
    Mix {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// What it is there.
        role: Role,
    },
    /// Take the leg out of the mix; it fades within 20 ms.
    Unmix {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
    },
    /// Let nobody new into the call's mix, or again.
    Lock {
        /// Whose mix.
        call: CallId,
        /// Whether it is locked.
        locked: bool,
    },
    /// Play `sounds` to all in the mix, the talk 12 dB below them. What was being announced is stopped. Answered by
    /// `Announced` when it ends; an empty list only stops.
    Announce {
        /// Whose mix.
        call: CallId,
        /// The core's number for this order; comes back in `Announced`.
        play: u32,
        /// What to play, at most [`bounds::SOUNDS`](crate::base::bounds::SOUNDS).
        sounds: Vec<Sound>,
    },
    /// Let nobody hear what the leg says, or again: in a mix and between two joined legs. Its keys are
    /// told and not passed on; its recording and its feeds go on.
    Mute {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// Whether it is muted.
        muted: bool,
    },
    /// Let a tone be heard in the place of the leg while it is muted; else nothing is.
    Bleep {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// A tone.
        on: bool,
    },
    /// Let what the leg says reach the others so much later, at most [`bounds::DELAY`](crate::base::bounds::DELAY), in
    /// steps of 20 ms. Its recording and its feeds are not delayed. Refused when the leg's formats cannot all be decoded.
    Delay {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// How much; zero ends it.
        delay: Duration,
    },
    /// Feed a subscriber with what the leg says ([`FeedPiece`](super::FeedPiece)), at most
    /// [`bounds::FEEDS`](crate::base::bounds::FEEDS) of them a leg; more are refused.
    Feed {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// The subscriber's number.
        feed: FeedId,
        /// At what rate.
        rate: FeedRate,
    },
    /// End a feed.
    Unfeed {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// The subscriber's number.
        feed: FeedId,
    },
    /// Do something about the video or the fax of a leg. Answered by [`News::Strand`](super::News::Strand), where at all.
    Strand {
        /// Whose leg.
        call: CallId,
        /// Which leg; it is open.
        leg: LegId,
        /// Which of its strands.
        strand: Strand,
        /// What.
        act: StrandAct,
    },
    /// Report `Facts` of every leg now, then `Reported`; that alone when there is no such call.
    Report {
        /// Whose legs.
        call: CallId,
    },
    /// Close a leg: its `Facts` follow, its ports go back to the pool.
    Close {
        /// Whose leg.
        call: CallId,
        /// Which leg.
        leg: LegId,
    },
    /// Close all legs of a call (each with its `Facts`), end its taps, then report `Ended`.
    End {
        /// Which call.
        call: CallId,
    },
    /// Replace the prompts for plays that start from now on. For all calls.
    Prompts(Arc<PromptLibrary>),
}

impl Order {
    /// The call that an order is for; `None` for those that are for all.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Order::Open { call, .. }
            | Order::Aim { call, .. }
            | Order::Play { call, .. }
            | Order::Stop { call, .. }
            | Order::Join { call, .. }
            | Order::Part { call, .. }
            | Order::Keys { call, .. }
            | Order::Tap { call, .. }
            | Order::Untap { call, .. }
            | Order::Mix { call, .. }
            | Order::Unmix { call, .. }
            | Order::Lock { call, .. }
            | Order::Announce { call, .. }
            | Order::Mute { call, .. }
            | Order::Bleep { call, .. }
            | Order::Delay { call, .. }
            | Order::Feed { call, .. }
            | Order::Unfeed { call, .. }
            | Order::Strand { call, .. }
            | Order::Report { call }
            | Order::Close { call, .. }
            | Order::End { call } => Some(*call),
            Order::Prompts(_) => None,
        }
    }
}

/// What a leg is in the mix of its call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Heard by all, hears all but itself: a party of a conference, or a supervisor who barges in.
    Party,
    /// Hears all, heard by nobody: a supervisor who listens.
    Listener,
    /// Hears all, heard by this leg alone: a supervisor who whispers to the agent.
    Whisper(LegId),
}

/// The far end of a leg, as SDP negotiated it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aim {
    /// Where its SDP says it receives RTP. An unspecified address or port 0 (a hold in the old notation) stops sending.
    pub rtp: SocketAddr,
    /// Where it receives RTCP: `None` is the RTP port plus one, equal to `rtp` is multiplexed (RFC 5761), else `a=rtcp`
    /// (RFC 3605).
    pub rtcp: Option<SocketAddr>,
    /// What was negotiated, in the order of preference: the first is what this switch sends of its own accord; payload
    /// types outside the list are dropped. At most [`bounds::FORMATS`](crate::base::bounds::FORMATS).
    pub formats: Vec<Format>,
    /// Telephone events as negotiated, if they were.
    pub telephone_event: Option<Format>,
    /// Whether the leg may be sent to (its SDP direction lets it receive).
    pub send: bool,
    /// Whether the leg is listened to (its SDP direction lets it send).
    pub receive: bool,
    /// Whom to take for the far end.
    pub trust: Trust,
    /// The keys of SRTP; `None`: in clear. With keys nothing in clear is sent or taken.
    pub secure: Option<Secure>,
}

/// Which source of packets is taken for the far end of a leg. Nobody else is heard and nobody else is sent to.
///
/// The core's rule: SDP and signalling show the same IP address → `Announced`; they differ and the signalling was
/// authenticated (a phone behind NAT) → `Signalled` with the address the signalling came from; else → `First`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Only the address and port that SDP announced.
    Announced,
    /// The announced address, or else the first port of this IP address that sends. The announced one wins if it speaks.
    Signalled(IpAddr),
    /// The first source that sends, whoever it is, until the announced one speaks. Only for peers known to be safe
    /// by other means.
    First,
}

/// Something that can be played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sound {
    /// A prompt of the library. One that the library lacks is skipped, and the play is reported as not whole.
    Prompt(PromptId),
    /// Music of the library, from where it has got to by now: all who hear it hear the same, and joining costs nothing.
    /// To be played alone and repeated. One that the library lacks is skipped like a prompt.
    Music(PromptId),
    /// Silence (packets are sent, so that the far end's clock runs on).
    Silence(Duration),
    /// A tone with its cadence, for one cadence (make the play repeat for more).
    Tone(Tone),
    /// A value, spoken in pieces of the library's set for its language. Pieces that the set lacks are skipped, and the play
    /// is reported as not whole.
    Say(Say),
}

/// Tones made by the switch, with the pitch and the cadence of the site's [`Country`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tone {
    /// It rings at the far end.
    RingBack,
    /// The far end is busy.
    Busy,
    /// No way through.
    Congestion,
    /// Another call waits.
    CallWaiting,
    /// A soft beep every ten seconds: you wait, and the line is there.
    Waiting,
    /// The special information tone (ITU-T E.180): three rising tones before an announcement.
    Special,
    /// 0.4 s of 1 400 Hz: speak after this.
    Beep,
    /// The same every 15 s, when repeated: this call is recorded.
    Recording,
}

impl Tone {
    /// All of them.
    pub const ALL: [Tone; 8] = [
        Tone::RingBack,
        Tone::Busy,
        Tone::Congestion,
        Tone::CallWaiting,
        Tone::Waiting,
        Tone::Special,
        Tone::Beep,
        Tone::Recording,
    ];
}

/// Whose tones are made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Country {
    /// 450 Hz: YD/T 965 and GB/T 3380.
    #[default]
    China,
    /// Pairs of tones: the precise tone plan.
    UnitedStates,
    /// 425 Hz: ETSI TR 101 041.
    Europe,
}

impl Country {
    /// All of them.
    pub const ALL: [Country; 3] = [Country::China, Country::UnitedStates, Country::Europe];
}
