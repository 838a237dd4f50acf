//! Conditions and values: `or` binds loosest, then `and`, `not`, comparison.

use super::{Parser, what};
use crate::base::bounds::PLAN_NESTING;
use crate::plan::ast::{Compare, Expr, ExprKind, Name};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Finding, Term};
use crate::plan::literal::half_width;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;

impl Parser<'_> {
    /// A condition or value.
    pub(super) fn expression(&mut self) -> Expr {
        self.node(NodeKind::Expression, |p| p.or())
    }

    fn or(&mut self) -> Expr {
        let first = self.and();
        self.joined(first, Self::takes_or, Self::and, ExprKind::Or)
    }

    fn and(&mut self) -> Expr {
        let first = self.not();
        self.joined(first, Self::takes_and, Self::not, ExprKind::And)
    }

    fn takes_or(&mut self) -> bool {
        self.take_word("or").or_else(|| self.take(Kind::BarBar)).is_some()
    }

    fn takes_and(&mut self) -> bool {
        self.take_word("and").or_else(|| self.take(Kind::AmpAmp)).is_some()
    }

    fn joined(
        &mut self,
        first: Expr,
        takes: fn(&mut Self) -> bool,
        next: fn(&mut Self) -> Expr,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Expr {
        let start = first.span;
        let mut all = vec![first];
        while takes(self) {
            all.push(next(self));
        }
        match all.len() {
            1 => all.pop().unwrap_or(broken(start)),
            _ => Expr { span: start.to(self.last_span()), kind: make(all) },
        }
    }

    fn not(&mut self) -> Expr {
        let start = self.span();
        if self.take_word("not").is_none() && self.take(Kind::Bang).is_none() {
            return self.comparison();
        }
        let inner = self.nested(Self::not);
        Expr { span: start.to(inner.span), kind: ExprKind::Not(Box::new(inner)) }
    }

    /// Goes one level deeper, as far as the bound allows.
    fn nested(&mut self, parse: fn(&mut Self) -> Expr) -> Expr {
        if self.depth >= PLAN_NESTING {
            let span = self.span();
            self.report(Finding::new(Code::TOO_DEEP, span).arg(PLAN_NESTING));
            self.skip_statement();
            return broken(span);
        }
        self.depth += 1;
        let out = parse(self);
        self.depth -= 1;
        out
    }

    fn comparison(&mut self) -> Expr {
        let left = self.primary();
        if self.take_word("matches").is_some() {
            return match self.quoted(what::PATTERN) {
                Some(pattern) => Expr {
                    span: left.span.to(pattern.span),
                    kind: ExprKind::Matches(Box::new(left), pattern),
                },
                None => broken(left.span),
            };
        }
        let compare = match self.kind() {
            Some(Kind::Equal) => Compare::Equal,
            Some(Kind::NotEqual) => Compare::NotEqual,
            Some(Kind::Less) => Compare::Less,
            Some(Kind::LessEqual) => Compare::LessEqual,
            Some(Kind::Greater) => Compare::Greater,
            Some(Kind::GreaterEqual) => Compare::GreaterEqual,
            Some(Kind::Assign) => {
                self.report(Finding::new(Code::ONE_EQUALS, self.span()));
                Compare::Equal
            }
            _ => return left,
        };
        self.bump();
        let right = self.primary();
        let span = left.span.to(right.span);
        Expr { span, kind: ExprKind::Compare(compare, Box::new(left), Box::new(right)) }
    }

    pub(super) fn primary(&mut self) -> Expr {
        let start = self.span();
        let kind = match (self.kind(), self.word().as_deref()) {
            (Some(Kind::LeftParen), _) => {
                self.bump();
                let inner = self.nested(Self::or);
                self.expect(Kind::RightParen, Term::new("`)`", "`)`"));
                return Expr { span: start.to(self.last_span()), kind: inner.kind };
            }
            (_, Some("if")) => return self.choose(),
            (_, Some("true")) => ExprKind::Bool(true),
            (_, Some("false")) => ExprKind::Bool(false),
            (Some(Kind::Word), _) => return self.dotted_name(),
            (Some(Kind::Percent), _) => ExprKind::Percent(half_width(self.raw()).into()),
            (Some(Kind::Money), _) => ExprKind::Money(half_width(self.raw()).into()),
            (Some(Kind::Date), _) => {
                return match self.date() {
                    Some(date) => Expr { span: start, kind: ExprKind::Date(date) },
                    None => broken(start),
                };
            }
            (Some(Kind::Int), _) => ExprKind::Int(half_width(self.raw()).into()),
            (Some(Kind::Text), _) => {
                return match self.quoted(what::TEXT) {
                    Some(text) => Expr { span: start, kind: ExprKind::Text(text.text) },
                    None => broken(start),
                };
            }
            (Some(Kind::Amount), _) => {
                return match self.amount() {
                    Some(amount) => Expr { span: start, kind: ExprKind::Amount(amount) },
                    None => broken(start),
                };
            }
            (Some(Kind::OpenText), _) => ExprKind::Broken,
            _ => {
                self.expected(what::VALUE);
                return broken(start);
            }
        };
        self.bump();
        Expr { span: start, kind }
    }

    /// `if c.级别 == VIP 7 else 3`
    fn choose(&mut self) -> Expr {
        let start = self.bump();
        let condition = self.nested(Self::or);
        let then = self.nested(Self::comparison);
        if self.take_word("else").is_none() {
            self.expected(Term::new("`else`", "`else`"));
            return broken(start);
        }
        let other = self.nested(Self::comparison);
        let span = start.to(self.last_span());
        let (condition, then, other) = (Box::new(condition), Box::new(then), Box::new(other));
        Expr { span, kind: ExprKind::Choose(condition, then, other) }
    }

    /// `caller`, `caller.name`
    fn dotted_name(&mut self) -> Expr {
        let start = self.span();
        let mut text = half_width(self.raw());
        self.bump();
        while self.take(Kind::Dot).is_some() {
            if let Some(field) = self.name() {
                text.push('.');
                text.push_str(&field.text);
            }
        }
        let span = start.to(self.last_span());
        Expr { span, kind: ExprKind::Name(Name { text: text.into(), span }) }
    }
}

fn broken(span: Span) -> Expr {
    Expr { span, kind: ExprKind::Broken }
}
