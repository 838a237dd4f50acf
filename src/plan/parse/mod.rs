//! Tokens → tree and AST, in one pass, by recursive descent that recovers: every fault of a file is found at once.
//!
//! Invariant: the parser takes at least one token a turn and never goes deeper than
//! [`PLAN_NESTING`](crate::base::bounds::PLAN_NESTING), so any text ends, without exhausting the stack.

mod clause;
mod declare;
mod expr;
mod item;
mod lexical;
mod policy;
mod statement;
mod test;
mod time;
mod verb;

use super::ast::{FileAst, Name};
use super::code::Code;
use super::file::{File, Span, offset};
use super::finding::{Arg, Finding, Term};
use super::literal;
use super::token::{Kind, Token, tokens};
use super::tree::{Builder, NodeKind, Tree};

/// What one file came to.
pub(crate) struct Parsed {
    pub tree: Tree,
    pub ast: FileAst,
    pub findings: Vec<Finding>,
}

/// Reads one file.
pub(crate) fn parse(file: &File, number: u16) -> Parsed {
    let mut all = tokens(&file.text);
    let findings = lexical::findings(&file.text, number, &mut all);
    let mut parser = Parser::new(&file.text, number, &all, findings);
    let ast = parser.file();
    let Parser { builder, findings, .. } = parser;
    Parsed { tree: builder.finish(file.text.clone(), all), ast, findings }
}

/// What a plan file is made of, as messages name it.
mod what {
    use super::Term;

    pub const NAME: Term = Term::new("a name", "名字");
    pub const TEXT: Term = Term::new("a text in quotes", "引号中的文字");
    pub const PATTERN: Term = Term::new("a pattern in quotes", "引号中的号码样式");
    pub const BLOCK: Term = Term::new("`{`", "`{`");
    pub const ARROW: Term = Term::new("`->`", "`->`");
    pub const AMOUNT: Term = Term::new("an amount of time like 25s", "时长（如 25s）");
    pub const COUNT: Term = Term::new("a number", "数字");
    pub const CLOCK: Term = Term::new("a time like 09:00", "时刻（如 09:00）");
    pub const DATE: Term = Term::new("a date like 2026-10-01", "日期（如 2026-10-01）");
    pub const LINE_END: Term = Term::new("the end of the line", "行尾");
    pub const STATEMENT: Term = Term::new("a statement", "语句");
    pub const ITEM: Term = Term::new("a declaration", "声明");
    pub const ACTION: Term = Term::new("a flow, a statement or `{`", "流程名、语句或 `{`");
    pub const LABEL: Term = Term::new("a key or an outcome", "按键或结果");
    pub const VALUE: Term = Term::new("a value", "值");
    pub const BEFORE_MEDIA: Term = Term::new("`before media`", "`before media`");
    pub const FILE_END: Term = Term::new("the end of the file", "文件结尾");

    /// What stands on the line of what it belongs to: its lack is shown at the end of that line.
    pub const INLINE: [Term; 12] =
        [NAME, TEXT, PATTERN, BLOCK, ARROW, AMOUNT, COUNT, CLOCK, DATE, ACTION, VALUE, BEFORE_MEDIA];
}

