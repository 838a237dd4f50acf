//! Faults of single tokens: full-width signs, unclosed texts, characters that cannot be seen, signs of other languages.

use crate::plan::code::Code;
use crate::plan::file::{Span, offset, unseen};
use crate::plan::finding::Finding;
use crate::plan::literal::{half_width, is_full_width};
use crate::plan::token::{Kind, Token, tokens};

/// Looks at every token; a full-width number becomes what its half-width form is.
pub(super) fn findings(text: &str, file: u16, all: &mut [Token]) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    for token in all.iter_mut() {
        let raw = text.get(token.start as usize..token.end as usize).unwrap_or("");
        let span = Span { file, start: token.start, end: token.end };
        if let Some(finding) = hidden(raw, span) {
            out.push(finding);
            continue;
        }
        if token.kind == Kind::Unknown {
            match out.last_mut() {
                Some(last) if last.code == Code::STRANGE_CHARACTER && last.span.end == span.start => {
                    last.span.end = span.end;
                }
                _ => out.push(Finding::new(Code::STRANGE_CHARACTER, span).arg(raw)),
            }
            continue;
        }
        out.extend(fault(raw, token.kind, span));
        if token.kind == Kind::Mixed
            && is_full_width(raw)
            && let [one] = tokens(&half_width(raw))[..]
        {
            token.kind = one.kind;
        }
    }
    out
}

fn hidden(raw: &str, span: Span) -> Option<Finding> {
    let (at, ch) = raw
        .char_indices()
        .find(|(at, ch)| unseen(*ch) && !(*ch == '\u{feff}' && span.start == 0 && *at == 0))?;
    let start = span.start + offset(at);
    let place = Span { start, end: start + offset(ch.len_utf8()), ..span };
    Some(Finding::new(Code::UNSEEN_CHARACTER, place).arg(format!("U+{:04X}", ch as u32)))
}

fn fault(raw: &str, kind: Kind, span: Span) -> Option<Finding> {
    let full_width = |half: &str| Finding::new(Code::FULL_WIDTH, span).arg(raw).arg(half);
    let foreign = |ours: &str| Finding::new(Code::FOREIGN_SIGN, span).arg(raw).arg(ours);
    match kind {
        Kind::Word | Kind::Mixed => is_full_width(raw).then(|| full_width(&half_width(raw))),
        Kind::OpenText => Some(Finding::new(Code::OPEN_TEXT, span)),
        Kind::Text if !raw.starts_with('"') || !raw.ends_with('"') => {
            Some(Finding::new(Code::FULL_WIDTH, Span { end: span.start + 3, ..span }).arg("“ ”").arg("\""))
        }
        Kind::Comment if raw.starts_with("//") => {
            Some(Finding::new(Code::FOREIGN_SIGN, Span { end: span.start + 2, ..span }).arg("//").arg("#"))
        }
        Kind::Comment if is_hash_arm(raw) => {
            let place = Span { end: span.start + 1, ..span };
            Some(Finding::new(Code::FOREIGN_SIGN, place).arg("# ->").arg("\"#\" ->"))
        }
        Kind::Arrow if raw != "->" => Some(foreign("->")),
        Kind::AmpAmp => Some(foreign("and")),
        Kind::BarBar => Some(foreign("or")),
        Kind::Bang => Some(foreign("not")),
        _ if !raw.is_ascii() => half_sign(kind).map(full_width),
        _ => None,
    }
}

/// Whether a comment is really a menu arm of the hash key: `# -> 人工`.
fn is_hash_arm(comment: &str) -> bool {
    comment.get(1..).is_some_and(|rest| rest.trim_start().starts_with("->"))
}

fn half_sign(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::LeftBrace => "{",
        Kind::RightBrace => "}",
        Kind::LeftParen => "(",
        Kind::RightParen => ")",
        Kind::LeftBracket => "[",
        Kind::RightBracket => "]",
        Kind::Comma => ",",
        Kind::Semicolon => ";",
        Kind::Colon => ":",
        Kind::Dot => ".",
        Kind::Assign => "=",
        Kind::Less => "<",
        Kind::Greater => ">",
        Kind::Plus => "+",
        Kind::Minus => "-",
        Kind::Star => "*",
        _ => return None,
    })
}
