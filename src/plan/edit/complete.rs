//! What may stand at a place.

use crate::plan::diagnostic::Lang;
use crate::plan::token::{Kind as Sign, Token, tokens};
use crate::plan::verb::{BLOCKS, CLAUSES, ITEMS, Kind, STEERING, Stands, VerbRow, verbs};

use super::names::Of;
use super::{Desk, Offer};

/// Words behind which a name of a kind stands.
const BEHIND: [(&str, Kind); 18] = [
    ("play", Kind::Prompt),
    ("say", Kind::Prompt),
    ("prompt", Kind::Prompt),
    ("whisper", Kind::Prompt),
    ("music", Kind::Prompt),
    ("queue", Kind::Queue),
    ("requeue", Kind::Queue),
    ("script", Kind::Script),
    ("card", Kind::Card),
    ("push", Kind::Card),
    ("lookup", Kind::Lookup),
    ("retain", Kind::Class),
    ("group", Kind::Group),
    ("join", Kind::Group),
    ("agents", Kind::Group),
    ("forbid", Kind::Words),
    ("notify", Kind::Webhook),
    ("holidays", Kind::Holidays),
];

impl Desk {
    /// What may stand at an offset; the editor keeps what goes on from what has been typed.
    pub fn complete(&self, path: &str, offset: usize, lang: Lang) -> Vec<Offer> {
        let Some(text) = self.text(path).and_then(|text| text.get(..offset)) else {
            return Vec::new();
        };
        let all: Vec<Token> = tokens(text);
        if all.last().is_some_and(|token| matches!(token.kind, Sign::Comment | Sign::OpenText)) {
            return Vec::new();
        }
        let raw = |token: &Token| text.get(token.start as usize..token.end as usize).unwrap_or("");
        // What is being typed is no part of the place.
        let typed = usize::from(all.last().is_some_and(|token| token.kind == Sign::Word));
        let before: Vec<&Token> = all.iter().take(all.len() - typed).collect();
        let line: Vec<&Token> = before
            .iter()
            .rev()
            .take_while(|token| !matches!(token.kind, Sign::Newline | Sign::Semicolon | Sign::LeftBrace))
            .filter(|token| !token.kind.is_trivia())
            .copied()
            .collect();
        let words: Vec<&str> = line.iter().rev().map(|token| raw(token)).collect();
        let last = words.iter().rev().find(|word| !matches!(**word, ",")).copied();
        let frame = frame(text, &before);
        match (last, words.as_slice()) {
            (Some("->"), _) => {
                let mut out = self.names(Kind::Flow, lang);
                out.push(offer("end", "", None));
                out.extend(statements(lang));
                out
            }
            (_, [.., "from"] | [.., "dial", "trunk"] | [.., "from", "trunk"])
                if words.last() == Some(&"trunk") =>
            {
                self.names(Kind::Trunk, lang)
            }
            (_, [.., "from"]) => {
                ["users", "anyone", "trunk"].into_iter().map(|word| offer(word, "", None)).collect()
            }
            (_, ["when", "missing", _]) => self.names(Kind::Words, lang),
            (_, ["screen", .., "for"]) => self.names(Kind::Words, lang),
            (_, ["if" | "when", ..]) if matches!(last, Some("if" | "when" | "not" | "and" | "or")) => {
                let mut out = self.names(Kind::Hours, lang);
                out.extend(self.locals());
                out
            }
            (Some(last), _) if BEHIND.iter().any(|(word, _)| *word == last) => {
                let kinds = BEHIND.iter().filter(|(word, _)| *word == last);
                kinds.flat_map(|(_, kind)| self.names(*kind, lang)).collect()
            }
            // One more of a list: `play a, `.
            (_, [first, .., ","]) if BEHIND.iter().any(|(word, _)| word == first) => {
                let kinds = BEHIND.iter().filter(|(word, _)| word == first);
                kinds.flat_map(|(_, kind)| self.names(*kind, lang)).collect()
            }
            (_, [verb, _, ..]) if VerbRow::of(verb).is_some() => options(verb, lang),
            (_, []) => self.begins(frame, lang),
            _ => Vec::new(),
        }
    }

