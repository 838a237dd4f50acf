//! Listening: packets in, 20 ms of linear sound out at every visit. An adaptive jitter buffer, the decoder behind it, and
//! what fills the gaps. Only legs whose sound is consumed here have one: a plain relay has not.
//!
//! Delay grows by what was missing when it was wanted and shrinks when packets have been early for two seconds.
//! Invariant: of a stream that comes whole, every sample is heard once; memory is bounded by [`SLOTS`] packets.

use crate::rtp::Codec;
use crate::rtp::comfort::Noise;
use crate::rtp::linear::{Decoder, FRAME, Frame, LONGEST};

/// Packets that may wait: 640 ms at 20 ms each.
const SLOTS: usize = 32;
/// Sound that is gathered before a talkspurt begins: two packets of 20 ms, so that one may be late.
const GATHER: usize = 2 * FRAME;
/// More than this waiting at every visit of [`PATIENCE`] is delay without use: one and a half frames.
const SLACK: usize = FRAME * 3 / 2;
/// Visits over which delay must have been of no use: 2 s.
const PATIENCE: u32 = 100;
/// More than this waiting is dropped at once: 240 ms.
const MOST: usize = 12 * FRAME;
/// More packets missing in a row than this: the stream has jumped, nothing was lost.
const JUMP: u16 = 8;
/// Frames made up before a silent far end counts as silent: 100 ms.
const FADED: u32 = 5;
/// The blend where a frame is left out: 5 ms.
const SEAM: usize = FRAME / 4;

/// What a frame that was pulled is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pulled {
    /// What the far end said.
    Sound,
    /// Made up: lost, late, or comfort noise.
    Filled,
    /// The far end says nothing; the frame is silence.
    Silence,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ear {
    slots: Vec<Slot>,
    /// The sequence number that is heard next, once a stream has begun.
    next: Option<u16>,
    epoch: u32,
    /// Samples of the last packet: what a lost one is taken to have held.
    span: usize,
    decoder: Option<Decoder>,
    /// Decoded and not yet pulled.
    ready: Vec<i16>,
    noise: Option<Noise>,
    gathering: bool,
    /// Frames made up in a row for want of packets.
    starved: u32,
    /// The least that waited since the patience began, and for how many visits.
    least: usize,
    visits: u32,
}

/// A packet that waits. Slots keep their room when they are emptied.
#[derive(Debug, Default)]
struct Slot {
    seq: Option<u16>,
    content: Content,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Content {
    /// A key, or something else without sound that takes a sequence number.
    #[default]
    Nothing,
    Noise,
    Sound(Codec),
}

impl Ear {
    pub(super) fn new() -> Ear {
        Ear {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            next: None,
            epoch: 0,
            span: FRAME,
            decoder: None,
            ready: Vec::with_capacity(LONGEST + FRAME),
            noise: None,
            gathering: true,
            starved: FADED,
            least: usize::MAX,
            visits: 0,
        }
    }

    /// Takes a packet of the stream `epoch`; `codec` is `None` for one without sound (a key).
    pub(super) fn push(&mut self, epoch: u32, seq: u16, codec: Option<Codec>, payload: &[u8]) {
        if self.epoch != epoch {
            self.begin(epoch);
        }
        let next = *self.next.get_or_insert(seq);
        let ahead = seq.wrapping_sub(next);
        if ahead > u16::MAX / 2 {
            // Late. Before anything was pulled it is merely early in the order.
            if !self.gathering || next.wrapping_sub(seq) > JUMP {
                return;
            }
            self.next = Some(seq);
        } else if usize::from(ahead) >= SLOTS {
            self.clear();
            self.next = Some(seq);
        }
        let Some(slot) = self.slots.get_mut(usize::from(seq) % SLOTS) else { return };
        slot.seq = Some(seq);
        slot.content = match codec {
            None => Content::Nothing,
            Some(Codec::Cn) => Content::Noise,
            Some(codec) => Content::Sound(codec),
        };
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
    }

