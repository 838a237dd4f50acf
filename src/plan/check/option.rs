//! The options of verbs: present where they must be, and within their bounds.

use std::time::Duration;

use crate::plan::ast::{Choice, ChoiceValue, Expr, ExprKind, Name, PromptUse, Verb};
use crate::plan::code::Code;
use crate::plan::finding::Finding;
use crate::plan::verb::{Need, OptionRow, ValueShape};

use super::flow::FlowCheck;

impl FlowCheck<'_> {
    /// Reports options that are missing or out of bounds.
    pub(super) fn check_options(&mut self, verb: &Verb, word: crate::plan::file::Span) {
        for row in verb.row.options {
            let choice = verb.options.iter().find(|choice| choice.row.word == row.word);
            match (choice, row.need) {
                (Some(choice), _) => self.check_bounds(choice, row),
                (None, Need::Must(example)) => {
                    let finding = Finding::new(Code::UNBOUNDED, word).arg(verb.row.word);
                    self.report(finding.arg(row.word).arg(example));
                }
                (None, Need::Else(_) | Need::Many) => {}
            }
        }
    }

    fn check_bounds(&mut self, choice: &Choice, row: &OptionRow) {
        if let Some(finding) = out_of_bounds(choice, row) {
            self.report(finding);
        }
    }
}

/// What is wrong with the value of a line or option, as far as its bounds go.
pub(super) fn out_of_bounds(choice: &Choice, row: &OptionRow) -> Option<Finding> {
    let (said, least, most) = match (&choice.value, row.value) {
        (Some(ChoiceValue::Amount(amount)), ValueShape::Amount { least, most }) => {
            let said = amount.duration();
            let fits = said.is_some_and(|said| (least..=most).contains(&said));
            let said = amount.to_string();
            (!fits).then(|| (said, seconds(least), seconds(most)))
        }
        (Some(ChoiceValue::Count(count)), ValueShape::Count { least, most }) => {
            let fits = (least..=most).contains(count);
            (!fits).then(|| (count.to_string(), least.to_string(), most.to_string()))
        }
        (Some(ChoiceValue::Rate(count)), ValueShape::Rate) => {
            let fits = (1..=20).contains(count);
            (!fits).then(|| (count.to_string(), "1".to_string(), "20".to_string()))
        }
        (Some(ChoiceValue::Digits(few, many)), ValueShape::Digits { most }) => {
            let fits = *few >= 1 && few <= many && *many <= most;
            let said = if few == many { few.to_string() } else { format!("{few}..{many}") };
            (!fits).then(|| (said, "1".to_string(), most.to_string()))
        }
        (Some(ChoiceValue::Number(expr)), ValueShape::Number { least, most }) => match &expr.kind {
            ExprKind::Int(digits) => {
                let fits = digits.parse::<i64>().is_ok_and(|said| (least..=most).contains(&said));
                (!fits).then(|| (digits.to_string(), least.to_string(), most.to_string()))
            }
            _ => None,
        },
        _ => None,
    }?;
    let finding = Finding::new(Code::OUT_OF_BOUNDS, choice.span).arg(row.word);
    Some(finding.arg(said).arg(least).arg(most))
}

/// What an option says, or what is meant when it does not.
pub(super) fn duration(verb: &Verb, word: &str, unsaid: Duration) -> Duration {
    match said(verb, word) {
        Some(ChoiceValue::Amount(amount)) => amount.duration().unwrap_or(unsaid),
        _ => unsaid,
    }
}

/// As [`duration`], for counts; at most 255.
pub(super) fn count(verb: &Verb, word: &str, unsaid: u8) -> u8 {
    match said(verb, word) {
        Some(ChoiceValue::Count(count)) => u8::try_from(*count).unwrap_or(u8::MAX),
        _ => unsaid,
    }
}

/// As [`duration`], for numbers of digits.
pub(super) fn digits(verb: &Verb, word: &str) -> (u8, u8) {
    match said(verb, word) {
        Some(ChoiceValue::Digits(least, most)) => {
            (u8::try_from(*least).unwrap_or(u8::MAX), u8::try_from(*most).unwrap_or(u8::MAX))
        }
        _ => (1, 1),
    }
}

/// As [`duration`], for keys.
pub(super) fn key(verb: &Verb, word: &str, unsaid: char) -> char {
    match said(verb, word) {
        Some(ChoiceValue::Key(key)) => *key,
        _ => unsaid,
    }
}

/// The prompts that an option names.
pub(super) fn prompts<'v>(verb: &'v Verb, word: &str) -> &'v [PromptUse] {
    match said(verb, word) {
        Some(ChoiceValue::Prompts(prompts)) => prompts,
        _ => &[],
    }
}

/// Whether an option that is a word alone stands there.
pub(super) fn flag(verb: &Verb, word: &str) -> bool {
    matches!(said(verb, word), Some(ChoiceValue::Flag))
}

/// The value of an option that may be worked out in the call.
pub(super) fn number<'v>(verb: &'v Verb, word: &str) -> Option<&'v Expr> {
    match said(verb, word) {
        Some(ChoiceValue::Number(expr)) => Some(expr),
        _ => None,
    }
}

/// A length of time that need not be said.
pub(super) fn perhaps(verb: &Verb, word: &str) -> Option<Duration> {
    match said(verb, word) {
        Some(ChoiceValue::Amount(amount)) => amount.duration(),
        _ => None,
    }
}

/// Every skill that is asked for.
pub(super) fn skills(verb: &Verb) -> impl Iterator<Item = (&Name, &Expr)> {
    verb.options.iter().filter_map(|choice| match &choice.value {
        Some(ChoiceValue::Skill(name, level)) => Some((name, level)),
        _ => None,
    })
}

fn said<'v>(verb: &'v Verb, word: &str) -> Option<&'v ChoiceValue> {
    verb.options.iter().find(|choice| choice.row.word == word).and_then(|choice| choice.value.as_ref())
}

/// `6s`, `500ms`
fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}
