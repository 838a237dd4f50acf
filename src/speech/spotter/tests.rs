//! The network against the one that it was trained in, and the whole spotter over speech.

use super::*;
use crate::compliance::words::{Level, WordSet};

/// A sentence, and what the network of the training program makes of it with the weights of [`made_up`]
/// (`benches/spotter/fixture.py`).
const SENTENCE: &[u8] = include_bytes!("fixture/sentence.wav");
const SCORES: &[u8] = include_bytes!("fixture/scores.f32");

fn samples(wav: &[u8]) -> Vec<i16> {
    let mut reader = hound::WavReader::new(wav).expect("a WAV file");
    assert_eq!(reader.spec().sample_rate, RATE);
    reader.samples().map(|sample| sample.expect("whole")).collect()
}

fn words(phrases: &[&str]) -> Words {
    let set = WordSet {
        name: "w".into(),
        version: "".into(),
        level: Level::Homophone,
        party: Party::Any,
        phrases: phrases.iter().map(|phrase| Arc::from(*phrase)).collect(),
    };
    Words::compile(&[set]).expect("good phrases")
}

/// A file of weights that nobody trained: the same numbers as the fixture's script makes.
fn made_up() -> Vec<u8> {
    let mut file = b"LLSPOT1\n".to_vec();
    for size in [40u16, 192, 384, 11, 5, 58, 6, 1, 1, 2, 1, 2, 1] {
        file.extend(size.to_le_bytes());
    }
    let mut seed = 1u32;
    let mut array = |count: usize, exponent: u16| {
        for _ in 0..count {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (sign, fraction) = ((seed >> 31) as u16, (seed >> 16) as u16 & 0x3ff);
            file.extend((sign << 15 | exponent << 10 | fraction).to_le_bytes());
        }
    };
    // Matrices small, what is added and scaled by large.
    [(200 * 192, 11), (192, 13), (192, 13), (192, 13)].iter().for_each(|(n, e)| array(*n, *e));
    for _ in 0..6 {
        let own = [(11 * 192, 12), (192, 13), (192, 13), (192, 13)];
        let dense = [(192 * 384, 11), (384, 13), (384 * 192, 10), (192, 13)];
        own.iter().chain(&dense).for_each(|(n, e)| array(*n, *e));
    }
    [(192, 13), (192, 13), (192 * 58, 12), (58, 13)].iter().for_each(|(n, e)| array(*n, *e));
    file
}

#[test]
fn the_network_computes_what_the_training_program_does() {
    let model = Model::read(&made_up()).expect("weights");
    let ours = Spotter::scores(&model, &samples(SENTENCE));
    let theirs: Vec<f32> =
        SCORES.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
    assert!(ours.len() > 60, "{}", ours.len());
    // Rounding differs, and a floor is where logarithms amplify it.
    let far = ours.iter().flatten().zip(&theirs).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(far < 2e-2, "{far}");
    let spread = ours.iter().flatten().fold(0.0f32, |most, one| most.max(-one));
    assert!(spread > 3.0, "the fixture tells frames apart: {spread}");
}

/// A promise and a bill, spoken by a voice that the weights were not trained on (`speak_judged.py`).
#[test]
fn what_is_watched_for_is_heard_and_nothing_else() {
    const PROMISE: &[u8] = include_bytes!("fixture/promise.wav");
    const PLAIN: &[u8] = include_bytes!("fixture/plain.wav");
    let phrases = ["刚性兑付", "保本保息", "药到病除", "内部消息"];
    let watch = Arc::new(Watch::of(&words(&phrases), Party::Agent, &Thresholds::default()));
    let model = Model::built_in().expect("this binary's weights");
    let heard = |wav: &[u8]| {
        let mut spotter = Spotter::new(Arc::clone(&model), Arc::clone(&watch));
        let mut said = spotter.sound(&samples(wav));
        said.extend(spotter.close());
        let texts: String = said.iter().map(|said| said.text.as_str()).collect();
        phrases.into_iter().filter(|phrase| texts.contains(phrase)).collect::<Vec<_>>()
    };
    assert_eq!(heard(PROMISE), ["保本保息"]);
    assert!(heard(PLAIN).is_empty(), "{:?}", heard(PLAIN));
}

#[test]
fn words_that_were_calibrated_have_thresholds_of_their_own() {
    let own = Thresholds::read("# of the floor\n保本保息\t1.25\n无风险 0.4 # often said\n").expect("lines");
    assert_eq!((own.len(), own.of("保本保息", 8), own.of("无风险", 6)), (2, 1.25, 0.4));
    assert_eq!(own.of("刚性兑付", 8), usual(8));
    for (text, line) in [("保本保息", 1), ("a 1\nb x", 2), ("a -1", 1), ("a 99", 1), ("a NaN", 1)] {
        assert_eq!(Thresholds::read(text), Err(line), "{text}");
    }
}

#[test]
fn silence_and_noise_say_nothing() {
    let watch = Arc::new(Watch::of(&words(&["保本保息", "无风险"]), Party::Agent, &Thresholds::default()));
    let model = Model::built_in().expect("this binary's weights");
    let mut spotter = Spotter::new(model, watch);
    let mut seed = 1u32;
    let noise: Vec<i16> = (0..16_000)
        .map(|n| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if n < 8_000 { 0 } else { (seed >> 20) as i16 - 2_048 }
        })
        .collect();
    let mut said = spotter.sound(&noise);
    said.extend(spotter.close());
    assert_eq!(said, []);
}
