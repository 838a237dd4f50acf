//! Two kinds of time: [`Time`] never jumps and drives every alarm; [`Wall`] is what people and laws mean by time.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Microseconds since the node's own beginning; monotonic. Only differences mean anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The node's beginning.
    pub const ZERO: Time = Time(0);

    /// `us` microseconds after the node's beginning.
    pub const fn from_micros(us: u64) -> Time {
        Time(us)
    }

    /// `ms` milliseconds after the node's beginning.
    pub const fn from_millis(ms: u64) -> Time {
        Time(ms * 1_000)
    }

    /// Microseconds since the node's beginning.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, gap: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(gap.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Time> for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Microseconds since 1970-01-01T00:00:00Z by the machine's clock. May jump; never drives an alarm.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Wall(i64);

impl Wall {
    /// `us` microseconds after the Unix epoch (negative: before).
    pub const fn from_micros(us: i64) -> Wall {
        Wall(us)
    }

    /// Microseconds after the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The day (UTC) that it lies in, counted from 1970-01-01.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000_000)
    }

    /// This moment as RFC 3339 in UTC with milliseconds, e.g. `2026-11-22T08:59:32.120Z`.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => format!("{at:.3}"),
            Err(_) => format!("{}us", self.0),
        }
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;
    fn add(self, gap: Duration) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(gap.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_below_zero() {
        assert_eq!(Time::from_millis(1).since(Time::from_millis(5)), Duration::ZERO);
        assert_eq!(Time::from_millis(5) - Time::from_millis(1), Duration::from_millis(4));
    }

    #[test]
    fn wall_prints_as_rfc_3339() {
        assert_eq!(Wall::from_micros(1_795_337_972_120_000).rfc3339(), "2026-11-22T08:59:32.120Z");
    }
}
