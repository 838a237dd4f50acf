//! Retention classes and policies, and whether policies that meet agree.

use std::sync::Arc;

use crate::plan::ast::{self, Class, FileAst};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Finding, nearest, note};
use crate::plan::literal::Amount;
use crate::plan::pattern::Pattern;
use crate::plan::policy::{Anchor, OnFailure, Record, RetentionClass, Rules, Term};
use crate::plan::resolved::{Origins, PolicyRule, Route};
use crate::plan::verb::Kind;

use super::names::World;
use super::route::{origins, pattern};

/// Every class, in the order of the files; one with faults is absent.
pub(super) fn classes(asts: &[FileAst], findings: &mut Vec<Finding>) -> Vec<Option<Arc<RetentionClass>>> {
    let all = asts.iter().flat_map(|ast| &ast.classes);
    all.map(|class| check_class(class, findings).map(Arc::new)).collect()
}

fn check_class(class: &Class, findings: &mut Vec<Finding>) -> Option<RetentionClass> {
    let lacks =
        |what: &str| Finding::new(Code::CLASS_LACKS, class.name.span).arg(&*class.name.text).arg(what);
    let anchor = match &class.anchor {
        Some(anchor) => {
            [Anchor::CallEnd, Anchor::ContractEnd].into_iter().find(|known| known.word() == &*anchor.text)
        }
        None => None,
    };
    match (&class.anchor, anchor) {
        (None, _) if class.whole => findings.push(lacks("from")),
        (Some(name), None) => {
            let meant = nearest(&name.text, ["call.end", "contract.end"]).or(Some("call.end"));
            let finding = Finding::new(Code::UNKNOWN_OPTION, name.span).arg("from").arg(&*name.text);
            findings.push(finding.arg("call.end, contract.end").suggest(meant));
        }
        _ => {}
    }
    let Some((least, _)) = &class.least else {
        findings.extend(class.whole.then(|| lacks("at least")));
        return None;
    };
    let min = term(least, class.least.as_ref().map(|(_, span)| *span), findings)?;
    let max = match &class.most {
        Some((most, span)) => {
            let max = term(most, Some(*span), findings)?;
            if !max.covers(min) {
                let finding = Finding::new(Code::MAX_BELOW_MIN, *span);
                findings.push(finding.arg(max.to_string()).arg(min.to_string()));
            }
            Some(max)
        }
        None => None,
    };
    Some(RetentionClass { name: class.name.text.clone(), anchor: anchor?, min, max })
}

fn term(amounts: &[Amount], span: Option<Span>, findings: &mut Vec<Finding>) -> Option<Term> {
    let mut sum = Term::default();
    for amount in amounts {
        let part = amount.term();
        let Some(part) = part else {
            let whole = crate::plan::finding::Term::new(
                "a keeping of seconds to 1000 years",
                "保存期限（从秒到 1000 年）",
            );
            findings.push(Finding::new(Code::NOT_IN_RANGE, span?).arg(amount.to_string()).arg(whole));
            return None;
        };
        sum.years = sum.years.saturating_add(part.years);
        sum.days = sum.days.saturating_add(part.days);
        sum.seconds = sum.seconds.saturating_add(part.seconds);
    }
    Some(sum)
}

/// Every policy, in the order of the files.
pub(super) fn policies(
    asts: &[FileAst],
    world: &World,
    classes: &[Option<Arc<RetentionClass>>],
    findings: &mut Vec<Finding>,
) -> Vec<PolicyRule> {
    let all = asts.iter().flat_map(|ast| ast.policies.iter().map(move |policy| (ast, policy)));
    all.map(|(ast, policy)| check_policy(ast, policy, world, classes, findings)).collect()
}

