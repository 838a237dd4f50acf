//! Recognisers in this process: threads of their own, each with its share of the streams.
//!
//! ```text
//! feed ─ task of the stream ─ bounded queue ─ thread: gate, listener ─> told
//! ```
//!
//! Invariant: a thread that does not keep up holds up its streams' tasks and nobody else; their feeds run over, and that is told. What a
//! stream lost is left out, and its time still counts.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::{GENERATION, Told};
use crate::base::{CallId, LegId, bounds};
use crate::config::Silence;
use crate::media::FeedPiece;
use crate::speech::{Gate, Listener, News, Said, Wanted};

/// What understands speech in this process.
pub trait Engine: Send + Sync {
    /// Samples a second that it takes.
    fn rate(&self) -> u32;
    /// A new stream.
    fn listener(&self, wanted: &Wanted) -> Box<dyn Listener>;
    /// Whether it listens for these words and for nothing else.
    fn minds_words(&self) -> bool;
}

/// One party, on its way to a thread.
pub(super) struct Party {
    pub name: String,
    pub of: (CallId, LegId),
    pub pieces: mpsc::Receiver<FeedPiece>,
    pub changes: mpsc::Receiver<Wanted>,
    pub told: mpsc::Sender<Told>,
    pub silence: Silence,
}

/// What a thread is told.
enum Job {
    /// A stream begins, or begins anew: its sound counts from `begins`.
    Open {
        stream: u64,
        of: (CallId, LegId),
        wanted: Wanted,
        silence: Silence,
        begins: u64,
        generation: u64,
    },
    Sound {
        stream: u64,
        samples: Box<[i16]>,
    },
    Close {
        stream: u64,
    },
}

/// Threads with one engine.
pub struct Pool {
    engine: Arc<dyn Engine>,
    threads: Vec<Thread>,
    last: AtomicU64,
}

struct Thread {
    jobs: mpsc::Sender<Job>,
    streams: Arc<AtomicUsize>,
}

impl Pool {
    /// So many threads; they end when the pool and all its streams are gone.
    ///
    /// # Errors
    /// The system gives none.
    pub(super) fn start(
        engine: Arc<dyn Engine>,
        threads: usize,
        told: mpsc::Sender<Told>,
    ) -> io::Result<Pool> {
        let start = |number: usize| {
            let (jobs, work) = mpsc::channel(bounds::SPOTTER_PIECES);
            let (engine, told) = (Arc::clone(&engine), told.clone());
            let bench = Bench { engine, told, streams: HashMap::new() };
            std::thread::Builder::new().name(format!("listen-{number}")).spawn(move || bench.work(work))?;
            Ok(Thread { jobs, streams: Arc::new(AtomicUsize::new(0)) })
        };
        let threads = (0..threads.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Pool { engine, threads, last: AtomicU64::new(0) })
    }

    /// Carries one party's sound to the thread with the fewest streams, until `stop` is told or the feed ends.
    pub(super) async fn carry(&self, mut party: Party, wanted: Wanted, stop: oneshot::Receiver<()>) {
        let least = self.threads.iter().min_by_key(|thread| thread.streams.load(Ordering::Relaxed));
        let Some(thread) = least else { return };
        thread.streams.fetch_add(1, Ordering::Relaxed);
        let stream = self.last.fetch_add(1, Ordering::Relaxed);
        self.carry_to(&thread.jobs, stream, &mut party, wanted, stop).await;
        let _ = thread.jobs.send(Job::Close { stream }).await;
        thread.streams.fetch_sub(1, Ordering::Relaxed);
    }

    async fn carry_to(
        &self,
        jobs: &mpsc::Sender<Job>,
        stream: u64,
        party: &mut Party,
        mut wanted: Wanted,
        mut stop: oneshot::Receiver<()>,
    ) {
        let (of, silence) = (party.of, party.silence);
        let (mut generation, mut anew) = (0, true);
        loop {
            let piece = tokio::select! {
                piece = party.pieces.recv() => piece,
                Some(changed) = party.changes.recv() => {
                    wanted = changed;
                    anew |= self.engine.minds_words();
                    continue;
                }
                _ = &mut stop => return,
            };
            let Some(piece) = piece else { return };
            let behind = piece.dropped > 0;
            if behind {
                let name = &party.name;
                let lost = piece.dropped.saturating_mul(20);
                tracing::warn!(recogniser = name, call = %of.0, lost, "a recogniser of this node does not keep up");
                let why = format!("recogniser {name}: it does not keep up: {lost} ms of sound were left out");
                let _ = party.told.send((of.0, of.1, News::Deaf { why })).await;
            }
            if behind || std::mem::take(&mut anew) {
                let (wanted, begins) = (wanted.clone(), piece.sample);
                let open = Job::Open { stream, of, wanted, silence, begins, generation };
                generation += 1;
                if jobs.send(open).await.is_err() {
                    return;
                }
            }
            if behind {
                let _ = party.told.send((of.0, of.1, News::Hears)).await;
            }
            if jobs.send(Job::Sound { stream, samples: piece.samples }).await.is_err() {
                return;
            }
        }
    }
}

/// What one thread works on.
struct Bench {
    engine: Arc<dyn Engine>,
    told: mpsc::Sender<Told>,
    streams: HashMap<u64, Open>,
}

/// One stream on a thread.
struct Open {
    of: (CallId, LegId),
    listener: Box<dyn Listener>,
    gate: Option<Gate>,
    begins_ms: u64,
    generation: u64,
}

impl Bench {
    fn work(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            match job {
                Job::Open { stream, of, wanted, silence, begins, generation } => {
                    self.close(stream);
                    let rate = self.engine.rate();
                    let open = Open {
                        of,
                        listener: self.engine.listener(&wanted),
                        gate: (silence == Silence::Skip).then(|| Gate::new(rate)),
                        begins_ms: begins.saturating_mul(1_000) / u64::from(rate.max(1)),
                        generation,
                    };
                    self.streams.insert(stream, open);
                }
                Job::Sound { stream, samples } => {
                    let Some(open) = self.streams.get_mut(&stream) else { continue };
                    let said = open.hear(&samples);
                    tell(&self.told, open, said);
                }
                Job::Close { stream } => self.close(stream),
            }
        }
    }

    fn close(&mut self, stream: u64) {
        let Some(mut open) = self.streams.remove(&stream) else { return };
        let said = open.listener.close();
        if let Some(gate) = &open.gate {
            let (pushed, passed) = gate.counts();
            tracing::debug!(call = %open.of.0, pushed, passed, "a party is listened to no longer");
        }
        tell(&self.told, &open, said);
    }
}

impl Open {
    fn hear(&mut self, samples: &[i16]) -> Vec<Said> {
        let Some(gate) = &mut self.gate else { return self.listener.sound(samples) };
        let passed = gate.push(samples);
        if passed.is_empty() { Vec::new() } else { self.listener.sound(&passed) }
    }
}

fn tell(told: &mpsc::Sender<Told>, open: &Open, said: Vec<Said>) {
    for mut said in said {
        if let Some(gate) = &open.gate {
            gate.place(&mut said);
        }
        said.shift(open.generation * GENERATION, open.begins_ms);
        // The receiver is gone only when the node goes down.
        let _ = told.blocking_send((open.of.0, open.of.1, News::Said(said)));
    }
}
