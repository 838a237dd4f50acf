//! What the switch itself says to a leg: prompts, silence, tones, and keys that it dials; in frames of 20 ms.
//!
//! Invariant: every frame is whole (160 samples, the end padded with silence), and a play ends even if it holds nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{Time, bounds};
use crate::rtp::Codec;
use crate::rtp::g711::{A_LAW_SILENCE, MU_LAW_SILENCE};
use crate::rtp::telephone_event::{self, Event, Press};

use super::tone::{Cadence, TONES};
use super::wave::RATE;
use super::{Prompt, PromptLibrary, Sound};

/// Samples of one frame.
pub(super) const FRAME: usize = 160;

/// Which law of G.711 the listener has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Law {
    A,
    Mu,
}

impl Law {
    /// The law that a codec is, if it is one.
    pub(super) fn of_codec(codec: Codec) -> Option<Law> {
        match codec {
            Codec::Pcma => Some(Law::A),
            Codec::Pcmu => Some(Law::Mu),
            _ => None,
        }
    }

    pub(super) fn silence(self) -> u8 {
        match self {
            Law::A => A_LAW_SILENCE,
            Law::Mu => MU_LAW_SILENCE,
        }
    }

    fn of(self, prompt: &Prompt) -> &[u8] {
        match self {
            Law::A => prompt.a_law(),
            Law::Mu => prompt.mu_law(),
        }
    }
}

/// One play order on its way.
#[derive(Debug)]
pub(super) struct Player {
    /// The core's number for it.
    pub(super) play: u32,
    /// False once something of it could not be played.
    pub(super) whole: bool,
    pieces: Vec<Piece>,
    piece: usize,
    offset: usize,
    repeat: bool,
}

#[derive(Debug)]
enum Piece {
    Sound(Arc<Prompt>),
    Silence(usize),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Sound(prompt) => prompt.a_law().len(),
            Piece::Silence(samples) => *samples,
        }
    }
}

impl Player {
    /// Looks the sounds up; those that the library lacks are left out. Music begins where it has got to by `now`.
    pub(super) fn new(
        play: u32,
        sounds: &[Sound],
        repeat: bool,
        library: &PromptLibrary,
        now: Time,
    ) -> Player {
        let mut player = Player { play, whole: true, pieces: Vec::new(), piece: 0, offset: 0, repeat };
        player.whole = sounds.len() <= bounds::SOUNDS;
        for sound in sounds.iter().take(bounds::SOUNDS) {
            player.add(sound, library, now);
        }
        player.repeat &= player.pieces.iter().any(|piece| piece.len() > 0);
        player
    }

    fn add(&mut self, sound: &Sound, library: &PromptLibrary, now: Time) {
        match sound {
            Sound::Prompt(id) => match library.get(*id) {
                Some(prompt) => self.pieces.push(Piece::Sound(Arc::clone(prompt))),
                None => self.whole = false,
            },
            Sound::Music(id) => match library.get(*id) {
                Some(prompt) => {
                    let len = prompt.a_law().len().max(1) as u64;
                    if self.pieces.is_empty() {
                        self.offset = (now.as_micros() / 125 % len) as usize;
                    }
                    self.pieces.push(Piece::Sound(Arc::clone(prompt)));
                }
                None => self.whole = false,
            },
            Sound::Say(say) => {
                for piece in say.pieces() {
                    match library.piece(say.language, piece) {
                        Some(prompt) => self.pieces.push(Piece::Sound(Arc::clone(prompt))),
                        None => self.whole = false,
                    }
                }
            }
            Sound::Silence(span) => {
                let samples = span.min(&bounds::PROMPT).as_millis() as usize * (RATE as usize / 1_000);
                self.pieces.push(Piece::Silence(samples));
            }
            Sound::Tone(tone) => {
                if let Some(Cadence { on, off }) = TONES.tone(library.country(), *tone) {
                    self.pieces.extend([Piece::Sound(Arc::clone(on)), Piece::Silence(*off)]);
                }
            }
        }
    }

    /// Fills the next frame; false when the play has ended and nothing was filled.
    pub(super) fn fill(&mut self, law: Law, frame: &mut [u8; FRAME]) -> bool {
        let mut filled = 0;
        while let Some(room) = frame.get_mut(filled..).filter(|room| !room.is_empty()) {
            self.seek();
            let Some(piece) = self.pieces.get(self.piece) else { break };
            let len = room.len().min(piece.len() - self.offset);
            let room = &mut room[..len];
            match piece {
                Piece::Sound(prompt) => room.copy_from_slice(&law.of(prompt)[self.offset..self.offset + len]),
                Piece::Silence(_) => room.fill(law.silence()),
            }
            self.offset += len;
            filled += len;
        }
        frame[filled..].fill(law.silence());
        filled > 0
    }

