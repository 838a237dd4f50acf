//! Taking keys from the caller: prompts until the first key, then keys until enough of them, the end key, or time.

use std::time::Duration;

use crate::base::Masked;
use crate::media::Sound;
use crate::plan::{Ask, Reply};

use super::desk::{Alarm, Desk};
use super::{Call, Phase};

/// An entry while it is made. Its keys print masked, and not at all when they are secret.
#[derive(Debug)]
pub(super) struct Entry {
    /// The prompts' play; over once `prompting` is false.
    pub play: u32,
    prompting: bool,
    keys: Masked,
    max: usize,
    first: Duration,
    between: Duration,
    end: Option<char>,
    pub secret: bool,
}

impl Call {
    /// Begins an [`Ask::Collect`].
    pub(super) fn collect(&mut self, desk: &mut Desk<'_>, ask: Ask) {
        let Ask::Collect { prompts, max, first, between, end, secret, .. } = ask else { return };
        let sounds = prompts.iter().copied().map(Sound::Prompt).collect();
        let play = self.start_sounds(desk, self.near, sounds, false);
        let keys = Masked::default();
        let entry = Entry { play, prompting: true, keys, max: max.into(), first, between, end, secret };
        self.phase = Phase::Collecting(Box::new(entry));
    }

    /// The prompts are over: from now on the caller's time runs.
    pub(super) fn prompts_ended(&mut self, desk: &mut Desk<'_>) {
        if let Phase::Collecting(entry) = &mut self.phase {
            entry.prompting = false;
            if entry.keys.reveal().is_empty() {
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
            entry.keys = Masked::new(format!("{}{key}", entry.keys.reveal()));
        }
        if ends || entry.keys.reveal().len() >= entry.max {
            let keys = entry.keys.clone();
            self.entered(desk, Reply::Keys(keys), interrupts);
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
        let keys = entry.keys.clone();
        let reply = if keys.reveal().is_empty() { Reply::NoKeys } else { Reply::Keys(keys) };
        self.entered(desk, reply, false);
    }

    fn entered(&mut self, desk: &mut Desk<'_>, reply: Reply, interrupts: bool) {
        desk.alarms.clear(&(self.id, Alarm::Keys));
        if interrupts {
            self.quiet(desk, self.near);
        }
        self.phase = Phase::Between;
        self.resume(desk, reply);
    }
}
