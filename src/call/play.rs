//! Playing prompts to the caller, to their end.

use crate::base::{LegId, PromptId};
use crate::media::{Order, Sound, Tone};
use crate::plan::Reply;
use crate::vault::Event;

use super::desk::{Desk, Effect};
use super::{Call, Phase};

impl Call {
    /// Plays `prompts` to the caller; keys do not interrupt. The plan goes on when they have ended.
    pub(super) fn play(&mut self, desk: &mut Desk<'_>, prompts: &[PromptId], notice: bool) {
        let sounds = prompts.iter().copied().map(Sound::Prompt).collect();
        let play = self.start_sounds(desk, self.near, sounds, false);
        let notice = prompts.first().copied().filter(|_| notice);
        self.phase = Phase::Playing { play, notice };
    }

    /// The media plane's word that a play has ended.
    pub(super) fn on_played(&mut self, desk: &mut Desk<'_>, leg: LegId, play: u32, whole: bool) {
        match &self.phase {
            Phase::Playing { play: ours, notice } if *ours == play => {
                if let Some(prompt) = *notice {
                    self.record_event(desk, Event::NoticePlayed { leg, prompt, whole });
                    let how = if whole { "to its end" } else { "not to its end" };
                    self.note(desk, format!("recording notice played {how}"));
                }
                self.phase = Phase::Between;
                self.resume(desk, Reply::Played);
            }
            Phase::Collecting(entry) if entry.play == play => self.prompts_ended(desk),
            _ => {}
        }
    }

    /// A beep that says: done. The plan, which wanted to end the call, is asked again when it has been heard.
    pub(super) fn confirm(&mut self, desk: &mut Desk<'_>) {
        self.confirms = false;
        let play = self.start_sounds(desk, self.near, vec![Sound::Tone(Tone::Beep)], false);
        self.phase = Phase::Playing { play, notice: None };
    }

    /// Ring-back for a caller who is answered already (before that, the phone makes its own).
    pub(super) fn ring_back(&mut self, desk: &mut Desk<'_>) {
        self.start_sounds(desk, self.near, vec![Sound::Tone(Tone::RingBack)], true);
    }

    /// Stops whatever plays to a leg.
    pub(super) fn quiet(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.hears_no_music(leg);
        desk.effects.push_back(Effect::Media(Order::Stop { call: self.id, leg }));
    }

    /// Something else is played to it, or nothing, or it is joined (which stops what plays).
    pub(super) fn hears_no_music(&mut self, leg: LegId) {
        if let Some(at) = self.leg_mut(leg) {
            (at.hears_music, at.sounds_due) = (false, None);
        }
    }

    /// A leg has said where it is: what waited for that begins.
    pub(super) fn play_what_waits(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let call = self.id;
        if let Some((play, sounds)) = self.leg_mut(leg).and_then(|at| at.sounds_due.take()) {
            desk.effects.push_back(Effect::Media(Order::Play { call, leg, play, sounds, repeat: true }));
        }
    }

    pub(super) fn start_sounds(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        sounds: Vec<Sound>,
        repeat: bool,
    ) -> u32 {
        self.hears_no_music(leg);
        self.plays += 1;
        let play = self.plays;
        if let Some(at) = self.leg_mut(leg).filter(|at| repeat && !at.media.aimed) {
            at.sounds_due = Some((play, sounds));
            return play;
        }
        desk.effects.push_back(Effect::Media(Order::Play { call: self.id, leg, play, sounds, repeat }));
        play
    }
}
