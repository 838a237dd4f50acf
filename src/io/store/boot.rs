//! What the store last knew of time, so that a clock that was set forward while it was stopped is noticed (RET-05): a start
//! compares the wall's clock with the time since the machine's start.
//!
//! Invariant: nothing is shortened or destroyed because of what stands here; it only freezes destruction until somebody has looked.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Wall;
use crate::compliance::retention::JUMP;
use crate::io::clock::wall;

/// The file in the store.
const FILE: &str = "clock.json";
/// How long a machine may have been off without somebody having to look at its clock: over a weekend and some days.
const OFF: Duration = Duration::from_secs(7 * 86_400);

/// A moment on both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The machine's start: its id, where it is to be read.
    boot: Option<String>,
    /// Seconds since then.
    up_s: u64,
    wall: Wall,
}

impl Seen {
    /// Now.
    pub(super) fn now() -> Seen {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let up_s = u64::try_from(rustix::system::sysinfo().uptime).unwrap_or(0);
        Seen { boot: boot.map(|boot| boot.trim().to_string()), up_s, wall: wall() }
    }

    /// What stands in the store at `dir`.
    pub(super) fn of(dir: &Path) -> Option<Seen> {
        serde_json::from_slice(&fs::read(dir.join(FILE)).ok()?).ok()
    }

    /// Keeps it. What is lost with a crash is the last minute.
    pub(super) fn keep(&self, dir: &Path) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let fresh = dir.join("clock.new");
        let written = fs::File::create(&fresh).and_then(|mut file| file.write_all(&text));
        if let Err(error) = written.and_then(|()| fs::rename(&fresh, dir.join(FILE))) {
            tracing::warn!(%error, "the clock's last moment is not kept");
        }
    }

    /// By how many seconds the clock jumped between `self` and `now`: by more than five minutes within one run of the machine,
    /// or forward by more than it may have been off.
    pub(super) fn jumped(&self, now: &Seen) -> Option<i64> {
        let passed_us = now.wall.as_micros() - self.wall.as_micros();
        let same = self.boot.is_some() && self.boot == now.boot;
        let (expected_us, slack) = match now.up_s.checked_sub(self.up_s) {
            Some(up_s) if same => (up_s as i64 * 1_000_000, JUMP),
            _ => (0, OFF),
        };
        let by_us = passed_us - expected_us;
        let jumped = by_us > slack.as_micros() as i64 || by_us < -(JUMP.as_micros() as i64);
        jumped.then_some(by_us / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_while_stopped_is_told_from_time_that_passed() {
        let seen = |boot: &str, up_s: u64, wall_s: i64| Seen {
            boot: (!boot.is_empty()).then(|| boot.to_string()),
            up_s,
            wall: Wall::from_micros(wall_s * 1_000_000),
        };
        let day = 86_400;
        let before = seen("a", 1_000, 1_000_000);
        for (now, jumped) in [
            (seen("a", 1_000 + 5 * day, 1_000_000 + 5 * day as i64), None),
            (seen("a", 1_010, 1_000_310), None),
            (seen("a", 1_010, 1_000_000 + 400 * day as i64), Some(400 * day as i64 - 10)),
            (seen("a", 5_000, 1_000_000), Some(-4_000)),
            (seen("b", 10, 1_000_000 + 6 * day as i64), None),
            (seen("b", 10, 1_000_000 + 8 * day as i64), Some(8 * day as i64)),
            (seen("", 2_000, 1_000_000 + 6 * day as i64), None),
            (seen("b", 10, 1_000_000 - 3_600), Some(-3_600)),
        ] {
            assert_eq!(before.jumped(&now), jumped, "{now:?}");
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Seen::of(folder.path()), None);
        let now = Seen::now();
        now.keep(folder.path());
        let before = Seen::of(folder.path()).expect("kept");
        assert_eq!((before.jumped(&Seen::now()), before), (None, now));
    }
}
