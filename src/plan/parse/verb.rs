//! Verbs with heads, options and arms, driven by the table of verbs.

use super::{Parser, what};
use crate::plan::ast::{
    Arm, Choice, ChoiceValue, Head, Label, LabelKind, Name, PromptUse, TargetUse, Verb, Who, Whom,
};
use crate::plan::code::Code;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::literal::half_width;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;
use crate::plan::verb::{HeadShape, OptionRow, ValueShape, VerbRow};

impl Parser<'_> {
    /// A verb; the next token is its word.
    pub(super) fn verb(&mut self, row: &'static VerbRow) -> Verb {
        self.bump();
        let head = self.head(row);
        let options = self.options(row);
        let (arms, whole) = self.arms(row);
        Verb { row, head, options, arms, whole }
    }

    fn head(&mut self, row: &'static VerbRow) -> Head {
        match row.head {
            HeadShape::Nothing => Head::Nothing,
            HeadShape::Prompts => {
                self.take_word("prompt");
                Head::Prompts(self.prompt_uses())
            }
            HeadShape::Name => match self.new_name() {
                Some(name) => Head::Name(name),
                None => Head::Nothing,
            },
            HeadShape::Targets => Head::Targets(self.targets()),
        }
    }

    fn options(&mut self, row: &'static VerbRow) -> Vec<Choice> {
        let mut out: Vec<Choice> = Vec::new();
        while let Some(word) = self.word() {
            if matches!(self.kind_at(self.at + 1), Some(Kind::Comma | Kind::Arrow)) || word == "else" {
                break; // the label of the next arm
            }
            if let Some(option) = row.option(&word) {
                let place = self.span();
                let choice = self.node(NodeKind::Choice, |p| p.choice(option));
                if out.iter().any(|choice| choice.row.word == option.word) {
                    self.say_twice(place, option.word);
                } else {
                    out.push(choice);
                }
            } else if self.at_line_start() || row.options.is_empty() {
                break;
            } else {
                self.no_such_option(row, &word);
            }
        }
        out
    }

    fn no_such_option(&mut self, row: &'static VerbRow, word: &str) {
        let known = || row.options.iter().map(|option| option.word);
        let finding = Finding::new(Code::UNKNOWN_OPTION, self.span()).arg(row.word).arg(self.raw());
        self.report(finding.arg(Arg::list(known())).suggest(nearest(word, known())));
        self.bump();
        while !self.at_line_start()
            && matches!(self.kind(), Some(Kind::Int | Kind::Amount | Kind::Text | Kind::Mixed | Kind::DotDot))
        {
            self.bump();
        }
    }

    fn choice(&mut self, row: &'static OptionRow) -> Choice {
        self.bump();
        let start = self.span();
        let value = match row.value {
            ValueShape::Amount { .. } => self.amount().map(ChoiceValue::Amount),
            ValueShape::Count { .. } => self.count().map(ChoiceValue::Count),
            ValueShape::Digits { .. } => self.digit_range(),
            ValueShape::Key => self.end_key(),
            ValueShape::Prompts => Some(ChoiceValue::Prompts(self.prompt_uses())),
        };
        let span = if value.is_some() { start.to(self.last_span()) } else { start };
        Choice { row, value, span }
    }

    fn count(&mut self) -> Option<u64> {
        if self.kind() != Some(Kind::Int) {
            self.expected(what::COUNT);
            if matches!(self.kind(), Some(Kind::Amount | Kind::Mixed)) {
                self.bump();
            }
            return None;
        }
        let raw = half_width(self.raw());
        self.bump();
        Some(raw.parse().unwrap_or(u64::MAX))
    }

    fn digit_range(&mut self) -> Option<ChoiceValue> {
        let least = self.count()?;
        let most = if self.take(Kind::DotDot).is_some() { self.count()? } else { least };
        Some(ChoiceValue::Digits(least, most))
    }

    fn end_key(&mut self) -> Option<ChoiceValue> {
        match self.label()?.kind {
            LabelKind::Key(key) => Some(ChoiceValue::Key(key)),
            _ => None,
        }
    }

    /// `欢迎, 主菜单 {zh, en}`
    fn prompt_uses(&mut self) -> Vec<PromptUse> {
        let mut out = Vec::new();
        out.extend(self.prompt_use());
        while self.kind() == Some(Kind::Comma) && self.kind_at(self.at + 1) == Some(Kind::Word) {
            self.bump();
            out.extend(self.prompt_use());
        }
        out
    }

    pub(super) fn prompt_use(&mut self) -> Option<PromptUse> {
        let name = self.name()?;
        let langs = if self.languages_follow() { self.languages() } else { Vec::new() };
        Some(PromptUse { name, langs })
    }

    /// Whether `{zh, en}` stands here and not a block of arms.
    fn languages_follow(&self) -> bool {
        if self.kind() != Some(Kind::LeftBrace) {
            return false;
        }
        let mut at = self.at + 1;
        loop {
            match (self.kind_at(at), self.kind_at(at + 1)) {
                (Some(Kind::Word), Some(Kind::RightBrace)) => return true,
                (Some(Kind::Word), Some(Kind::Comma)) => at += 2,
                _ => return false,
            }
        }
    }

    fn languages(&mut self) -> Vec<Name> {
        self.bump();
        let mut out = Vec::new();
        while self.kind() == Some(Kind::Word) {
            out.extend(self.name());
            if self.take(Kind::Comma).is_none() {
                break;
            }
        }
        self.take(Kind::RightBrace);
        out
    }

    /// `user`, `group`, `number`, `trunk NAME number`, if one of them stands here.
    fn whom(&mut self) -> Option<Whom> {
        let whom = match self.word().as_deref() {
            Some("user") => Whom::User,
            Some("group") => Whom::Group,
            Some("number") => Whom::Number,
            Some("trunk") => {
                self.bump();
                let trunk = self.name();
                if !self.is_word("number") {
                    return None;
                }
                trunk.map_or(Whom::Number, Whom::Trunk)
            }
            _ => return None,
        };
        self.bump();
        Some(whom)
    }

    fn targets(&mut self) -> Vec<TargetUse> {
        let mut out = Vec::new();
        loop {
            let Some(whom) = self.whom() else {
                let kinds = ["`user`", "`group`", "`number`", "`trunk`"].map(Arg::from);
                let guess =
                    matches!(self.kind(), Some(Kind::Word | Kind::Int | Kind::Text | Kind::LeftBrace));
                let whom = if self.kind() == Some(Kind::LeftBrace) { "{…}" } else { self.raw() };
                let suggest = guess.then(|| format!("dial user {whom}"));
                self.expected_instead(Arg::OneOf(kinds.into()), suggest.as_deref());
                match self.kind() {
                    Some(Kind::LeftBrace) => self.skip_braces(),
                    _ if guess => {
                        self.bump();
                    }
                    _ => {}
                }
                return out;
            };
            let named = matches!(whom, Whom::User | Whom::Group);
            out.extend(self.who(named).map(|who| TargetUse { whom, who }));
            if self.take(Kind::Comma).is_none() {
                return out;
            }
        }
    }

    /// `bob`, `8002`, `"8002"`, `{callee}`
    fn who(&mut self, named: bool) -> Option<Who> {
        match self.kind() {
            Some(Kind::LeftBrace) => {
                self.bump();
                let name = self.dotted();
                self.expect(Kind::RightBrace, Term::new("`}`", "`}`"));
                name.map(Who::Value)
            }
            Some(Kind::Int | Kind::Mixed) => {
                let text = half_width(self.raw()).into();
                Some(Who::Literal(Name { text, span: self.bump() }))
            }
            Some(Kind::Word) if named => self.name().map(Who::Literal),
            Some(Kind::Word) => {
                let instead = format!("user {}", self.raw());
                self.expected_instead(what::TEXT, Some(&instead));
                self.bump();
                None
            }
            _ => self.quoted(if named { what::NAME } else { what::TEXT }).map(Who::Literal),
        }
    }

    fn arms(&mut self, row: &'static VerbRow) -> (Vec<Arm>, bool) {
        let (mut out, mut whole) = (Vec::new(), true);
        let handles = row.keys || !row.outcomes.is_empty();
        if self.kind() == Some(Kind::LeftBrace) && !handles {
            self.report(Finding::new(Code::NO_ARMS, self.span()).arg(row.word));
            self.skip_braces();
        } else if self.kind() == Some(Kind::LeftBrace) {
            self.node(NodeKind::Block, |p| {
                if p.depth >= crate::base::bounds::PLAN_NESTING {
                    p.report(Finding::new(Code::TOO_DEEP, p.span()).arg(p.depth));
                    return p.skip_braces();
                }
                p.depth += 1;
                let closed = p.braces(|p| {
                    let arm = p.arm();
                    whole &= arm.is_some();
                    out.extend(arm);
                });
                whole &= closed.is_some();
                p.depth -= 1;
            });
        } else if handles && self.is_word("else") && !self.at_line_start() {
            out.extend(self.arm());
        }
        (out, whole)
    }

    fn arm(&mut self) -> Option<Arm> {
        self.node(NodeKind::Arm, |p| {
            let start = p.span();
            let mut labels = Vec::new();
            loop {
                match p.label() {
                    Some(label) => labels.push(label),
                    None if p.kind() == Some(Kind::RightBrace) => break,
                    None => {
                        p.skip_statement();
                        return None;
                    }
                }
                if p.take(Kind::Comma).is_none() {
                    break;
                }
            }
            let span = start.to(p.last_span());
            if p.expect(Kind::Arrow, what::ARROW).is_none() {
                p.skip_statement();
                return None;
            }
            Some(Arm { labels, body: p.action(), span })
        })
    }

    /// A key or the word of an outcome.
    fn label(&mut self) -> Option<Label> {
        let span = self.span();
        let raw = half_width(self.raw());
        let key = |text: &str| match text.as_bytes() {
            [key @ (b'0'..=b'9' | b'*' | b'#')] => Some(char::from(*key)),
            _ => None,
        };
        let kind = match self.kind() {
            Some(Kind::Word) if raw == "else" => LabelKind::Else,
            Some(Kind::Word) => LabelKind::Word(raw.as_str().into()),
            Some(Kind::Star) => LabelKind::Key('*'),
            Some(Kind::Int | Kind::Text) => match key(raw.trim_matches('"')) {
                Some(key) => LabelKind::Key(key),
                None => {
                    self.report(Finding::new(Code::NOT_A_KEY, span).arg(raw.trim_matches('"')));
                    LabelKind::Word("".into())
                }
            },
            _ => {
                self.expected(what::LABEL);
                return None;
            }
        };
        self.bump();
        Some(Label { kind, span })
    }
}
