//! Offer and answer over INVITE, PRACK and UPDATE: who owes what (RFC 3264 §4, RFC 3261 §13.2.1 and §14, RFC 3262 §5, RFC 3311 §5,
//! RFC 6337 §2).
//!
//! One INVITE at a time, in either direction; an offer rides in it or, if it has none, in the first reliable answer to it. Once that
//! is settled, and in a session without an open INVITE, PRACK and UPDATE may carry further ones. [`step`] is the figure.
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
    /// 1xx to it, sent reliably (RFC 3262).
    Reliable,
    /// The PRACK of such a 1xx.
    Prack,
    /// 2xx to that PRACK.
    PrackSuccess,
    /// 2xx to it.
    Success,
    /// 3xx to 6xx to it, or no answer at all.
    Failure,
    /// The ACK of the 2xx.
    Ack,
    /// UPDATE (RFC 3311).
    Update,
    /// 2xx to it.
    UpdateSuccess,
    /// 3xx to 6xx to it, or no answer at all.
    UpdateFailure,
}

/// Where the exchange stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing is open.
    Stable,
    /// This side's INVITE holds the offer; the other owes the answer in its 2xx.
    Offered(Side),
    /// This side's INVITE holds no offer; the other owes one in its 2xx or in a reliable 1xx.
    Asked(Side),
    /// This side's INVITE held no offer; a reliable 1xx did, and this side owes the answer in the PRACK.
    Early(Side),
    /// This side's INVITE has no final response yet; offer and answer are settled.
    Agreed(Side),
    /// As `Agreed` for the first side; the second side's UPDATE or PRACK holds another offer.
    Revised(Side, Side),
    /// This side's INVITE held no offer; the 2xx did, and this side owes the answer in its ACK.
    Countered(Side),
    /// This side's INVITE is answered; only its ACK is missing.
    Acking(Side),
    /// No INVITE is open; this side's UPDATE holds an offer.
    Updating(Side),
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

