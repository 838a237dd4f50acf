//! A finding while it is made: a code, a span, arguments. It becomes a [`Diagnostic`](super::Diagnostic) at the end.

use std::sync::Arc;

use super::code::Code;
use super::diagnostic::Lang;
use super::file::Span;

/// A word or phrase in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub en: &'static str,
    pub zh: &'static str,
}

impl Term {
    pub const fn new(en: &'static str, zh: &'static str) -> Term {
        Term { en, zh }
    }

    pub const fn say(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

/// What fills a hole of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arg {
    /// As it is in both languages: source text, names, numbers.
    Plain(Arc<str>),
    /// Said in the reader's language.
    Said(Term),
    /// A choice: joined by "or".
    OneOf(Vec<Arg>),
}

impl Arg {
    /// Words that can be written, joined by commas.
    pub fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> Arg {
        Arg::Plain(words.into_iter().collect::<Vec<_>>().join(", ").into())
    }

    pub fn say(&self, lang: Lang) -> String {
        match self {
            Arg::Plain(text) => text.to_string(),
            Arg::Said(term) => term.say(lang).to_string(),
            Arg::OneOf(args) => {
                let or = if lang == Lang::En { " or " } else { " 或 " };
                let comma = if lang == Lang::En { ", " } else { "、" };
                let args: Vec<String> = args.iter().map(|arg| arg.say(lang)).collect();
                match args.split_last() {
                    Some((last, rest)) if !rest.is_empty() => format!("{}{or}{last}", rest.join(comma)),
                    _ => args.concat(),
                }
            }
        }
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg::Plain(shorten(text).into())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::from(text.as_str())
    }
}

impl From<usize> for Arg {
    fn from(number: usize) -> Arg {
        Arg::from(number.to_string())
    }
}

impl From<Term> for Arg {
    fn from(term: Term) -> Arg {
        Arg::Said(term)
    }
}

/// Source text in a message: at most 60 characters of one line.
fn shorten(text: &str) -> String {
    let visible = |ch: char| if ch.is_control() || super::file::unseen(ch) { '\u{fffd}' } else { ch };
    let mut out: String = text.chars().take(60).map(visible).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub code: Code,
    pub span: Span,
    pub args: Vec<Arg>,
    pub suggest: Option<Arc<str>>,
    pub also: Vec<(Span, Term)>,
}

impl Finding {
    pub fn new(code: Code, span: Span) -> Finding {
        Finding { code, span, args: Vec::new(), suggest: None, also: Vec::new() }
    }

    /// Fills the next hole.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<Arg>) -> Finding {
        self.args.push(arg.into());
        self
    }

    /// Asks "did you mean" instead of giving the code's hint.
    #[must_use]
    pub fn suggest(mut self, name: Option<&str>) -> Finding {
        self.suggest = name.map(Into::into);
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn also(mut self, span: Span, note: Term) -> Finding {
        self.also.push((span, note));
        self
    }
}

/// Notes at second places.
pub(crate) mod note {
    use super::Term;

    pub const FIRST: Term = Term::new("first declared here", "最初在这里声明");
    pub const OTHER_ROUTE: Term = Term::new("the other route", "另一条路由");
    pub const LEADS_AWAY: Term = Term::new("from here the call always leaves", "呼叫在这里必定离开");
    pub const FALLS: Term = Term::new("from here nothing leads on", "从这里开始没有下文");
    pub const FLOW: Term = Term::new("the flow is declared here", "流程在这里声明");
    pub const OTHER_POLICY: Term = Term::new("the other policy", "另一条策略");
    pub const FIRST_CALL: Term = Term::new("first given here", "最初在这里给出");
    pub const ALLOWS: Term = Term::new("what the policy allows", "策略允许的主机");
    pub const FORBIDS: Term = Term::new("forbidden here", "在这里禁止");
    pub const HANDLED: Term = Term::new("first handled here", "最初在这里处理");
}

/// The name among `known` that `name` was probably meant to be.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let length = name.chars().count();
    let allowed = match length {
        0 => return None,
        1..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    let distance = |other: &str| {
        if other.to_lowercase() == name.to_lowercase() {
            return 0;
        }
        strsim::damerau_levenshtein(name, other)
    };
    let far = |other: &str| distance(other) > allowed || distance(other) >= length;
    known
        .into_iter()
        .filter(|other| *other != name && other.chars().count().abs_diff(length) <= 3 && !far(other))
        .min_by_key(|other| (distance(other), *other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["夜间", "人工", "main-menu", "hangup", "dial"];
        for (name, found) in [
            ("夜问", Some("夜间")),
            ("hangpu", Some("hangup")),
            ("Hangup", Some("hangup")),
            ("main_menu", Some("main-menu")),
            ("人", None),
            ("playback", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), found, "{name}");
        }
    }
}
