//! Names that stand for something outside of the plan: trunks and ring groups of the node's configuration.
//!
//! Invariant: without a configuration at hand no name is wrong.

use std::collections::BTreeSet;

use crate::plan::ast::{FileAst, From, Name, TargetUse, Who, Whom};
use crate::plan::code::Code;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::source::Site;

const TRUNK: Term = Term::new("trunk", "中继");
const TRUNKS: Term = Term::new("trunk or group of trunks", "中继或中继组");
const RING: Term = Term::new("ring group", "振铃组");
const NONE: Term = Term::new("none", "无");

/// Names that a hint lists.
const SHOWN: usize = 12;

/// What the configuration has, if there is one.
#[derive(Debug, Default)]
pub(super) struct Names(Option<Site>);

impl Names {
    pub fn of(site: Option<&Site>) -> Names {
        Names(site.cloned())
    }

    /// Reports every trunk that a route or a policy takes calls from and that the configuration does not have.
    pub fn origins(&self, asts: &[FileAst], findings: &mut Vec<Finding>) {
        let Names(Some(site)) = self else { return };
        let routes = asts.iter().flat_map(|ast| ast.routes.iter().flat_map(|route| &route.from));
        let policies = asts.iter().flat_map(|ast| ast.policies.iter().flat_map(|policy| &policy.from));
        for from in routes.chain(policies) {
            if let From::Trunk(name) = from {
                find(name, TRUNK, &[&site.trunks], findings);
            }
        }
    }

    /// Reports a trunk that is spoken of and that the configuration does not have.
    pub fn trunk(&self, name: &Name, findings: &mut Vec<Finding>) {
        if let Names(Some(site)) = self {
            find(name, TRUNKS, &[&site.trunks, &site.trunk_groups], findings);
        }
    }

    /// Reports what is dialled and the configuration does not have.
    pub fn dialled(&self, target: &TargetUse, findings: &mut Vec<Finding>) {
        let Names(Some(site)) = self else { return };
        match (&target.whom, &target.who) {
            (Whom::Trunk(name), _) => find(name, TRUNKS, &[&site.trunks, &site.trunk_groups], findings),
            (Whom::Group, Who::Literal(name)) => find(name, RING, &[&site.ring], findings),
            _ => {}
        }
    }
}

fn find(name: &Name, kind: Term, known: &[&BTreeSet<String>], findings: &mut Vec<Finding>) {
    if known.iter().any(|names| names.contains(&*name.text)) {
        return;
    }
    let names = || known.iter().flat_map(|names| names.iter().map(String::as_str));
    let declared = if kind == RING { format!("[features.ring.{}]", name.text) } else { "[[trunk]]".into() };
    let has = if names().next().is_none() { Arg::from(NONE) } else { Arg::list(names().take(SHOWN)) };
    let finding = Finding::new(Code::NOT_CONFIGURED, name.span).arg(kind).arg(&*name.text);
    findings.push(finding.arg(has).arg(declared).suggest(nearest(&name.text, names())));
}
