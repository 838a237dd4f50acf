//! The notifier's side of one subscription: RFC 6665 §4.2.2, with a pause between NOTIFYs that nobody asked for.
//!
//! Invariant: at most one NOTIFY of a subscription is out at any time, so that a later state never overtakes an earlier one; news
//! that comes meanwhile is not queued but remembered, and what is said then is the state of that moment.

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The watcher knows everything, and may be told at once of anything new.
    Idle,
    /// A NOTIFY is out.
    Telling,
    /// A NOTIFY is out, and there is something newer.
    TellingStale,
    /// A NOTIFY is out, and the watcher has asked again: it is answered as soon as may be, without a pause.
    TellingAsked,
    /// A NOTIFY is out, and the subscription is to end.
    TellingLast,
    /// Nothing is out; it is too early for the next.
    Pausing,
    /// Nothing is out; there is something newer, and it is too early for it.
    PausingStale,
    /// The NOTIFY that ends the subscription is out.
    Leaving,
    /// Over.
    Over,
}

/// What happens to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// What it is about has changed.
    Changed,
    /// A SUBSCRIBE that begins or prolongs it.
    Asked,
    /// It is to end: a SUBSCRIBE with `Expires: 0`, its time is over, or its reason is gone.
    Finished,
    /// The NOTIFY was answered with 2xx.
    Answered,
    /// The NOTIFY was refused, got no answer or could not be sent.
    Failed,
    /// The pause is over.
    PauseOver,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Send the state as it is now.
    Notify,
    /// Send the state as it is now, and that this was the last of it.
    NotifyLast,
    /// Ring [`Event::PauseOver`] when a NOTIFY is due again.
    Pause,
    /// Forget the subscription.
    Forget,
}

use Event::*;
use State::*;

/// The figure: one event in one state.
pub const fn step(state: State, event: Event) -> (State, &'static [Act]) {
    match (state, event) {
        (Idle, Changed | Asked) => (Telling, &[Act::Notify]),
        (Pausing | PausingStale, Asked) | (PausingStale, PauseOver) | (TellingAsked, Answered) => {
            (Telling, &[Act::Notify])
        }
        (Idle | Pausing | PausingStale, Finished) | (TellingLast, Answered) => (Leaving, &[Act::NotifyLast]),
        (Telling, Changed) => (TellingStale, &[]),
        (Telling | TellingStale, Asked) => (TellingAsked, &[]),
        (Telling | TellingStale | TellingAsked, Finished) => (TellingLast, &[]),
        (Telling, Answered) => (Pausing, &[Act::Pause]),
        (TellingStale, Answered) => (PausingStale, &[Act::Pause]),
        (Pausing, Changed) => (PausingStale, &[]),
        (Pausing, PauseOver) => (Idle, &[]),
        (Leaving, Answered) => (Over, &[Act::Forget]),
        (Telling | TellingStale | TellingAsked | TellingLast | Leaving, Failed) => (Over, &[Act::Forget]),
        (stay, _) => (stay, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 9] =
        [Idle, Telling, TellingStale, TellingAsked, TellingLast, Pausing, PausingStale, Leaving, Over];
    const EVENTS: [Event; 6] = [Changed, Asked, Finished, Answered, Failed, PauseOver];

    #[test]
    fn every_cell_of_the_figure() {
        let mut listing = String::new();
        for state in STATES {
            for event in EVENTS {
                let (to, acts) = step(state, event);
                if to != state || !acts.is_empty() {
                    let acts: Vec<String> = acts.iter().map(|act| format!("{act:?}")).collect();
                    listing.push_str(&format!("{state:?} --{event:?}--> {to:?} {}\n", acts.join(", ")));
                }
            }
        }
        expect_test::expect![[r#"
            Idle --Changed--> Telling Notify
            Idle --Asked--> Telling Notify
            Idle --Finished--> Leaving NotifyLast
            Telling --Changed--> TellingStale 
            Telling --Asked--> TellingAsked 
            Telling --Finished--> TellingLast 
            Telling --Answered--> Pausing Pause
            Telling --Failed--> Over Forget
            TellingStale --Asked--> TellingAsked 
            TellingStale --Finished--> TellingLast 
            TellingStale --Answered--> PausingStale Pause
            TellingStale --Failed--> Over Forget
            TellingAsked --Finished--> TellingLast 
            TellingAsked --Answered--> Telling Notify
            TellingAsked --Failed--> Over Forget
            TellingLast --Answered--> Leaving NotifyLast
            TellingLast --Failed--> Over Forget
            Pausing --Changed--> PausingStale 
            Pausing --Asked--> Telling Notify
            Pausing --Finished--> Leaving NotifyLast
            Pausing --PauseOver--> Idle 
            PausingStale --Asked--> Telling Notify
            PausingStale --Finished--> Leaving NotifyLast
            PausingStale --PauseOver--> Telling Notify
            Leaving --Answered--> Over Forget
            Leaving --Failed--> Over Forget
        "#]]
        .assert_eq(&listing);
    }

    /// At most one NOTIFY is out, whatever comes in whatever order; what is out ends by an answer; nothing leaves `Over`.
    #[test]
    fn two_notifies_are_never_out_together() {
        for state in STATES {
            for event in EVENTS {
                let (to, acts) = step(state, event);
                let out =
                    |state| matches!(state, Telling | TellingStale | TellingAsked | TellingLast | Leaving);
                let sends = acts.iter().any(|act| matches!(act, Act::Notify | Act::NotifyLast));
                let free = !out(state) || matches!(event, Answered | Failed);
                assert!(!sends || (free && out(to)), "{state:?} {event:?} sends beside another");
                assert!(!out(to) || out(state) || sends, "{state:?} {event:?} waits for what was never sent");
                assert!(state != Over || (to == Over && acts.is_empty()));
                assert!(event != Finished || matches!(to, TellingLast | Leaving | Over), "{state:?} ends");
            }
        }
    }
}
