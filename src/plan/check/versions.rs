//! Versions in time: which of several declarations of one name is in force when, and what is wrong with that.
//!
//! Invariant: at any moment at most one version of a name is in force.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::base::Wall;
use crate::plan::ast::{FileAst, Moment, Name, Validity};
use crate::plan::calendar::{self, ZONE_UNSAID};
use crate::plan::code::Code;
use crate::plan::finding::{Finding, nearest, note};
use crate::plan::resolved::Window;
use crate::plan::verb::Kind;

/// What ends within this is said ahead.
const SOON_MICROS: i64 = 30 * 86_400 * 1_000_000;

/// A declaration with its validity, and the file whose zone its moments are in.
pub(super) type Dated<'a> = (&'a FileAst, &'a Name, &'a Validity);

/// One version of a name.
#[derive(Debug, Clone)]
pub(super) struct Version {
    /// The declaration, by its number.
    pub index: usize,
    pub window: Window,
    /// `v7`; empty when it has none.
    pub name: Arc<str>,
}

/// The versions of each name, the earliest first; by the number of the name's first declaration.
pub(super) fn versions(
    kind: Kind,
    all: &[Dated],
    now: Option<Wall>,
    findings: &mut Vec<Finding>,
) -> Vec<(usize, Vec<Version>)> {
    let mut groups: Vec<(usize, Vec<Version>)> = Vec::new();
    let mut known: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (index, (ast, name, validity)) in all.iter().enumerate() {
        let zone = zone(ast);
        let window = window(validity, &zone, findings);
        let version = validity.version.as_ref().map_or_else(|| "".into(), |name| name.text.clone());
        let version = Version { index, window, name: version };
        match known.get(&*name.text) {
            Some(group) => {
                if let Some((_, versions)) = groups.get_mut(*group) {
                    versions.push(version);
                }
            }
            None => {
                known.insert(&name.text, groups.len());
                groups.push((index, vec![version]));
            }
        }
    }
    for (_, versions) in &mut groups {
        supersede(kind, all, versions, findings);
        versions.sort_by_key(|version| version.window.from);
        overlaps(all, versions, findings);
        lapses(kind, all, versions, now, findings);
    }
    groups
}

fn zone(ast: &FileAst) -> TimeZone {
    let name = ast.zone.as_ref().map_or(ZONE_UNSAID, |name| &name.text);
    calendar::zone(name).unwrap_or(TimeZone::UTC)
}

/// A moment of a file in microseconds; of a day alone its beginning, or with `end` its end.
pub(super) fn micros(moment: &Moment, zone: &TimeZone, end: bool) -> i64 {
    let minute = moment.minute.unwrap_or(if end { 24 * 60 } else { 0 });
    let (days, minute) = (i64::from(minute / 1_440), minute % 1_440);
    let hour = i8::try_from(minute / 60).unwrap_or(0);
    let time = Time::new(hour, i8::try_from(minute % 60).unwrap_or(0), 0, 0).unwrap_or(Time::midnight());
    let date = moment.date.checked_add(jiff::Span::new().days(days)).unwrap_or(moment.date);
    date.to_datetime(time).to_zoned(zone.clone()).map_or(0, |at| at.timestamp().as_microsecond())
}

/// The moment at which a test's call begins.
pub(super) fn wall(ast: &FileAst, moment: &Moment) -> Wall {
    Wall::from_micros(micros(moment, &zone(ast), false))
}

fn window(validity: &Validity, zone: &TimeZone, findings: &mut Vec<Finding>) -> Window {
    let from = validity.from.as_ref().map_or(i64::MIN, |moment| micros(moment, zone, false));
    let until = validity.until.as_ref().map_or(i64::MAX, |moment| micros(moment, zone, true));
    if let (Some(until_at), true) = (&validity.until, from >= until) {
        findings.push(Finding::new(Code::NEVER_IN_FORCE, until_at.span));
    }
    Window { from, until }
}

/// What a version supersedes lapses when it begins.
fn supersede(kind: Kind, all: &[Dated], versions: &mut [Version], findings: &mut Vec<Finding>) {
    for at in 0..versions.len() {
        let Some((Some(older), from, index)) = versions.get(at).and_then(|version| {
            let (_, _, validity) = all.get(version.index)?;
            Some((validity.supersedes.as_ref(), version.window.from, version.index))
        }) else {
            continue;
        };
        let only = versions.len() == 1;
        let found = versions.iter_mut().find(|version| version.name == older.text && version.index != index);
        match found {
            Some(version) => version.window.until = version.window.until.min(from),
            // The older version may have been taken out of the file.
            None if only => {}
            None => {
                let known: Vec<&str> = versions.iter().map(|version| &*version.name).collect();
                let finding =
                    Finding::new(Code::UNKNOWN_VERSION, older.span).arg(kind.term()).arg(&*older.text);
                findings.push(finding.suggest(nearest(&older.text, known)));
            }
        }
    }
}

fn overlaps(all: &[Dated], versions: &[Version], findings: &mut Vec<Finding>) {
    for (at, version) in versions.iter().enumerate().skip(1) {
        let earlier = versions.iter().take(at).find(|other| other.window.meets(version.window));
        let place = |version: &Version| all.get(version.index).map(|(_, name, _)| name.span);
        if let Some((here, other)) = earlier.and_then(|other| Some((place(version)?, place(other)?))) {
            let name = all.get(version.index).map_or("", |(_, name, _)| &name.text);
            findings.push(Finding::new(Code::VERSIONS_MEET, here).arg(name).also(other, note::FIRST));
        }
    }
}

/// What has lapsed, lapses soon, or leaves a gap.
fn lapses(kind: Kind, all: &[Dated], versions: &[Version], now: Option<Wall>, findings: &mut Vec<Finding>) {
    for pair in versions.windows(2) {
        let [before, after] = pair else { continue };
        if before.window.until < after.window.from
            && let Some((_, name, _)) = all.get(after.index)
        {
            let finding = Finding::new(Code::GAP, name.span).arg(kind.term()).arg(&*name.text);
            findings.push(finding.arg(day(before.window.until)).arg(day(after.window.from)));
        }
    }
    let (Some(now), Some(last)) = (now, versions.last()) else {
        return;
    };
    let Some((_, name, validity)) = all.get(last.index) else {
        return;
    };
    let at = validity.until.as_ref().map_or(name.span, |until| until.span);
    let left = last.window.until.saturating_sub(now.as_micros());
    let lapses = Finding::new(if left <= 0 { Code::LAPSED } else { Code::LAPSES_SOON }, at);
    if left <= SOON_MICROS {
        findings.push(lapses.arg(kind.term()).arg(&*name.text).arg(day(last.window.until)));
    }
}

/// The minute at which something begins or ends, in UTC+8 as most plans are.
fn day(micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    let zone = calendar::zone(ZONE_UNSAID).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
}
