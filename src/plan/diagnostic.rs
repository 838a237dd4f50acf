//! What the checker tells an operator: where, what, why, and what to do, in English and Chinese.
//!
//! Invariant: a diagnostic carries everything its rendering needs; the source is not read again.

use std::fmt::Write;
use std::sync::Arc;

use super::code::{Code, Severity};
use super::file::Files;
use super::finding::{Arg, Finding};

/// The language of a rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Lang {
    /// From a locale or language tag (`zh_CN.UTF-8`, `zh`, `en`); anything that is not Chinese is English.
    pub fn from_tag(tag: &str) -> Lang {
        if tag.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("zh")) { Lang::Zh } else { Lang::En }
    }
}

/// A place in a plan file, with the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the plan folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// The part of the line that is shown; control characters replaced, tabs widened.
    pub text: String,
    /// Terminal cells before the caret.
    pub indent: usize,
    /// Terminal cells under which carets stand; at least 1.
    pub width: usize,
}

/// A second place that a diagnostic speaks of ("first declared here").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there, in English.
    pub en: String,
    /// What is there, in Chinese.
    pub zh: String,
}

/// One finding of the checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    code: Code,
    place: Place,
    args: Vec<Arg>,
    suggest: Option<Arc<str>>,
    related: Vec<Related>,
}

impl Diagnostic {
    pub(crate) fn new(finding: Finding, files: &Files) -> Diagnostic {
        let related = finding.also.iter().map(|(span, note)| Related {
            place: files.place(*span),
            en: note.en.to_string(),
            zh: note.zh.to_string(),
        });
        Diagnostic {
            code: finding.code,
            place: files.place(finding.span),
            related: related.collect(),
            args: finding.args,
            suggest: finding.suggest,
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Whether the plan does not load because of this.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Other places that it speaks of.
    pub fn related(&self) -> &[Related] {
        &self.related
    }

    /// What is wrong, one line.
    pub fn message(&self, lang: Lang) -> String {
        self.fill(self.code.template(lang), lang)
    }

    /// What to do about it, one line.
    pub fn hint(&self, lang: Lang) -> Option<String> {
        if let Some(name) = &self.suggest {
            return Some(match lang {
                Lang::En => format!("did you mean `{name}`?"),
                Lang::Zh => format!("是不是 `{name}`？"),
            });
        }
        let template = self.code.hint_template(lang);
        (!template.is_empty()).then(|| self.fill(template, lang))
    }

    /// The whole finding for a terminal: message, place, source line, carets, hint; ends with a newline.
    pub fn render(&self, lang: Lang) -> String {
        let mut out = format!("{}[{}]: {}\n", self.severity().word(lang), self.code, self.message(lang));
        let widest =
            self.related.iter().map(|related| related.place.line).max().unwrap_or(0).max(self.place.line);
        let gutter = widest.to_string().len();
        self.place.render(&mut out, gutter, "-->", '^', "");
        for related in &self.related {
            let note = if lang == Lang::En { &related.en } else { &related.zh };
            related.place.render(&mut out, gutter, ":::", '-', note);
        }
        if let Some(hint) = self.hint(lang) {
            let word = if lang == Lang::En { "hint: " } else { "提示：" };
            let _ = writeln!(out, "{:gutter$} = {word}{hint}", "");
        }
        out
    }

    /// The finding for programs: `code severity file line column message hint`, texts in `lang`.
    pub fn to_json(&self, lang: Lang) -> serde_json::Value {
        serde_json::json!({
            "code": self.code.to_string(),
            "severity": self.severity().word(Lang::En),
            "file": &*self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "message": self.message(lang),
            "hint": self.hint(lang),
        })
    }

    /// Puts the arguments into `{0}`, `{1}`…; braces around anything else stay.
    fn fill(&self, template: &str, lang: Lang) -> String {
        let mut out = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let digit = after.chars().next().and_then(|ch| ch.to_digit(10));
            match (digit, after.get(1..2)) {
                (Some(index), Some("}")) => {
                    rest = after.get(2..).unwrap_or("");
                    if let Some(arg) = self.args.get(index as usize) {
                        let said = arg.say(lang);
                        push_spaced(&mut out, &said);
                        let next = rest.chars().next().is_some_and(is_han);
                        if next && said.ends_with(|ch: char| ch.is_ascii_graphic()) {
                            out.push(' ');
                        }
                    }
                }
                _ => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Appends `said`; between a Chinese character and a Latin sign stands a blank.
fn push_spaced(out: &mut String, said: &str) {
    if out.chars().next_back().is_some_and(is_han) && said.starts_with(|ch: char| ch.is_ascii_graphic()) {
        out.push(' ');
    }
    out.push_str(said);
}

fn is_han(ch: char) -> bool {
    ('\u{2e80}'..'\u{ff00}').contains(&ch) && ch.is_alphabetic()
}

impl Place {
    fn render(&self, out: &mut String, gutter: usize, arrow: &str, mark: char, note: &str) {
        let Place { file, line, column, text, indent, width } = self;
        let marks = mark.to_string().repeat(*width);
        let _ = writeln!(out, "{:gutter$}{arrow} {file}:{line}:{column}", "");
        let _ = writeln!(out, "{:gutter$} |", "");
        let _ = writeln!(out, "{line:gutter$} | {text}");
        let _ = writeln!(out, "{}", format!("{:gutter$} | {:indent$}{marks} {note}", "", "").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::file::{File, Span};
    use crate::plan::finding::note;

    #[test]
    fn a_finding_reads_well_in_both_languages() {
        let files = Files(vec![File::new("a.plan", "flow 夜间 {}\nroute \"1\" -> 夜问\n")]);
        let span = Span { file: 0, start: 28, end: 34 };
        let finding = Finding::new(Code::OTHER_KIND, span)
            .arg("夜问")
            .arg(crate::plan::finding::Term::new("prompt", "提示音"))
            .arg(crate::plan::finding::Term::new("flow", "流程"))
            .suggest(Some("夜间"))
            .also(Span { file: 0, start: 5, end: 11 }, note::FIRST);
        let diagnostic = Diagnostic::new(finding, &files);
        expect_test::expect![[r#"
            error[P0203]: `夜问` is a prompt, not a flow
             --> a.plan:2:14
              |
            2 | route "1" -> 夜问
              |              ^^^^
             ::: a.plan:1:6
              |
            1 | flow 夜间 {}
              |      ---- first declared here
              = hint: did you mean `夜间`?
            错误[P0203]: `夜问` 是提示音，不是流程
             --> a.plan:2:14
              |
            2 | route "1" -> 夜问
              |              ^^^^
             ::: a.plan:1:6
              |
            1 | flow 夜间 {}
              |      ---- 最初在这里声明
              = 提示：是不是 `夜间`？
        "#]]
        .assert_eq(&(diagnostic.render(Lang::En) + &diagnostic.render(Lang::Zh)));
    }
}
