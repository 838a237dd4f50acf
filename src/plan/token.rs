//! Text → tokens, with nom. Every octet of the text is in exactly one token.
//!
//! Invariant: the texts of the tokens, joined, are the file; whatever the text is, there is a token for it.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{anychar, char, digit1, none_of, one_of, satisfy};
use nom::combinator::{not, opt, peek, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::file::offset;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Spaces and tabs, full-width ones too.
    Blank,
    /// The end of a line.
    Newline,
    /// `# …` to the end of the line; `// …` too, with a finding.
    Comment,
    /// A name or keyword: letters (CJK too), digits, `_`, and `-` inside.
    Word,
    /// Decimal digits.
    Int,
    /// Digits with a unit: `25s`.
    Amount,
    /// `08:00`.
    Clock,
    /// `2026-10-01`.
    Date,
    /// `2026-12-31T24:00`.
    Moment,
    /// `3.65%`.
    Percent,
    /// `99.50元`, `20USD`.
    Money,
    /// Digits that run into letters: `8XXX`, `25sec`.
    Mixed,
    /// `"…"` on one line; `“…”` too, with a finding.
    Text,
    /// A text without its closing quote.
    OpenText,
    LeftBrace,
    RightBrace,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    Comma,
    Semicolon,
    Colon,
    Arrow,
    DotDot,
    Dot,
    Assign,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Plus,
    Minus,
    Star,
    /// `&&`: a finding, then `and`.
    AmpAmp,
    /// Between the words of an enumeration.
    Bar,
    /// `||`: a finding, then `or`.
    BarBar,
    /// `!`: a finding, then `not`.
    Bang,
    /// A character that has no place in a plan.
    Unknown,
}

impl Kind {
    /// Whether the parser steps over it.
    pub fn is_trivia(self) -> bool {
        matches!(self, Kind::Blank | Kind::Newline | Kind::Comment)
    }
}

/// Octets `start..end` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
}

/// Cuts `text` into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while !rest.is_empty() {
        let (after, kind) = token(rest).unwrap_or(("", Kind::Unknown));
        let (start, end) = (text.len() - rest.len(), text.len() - after.len());
        out.push(Token { kind, start: offset(start), end: offset(end) });
        rest = after;
    }
    out
}

type Cut<'t> = IResult<&'t str, Kind>;

fn token(input: &str) -> Cut<'_> {
    alt((trivia, word, number, text, sign, value(Kind::Unknown, anychar))).parse(input)
}

fn trivia(input: &str) -> Cut<'_> {
    let blank = take_while1(|ch| matches!(ch, ' ' | '\t' | '\u{3000}' | '\u{a0}' | '\u{feff}'));
    let to_the_end = take_while(|ch| ch != '\n' && ch != '\r');
    alt((
        value(Kind::Blank, blank),
        value(Kind::Newline, alt((tag("\n"), tag("\r\n")))),
        value(Kind::Blank, tag("\r")),
        value(Kind::Comment, preceded(alt((tag("#"), tag("//"))), to_the_end)),
    ))
    .parse(input)
}

fn starts_word(ch: char) -> bool {
    ch.is_alphabetic() || ch == '_'
}

fn in_word(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_'
}

fn word(input: &str) -> Cut<'_> {
    let hyphen = terminated(char('-'), peek(satisfy(in_word)));
    value(Kind::Word, (satisfy(starts_word), many0_count(alt((satisfy(in_word), hyphen))))).parse(input)
}

fn digits(least: usize, most: usize) -> impl FnMut(&str) -> IResult<&str, &str> {
    move |input| take_while_m_n(least, most, |ch: char| ch.is_ascii_digit()).parse(input)
}

fn number(input: &str) -> Cut<'_> {
    let date = (digits(4, 4), char('-'), digits(2, 2), char('-'), digits(2, 2));
    let clock = (digits(1, 2), char(':'), digits(2, 2));
    let moment =
        (digits(4, 4), char('-'), digits(2, 2), char('-'), digits(2, 2), char('T'), digits(2, 2), char(':'));
    let decimal = || (digit1, opt((char('.'), digit1)));
    let currency = alt((tag("元"), tag("CNY"), tag("USD"), tag("EUR")));
    let unit = alt((tag("ms"), tag("s"), tag("m"), tag("h"), tag("d"), tag("w"), tag("y")));
    let hyphen = terminated(char('-'), peek(satisfy(in_word)));
    let mixed = (satisfy(char::is_numeric), many0_count(alt((satisfy(in_word), hyphen))));
    let ends = || not(satisfy(in_word));
    alt((
        value(Kind::Moment, terminated((moment, digits(2, 2)), ends())),
        value(Kind::Date, terminated(date, ends())),
        value(Kind::Percent, (decimal(), char('%'))),
        value(Kind::Money, terminated((decimal(), currency), ends())),
        value(Kind::Clock, terminated(clock, ends())),
        value(Kind::Amount, terminated((digit1, unit), ends())),
        value(Kind::Int, terminated(digit1, ends())),
        value(Kind::Mixed, mixed),
    ))
    .parse(input)
}