    /// The next 20 ms.
    pub(super) fn pull(&mut self, frame: &mut Frame) -> Pulled {
        if self.gathering && self.waiting() < GATHER && !self.gathered_enough() {
            return self.starve(frame);
        }
        if std::mem::take(&mut self.gathering) {
            (self.visits, self.least) = (0, usize::MAX);
        }
        self.shrink();
        let mut real = true;
        while self.ready.len() < FRAME {
            match self.take() {
                Took::Sound => {}
                Took::MadeUp => real = false,
                Took::Nothing if self.ready.is_empty() => return self.starve(frame),
                Took::Nothing => {
                    // Part of a frame is there: the rest is made up.
                    let missing = FRAME - self.ready.len();
                    self.make_up(missing, None);
                    real = false;
                }
            }
        }
        frame.copy_from_slice(&self.ready[..FRAME]);
        self.ready.drain(..FRAME);
        self.starved = 0;
        if real { Pulled::Sound } else { Pulled::Filled }
    }

    /// Forgets the stream: another begins.
    fn begin(&mut self, epoch: u32) {
        self.clear();
        (self.next, self.epoch, self.noise) = (None, epoch, None);
    }

    fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.seq = None);
        self.gathering = true;
    }

    /// Samples that wait, packets that are missing between others included.
    fn waiting(&self) -> usize {
        let Some(next) = self.next else { return self.ready.len() };
        let last = self.slots.iter().filter_map(|slot| slot.seq).map(|seq| seq.wrapping_sub(next)).max();
        self.ready.len() + last.map_or(0, |last| (usize::from(last) + 1) * self.span)
    }

    /// A first packet that waited a frame for another is heard all the same: its fellow may be lost, or be long.
    fn gathered_enough(&mut self) -> bool {
        let any = self.slots.iter().any(|slot| slot.seq.is_some());
        self.visits = if any { self.visits + 1 } else { 0 };
        self.visits > 2
    }

    fn starve(&mut self, frame: &mut Frame) -> Pulled {
        self.starved = self.starved.saturating_add(1);
        if let Some(noise) = &mut self.noise {
            noise.fill(frame);
            return Pulled::Filled;
        }
        match self.decoder.as_mut().filter(|_| self.starved <= FADED) {
            Some(decoder) => {
                decoder.conceal(None, frame);
                if self.starved == FADED {
                    fade(frame);
                    self.gathering = true;
                }
                Pulled::Filled
            }
            None => {
                self.gathering = true;
                frame.fill(0);
                Pulled::Silence
            }
        }
    }

    /// Turns the next packet into samples.
    fn take(&mut self) -> Took {
        let Some(next) = self.next else { return Took::Nothing };
        let ahead = |slot: &Slot| Some(slot.seq?.wrapping_sub(next));
        let Some(nearest) = self.slots.iter().filter_map(ahead).min() else { return Took::Nothing };
        if nearest > JUMP {
            self.next = Some(next.wrapping_add(nearest));
        } else if nearest > 0 {
            let after = usize::from(next.wrapping_add(1)) % SLOTS;
            self.next = Some(next.wrapping_add(1));
            self.make_up(self.span, (nearest == 1).then_some(after));
            return Took::MadeUp;
        }
        self.open(self.next.unwrap_or(next))
    }

    fn open(&mut self, seq: u16) -> Took {
        self.next = Some(seq.wrapping_add(1));
        let Some(slot) = self.slots.get_mut(usize::from(seq) % SLOTS) else { return Took::Nothing };
        slot.seq = None;
        let codec = match slot.content {
            Content::Nothing => return Took::MadeUp,
            Content::Noise => {
                match &mut self.noise {
                    Some(noise) => noise.follow(&slot.payload),
                    None => self.noise = Some(Noise::read(&slot.payload)),
                }
                return Took::MadeUp;
            }
            Content::Sound(codec) => codec,
        };
        self.noise = None;
        if self.decoder.as_ref().is_none_or(|decoder| decoder.codec() != codec) {
            self.decoder = Decoder::new(codec);
        }
        let Some(decoder) = &mut self.decoder else { return Took::MadeUp };
        let mut samples = [0; LONGEST];
        match decoder.decode(&slot.payload, &mut samples) {
            0 => {
                self.make_up(self.span, None);
                Took::MadeUp
            }
            len => {
                self.span = len;
                self.ready.extend_from_slice(&samples[..len]);
                Took::Sound
            }
        }
    }

    /// Puts `len` samples (at most [`LONGEST`]) in the place of what is missing; `after` is the slot of the next packet.
    fn make_up(&mut self, len: usize, after: Option<usize>) {
        let mut samples = [0; LONGEST];
        // Codecs conceal whole frames.
        let whole = len.next_multiple_of(FRAME / 2).min(LONGEST);
        let next = after.and_then(|place| self.slots.get(place));
        let next = next.filter(|slot| matches!(slot.content, Content::Sound(_)) && len >= FRAME);
        if let Some(decoder) = &mut self.decoder {
            decoder.conceal(next.map(|slot| &slot.payload[..]), &mut samples[..whole]);
        }
        self.ready.extend_from_slice(&samples[..len.min(LONGEST)]);
    }

    /// Takes delay away that was of no use.
    fn shrink(&mut self) {
        let waiting = self.waiting().saturating_sub(FRAME);
        self.least = self.least.min(waiting);
        self.visits += 1;
        let (useless, too_much) = (self.visits >= PATIENCE && self.least > SLACK, waiting > MOST);
        if useless || too_much {
            self.leave_out();
        }
        if self.visits >= PATIENCE || too_much {
            (self.visits, self.least) = (0, usize::MAX);
        }
    }

    /// Leaves a frame out: what is heard next blends into what comes 20 ms later.
    fn leave_out(&mut self) {
        while self.ready.len() < 2 * FRAME {
            if let Took::Nothing = self.take() {
                return;
            }
        }
        for n in 0..SEAM {
            let (old, new) = (i32::from(self.ready[n]), i32::from(self.ready[FRAME + n]));
            self.ready[FRAME + n] = (old + (new - old) * (n as i32 + 1) / (SEAM as i32 + 1)) as i16;
        }
        self.ready.drain(..FRAME);
    }
}

