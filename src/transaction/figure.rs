//! The four figures under one roof: what may happen to a transaction, what it then wants done, and which figure it follows.

use super::{Timer, client_invite, client_other, server_invite, server_other};

/// What happens to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Server: the request came again.
    Request,
    /// Server INVITE: an ACK with the INVITE's branch.
    Ack,
    /// 1xx: client, from the peer; server, from the user.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
    /// A timer rang.
    Rings(Timer),
    /// The flow under it is gone, or could not be written to.
    TransportError,
}

impl Event {
    /// The event that a response with `status` is.
    pub const fn of_status(status: u16) -> Event {
        match status {
            0..200 => Event::Provisional,
            200..300 => Event::Success,
            _ => Event::Failure,
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Server: send the response that the user gives.
    Send,
    /// Send the request, or the last response, again.
    Resend,
    /// Server INVITE: send 100 Trying.
    SendTrying,
    /// Client INVITE: send the ACK of a failure.
    SendAck,
    /// Client INVITE: send a CANCEL.
    SendCancel,
    /// Pass the message to the user.
    Pass,
    /// Tell the user that the peer stayed silent.
    TimedOut,
    /// Tell the user that the transport failed.
    Unreachable,
}

/// A transaction's place in its figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// RFC 3261 §17.1.1.
    ClientInvite(client_invite::State),
    /// RFC 3261 §17.1.2.
    ClientOther(client_other::State),
    /// RFC 3261 §17.2.1.
    ServerInvite(server_invite::State),
    /// RFC 3261 §17.2.2.
    ServerOther(server_other::State),
}

impl Figure {
    /// Where a client transaction begins.
    pub const fn client(is_invite: bool) -> Figure {
        match is_invite {
            true => Figure::ClientInvite(client_invite::State::Calling),
            false => Figure::ClientOther(client_other::State::Trying),
        }
    }

    /// Where a server transaction begins.
    pub const fn server(is_invite: bool) -> Figure {
        match is_invite {
            true => Figure::ServerInvite(server_invite::State::Proceeding),
            false => Figure::ServerOther(server_other::State::Trying),
        }
    }

    /// One step. A timer that rings at once over this transport is taken in the same step.
    pub fn step(self, event: Event, reliable: bool) -> (Figure, &'static [Act]) {
        let (next, acts) = self.draw(event);
        let at_once = |timer: &&Timer| timer.first(reliable) == Some(std::time::Duration::ZERO);
        match next.timers().iter().find(at_once) {
            Some(&timer) if next != self => {
                let (end, more) = next.draw(Event::Rings(timer));
                debug_assert!(more.is_empty(), "a timer that only waits does nothing else");
                (end, acts)
            }
            _ => (next, acts),
        }
    }

    const fn draw(self, event: Event) -> (Figure, &'static [Act]) {
        match self {
            Figure::ClientInvite(state) => {
                let (state, acts) = client_invite::step(state, event);
                (Figure::ClientInvite(state), acts)
            }
            Figure::ClientOther(state) => {
                let (state, acts) = client_other::step(state, event);
                (Figure::ClientOther(state), acts)
            }
            Figure::ServerInvite(state) => {
                let (state, acts) = server_invite::step(state, event);
                (Figure::ServerInvite(state), acts)
            }
            Figure::ServerOther(state) => {
                let (state, acts) = server_other::step(state, event);
                (Figure::ServerOther(state), acts)
            }
        }
    }

    /// The timers of this place.
    pub const fn timers(self) -> &'static [Timer] {
        match self {
            Figure::ClientInvite(state) => client_invite::timers(state),
            Figure::ClientOther(state) => client_other::timers(state),
            Figure::ServerInvite(state) => server_invite::timers(state),
            Figure::ServerOther(state) => server_other::timers(state),
        }
    }

    /// Whether the transaction is over.
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Figure::ClientInvite(client_invite::State::Terminated)
                | Figure::ClientOther(client_other::State::Terminated)
                | Figure::ServerInvite(server_invite::State::Terminated)
                | Figure::ServerOther(server_other::State::Terminated)
        )
    }

    /// Whether a client has heard a provisional response to a non-INVITE request (timer E then runs at T2).
    pub const fn is_calm(self) -> bool {
        matches!(self, Figure::ClientOther(client_other::State::Proceeding))
    }
}

/// Prints a figure: one paragraph a state (with its timers), one line an event: the next state and the acts.
#[cfg(test)]
pub fn listing<S: Copy + std::fmt::Debug + PartialEq>(
    states: &[S],
    events: &[Event],
    step: impl Fn(S, Event) -> (S, &'static [Act]),
    timers: impl Fn(S) -> &'static [Timer],
) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for &state in states {
        let _ = writeln!(text, "{state:?} {:?}", timers(state));
        for &event in events {
            let (to, acts) = step(state, event);
            let event = format!("{event:?}");
            let _ = match (to == state, acts.is_empty()) {
                (true, true) => writeln!(text, "  {event:<16} -"),
                (true, false) => writeln!(text, "  {event:<16} stays      {acts:?}"),
                (false, _) => writeln!(text, "  {event:<16} {:<10} {acts:?}", format!("{to:?}")),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every figure over streams, driven by every pair of events: what waits only for retransmissions ends at once.
    #[test]
    fn streams_skip_the_waiting_states() {
        let end = |start: Figure, events: &[Event]| {
            events.iter().fold(start, |figure, event| figure.step(*event, true).0)
        };
        assert!(end(Figure::client(true), &[Event::Failure]).is_over());
        assert!(end(Figure::client(false), &[Event::Success]).is_over());
        assert!(end(Figure::server(true), &[Event::Failure, Event::Ack]).is_over());
        assert!(end(Figure::server(false), &[Event::Failure]).is_over());
        assert!(!end(Figure::client(true), &[Event::Success]).is_over(), "other forks may still answer");
        assert!(!end(Figure::server(true), &[Event::Failure]).is_over(), "the ACK is still to come");
    }
}
