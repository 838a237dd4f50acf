//! The node's two clocks: the only place that reads them for the core.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::base::{Time, Wall};

/// Turns the machine's clocks into the core's values. Copies agree: all threads of a node share one beginning.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// A clock whose [`Time::ZERO`] is now.
    pub fn start() -> Clock {
        Clock { began: Instant::now() }
    }

    /// Monotonic time since the beginning.
    pub fn now(self) -> Time {
        Time::from_micros(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// `time` as the system's monotonic clock has it, for sleeping until it.
    pub fn instant(self, time: Time) -> Instant {
        self.began + time.since(Time::ZERO)
    }
}

/// In a word how the machine's clock is set: `synchronised` when the time service of systemd or chrony says so, else
/// `unknown`.
pub fn state() -> &'static str {
    let marks = ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid"];
    if marks.iter().any(|mark| std::path::Path::new(mark).exists()) { "synchronised" } else { "unknown" }
}

/// What the machine's clock shows. Before 1970 it shows 1970.
pub fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
