//! Call back on busy: who waits for whom, and whose turn it is.
//!
//! A pair waits until the busy one has been in a call and is in none any more, and the asker is in none either; a pause later the asker
//! is rung. Who asked for the same person first is served first.
//!
//! Invariant: every pair has an end ([`Due::Over`]), whatever its two do; a pair that is served is forgotten before its call begins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::{Alarms, Masked, Time, bounds};

/// Whoever was found busy, by a user who may want to be called back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Busy {
    /// Its account.
    pub user: String,
    /// The number to dial once it is free.
    pub number: Masked,
    /// Whether it was seen in a call: if not, it refused by hand or by its phone's setting, and is waited for until it has used its phone.
    pub engaged: bool,
}

/// Who asks, and for whom: both accounts.
type Pair = (String, String);

#[derive(Debug)]
struct Waiting {
    number: Masked,
    engaged: bool,
    asked: Time,
}

/// What an alarm of a pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Due {
    /// Both are free for long enough.
    Turn,
    /// It has waited for as long as it may.
    Over,
}

/// Everybody who waits to be called back.
#[derive(Debug)]
pub(super) struct CallBacks {
    pairs: BTreeMap<Pair, Waiting>,
    alarms: Alarms<(Pair, Due)>,
    lasts: Duration,
}

impl CallBacks {
    /// Nobody waits; whoever asks will be waited for this long.
    pub fn new(lasts: Duration) -> CallBacks {
        CallBacks { pairs: BTreeMap::new(), alarms: Alarms::new(), lasts }
    }

