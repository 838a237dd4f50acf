//! Values and conditions in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::plan::ast::Compare;
use crate::plan::calendar::{Calendar, Open};
use crate::plan::diagnostic::Lang;
use crate::plan::resolved::{Condition, Operand, Piece};
use crate::plan::value::{Shown, Value};

use super::{Both, Teller, list, word};

/// What stands in a slot, as far as it is known before a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Known {
    /// A value that is spoken of like this.
    Named(Both),
    /// The answer of this lookup.
    Record(u16),
}

impl Teller<'_> {
    /// A value as it is spoken of; texts stand in quotes.
    pub fn operand(&self, operand: &Operand) -> String {
        match operand {
            Operand::Fixed(Value::Text(text)) => format!("\"{}\"", text.reveal()),
            Operand::Text(_) | Operand::Joined(_) => format!("\"{}\"", self.plain(operand)),
            other => self.plain(other),
        }
    }

    /// A value as it is spoken of.
    pub fn plain(&self, operand: &Operand) -> String {
        match operand {
            Operand::Slot(slot) => match self.known.get(usize::from(*slot)) {
                Some(Known::Named(name)) => name.say(self.lang).to_string(),
                Some(Known::Record(lookup)) => self.lookup_name(*lookup),
                None => self.word("a value", "某值").to_string(),
            },
            Operand::Field(slot, field) => match self.known.get(usize::from(*slot)) {
                Some(Known::Record(lookup)) => self.field(*lookup, *field),
                Some(Known::Named(name)) => format!("{}.{field}", name.say(self.lang)),
                None => self.word("a value", "某值").to_string(),
            },
            Operand::Fact(lookup, field) => self.field(*lookup, *field),
            Operand::Caller => self.word("the caller's number", "主叫号码").to_string(),
            Operand::CallerName => self.word("the caller's name", "主叫名").to_string(),
            Operand::Callee => self.word("the dialled number", "被叫号码").to_string(),
            Operand::Priority => self.word("the call's priority", "呼叫优先级").to_string(),
            Operand::Matched => self.word("the words that were found", "命中的话").to_string(),
            Operand::Fixed(value) => value.clear(),
            Operand::Text(pieces) | Operand::Joined(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.to_string(),
                    Piece::Value(operand, _) => format!("{{{}}}", self.plain(operand)),
                })
                .collect(),
            Operand::Choose(choice) => {
                let (condition, yes, no) = &**choice;
                let (condition, yes, no) = (self.condition(condition), self.operand(yes), self.operand(no));
                match self.lang {
                    Lang::En => format!("{yes} if {condition}, else {no}"),
                    Lang::Zh => format!("{condition}时为 {yes}，否则 {no}"),
                }
            }
            Operand::Record(values) => {
                let values: Vec<String> = values.iter().map(|value| self.operand(value)).collect();
                format!("{{{}}}", list(self.lang, &values))
            }
        }
    }

    fn lookup_name(&self, lookup: u16) -> String {
        let lookup = self.program.declared().lookups.get(usize::from(lookup));
        lookup.map_or_else(String::new, |lookup| lookup.name.to_string())
    }

    fn field(&self, lookup: u16, field: u16) -> String {
        let found = self.program.declared().lookups.get(usize::from(lookup));
        let field = found.and_then(|lookup| lookup.yields.get(usize::from(field)));
        format!("{}.{}", self.lookup_name(lookup), field.map_or("", |(name, _)| name))
    }

    /// A condition as people say it.
    pub fn condition(&self, condition: &Condition) -> String {
        match condition {
            Condition::Any(all) => self.joined(all, self.word(" or ", " 或 ")),
            Condition::All(all) => self.joined(all, self.word(" and ", " 且 ")),
            Condition::Not(inner) => match &**inner {
                Condition::Open(index) => self.open(*index, false),
                Condition::Is(operand) => match self.lang {
                    Lang::En => format!("not {}", self.operand(operand)),
                    Lang::Zh => format!("{} 不成立", self.operand(operand)),
                },
                other => match self.lang {
                    Lang::En => format!("not ({})", self.condition(other)),
                    Lang::Zh => format!("并非（{}）", self.condition(other)),
                },
            },
            Condition::Open(index) => self.open(*index, true),
            Condition::Is(operand) => match self.lang {
                Lang::En => self.operand(operand),
                Lang::Zh => format!("{} 成立", self.operand(operand)),
            },
            Condition::Compare(compare, left, right) => {
                format!("{} {} {}", self.operand(left), sign(*compare), self.operand(right))
            }
            Condition::Matches(operand, pattern) => match self.lang {
                Lang::En => format!("{} matches \"{}\"", self.operand(operand), pattern.written()),
                Lang::Zh => format!("{} 符合 \"{}\"", self.operand(operand), pattern.written()),
            },
        }
    }

    fn joined(&self, all: &[Condition], by: &str) -> String {
        all.iter().map(|part| self.condition(part)).collect::<Vec<_>>().join(by)
    }

    fn open(&self, index: usize, open: bool) -> String {
        let name = self.program.hours.get(index).map_or("", |name| name);
        match (self.lang, open) {
            (Lang::En, true) => format!("within {name}"),
            (Lang::En, false) => format!("outside {name}"),
            (Lang::Zh, true) => format!("在{name}内"),
            (Lang::Zh, false) => format!("在{name}之外"),
        }
    }
}

const fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => "=",
        Compare::NotEqual => "≠",
        Compare::Less => "<",
        Compare::LessEqual => "≤",
        Compare::Greater => ">",
        Compare::GreaterEqual => "≥",
    }
}

/// A moment in microseconds since 1970, to the minute in Shanghai's time; to the day when it is midnight there.
pub(crate) fn day(micros: i64) -> String {
    let zone = crate::plan::calendar::zone(crate::plan::calendar::ZONE_UNSAID).unwrap_or(TimeZone::UTC);
    let Ok(at) = Timestamp::from_microsecond(micros) else {
        return String::new();
    };
    let at = at.to_zoned(zone).datetime();
    match (at.hour(), at.minute()) {
        (0, 0) => at.date().to_string(),
        (hour, minute) => format!("{} {hour:02}:{minute:02}", at.date()),
    }
}

/// The days of the week, Monday first.
const DAYS: [(&str, &str); 7] = [
    ("mon", "周一"),
    ("tue", "周二"),
    ("wed", "周三"),
    ("thu", "周四"),
    ("fri", "周五"),
    ("sat", "周六"),
    ("sun", "周日"),
];

/// When hours are open, days that are alike together: `mon–fri 09:00–18:00; sat 09:00–12:00`.
pub(crate) fn hours(lang: Lang, calendar: &Calendar) -> String {
    let text = week(lang, &calendar.week);
    let (off, work) = (
        calendar.days.values().filter(|off| **off).count(),
        calendar.days.values().filter(|off| !**off).count(),
    );
    let days = match (off + work, lang) {
        (0, _) => String::new(),
        (_, Lang::En) => format!("; {off} days off and {work} days worked by table"),
        (_, Lang::Zh) => format!("；另有 {off} 天放假、{work} 天调休上班"),
    };
    if text.is_empty() { word(lang, "never", "从不").to_string() } else { text + &days }
}

/// A week of spans, days that are alike together.
pub(crate) fn week(lang: Lang, week: &[Vec<Open>; 7]) -> String {
    let mut out = Vec::new();
    let mut day = 0;
    while let Some(spans) = week.get(day) {
        let alike = week.iter().skip(day).take_while(|other| *other == spans).count();
        if !spans.is_empty() {
            let spans: Vec<String> =
                spans.iter().map(|open| format!("{}–{}", clock(open.start), clock(open.end))).collect();
            out.push(format!("{} {}", days(lang, day, day + alike - 1), list(lang, &spans)));
        }
        day += alike.max(1);
    }
    out.join(word(lang, "; ", "；"))
}

fn days(lang: Lang, first: usize, last: usize) -> String {
    let name = |day: usize| DAYS.get(day).map_or("", |(en, zh)| word(lang, en, zh));
    match (first, last, lang) {
        (0, 6, _) => word(lang, "daily", "每天").to_string(),
        (first, last, _) if first == last => name(first).to_string(),
        (first, last, Lang::En) => format!("{}–{}", name(first), name(last)),
        (first, last, Lang::Zh) => format!("{}至{}", name(first), name(last)),
    }
}

/// Minutes after midnight as a clock shows them; beyond midnight it is the next day.
pub(crate) fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// As what a hole of a script shows its value.
pub(crate) fn hole(lang: Lang, shown: Shown) -> &'static str {
    match shown {
        Shown::Text => word(lang, "value", "值"),
        Shown::Number => word(lang, "number", "号码"),
        Shown::Name => word(lang, "name", "姓名"),
        Shown::IdCard => word(lang, "identity card", "证件"),
        Shown::Card => word(lang, "card", "卡号"),
    }
}
