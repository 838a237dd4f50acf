//! The plan language: text → tokens → tree → check → flat program → machine.
//!
//! `load` takes plan files and yields either an immutable, content-hashed [`Program`] or diagnostics that say where
//! and what; there is no third. A [`Machine`] walks one call through its program: it returns an [`Ask`] (play, collect,
//! dial, hang up) and is resumed with a [`Reply`]. It does nothing itself.
//!
//! Invariant: a program that `load` returns cannot get stuck, cannot loop without a caller's act, and cannot reach media
//! before the notice that the call's policy wants. Any bytes yield diagnostics, never a panic.

mod ask;
mod ast;
mod calendar;
mod check;
mod code;
mod declared;
mod deed;
mod diagnostic;
pub mod diff;
pub mod doc;
pub mod edit;
mod emit;
mod eval;
mod file;
mod finding;
pub mod fmt;
pub mod import;
mod literal;
mod lookup;
mod machine;
mod manual;
mod op;
mod parse;
mod pattern;
mod policy;
mod program;
mod prove;
mod rehearse;
mod resolved;
pub mod sim;
mod source;
pub mod tell;
mod template;
mod test;
mod texts;
mod token;
mod trace;
pub mod tree;
mod value;
mod verb;

pub use ask::{Ask, Cause, Outcome, Part, Reply, Spoken, Target, Turns};
pub use code::{Code, Severity};
pub use declared::{
    Campaign, Card, Declared, Group, Module, Queue, Script, ScriptVersion, TrunkRules, Webhook, WordSet,
    WordVersion,
};
pub use deed::{Deed, Ended, Queueing, Shows};
pub use diagnostic::{Diagnostic, Lang, Place, Related};
pub use lookup::{BadAnswer, Field, FieldKind, Lookup, Method, host as url_host};
pub use machine::Machine;
pub use manual::reference;
pub use policy::{
    Anchor, Beside, EndRule, EndWhen, Mask, Needs, OnFailure, Policy, Record, RetentionClass, Rules, Screen,
    Term,
};
pub use program::{Facts, Origin, Program, PromptRef, RouteId, RouteRef, content_hash};
pub use rehearse::{Coverage, Failure, Verdict, coverage, rehearse};
pub use source::{Folder, Site, Sound, SoundError, Sources};
pub use test::Test;
pub use texts::{Judged, TextRules};
pub use trace::TraceLine;
pub use value::{Currency, Money, Pin, Shown, Value};

use std::sync::Arc;

/// The edition of the language that this switch knows.
pub const EDITION: &str = "2026";

/// Reads, checks and compiles the plan files `roots` and every file that they `use`.
///
/// `roots` are paths relative to the plan folder, with `/` between segments (`hello.plan`). All files share one space of
/// names. Every diagnostic of every file is returned at once, in the order of the files and their lines; a program is
/// returned when none of them is an error (warnings may stand beside it).
///
/// # Errors
/// None as `Err`: an operator's fault is a [`Diagnostic`], and then the program is `None`.
pub fn load(sources: &dyn Sources, roots: &[&str]) -> (Option<Arc<Program>>, Vec<Diagnostic>) {
    let check::Checked { files, trees, mut findings, resolved, .. } = check::check(sources, roots);
    let mut program = None;
    if check::is_clean(&findings) {
        let code = emit::emit(&emit::Source {
            routes: &resolved.routes,
            flows: &resolved.flows,
            monitors: &resolved.monitors,
            reactions: &resolved.reactions,
            files: &files,
        });
        match prove::prove(&code, resolved.slots) {
            Ok(_) => program = Some(Arc::new(Program::new(resolved, code, &files, &trees))),
            Err(broken) => findings.push(unproven(broken, &code)),
        }
    }
    let diagnostics = findings.into_iter().map(|finding| Diagnostic::new(finding, &files)).collect();
    (program, diagnostics)
}

/// The text of a plan file that its program's hash is made of: tokens without comments, one blank or one line end between
/// them. It changes when the meaning may change, not when the layout does.
pub fn canonical(path: &str, text: &str) -> String {
    read(path, text).0.canonical()
}

fn unproven(broken: prove::Broken, code: &emit::Code) -> finding::Finding {
    use prove::Broken;
    let (Broken::Ungated(pc)
    | Broken::Astray(pc)
    | Broken::Circle(pc)
    | Broken::TooLong(pc)
    | Broken::NoSlot(pc)) = broken;
    let at = code.origins.get(pc as usize).map_or(file::Span::default(), |origin| origin.span);
    match broken {
        Broken::TooLong(_) => finding::Finding::new(Code::TOO_LONG, at).arg(crate::base::bounds::PLAN_STEPS),
        _ => finding::Finding::new(Code::NOT_PROVEN, at),
    }
}

/// Reads one plan text into its lossless tree, with the findings of its grammar alone.
///
/// `path` is the name under which diagnostics speak of it. Texts longer than
/// [`PLAN_FILE_BYTES`](crate::base::bounds::PLAN_FILE_BYTES) are read all the same; `load` refuses them.
pub fn read(path: &str, text: &str) -> (tree::Tree, Vec<Diagnostic>) {
    let files = file::Files(vec![file::File::new(path, text)]);
    let Some(file) = files.0.first() else {
        return (tree::Builder::new().finish("".into(), Vec::new()), Vec::new());
    };
    let parsed = parse::parse(file, 0);
    let mut findings = parsed.findings;
    findings.sort_by_key(|finding| finding.span);
    let diagnostics = findings.into_iter().map(|finding| Diagnostic::new(finding, &files)).collect();
    (parsed.tree, diagnostics)
}
