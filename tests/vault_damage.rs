//! Whatever is done to a sealed file, the opener names it: which chunk, where, what.

use ledgerline::base::{CallId, Random, RecordingId, Secret, Wall};
use ledgerline::vault::{Content, Damage, Keyring, Kind, Opener, Sealer};
use proptest::prelude::*;

fn ring() -> Keyring {
    let mut ring = Keyring::new();
    ring.insert(1, Secret::new([7; 32]));
    ring
}

/// A sealed file and where its chunks begin; the last entry is the file's length.
#[derive(Debug, Clone)]
struct Sample {
    id: RecordingId,
    bytes: Vec<u8>,
    starts: Vec<usize>,
    contents: Vec<Vec<u8>>,
}

fn sample(seed: u64, chunks: usize) -> Sample {
    let mut random = Random::from_number(seed);
    let id = RecordingId::new(Wall::from_micros(1_795_337_972_120_000), &mut random);
    let call = CallId::new(Wall::from_micros(1_795_337_972_120_000), &mut random);
    let mut bytes = Vec::new();
    let mut sealer =
        Sealer::begin(Content::Recording, id, call, Wall::from_micros(5), &ring(), &mut random, &mut bytes)
            .expect("key 1");
    let (mut starts, mut contents) = (Vec::new(), Vec::new());
    for index in 0..chunks {
        let mut content = vec![0; random.below(600) as usize];
        random.fill(&mut content);
        starts.push(bytes.len());
        let kind = if index == 0 { Kind::Opening } else { Kind::Media };
        sealer.seal(kind, [&content[..]], &mut bytes).expect("room");
        contents.push(content);
    }
    starts.push(bytes.len());
    contents.push(b"{}".to_vec());
    sealer.close(b"{}", &mut bytes).expect("room");
    starts.push(bytes.len());
    Sample { id, bytes, starts, contents }
}

impl Sample {
    /// Chunks, the closing record included.
    fn chunks(&self) -> usize {
        self.starts.len() - 1
    }

    fn chunk(&self, index: usize) -> &[u8] {
        &self.bytes[self.starts[index]..self.starts[index + 1]]
    }

    fn header(&self) -> &[u8] {
        &self.bytes[..self.starts[0]]
    }

    /// The file with the chunks `order` in this order.
    fn with(&self, order: impl IntoIterator<Item = usize>) -> Vec<u8> {
        let mut out = self.header().to_vec();
        for index in order {
            out.extend_from_slice(self.chunk(index));
        }
        out
    }
}

