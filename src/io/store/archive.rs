//! The archivist: beside each closed recording of a certain age it puts an Opus copy, a tenth as long, to listen to and to hand out.
//!
//! Invariants: the original is never touched, and stays as long as its own terms say; a copy is a derived item, so it goes when the
//! original goes. One recording at a time, and then a rest nine times as long as the work: never more than a tenth of a core.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Inner, Making, Store, StoreError};
use crate::base::RecordingId;
use crate::io::clock::wall;
use crate::vault::{Form, opus_while};

/// How often it looks whether another recording is old enough, when there was none.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// The least rest after a recording.
const REST: Duration = Duration::from_millis(50);

/// The archivist's thread.
pub(super) struct Archivist {
    stop: Option<SyncSender<()>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Archivist {
    /// Starts it over `store`, for recordings that began `age` ago.
    pub(super) fn start(store: Weak<Inner>, age: Duration) -> std::io::Result<Archivist> {
        let (stop, stopped) = sync_channel::<()>(0);
        let stopping = Arc::new(AtomicBool::new(false));
        let go_on = {
            let stopping = Arc::clone(&stopping);
            move || !stopping.load(Ordering::Relaxed)
        };
        let work = move || {
            let mut reached = None;
            loop {
                let Some(inner) = store.upgrade() else { return };
                let began = Instant::now();
                let next = next(&inner, &mut reached, age, &go_on);
                drop(inner);
                let rest = if next { (9 * began.elapsed()).max(REST) } else { LOOK_EVERY };
                if stopped.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("ledgerline-opus".into()).spawn(work)?;
        Ok(Archivist { stop: Some(stop), stopping, thread: Some(thread) })
    }

    /// Ends it; what it is at is left.
    pub(super) fn close(mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.stop.take());
        let other = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(other) {
            let _ = thread.join();
        }
    }
}

/// Looks after the next recording behind `reached`; false when there is none now.
fn next(
    inner: &Arc<Inner>,
    reached: &mut Option<RecordingId>,
    age: Duration,
    go_on: &dyn Fn() -> bool,
) -> bool {
    let kind = Form::Opus.to_string();
    let until = crate::base::Wall::from_micros(
        wall().as_micros().saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)),
    );
    let Ok(Some(recording)) = inner.index.without(&kind, *reached, until) else { return false };
    *reached = Some(recording);
    let store = Store { inner: Arc::clone(inner) };
    match copy(&store, recording, &kind, go_on) {
        Ok(true) => tracing::debug!(%recording, "an Opus copy stands beside it"),
        Ok(false) => tracing::debug!(%recording, "no sound to copy"),
        // Sealed, leaving, damaged: it has no copy, and is looked at again after the next start.
        Err(error) => tracing::info!(%recording, %error, "no Opus copy"),
    }
    true
}

/// Puts an Opus copy beside `recording`; false when it has no sound that can be copied whole.
fn copy(
    store: &Store,
    recording: RecordingId,
    kind: &str,
    go_on: &dyn Fn() -> bool,
) -> Result<bool, StoreError> {
    store.may(recording, crate::compliance::retention::Use::Play)?;
    let (sound, damages) = store.sound(recording)?;
    if !damages.is_empty() || !sound.undecodable.is_empty() {
        return Ok(false);
    }
    let Some(octets) = opus_while(&sound, go_on) else { return Ok(false) };
    drop(sound);
    let by = concat!("ledgerline ", env!("CARGO_PKG_VERSION"));
    let making = Making { kind, media_type: Form::Opus.media_type(), by };
    store.append_derived(recording, &making, &octets).map(|_| true)
}
