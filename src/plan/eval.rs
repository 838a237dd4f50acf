//! What values, conditions, sounds and deeds of a program come to in one call.
//!
//! Invariant: nothing here changes the machine; texts for people are masked as their types say.

use std::sync::Arc;

use crate::base::bounds::PLAN_TEXT;
use crate::base::{Masked, PromptId, Wall};

use super::ask::{Part, Spoken, Target};
use super::ast::Compare;
use super::deed::{Deed, Queueing, Shows};
use super::machine::Machine;
use super::program::Program;
use super::resolved::{Condition, DeedSource, Operand, PartSource, Piece, PopSource, Sounds, TargetSource};
use super::value::{Shown, Value};

impl Machine {
    pub(super) fn value(&self, operand: &Operand, wall: Wall) -> Value {
        match operand {
            Operand::Slot(slot) => self.frame.get(usize::from(*slot)).cloned().unwrap_or_default(),
            Operand::Field(slot, field) => match self.frame.get(usize::from(*slot)) {
                Some(Value::Record(fields)) => fields.get(usize::from(*field)).cloned().unwrap_or_default(),
                _ => Value::default(),
            },
            Operand::Caller => Value::Text(self.facts.caller.clone()),
            Operand::CallerName => Value::Text(self.facts.display.clone()),
            Operand::Callee => Value::Text(self.facts.dialled.clone()),
            Operand::Priority => Value::Int(self.priority.into()),
            Operand::Matched => Value::Text(Masked::new(self.matched.as_deref().unwrap_or(""))),
            Operand::Fact(lookup, field) => {
                let known = self.found.get(usize::from(*lookup)).and_then(Option::as_ref);
                known.and_then(|fields| fields.get(usize::from(*field))).cloned().unwrap_or_default()
            }
            Operand::Fixed(value) => value.clone(),
            Operand::Text(pieces) => Value::Text(Masked::new(self.text(pieces, true, wall))),
            Operand::Joined(pieces) => Value::Text(Masked::new(self.text(pieces, false, wall))),
            Operand::Choose(choice) => {
                let (condition, yes, no) = &**choice;
                let holds = self.holds(self.program(), condition, wall);
                self.value(if holds { yes } else { no }, wall)
            }
            Operand::Record(fields) => {
                Value::Record(fields.iter().map(|field| self.value(field, wall)).collect())
            }
        }
    }

