//! The times at which one set of hours is open and another is not.

use crate::plan::calendar::{Calendar, Open};
use crate::plan::diagnostic::Lang;
use crate::plan::tell::{Both, list, week};

const DAY: usize = 24 * 60;
/// Days of tables that are named one by one.
const NAMED: usize = 6;

/// When `a` is open and `b` is not, in weeks without holidays and by the tables of days; `None`: never.
pub(super) fn only(a: &Calendar, b: &Calendar) -> Option<Both> {
    let (open, other) = (minutes(a), minutes(b));
    let mut spans: [Vec<Open>; 7] = Default::default();
    for (day, spans) in spans.iter_mut().enumerate() {
        let at = |minute: usize| {
            let minute = day * DAY + minute;
            minute < (day + 1) * DAY && open.get(minute) == Some(&true) && other.get(minute) == Some(&false)
        };
        let mut start = None;
        for minute in 0..=DAY {
            match (start, at(minute)) {
                (None, true) => start = Some(minute),
                (Some(from), false) => {
                    let number = |minute: usize| u16::try_from(minute).unwrap_or(0);
                    spans.push(Open { start: number(from), end: number(minute) });
                    start = None;
                }
                _ => {}
            }
        }
    }
    let days = days(a, b);
    let said = Both::of(|lang| {
        let days = match (days.len(), lang) {
            (0, _) => String::new(),
            (1..=NAMED, Lang::En) => format!("on {}", list(lang, &days)),
            (1..=NAMED, Lang::Zh) => list(lang, &days),
            (count, Lang::En) => format!("on {count} days of the tables of holidays"),
            (count, Lang::Zh) => format!("假日表中的 {count} 天"),
        };
        let parts: Vec<String> =
            [week(lang, &spans), days].into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(if lang == Lang::En { " and " } else { "及" })
    });
    (!said.en.is_empty()).then_some(said)
}

/// Every minute of a week that begins on Monday.
fn minutes(calendar: &Calendar) -> Vec<bool> {
    let mut out = vec![false; 7 * DAY];
    for (day, spans) in calendar.week.iter().enumerate() {
        for minute in spans.iter().flat_map(|open| open.start..open.end) {
            let at = (day * DAY + usize::from(minute)) % (7 * DAY);
            if let Some(minute) = out.get_mut(at) {
                *minute = true;
            }
        }
    }
    out
}

/// Days that the tables make open in `a` and closed in `b`.
fn days(a: &Calendar, b: &Calendar) -> Vec<String> {
    let is_open = |calendar: &Calendar, day: jiff::civil::Date| {
        let weekday = match calendar.days.get(&day) {
            Some(true) => return false,
            Some(false) => 0,
            None => usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0),
        };
        calendar.week.get(weekday).is_some_and(|spans| !spans.is_empty())
    };
    let mut days: Vec<_> = a.days.keys().chain(b.days.keys()).copied().collect();
    days.sort();
    days.dedup();
    days.retain(|day| a.days.get(day) != b.days.get(day) && is_open(a, *day) && !is_open(b, *day));
    days.iter().map(ToString::to_string).collect()
}