enum Took {
    Sound,
    MadeUp,
    Nothing,
}

/// Takes the sound of a frame down to silence.
fn fade(frame: &mut Frame) {
    for (n, sample) in frame.iter_mut().enumerate() {
        *sample = (i32::from(*sample) * (FRAME - n) as i32 / FRAME as i32) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::linear::{ENCODED, Encoder, RATE};
    use std::f64::consts::PI;

    /// Packet n holds 20 ms of a continuous 430 Hz, which is no
    /// whole number of waves.
    struct Speaker(Encoder, usize);

    impl Speaker {
        fn packet(&mut self) -> Vec<u8> {
            let frame = std::array::from_fn(|n| {
                let n = (self.1 * FRAME + n) as f64;
                (8_000.0 * (2.0 * PI * 430.0 * n / f64::from(RATE)).sin()) as i16
            });
            self.1 += 1;
            let mut payload = [0; ENCODED];
            let len = self.0.encode(&frame, &mut payload);
            payload[..len].to_vec()
        }
    }

    /// Plays packet n at `arrivals[n]` ms (`None`: lost), pulls every 20 ms from 5 ms on; all that was heard.
    fn heard(codec: Codec, arrivals: &[Option<u64>], until_ms: u64) -> (Vec<i16>, Vec<Pulled>) {
        let mut speaker = Speaker(Encoder::new(codec).unwrap(), 0);
        let packets: Vec<Vec<u8>> = arrivals.iter().map(|_| speaker.packet()).collect();
        let (mut ear, mut sound, mut kinds) = (Ear::new(), Vec::new(), Vec::new());
        for ms in 0..until_ms {
            for (n, packet) in packets.iter().enumerate().filter(|(n, _)| arrivals[*n] == Some(ms)) {
                ear.push(1, (n as u16).wrapping_add(65_530), Some(codec), packet);
            }
            if ms % 20 == 5 {
                let mut frame = [0; FRAME];
                kinds.push(ear.pull(&mut frame));
                sound.extend(frame);
            }
        }
        (sound, kinds)
    }

    /// The greatest departure from a pure 430 Hz tone of this level, over what is not silent: 0 for an unbroken one.
    fn roughness(sound: &[i16]) -> i32 {
        // x[n+1] = 2 cos(w) x[n] - x[n-1] for any pure tone.
        let turn = 2.0 * (2.0 * PI * 430.0 / f64::from(RATE)).cos();
        let rough = |three: &[i16]| {
            (f64::from(three[2]) - turn * f64::from(three[1]) + f64::from(three[0])).abs() as i32
        };
        sound.windows(3).map(rough).max().unwrap_or(0)
    }

    #[test]
    fn a_stream_that_comes_whole_is_heard_whole() {
        for codec in [Codec::Pcma, Codec::G722] {
            for (story, jitter) in [
                ("even", &[0u64][..]),
                ("uneven", &[0, 12, 3, 17, 9]),
                ("in pairs", &[20, 0]),
                ("swapped", &[0, 0, 22, 0]),
            ] {
                let arrivals: Vec<_> =
                    (0..300).map(|n| Some(100 + n * 20 + jitter[n as usize % jitter.len()])).collect();
                let (sound, kinds) = heard(codec, &arrivals, 6_000);
                let first = kinds.iter().position(|kind| *kind == Pulled::Sound).unwrap();
                let broken = kinds[first..].iter().filter(|kind| **kind != Pulled::Sound).count();
                assert_eq!(broken, 0, "{codec:?} {story}");
                // The codec's own noise aside, one unbroken tone: nothing twice, nothing left out.
                let steady = &sound[(first + 3) * FRAME..];
                assert!(roughness(steady) < 1_200, "{codec:?} {story}: {}", roughness(steady));
            }
        }
    }

    #[test]
    fn losses_are_made_up_and_nothing_shifts() {
        let arrivals: Vec<_> = (0..200u64).map(|n| (n % 10 != 5).then_some(100 + n * 20)).collect();
        let (sound, kinds) = heard(Codec::Pcma, &arrivals, 4_000);
        let first = kinds.iter().position(|kind| *kind == Pulled::Sound).unwrap();
        let filled = kinds[first..first + 190].iter().filter(|kind| **kind == Pulled::Filled).count();
        assert_eq!(filled, 19);
        let rough = roughness(&sound[(first + 3) * FRAME..(first + 190) * FRAME]);
        assert!(rough < 3_500, "clicks: {rough}");
    }

    #[test]
    fn delay_follows_the_network() {
        // Jitter of 100 ms for two seconds, then none: what was gained is given back.
        let late = |n: u64| if n < 100 { n * 37 % 100 } else { 0 };
        let arrivals: Vec<_> = (0..1_500).map(|n| Some(100 + n * 20 + late(n))).collect();
        let mut speaker = Speaker(Encoder::new(Codec::Pcma).unwrap(), 0);
        let packets: Vec<Vec<u8>> = arrivals.iter().map(|_| speaker.packet()).collect();
        let (mut ear, mut waits) = (Ear::new(), Vec::new());
        for ms in 0..30_000 {
            for (n, packet) in packets.iter().enumerate().filter(|(n, _)| arrivals[*n] == Some(ms)) {
                ear.push(1, n as u16, Some(Codec::Pcma), packet);
            }
            if ms % 20 == 5 {
                ear.pull(&mut [0; FRAME]);
                waits.push(ear.waiting() / FRAME);
            }
        }
        let most = waits[50..110].iter().max().unwrap();
        assert!((3..=10).contains(most), "{most} frames while the network is bad");
        assert!(waits[1_300..1_490].iter().all(|frames| *frames <= 2), "{:?}", &waits[1_300..1_320]);
    }

    #[test]
    fn silence_noise_keys_and_another_stream() {
        let mut speaker = Speaker(Encoder::new(Codec::Pcma).unwrap(), 0);
        let mut ear = Ear::new();
        let mut frame = [0; FRAME];
        assert_eq!(ear.pull(&mut frame), Pulled::Silence);
        for seq in 0..2 {
            ear.push(1, seq, Some(Codec::Pcma), &speaker.packet());
        }
        // A key's packets take numbers; the sound behind them is neither lost nor late.
        ear.push(1, 2, None, &[]);
        ear.push(1, 3, Some(Codec::Pcma), &speaker.packet());
        let kinds: Vec<_> = (0..9).map(|_| ear.pull(&mut frame)).collect();
        let mut expected = vec![Pulled::Sound, Pulled::Sound];
        expected.push(Pulled::Filled);
        expected.extend([Pulled::Filled; 5]);
        expected.push(Pulled::Silence);
        assert_eq!(kinds, expected);
        // Comfort noise goes on until sound comes.
        ear.push(1, 4, Some(Codec::Cn), &[30]);
        let kinds: Vec<_> = (0..30).map(|_| ear.pull(&mut frame)).collect();
        assert_eq!(kinds[5..], [Pulled::Filled; 25]);
        assert!(frame.iter().any(|sample| sample.abs() > 200));
        // Another source begins anywhere.
        for seq in 40_000..40_003 {
            ear.push(2, seq, Some(Codec::Pcma), &speaker.packet());
        }
        let kinds: Vec<_> = (0..3).map(|_| ear.pull(&mut frame)).collect();
        assert_eq!(kinds, [Pulled::Sound; 3]);
    }
}
