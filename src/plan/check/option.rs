//! The options of verbs: present where they must be, and within their bounds.

use std::time::Duration;

use crate::plan::ast::{Choice, ChoiceValue, PromptUse, Verb};
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
                (None, Need::Else(_)) => {}
            }
        }
    }

    fn check_bounds(&mut self, choice: &Choice, row: &OptionRow) {
        let bounds = match (&choice.value, row.value) {
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
            (Some(ChoiceValue::Digits(few, many)), ValueShape::Digits { most }) => {
                let fits = *few >= 1 && few <= many && *many <= most;
                let said = if few == many { few.to_string() } else { format!("{few}..{many}") };
                (!fits).then(|| (said, "1".to_string(), most.to_string()))
            }
            _ => None,
        };
        if let Some((said, least, most)) = bounds {
            let finding = Finding::new(Code::OUT_OF_BOUNDS, choice.span).arg(row.word);
            self.report(finding.arg(said).arg(least).arg(most));
        }
    }
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
