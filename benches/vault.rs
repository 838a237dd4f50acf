//! The vault: sealing and opening of recordings, in octets of sound a second; leaves and terms a second.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledgerline::base::{CallId, Random, RecordingId, Secret, Wall};
use ledgerline::vault::{
    Batch, Blinder, Content, Frame, Frontier, Keyring, Kind, LedgerKey, Opener, Sealer, Suite, TreeHead,
};

fn ring(suite: Suite) -> Keyring {
    let mut ring = Keyring::of(suite);
    ring.insert(1, Secret::new([7; 32]));
    ring
}

fn begin(suite: Suite, out: &mut Vec<u8>) -> Sealer {
    let (id, call) = (RecordingId::from_bytes([1; 16]), CallId::from_bytes([2; 16]));
    let mut random = Random::from_number(1);
    Sealer::begin(Content::Recording, id, call, Wall::default(), &ring(suite), &mut random, out)
        .expect("key 1")
}

/// 100 ms of two tracks of G.711.
fn tenth() -> Batch {
    let mut batch = Batch::new(RecordingId::from_bytes([1; 16]));
    for number in 0..10_u32 {
        let frame = Frame {
            track: (number % 2) as u8,
            arrival_us: u64::from(number) * 10_000,
            payload_type: 8,
            marker: false,
            sequence: number as u16,
            timestamp: number * 160,
            payload: &[0x55; 160],
        };
        batch.push(frame).expect("room");
    }
    batch
}

fn sealing(c: &mut Criterion) {
    for suite in [Suite::Intl, Suite::Gm] {
        sealing_with(suite, c);
    }
}

fn sealing_with(suite: Suite, c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("vault {suite}"));
    for (name, content) in
        [("seal 100 ms", tenth().as_bytes().to_vec()), ("seal 64 KiB", vec![0x55; 64 << 10])]
    {
        group.throughput(Throughput::Bytes(content.len() as u64));
        let mut out = Vec::with_capacity(4 << 20);
        let mut sealer = begin(suite, &mut out);
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                sealer.seal(Kind::Media, [black_box(&content[..])], &mut out).expect("room")
            });
        });
    }
    let ring = ring(suite);
    for (name, content) in
        [("open 100 ms", tenth().as_bytes().to_vec()), ("open 64 KiB", vec![0x55; 64 << 10])]
    {
        let mut file = Vec::new();
        let mut sealer = begin(suite, &mut file);
        while file.len() < 4 << 20 {
            sealer.seal(Kind::Media, [&content[..]], &mut file).expect("room");
        }
        sealer.close(b"{}", &mut file).expect("room");
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut opener = Opener::new(&ring, None);
                for portion in file.chunks(256 << 10) {
                    opener.push(portion);
                    while let Some(piece) = opener.piece() {
                        black_box(piece.plaintext);
                    }
                }
                assert!(opener.finish().damages.is_empty());
            });
        });
    }
    group.finish();
}

fn ledger(c: &mut Criterion) {
    for suite in [Suite::Intl, Suite::Gm] {
        ledger_of(suite, c);
    }
}

fn ledger_of(suite: Suite, c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("ledger {suite}"));
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("1 000 leaves", |b| {
        b.iter_batched(
            || Frontier::new(suite),
            |mut tree| {
                for number in 0..1_000_u64 {
                    let mut leaf = [0; 96];
                    leaf[..8].copy_from_slice(&number.to_be_bytes());
                    tree.push_leaf(&leaf);
                }
                tree.root()
            },
            BatchSize::SmallInput,
        );
    });
    let key = LedgerKey::of(suite, &Secret::new([5; 32])).expect("a key");
    let head = TreeHead { number: 0, size: 1, at: Wall::default(), root: [6; 32] };
    let (public, signed) = (key.public(), head.sign(&key));
    group.throughput(Throughput::Elements(1));
    group.bench_function("sign a head", |b| b.iter(|| black_box(head).sign(&key)));
    group.bench_function("verify a head", |b| {
        b.iter(|| TreeHead::verify(black_box(&signed), &public).expect("ours"))
    });
    let blinder = Blinder::new(suite, Secret::new([3; 32]), "86");
    group.throughput(Throughput::Elements(1));
    group.bench_function("blind a number", |b| b.iter(|| blinder.number(black_box("+86 138 1234 5678"))));
    group.finish();
}

criterion_group!(benches, sealing, ledger);
criterion_main!(benches);
