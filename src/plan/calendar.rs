//! Working hours: a condition on the wall clock of one time zone.
//!
//! Invariant: the answer depends on the moment alone; zones come from the database built into the binary, so that a
//! program means the same on every machine.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use crate::base::Wall;

/// The zone that is meant where a plan names none.
pub(crate) const ZONE_UNSAID: &str = "Asia/Shanghai";

/// Minutes after midnight; `end` is beyond 1 440 when the span runs into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Open {
    pub start: u16,
    pub end: u16,
}

/// When something is open.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub zone: TimeZone,
    /// From Monday to Sunday.
    pub week: [Vec<Open>; 7],
    /// Days that differ: `true` is off, `false` is worked as a Monday.
    pub days: BTreeMap<Date, bool>,
}

/// The zone of this name in the built-in database.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

impl Calendar {
    /// Whether it is open at `wall`.
    pub fn is_open(&self, wall: Wall) -> bool {
        let Ok(at) = Timestamp::from_microsecond(wall.as_micros()) else {
            return false;
        };
        let local = at.to_zoned(self.zone.clone()).datetime();
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let today = self.spans(local.date()).iter().any(|open| (open.start..open.end).contains(&minute));
        let late = minute + 24 * 60;
        today
            || local.date().checked_sub(1.day()).is_ok_and(|yesterday| {
                self.spans(yesterday).iter().any(|open| (open.start..open.end).contains(&late))
            })
    }

    fn spans(&self, day: Date) -> &[Open] {
        let weekday = match self.days.get(&day) {
            Some(true) => return &[],
            Some(false) => 0,
            None => usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0),
        };
        self.week.get(weekday).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn hours_follow_the_zone_the_week_the_night_and_the_holidays() {
        let office = vec![Open { start: 9 * 60, end: 18 * 60 }];
        let night = vec![Open { start: 22 * 60, end: 30 * 60 }];
        let mut week = [const { Vec::new() }; 7];
        for day in week.iter_mut().take(5) {
            day.clone_from(&office);
        }
        week[4].extend(night); // Friday 22:00 to Saturday 06:00
        let days = BTreeMap::from([(date(2026, 10, 1), true), (date(2026, 10, 10), false)]);
        let zone = zone("Asia/Shanghai").unwrap_or(TimeZone::UTC);
        let calendar = Calendar { zone, week, days };
        for (utc, open, why) in [
            ("2026-09-28T01:00:00Z", true, "Monday 09:00"),
            ("2026-09-28T00:59:59Z", false, "Monday 08:59"),
            ("2026-09-28T10:00:00Z", false, "Monday 18:00, the end is outside"),
            ("2026-09-26T02:00:00Z", false, "Saturday 10:00"),
            ("2026-09-25T21:59:00Z", true, "Saturday 05:59, the night of Friday"),
            ("2026-09-25T22:00:00Z", false, "Saturday 06:00"),
            ("2026-10-01T02:00:00Z", false, "Thursday, a holiday"),
            ("2026-10-10T02:00:00Z", true, "Saturday, worked"),
        ] {
            let at: Timestamp = utc.parse().unwrap_or_default();
            assert_eq!(calendar.is_open(Wall::from_micros(at.as_microsecond())), open, "{why}");
        }
        assert!(!calendar.is_open(Wall::from_micros(i64::MAX)));
    }
}
