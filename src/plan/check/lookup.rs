//! Lookups in flows: what they are given, and what holds when they fail.
//!
//! Invariant: a secret is given only where a lookup takes one, and a name has a value wherever the flow goes on.

use crate::plan::ast::{Expr, Name, Otherwise as Else};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, nearest};
use crate::plan::resolved::{Lookup, Operand, Otherwise, StepKind};
use crate::plan::verb::Kind;

use super::flow::FlowCheck;
use super::names::Known;
use super::path::Reach;
use super::types::Type;

impl FlowCheck<'_> {
    /// `let c = lookup 客户(caller) else …`
    pub(super) fn ask_lookup(
        &mut self,
        (name, lookup, arguments, otherwise): (Option<&Name>, &Name, &[Expr], &Else),
        span: Span,
        reach: Reach,
    ) -> (Option<StepKind>, Reach) {
        let index = self.world.find(Kind::Lookup, lookup, self.findings);
        let world = self.world;
        let known = index.and_then(|index| world.lookups.get(index));
        let given = self.given(lookup, arguments, known);
        let yields = known.map_or(Type::Unknown, |known| known.yields.clone());
        let (otherwise, other) = match otherwise {
            Else::Unsaid(at) => {
                if name.is_some() {
                    self.report(Finding::new(Code::LOOKUP_MAY_FAIL, *at).arg(&*lookup.text));
                }
                (Some(Otherwise::Nothing), Reach::Leaves(span))
            }
            Else::Values(fields, at) => {
                let values = known.and_then(|_| self.record(fields, &yields, *at));
                (values.map(Otherwise::Values), Reach::Leaves(span))
            }
            Else::Goes(body) => {
                let (body, end) = self.in_scope(|check| check.statements(body, reach));
                (Some(Otherwise::Goes(body)), end)
            }
        };
        if let (Some(name), Reach::Goes { fell, .. }) = (name, other) {
            self.report(Finding::new(Code::MAY_BE_MISSING, fell).arg(&*name.text).arg("lookup"));
        }
        let slot = name.map(|name| self.bind(name, yields));
        let onward = if name.is_some() { reach.going(span) } else { other.join(reach.going(span)) };
        let step = index.zip(given).zip(otherwise).map(|((lookup, arguments), otherwise)| {
            StepKind::Lookup(Lookup { lookup, arguments, slot, otherwise })
        });
        (step, onward)
    }

    /// The values that a lookup is given; secrets only where they are accepted.
    fn given(&mut self, lookup: &Name, arguments: &[Expr], known: Option<&Known>) -> Option<Vec<Operand>> {
        let Some(known) = known else {
            for argument in arguments {
                self.value(argument);
            }
            return None;
        };
        if known.takes.len() != arguments.len() {
            let finding = Finding::new(Code::LOOKUP_VALUES, lookup.span).arg(&*lookup.text);
            let wanted = known.takes.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", ");
            self.report(finding.arg(known.takes.len()).arg(arguments.len()).arg(wanted));
            return None;
        }
        let mut out = Vec::new();
        let mut whole = true;
        for (expr, (name, want)) in arguments.iter().zip(&known.takes) {
            match self.value_as(expr, Some(want)) {
                Some((_, Type::Secret)) if *want != Type::Secret => {
                    self.report(Finding::new(Code::SECRET_LEAKS, expr.span).arg(Type::Secret.term()));
                    whole = false;
                }
                Some((operand, kind)) if want.takes(&kind) => out.push(operand),
                Some((_, kind)) => {
                    let finding = Finding::new(Code::WRONG_TYPE, expr.span).arg(&**name).arg(want.term());
                    self.report(finding.arg(kind.term()));
                    whole = false;
                }
                None => whole = false,
            }
        }
        whole.then_some(out)
    }

    /// `{ 级别: 普通, 逾期天数: 0 }` where a record of this type is meant.
    pub(super) fn record(&mut self, fields: &[(Name, Expr)], kind: &Type, at: Span) -> Option<Operand> {
        let Type::Record(wanted) = kind else {
            return None;
        };
        let known = || wanted.iter().map(|(name, _)| &**name);
        for (name, _) in fields.iter().filter(|(name, _)| !known().any(|known| *known == *name.text)) {
            let finding = Finding::new(Code::NO_FIELD, name.span).arg("else").arg(&*name.text);
            self.report(finding.arg(Arg::list(known())).suggest(nearest(&name.text, known())));
        }
        let missing: Vec<&str> =
            known().filter(|known| !fields.iter().any(|(name, _)| *name.text == **known)).collect();
        if !missing.is_empty() {
            self.report(Finding::new(Code::FIELDS_MISSING, at).arg(Arg::list(missing.iter().copied())));
        }
        let mut out = Vec::new();
        for (field, want) in wanted.iter() {
            let Some((name, expr)) = fields.iter().find(|(name, _)| name.text == *field) else {
                continue;
            };
            let Some((operand, kind)) = self.value_as(expr, Some(want)) else {
                continue;
            };
            if want.takes(&kind) {
                out.push(operand);
            } else {
                let finding = Finding::new(Code::WRONG_TYPE, expr.span).arg(&*name.text).arg(want.term());
                self.report(finding.arg(kind.term()));
            }
        }
        (out.len() == wanted.len()).then(|| Operand::Record(out.into()))
    }
}
