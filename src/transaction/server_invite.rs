//! INVITE server transaction: the figure of RFC 3261 §17.2.1, as RFC 6026 §8.5 and §8.7 correct it.
//!
//! Invariant: entering a state clears the timers of the state before; a transport that fails never ends the transaction
//! (RFC 6026 §8.8): its timers do, and its user is told.

use super::Timer;
use super::figure::{Act, Event};

/// Where the transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The user has not decided.
    Proceeding,
    /// The user accepted; retransmitted INVITEs are absorbed, ACKs pass up.
    Accepted,
    /// The user refused; the refusal is repeated until the ACK.
    Completed,
    /// The ACK came; its retransmissions are absorbed.
    Confirmed,
    /// Over.
    Terminated,
}

use Event::*;
use State::*;

/// The figure: one event in one state.
pub const fn step(state: State, event: Event) -> (State, &'static [Act]) {
    match (state, event) {
        (Proceeding, Request) => (Proceeding, &[Act::Resend]),
        (Proceeding, Rings(Timer::Trying)) => (Proceeding, &[Act::SendTrying]),
        (Proceeding, Provisional) => (Proceeding, &[Act::Send]),
        (Proceeding | Accepted, Success) => (Accepted, &[Act::Send]),
        (Proceeding, Failure) => (Completed, &[Act::Send]),
        (Proceeding | Accepted | Completed, TransportError) => (state, &[Act::Unreachable]),
        (Accepted, Ack) => (Accepted, &[Act::Pass]),
        (Accepted, Rings(Timer::L)) => (Terminated, &[]),
        (Completed, Request | Rings(Timer::G)) => (Completed, &[Act::Resend]),
        (Completed, Rings(Timer::H)) => (Terminated, &[Act::TimedOut]),
        (Completed, Ack) => (Confirmed, &[]),
        (Confirmed, Rings(Timer::I)) => (Terminated, &[]),
        (stay, _) => (stay, &[]),
    }
}

/// The timers that are set on entering `state`.
pub const fn timers(state: State) -> &'static [Timer] {
    match state {
        Proceeding => &[Timer::Trying],
        Accepted => &[Timer::L],
        Completed => &[Timer::G, Timer::H],
        Confirmed => &[Timer::I],
        Terminated => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::figure;

    const STATES: [State; 5] = [Proceeding, Accepted, Completed, Confirmed, Terminated];
    const EVENTS: [Event; 11] = [
        Request,
        Provisional,
        Success,
        Failure,
        Ack,
        Rings(Timer::Trying),
        Rings(Timer::G),
        Rings(Timer::H),
        Rings(Timer::I),
        Rings(Timer::L),
        TransportError,
    ];

    #[test]
    fn follows_the_figure() {
        use Act::{Pass, Resend, Send, SendTrying, TimedOut, Unreachable};
        for (from, event, to, acts) in [
            (Proceeding, Request, Proceeding, &[Resend][..]),
            (Proceeding, Rings(Timer::Trying), Proceeding, &[SendTrying]),
            (Proceeding, Provisional, Proceeding, &[Send]),
            (Proceeding, Success, Accepted, &[Send]),
            (Proceeding, Failure, Completed, &[Send]),
            (Proceeding, TransportError, Proceeding, &[Unreachable]),
            (Accepted, Request, Accepted, &[]),
            (Accepted, Success, Accepted, &[Send]),
            (Accepted, Failure, Accepted, &[]),
            (Accepted, Ack, Accepted, &[Pass]),
            (Accepted, Rings(Timer::L), Terminated, &[]),
            (Completed, Request, Completed, &[Resend]),
            (Completed, Rings(Timer::G), Completed, &[Resend]),
            (Completed, Rings(Timer::H), Terminated, &[TimedOut]),
            (Completed, Success, Completed, &[]),
            (Completed, Ack, Confirmed, &[]),
            (Completed, TransportError, Completed, &[Unreachable]),
            (Confirmed, Ack, Confirmed, &[]),
            (Confirmed, Request, Confirmed, &[]),
            (Confirmed, Rings(Timer::I), Terminated, &[]),
        ] {
            assert_eq!(step(from, event), (to, acts), "{from:?} --{event:?}-->");
        }
    }

    #[test]
    fn every_cell_is_as_printed() {
        expect_test::expect_file!["golden/server_invite.txt"]
            .assert_eq(&figure::listing(&STATES, &EVENTS, step, timers));
    }
}