fn text(input: &str) -> Cut<'_> {
    let escaped = preceded(char('\\'), none_of("\r\n"));
    let plain = (char('"'), many0_count(alt((escaped, none_of("\"\\\r\n")))), opt(char('"')));
    let curly = (one_of("“”"), many0_count(none_of("“”\"\r\n")), opt(one_of("“”\"")));
    let kind = |close: Option<char>| if close.is_some() { Kind::Text } else { Kind::OpenText };
    alt((plain.map(move |(_, _, close)| kind(close)), curly.map(move |(_, _, close)| kind(close))))
        .parse(input)
}

fn sign(input: &str) -> Cut<'_> {
    let (after, text) = recognize(alt((
        alt((tag("->"), tag("=="), tag("!="), tag("<="), tag(">="), tag(".."))),
        alt((tag("=>"), tag("&&"), tag("||"))),
        recognize(one_of(SIGNS)),
    )))
    .parse(input)?;
    Ok((after, sign_kind(text)))
}

/// Every sign of one character; from U+3001 on the full-width ones that Chinese input methods write.
const SIGNS: &str = "{}()[],;:=<>+-*!.|\u{3001}\u{3002}\u{3010}\u{3011}\u{2192}\u{ff5b}\u{ff5d}\u{ff08}\u{ff09}\u{ff0c}\
                     \u{ff1b}\u{ff1a}\u{ff1d}\u{ff1c}\u{ff1e}\u{ff0b}\u{ff0d}\u{ff0a}\u{ff01}";

fn sign_kind(text: &str) -> Kind {
    match text {
        "{" | "\u{ff5b}" => Kind::LeftBrace,
        "}" | "\u{ff5d}" => Kind::RightBrace,
        "(" | "\u{ff08}" => Kind::LeftParen,
        ")" | "\u{ff09}" => Kind::RightParen,
        "[" | "\u{3010}" => Kind::LeftBracket,
        "]" | "\u{3011}" => Kind::RightBracket,
        "," | "\u{ff0c}" | "\u{3001}" => Kind::Comma,
        ";" | "\u{ff1b}" => Kind::Semicolon,
        ":" | "\u{ff1a}" => Kind::Colon,
        "->" | "=>" | "\u{2192}" => Kind::Arrow,
        ".." => Kind::DotDot,
        "." | "\u{3002}" => Kind::Dot,
        "=" | "\u{ff1d}" => Kind::Assign,
        "==" => Kind::Equal,
        "!=" => Kind::NotEqual,
        "<" | "\u{ff1c}" => Kind::Less,
        "<=" => Kind::LessEqual,
        ">" | "\u{ff1e}" => Kind::Greater,
        ">=" => Kind::GreaterEqual,
        "+" | "\u{ff0b}" => Kind::Plus,
        "-" | "\u{ff0d}" => Kind::Minus,
        "*" | "\u{ff0a}" => Kind::Star,
        "&&" => Kind::AmpAmp,
        "|" => Kind::Bar,
        "||" => Kind::BarBar,
        "!" | "\u{ff01}" => Kind::Bang,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<(Kind, &str)> {
        let all = tokens(text).into_iter().filter(|token| !token.kind.is_trivia());
        all.map(|token| (token.kind, &text[token.start as usize..token.end as usize])).collect()
    }

    #[test]
    fn words_numbers_and_signs_are_told_apart() {
        use Kind::*;
        for (text, want) in [
            ("no-answer->end", vec![(Word, "no-answer"), (Arrow, "->"), (Word, "end")]),
            (
                "mon-fri 08:00-20:00",
                vec![(Word, "mon-fri"), (Clock, "08:00"), (Minus, "-"), (Clock, "20:00")],
            ),
            ("5y+90d", vec![(Amount, "5y"), (Plus, "+"), (Amount, "90d")]),
            ("16..19", vec![(Int, "16"), (DotDot, ".."), (Int, "19")]),
            ("2026-10-01..2026-10-07", vec![(Date, "2026-10-01"), (DotDot, ".."), (Date, "2026-10-07")]),
            ("夜间(c)# 说明 \"x", vec![(Word, "夜间"), (LeftParen, "("), (Word, "c"), (RightParen, ")")]),
            (
                "2026-12-31T24:00 3.65% 99.50元 VIP|普通",
                vec![
                    (Moment, "2026-12-31T24:00"),
                    (Percent, "3.65%"),
                    (Money, "99.50元"),
                    (Word, "VIP"),
                    (Bar, "|"),
                    (Word, "普通"),
                ],
            ),
            ("8XXX 25sec 30秒", vec![(Mixed, "8XXX"), (Mixed, "25sec"), (Mixed, "30秒")]),
            (r#""a\"b" "open"#, vec![(Text, r#""a\"b""#), (OpenText, r#""open"#)]),
            ("“引号”，→", vec![(Text, "“引号”"), (Comma, "，"), (Arrow, "→")]),
            (
                "500ms 5m call.end",
                vec![(Amount, "500ms"), (Amount, "5m"), (Word, "call"), (Dot, "."), (Word, "end")],
            ),
            ("*->a \u{1f600}", vec![(Star, "*"), (Arrow, "->"), (Word, "a"), (Unknown, "\u{1f600}")]),
        ] {
            assert_eq!(cut(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_cut_without_loss(text in "\\PC*|[ -~\u{4e00}-\u{4e20}\n\r\t\"#-]*") {
            let joined: String =
                tokens(&text).iter().map(|token| &text[token.start as usize..token.end as usize]).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
