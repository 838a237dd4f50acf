//! The names that a plan declares, by kind, and finding one by what was written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::bounds::PLAN_FINDINGS;
use crate::plan::ast::{FileAst, Name};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Finding, Term, nearest, note};
use crate::plan::verb::VERBS;

use super::prompt::Prompt;
use super::site::Names;

/// What a name can be declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Class,
    Policy,
    Prompt,
    Holidays,
    Hours,
    Flow,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::Class, Kind::Policy, Kind::Prompt, Kind::Holidays, Kind::Hours, Kind::Flow];

    pub const fn term(self) -> Term {
        match self {
            Kind::Class => Term::new("class", "保存类别"),
            Kind::Policy => Term::new("policy", "策略"),
            Kind::Prompt => Term::new("prompt", "提示音"),
            Kind::Holidays => Term::new("table of holidays", "假日表"),
            Kind::Hours => Term::new("set of hours", "时段"),
            Kind::Flow => Term::new("flow", "流程"),
        }
    }
}

/// Declared names of one kind, with their index in the order of the files.
type Declared = HashMap<Arc<str>, (usize, Span)>;

/// Everything that is declared, by name.
#[derive(Debug, Default)]
pub(super) struct World {
    names: [Declared; 6],
    pub prompts: Vec<Prompt>,
    pub site: Names,
}

impl World {
    /// Collects the names; reports those declared twice.
    pub fn declare(asts: &[FileAst], findings: &mut Vec<Finding>) -> World {
        let mut world = World::default();
        for kind in Kind::ALL {
            for (index, name) in asts.iter().flat_map(|ast| declared(ast, kind)).enumerate() {
                world.add(kind, index, name, findings);
            }
        }
        world
    }

    fn add(&mut self, kind: Kind, index: usize, name: &Name, findings: &mut Vec<Finding>) {
        let Some(names) = self.names.get_mut(kind as usize) else {
            return;
        };
        match names.get(&name.text) {
            Some((_, first)) => findings.push(
                Finding::new(Code::DECLARED_TWICE, name.span)
                    .arg(kind.term())
                    .arg(&*name.text)
                    .also(*first, note::FIRST),
            ),
            None => {
                names.insert(name.text.clone(), (index, name.span));
            }
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = (&Arc<str>, &(usize, Span))> {
        self.names.get(kind as usize).into_iter().flatten()
    }

    /// Where a name of this kind is declared.
    pub fn get(&self, kind: Kind, name: &str) -> Option<(usize, Span)> {
        self.names.get(kind as usize).and_then(|names| names.get(name)).copied()
    }

    /// The names of a kind.
    pub fn known(&self, kind: Kind) -> Vec<&str> {
        self.of(kind).map(|(name, _)| &**name).collect()
    }

    /// Finds a name where one of this kind is meant, or reports what is wrong with it.
    pub fn find(&self, kind: Kind, name: &Name, findings: &mut Vec<Finding>) -> Option<usize> {
        if let Some((index, _)) = self.get(kind, &name.text) {
            return Some(index);
        }
        let mut known = self.known(kind);
        if kind == Kind::Flow {
            known.extend(VERBS.iter().map(|row| row.word).chain(["hangup", "end"]));
        }
        // Beyond the bound nobody sees the hint, and looking for it is not free.
        let shown = findings.len() <= PLAN_FINDINGS;
        let meant = if shown { nearest(&name.text, known) } else { None };
        let other = Kind::ALL.into_iter().find_map(|other| Some((other, self.get(other, &name.text)?.1)));
        findings.push(match other {
            Some((other, span)) => Finding::new(Code::OTHER_KIND, name.span)
                .arg(&*name.text)
                .arg(other.term())
                .arg(kind.term())
                .suggest(meant)
                .also(span, note::FIRST),
            None => {
                Finding::new(Code::UNKNOWN_NAME, name.span).arg(kind.term()).arg(&*name.text).suggest(meant)
            }
        });
        None
    }
}

fn declared(ast: &FileAst, kind: Kind) -> Vec<&Name> {
    match kind {
        Kind::Class => ast.classes.iter().map(|class| &class.name).collect(),
        Kind::Policy => ast.policies.iter().map(|policy| &policy.name).collect(),
        Kind::Prompt => ast.prompts.iter().map(|prompt| &prompt.name).collect(),
        Kind::Holidays => ast.holidays.iter().map(|holidays| &holidays.name).collect(),
        Kind::Hours => ast.hours.iter().map(|hours| &hours.name).collect(),
        Kind::Flow => ast.flows.iter().map(|flow| &flow.name).collect(),
    }
}