pub(super) struct Parser<'t> {
    text: &'t str,
    file: u16,
    all: &'t [Token],
    /// Indices of the tokens that mean something.
    real: Vec<u32>,
    /// Whether the token of the same index in `real` is the first of its line.
    first: Vec<bool>,
    at: usize,
    depth: usize,
    builder: Builder,
    findings: Vec<Finding>,
    /// Where "expected" was last said: once is enough.
    complained: Option<usize>,
    /// Whether routes stand inside of a declaration here.
    nested_routes: bool,
    /// Names that some `flow` of this file declares, for better hints.
    flows: Vec<&'t str>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, file: u16, all: &'t [Token], findings: Vec<Finding>) -> Parser<'t> {
        let (mut real, mut first) = (Vec::new(), Vec::new());
        let mut line = true;
        for (index, token) in all.iter().enumerate() {
            line |= token.kind == Kind::Newline;
            if !token.kind.is_trivia() && token.kind != Kind::Unknown {
                real.push(offset(index));
                first.push(std::mem::take(&mut line));
            }
        }
        let builder = Builder::new();
        let mut parser = Parser {
            text,
            file,
            all,
            real,
            first,
            at: 0,
            depth: 0,
            builder,
            findings,
            complained: None,
            nested_routes: false,
            flows: Vec::new(),
        };
        parser.flows = parser.declared_flows();
        parser
    }

    fn declared_flows(&self) -> Vec<&'t str> {
        let starts = (0..self.real.len()).filter(|at| self.first.get(*at) == Some(&true));
        starts
            .filter(|at| self.raw_at(*at) == "flow" && self.kind_at(at + 1) == Some(Kind::Word))
            .map(|at| self.raw_at(at + 1))
            .collect()
    }

    fn token_at(&self, at: usize) -> Option<Token> {
        self.all.get(*self.real.get(at)? as usize).copied()
    }

    fn kind_at(&self, at: usize) -> Option<Kind> {
        self.token_at(at).map(|token| token.kind)
    }

    fn raw_at(&self, at: usize) -> &'t str {
        let text = |token: Token| self.text.get(token.start as usize..token.end as usize);
        self.token_at(at).and_then(text).unwrap_or("")
    }

    /// The kind of the next token; `None` at the end of the file.
    fn kind(&self) -> Option<Kind> {
        self.kind_at(self.at)
    }

    /// The next token as it is written.
    fn raw(&self) -> &'t str {
        self.raw_at(self.at)
    }

    /// The next token if it is a word, full-width letters made ASCII.
    fn word(&self) -> Option<String> {
        (self.kind() == Some(Kind::Word)).then(|| literal::half_width(self.raw()))
    }

    fn is_word(&self, word: &str) -> bool {
        self.kind() == Some(Kind::Word) && (self.raw() == word || literal::half_width(self.raw()) == word)
    }

    fn at_line_start(&self) -> bool {
        self.first.get(self.at).copied().unwrap_or(true)
    }

    /// Whether the next word is the label of an arm: a comma or an arrow stands behind it, on its line.
    fn at_label(&self) -> bool {
        let behind = self.at + 1;
        let goes_on = !self.first.get(behind).copied().unwrap_or(true);
        goes_on && matches!(self.kind_at(behind), Some(Kind::Comma | Kind::Arrow))
    }

    /// The place of the next token; at the end of the file the place behind the last one.
    fn span(&self) -> Span {
        match self.token_at(self.at) {
            Some(token) => Span { file: self.file, start: token.start, end: token.end },
            None => self.last_span().after(),
        }
    }

    /// The place of the token before.
    fn last_span(&self) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.token_at(at));
        let (start, end) = last.map_or((0, 0), |token| (token.start, token.end));
        Span { file: self.file, start, end }
    }

    /// Steps over the next token and returns its place.
    fn bump(&mut self) -> Span {
        let span = self.span();
        self.at = (self.at + 1).min(self.real.len());
        span
    }

    fn take(&mut self, kind: Kind) -> Option<Span> {
        (self.kind() == Some(kind)).then(|| self.bump())
    }

    fn take_word(&mut self, word: &str) -> Option<Span> {
        self.is_word(word).then(|| self.bump())
    }

    /// Runs `parse` inside a node of the tree.
    fn node<T>(&mut self, kind: NodeKind, parse: impl FnOnce(&mut Self) -> T) -> T {
        let first = self.real.get(self.at).copied().unwrap_or(offset(self.all.len()));
        self.builder.open(kind, first);
        let out = parse(self);
        let end = self.at.checked_sub(1).and_then(|at| self.real.get(at)).map_or(0, |index| index + 1);
        self.builder.close(end);
        out
    }

    fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Says once what should stand here.
    fn expected(&mut self, what: impl Into<Arg>) {
        self.expected_instead(what, None);
    }

    fn expected_instead(&mut self, what: impl Into<Arg>, suggest: Option<&str>) {
        if self.complained.replace(self.at) == Some(self.at) {
            return;
        }
        let what = what.into();
        let inline = matches!(&what, Arg::Said(term) if what::INLINE.contains(term));
        let finding = match self.kind() {
            Some(_) if inline && self.at_line_start() && self.at > 0 => {
                Finding::new(Code::EXPECTED, self.last_span().after())
                    .arg(what)
                    .arg(what::LINE_END)
                    .suggest(suggest)
            }
            Some(Kind::Mixed) if suggest.is_none() => {
                Finding::new(Code::RUNS_INTO_LETTERS, self.span()).arg(self.raw())
            }
            Some(Kind::OpenText) => return,
            Some(_) => Finding::new(Code::EXPECTED, self.span())
                .arg(what)
                .arg(format!("`{}`", self.raw()))
                .suggest(suggest),
            None => Finding::new(Code::EXPECTED, self.span()).arg(what).arg(what::FILE_END),
        };
        self.report(finding);
    }

    fn expect(&mut self, kind: Kind, what: Term) -> Option<Span> {
        let taken = self.take(kind);
        if taken.is_none() {
            self.expected(what);
        }
        taken
    }

    /// A name that is used here, on the line of what it belongs to unless that line asks for more.
    fn name(&mut self) -> Option<Name> {
        const ASKS: [Kind; 5] = [Kind::Comma, Kind::Arrow, Kind::LeftBrace, Kind::LeftParen, Kind::Dot];
        let before = self.at.checked_sub(1).and_then(|at| self.kind_at(at));
        if self.at_line_start() && !before.is_some_and(|kind| ASKS.contains(&kind)) {
            self.expected(what::NAME);
            return None;
        }
        self.first_name()
    }

    /// A name that may begin a line.
    fn first_name(&mut self) -> Option<Name> {
        match self.kind() {
            Some(Kind::Word) => {
                let text = literal::half_width(self.raw()).into();
                Some(Name { text, span: self.bump() })
            }
            _ => {
                self.expected(what::NAME);
                None
            }
        }
    }

    /// A name that is given here; words of the language are refused.
    fn new_name(&mut self) -> Option<Name> {
        let name = self.name()?;
        if super::verb::is_reserved(&name.text) {
            self.report(Finding::new(Code::RESERVED, name.span).arg(&*name.text));
        }
        Some(name)
    }

    /// A text in quotes, unescaped.
    fn quoted(&mut self, what: Term) -> Option<Name> {
        match self.kind() {
            Some(Kind::Text) => {
                let raw = self.raw();
                let span = self.bump();
                match literal::text(raw) {
                    Ok(text) => Some(Name { text: text.into(), span }),
                    Err(escape) => {
                        self.report(Finding::new(Code::UNKNOWN_ESCAPE, span).arg(escape.to_string()));
                        None
                    }
                }
            }
            Some(Kind::OpenText) => {
                self.bump();
                None
            }
            Some(Kind::Word | Kind::Int | Kind::Mixed | Kind::Amount) => {
                let quoted = format!("\"{}\"", self.raw());
                self.expected_instead(what, Some(&quoted));
                self.bump();
                None
            }
            _ => {
                self.expected(what);
                None
            }
        }
    }

    /// Steps over the rest of a statement: to the next line, `;` or `}`, over whole blocks.
    fn skip_statement(&mut self) {
        self.node(NodeKind::Error, |p| {
            while let Some(kind) = p.kind() {
                match kind {
                    Kind::Semicolon | Kind::RightBrace => break,
                    Kind::LeftBrace => p.skip_braces(),
                    _ => {
                        p.bump();
                    }
                }
                if p.at_line_start() {
                    break;
                }
            }
        });
    }

    /// Steps over `{ … }`, whatever is in it; stops in front of a declaration that begins a line.
    fn skip_braces(&mut self) {
        let mut depth = 0usize;
        while let Some(kind) = self.kind() {
            match kind {
                Kind::LeftBrace => depth += 1,
                Kind::RightBrace => depth = depth.saturating_sub(1),
                _ if self.at_declaration() => return,
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    /// Whether a line begins here with a word that begins declarations and nothing else.
    fn at_declaration(&self) -> bool {
        const ONLY: &[&str] = &[
            "edition",
            "module",
            "use",
            "class",
            "policy",
            "prompt",
            "hours",
            "route",
            "flow",
            "emergency",
            "campaign",
            "test",
        ];
        let nested = self.nested_routes && self.raw() == "route";
        self.at_line_start() && self.kind() == Some(Kind::Word) && ONLY.contains(&self.raw()) && !nested
    }

    /// Parses the lines of `{ … }` with `line`; the closing brace's place is returned.
    fn braces(&mut self, mut line: impl FnMut(&mut Self)) -> Option<Span> {
        let open = self.expect(Kind::LeftBrace, what::BLOCK)?;
        loop {
            match self.kind() {
                Some(Kind::RightBrace) => return Some(self.bump()),
                Some(Kind::Semicolon) => {
                    self.bump();
                }
                None => break,
                Some(_) if self.at_declaration() => break,
                Some(_) => {
                    let before = self.at;
                    line(self);
                    if self.at == before {
                        self.expected(what::LINE_END);
                        self.skip_statement();
                        if self.at == before {
                            self.bump();
                        }
                    }
                }
            }
        }
        self.report(Finding::new(Code::OPEN_BLOCK, open));
        None
    }
}