/// Damages of `bytes`, read in portions of `portion`; every yielded chunk is checked against the original.
fn damages(sample: &Sample, bytes: &[u8], portion: usize) -> Vec<Damage> {
    let ring = ring();
    let mut opener = Opener::new(&ring, Some(sample.id));
    let check = |opener: &mut Opener| {
        while let Some(piece) = opener.piece() {
            assert_eq!(piece.plaintext, sample.contents[piece.index as usize], "chunk {}", piece.index);
        }
    };
    for portion in bytes.chunks(portion.max(1)) {
        opener.push(portion);
        check(&mut opener);
    }
    opener.end();
    check(&mut opener);
    let examined = opener.finish();
    assert_eq!(examined.sealed.len_bytes, bytes.len() as u64, "every octet was accounted for");
    examined.damages
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_file_is_whole(seed: u64, chunks in 1..12usize, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        prop_assert_eq!(damages(&sample, &sample.bytes, portion), []);
    }

    #[test]
    fn a_flipped_bit_is_named(seed: u64, chunks in 1..12usize, at: prop::sample::Index, bit in 0..8u8, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let mut bad = sample.bytes.clone();
        let at = at.index(bad.len());
        bad[at] ^= 1 << bit;
        let found = damages(&sample, &bad, portion);
        let chunk = sample.starts.iter().rposition(|start| *start <= at);
        match (at, chunk) {
            (_, Some(index)) => {
                let named = Damage::Altered { index: index as u32, offset: sample.starts[index] as u64 };
                prop_assert_eq!(found, [named]);
            }
            (0..8, _) => prop_assert_eq!(found, [Damage::NotOurs]),
            (8..12, _) => prop_assert!(matches!(found[..], [Damage::Unknown { .. }]), "{:?}", found),
            (16..32, _) => prop_assert!(matches!(found[..], [Damage::OtherFile { .. }, Damage::Header]), "{:?}", found),
            (68..72, _) => prop_assert!(matches!(found[..], [Damage::NoKey { .. }]), "{:?}", found),
            (72..112, _) => prop_assert_eq!(found, [Damage::WrappedKey { version: 1 }]),
            _ => prop_assert_eq!(found, [Damage::Header]),
        }
    }

    #[test]
    fn a_cut_tail_is_named(seed: u64, chunks in 1..12usize, at: prop::sample::Index, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let at = at.index(sample.bytes.len());
        let found = damages(&sample, &sample.bytes[..at], portion);
        let named = match sample.starts.iter().rposition(|start| *start <= at) {
            None => Damage::Header,
            Some(index) if sample.starts[index] == at => Damage::NoClosing { chunks: index as u32 },
            Some(index) => Damage::Torn { index: index as u32, offset: sample.starts[index] as u64 },
        };
        prop_assert_eq!(found, [named]);
    }

    #[test]
    fn swapped_chunks_are_named(seed: u64, chunks in 2..12usize, a: prop::sample::Index, b: prop::sample::Index, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let (a, b) = (a.index(sample.chunks()), b.index(sample.chunks()));
        prop_assume!(a != b);
        let mut order: Vec<usize> = (0..sample.chunks()).collect();
        order.swap(a, b);
        let found = damages(&sample, &sample.with(order), portion);
        let named: Vec<(u32, u32)> = found
            .iter()
            .map(|damage| match damage {
                Damage::Misplaced { index, found, .. } => (*index, *found),
                other => panic!("{other:?}"),
            })
            .collect();
        let (a, b) = (a.min(b) as u32, a.max(b) as u32);
        prop_assert_eq!(named, [(a, b), (b, a)]);
    }

    #[test]
    fn left_out_chunks_are_named(seed: u64, chunks in 1..12usize, from: prop::sample::Index, count in 1..4usize, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let from = from.index(sample.chunks());
        let to = (from + count - 1).min(sample.chunks() - 1);
        let kept = (0..sample.chunks()).filter(|index| !(from..=to).contains(index));
        let found = damages(&sample, &sample.with(kept), portion);
        let named = if to == sample.chunks() - 1 {
            Damage::NoClosing { chunks: from as u32 }
        } else {
            Damage::Missing { from: from as u32, to: to as u32, offset: sample.starts[from] as u64 }
        };
        prop_assert_eq!(found, [named]);
    }

    #[test]
    fn a_repeated_chunk_is_named(seed: u64, chunks in 1..12usize, which: prop::sample::Index, after: prop::sample::Index, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let which = which.index(sample.chunks() - 1);
        let after = which + after.index(sample.chunks() - 1 - which);
        let mut order: Vec<usize> = (0..sample.chunks()).collect();
        order.insert(after + 1, which);
        let offset = sample.starts[after + 1] as u64;
        let found = damages(&sample, &sample.with(order), portion);
        prop_assert_eq!(found, [Damage::Misplaced { index: after as u32 + 1, found: which as u32, offset }]);
    }

    #[test]
    fn a_chunk_of_another_call_is_named(seed: u64, chunks in 1..12usize, which: prop::sample::Index, replace: bool, disguise: bool, portion in 1..2_000usize) {
        let (sample, other) = (sample(seed, chunks), sample(seed ^ 1, chunks));
        let which = which.index(sample.chunks() - 1);
        let mut foreign = other.chunk(which).to_vec();
        if disguise {
            // The other's chunk under our name, with a checksum that fits.
            foreign[16..32].copy_from_slice(&sample.id.to_bytes());
            let sum = crc32fast::hash(&foreign[..56]).to_be_bytes();
            foreign[56..60].copy_from_slice(&sum);
        }
        let mut bad = sample.bytes[..sample.starts[which]].to_vec();
        bad.extend_from_slice(&foreign);
        bad.extend_from_slice(&sample.bytes[sample.starts[which + usize::from(replace)]..]);
        let (index, offset) = (which as u32, sample.starts[which] as u64);
        let found = damages(&sample, &bad, portion);
        match (disguise, replace) {
            (false, _) => prop_assert_eq!(found, [Damage::Foreign { index, found: other.id, offset }]),
            (true, true) => prop_assert_eq!(found, [Damage::Altered { index, offset }]),
            (true, false) => {
                let second = offset + foreign.len() as u64;
                let found_second = Damage::Misplaced { index: index + 1, found: index, offset: second };
                prop_assert_eq!(found, [Damage::Altered { index, offset }, found_second]);
            }
        }
    }

    #[test]
    fn a_file_of_another_call_is_named(seed: u64, chunks in 1..12usize, portion in 1..2_000usize) {
        let (sample, other) = (sample(seed, chunks), sample(seed ^ 1, chunks));
        let ring = ring();
        let mut opener = Opener::new(&ring, Some(sample.id));
        for portion in other.bytes.chunks(portion) {
            opener.push(portion);
            while opener.piece().is_some() {}
        }
        opener.end();
        prop_assert_eq!(opener.finish().damages, [Damage::OtherFile { found: other.id }]);
    }

    #[test]
    fn garbage_is_named_and_the_rest_still_opens(seed: u64, chunks in 2..12usize, at: prop::sample::Index, len in 1..900usize, replace: bool, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let at = sample.starts[at.index(sample.chunks())];
        let mut garbage = vec![0; len];
        Random::from_number(seed).fill(&mut garbage);
        let mut bad = sample.bytes.clone();
        let until = if replace { (at + len).min(bad.len()) } else { at };
        bad.splice(at..until, garbage);
        let found = damages(&sample, &bad, portion);
        prop_assert!(!found.is_empty());
        if !replace {
            let index = sample.starts.iter().position(|start| *start == at).expect("a start") as u32;
            prop_assert_eq!(found, [Damage::Garbage { index, offset: at as u64, len: len as u64 }]);
        }
    }

    #[test]
    fn octets_after_the_closing_record_are_named(seed: u64, chunks in 1..12usize, len in 1..200usize, portion in 1..2_000usize) {
        let sample = sample(seed, chunks);
        let mut bad = sample.bytes.clone();
        bad.extend(std::iter::repeat_n(0xaa, len));
        prop_assert_eq!(damages(&sample, &bad, portion), [Damage::Trailing { len: len as u64 }]);
    }

    #[test]
    fn an_older_state_of_the_file_joined_to_a_newer_one_is_named(seed: u64, chunks in 2..12usize, cut: prop::sample::Index) {
        // A crash loses chunks from `cut` on, recovery seals others in their place; then somebody puts an old one back.
        let sample = sample(seed, chunks);
        let cut = 1 + cut.index(sample.chunks() - 2);
        let ring = ring();
        let mut opener = Opener::new(&ring, Some(sample.id));
        opener.push(&sample.bytes[..sample.starts[cut]]);
        let mut again = sample.bytes[..sample.starts[cut]].to_vec();
        let examined = { while opener.piece().is_some() {} opener.finish() };
        prop_assert_eq!(examined.whole_bytes(), Some(sample.starts[cut] as u64));
        let mut sealer = examined.into_sealer(&mut Random::from_number(seed ^ 2)).expect("not closed");
        sealer.seal(Kind::Media, [&sample.contents[cut][..]], &mut again).expect("room");
        sealer.seal(Kind::Media, [&sample.contents[cut][..]], &mut again).expect("room");
        sealer.close(b"{}", &mut again).expect("room");
        let len = sample.chunk(cut).len();
        again[sample.starts[cut]..sample.starts[cut] + len].copy_from_slice(sample.chunk(cut));
        let mut opener = Opener::new(&ring, Some(sample.id));
        opener.push(&again);
        let found = opener.finish().damages;
        let offset = (sample.starts[cut] + len) as u64;
        prop_assert_eq!(found, [Damage::Unchained { index: cut as u32 + 1, offset }]);
    }
}
