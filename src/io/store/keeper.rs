//! The keeper: looks at the clock, at what is past its maximum and at the deadlines of destructions, and raises alarms.
//!
//! Invariant: it destroys nothing by itself; it finishes only what was approved and begun.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Inner;
use super::boot::Seen;
use super::keeping::ClockSeen;
use crate::base::Wall;
use crate::io::clock::{Clock, wall};
use crate::vault::Keep;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the last moment is kept that a start compares with.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// How often all recordings are looked at (RET-04 asks for 24 h).
const SWEEP_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// How long a destruction may take from its reason on, and when somebody is warned before (DES-03).
const DEADLINES: [(u64, &str); 3] =
    [(72, "is LATE: its 72 hours are over"), (66, "must be done in 6 hours"), (48, "must be done in a day")];

/// The keeper's thread; it ends when this is dropped.
pub(super) struct Keeper {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts it over `store`.
    pub(super) fn start(store: Weak<Inner>, clock: Clock) -> std::io::Result<Keeper> {
        let (stop, stopped) = sync_channel::<()>(0);
        let mut seen = ClockSeen { wall: wall(), now: clock.now() };
        let (mut sweep_at, mut keep_at) = (clock.now(), clock.now() + KEEP_EVERY);
        let work = move || {
            loop {
                let Some(store) = store.upgrade() else { return };
                let now = clock.now();
                store.look_at_clock(seen.jumped(now, wall()));
                store.look_at_jobs(wall());
                store.look_at_token();
                if now >= keep_at {
                    keep_at = now + KEEP_EVERY;
                    Seen::now().keep(store.files.root());
                }
                if now >= sweep_at {
                    sweep_at = now + SWEEP_EVERY;
                    store.resume();
                    store.look_at_terms(wall());
                }
                drop(store);
                if stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("ledgerline-keeper".into()).spawn(work)?;
        Ok(Keeper { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends it.
    pub(super) fn close(mut self) {
        drop(self.stop.take());
        if let Some(thread) =
            self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

impl Inner {
    /// Freezes destruction when the clock has jumped (RET-05); nothing thaws it but somebody who has looked.
    pub(super) fn look_at_clock(&self, jump_s: Option<i64>) {
        if let Some(jump_s) = jump_s
            && let Err(error) = self.keep("node", Keep::Frozen { jump_s })
        {
            tracing::error!(%error, jump_s, "that the clock jumped is not written down");
        }
        match self.keeping().frozen {
            Some(jump_s) => {
                let text = format!(
                    "the clock jumped by {jump_s} s: nothing is destroyed until `rec retention thaw`"
                );
                self.alarms.raise("clock", &text);
            }
            None => self.alarms.clear("clock"),
        }
    }

    /// Whether the token that holds the current key answers (KEY-04).
    fn look_at_token(&self) {
        match self.keys.get().look() {
            Some(false) => self.alarms.raise(
                "token",
                "the token does not answer: what is recorded already goes on, nothing is opened, and what begins is refused or \
                 lent the escrow key, as its lock says",
            ),
            Some(true) | None => self.alarms.clear("token"),
        }
    }

    /// Deadlines of jobs that are not done.
    fn look_at_jobs(&self, now: Wall) {
        let jobs: Vec<(String, Wall)> =
            self.keeping().jobs.values().map(|job| (job.no.clone(), job.grounds.basis_at)).collect();
        for (no, basis_at) in jobs {
            if let Some(words) = deadline(basis_at, now) {
                self.alarms.raise(&format!("job {no}"), &format!("destruction {no} {words}"));
            }
        }
    }

    /// How many recordings are past their maximum.
    pub(super) fn look_at_terms(&self, now: Wall) {
        let mut overdue = 0_u64;
        let swept = self.index.each_row(&mut |row| {
            let known = self.keeping().known(&row);
            overdue += u64::from(known.term().is_overdue(now) && !known.destroyed);
            true
        });
        match (swept, overdue) {
            (Err(error), _) => tracing::error!(%error, "retention is not looked at"),
            (Ok(()), 0) => self.alarms.clear("overdue"),
            (Ok(()), overdue) => {
                let text =
                    format!("{overdue} recordings are past the maximum of their class: `rec retention due`");
                self.alarms.raise("overdue", &text);
            }
        }
    }
}

/// What is to be said of a job whose reason arose at `basis_at`; `None`: it has time.
pub(super) fn deadline(basis_at: Wall, now: Wall) -> Option<&'static str> {
    let passed = |hours: u64| now >= basis_at + Duration::from_secs(hours * 3_600);
    DEADLINES.iter().find(|(hours, _)| passed(*hours)).map(|(_, words)| *words)
}

/// Starts a keeper over `inner`.
pub(super) fn start(inner: &Arc<Inner>, clock: Clock) -> std::io::Result<Keeper> {
    Keeper::start(Arc::downgrade(inner), clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DES-03: warned at 48 and 66 hours, late at 72.
    #[test]
    fn a_job_has_three_days() {
        for (hours, words) in [
            (0, None),
            (47, None),
            (48, Some("day")),
            (65, Some("day")),
            (66, Some("6 hours")),
            (72, Some("LATE")),
            (99, Some("LATE")),
        ] {
            let now = Wall::default() + Duration::from_secs(hours * 3_600);
            let said = deadline(Wall::default(), now);
            assert_eq!(said.is_some(), words.is_some(), "{hours}");
            assert!(words.is_none_or(|words| said.unwrap_or("").contains(words)), "{hours}: {said:?}");
        }
    }
}