    /// Goes to the piece that has samples left.
    fn seek(&mut self) {
        while self.pieces.get(self.piece).is_some_and(|piece| self.offset >= piece.len()) {
            (self.piece, self.offset) = (self.piece + 1, 0);
            if self.repeat && self.piece == self.pieces.len() {
                self.piece = 0;
            }
        }
    }
}

/// Keys that are being sent to a leg.
#[derive(Debug, Default)]
pub(super) struct Keypad {
    waiting: VecDeque<char>,
    now: Option<Key>,
}

/// The key that is being sent.
#[derive(Debug)]
enum Key {
    Event(Press),
    InBand { code: u8, step: usize },
    Wait { steps: u8 },
}

/// What a leg's keys do in a step of 20 ms.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send this event; it begins a press when the flag says so.
    Event(bool, Event),
    /// Send the frame that was filled.
    Sound,
    /// Send nothing.
    Pause,
    /// All keys are sent.
    Done,
}

impl Keypad {
    /// Half a second, for `,`.
    const WAIT: u8 = 25;

    /// Adds keys behind those that wait.
    pub(super) fn add(&mut self, keys: &str) {
        let room = bounds::KEYS.saturating_sub(self.waiting.len());
        let known = |key: &char| *key == ',' || telephone_event::code(*key).is_some_and(|code| code < 16);
        self.waiting.extend(keys.chars().filter(known).take(room));
    }

    /// The next step: as events of `clock` where there are events, else as tones in `law`, else as nothing.
    pub(super) fn step(&mut self, clock: Option<u32>, law: Option<Law>, frame: &mut [u8; FRAME]) -> Step {
        loop {
            let now = match &mut self.now {
                Some(now) => now,
                None => match self.waiting.pop_front() {
                    Some(key) => self.now.insert(Key::new(key, clock.is_some())),
                    None => return Step::Done,
                },
            };
            match now.step(clock.unwrap_or(RATE), law, frame) {
                Some(step) => return step,
                None => self.now = None,
            }
        }
    }
}

impl Key {
    fn new(key: char, events: bool) -> Key {
        match telephone_event::code(key) {
            Some(code) if events => Key::Event(Press::new(code)),
            Some(code) => Key::InBand { code, step: 0 },
            None => Key::Wait { steps: Keypad::WAIT },
        }
    }

    /// `None` when the key is done.
    fn step(&mut self, clock: u32, law: Option<Law>, frame: &mut [u8; FRAME]) -> Option<Step> {
        match self {
            Key::Event(press) => {
                let step = press.step(clock)?;
                Some(step.map_or(Step::Pause, |(begins, event)| Step::Event(begins, event)))
            }
            Key::InBand { code, step } => in_band(*code, step, law?, frame).then_some(Step::Sound),
            Key::Wait { steps } => {
                *steps = steps.checked_sub(1)?;
                Some(Step::Pause)
            }
        }
    }
}

