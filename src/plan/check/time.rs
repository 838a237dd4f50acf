//! Hours and holidays → calendars.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::plan::ast::{FileAst, Hours, Name, Weekly};
use crate::plan::calendar::{self, Calendar, Open, ZONE_UNSAID};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Finding, nearest};

use crate::plan::verb::Kind;

use super::names::World;

/// Days that differ: `true` is off.
type Days = BTreeMap<Date, bool>;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES: u16 = 24 * 60;
/// The longest run of holidays: a year; longer ones are a slip of the year.
const RUN_DAYS: usize = 366;

/// The days of every holidays block, in the order of the files.
pub(super) fn holidays(asts: &[FileAst], findings: &mut Vec<Finding>) -> Vec<Days> {
    let all = asts.iter().flat_map(|ast| &ast.holidays);
    all.map(|holidays| {
        let mut days = Days::new();
        for run in &holidays.days {
            let in_run = run.first.series(jiff::ToSpan::day(1)).take_while(|day| *day <= run.last);
            let mut twice = None;
            for day in in_run.take(RUN_DAYS) {
                twice = twice.or(days.insert(day, run.off).map(|_| day));
            }
            if let Some(day) = twice {
                findings.push(Finding::new(Code::DAY_TWICE, run.span).arg(day.to_string()));
            }
        }
        days
    })
    .collect()
}

/// The calendar of every hours block, in the order of the files.
pub(super) fn calendars(
    asts: &[FileAst],
    world: &World,
    holidays: &[Days],
    findings: &mut Vec<Finding>,
) -> Vec<(Arc<str>, Calendar)> {
    let all = asts.iter().flat_map(|ast| ast.hours.iter().map(move |hours| (ast, hours)));
    all.map(|(ast, hours)| {
        let zone = zone(hours, ast.zone.as_ref(), findings);
        let mut days = Days::new();
        for name in &hours.holidays {
            let found = world.find(Kind::Holidays, name, findings).and_then(|index| holidays.get(index));
            days.extend(found.into_iter().flatten());
        }
        let week = week(hours, findings);
        (hours.name.text.clone(), Calendar { zone, week, days })
    })
    .collect()
}

fn zone(hours: &Hours, of_file: Option<&Name>, findings: &mut Vec<Finding>) -> jiff::tz::TimeZone {
    let said = hours.zone.as_ref().or(of_file);
    let name = said.map_or(ZONE_UNSAID, |name| &name.text);
    match (calendar::zone(name), said) {
        (Some(zone), Some(_)) => zone,
        (Some(zone), None) => {
            findings.push(Finding::new(Code::NO_ZONE, hours.name.span));
            zone
        }
        (None, said) => {
            let at = said.map_or(hours.name.span, |name| name.span);
            let zones =
                ["Asia/Shanghai", "Asia/Hong_Kong", "Asia/Urumqi", "Asia/Taipei", "Asia/Macau", "UTC"];
            let finding = Finding::new(Code::UNKNOWN_ZONE, at).arg(name).suggest(nearest(name, zones));
            findings.push(finding);
            jiff::tz::TimeZone::UTC
        }
    }
}

fn week(hours: &Hours, findings: &mut Vec<Finding>) -> [Vec<Open>; 7] {
    let mut week = [const { Vec::new() }; 7];
    for weekly in &hours.weekly {
        let named = weekly.days.iter().flat_map(|name| named_days(name, findings)).collect::<Vec<_>>();
        for day in named {
            add_spans(&mut week, day, weekly, findings);
        }
    }
    if hours.weekly.is_empty() && hours.whole {
        findings.push(Finding::new(Code::NEVER_OPEN, hours.name.span).arg(&*hours.name.text));
    }
    week
}

fn add_spans(week: &mut [Vec<Open>; 7], day: usize, weekly: &Weekly, findings: &mut Vec<Finding>) {
    let Some(open) = week.get_mut(day) else {
        return;
    };
    for clock in &weekly.spans {
        let end = if clock.end > clock.start { clock.end } else { clock.end + MINUTES };
        let new = Open { start: clock.start, end };
        let meets = open.iter().find(|old| old.start < new.end && new.start < old.end);
        if let Some(old) = meets {
            findings.push(meet(clock.span, *old));
        } else {
            open.push(new);
        }
    }
}

fn meet(span: Span, old: Open) -> Finding {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes % MINUTES / 60, minutes % 60);
    let end = if old.end == MINUTES { "24:00".to_string() } else { clock(old.end) };
    Finding::new(Code::HOURS_MEET, span).arg(format!("{}-{end}", clock(old.start)))
}

/// The days that `mon`, `fri-mon` or `daily` names.
fn named_days(name: &Name, findings: &mut Vec<Finding>) -> Vec<usize> {
    let index = |day: &str| DAYS.iter().position(|known| *known == day);
    let found = match name.text.split_once('-') {
        _ if &*name.text == "daily" => Some((0..7).collect()),
        Some((first, last)) => index(first).zip(index(last)).map(|(first, last)| {
            let length = (last + 7 - first) % 7 + 1;
            (first..first + length).map(|day| day % 7).collect()
        }),
        None => index(&name.text).map(|day| vec![day]),
    };
    found.unwrap_or_else(|| {
        let text = &*name.text;
        let chinese = ["周一", "周二", "周三", "周四", "周五", "周六", "周日", "daily", "每天"];
        let meant =
            chinese.iter().position(|day| *day == text).and_then(|at| DAYS.get(at).or(Some(&"daily")));
        let lower = text.to_lowercase();
        let prefix = DAYS.iter().find(|day| lower.starts_with(**day) && !lower.contains('-'));
        let near = nearest(text, DAYS.iter().copied().chain(["daily", "mon-fri", "sat-sun"]));
        let finding = Finding::new(Code::UNKNOWN_DAY, name.span).arg(text);
        findings.push(finding.suggest(meant.or(prefix).copied().or(near)));
        Vec::new()
    })
}