/// An INVITE or an offer came while another is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Glare {
    /// Both sides invite or offer at once: 491 to theirs; ours has to wait ([`glare_wait`]).
    #[error("both sides invite or offer at once")]
    Both,
    /// The same side does so twice: 500 with Retry-After of 0 to 10 s (RFC 3261 §14.2, RFC 3311 §5.2).
    #[error("another INVITE or offer of the same side is open")]
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
/// [`Glare`] for an INVITE, or an offer in an UPDATE, while another is open; the state stays.
pub const fn step(state: State, side: Side, carrier: Carrier, sdp: bool) -> Result<(State, Sense), Glare> {
    Ok(match (state, carrier, sdp) {
        (Stable, Invite, true) => (Offered(side), Sense::Offer),
        (Stable, Invite, false) => (Asked(side), Sense::Nothing),
        (Offered(by) | Asked(by) | Early(by) | Agreed(by) | Revised(by, _), Invite, _) => {
            return Err(if by.is(side) { Glare::Twice } else { Glare::Both });
        }
        (Updating(by), Invite, true) => return Err(if by.is(side) { Glare::Twice } else { Glare::Both }),
        (Countered(_) | Acking(_) | Updating(_), Invite, _) => return Err(Glare::Both),
        (Offered(by), Provisional, true) if !by.is(side) => (state, Sense::Preview),
        (Offered(by), Reliable, true) if !by.is(side) => (Agreed(by), Sense::Answer),
        (Asked(by), Reliable, true) if !by.is(side) => (Early(by), Sense::Offer),
        (Asked(by), Reliable, false) if !by.is(side) => (state, Sense::Missing),
        (Early(by), Prack, true) if by.is(side) => (Agreed(by), Sense::Answer),
        (Early(by), Prack, false) if by.is(side) => (Agreed(by), Sense::Missing),
        (Agreed(by), Prack, true) if by.is(side) => (Revised(by, side), Sense::Offer),
        (Offered(by), Success, true) if !by.is(side) => (Acking(by), Sense::Answer),
        (Offered(by) | Asked(by), Success, false) if !by.is(side) => (Acking(by), Sense::Missing),
        (Asked(by), Success, true) if !by.is(side) => (Countered(by), Sense::Offer),
        (Early(by) | Agreed(by) | Revised(by, _), Success, _) if !by.is(side) => (Acking(by), Sense::Nothing),
        (Offered(by) | Asked(by) | Early(by) | Agreed(by) | Revised(by, _), Failure, _) if !by.is(side) => {
            (Stable, Sense::Nothing)
        }
        (Countered(by), Ack, true) if by.is(side) => (Stable, Sense::Answer),
        (Countered(by), Ack, false) if by.is(side) => (Stable, Sense::Missing),
        (Acking(by), Ack, _) if by.is(side) => (Stable, Sense::Nothing),
        (Stable, Update, true) => (Updating(side), Sense::Offer),
        (Agreed(by), Update, true) => (Revised(by, side), Sense::Offer),
        (Offered(by) | Early(by) | Updating(by) | Revised(_, by), Update, true) => {
            return Err(if by.is(side) { Glare::Twice } else { Glare::Both });
        }
        (Asked(by) | Countered(by), Update, true) => {
            return Err(if by.is(side) { Glare::Both } else { Glare::Twice });
        }
        // The ACK may be on its way still, or lost; the session that it confirms is agreed.
        (Acking(_), Update, true) => (Updating(side), Sense::Offer),
        (Revised(by, to), PrackSuccess | UpdateSuccess, true) if !to.is(side) => (Agreed(by), Sense::Answer),
        (Revised(by, to), PrackSuccess | UpdateSuccess, false) if !to.is(side) => {
            (Agreed(by), Sense::Missing)
        }
        (Revised(by, to), UpdateFailure, _) if !to.is(side) => (Agreed(by), Sense::Nothing),
        (Updating(by), UpdateSuccess, true) if !by.is(side) => (Stable, Sense::Answer),
        (Updating(by), UpdateSuccess, false) if !by.is(side) => (Stable, Sense::Missing),
        (Updating(by), UpdateFailure, _) if !by.is(side) => (Stable, Sense::Nothing),
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
    /// [`Glare`] for an INVITE, or an offer in an UPDATE, while another is open.
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
            Offered(by) | Asked(by) | Revised(_, by) | Updating(by) => Some(by.other()),
            Countered(by) | Early(by) => Some(by),
            Stable | Agreed(_) | Acking(_) => None,
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

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::Side::*;
    use super::*;

    const CARRIERS: [Carrier; 11] = [
        Invite,
        Provisional,
        Reliable,
        Prack,
        PrackSuccess,
        Success,
        Failure,
        Ack,
        Update,
        UpdateSuccess,
        UpdateFailure,
    ];

    /// The six exchanges of RFC 6337 table 1 and what may go wrong with them, from both sides.
    #[test]
    fn exchanges_go_as_the_table_says() {
        use Sense::*;
        for by in [Ours, Theirs] {
            let to = by.other();
            for (name, messages) in [
                (
                    "offer in INVITE",
                    &[(by, Invite, true, Offer), (to, Success, true, Answer), (by, Ack, false, Nothing)][..],
                ),
                (
                    "with early media",
                    &[
                        (by, Invite, true, Offer),
                        (to, Provisional, false, Nothing),
                        (to, Provisional, true, Preview),
                        (to, Provisional, true, Preview),
                        (to, Success, true, Answer),
                        (to, Success, true, Nothing),
                        (by, Ack, false, Nothing),
                    ],
                ),
                (
                    "offer in 2xx",
                    &[
                        (by, Invite, false, Nothing),
                        (to, Provisional, true, Nothing),
                        (to, Success, true, Offer),
                        (by, Ack, true, Answer),
                    ],
                ),
                ("refused", &[(by, Invite, true, Offer), (to, Failure, false, Nothing)]),
                (
                    "no answer",
                    &[(by, Invite, true, Offer), (to, Success, false, Missing), (by, Ack, false, Nothing)],
                ),
                (
                    "no offer",
                    &[(by, Invite, false, Nothing), (to, Success, false, Missing), (by, Ack, false, Nothing)],
                ),
                (
                    "answer in a reliable 1xx, another offer in UPDATE",
                    &[
                        (by, Invite, true, Offer),
                        (to, Reliable, true, Answer),
                        (by, Prack, false, Nothing),
                        (to, PrackSuccess, false, Nothing),
                        (to, Update, true, Offer),
                        (by, UpdateSuccess, true, Answer),
                        (to, Success, true, Nothing),
                        (by, Ack, false, Nothing),
                    ],
                ),
                (
                    "offer in a reliable 1xx, answer in PRACK",
                    &[
                        (by, Invite, false, Nothing),
                        (to, Reliable, true, Offer),
                        (by, Prack, true, Answer),
                        (to, Success, false, Nothing),
                        (by, Ack, false, Nothing),
                    ],
                ),
                (
                    "another offer in PRACK",
                    &[
                        (by, Invite, true, Offer),
                        (to, Reliable, true, Answer),
                        (by, Prack, true, Offer),
                        (to, PrackSuccess, true, Answer),
                        (to, Failure, false, Nothing),
                    ],
                ),
                ("UPDATE", &[(by, Update, true, Offer), (to, UpdateSuccess, true, Answer)]),
                ("UPDATE refused", &[(by, Update, true, Offer), (to, UpdateFailure, false, Nothing)]),
                (
                    "UPDATE without an offer",
                    &[(by, Update, false, Nothing), (to, UpdateSuccess, false, Nothing)],
                ),
                (
                    "no answer in ACK",
                    &[(by, Invite, false, Nothing), (to, Success, true, Offer), (by, Ack, false, Missing)],
                ),
            ] {
                let mut exchange = OfferAnswer::new();
                for (side, carrier, sdp, sense) in messages {
                    assert_eq!(
                        exchange.on(*side, *carrier, *sdp),
                        Ok(*sense),
                        "{name} by {by:?}: {carrier:?} {sdp}"
                    );
                }
                assert!(exchange.may_invite(), "{name} by {by:?}");
            }
        }
    }

    #[test]
    fn a_second_invite_is_refused_while_one_is_open() {
        for (before, side, glare) in [
            (&[(Ours, Invite)][..], Theirs, Glare::Both),
            (&[(Theirs, Invite)], Theirs, Glare::Twice),
            (&[(Theirs, Invite), (Ours, Success)], Theirs, Glare::Both),
            (&[(Ours, Invite), (Theirs, Success)], Theirs, Glare::Both),
            (&[(Ours, Update)], Theirs, Glare::Both),
            (&[(Theirs, Invite), (Ours, Reliable)], Theirs, Glare::Twice),
        ] {
            let mut exchange = OfferAnswer::new();
            for (side, carrier) in before {
                exchange.on(*side, *carrier, true).expect("in order");
            }
            let stays = exchange.state();
            assert!(!exchange.may_invite());
            assert_eq!(exchange.on(side, Invite, true), Err(glare), "{before:?}");
            assert_eq!(exchange.state(), stays);
        }
        assert_eq!((Glare::Both.status(), Glare::Twice.status()), (491, 500));
    }

    #[test]
    fn a_second_offer_in_update_is_refused_while_one_is_open() {
        for (before, side, glare) in [
            (&[(Ours, Update)][..], Theirs, Glare::Both),
            (&[(Theirs, Update)], Theirs, Glare::Twice),
            (&[(Ours, Invite)], Theirs, Glare::Both),
            (&[(Theirs, Invite)], Theirs, Glare::Twice),
            (&[(Theirs, Invite), (Ours, Reliable), (Ours, Update)], Theirs, Glare::Both),
        ] {
            let mut exchange = OfferAnswer::new();
            for (side, carrier) in before {
                exchange.on(*side, *carrier, true).expect("in order");
            }
            let stays = exchange.state();
            assert_eq!(exchange.on(side, Update, true), Err(glare), "{before:?}");
            assert_eq!(exchange.on(side, Update, false), Ok(Sense::Nothing), "{before:?}");
            assert_eq!(exchange.state(), stays);
        }
    }

    #[test]
    fn it_is_known_who_owes() {
        let mut exchange = OfferAnswer::new();
        assert_eq!(exchange.owed_by(), None);
        exchange.on(Theirs, Invite, false).expect("stable");
        assert_eq!(exchange.owed_by(), Some(Ours));
        exchange.on(Ours, Success, true).expect("asked");
        assert_eq!(exchange.owed_by(), Some(Theirs));
        exchange.on(Theirs, Ack, true).expect("countered");
        assert_eq!(exchange.owed_by(), None);
    }

    #[test]
    fn every_cell_is_as_printed() {
        let mut text = String::new();
        for state in [
            Stable,
            Offered(Ours),
            Asked(Ours),
            Early(Ours),
            Agreed(Ours),
            Revised(Ours, Ours),
            Revised(Ours, Theirs),
            Countered(Ours),
            Acking(Ours),
            Updating(Ours),
        ] {
            let _ = writeln!(text, "{state:?}");
            for (side, carrier) in CARRIERS.iter().flat_map(|c| [(Ours, *c), (Theirs, *c)]) {
                let with = step(state, side, carrier, true);
                let without = step(state, side, carrier, false);
                let cell = format!("{side:?} {carrier:?}");
                let _ = writeln!(
                    text,
                    "  {cell:<20} with {:<38} without {}",
                    shown(state, with),
                    shown(state, without)
                );
            }
            text.push('\n');
        }
        expect_test::expect_file!["golden/offer.txt"].assert_eq(&text);
    }

    fn shown(from: State, cell: Result<(State, Sense), Glare>) -> String {
        match cell {
            Err(glare) => glare.status().to_string(),
            Ok((to, Sense::Nothing)) if to == from => "-".to_string(),
            Ok((to, sense)) => format!("{to:?} {sense:?}"),
        }
    }

    #[test]
    fn after_glare_the_owner_of_the_call_id_waits_longer() {
        let mut random = Random::from_number(1);
        let mut waits =
            |owner| (0..1_000).map(|_| glare_wait(owner, &mut random).as_millis()).collect::<Vec<_>>();
        let (owners, others) = (waits(true), waits(false));
        assert!(owners.iter().all(|ms| (2_100..=4_000).contains(ms) && ms % 10 == 0));
        assert!(others.iter().all(|ms| (0..=2_000).contains(ms) && ms % 10 == 0));
    }
}
