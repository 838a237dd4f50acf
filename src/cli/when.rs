//! Moments as people write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use crate::base::Wall;

/// A moment that was read from an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Wall);

/// Reads `2026-11-22` (its first moment here), `2026-11-22T08:30` (local time), an RFC 3339 time, or `90m`, `2h`, `7d` ago.
///
/// # Errors
/// What was expected.
pub fn parse(text: &str) -> Result<Moment, String> {
    parse_at(text, &Zoned::now())
}

fn parse_at(text: &str, now: &Zoned) -> Result<Moment, String> {
    let zone = now.time_zone();
    let at = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| local(text, zone))
        .or_else(|| ago(text, now))
        .ok_or("write 2026-11-22, 2026-11-22T08:30, or 90m, 2h, 7d for so long ago")?;
    Ok(Moment(Wall::from_micros(at.as_microsecond())))
}

fn local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let time: DateTime = match text.parse::<Date>() {
        Ok(date) if !text.contains([':', 'T', ' ']) => date.at(0, 0, 0, 0),
        _ => text.parse().ok()?,
    };
    Some(time.to_zoned(zone.clone()).ok()?.timestamp())
}

fn ago(text: &str, now: &Zoned) -> Option<Timestamp> {
    let unit = text.chars().next_back()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| (0..1_000_000).contains(count))?;
    let span = match unit {
        's' => Span::new().seconds(count),
        'm' => Span::new().minutes(count),
        'h' => Span::new().hours(count),
        'd' => Span::new().try_days(count).ok()?,
        _ => return None,
    };
    Some(now.checked_sub(span).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-22T10:00:00+08:00[Asia/Shanghai]".parse().expect("a moment");
        for (text, expected) in [
            ("2026-11-22", "2026-11-21T16:00:00.000Z"),
            ("2026-11-22T08:30", "2026-11-22T00:30:00.000Z"),
            ("2026-11-22 08:30:05", "2026-11-22T00:30:05.000Z"),
            ("2026-11-22T08:30:00Z", "2026-11-22T08:30:00.000Z"),
            ("2h", "2026-11-22T00:00:00.000Z"),
            ("90m", "2026-11-22T00:30:00.000Z"),
            ("7d", "2026-11-15T02:00:00.000Z"),
        ] {
            assert_eq!(
                parse_at(text, &now).map(|Moment(wall)| wall.rfc3339()),
                Ok(expected.to_string()),
                "{text}"
            );
        }
        for text in ["", "yesterday", "2026-13-01", "-2h", "h", "99999999999d", "天"] {
            assert!(parse_at(text, &now).is_err(), "{text}");
        }
    }
}
