//! What editors ask of a plan that is being written: findings in their places, what a name is, where it stands, what may stand
//! here. The language server speaks with it; it knows nothing of its protocol.
//!
//! Invariant: a plan however broken has an answer to every question, if only an empty one.

mod complete;
mod hover;
pub mod lines;
mod names;

use std::ops::Range;
use std::sync::Arc;

use super::check::{Checked, check};
use super::code::{Code, Severity};
use super::diagnostic::{Diagnostic, Lang};
use super::file::Span;
use super::finding::Arg;
use super::program::Program;
use super::source::Sources;
use super::verb::Kind;

use names::{Mention, Of};

/// A plan file with everything that it uses, as it stands in the editor.
#[derive(Debug)]
pub struct Desk {
    checked: Checked,
    mentions: Vec<Mention>,
    /// If nothing is wrong.
    program: Option<Arc<Program>>,
}

/// A place in a file, in octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file, relative to the plan folder.
    pub path: Arc<str>,
    /// From its first octet to behind its last.
    pub range: Range<usize>,
}

/// A finding for an editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub spot: Spot,
    /// `P0201`
    pub code: Code,
    /// What is wrong, and what to do.
    pub message: String,
    /// Other places that it speaks of.
    pub related: Vec<(Spot, String)>,
    /// What would mend it in its place.
    pub instead: Option<String>,
}

/// A declaration of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is, in the language of the reader.
    pub about: &'static str,
    /// The word that declares it.
    pub kind: SymbolKind,
    /// The name's place.
    pub spot: Spot,
}

/// Roughly what a symbol is, for the editor's picture of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// Something that calls walk through.
    Flow,
    /// A rule.
    Policy,
    /// A text or a sound.
    Text,
    /// Anything else that is declared.
    Other,
}

/// Something that may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is written.
    pub text: String,
    /// What it does or is.
    pub about: String,
    /// How it is written whole, for verbs and declarations.
    pub form: Option<&'static str>,
    /// Whether it is a word of the language and not a name.
    pub is_word: bool,
}

impl Desk {
    /// Reads `root` and all that it uses.
    pub fn open(sources: &dyn Sources, root: &str) -> Desk {
        let checked = check(sources, &[root]);
        let mentions = checked.asts.iter().flat_map(names::mentions).collect();
        let program = super::load(sources, &[root]).0;
        Desk { checked, mentions, program }
    }