    /// `asker` wants to be called when `busy` is free. Asking again begins the time anew.
    ///
    /// # Errors
    /// The asker, or the whole node, waits for too many already.
    pub fn ask(&mut self, now: Time, asker: &str, busy: Busy) -> Result<(), &'static str> {
        let pair = (asker.to_string(), busy.user);
        if !self.pairs.contains_key(&pair) {
            let own = self.pairs.keys().filter(|(other, _)| other == asker).count();
            if own >= bounds::CALL_BACKS_PER_USER || self.pairs.len() >= bounds::CALL_BACKS {
                return Err("too many call backs wait already");
            }
        }
        self.alarms.set((pair.clone(), Due::Over), now + self.lasts);
        self.pairs.insert(pair, Waiting { number: busy.number, engaged: busy.engaged, asked: now });
        Ok(())
    }

    /// `asker` wants to be called back by nobody any more.
    pub fn forget(&mut self, asker: &str) {
        self.retain(|(other, _)| other != asker);
    }

    /// Keeps the pairs of users who are still there.
    pub fn keep(&mut self, exists: impl Fn(&str) -> bool) {
        self.retain(|(asker, busy)| exists(asker) && exists(busy));
    }

    /// The calls of `user` have changed. `engaged` says who is in any call now.
    pub fn changed(&mut self, now: Time, user: &str, engaged: impl Fn(&str) -> bool) {
        let concerned = self.pairs.keys().filter(|(asker, busy)| asker == user || busy == user);
        let busy: BTreeSet<String> = concerned.map(|(_, busy)| busy.clone()).collect();
        for busy in busy {
            self.arrange(now, &busy, &engaged);
        }
    }

    /// Takes the next pair whose turn it is: who asked, and the number to dial for it.
    pub fn pop_due(&mut self, now: Time) -> Option<(String, Masked)> {
        while let Some((pair, due)) = self.alarms.pop_due(now) {
            self.alarms.clear(&(pair.clone(), Due::Over));
            self.alarms.clear(&(pair.clone(), Due::Turn));
            if let Some(waiting) = self.pairs.remove(&pair).filter(|_| due == Due::Turn) {
                return Some((pair.0, waiting.number));
            }
        }
        None
    }

    /// When [`CallBacks::pop_due`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.alarms.is_empty()
    }

    /// Gives everybody who waits for `busy` a turn, or takes it away.
    fn arrange(&mut self, now: Time, busy: &str, engaged: &impl Fn(&str) -> bool) {
        let is_engaged = engaged(busy);
        let of = self.pairs.iter_mut().filter(|((_, other), _)| other == busy);
        let mut queue: Vec<(Time, Pair, bool)> = of
            .map(|(pair, waiting)| {
                waiting.engaged |= is_engaged;
                let ready = waiting.engaged && !is_engaged && !engaged(&pair.0);
                (waiting.asked, pair.clone(), ready)
            })
            .collect();
        queue.sort();
        let mut next = now + bounds::CALL_BACK_PAUSE;
        for (_, pair, ready) in queue {
            let key = (pair, Due::Turn);
            if !ready {
                self.alarms.clear(&key);
                continue;
            }
            if self.alarms.of(&key).is_none() {
                self.alarms.set(key.clone(), next);
            }
            next = next.max(self.alarms.of(&key).unwrap_or(next)) + bounds::CALL_BACK_TURN;
        }
    }

    fn retain(&mut self, keep: impl Fn(&Pair) -> bool) {
        let gone: Vec<Pair> = self.pairs.keys().filter(|pair| !keep(pair)).cloned().collect();
        for pair in gone {
            self.pairs.remove(&pair);
            self.alarms.clear(&(pair.clone(), Due::Turn));
            self.alarms.clear(&(pair, Due::Over));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = bounds::CALL_BACK_PAUSE;

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }

    fn busy(user: &str, engaged: bool) -> Busy {
        Busy { user: user.into(), number: Masked::new(user), engaged }
    }

    fn nobody(_: &str) -> bool {
        false
    }

    fn served(backs: &mut CallBacks, now: Time) -> Vec<String> {
        std::iter::from_fn(|| backs.pop_due(now)).map(|(asker, _)| asker).collect()
    }

    #[test]
    fn the_asker_is_rung_a_pause_after_both_are_free() {
        let mut backs = CallBacks::new(Duration::from_secs(600));
        backs.ask(at(0), "a", busy("b", true)).expect("room");
        backs.changed(at(1), "b", |user| user == "b");
        backs.changed(at(10), "b", |user| user == "a");
        assert_eq!(served(&mut backs, at(60)), Vec::<String>::new(), "the asker is in a call");
        backs.changed(at(60), "a", nobody);
        assert_eq!(served(&mut backs, at(60)), Vec::<String>::new());
        // In between the busy one is busy again: the pause begins anew.
        backs.changed(at(61), "b", |user| user == "b");
        backs.changed(at(65), "b", nobody);
        assert_eq!(served(&mut backs, at(65) + (PAUSE - Duration::from_millis(1))), Vec::<String>::new());
        assert_eq!(served(&mut backs, at(65) + PAUSE), ["a"]);
        assert!(backs.is_empty());
    }

    #[test]
    fn whoever_refused_without_a_call_must_have_used_the_phone_first() {
        let mut backs = CallBacks::new(Duration::from_secs(600));
        backs.ask(at(0), "a", busy("b", false)).expect("room");
        backs.changed(at(1), "a", nobody);
        assert_eq!(served(&mut backs, at(100)), Vec::<String>::new());
        backs.changed(at(100), "b", |user| user == "b");
        backs.changed(at(130), "b", nobody);
        assert_eq!(served(&mut backs, at(130) + PAUSE), ["a"]);
    }

    #[test]
    fn who_asked_first_has_the_first_turn_and_the_next_waits_for_it() {
        let mut backs = CallBacks::new(Duration::from_secs(600));
        for (n, asker) in [(0, "z"), (1, "a")] {
            backs.ask(at(n), asker, busy("b", true)).expect("room");
        }
        backs.changed(at(10), "b", nobody);
        assert_eq!(served(&mut backs, at(10) + PAUSE), ["z"]);
        // The first one's call rings the other: the second waits until that is over.
        backs.changed(at(20), "b", |user| user == "b");
        backs.changed(at(200), "b", nobody);
        assert_eq!(served(&mut backs, at(200) + PAUSE), ["a"]);
        let mut backs = CallBacks::new(Duration::from_secs(600));
        for asker in ["y", "z"] {
            backs.ask(at(0), asker, busy("b", true)).expect("room");
        }
        backs.changed(at(10), "b", nobody);
        assert_eq!(served(&mut backs, at(10) + PAUSE), ["y"]);
        assert_eq!(
            served(&mut backs, at(10) + PAUSE + bounds::CALL_BACK_TURN),
            ["z"],
            "the first did not answer"
        );
    }

    #[test]
    fn it_ends_by_time_by_word_and_with_the_account() {
        let mut backs = CallBacks::new(Duration::from_secs(600));
        backs.ask(at(0), "a", busy("b", true)).expect("room");
        assert_eq!(served(&mut backs, at(600)), Vec::<String>::new());
        assert!(backs.is_empty());
        for end in [CallBacks::forget_a as fn(&mut CallBacks), CallBacks::lose_b] {
            backs.ask(at(0), "a", busy("b", true)).expect("room");
            backs.changed(at(1), "b", nobody);
            end(&mut backs);
            assert!(backs.is_empty() && backs.deadline().is_none());
        }
    }

    impl CallBacks {
        fn forget_a(&mut self) {
            self.forget("a");
        }

        fn lose_b(&mut self) {
            self.keep(|user| user != "b");
        }
    }

    #[test]
    fn one_of_each_pair_and_few_of_one_user() {
        let mut backs = CallBacks::new(Duration::from_secs(600));
        for n in 0..bounds::CALL_BACKS_PER_USER {
            for _ in 0..2 {
                backs.ask(at(0), "a", busy(&format!("b{n}"), true)).expect("room");
            }
        }
        assert!(backs.ask(at(0), "a", busy("c", true)).is_err());
        assert!(backs.ask(at(0), "b", busy("c", true)).is_ok());
    }
}
