//! Verbs with heads, options and arms, driven by the table of verbs.

use super::{Parser, what};
use crate::plan::ast::{
    Arm, Choice, ChoiceValue, Head, Label, LabelKind, Name, PartUse, PopField, PromptUse, Strategy,
    TargetUse, Verb, Who, Whom,
};
use crate::plan::code::Code;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::literal::half_width;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;
use crate::plan::verb::{HeadShape, Need, OptionRow, ValueShape, VerbRow};

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
            HeadShape::Targets => {
                let strategy = self.strategy();
                Head::Targets(strategy, self.targets(strategy != Strategy::Unsaid))
            }
            HeadShape::Parts => Head::Parts(self.parts()),
            HeadShape::Value => Head::Value(self.same_line_value(what::VALUE)),
            HeadShape::Perhaps => match self.value_follows() {
                true => Head::Value(self.expression()),
                false => Head::Nothing,
            },
            HeadShape::Ref(_) | HeadShape::Language => match self.name() {
                Some(name) => Head::Named(name, None),
                None => Head::Nothing,
            },
            HeadShape::Named | HeadShape::RefNamed(_) | HeadShape::PartyText => match self.name() {
                Some(name) => {
                    let text = self.text_follows().then(|| self.expression());
                    Head::Named(name, text)
                }
                None => Head::Nothing,
            },
            HeadShape::Party => match self.name() {
                Some(name) => Head::Named(name, None),
                None => Head::Nothing,
            },
            HeadShape::Who => match self.who(true) {
                Some(who) => Head::Who(who),
                None => Head::Nothing,
            },
            HeadShape::Amount => {
                let span = self.span();
                match self.amount() {
                    Some(amount) => Head::Amount(amount, span),
                    None => Head::Nothing,
                }
            }
            HeadShape::Fields => Head::Fields(self.fields()),
            HeadShape::Flow => match self.name() {
                Some(flow) => {
                    let open = self.kind() == Some(Kind::LeftParen) && !self.at_line_start();
                    let arguments = if open { self.arguments() } else { Vec::new() };
                    Head::Flow(flow, arguments)
                }
                None => Head::Nothing,
            },
        }
    }

    fn text_follows(&self) -> bool {
        !self.at_line_start() && matches!(self.kind(), Some(Kind::Text | Kind::OpenText))
    }

    fn value_follows(&self) -> bool {
        self.text_follows()
            || !self.at_line_start() && matches!(self.kind(), Some(Kind::LeftParen | Kind::Int))
    }

    /// A value on this line.
    fn same_line_value(&mut self, what: Term) -> crate::plan::ast::Expr {
        if self.at_line_start() {
            self.expected(what);
            let span = self.last_span().after();
            return crate::plan::ast::Expr { span, kind: crate::plan::ast::ExprKind::Broken };
        }
        self.expression()
    }

    /// `all`, `in order`, `round robin` in front of targets.
    fn strategy(&mut self) -> Strategy {
        let (word, next) = (self.word().unwrap_or_default(), self.raw_at(self.at + 1));
        match (word.as_str(), next) {
            ("all", _) => {
                self.bump();
                Strategy::All
            }
            ("in", "order") | ("round", "robin") => {
                self.bump();
                self.bump();
                if word == "in" { Strategy::InOrder } else { Strategy::RoundRobin }
            }
            _ => Strategy::Unsaid,
        }
    }

    /// `您的余额是, {r.余额}, 谢谢 {zh}`
    fn parts(&mut self) -> Vec<PartUse> {
        let mut out = Vec::new();
        loop {
            let line = self.at_line_start() && out.is_empty();
            if self.kind() == Some(Kind::LeftBrace) && !line {
                self.bump();
                out.push(PartUse::Value(self.expression()));
                self.expect(Kind::RightBrace, Term::new("`}`", "`}`"));
            } else {
                self.take_word("prompt");
                match self.prompt_use() {
                    Some(prompt) => out.push(PartUse::Sound(prompt)),
                    None => return out,
                }
            }
            if self.kind() != Some(Kind::Comma) || self.label_follows() {
                return out;
            }
            self.bump();
        }
    }

    /// Whether behind the comma here stands a label of an arm and not one more part.
    fn label_follows(&self) -> bool {
        !matches!(self.kind_at(self.at + 1), Some(Kind::Word | Kind::LeftBrace))
    }

    /// `{ customer c, script 话术(x), card 卡片 }`
    fn fields(&mut self) -> Vec<PopField> {
        let mut out = Vec::new();
        self.braces(|p| {
            let before = p.at;
            let word = p.word().unwrap_or_default();
            match word.as_str() {
                "script" => {
                    p.bump();
                    if let Some(name) = p.name() {
                        let open = p.kind() == Some(Kind::LeftParen) && !p.at_line_start();
                        let arguments = if open { p.arguments() } else { Vec::new() };
                        out.push(PopField::Script(name, arguments));
                    }
                }
                "card" => {
                    p.bump();
                    out.extend(p.name().map(PopField::Card));
                }
                _ => {
                    if let Some(name) = p.first_name() {
                        let value = p.same_line_value(what::VALUE);
                        out.push(PopField::Value(name, value));
                    }
                }
            }
            if p.take(Kind::Comma).is_none() && p.at == before {
                p.skip_statement();
            }
        });
        out
    }

    fn options(&mut self, row: &'static VerbRow) -> Vec<Choice> {
        let mut out: Vec<Choice> = Vec::new();
        while let Some(word) = self.word() {
            if self.at_label() || word == "else" {
                break; // the label of the next arm
            }
            if self.at_line_start() && self.begins_statement(row, &out, &word) {
                break;
            }
            if let Some(option) = row.option(&word) {
                let place = self.span();
                let choice = self.node(NodeKind::Choice, |p| p.choice(option));
                let many = matches!(option.need, Need::Many);
                if !many && out.iter().any(|choice| choice.row.word == option.word) {
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

    /// Whether a word that could be an option begins a statement of its own: `wait 3s` behind a verb that has no wait to
    /// say any more.
    fn begins_statement(&self, row: &'static VerbRow, said: &[Choice], word: &str) -> bool {
        let again = said.iter().any(|choice| choice.row.word == word);
        let must = row.option(word).is_some_and(|option| matches!(option.need, Need::Must(_)));
        VerbRow::of(word).is_some() && (again || !must)
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

    pub(super) fn choice(&mut self, row: &'static OptionRow) -> Choice {
        let word = self.bump();
        let start = self.span();
        let value = match row.value {
            ValueShape::Flag => return Choice { row, value: Some(ChoiceValue::Flag), span: word },
            ValueShape::Then(second) => match self.take_word(second) {
                Some(_) => Some(ChoiceValue::Flag),
                None => {
                    self.expected(format!("`{second}`"));
                    None
                }
            },
            ValueShape::Number { .. } => Some(ChoiceValue::Number(self.operand())),
            ValueShape::Skill => self.skill(),
            ValueShape::Ref(_) | ValueShape::OneOf(_) | ValueShape::Flow => {
                self.take(Kind::Arrow);
                self.name().map(|name| ChoiceValue::Refs(vec![name]))
            }
            ValueShape::Refs(_) => self.refs(row.word == "on"),
            ValueShape::Text => self.quoted(what::TEXT).map(|text| ChoiceValue::Texts(vec![text])),
            ValueShape::Texts => self.texts(),
            ValueShape::Targets => Some(ChoiceValue::Targets(self.targets(false))),
            ValueShape::Clocks => self.clock_span().map(ChoiceValue::Clocks),
            ValueShape::Rate => self.rate(),
            ValueShape::Tier => self.tier(),
            ValueShape::Rewrite => self.rewrite(),
            ValueShape::Amount { .. } => self.amount().map(ChoiceValue::Amount),
            ValueShape::Count { .. } => self.count().map(ChoiceValue::Count),
            ValueShape::Digits { .. } => self.digit_range(),
            ValueShape::Key => self.end_key(),
            ValueShape::Prompts => Some(ChoiceValue::Prompts(self.prompt_uses())),
        };
        let span = if value.is_some() { start.to(self.last_span()) } else { start };
        Choice { row, value, span }
    }

    /// A value that stands behind an option: a number, a name, or anything in parentheses.
    fn operand(&mut self) -> crate::plan::ast::Expr {
        self.node(NodeKind::Expression, Self::primary)
    }

    /// `信用卡 >= 2`
    fn skill(&mut self) -> Option<ChoiceValue> {
        let name = self.name()?;
        self.expect(Kind::GreaterEqual, Term::new("`>=`", "`>=`"))?;
        Some(ChoiceValue::Skill(name, self.operand()))
    }

    /// Names with commas; with `says`, behind `customer says`.
    fn refs(&mut self, says: bool) -> Option<ChoiceValue> {
        if says && (self.take_word("customer").is_none() || self.take_word("says").is_none()) {
            self.expected("`customer says`");
            return None;
        }
        let mut out = vec![self.name()?];
        while self.take(Kind::Comma).is_some() {
            out.push(self.name()?);
        }
        Some(ChoiceValue::Refs(out))
    }

    fn texts(&mut self) -> Option<ChoiceValue> {
        self.take_word("only");
        let mut out = vec![self.quoted(what::TEXT)?];
        while self.take(Kind::Comma).is_some() {
            out.push(self.quoted(what::TEXT)?);
        }
        Some(ChoiceValue::Texts(out))
    }

    /// `3 per person per day`
    fn rate(&mut self) -> Option<ChoiceValue> {
        let count = self.count()?;
        for word in ["per", "person", "per", "day"] {
            if self.take_word(word).is_none() {
                self.expected(format!("`{word}`"));
                return None;
            }
        }
        Some(ChoiceValue::Rate(count))
    }

    /// `1..30 script 温和话术`
    fn tier(&mut self) -> Option<ChoiceValue> {
        let least = self.count()?;
        self.expect(Kind::DotDot, Term::new("`..`", "`..`"))?;
        let most = self.count()?;
        if self.take_word("script").is_none() {
            self.expected("`script`");
            return None;
        }
        Some(ChoiceValue::Tier(least, most, self.name()?))
    }

    /// `"0{n: X.}" as "+86{n}"`
    fn rewrite(&mut self) -> Option<ChoiceValue> {
        let from = self.quoted(what::PATTERN)?;
        if self.take_word("as").is_none() {
            self.expected("`as`");
            return None;
        }
        Some(ChoiceValue::Rewrite(from, self.quoted(what::TEXT)?))
    }

    pub(super) fn count(&mut self) -> Option<u64> {
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

    /// Targets with commas. `groups`: a bare name is a group.
    pub(super) fn targets(&mut self, groups: bool) -> Vec<TargetUse> {
        let mut out = Vec::new();
        loop {
            const KINDS: [&str; 4] = ["user", "group", "number", "trunk"];
            let bare = groups && self.word().is_some_and(|word| !KINDS.contains(&word.as_str()));
            let whom = if bare { Some(Whom::Group) } else { self.whom() };
            let Some(whom) = whom else {
                self.no_target();
                return out;
            };
            let named = matches!(whom, Whom::User | Whom::Group);
            out.extend(self.who(named).map(|who| TargetUse { whom, who }));
            if self.kind() != Some(Kind::Comma) || self.at_line_start() {
                return out;
            }
            self.bump();
        }
    }

    fn no_target(&mut self) {
        let kinds = ["`user`", "`group`", "`number`", "`trunk`"].map(Arg::from);
        let guess = matches!(self.kind(), Some(Kind::Word | Kind::Int | Kind::Text | Kind::LeftBrace));
        let whom = if self.kind() == Some(Kind::LeftBrace) { "{…}" } else { self.raw() };
        let suggest = guess.then(|| {
            format!("dial {} {whom}", if self.kind() == Some(Kind::Text) { "number" } else { "user" })
        });
        self.expected_instead(Arg::OneOf(kinds.into()), suggest.as_deref());
        match self.kind() {
            Some(Kind::LeftBrace) => self.skip_braces(),
            _ if guess => {
                self.bump();
            }
            _ => {}
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
