//! The names that a plan declares, by kind, and finding one by what was written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::bounds::PLAN_FINDINGS;
use crate::plan::ast::{ChoiceValue, FileAst, Name, Validity};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Finding, nearest, note};
use crate::plan::verb::{Kind, verbs};

use crate::plan::resolved::LiveSound;

use super::prompt::Prompt;
use super::site::Names;
use super::types::Type;

/// Declared names of one kind, with their index in the order of the files.
type Declared = HashMap<Arc<str>, (usize, Span)>;

/// Everything that is declared, by name.
#[derive(Debug, Default)]
pub(super) struct World {
    names: [Declared; Kind::ALL.len()],
    pub prompts: Vec<Prompt>,
    pub site: Names,
    pub lookups: Vec<Known>,
    pub scripts: Vec<ScriptShape>,
    pub declared: crate::plan::declared::Declared,
    /// Whether some flow chooses the language of its calls.
    pub speaks_many: bool,
    /// Every address that the plan speaks to: whose, which, where it stands.
    pub addresses: Vec<(Arc<str>, Arc<str>, Span)>,
    /// Every text that a customer may hear or an agent say, and where it stands.
    pub texts: Vec<(Arc<str>, Span)>,
}

/// A lookup as flows see it.
#[derive(Debug)]
pub(super) struct Known {
    pub takes: Vec<(Arc<str>, Type)>,
    pub yields: Type,
}

/// What the uses of a script give it.
#[derive(Debug)]
pub(super) struct ScriptShape {
    /// The holes that its versions do not fill by themselves.
    pub holes: Vec<(Arc<str>, Type)>,
    /// Its sounds by language, where every version has them.
    pub sounds: Vec<LiveSound>,
    /// Whether a version is in force now or will be; `None`: nobody knows what day it is.
    pub usable: bool,
}

impl World {
    /// Collects the names; reports those declared twice.
    pub fn declare(asts: &[FileAst], findings: &mut Vec<Finding>) -> World {
        let mut world = World { addresses: addresses(asts), texts: texts(asts), ..World::default() };
        for kind in Kind::ALL {
            for (index, (name, versioned)) in asts.iter().flat_map(|ast| declared(ast, kind)).enumerate() {
                world.add(kind, index, name, versioned, findings);
            }
        }
        world
    }

    fn add(&mut self, kind: Kind, index: usize, name: &Name, versioned: bool, findings: &mut Vec<Finding>) {
        let Some(names) = self.names.get_mut(kind as usize) else {
            return;
        };
        match names.get(&name.text) {
            // Versions of one name are told apart by their times.
            Some(_) if versioned => {}
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
            known.extend(verbs().map(|row| row.word).chain(["hangup", "end"]));
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

/// The names of one kind in a file, and whether each is one of several versions.
fn declared(ast: &FileAst, kind: Kind) -> Vec<(&Name, bool)> {
    let plain = |name| (name, false);
    let versioned = |validity: &Validity| {
        validity.version.is_some() || validity.from.is_some() || validity.until.is_some()
    };
    let block = |kind: Kind| {
        let blocks = ast.blocks.iter().filter(move |block| block.row.kind == kind);
        blocks.map(|block| (&block.name, false)).collect()
    };
    match kind {
        Kind::Class => ast.classes.iter().map(|class| plain(&class.name)).collect(),
        Kind::Policy => ast.policies.iter().map(|policy| plain(&policy.name)).collect(),
        Kind::Prompt => {
            ast.prompts.iter().map(|prompt| (&prompt.name, versioned(&prompt.validity))).collect()
        }
        Kind::Holidays => ast.holidays.iter().map(|holidays| plain(&holidays.name)).collect(),
        Kind::Hours => ast.hours.iter().map(|hours| plain(&hours.name)).collect(),
        Kind::Flow => ast.flows.iter().map(|flow| (&flow.name, versioned(&flow.validity))).collect(),
        Kind::Lookup => ast.lookups.iter().map(|lookup| plain(&lookup.name)).collect(),
        Kind::Script => {
            ast.scripts.iter().map(|script| (&script.name, versioned(&script.validity))).collect()
        }
        Kind::Words => ast.words.iter().map(|words| (&words.name, versioned(&words.validity))).collect(),
        Kind::Emergency => ast.emergencies.iter().map(|emergency| plain(&emergency.name)).collect(),
        kind => block(kind),
    }
}

fn addresses(asts: &[FileAst]) -> Vec<(Arc<str>, Arc<str>, Span)> {
    let lookups = asts.iter().flat_map(|ast| &ast.lookups);
    let mut out: Vec<_> = lookups
        .filter_map(|lookup| {
            let (_, url) = lookup.method.as_ref()?;
            Some((lookup.name.text.clone(), url.text.clone(), url.span))
        })
        .collect();
    for block in asts.iter().flat_map(|ast| &ast.blocks) {
        for line in block.lines.iter().filter(|line| matches!(line.row.word, "post" | "link")) {
            if let Some(ChoiceValue::Texts(texts)) = &line.value {
                out.extend(texts.iter().map(|url| (block.name.text.clone(), url.text.clone(), url.span)));
            }
        }
    }
    out
}

fn texts(asts: &[FileAst]) -> Vec<(Arc<str>, Span)> {
    let place = |name: &Name| (name.text.clone(), name.span);
    let scripts = asts.iter().flat_map(|ast| ast.scripts.iter().flat_map(|script| &script.texts));
    let prompts = asts.iter().flat_map(|ast| ast.prompts.iter().flat_map(|prompt| &prompt.sounds));
    let cards = asts.iter().flat_map(|ast| ast.blocks.iter().filter(|block| block.row.kind == Kind::Card));
    let said = cards.flat_map(|card| {
        card.lines.iter().filter_map(|line| match &line.value {
            Some(ChoiceValue::Texts(texts)) if line.row.word != "link" => texts.first(),
            _ => None,
        })
    });
    scripts
        .map(|text| place(&text.text))
        .chain(prompts.filter_map(|sound| sound.says.as_ref()).map(place))
        .chain(said.map(place))
        .collect()
}