fn check_policy(
    ast: &FileAst,
    policy: &ast::Policy,
    world: &World,
    classes: &[Option<Arc<RetentionClass>>],
    findings: &mut Vec<Finding>,
) -> PolicyRule {
    let class = policy.retain.as_ref().and_then(|name| world.find(Kind::Class, name, findings));
    let on_failure = |refuse: bool| if refuse { OnFailure::Refuse } else { OnFailure::Continue };
    let record = match &policy.record {
        Some(clause) if clause.all => Record::All { on_failure: on_failure(clause.refuse) },
        _ => Record::Off,
    };
    if record != Record::Off && policy.retain.is_none() {
        findings.push(Finding::new(Code::NOT_KEPT, policy.name.span).arg(&*policy.name.text));
    }
    if policy.record.is_none()
        && policy.retain.is_none()
        && policy.notice.is_none()
        && policy.clauses.is_empty()
    {
        findings.push(Finding::new(Code::POLICY_EMPTY, policy.name.span).arg(&*policy.name.text));
    }
    let notice = super::prompt::sounds(policy.notice.as_slice(), ast.language.as_ref(), world, findings);
    let mut to: Vec<Pattern> = Vec::new();
    for text in &policy.to {
        let found = pattern(text, findings);
        if let Some(capture) = found.as_ref().and_then(|found| found.captures.first()) {
            findings.push(Finding::new(Code::CAPTURE_HERE, text.span).arg(&*capture.name));
        }
        to.extend(found);
    }
    let from = if policy.from.is_empty() { Origins::anyone() } else { origins(&policy.from) };
    PolicyRule {
        name: policy.name.text.clone(),
        at: policy.name.span,
        from,
        to,
        record,
        beside: policy.record.as_ref().map(|clause| clause.beside).unwrap_or_default(),
        class: class.and_then(|index| classes.get(index).cloned().flatten()),
        notice,
        from_priority: policy.record.as_ref().and_then(|clause| clause.from_priority),
        rules: Rules {
            failure_event: policy
                .record
                .as_ref()
                .and_then(|clause| Some(clause.event.as_ref()?.text.clone())),
            ..Rules::default()
        },
    }
}

/// Compares every two policies that can match one call, and looks for policies that no route leads to.
pub(super) fn meet(policies: &[PolicyRule], routes: &[Route], findings: &mut Vec<Finding>) {
    for (at, policy) in policies.iter().enumerate() {
        for other in policies.iter().skip(at + 1).filter(|other| policies_meet(policy, other)) {
            findings.extend(conflict(policy, other));
        }
        let led_to = routes.iter().any(|route| {
            route.from.meets(&policy.from)
                && (policy.to.is_empty() || policy.to.iter().any(|to| to.and(&route.pattern).is_some()))
        });
        if !led_to && !routes.is_empty() {
            findings.push(Finding::new(Code::POLICY_UNUSED, policy.at).arg(&*policy.name));
        }
    }
}

fn policies_meet(a: &PolicyRule, b: &PolicyRule) -> bool {
    let to = || a.to.iter().any(|a| b.to.iter().any(|b| a.and(b).is_some()));
    a.from.meets(&b.from) && (a.to.is_empty() || b.to.is_empty() || to())
}

fn conflict(policy: &PolicyRule, other: &PolicyRule) -> Option<Finding> {
    let (a, b) = (policy.class.as_deref()?, other.class.as_deref()?);
    if a.anchor != b.anchor {
        let finding = Finding::new(Code::OTHER_ANCHOR, other.at).arg(&*a.name).arg(a.anchor.word());
        return Some(finding.arg(&*b.name).arg(b.anchor.word()).also(policy.at, note::OTHER_POLICY));
    }
    let (long, short, max) = match (a.max, b.max) {
        (_, Some(max)) if !max.covers(a.min) => (a, b, max),
        (Some(max), _) if !max.covers(b.min) => (b, a, max),
        _ => return None,
    };
    let finding = Finding::new(Code::RETENTION_CONFLICT, other.at).arg(&*long.name).arg(long.min.to_string());
    Some(finding.arg(&*short.name).arg(max.to_string()).also(policy.at, note::OTHER_POLICY))
}
