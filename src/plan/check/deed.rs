//! What is said in parts, and verbs that the switch carries out.

use std::sync::Arc;
use std::time::Duration;

use crate::base::Masked;
use crate::plan::ast::{Expr, Head, Name, PartUse, PopField, Verb, Who};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, nearest};
use crate::plan::resolved::{DeedSource, Do, Operand, PartSource, PopSource, StepKind};
use crate::plan::value::Value;
use crate::plan::verb::{Kind, Unhandled, VerbKind};

use super::declared::shown;
use super::flow::FlowCheck;
use super::option;
use super::path::Reach;
use super::types::Type;

/// The longest `wait`.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl FlowCheck<'_> {
    /// `say 余额是, {r.余额}, 谢谢`
    pub(super) fn say(&mut self, verb: &Verb) -> Option<StepKind> {
        let Head::Parts(parts) = &verb.head else {
            return None;
        };
        let mut out = Vec::new();
        for part in parts {
            match part {
                PartUse::Sound(used) if self.is_script(&used.name) => {
                    out.extend(self.spoken_script(&used.name))
                }
                PartUse::Sound(used) => {
                    let sounds = self.sounds(std::slice::from_ref(used));
                    out.extend((!sounds.is_empty()).then_some(PartSource::Sounds(sounds)));
                }
                PartUse::Value(expr) => out.extend(self.spoken_value(expr)),
            }
        }
        (out.len() == parts.len()).then_some(StepKind::Say { parts: out })
    }

    fn is_script(&self, name: &Name) -> bool {
        self.world.get(Kind::Prompt, &name.text).is_none()
            && self.world.get(Kind::Script, &name.text).is_some()
    }

    fn spoken_script(&mut self, name: &Name) -> Option<PartSource> {
        let index = self.script(name)?;
        let shape = self.world.scripts.get(index)?;
        if shape.sounds.is_empty() {
            self.report(Finding::new(Code::SCRIPT_SILENT, name.span).arg(&*name.text));
            return None;
        }
        Some(PartSource::Sounds(super::prompt::settled(shape.sounds.clone())))
    }

    /// A script by name, if it can be used.
    fn script(&mut self, name: &Name) -> Option<usize> {
        let index = self.world.find(Kind::Script, name, self.findings)?;
        if self.world.scripts.get(index).is_some_and(|shape| !shape.usable) {
            self.report(Finding::new(Code::EXPIRED, name.span).arg(&*name.text));
        }
        Some(index)
    }

    fn spoken_value(&mut self, expr: &Expr) -> Option<PartSource> {
        let (operand, kind) = self.value(expr)?;
        match kind {
            Type::Int | Type::Digits | Type::Phone | Type::Money | Type::Date | Type::Unknown => {}
            Type::Secret => {
                self.report(Finding::new(Code::SECRET_LEAKS, expr.span).arg(kind.term()));
                return None;
            }
            kind => {
                self.report(Finding::new(Code::NOT_SPOKEN, expr.span).arg(kind.term()));
                return None;
            }
        }
        let spoken = self.language.map_or_else(|| "zh".into(), |lang| lang.text.clone());
        Some(PartSource::Value(operand, spoken))
    }

    /// A verb that the switch carries out.
    pub(super) fn deed(
        &mut self,
        verb: &Verb,
        word: Span,
        span: Span,
        reach: Reach,
    ) -> (Option<StepKind>, Reach) {
        if verb.row.kind == VerbKind::Language {
            return (self.speak(verb), reach.going(span));
        }
        let deed = self.source(verb, word);
        if verb.row.outcomes.is_empty() {
            let onward = match (&deed, verb.row.kind) {
                (_, VerbKind::Transfer) => Reach::Leaves(span),
                _ => reach.going(span),
            };
            let row = verb.row;
            let step =
                deed.map(|deed| StepKind::Do(Do { row, deed, outcomes: Vec::new(), bodies: Vec::new() }));
            return (step, onward);
        }
        let handled = self.arms(verb, word, reach);
        let outcomes = verb.row.outcomes.iter().map(|row| handled.words.get(row.word).copied()).collect();
        let on = verb
            .row
            .outcomes
            .iter()
            .any(|row| row.unhandled == Unhandled::GoesOn && !handled.words.contains_key(row.word));
        let onward = if on { handled.reach.join(reach.going(span)) } else { handled.reach };
        let step =
            deed.map(|deed| StepKind::Do(Do { row: verb.row, deed, outcomes, bodies: handled.bodies }));
        (step, onward)
    }

    fn speak(&mut self, verb: &Verb) -> Option<StepKind> {
        let Head::Named(lang, _) = &verb.head else {
            return None;
        };
        let known = self.world.languages();
        if !known.iter().any(|known| **known == *lang.text) {
            let finding = Finding::new(Code::NO_SUCH_LANGUAGE, lang.span).arg(&*lang.text);
            let finding = finding.arg(Arg::list(known.iter().map(|lang| &**lang)));
            self.report(finding.suggest(nearest(&lang.text, known.iter().map(|lang| &**lang))));
        }
        Some(StepKind::Language { lang: lang.text.clone() })
    }

    fn source(&mut self, verb: &Verb, word: Span) -> Option<DeedSource> {
        Some(match verb.row.kind {
            VerbKind::Queue | VerbKind::Requeue => self.queueing(verb)?,
            VerbKind::Voicemail => DeedSource::Voicemail {
                mailbox: self.user(verb)?,
                longest: option::duration(verb, "max", Duration::from_secs(120)),
                sounds: self.sounds(option::prompts(verb, "prompt")),
            },
            VerbKind::Callback => DeedSource::Callback {
                keep: option::flag(verb, "keep"),
                within: option::duration(verb, "within", DAY),
            },
            VerbKind::Conference => DeedSource::Conference {
                room: self.plain(verb)?,
                limit: option::count(verb, "limit", 32).into(),
                longest: option::duration(verb, "for", Duration::from_secs(4 * 3_600)),
            },
            VerbKind::Park => DeedSource::Park {
                slot: if matches!(verb.head, Head::Nothing) { None } else { Some(self.plain(verb)?) },
                wait: option::duration(verb, "for", Duration::from_secs(120)),
            },
            VerbKind::Pickup => DeedSource::Pickup { user: self.user(verb)? },
            VerbKind::Tag => DeedSource::Tag(self.shown_text(verb)?),
            VerbKind::Event => {
                let (name, text) = self.named_text(verb)?;
                DeedSource::Event { name: name.text, text }
            }
            VerbKind::Notify => {
                let (name, text) = self.named_text(verb)?;
                let index = self.world.find(Kind::Webhook, &name, self.findings)?;
                let webhook = self.world.declared.webhooks.get(index)?.clone();
                DeedSource::Notify { webhook, text, once: option::flag(verb, "once") }
            }
            VerbKind::Pop => self.pop(verb, word)?,
            VerbKind::Push => {
                let Head::Named(name, _) = &verb.head else { return None };
                let index = self.world.find(Kind::Card, name, self.findings)?;
                DeedSource::Push(self.world.declared.cards.get(index)?.clone())
            }
            VerbKind::Wait => self.pause(verb)?,
            VerbKind::Whisper => {
                let Head::Prompts(prompts) = &verb.head else { return None };
                DeedSource::Whisper { sounds: self.sounds(prompts) }
            }
            VerbKind::Show => {
                let (name, text) = self.named_text(verb)?;
                DeedSource::Show { agent: self.party(&name)?, text: text? }
            }
            VerbKind::Mute => {
                let Head::Named(name, _) = &verb.head else { return None };
                let agent = self.party(name)?;
                DeedSource::Mute { agent, time: option::duration(verb, "for", Duration::from_secs(5)) }
            }
            VerbKind::Join => {
                let Head::Named(name, _) = &verb.head else { return None };
                self.world.find(Kind::Group, name, self.findings)?;
                DeedSource::Join { group: name.text.clone() }
            }
            VerbKind::Transfer => {
                let Head::Flow(flow, arguments) = &verb.head else { return None };
                let (flow, arguments) = self.led_to(flow, arguments, word)?;
                DeedSource::Transfer { flow, arguments: arguments.into() }
            }
            VerbKind::Play
            | VerbKind::Say
            | VerbKind::Menu
            | VerbKind::Collect
            | VerbKind::Secret
            | VerbKind::Dial
            | VerbKind::Language => return None,
        })
    }

    fn queueing(&mut self, verb: &Verb) -> Option<DeedSource> {
        let Head::Named(name, _) = &verb.head else {
            return None;
        };
        let index = self.world.find(Kind::Queue, name, self.findings);
        let mut skills = Vec::new();
        for (skill, level) in option::skills(verb) {
            let level = self.of_type(level, &Type::Int, "skill")?;
            skills.push((skill.text.clone(), level));
        }
        let priority = match option::number(verb, "priority") {
            Some(expr) => Some(self.of_type(expr, &Type::Int, "priority")?),
            None => None,
        };
        Some(DeedSource::Queue {
            queue: self.world.declared.queues.get(index?)?.clone(),
            skills: skills.into(),
            priority,
            sticky: option::perhaps(verb, "sticky"),
            wait: option::duration(verb, "wait", Duration::from_secs(300)),
            preempt: option::flag(verb, "preempt") || self.preempts,
            again: verb.row.kind == VerbKind::Requeue,
        })
    }

    /// A value of one type, or a finding.
    fn of_type(&mut self, expr: &Expr, want: &Type, what: &str) -> Option<Operand> {
        let (operand, kind) = self.value_as(expr, Some(want))?;
        if !want.takes(&kind) {
            let finding = Finding::new(Code::WRONG_TYPE, expr.span).arg(what).arg(want.term());
            self.report(finding.arg(kind.term()));
            return None;
        }
        Some(operand)
    }

    fn user(&mut self, verb: &Verb) -> Option<Operand> {
        match &verb.head {
            Head::Who(Who::Literal(name)) => Some(Operand::Fixed(Value::Text(Masked::new(&*name.text)))),
            Head::Who(Who::Value(name)) => {
                let (operand, kind) = self.named(name)?;
                self.takes_text(name.span, verb.row.word, &kind).then_some(operand)
            }
            _ => None,
        }
    }

    fn takes_text(&mut self, span: Span, what: &str, kind: &Type) -> bool {
        let text = kind.is_text();
        if !text {
            let code = if *kind == Type::Secret { Code::SECRET_LEAKS } else { Code::WRONG_TYPE };
            let finding = Finding::new(code, span);
            self.report(match code {
                Code::SECRET_LEAKS => finding.arg(kind.term()),
                _ => finding.arg(what).arg(Type::Text.term()).arg(kind.term()),
            });
        }
        text
    }

    /// A head that names a thing: a room, a slot.
    fn plain(&mut self, verb: &Verb) -> Option<Operand> {
        let Head::Value(expr) = &verb.head else {
            return None;
        };
        let text = match &expr.kind {
            crate::plan::ast::ExprKind::Text(text) => {
                return self.text(text, expr.span, super::value::Use::Dialled).map(|(operand, _)| operand);
            }
            crate::plan::ast::ExprKind::Int(digits) => digits.clone(),
            _ => {
                let (operand, kind) = self.value(expr)?;
                return self.takes_text(expr.span, verb.row.word, &kind).then_some(operand);
            }
        };
        Some(Operand::Fixed(Value::Text(Masked::new(&*text))))
    }

    /// A text that people see.
    fn shown_text(&mut self, verb: &Verb) -> Option<Operand> {
        let Head::Value(expr) = &verb.head else {
            return None;
        };
        self.seen(expr, verb.row.word)
    }

    fn seen(&mut self, expr: &Expr, what: &str) -> Option<Operand> {
        let (operand, kind) = self.value(expr)?;
        let Some(mask) = kind.shown() else {
            let code = if kind == Type::Secret { Code::SECRET_LEAKS } else { Code::NOT_SHOWN };
            self.report(Finding::new(code, expr.span).arg(kind.term()));
            return None;
        };
        let _ = what;
        // A value by itself is shown through its own mask.
        Some(match operand {
            fixed @ (Operand::Fixed(_) | Operand::Text(_)) => fixed,
            other => Operand::Text([crate::plan::resolved::Piece::Value(other, mask)].into()),
        })
    }

    fn named_text(&mut self, verb: &Verb) -> Option<(Name, Option<Operand>)> {
        let Head::Named(name, text) = &verb.head else {
            return None;
        };
        let text = match text {
            Some(expr) => Some(self.seen(expr, verb.row.word)?),
            None => None,
        };
        Some((name.clone(), text))
    }

    /// Whether a party is the agent.
    fn party(&mut self, name: &Name) -> Option<bool> {
        match &*name.text {
            "agent" => Some(true),
            "customer" => Some(false),
            other => {
                let words = ["agent", "customer"];
                let finding = Finding::new(Code::NOT_A_WORD, name.span).arg(other).arg(Arg::list(words));
                self.report(finding.suggest(nearest(other, words)));
                None
            }
        }
    }

    fn pause(&mut self, verb: &Verb) -> Option<DeedSource> {
        let Head::Amount(amount, span) = &verb.head else {
            return None;
        };
        let (least, most) = WAIT;
        let time = amount.duration().filter(|time| (least..=most).contains(time));
        if time.is_none() {
            let finding = Finding::new(Code::OUT_OF_BOUNDS, *span).arg("wait").arg(amount.to_string());
            self.report(finding.arg("100ms").arg("60s"));
        }
        time.map(DeedSource::Wait)
    }

    fn pop(&mut self, verb: &Verb, word: Span) -> Option<DeedSource> {
        let Head::Fields(fields) = &verb.head else {
            return None;
        };
        if fields.is_empty() {
            self.report(Finding::new(Code::EMPTY_POP, word));
        }
        let fields: Vec<Option<PopSource>> = fields.iter().map(|field| self.pop_field(field)).collect();
        let fields: Option<Vec<PopSource>> = fields.into_iter().collect();
        Some(DeedSource::Pop(fields?.into()))
    }

    fn pop_field(&mut self, field: &PopField) -> Option<PopSource> {
        match field {
            PopField::Value(name, expr) => {
                let (operand, kind) = self.value(expr)?;
                if let Type::Record(fields) = &kind {
                    let shown = fields.iter().map(|(name, kind)| (name.clone(), kind.shown())).collect();
                    return Some(PopSource::Record(name.text.clone(), operand, shown));
                }
                if kind.shown().is_none() {
                    let code = if kind == Type::Secret { Code::SECRET_LEAKS } else { Code::NOT_SHOWN };
                    self.report(Finding::new(code, expr.span).arg(kind.term()));
                    return None;
                }
                Some(PopSource::Value(name.text.clone(), operand, shown(&kind)))
            }
            PopField::Card(name) => {
                let index = self.world.find(Kind::Card, name, self.findings)?;
                Some(PopSource::Card(self.world.declared.cards.get(index)?.clone()))
            }
            PopField::Script(name, arguments) => {
                let index = self.script(name)?;
                let world = self.world;
                let holes = &world.scripts.get(index)?.holes;
                if holes.len() != arguments.len() {
                    let finding =
                        Finding::new(Code::SCRIPT_VALUES, name.span).arg(&*name.text).arg(holes.len());
                    let wanted: Vec<&str> = holes.iter().map(|(name, _)| &**name).collect();
                    self.report(finding.arg(arguments.len()).arg(wanted.join(", ")));
                    return None;
                }
                let mut values: Vec<Operand> = Vec::new();
                for (expr, (hole, kind)) in arguments.iter().zip(holes) {
                    values.push(self.of_type(expr, kind, hole)?);
                }
                Some(PopSource::Script(index, Arc::from(values)))
            }
        }
    }
}
