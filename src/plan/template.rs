//! Texts with values in them: `您的余额是{r.余额}`, in scripts with types: `{rate:percent}`. `{{` and `}}` are braces.

use std::ops::Range;

use super::file::{Span, offset};

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(String),
    Hole {
        name: &'t str,
        kind: Option<&'t str>,
        /// Octets of the text that it takes.
        at: Range<usize>,
    },
    /// A brace that opens or closes nothing, or that holds no name.
    Broken(Range<usize>),
}

/// The parts of `text`, in order.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut out, mut plain, mut at) = (Vec::new(), String::new(), 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let found = rest.find(['{', '}']).unwrap_or(rest.len());
        plain.push_str(rest.get(..found).unwrap_or(""));
        at += found;
        let rest = text.get(at..).unwrap_or("");
        if rest.starts_with("{{") || rest.starts_with("}}") {
            plain.push_str(rest.get(..1).unwrap_or(""));
            at += 2;
            continue;
        }
        if rest.is_empty() {
            break;
        }
        if !plain.is_empty() {
            out.push(Part::Text(std::mem::take(&mut plain)));
        }
        let end = if rest.starts_with('{') { rest.find('}') } else { None };
        let Some(end) = end else {
            out.push(Part::Broken(at..at + 1));
            at += 1;
            continue;
        };
        let inner = rest.get(1..end).unwrap_or("");
        let (name, kind) = inner.split_once(':').map_or((inner, None), |(name, kind)| (name, Some(kind)));
        let place = at..at + end + 1;
        let good = |word: &str| {
            !word.is_empty() && word.chars().all(|ch| ch.is_alphanumeric() || "_-.".contains(ch))
        };
        out.push(match good(name) && kind.is_none_or(good) {
            true => Part::Hole { name, kind, at: place },
            false => Part::Broken(place),
        });
        at += end + 1;
    }
    if !plain.is_empty() {
        out.push(Part::Text(plain));
    }
    out
}

/// Where octets `at` of a quoted text stand in its file; the whole text when escapes have moved them.
pub(crate) fn place(span: Span, at: &Range<usize>) -> Span {
    let start = span.start + 1 + offset(at.start);
    let end = span.start + 1 + offset(at.end);
    if end >= span.end { span } else { Span { start, end, ..span } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_braces_kept() {
        let text = |text: &str| Part::Text(text.to_string());
        let hole = |name, kind, at| Part::Hole { name, kind, at };
        for (written, want) in [
            ("a{b}c", vec![text("a"), hole("b", None, 1..4), text("c")]),
            ("{r.x:percent}", vec![hole("r.x", Some("percent"), 0..13)]),
            ("{{a}}", vec![text("{a}")]),
            ("a{", vec![text("a"), Part::Broken(1..2)]),
            ("{a b}", vec![Part::Broken(0..5)]),
            ("}", vec![Part::Broken(0..1)]),
            ("", vec![]),
        ] {
            assert_eq!(parts(written), want, "{written}");
        }
    }
}
