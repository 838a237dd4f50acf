//! What a plan asks for besides talking and ringing: spoken values, notes, waits, parking.
//!
//! Invariant: whatever this node cannot do ends at once as failed, and the call's log says so.

use std::time::Duration;

use crate::base::bounds;
use crate::media::Sound;
use crate::media::say::{Currency, Digits, Language, Say, Spoken as Words};
use crate::plan::{self, Deed, Ended, Part, Reply, Spoken};
use crate::vault::Event;

use super::desk::{Alarm, Desk};
use super::{Call, Phase};

impl Call {
    /// Speaks prompts and values to the caller, to the end.
    pub(super) fn say(&mut self, desk: &mut Desk<'_>, parts: &[Part]) {
        let sounds = parts.iter().filter_map(sound).collect();
        let play = self.start_sounds(desk, self.near, sounds, false);
        self.phase = Phase::Playing { play, notice: None };
    }

    fn unavailable(&mut self, desk: &mut Desk<'_>, what: &str) -> Reply {
        self.note(desk, format!("{what}: not available on this node"));
        Reply::Did(Ended::Failed)
    }

    /// Begins a deed. `Some` when it has already ended.
    pub(super) fn deed(&mut self, desk: &mut Desk<'_>, deed: Deed) -> Option<Reply> {
        let done = Some(Reply::Did(Ended::Done));
        match deed {
            Deed::Tag(name) => {
                self.tag(desk, &name, "");
                done
            }
            Deed::Event { name, text } => {
                let value = text.map_or(serde_json::Value::Null, |text| text.to_string().into());
                self.record_event(desk, Event::Other { name: name.to_string(), value });
                done
            }
            Deed::Pop(shows) => {
                self.pop(shows);
                done
            }
            Deed::Push(card) => {
                self.push_card(desk, card);
                done
            }
            Deed::Wait(time) => {
                self.wait_for(desk, time);
                None
            }
            Deed::Notify { webhook, text, .. } => Some(self.tell_outside(desk, webhook, text)),
            Deed::Conference { room, limit, longest } => self.confer(desk, &room, limit, longest),
            Deed::Monitors { count, group, within } => self.gather(desk, count, &group, within),
            Deed::Pickup { user } => {
                self.reach_for(desk, user);
                None
            }
            Deed::Park { slot, wait } => self.park_by_plan(desk, slot, wait),
            other => Some(self.unavailable(desk, other.word())),
        }
    }

    /// Marks the call and its recording, by which it is found.
    pub(super) fn tag(&mut self, desk: &mut Desk<'_>, name: &str, value: &str) {
        if self.tags.len() < bounds::TAGS || self.tags.contains_key(name) {
            self.tags.insert(name.to_string(), value.to_string());
        }
        self.record_event(desk, Event::Tag { name: name.to_string(), value: value.to_string() });
    }

    fn wait_for(&mut self, desk: &mut Desk<'_>, time: Duration) {
        desk.alarms.set((self.id, Alarm::Pause), desk.now + time);
        self.phase = Phase::Pausing;
    }

    /// The plan has waited for long enough.
    pub(super) fn pause_over(&mut self, desk: &mut Desk<'_>) {
        if matches!(self.phase, Phase::Pausing) {
            self.phase = Phase::Between;
            self.resume(desk, Reply::Did(Ended::Done));
        }
    }

    /// What the caller enters is a secret: no sound of it reaches the recording, or it does again.
    pub(super) fn keep_secret(&mut self, desk: &mut Desk<'_>, begins: bool) {
        let near = self.near;
        if begins {
            self.record_event(desk, Event::GapStart { reason: "secret".into() });
        }
        // A leg that the switch talks to is copied only if it is copied alone.
        self.retap(desk, near, !begins);
        if !begins {
            self.record_event(desk, Event::GapEnd);
        }
    }
}

fn sound(part: &Part) -> Option<Sound> {
    let (lang, what) = match part {
        Part::Prompt(prompt) => return Some(Sound::Prompt(*prompt)),
        Part::Value { lang, what } => (lang, what),
    };
    let language = Language::ALL.into_iter().find(|known| known.code() == &**lang)?;
    let what = match what {
        Spoken::Number(number) => Words::Number(*number),
        Spoken::Digits(digits) => Words::Digits(Digits::new(digits.reveal())),
        Spoken::Money(money) => Words::Money(money.hundredths, currency(money.currency)),
        Spoken::Date(date) => Words::Date(*date),
    };
    Some(Sound::Say(Say { language, what }))
}

fn currency(currency: plan::Currency) -> Currency {
    match currency {
        plan::Currency::Yuan => Currency::Yuan,
        plan::Currency::Dollar => Currency::Dollar,
        plan::Currency::Euro => Currency::Euro,
    }
}
