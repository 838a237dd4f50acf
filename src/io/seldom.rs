//! One log line where strangers could cause thousands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::base::bounds;

/// Says yes once in [`bounds::SELDOM`].
#[derive(Debug)]
pub(super) struct Seldom {
    since: Instant,
    /// Milliseconds since then at which the next yes is due.
    next_ms: AtomicU64,
}

impl Seldom {
    /// The first question gets a yes.
    pub fn new() -> Seldom {
        Seldom { since: Instant::now(), next_ms: AtomicU64::new(0) }
    }

    /// Whether it is time to say something again.
    pub fn now(&self) -> bool {
        let now_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let span_ms = u64::try_from(bounds::SELDOM.as_millis()).unwrap_or(u64::MAX);
        let due = |next_ms| (now_ms >= next_ms).then(|| now_ms.saturating_add(span_ms));
        self.next_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_questions_in_a_row_one_gets_a_yes() {
        let seldom = Seldom::new();
        assert_eq!((0..100).filter(|_| seldom.now()).count(), 1);
    }
}