    /// What may begin a line inside of a brace that was opened by `frame`.
    fn begins(&self, frame: Option<&str>, lang: Lang) -> Vec<Offer> {
        let Some(frame) = frame else {
            let items = ITEMS.iter().map(|row| offer(row.word, row.about.say(lang), Some(row.form)));
            return items
                .chain(BLOCKS.iter().map(|row| offer(row.word, row.about.say(lang), Some(row.form))))
                .collect();
        };
        if frame == "policy" {
            return CLAUSES.iter().map(|row| offer(row.word, row.about.say(lang), Some(row.form))).collect();
        }
        if let Some(block) =
            BLOCKS.iter().find(|row| row.word == frame).filter(|row| VerbRow::of(row.word).is_none())
        {
            return block.lines.iter().map(|line| offer(line.word, line.about.say(lang), None)).collect();
        }
        match (frame, VerbRow::of(frame)) {
            (_, Some(row)) if !row.outcomes.is_empty() => {
                let outcomes =
                    row.outcomes.iter().map(|outcome| offer(outcome.word, outcome.about.say(lang), None));
                outcomes.chain([offer("else", "", None)]).collect()
            }
            ("test", _) => ["stub", "call", "expect", "agent", "customer"]
                .into_iter()
                .map(|word| offer(word, "", None))
                .collect(),
            ("screen" | "on", _) => {
                let rows = verbs().filter(|row| row.stands != Stands::Flows);
                rows.map(|row| offer(row.word, row.about.say(lang), Some(row.form))).collect()
            }
            _ => statements(lang),
        }
    }

    fn names(&self, kind: Kind, lang: Lang) -> Vec<Offer> {
        let about = kind.term().say(lang);
        let all = self.mentions.iter().filter(|mention| mention.declares && mention.of == Of::Declared(kind));
        let mut out: Vec<Offer> = all
            .map(|mention| Offer {
                text: mention.text.to_string(),
                about: about.to_string(),
                form: None,
                is_word: false,
            })
            .collect();
        out.dedup();
        out
    }

    fn locals(&self) -> Vec<Offer> {
        let all =
            self.mentions.iter().filter(|mention| mention.declares && matches!(mention.of, Of::Local(_)));
        let mut out: Vec<Offer> = all
            .map(|mention| Offer {
                text: mention.text.to_string(),
                about: String::new(),
                form: None,
                is_word: false,
            })
            .collect();
        out.dedup();
        out
    }
}

fn offer(word: &str, about: &str, form: Option<&'static str>) -> Offer {
    Offer { text: word.to_string(), about: about.to_string(), form, is_word: true }
}

fn statements(lang: Lang) -> Vec<Offer> {
    let verbs = verbs().filter(|row| row.stands != Stands::Reactions);
    let verbs = verbs.map(|row| offer(row.word, row.about.say(lang), Some(row.form)));
    let steering = STEERING.iter().filter(|row| row.word.starts_with(|ch: char| ch.is_ascii_lowercase()));
    verbs.chain(steering.map(|row| offer(row.word, row.about.say(lang), Some(row.form)))).collect()
}

fn options(verb: &str, lang: Lang) -> Vec<Offer> {
    let row = VerbRow::of(verb);
    row.into_iter()
        .flat_map(|row| row.options)
        .map(|option| offer(option.word, option.about.say(lang), None))
        .collect()
}

/// The word that opened the innermost brace in front of a place: the first of its statement or declaration.
fn frame<'t>(text: &'t str, before: &[&Token]) -> Option<&'t str> {
    let raw = |token: &Token| text.get(token.start as usize..token.end as usize).unwrap_or("");
    let mut depth = 0usize;
    let open = before.iter().enumerate().rev().find(|(_, token)| match token.kind {
        Sign::RightBrace => {
            depth += 1;
            false
        }
        Sign::LeftBrace if depth == 0 => true,
        Sign::LeftBrace => {
            depth -= 1;
            false
        }
        _ => false,
    })?;
    let head = before
        .iter()
        .take(open.0)
        .rev()
        .take_while(|token| !matches!(token.kind, Sign::Newline | Sign::Semicolon | Sign::LeftBrace));
    let words: Vec<&str> = head.filter(|token| !token.kind.is_trivia()).map(|token| raw(token)).collect();
    // Behind the last arrow stands what the brace belongs to: `1 -> dial user bob {`.
    let own: Vec<&str> = words.iter().take_while(|word| **word != "->").copied().collect();
    own.last().copied().or(Some(""))
}
