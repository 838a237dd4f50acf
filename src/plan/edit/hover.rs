//! What a word or name under the pointer is.

use std::fmt::Write;
use std::ops::Range;

use crate::plan::diagnostic::Lang;
use crate::plan::program::Program;
use crate::plan::resolved::Origins;
use crate::plan::tell::{limits, rules, word};
use crate::plan::token::{self, tokens};
use crate::plan::tree::{Node, NodeKind};
use crate::plan::verb::{BLOCKS, CLAUSES, ITEMS, Kind, STEERING, VerbRow};

use super::Desk;
use super::names::Of;

impl Desk {
    /// What stands at an offset, in Markdown, and where it begins and ends.
    pub fn hover(&self, path: &str, offset: usize, lang: Lang) -> Option<(Range<usize>, String)> {
        let text = self.text(path)?;
        let all = tokens(text);
        let token = all.iter().find(|token| (token.start as usize..token.end as usize).contains(&offset))?;
        let range = token.start as usize..token.end as usize;
        let raw = text.get(range.clone())?;
        if let Some(mention) = self.mention(path, offset) {
            let out = self.named(mention, lang);
            if !out.is_empty() {
                return Some((range, out));
            }
        }
        if token.kind != token::Kind::Word {
            return None;
        }
        if raw == "route" {
            let line = super::lines::position(text, offset).0 + 1;
            return Some((range, self.route(path, line, lang)));
        }
        Some((range, word_row(raw, lang)?))
    }

    fn named(&self, mention: &super::names::Mention, lang: Lang) -> String {
        let Some(declared) = self.declared(mention) else {
            return String::new();
        };
        let (path, line) = self.checked.files.line(declared.span);
        let mut out = match declared.of {
            Of::Declared(kind) => format!("**{}** {}", declared.text, kind.term().say(lang)),
            Of::Local(_) => format!("**{}** {}", declared.text, word(lang, "a value", "值")),
        };
        let _ = write!(out, " · {path}:{line}\n\n```plan\n{}\n```\n", self.written(declared.span));
        if declared.of == Of::Declared(Kind::Flow)
            && let Some(program) = &self.program
            && let Some(flow) = program.flows.iter().position(|name| **name == *declared.text)
        {
            out += &holding(program, &crate::plan::doc::policies_of(program, flow), lang);
        }
        out
    }

    /// The head of the declaration in which a name stands: its first line, a few more where they belong to it.
    fn written(&self, span: crate::plan::file::Span) -> String {
        let Some((file, tree)) = self
            .checked
            .files
            .0
            .get(usize::from(span.file))
            .zip(self.checked.trees.get(usize::from(span.file)))
        else {
            return String::new();
        };
        let at = span.start as usize;
        let holds = |node: &&Node| {
            let run = tree.tokens().get(node.run()).unwrap_or(&[]);
            let (first, last) =
                (run.first().map_or(0, |token| token.start), run.last().map_or(0, |token| token.end));
            (first as usize..last as usize).contains(&at)
        };
        let line = || {
            file.text
                .get(file.text.get(..at).unwrap_or("").rfind('\n').map_or(0, |at| at + 1)..)
                .and_then(|rest| rest.lines().next())
        };
        match tree.root().children.iter().find(holds) {
            Some(node) if node.kind == NodeKind::Flow => line().unwrap_or("").to_string(),
            Some(node) => tree.text_of(node).lines().take(8).collect::<Vec<_>>().join("\n"),
            None => line().unwrap_or("").trim().to_string(),
        }
    }

    /// What holds for the calls of the routes on a line.
    fn route(&self, path: &str, line: u32, lang: Lang) -> String {
        let Some(program) = &self.program else {
            return word_row("route", lang).unwrap_or_default();
        };
        let mut out = String::new();
        for route in
            program.routes.iter().filter(|route| *route.written.file == *path && route.written.line == line)
        {
            let calls = limits(lang, &route.from, &[route.written.pattern.to_string()]);
            let all: Vec<usize> = (0..program.policies.len())
                .filter(|number| {
                    program.policies.get(*number).is_some_and(|entry| {
                        let to = &entry.rule.to;
                        entry.rule.from.meets(&route.from)
                            && (to.is_empty() || to.iter().any(|to| to.meets(&route.pattern)))
                    })
                })
                .collect();
            let _ = writeln!(out, "**{calls}**\n\n{}", holding(program, &all, lang));
        }
        out
    }
}

/// The demands of policies, as a list.
fn holding(program: &Program, numbers: &[usize], lang: Lang) -> String {
    let mut out = String::new();
    for (number, entry) in
        numbers.iter().filter_map(|number| Some((*number, program.policies.get(number.to_owned())?)))
    {
        let to: Vec<String> = entry.rule.to.iter().map(|pattern| pattern.written()).collect();
        let anyone = Origins::anyone();
        let from = if entry.rule.from == anyone { &anyone } else { &entry.rule.from };
        let _ = writeln!(
            out,
            "\n{} **{}** ({})\n",
            word(lang, "policy", "策略"),
            entry.rule.name,
            limits(lang, from, &to)
        );
        for (name, text) in rules(program, &entry.rule, number) {
            let _ = writeln!(out, "* {}: {}", name.say(lang), text.say(lang));
        }
    }
    if out.is_empty() {
        out = word(
            lang,
            "\nno policy holds: not recorded, nothing told\n",
            "\n没有适用的策略：不录音、不告知\n",
        )
        .to_string();
    }
    out
}

/// The reference of a word of the language.
fn word_row(raw: &str, lang: Lang) -> Option<String> {
    if let Some(row) = VerbRow::of(raw) {
        let mut out = format!("```plan\n{}\n```\n{}\n", row.form, row.about.say(lang));
        for option in row.options {
            let _ = writeln!(out, "* `{}`: {}", option.word, option.about.say(lang));
        }
        for outcome in row.outcomes {
            let _ = writeln!(out, "* → `{}`: {}", outcome.word, outcome.about.say(lang));
        }
        return Some(out);
    }
    if let Some(row) = BLOCKS.iter().find(|row| row.word == raw) {
        return Some(format!("```plan\n{}\n```\n{}", row.form, row.about.say(lang)));
    }
    let row = ITEMS.iter().chain(STEERING).chain(CLAUSES).find(|row| row.word == raw)?;
    Some(format!("```plan\n{}\n```\n{}", row.form, row.about.say(lang)))
}
