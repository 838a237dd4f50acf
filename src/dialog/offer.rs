//! Offer and answer over INVITE: who owes what (RFC 3264 §4, RFC 3261 §13.2.1 and §14, RFC 6337 §2).
//!
//! One INVITE at a time, in either direction; an offer rides in it or, if it has none, in its 2xx. [`step`] is the figure.
//! Invariant: an exchange that fails leaves the session as it was; a second offer is never taken while one is open.

use std::time::Duration;

use crate::base::Random;

/// Whose message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// We sent it.
    Ours,
    /// The peer sent it.
    Theirs,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Side {
        match self {
            Side::Ours => Side::Theirs,
            Side::Theirs => Side::Ours,
        }
    }

    const fn is(self, other: Side) -> bool {
        matches!((self, other), (Side::Ours, Side::Ours) | (Side::Theirs, Side::Theirs))
    }
}

/// What carries (or could carry) a session description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// INVITE or re-INVITE.
    Invite,
    /// 1xx to it, sent without reliability.
    Provisional,
    /// 2xx to it.
    Success,
    /// 3xx to 6xx to it, or no answer at all.
    Failure,
    /// The ACK of the 2xx.
    Ack,
}

/// Where the exchange stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing is open.
    Stable,
    /// This side's INVITE holds the offer; the other owes the answer in its 2xx.
    Offered(Side),
    /// This side's INVITE holds no offer; the other owes one in its 2xx.
    Asked(Side),
    /// This side's INVITE held no offer; the 2xx did, and this side owes the answer in its ACK.
    Countered(Side),
    /// This side's INVITE is answered; only its ACK is missing.
    Acking(Side),
}

/// What the message's description means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sense {
    /// Nothing, whether a description is there or not.
    Nothing,
    /// An offer: an answer is owed by whoever receives it.
    Offer,
    /// A foretaste of the answer, for early media; it may be repeated and may change.
    Preview,
    /// The answer: the session is as agreed.
    Answer,
    /// A description was owed and is not there: end the session (BYE), or answer the INVITE with a failure.
    Missing,
}

/// An INVITE came while another is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Glare {
    /// Both sides invite at once: 491 to theirs; ours has to wait ([`glare_wait`]).
    #[error("both sides invite at once")]
    Both,
    /// The same side invites twice: 500 with Retry-After of 0 to 10 s (RFC 3261 §14.2).
    #[error("another INVITE of the same side is open")]
    Twice,
}

impl Glare {
    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Glare::Both => 491,
            Glare::Twice => 500,
        }
    }
}

use Carrier::*;
use State::*;

/// The figure: `side` sends `carrier`, with a session description or without.
///
/// # Errors
/// [`Glare`] for an INVITE while another is open; the state stays.
pub const fn step(state: State, side: Side, carrier: Carrier, sdp: bool) -> Result<(State, Sense), Glare> {
    Ok(match (state, carrier, sdp) {
        (Stable, Invite, true) => (Offered(side), Sense::Offer),
        (Stable, Invite, false) => (Asked(side), Sense::Nothing),
        (Offered(by) | Asked(by) | Countered(by) | Acking(by), Invite, _) => {
            let unanswered = matches!(state, Offered(_) | Asked(_));
            return Err(if by.is(side) && unanswered { Glare::Twice } else { Glare::Both });
        }
        (Offered(by), Provisional, true) if !by.is(side) => (state, Sense::Preview),
        (Offered(by), Success, true) if !by.is(side) => (Acking(by), Sense::Answer),
        (Offered(by) | Asked(by), Success, false) if !by.is(side) => (Acking(by), Sense::Missing),
        (Asked(by), Success, true) if !by.is(side) => (Countered(by), Sense::Offer),
        (Offered(by) | Asked(by), Failure, _) if !by.is(side) => (Stable, Sense::Nothing),
        (Countered(by), Ack, true) if by.is(side) => (Stable, Sense::Answer),
        (Countered(by), Ack, false) if by.is(side) => (Stable, Sense::Missing),
        (Acking(by), Ack, _) if by.is(side) => (Stable, Sense::Nothing),
        _ => (state, Sense::Nothing),
    })
}

/// The exchange of one dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferAnswer {
    state: State,
}

impl OfferAnswer {
    /// Nothing is open.
    pub const fn new() -> OfferAnswer {
        OfferAnswer { state: Stable }
    }

    /// `side` sends (or is about to send) `carrier`, with a session description or without; says what the description means.
    ///
    /// # Errors
    /// [`Glare`] for an INVITE while another is open.
    pub fn on(&mut self, side: Side, carrier: Carrier, sdp: bool) -> Result<Sense, Glare> {
        let (state, sense) = step(self.state, side, carrier, sdp)?;
        self.state = state;
        Ok(sense)
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Who owes a session description.
    pub const fn owed_by(&self) -> Option<Side> {
        match self.state {
            Offered(by) | Asked(by) => Some(by.other()),
            Countered(by) => Some(by),
            Stable | Acking(_) => None,
        }
    }

    /// Whether we may send an INVITE now.
    pub const fn may_invite(&self) -> bool {
        matches!(self.state, Stable)
    }
}

impl Default for OfferAnswer {
    fn default() -> OfferAnswer {
        OfferAnswer::new()
    }
}

/// How long to wait after a 491 before inviting again: 2.1 to 4 s for the owner of the Call-ID, else 0 to 2 s, in steps of 10 ms
/// (RFC 3261 §14.1).
pub fn glare_wait(we_own_call_id: bool, random: &mut Random) -> Duration {
    let steps = if we_own_call_id { 210 + random.below(191) } else { random.below(201) };
    Duration::from_millis(steps * 10)
}
