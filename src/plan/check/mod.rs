//! From what a plan says to what it means: every name resolved, every value typed, every path followed.
//!
//! Invariant: each fault is found once, all faults of all files in one pass; without an error the result is complete.

mod clause;
mod declared;
mod deed;
mod flow;
mod gather;
mod lookup;
mod names;
mod option;
mod path;
mod policy;
mod prompt;
mod route;
mod site;
mod speaks;
mod test;
mod time;
mod types;
mod value;
mod verb;
mod versions;

use super::ast::FileAst;
use super::code::{Code, Severity};
use super::file::{Files, Span};
use super::finding::Finding;
use super::resolved::Resolved;
use super::source::Sources;
use super::texts::TextRules;
use super::tree::Tree;
use super::verb::Kind;

use names::World;
pub(crate) use types::TYPES;

/// What a check came to.
#[derive(Debug)]
pub(crate) struct Checked {
    pub files: Files,
    pub trees: Vec<Tree>,
    pub asts: Vec<FileAst>,
    pub findings: Vec<Finding>,
    /// Complete only if no finding is an error.
    pub resolved: Resolved,
}

/// Reads and checks `roots` and all that they use.
pub(crate) fn check(sources: &dyn Sources, roots: &[&str]) -> Checked {
    let gather::Gathered { files, trees, asts, mut findings } = gather::gather(sources, roots);
    let resolved = resolve(sources, &asts, &files, &mut findings);
    tidy(&mut findings);
    Checked { files, trees, asts, findings, resolved }
}

fn resolve(sources: &dyn Sources, asts: &[FileAst], files: &Files, findings: &mut Vec<Finding>) -> Resolved {
    let now = sources.now();
    let mut world = World::declare(asts, findings);
    world.site = site::Names::of(sources.site());
    world.site.origins(asts, findings);
    world.prompts = prompt::prompts(asts, sources, now, findings);
    world.speaks_many = asts.iter().any(speaks::chooses);
    declared::lookups(asts, &mut world, findings);
    let script_sounds = declared::scripts(asts, sources, now, &mut world, findings);
    declared::words(asts, now, &mut world, findings);
    declared::blocks(asts, files, &mut world, findings);
    let holidays = time::holidays(asts, findings);
    let calendars = time::calendars(asts, &world, &holidays, findings);
    let classes = policy::classes(asts, findings);
    let mut policies = policy::policies(asts, &world, &classes, findings);
    let dated: Vec<_> = asts
        .iter()
        .flat_map(|ast| ast.flows.iter().map(move |flow| (ast, &flow.name, &flow.validity)))
        .collect();
    let groups = versions::versions(Kind::Flow, &dated, now, findings);
    let mut extra = clause::Extra::default();
    let (routes, flows, slots) = flow::check(
        asts,
        &world,
        &groups,
        |walks, findings| extra = clause::check(asts, &mut policies, walks, &world, findings),
        findings,
    );
    let routes = route::routes(routes, findings);
    policy::meet(&policies, &routes, findings);
    profiles(asts, findings);
    let tests = test::tests(asts, files, &world, findings);
    let found = |prompt: &prompt::Prompt| {
        prompt.sounds.iter().filter_map(|sound| sound.found.clone()).collect::<Vec<_>>()
    };
    let mut prompts: Vec<_> = world.prompts.iter().flat_map(found).collect();
    prompts.extend(script_sounds);
    let mut declared = std::mem::take(&mut world.declared);
    declared.modules = declared::modules(asts, files);
    declared.emergencies = asts
        .iter()
        .flat_map(|ast| ast.emergencies.iter().map(|emergency| emergency.name.text.clone()))
        .collect();
    let clause::Extra { monitors, features, reactions, texts } = extra;
    // Bad phrases have been told where they stand; what is left is that there are too many.
    let texts = TextRules::compile(&texts).unwrap_or_else(|_| {
        findings.extend(declared::too_many_words(asts));
        TextRules::default()
    });
    Resolved {
        prompts,
        calendars,
        policies,
        routes,
        flows,
        slots,
        declared,
        monitors,
        features,
        reactions,
        tests,
        texts,
    }
}

/// A profile is for others to use: calls begin elsewhere.
fn profiles(asts: &[FileAst], findings: &mut Vec<Finding>) {
    for ast in asts {
        if let (Some(profile), Some(route)) = (&ast.profile, ast.routes.first()) {
            findings.push(Finding::new(Code::PROFILE_ROUTES, route.span).arg(&*profile.text));
        }
    }
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
