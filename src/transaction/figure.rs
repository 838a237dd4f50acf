//! Prints a figure cell by cell, so that a golden file shows all of it.

use std::fmt::{Debug, Write};

use super::Timer;

/// One paragraph a state (with its timers), one line an event: the next state and the acts. Cells in which nothing happens say so.
pub fn listing<S: Copy + Debug + PartialEq, E: Copy + Debug, A: Debug>(
    states: &[S],
    events: &[E],
    step: impl Fn(S, E) -> (S, &'static [A]),
    timers: impl Fn(S) -> &'static [Timer],
) -> String
where
    A: 'static,
{
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
