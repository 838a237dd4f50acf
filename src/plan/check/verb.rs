//! Verbs: which arm handles which outcome, and what the verb means.

use std::collections::HashMap;

use crate::base::Masked;
use crate::base::bounds::FORKS;
use crate::plan::ask::Outcome;
use crate::plan::ast::{self, Arm, Head, Label, LabelKind, Strategy, TargetUse, Verb, Who};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, nearest, note};
use crate::plan::resolved::{Bodies, Collect, Dial, Menu, Operand, StepKind, TargetSource, Whom};
use crate::plan::value::Value;
use crate::plan::verb::{BETWEEN_UNSAID, Kind, RING_UNSAID, Stands, Unhandled, VerbKind, VerbRow};

use super::flow::FlowCheck;
use super::names::World;
use super::option;
use super::path::Reach;
use super::types::Type;
use super::value::Use;

/// Which body handles what.
pub(super) struct Handled {
    pub bodies: Bodies,
    keys: Vec<(char, usize)>,
    pub words: HashMap<&'static str, usize>,
    /// Where the arms come together.
    pub reach: Reach,
    /// Whether every arm and label could be read; if not, what is missing may be there.
    whole: bool,
}

impl FlowCheck<'_> {
    /// A verb in force at `reach`; returns what it means, and whether control goes on behind it.
    pub(super) fn verb(
        &mut self,
        verb: &Verb,
        word: Span,
        span: Span,
        reach: Reach,
    ) -> (Option<StepKind>, Reach) {
        self.check_options(verb, word);
        self.check_place(verb.row, word);
        match verb.row.kind {
            VerbKind::Play => {
                let sounds = match &verb.head {
                    Head::Prompts(prompts) => self.sounds(prompts),
                    _ => self.sounds(&[]),
                };
                ((!sounds.is_empty()).then_some(StepKind::Play { sounds }), reach.going(span))
            }
            VerbKind::Say => (self.say(verb), reach.going(span)),
            VerbKind::Menu => self.menu(verb, word, reach),
            VerbKind::Collect | VerbKind::Secret => self.collect(verb, word, span, reach),
            VerbKind::Dial => self.dial(verb, word, reach),
            _ => self.deed(verb, word, span, reach),
        }
    }

    /// Whether the verb can stand here: in a flow the plan has the caller, in a reaction somebody else does.
    fn check_place(&mut self, row: &'static VerbRow, word: Span) {
        let wrong = match row.stands {
            Stands::Flows => self.reacts,
            Stands::Reactions => !self.reacts,
            Stands::Both => false,
        };
        if wrong {
            let code = if self.reacts { Code::NOT_IN_REACTION } else { Code::ONLY_IN_REACTION };
            self.report(Finding::new(code, word).arg(row.word));
        }
    }

    fn menu(&mut self, verb: &Verb, word: Span, reach: Reach) -> (Option<StepKind>, Reach) {
        let sounds = self.sounds(option::prompts(verb, "prompt"));
        let handled = self.arms(verb, word, reach);
        if handled.keys.is_empty() && handled.whole {
            self.report(Finding::new(Code::NO_KEYS, word));
        }
        let Handled { bodies, keys, words, reach, .. } = handled;
        let kind = words.get("none").zip(words.get("wrong")).map(|(none, wrong)| {
            StepKind::Menu(Menu {
                sounds,
                wait: option::duration(verb, "wait", RING_UNSAID),
                tries: option::count(verb, "tries", 1),
                keys,
                none: *none,
                wrong: *wrong,
                bodies,
            })
        });
        (kind, reach)
    }

    fn collect(&mut self, verb: &Verb, word: Span, span: Span, reach: Reach) -> (Option<StepKind>, Reach) {
        let sounds = self.sounds(option::prompts(verb, "prompt"));
        let Handled { bodies, words, reach: failed, .. } = self.arms(verb, word, reach);
        let Head::Name(name) = &verb.head else {
            return (None, Reach::Unknown);
        };
        if let Reach::Goes { fell, .. } = failed {
            self.report(Finding::new(Code::MAY_BE_MISSING, fell).arg(&*name.text).arg(verb.row.word));
        }
        let secret = verb.row.kind == VerbKind::Secret;
        let slot = self.bind(name, if secret { Type::Secret } else { Type::Digits });
        let (least, most) = option::digits(verb, "digits");
        let kind = words.get("none").zip(words.get("wrong")).map(|(none, wrong)| {
            StepKind::Collect(Collect {
                sounds,
                secret,
                slot,
                least,
                most,
                wait: option::duration(verb, "wait", RING_UNSAID),
                between: option::duration(verb, "between", BETWEEN_UNSAID),
                end: option::key(verb, "end", '#'),
                tries: option::count(verb, "tries", 1),
                none: *none,
                wrong: *wrong,
                bodies,
            })
        });
        let onward = if reach == Reach::Unknown { reach } else { Reach::Goes { quiet: false, fell: span } };
        (kind, onward)
    }

    fn dial(&mut self, verb: &Verb, word: Span, reach: Reach) -> (Option<StepKind>, Reach) {
        let Head::Targets(strategy, targets) = &verb.head else {
            return (None, Reach::Unknown);
        };
        let mut turns = self.turns(verb, *strategy);
        let given = targets.len();
        let mut sources: Vec<TargetSource> = Vec::new();
        for target in targets {
            if let Some(group) = self.group(target) {
                if *strategy == Strategy::Unsaid && targets.len() == 1 && group.strategy != Strategy::All {
                    turns = Some((group.strategy, group.each));
                }
                sources.extend(group.members.iter().cloned());
                continue;
            }
            match self.target(target) {
                Some(source) => sources.push(source),
                None => return (None, self.arms(verb, word, reach).reach),
            }
        }
        if sources.len() > FORKS {
            self.report(Finding::new(Code::TOO_MANY_TARGETS, word).arg(FORKS));
        }
        let targets = sources;
        let Handled { bodies, words, reach, .. } = self.arms(verb, word, reach);
        let outcomes = Outcome::ALL.map(|outcome| words.get(outcome.word()).copied());
        let ring = option::duration(verb, "for", RING_UNSAID);
        ((given > 0).then_some(StepKind::Dial(Dial { targets, ring, turns, outcomes, bodies })), reach)
    }

    /// One after another, and for how long each.
    fn turns(&self, verb: &Verb, strategy: Strategy) -> Option<(Strategy, std::time::Duration)> {
        let each = option::duration(verb, "each", EACH_UNSAID);
        matches!(strategy, Strategy::InOrder | Strategy::RoundRobin).then_some((strategy, each))
    }

    /// The plan's own group that a target names.
    fn group(&self, target: &TargetUse) -> Option<std::sync::Arc<crate::plan::declared::Group>> {
        let (ast::Whom::Group, Who::Literal(name)) = (&target.whom, &target.who) else {
            return None;
        };
        let (index, _) = self.world.get(Kind::Group, &name.text)?;
        self.world.declared.groups.get(index).cloned()
    }

    fn target(&mut self, target: &TargetUse) -> Option<TargetSource> {
        let numbered = matches!(target.whom, ast::Whom::Number | ast::Whom::Trunk(_));
        self.world.site.dialled(target, self.findings);
        let who = match &target.who {
            Who::Value(name) => {
                let (operand, kind) = self.named(name)?;
                if !kind.is_text() {
                    let finding =
                        Finding::new(Code::WRONG_TYPE, name.span).arg("dial").arg(Type::Phone.term());
                    self.report(finding.arg(kind.term()));
                    return None;
                }
                operand
            }
            Who::Literal(name) if name.text.contains(['{', '}']) => {
                self.text(&name.text, name.span, Use::Dialled)?.0
            }
            Who::Literal(name) if name.text.is_empty() || (numbered && !is_number(&name.text)) => {
                self.report(Finding::new(Code::BAD_NUMBER, name.span).arg(&*name.text));
                return None;
            }
            Who::Literal(name) => Operand::Fixed(Value::Text(Masked::new(&*name.text))),
        };
        let whom = match &target.whom {
            ast::Whom::User => Whom::User,
            ast::Whom::Group => Whom::Group,
            ast::Whom::Number => Whom::Number,
            ast::Whom::Trunk(name) => Whom::Trunk(name.text.clone()),
        };
        Some(TargetSource { whom, who })
    }

    /// Follows every arm; reports outcomes that are unknown, handled twice, or not handled.
    pub(super) fn arms(&mut self, verb: &Verb, word: Span, reach: Reach) -> Handled {
        let row = verb.row;
        let mut handled = Handled {
            bodies: Vec::new(),
            keys: Vec::new(),
            words: HashMap::new(),
            reach: Reach::Leaves(word),
            whole: verb.whole,
        };
        let mut first: HashMap<String, Span> = HashMap::new();
        for arm in &verb.arms {
            let index = handled.bodies.len();
            let mut acted = true;
            for label in &arm.labels {
                acted &= self.label(label, row, index, &mut handled, &mut first);
            }
            let entry = match reach {
                Reach::Goes { quiet, .. } => Reach::Goes { quiet: quiet && !acted, fell: arm.span },
                other => other,
            };
            let (body, end) = self.arm_body(arm, entry);
            handled.bodies.push(body);
            handled.reach = handled.reach.join(end);
        }
        let left: Vec<&str> = row
            .outcomes
            .iter()
            .filter(|outcome| {
                outcome.unhandled == Unhandled::Error && !handled.words.contains_key(outcome.word)
            })
            .map(|outcome| outcome.word)
            .collect();
        if !left.is_empty() && handled.whole {
            let said = left.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let finding = Finding::new(Code::NOT_HANDLED, word).arg(row.word);
            self.report(finding.arg(said).arg(left.join(", ")));
        }
        handled
    }

    fn arm_body(&mut self, arm: &Arm, entry: Reach) -> (Vec<crate::plan::resolved::Step>, Reach) {
        self.in_scope(|check| check.statements(&arm.body, entry))
    }

    /// Enters one label of arm number `index`; says whether somebody must have acted for it.
    fn label(
        &mut self,
        label: &Label,
        row: &'static VerbRow,
        index: usize,
        handled: &mut Handled,
        first: &mut HashMap<String, Span>,
    ) -> bool {
        let (said, acted) = match &label.kind {
            LabelKind::Key(key) if row.keys => {
                handled.keys.push((*key, index));
                (key.to_string(), true)
            }
            LabelKind::Key(key) => {
                self.no_outcome(row, &key.to_string(), label.span);
                handled.whole = false;
                return true;
            }
            LabelKind::Word(word) if word.is_empty() => {
                handled.whole = false;
                return true;
            }
            LabelKind::Word(word) => match row.outcome(word) {
                Some(outcome) => {
                    handled.words.entry(outcome.word).or_insert(index);
                    (word.to_string(), outcome.acted)
                }
                None => {
                    self.no_outcome(row, word, label.span);
                    handled.whole = false;
                    return true;
                }
            },
            LabelKind::Else => return self.rest(label, row, index, handled),
        };
        if let Some(before) = first.get(&said) {
            let finding = Finding::new(Code::HANDLED_TWICE, label.span).arg(said);
            self.report(finding.also(*before, note::HANDLED));
        } else {
            first.insert(said, label.span);
        }
        acted
    }

    /// `else`: every outcome that no arm before handles.
    fn rest(&mut self, label: &Label, row: &'static VerbRow, index: usize, handled: &mut Handled) -> bool {
        let mut acted = true;
        let mut some = false;
        for outcome in row.outcomes {
            handled.words.entry(outcome.word).or_insert_with(|| {
                some = true;
                acted &= outcome.acted;
                index
            });
        }
        if !some {
            self.report(Finding::new(Code::EMPTY_ELSE, label.span));
        }
        acted
    }

    fn no_outcome(&mut self, row: &'static VerbRow, said: &str, span: Span) {
        let words = || row.outcomes.iter().map(|outcome| outcome.word);
        let foreign =
            [("timeout", "no-answer"), ("noanswer", "no-answer"), ("invalid", "wrong"), ("default", "else")];
        let key = [
            ("timeout", "none"),
            ("no-input", "none"),
            ("invalid", "wrong"),
            ("default", "else"),
            ("nomatch", "wrong"),
        ];
        let table: &[(&str, &str)] = match row.kind {
            VerbKind::Dial => &foreign,
            VerbKind::Menu | VerbKind::Collect | VerbKind::Secret => &key,
            _ => &[("no-answer", "timeout"), ("default", "else"), ("error", "failed")],
        };
        let meant = table.iter().find(|(theirs, _)| *theirs == said).map(|(_, ours)| *ours);
        let finding =
            Finding::new(Code::UNKNOWN_OUTCOME, span).arg(row.word).arg(said).arg(Arg::list(words()));
        self.report(finding.suggest(meant.or(nearest(said, words()))));
    }
}

