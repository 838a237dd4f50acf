//! From what a plan says to what it means: every name resolved, every value typed, every path followed.
//!
//! Invariant: each fault is found once, all faults of all files in one pass; without an error the result is complete.

mod flow;
mod gather;
mod names;
mod option;
mod path;
mod policy;
mod prompt;
mod route;
mod site;
mod time;
mod value;
mod verb;

use super::ast::FileAst;
use super::code::{Code, Severity};
use super::file::{Files, Span};
use super::finding::Finding;
use super::resolved::Resolved;
use super::source::Sources;
use super::tree::Tree;

use names::World;
pub(crate) use value::TYPES;

/// What a check came to.
pub(crate) struct Checked {
    pub files: Files,
    pub trees: Vec<Tree>,
    pub findings: Vec<Finding>,
    /// Complete only if no finding is an error.
    pub resolved: Resolved,
}

/// Reads and checks `roots` and all that they use.
pub(crate) fn check(sources: &dyn Sources, roots: &[&str]) -> Checked {
    let gather::Gathered { files, trees, asts, mut findings } = gather::gather(sources, roots);
    let resolved = resolve(sources, &asts, &mut findings);
    tidy(&mut findings);
    Checked { files, trees, findings, resolved }
}

fn resolve(sources: &dyn Sources, asts: &[FileAst], findings: &mut Vec<Finding>) -> Resolved {
    let mut world = World::declare(asts, findings);
    world.site = site::Names::of(sources.site());
    world.site.origins(asts, findings);
    world.prompts = prompt::prompts(asts, sources, findings);
    let holidays = time::holidays(asts, findings);
    let calendars = time::calendars(asts, &world, &holidays, findings);
    let classes = policy::classes(asts, findings);
    let policies = policy::policies(asts, &world, &classes, findings);
    let (routes, flows, slots) = flow::check(asts, &world, findings);
    let routes = route::routes(routes, findings);
    policy::meet(&policies, &routes, findings);
    let prompts =
        world.prompts.iter().flat_map(|prompt| prompt.sounds.iter().filter_map(|sound| sound.found.clone()));
    Resolved { prompts: prompts.collect(), calendars, policies, routes, flows, slots }
}

/// Sorts by place, drops what follows from a worse finding at the same place, and keeps to the bound.
fn tidy(findings: &mut Vec<Finding>) {
    findings.sort_by_key(|finding| (finding.span, finding.code));
    if !is_clean(findings) {
        // What seems to be missing may stand where something could not be read or was misspelt.
        let missing = [Code::NEVER_USED, Code::POLICY_UNUSED, Code::NO_ROUTES];
        findings.retain(|finding| !missing.contains(&finding.code));
    }
    findings.dedup();
    let lexical = |code: Code| code.number() < 100;
    let spans: Vec<Span> =
        findings.iter().filter(|finding| lexical(finding.code)).map(|finding| finding.span).collect();
    findings.retain(|finding| finding.code != Code::EXPECTED || spans.binary_search(&finding.span).is_err());
    let bound = crate::base::bounds::PLAN_FINDINGS;
    if findings.len() > bound {
        let last = findings.get(bound).map_or(Span::default(), |finding| finding.span);
        findings.truncate(bound);
        findings.push(Finding::new(Code::TOO_MANY_FINDINGS, last).arg(bound));
    }
}

/// Whether nothing keeps the plan from loading.
pub(crate) fn is_clean(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.code.severity() != Severity::Error)
}