    /// The files, in the order in which they were met.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.checked.files.0.iter().map(|file| (&*file.path, &*file.text))
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files().find(|(known, _)| *known == path).map(|(_, text)| text)
    }

    fn spot(&self, span: Span) -> Spot {
        let path = self
            .checked
            .files
            .0
            .get(usize::from(span.file))
            .map_or_else(|| "".into(), |file| file.path.clone());
        Spot { path, range: span.start as usize..span.end as usize }
    }

    fn file(&self, path: &str) -> Option<u16> {
        let at = self.checked.files.0.iter().position(|file| *file.path == *path)?;
        u16::try_from(at).ok()
    }

    /// What is wrong or doubtful in all files.
    pub fn findings(&self, lang: Lang) -> Vec<Found> {
        let all = self.checked.findings.iter();
        all.map(|finding| {
            let said = Diagnostic::new(finding.clone(), &self.checked.files);
            let message = match said.hint(lang) {
                Some(hint) => format!("{}\n{hint}", said.message(lang)),
                None => said.message(lang),
            };
            let sign = matches!(finding.code, Code::FULL_WIDTH | Code::FOREIGN_SIGN);
            let instead = match (&finding.suggest, finding.args.get(1)) {
                (Some(name), _) => Some(name.to_string()),
                (None, Some(Arg::Plain(text))) if sign => Some(text.to_string()),
                _ => None,
            };
            let related =
                finding.also.iter().map(|(span, note)| (self.spot(*span), note.say(lang).to_string()));
            Found {
                spot: self.spot(finding.span),
                code: finding.code,
                message,
                related: related.collect(),
                instead,
            }
        })
        .collect()
    }

    /// The name at an offset.
    fn mention(&self, path: &str, offset: usize) -> Option<&Mention> {
        let file = self.file(path)?;
        let here = |mention: &&Mention| {
            let Span { file: at, start, end } = mention.span;
            at == file && (start as usize..=end as usize).contains(&offset)
        };
        let all: Vec<&Mention> = self.mentions.iter().filter(here).collect();
        // A test may mean one of several kinds: the one that is declared is meant.
        all.iter().find(|mention| self.declared(mention).is_some()).or(all.first()).copied()
    }

    /// Where what is mentioned is declared first.
    fn declared(&self, mention: &Mention) -> Option<&Mention> {
        let same = |other: &&Mention| other.declares && other.of == mention.of && other.text == mention.text;
        let found = self.mentions.iter().find(same);
        found.or_else(|| match mention.of {
            // Outside of a flow a name in a condition is hours, or whatever else has the name.
            Of::Declared(Kind::Hours) => self
                .mentions
                .iter()
                .find(|other| other.declares && other.text == mention.text && other.of != mention.of),
            _ => None,
        })
    }

    /// Where the name at an offset is declared.
    pub fn definition(&self, path: &str, offset: usize) -> Option<Spot> {
        Some(self.spot(self.declared(self.mention(path, offset)?)?.span))
    }

    /// Every place of the name at an offset, its declaration among them.
    pub fn references(&self, path: &str, offset: usize) -> Vec<Spot> {
        let Some(declared) = self.mention(path, offset).and_then(|mention| self.declared(mention)) else {
            return Vec::new();
        };
        let same = |other: &&Mention| other.text == declared.text && other.of == declared.of;
        let mut spots: Vec<Spot> =
            self.mentions.iter().filter(same).map(|mention| self.spot(mention.span)).collect();
        spots.dedup();
        spots
    }

    /// The declarations of a file, in order.
    pub fn symbols(&self, path: &str, lang: Lang) -> Vec<Symbol> {
        let file = self.file(path);
        let mut all: Vec<&Mention> = self
            .mentions
            .iter()
            .filter(|mention| mention.declares && Some(mention.span.file) == file)
            .collect();
        all.sort_by_key(|mention| mention.span);
        let symbols = all.into_iter().filter_map(|mention| {
            let Of::Declared(kind) = mention.of else {
                return None;
            };
            let shape = match kind {
                Kind::Flow => SymbolKind::Flow,
                Kind::Policy | Kind::Class => SymbolKind::Policy,
                Kind::Prompt | Kind::Script | Kind::Words | Kind::Card => SymbolKind::Text,
                _ => SymbolKind::Other,
            };
            let about = kind.term().say(lang);
            Some(Symbol { name: mention.text.to_string(), about, kind: shape, spot: self.spot(mention.span) })
        });
        symbols.collect()
    }

    /// Whether a name can be given to what stands at an offset: the spots to change; `Err`: why not.
    ///
    /// # Errors
    /// The new name is no name, is a word of the language, or is taken; or nothing with a name stands there.
    pub fn rename(&self, path: &str, offset: usize, name: &str, lang: Lang) -> Result<Vec<Spot>, String> {
        let words = super::token::tokens(name);
        let is_name = matches!(words.as_slice(), [token] if token.kind == super::token::Kind::Word);
        let declared = self.mention(path, offset).and_then(|mention| self.declared(mention));
        let taken = |declared: &Mention| {
            self.mentions
                .iter()
                .any(|other| other.declares && other.of == declared.of && *other.text == *name)
        };
        match declared {
            _ if !is_name || super::verb::is_reserved(name) => {
                Err(super::tell::word(lang, "this cannot be a name", "不能用作名字").to_string())
            }
            None => Err(super::tell::word(lang, "nothing with a name stands here", "这里没有可以改名的对象")
                .to_string()),
            Some(declared) if taken(declared) => {
                Err(super::tell::word(lang, "the name is taken", "名字已被使用").to_string())
            }
            Some(_) => Ok(self.references(path, offset)),
        }
    }
}

/// Whether a finding keeps the plan from loading.
pub fn is_error(found: &Found) -> bool {
    found.code.severity() == Severity::Error
}