/// Fills the frame with the next 20 ms of a key's tone and pause; false when both are over.
fn in_band(code: u8, step: &mut usize, law: Law, frame: &mut [u8; FRAME]) -> bool {
    let Some(Cadence { on, off }) = TONES.key(code) else { return false };
    let from = *step * FRAME;
    *step += 1;
    match law.of(on).get(from..from + FRAME) {
        Some(tone) => frame.copy_from_slice(tone),
        None => frame.fill(law.silence()),
    }
    from < on.a_law().len() + off
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PromptId;
    use crate::media::Tone;
    use std::time::Duration;

    fn library(prompts: &[(u64, usize)]) -> PromptLibrary {
        let mut library = PromptLibrary::new();
        for &(id, len) in prompts {
            library.insert(PromptId(id), Prompt::from_samples(&vec![id as i16 * 1_000; len]));
        }
        library
    }

    /// All octets of a play, at most 100 frames.
    fn played(player: &mut Player, law: Law) -> Vec<u8> {
        let mut frame = [0; FRAME];
        let mut octets = Vec::new();
        while octets.len() < 100 * FRAME && player.fill(law, &mut frame) {
            octets.extend(frame);
        }
        octets
    }

    #[test]
    fn sounds_follow_without_a_gap_and_the_end_is_padded() {
        let library = library(&[(1, 200), (2, 100)]);
        let sounds = [
            Sound::Prompt(PromptId(1)),
            Sound::Silence(Duration::from_millis(5)),
            Sound::Prompt(PromptId(2)),
        ];
        let mut player = Player::new(9, &sounds, false, &library, Time::ZERO);
        let octets = played(&mut player, Law::Mu);
        let mut expected =
            [1, 2].map(|id| library.get(PromptId(id)).unwrap().mu_law().to_vec()).join(&[0xff; 40][..]);
        expected.resize(480, 0xff);
        assert_eq!(octets, expected);
        assert!(player.whole);
    }

    #[test]
    fn what_is_missing_is_left_out_and_said() {
        let library = library(&[(1, 160)]);
        let mut player = Player::new(
            9,
            &[Sound::Prompt(PromptId(7)), Sound::Prompt(PromptId(1))],
            false,
            &library,
            Time::ZERO,
        );
        assert_eq!(played(&mut player, Law::A).len(), 160);
        assert!(!player.whole);
        assert!(played(&mut Player::new(9, &[], true, &library, Time::ZERO), Law::A).is_empty());
        let nothing = [Sound::Silence(Duration::ZERO)];
        assert!(
            played(&mut Player::new(9, &nothing, true, &library, Time::ZERO), Law::A).is_empty(),
            "repeats forever"
        );
    }

    #[test]
    fn a_repeated_tone_keeps_its_cadence_across_frames() {
        let mut player = Player::new(9, &[Sound::Tone(Tone::Busy)], true, &PromptLibrary::new(), Time::ZERO);
        let octets = played(&mut player, Law::A);
        for start in (0..octets.len()).step_by(5_600) {
            let (on, off) = octets[start..].split_at(2_800.min(octets.len() - start));
            assert!(on.iter().filter(|octet| **octet & 0x7f > 0x55).count() > 100);
            assert!(off.iter().take(2_800).all(|octet| *octet == A_LAW_SILENCE));
        }
    }

    #[test]
    fn a_value_is_spoken_from_the_pieces_that_there_are() {
        use crate::media::say::{Language, Say, Spoken};
        let mut library = PromptLibrary::new();
        for (n, piece) in ["d2", "d100", "d0", "d5"].into_iter().enumerate() {
            library.insert_piece(
                Language::Mandarin,
                piece,
                Prompt::from_samples(&vec![n as i16 * 1_000; 160]),
            );
        }
        let say = |value| [Sound::Say(Say { language: Language::Mandarin, what: Spoken::Number(value) })];
        // 两百零五: 二 stands in for 两.
        let mut player = Player::new(9, &say(205), false, &library, Time::ZERO);
        assert_eq!(played(&mut player, Law::A).len(), 4 * 160);
        assert!(player.whole);
        let mut player = Player::new(9, &say(206), false, &library, Time::ZERO);
        assert_eq!((played(&mut player, Law::A).len(), player.whole), (3 * 160, false));
    }

    #[test]
    fn music_goes_on_while_nobody_listens() {
        let mut library = PromptLibrary::new();
        let samples: Vec<i16> = (0..8_000).map(|n| (n % 4_000) as i16 * 8).collect();
        library.insert(PromptId(1), Prompt::from_samples(&samples));
        let music = [Sound::Music(PromptId(1))];
        let first = |at| {
            let mut player = Player::new(9, &music, true, &library, Time::from_millis(at));
            played(&mut player, Law::A)[..400].to_vec()
        };
        assert_eq!(first(0), library.get(PromptId(1)).unwrap().a_law()[..400]);
        assert_eq!(first(25)[..200], first(0)[200..]);
        assert_eq!(first(10_000), first(0), "a whole number of times round");
    }

    #[test]
    fn keys_become_events_or_tones() {
        let mut frame = [0; FRAME];
        let mut pad = Keypad::default();
        pad.add("1x,#!");
        let mut steps = Vec::new();
        loop {
            match pad.step(Some(8_000), Some(Law::A), &mut frame) {
                Step::Done => break,
                step => steps.push(step),
            }
        }
        assert_eq!(steps.len(), 8 + 25 + 8);
        let codes = steps.iter().filter_map(|step| match step {
            Step::Event(true, event) => Some(event.code),
            _ => None,
        });
        assert_eq!(codes.collect::<Vec<_>>(), [1, 11]);

        pad.add("5");
        let mut sounding = 0;
        for _ in 0..8 {
            assert_eq!(pad.step(None, Some(Law::Mu), &mut frame), Step::Sound);
            sounding += usize::from(frame != [0xff; FRAME]);
        }
        assert_eq!((sounding, pad.step(None, Some(Law::Mu), &mut frame)), (5, Step::Done));
        pad.add(&"1".repeat(1_000));
        assert_eq!(pad.waiting.len(), bounds::KEYS);
    }
}
