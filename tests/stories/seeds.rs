//! Random stories, each from its seed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;

use crate::world::scenario;

/// Stories in one ordinary run.
const SEEDS: u64 = 1_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

type Told = std::thread::Result<String>;

fn tell(seed: u64) -> Told {
    catch_unwind(AssertUnwindSafe(|| scenario::tell(seed).ladder()))
}

fn tell_garbled(seed: u64) -> Told {
    catch_unwind(AssertUnwindSafe(|| scenario::tell_garbled(seed).ladder()))
}

/// Tells the stories of all seeds, or of the one that is asked for.
fn tell_all(seeds: u64, tell: fn(u64) -> Told) {
    if let Some(seed) = number("LEDGERLINE_SEED") {
        println!("{}", tell(seed).unwrap_or_else(|panic| resume_unwind(panic)));
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let failed = &failed;
            scope.spawn(move || {
                for seed in (thread..seeds).step_by(threads as usize) {
                    if tell(seed).is_err() {
                        failed.lock().expect("no thread dies").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread dies");
    assert!(failed.is_empty(), "repeat one with LEDGERLINE_SEED=n, n of {failed:?}");
}

#[test]
fn random_stories_hold_to_the_model() {
    tell_all(number("LEDGERLINE_SEEDS").unwrap_or(SEEDS), tell);
}

#[test]
fn garbled_messages_leave_nothing_behind() {
    tell_all(number("LEDGERLINE_SEEDS").unwrap_or(SEEDS) / 4, tell_garbled);
}

#[test]
fn a_story_is_the_same_each_time_it_is_told() {
    for seed in 0..100 {
        assert_eq!(tell(seed).ok(), tell(seed).ok(), "seed {seed}");
    }
}
