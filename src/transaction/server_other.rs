//! Non-INVITE server transaction: the figure of RFC 3261 §17.2.2, with RFC 4320 in mind.
//!
//! Invariant: entering a state clears the timers of the state before, except that `Silent` runs on from Trying into Proceeding.

use super::Timer;
use super::figure::{Act, Event};

/// Where the transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The user has said nothing.
    Trying,
    /// The user sent a provisional response.
    Proceeding,
    /// The user answered; the answer is repeated to retransmitted requests.
    Completed,
    /// Over.
    Terminated,
}

use Event::*;
use State::*;

/// The figure: one event in one state.
pub const fn step(state: State, event: Event) -> (State, &'static [Act]) {
    match (state, event) {
        (Trying | Proceeding, Provisional) => (Proceeding, &[Act::Send]),
        (Trying | Proceeding, Success | Failure) => (Completed, &[Act::Send]),
        // DEVIATES: not in the RFC's figure. After 64 × T1 the peer has given up and a late answer only does harm
        // (RFC 4320 §4.2), so a user that forgot to answer leaves nothing behind.
        (Trying | Proceeding, Rings(Timer::Silent)) => (Terminated, &[Act::TimedOut]),
        (Proceeding | Completed, Request) => (state, &[Act::Resend]),
        (Proceeding | Completed, TransportError) => (Terminated, &[Act::Unreachable]),
        (Completed, Rings(Timer::J)) => (Terminated, &[]),
        (stay, _) => (stay, &[]),
    }
}

/// The timers that belong to `state`.
pub const fn timers(state: State) -> &'static [Timer] {
    match state {
        Trying | Proceeding => &[Timer::Silent],
        Completed => &[Timer::J],
        Terminated => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::figure;

    const STATES: [State; 4] = [Trying, Proceeding, Completed, Terminated];
    const EVENTS: [Event; 6] =
        [Request, Provisional, Failure, Rings(Timer::Silent), Rings(Timer::J), TransportError];

    #[test]
    fn follows_the_figure() {
        use Act::*;
        for (from, event, to, acts) in [
            (Trying, Request, Trying, &[][..]),
            (Trying, Provisional, Proceeding, &[Send]),
            (Trying, Failure, Completed, &[Send]),
            (Trying, Rings(Timer::Silent), Terminated, &[TimedOut]),
            (Proceeding, Request, Proceeding, &[Resend]),
            (Proceeding, Provisional, Proceeding, &[Send]),
            (Proceeding, Failure, Completed, &[Send]),
            (Proceeding, TransportError, Terminated, &[Unreachable]),
            (Completed, Request, Completed, &[Resend]),
            (Completed, Failure, Completed, &[]),
            (Completed, Rings(Timer::J), Terminated, &[]),
            (Completed, TransportError, Terminated, &[Unreachable]),
        ] {
            assert_eq!(step(from, event), (to, acts), "{from:?} --{event:?}-->");
        }
    }

    #[test]
    fn every_cell_is_as_printed() {
        expect_test::expect_file!["golden/server_other.txt"]
            .assert_eq(&figure::listing(&STATES, &EVENTS, step, timers));
    }
}