    fn text(&self, pieces: &[Piece], masked: bool, wall: Wall) -> String {
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(operand, shown) if masked => {
                    out.push_str(&self.value(operand, wall).shown(*shown))
                }
                Piece::Value(operand, _) => out.push_str(&self.value(operand, wall).clear()),
            }
        }
        if out.chars().nth(PLAN_TEXT).is_some() {
            out = out.chars().take(PLAN_TEXT).collect();
        }
        out
    }

    /// A text that people see.
    fn said(&self, operand: &Operand, wall: Wall) -> Arc<str> {
        if let Operand::Fixed(Value::Text(text)) = operand
            && !text.reveal().chars().any(char::is_numeric)
        {
            return text.shared();
        }
        self.value(operand, wall).shown(Shown::Text).into()
    }

    fn number(&self, operand: &Operand, least: u8, most: u8, wall: Wall) -> u8 {
        match self.value(operand, wall) {
            Value::Int(number) => u8::try_from(number.clamp(least.into(), most.into())).unwrap_or(most),
            _ => least,
        }
    }

    fn personal(&self, operand: &Operand, wall: Wall) -> Masked {
        match self.value(operand, wall) {
            Value::Text(text) => text,
            other => Masked::new(other.clear()),
        }
    }

    pub(super) fn targets(&self, sources: &[TargetSource]) -> Vec<Target> {
        sources.iter().map(|source| self.target(source)).collect()
    }

    pub(super) fn target(&self, source: &TargetSource) -> Target {
        source.whom.of(self.personal(&source.who, self.facts.wall))
    }

    /// The sounds of prompts in this call, now; without those that have no version in force.
    pub(super) fn sounds(&self, sounds: &Sounds, wall: Wall) -> Arc<[PromptId]> {
        sounds.at(self.language.as_ref(), wall)
    }

    pub(super) fn parts(&self, parts: &[PartSource], wall: Wall) -> Vec<Part> {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                PartSource::Sounds(sounds) => {
                    out.extend(self.sounds(sounds, wall).iter().copied().map(Part::Prompt));
                }
                PartSource::Value(operand, spoken) => {
                    let what = match self.value(operand, wall) {
                        Value::Int(number) => Spoken::Number(number),
                        Value::Money(money) => Spoken::Money(money),
                        Value::Date(date) => Spoken::Date(date),
                        other => Spoken::Digits(Masked::new(other.clear())),
                    };
                    let lang = self.language.clone().unwrap_or_else(|| spoken.clone());
                    out.push(Part::Value { lang, what });
                }
            }
        }
        out
    }

    pub(super) fn deed(&self, source: &DeedSource, wall: Wall) -> Deed {
        match source {
            DeedSource::Tag(text) => Deed::Tag(self.said(text, wall)),
            DeedSource::Event { name, text } => {
                Deed::Event { name: name.clone(), text: text.as_ref().map(|text| self.said(text, wall)) }
            }
            DeedSource::Notify { webhook, text, once } => Deed::Notify {
                webhook: webhook.clone(),
                text: text.as_ref().map(|text| self.said(text, wall)),
                once: *once,
            },
            DeedSource::Pop(fields) => {
                Deed::Pop(fields.iter().flat_map(|field| self.shows(field, wall)).collect())
            }
            DeedSource::Push(card) => Deed::Push(card.clone()),
            DeedSource::Wait(time) => Deed::Wait(*time),
            DeedSource::Queue { queue, skills, priority, sticky, wait, preempt, again } => {
                let level =
                    |(skill, level): &(Arc<str>, Operand)| (skill.clone(), self.number(level, 1, 9, wall));
                let priority =
                    priority.as_ref().map_or(self.priority, |priority| self.number(priority, 0, 9, wall));
                Deed::Queue(Box::new(Queueing {
                    queue: queue.clone(),
                    skills: skills.iter().map(level).collect(),
                    priority,
                    sticky: *sticky,
                    wait: *wait,
                    preempt: *preempt,
                    again: *again,
                }))
            }
            DeedSource::Voicemail { mailbox, longest, sounds } => Deed::Voicemail {
                mailbox: self.personal(mailbox, wall),
                longest: *longest,
                prompts: self.sounds(sounds, wall),
            },
            DeedSource::Callback { keep, within } => Deed::Callback { keep: *keep, within: *within },
            DeedSource::Conference { room, limit, longest } => {
                Deed::Conference { room: self.personal(room, wall), limit: *limit, longest: *longest }
            }
            DeedSource::Park { slot, wait: time } => {
                Deed::Park { slot: slot.as_ref().map(|slot| self.personal(slot, wall)), wait: *time }
            }
            DeedSource::Pickup { user } => Deed::Pickup { user: self.personal(user, wall) },
            DeedSource::Whisper { sounds } => Deed::Whisper(self.sounds(sounds, wall)),
            DeedSource::Show { agent, text } => Deed::Show { agent: *agent, text: self.said(text, wall) },
            DeedSource::Mute { agent, time } => Deed::Mute { agent: *agent, time: *time },
            DeedSource::Join { group } => Deed::Join { group: group.clone() },
            // The machine goes there itself.
            DeedSource::Transfer { .. } => Deed::Wait(std::time::Duration::ZERO),
        }
    }

    fn shows(&self, field: &PopSource, wall: Wall) -> Vec<Shows> {
        match field {
            PopSource::Value(name, operand, shown) => {
                vec![Shows::Value(name.clone(), self.value(operand, wall).shown(*shown).into())]
            }
            PopSource::Record(name, operand, fields) => {
                let Value::Record(values) = self.value(operand, wall) else {
                    return Vec::new();
                };
                let shown = fields.iter().zip(values.iter()).filter_map(|((field, kind), value)| {
                    Some(Shows::Value(format!("{name}.{field}").into(), value.shown((*kind)?).into()))
                });
                shown.collect()
            }
            PopSource::Script(index, arguments) => {
                let Some(script) = self.program().declared().scripts.get(*index) else {
                    return Vec::new();
                };
                let Some(version) = script.at(wall) else {
                    return vec![Shows::Lapsed(script.name.clone())];
                };
                let values: Vec<Value> = arguments.iter().map(|value| self.value(value, wall)).collect();
                let text = version.say(self.language.as_deref(), &values);
                vec![Shows::Script(script.name.clone(), version.version.clone(), text.into())]
            }
            PopSource::Card(card) => vec![Shows::Card(card.clone())],
        }
    }

    /// Whether a condition asks for what no lookup has answered yet.
    pub(super) fn knows_not(&self, condition: &Condition) -> bool {
        condition.operands().into_iter().any(|operand| match operand {
            Operand::Fact(lookup, _) => self.found.get(usize::from(*lookup)).is_none_or(Option::is_none),
            _ => false,
        })
    }

    pub(super) fn holds(&self, program: &Program, condition: &Condition, wall: Wall) -> bool {
        match condition {
            Condition::Any(all) => all.iter().any(|part| self.holds(program, part, wall)),
            Condition::All(all) => all.iter().all(|part| self.holds(program, part, wall)),
            Condition::Not(inner) => !self.holds(program, inner, wall),
            Condition::Open(index) => {
                program.calendars.get(*index).is_some_and(|calendar| calendar.is_open(wall))
            }
            Condition::Is(operand) => self.value(operand, wall) == Value::Bool(true),
            Condition::Compare(compare, left, right) => {
                compare_values(*compare, &self.value(left, wall), &self.value(right, wall))
            }
            Condition::Matches(operand, pattern) => match self.value(operand, wall) {
                Value::Text(text) => pattern.matches(text.reveal()),
                _ => false,
            },
        }
    }
}

fn compare_values(compare: Compare, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Percent(a), Value::Percent(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Money(a), Value::Money(b)) if a.currency == b.currency => {
            Some(a.hundredths.cmp(&b.hundredths))
        }
        _ => None,
    };
    match compare {
        Compare::Equal => left == right,
        Compare::NotEqual => left != right,
        Compare::Less => order.is_some_and(|order| order.is_lt()),
        Compare::LessEqual => order.is_some_and(|order| order.is_le()),
        Compare::Greater => order.is_some_and(|order| order.is_gt()),
        Compare::GreaterEqual => order.is_some_and(|order| order.is_ge()),
    }
}
