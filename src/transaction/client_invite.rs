//! INVITE client transaction: the figure of RFC 3261 §17.1.1, as RFC 6026 §8.4 corrects it.
//!
//! Invariant: entering a state clears the timers of the state before; `Terminated` has none and hears nothing.

use super::Timer;
use super::figure::{Act, Event};

/// Where the transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The INVITE is out; nothing came back.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx came; more of them, and those of other forks, pass up.
    Accepted,
    /// A failure came and was acknowledged; its retransmissions are acknowledged again.
    Completed,
    /// Over.
    Terminated,
}

use Event::*;
use State::*;

/// The figure: one event in one state.
pub const fn step(state: State, event: Event) -> (State, &'static [Act]) {
    match (state, event) {
        (Calling, Rings(Timer::A)) => (Calling, &[Act::Resend]),
        (Calling, Rings(Timer::B)) => (Terminated, &[Act::TimedOut]),
        (Calling | Proceeding, Provisional) => (Proceeding, &[Act::Pass]),
        (Calling | Proceeding, Success) => (Accepted, &[Act::Pass]),
        (Calling | Proceeding, Failure) => (Completed, &[Act::SendAck, Act::Pass]),
        (Proceeding, Rings(Timer::C)) => (Proceeding, &[Act::SendCancel]),
        (Proceeding, Rings(Timer::Cancel)) => (Terminated, &[Act::TimedOut]),
        // DEVIATES: the RFC's figure has no such arrow out of Proceeding. A phone behind NAT or on a stream is reached over
        // this flow alone, so neither its answer nor our CANCEL can come through any more.
        (Calling | Proceeding | Completed, TransportError) => (Terminated, &[Act::Unreachable]),
        (Accepted, Success) => (Accepted, &[Act::Pass]),
        (Accepted, Rings(Timer::M)) => (Terminated, &[]),
        (Completed, Failure) => (Completed, &[Act::SendAck]),
        (Completed, Rings(Timer::D)) => (Terminated, &[]),
        (stay, _) => (stay, &[]),
    }
}

/// The timers that are set on entering `state`.
pub const fn timers(state: State) -> &'static [Timer] {
    match state {
        Calling => &[Timer::A, Timer::B],
        Proceeding => &[Timer::C],
        Accepted => &[Timer::M],
        Completed => &[Timer::D],
        Terminated => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::figure;

    const STATES: [State; 5] = [Calling, Proceeding, Accepted, Completed, Terminated];
    const EVENTS: [Event; 10] = [
        Provisional,
        Success,
        Failure,
        Rings(Timer::A),
        Rings(Timer::B),
        Rings(Timer::C),
        Rings(Timer::D),
        Rings(Timer::M),
        Rings(Timer::Cancel),
        TransportError,
    ];

    #[test]
    fn follows_the_figure() {
        use Act::*;
        for (from, event, to, acts) in [
            (Calling, Rings(Timer::A), Calling, &[Resend][..]),
            (Calling, Rings(Timer::B), Terminated, &[TimedOut]),
            (Calling, TransportError, Terminated, &[Unreachable]),
            (Calling, Provisional, Proceeding, &[Pass]),
            (Calling, Success, Accepted, &[Pass]),
            (Calling, Failure, Completed, &[SendAck, Pass]),
            (Proceeding, Provisional, Proceeding, &[Pass]),
            (Proceeding, Success, Accepted, &[Pass]),
            (Proceeding, Failure, Completed, &[SendAck, Pass]),
            (Proceeding, Rings(Timer::A), Proceeding, &[]),
            (Accepted, Success, Accepted, &[Pass]),
            (Accepted, Failure, Accepted, &[]),
            (Accepted, Rings(Timer::M), Terminated, &[]),
            (Completed, Failure, Completed, &[SendAck]),
            (Completed, Success, Completed, &[]),
            (Completed, Rings(Timer::D), Terminated, &[]),
            (Completed, TransportError, Terminated, &[Unreachable]),
        ] {
            assert_eq!(step(from, event), (to, acts), "{from:?} --{event:?}-->");
        }
    }

    #[test]
    fn every_cell_is_as_printed() {
        expect_test::expect_file!["golden/client_invite.txt"]
            .assert_eq(&figure::listing(&STATES, &EVENTS, step, timers));
    }
}
