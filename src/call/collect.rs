//! Taking keys from the caller: prompts until the first key, then keys until enough of them, the end key, or time.

use std::time::Duration;

use crate::base::{Masked, Secret};
use crate::media::Sound;
use crate::plan::{Ask, Pin, Reply};

use super::desk::{Alarm, Desk};
use super::{Call, Phase};

/// An entry while it is made. Its keys do not print, and are wiped behind it.
#[derive(Debug)]
pub(super) struct Entry {
    /// The prompts' play; over once `prompting` is false.
    pub play: u32,
    prompting: bool,
    keys: Secret<String>,
    max: usize,
    first: Duration,
    between: Duration,
    end: Option<char>,
    pub secret: bool,
}

impl Entry {
    fn reply(&self) -> Reply {
        match self.secret {
            true => Reply::Secret(Pin::new(self.keys.expose().clone())),
            false => Reply::Keys(Masked::new(self.keys.expose())),
        }
    }
}

impl Call {
    /// Begins an [`Ask::Collect`].
    pub(super) fn collect(&mut self, desk: &mut Desk<'_>, ask: Ask) {
        let Ask::Collect { prompts, max, first, between, end, secret, .. } = ask else { return };
        let sounds = prompts.iter().copied().map(Sound::Prompt).collect();
        let play = self.start_sounds(desk, self.near, sounds, false);
        let keys = Secret::new(String::new());
        if secret {
            self.keep_secret(desk, true);
        }
        let entry = Entry { play, prompting: true, keys, max: max.into(), first, between, end, secret };
        self.phase = Phase::Collecting(Box::new(entry));
    }

    /// The prompts are over: from now on the caller's time runs.
    pub(super) fn prompts_ended(&mut self, desk: &mut Desk<'_>) {
        if let Phase::Collecting(entry) = &mut self.phase {
            entry.prompting = false;
            if entry.keys.expose().is_empty() {
                desk.alarms.set((self.id, Alarm::Keys), desk.now + entry.first);
            }
        }
    }

    /// A key of the caller's, while an entry is made.
    pub(super) fn take_key(&mut self, desk: &mut Desk<'_>, key: char) {
        let Phase::Collecting(entry) = &mut self.phase else { return };
        let interrupts = std::mem::take(&mut entry.prompting);
        let ends = entry.end == Some(key);
        if !ends {
            entry.keys = Secret::new(format!("{}{key}", entry.keys.expose()));
        }
        if ends || entry.keys.expose().len() >= entry.max {
            let reply = entry.reply();
            self.entered(desk, reply, interrupts);
        } else {
            desk.alarms.set((self.id, Alarm::Keys), desk.now + entry.between);
            if interrupts {
                self.quiet(desk, self.near);
            }
        }
    }

    /// The time for a key is over.
    pub(super) fn no_more_keys(&mut self, desk: &mut Desk<'_>) {
        let Phase::Collecting(entry) = &self.phase else { return };
        let reply = if entry.keys.expose().is_empty() { Reply::NoKeys } else { entry.reply() };
        self.entered(desk, reply, false);
    }

    fn entered(&mut self, desk: &mut Desk<'_>, reply: Reply, interrupts: bool) {
        desk.alarms.clear(&(self.id, Alarm::Keys));
        if matches!(&self.phase, Phase::Collecting(entry) if entry.secret) {
            self.keep_secret(desk, false);
        }
        if interrupts {
            self.quiet(desk, self.near);
        }
        self.phase = Phase::Between;
        self.resume(desk, reply);
    }
}
