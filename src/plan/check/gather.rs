//! Reading the files: the roots and, in turn, all that they use; each once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::base::bounds::{PLAN_FILE_BYTES, PLAN_FILES};
use crate::plan::EDITION;
use crate::plan::ast::FileAst;
use crate::plan::code::Code;
use crate::plan::file::{File, Files, Span, offset};
use crate::plan::finding::Finding;
use crate::plan::parse::parse;
use crate::plan::source::Sources;
use crate::plan::tree::Tree;

pub(super) struct Gathered {
    pub files: Files,
    pub trees: Vec<Tree>,
    pub asts: Vec<FileAst>,
    pub findings: Vec<Finding>,
}

/// Reads `roots` and what they use, in the order in which they are met.
pub(super) fn gather(sources: &dyn Sources, roots: &[&str]) -> Gathered {
    let mut out =
        Gathered { files: Files::default(), trees: Vec::new(), asts: Vec::new(), findings: Vec::new() };
    let mut wanted: Vec<(Arc<str>, Option<Span>)> = roots.iter().map(|root| ((*root).into(), None)).collect();
    let mut met: HashSet<Arc<str>> = HashSet::new();
    let mut next = 0;
    while let Some((path, from)) = wanted.get(next).cloned() {
        next += 1;
        if !met.insert(path.clone()) {
            continue;
        }
        if out.files.0.len() >= PLAN_FILES {
            out.findings.push(Finding::new(Code::TOO_MANY_FILES, from.unwrap_or_default()).arg(PLAN_FILES));
            break;
        }
        for used in out.read(sources, &path, from) {
            wanted.push((used.0, Some(used.1)));
        }
    }
    out
}

impl Gathered {
    /// Reads one file; returns what it uses.
    fn read(&mut self, sources: &dyn Sources, path: &str, from: Option<Span>) -> Vec<(Arc<str>, Span)> {
        let number = u16::try_from(self.files.0.len()).unwrap_or(u16::MAX);
        let Some(bytes) = sources.plan(path) else {
            let at = from.unwrap_or_else(|| self.absent(path, number));
            self.findings.push(Finding::new(Code::NO_FILE, at).arg(path));
            return Vec::new();
        };
        let text = match decode(&bytes, number) {
            Ok(text) => text,
            Err((text, finding)) => {
                self.findings.push(finding);
                self.add(File::new(path, &text), FileAst::default(), None);
                return Vec::new();
            }
        };
        let file = File::new(path, text);
        let parsed = parse(&file, number);
        self.findings.extend(parsed.findings);
        self.edition(&parsed.ast, number);
        let uses = parsed.ast.uses.iter().filter_map(|used| {
            let inside = is_inside(&used.text);
            if !inside {
                self.findings.push(Finding::new(Code::OUTSIDE, used.span).arg(&*used.text));
            }
            inside.then(|| (used.text.clone(), used.span))
        });
        let uses = uses.collect();
        self.add(file, parsed.ast, Some(parsed.tree));
        uses
    }

    /// A root that is not there gets an empty file, so that the finding has a place.
    fn absent(&mut self, path: &str, number: u16) -> Span {
        self.add(File::new(path, ""), FileAst::default(), None);
        Span { file: number, start: 0, end: 0 }
    }

    fn add(&mut self, file: File, ast: FileAst, tree: Option<Tree>) {
        self.files.0.push(file);
        self.asts.push(ast);
        self.trees.extend(tree);
    }

    fn edition(&mut self, ast: &FileAst, number: u16) {
        match &ast.edition {
            Some((year, span)) if **year != *EDITION => {
                self.findings.push(Finding::new(Code::UNKNOWN_EDITION, *span).arg(&**year));
            }
            Some(_) => {}
            None => {
                let head = Span { file: number, start: 0, end: 0 };
                self.findings.push(Finding::new(Code::NO_EDITION, head));
            }
        }
    }
}

/// The text of a file, or what keeps it from being one with the text up to there.
fn decode(bytes: &[u8], file: u16) -> Result<&str, (String, Finding)> {
    if bytes.len() > PLAN_FILE_BYTES {
        let at = Span { file, start: 0, end: 0 };
        let finding = Finding::new(Code::FILE_TOO_LONG, at).arg(bytes.len()).arg(PLAN_FILE_BYTES);
        return Err((String::new(), finding));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = error.valid_up_to();
        let octet = bytes.get(good).copied().unwrap_or(0);
        let before = String::from_utf8_lossy(bytes.get(..good).unwrap_or(&[])).into_owned();
        let rest = bytes.get(good..).unwrap_or(&[]);
        let line_end = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
        let tail = String::from_utf8_lossy(rest.get(..line_end).unwrap_or(&[]));
        let at = Span { file, start: offset(good), end: offset(good + 3) };
        (before + &tail, Finding::new(Code::NOT_UTF8, at).arg(format!("0x{octet:02X}")))
    })
}

/// Whether `path` stays in the plan folder: relative, `/` between its parts, no `.` or `..` among them.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', ':', '\0'])
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (path, inside) in [
            ("prompts/zh/a.wav", true),
            ("a.plan", true),
            ("", false),
            ("/etc/passwd", false),
            ("../a", false),
            ("a/../../b", false),
            ("a//b", false),
            ("C:\\a", false),
            ("a\\b", false),
        ] {
            assert_eq!(is_inside(path), inside, "{path}");
        }
    }
}