/// How long each rings, in order or by turns, where nothing is said.
const EACH_UNSAID: std::time::Duration = std::time::Duration::from_secs(15);

/// A member of a group: a target that is known before any call.
pub(super) fn member(target: &TargetUse, world: &World, findings: &mut Vec<Finding>) -> Option<TargetSource> {
    world.site.dialled(target, findings);
    let name = match &target.who {
        Who::Literal(name) if !name.text.contains(['{', '}']) => name,
        Who::Literal(name) | Who::Value(name) => {
            findings.push(Finding::new(Code::NOT_CONSTANT, name.span));
            return None;
        }
    };
    let whom = match &target.whom {
        ast::Whom::User => Whom::User,
        ast::Whom::Group => Whom::Group,
        ast::Whom::Number => Whom::Number,
        ast::Whom::Trunk(trunk) => Whom::Trunk(trunk.text.clone()),
    };
    if matches!(whom, Whom::Number | Whom::Trunk(_)) && !is_number(&name.text) {
        findings.push(Finding::new(Code::BAD_NUMBER, name.span).arg(&*name.text));
        return None;
    }
    Some(TargetSource { whom, who: Operand::Fixed(Value::Text(Masked::new(&*name.text))) })
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.chars().all(|ch| ch.is_ascii_digit() || matches!(ch, '*' | '#'))
}
