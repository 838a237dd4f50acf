//! Non-INVITE client transaction: the figure of RFC 3261 §17.1.2.
//!
//! Invariant: entering a state clears the timers of the state before, except that E and F run on from Trying into Proceeding.

use super::Timer;
use super::figure::{Act, Event};

/// Where the transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The request is out; nothing came back.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// A final response came; its retransmissions are absorbed.
    Completed,
    /// Over.
    Terminated,
}

use Event::*;
use State::*;

/// The figure: one event in one state.
pub const fn step(state: State, event: Event) -> (State, &'static [Act]) {
    match (state, event) {
        (Trying | Proceeding, Rings(Timer::E)) => (state, &[Act::Resend]),
        (Trying | Proceeding, Rings(Timer::F)) => (Terminated, &[Act::TimedOut]),
        (Trying | Proceeding, TransportError) => (Terminated, &[Act::Unreachable]),
        (Trying | Proceeding, Provisional) => (Proceeding, &[Act::Pass]),
        (Trying | Proceeding, Success | Failure) => (Completed, &[Act::Pass]),
        (Completed, Rings(Timer::K)) => (Terminated, &[]),
        (stay, _) => (stay, &[]),
    }
}

/// The timers that belong to `state`.
pub const fn timers(state: State) -> &'static [Timer] {
    match state {
        Trying | Proceeding => &[Timer::E, Timer::F],
        Completed => &[Timer::K],
        Terminated => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::figure;

    const STATES: [State; 4] = [Trying, Proceeding, Completed, Terminated];
    const EVENTS: [Event; 6] =
        [Provisional, Failure, Rings(Timer::E), Rings(Timer::F), Rings(Timer::K), TransportError];

    #[test]
    fn follows_the_figure() {
        use Act::*;
        for (from, event, to, acts) in [
            (Trying, Rings(Timer::E), Trying, &[Resend][..]),
            (Trying, Rings(Timer::F), Terminated, &[TimedOut]),
            (Trying, TransportError, Terminated, &[Unreachable]),
            (Trying, Provisional, Proceeding, &[Pass]),
            (Trying, Failure, Completed, &[Pass]),
            (Proceeding, Rings(Timer::E), Proceeding, &[Resend]),
            (Proceeding, Rings(Timer::F), Terminated, &[TimedOut]),
            (Proceeding, TransportError, Terminated, &[Unreachable]),
            (Proceeding, Provisional, Proceeding, &[Pass]),
            (Proceeding, Failure, Completed, &[Pass]),
            (Completed, Failure, Completed, &[]),
            (Completed, Rings(Timer::K), Terminated, &[]),
        ] {
            assert_eq!(step(from, event), (to, acts), "{from:?} --{event:?}-->");
        }
    }

    #[test]
    fn every_cell_is_as_printed() {
        expect_test::expect_file!["golden/client_other.txt"]
            .assert_eq(&figure::listing(&STATES, &EVENTS, step, timers));
    }
}
