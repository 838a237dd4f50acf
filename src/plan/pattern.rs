//! Number patterns: what they match, and which of two is more specific.
//!
//! A pattern is a product of classes, one a position, with or without an open end. Such sets are closed under
//! intersection, so "could both win" and "is more specific" are decided exactly, not guessed from the text.
//!
//! Invariant: no class of a pattern is empty.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use crate::base::bounds::PATTERN_POSITIONS;

use super::code::Code;

/// What may stand at one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    /// Bits 0–9: the digits; 10 `*`, 11 `#`, 12 `+`.
    Set(u16),
    /// One character that is none of those.
    Char(char),
    /// A letter: the beginning of a user name.
    Letter,
    /// Anything.
    Any,
}

const SIGNS: [char; 13] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', '+'];
const ALL_DIGITS: u16 = 0x3ff;
const NO_ZERO: u16 = 0x3fe;
const FROM_TWO: u16 = 0x3fc;

impl Class {
    fn of(ch: char) -> Class {
        match SIGNS.iter().position(|sign| *sign == ch) {
            Some(bit) => Class::Set(1 << bit),
            None => Class::Char(ch),
        }
    }

    fn holds(self, ch: char) -> bool {
        match self {
            Class::Set(bits) => matches!(Class::of(ch), Class::Set(bit) if bits & bit != 0),
            Class::Char(own) => own == ch,
            Class::Letter => ch.is_alphabetic(),
            Class::Any => true,
        }
    }

    fn and(self, other: Class) -> Option<Class> {
        match (self, other) {
            (Class::Any, class) | (class, Class::Any) => Some(class),
            (Class::Set(a), Class::Set(b)) => (a & b != 0).then_some(Class::Set(a & b)),
            (Class::Letter, Class::Letter) => Some(Class::Letter),
            (Class::Char(ch), Class::Letter) | (Class::Letter, Class::Char(ch)) => {
                ch.is_alphabetic().then_some(Class::Char(ch))
            }
            (Class::Char(a), Class::Char(b)) => (a == b).then_some(Class::Char(a)),
            (Class::Set(_), _) | (_, Class::Set(_)) => None,
        }
    }

    /// Grows strictly with inclusion.
    fn size(self) -> u32 {
        match self {
            Class::Set(bits) => bits.count_ones(),
            Class::Char(_) => 1,
            Class::Letter => 100,
            Class::Any => 1_000,
        }
    }

    fn example(self) -> char {
        match self {
            Class::Set(bits) => SIGNS.get(bits.trailing_zeros() as usize).copied().unwrap_or('0'),
            Class::Char(ch) => ch,
            Class::Letter => 'a',
            Class::Any => '1',
        }
    }

    fn write(self, out: &mut String) {
        match self {
            Class::Set(ALL_DIGITS) => out.push('X'),
            Class::Set(NO_ZERO) => out.push('Z'),
            Class::Set(FROM_TWO) => out.push('N'),
            Class::Set(bits) if bits.count_ones() == 1 => out.push(self.example()),
            Class::Set(bits) => {
                out.push('[');
                out.extend(
                    SIGNS.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, sign)| sign),
                );
                out.push(']');
            }
            Class::Char(ch) => out.push(ch),
            Class::Letter => {}
            Class::Any => out.push('.'),
        }
    }
}

/// A part of a pattern that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    pub name: Arc<str>,
    /// Octets of the name in the pattern text.
    pub place: Range<usize>,
    start: usize,
    /// `None`: to the end of what was dialled.
    end: Option<usize>,
    /// Whether it can hold digits only.
    pub digits: bool,
}

/// A set of numbers or names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    classes: Vec<Class>,
    /// Whether any number of anything may follow.
    open: bool,
    pub captures: Vec<Capture>,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub code: Code,
    /// Octets of the pattern text.
    pub at: Range<usize>,
    pub args: Vec<String>,
}

impl Pattern {
    /// The pattern of every user name: a letter, then anything.
    pub fn names() -> Pattern {
        Pattern { classes: vec![Class::Letter], open: true, captures: Vec::new() }
    }

    /// Reads a pattern as it stands between quotes.
    pub fn parse(text: &str) -> Result<Pattern, Fault> {
        if text.is_empty() {
            return Err(Fault { code: Code::EMPTY_PATTERN, at: 0..0, args: Vec::new() });
        }
        if let Some(fault) = foreign(text) {
            return Err(fault);
        }
        let classes = if is_user_name(text) { text.chars().map(Class::of).collect() } else { Vec::new() };
        let mut reader = Reader { text, classes, open: false, captures: Vec::new() };
        if reader.classes.is_empty() {
            reader.run(0..text.len())?;
        }
        let Reader { classes, open, captures, .. } = reader;
        if classes.len() > PATTERN_POSITIONS {
            let args = vec![PATTERN_POSITIONS.to_string()];
            return Err(Fault { code: Code::PATTERN_TOO_LONG, at: 0..text.len(), args });
        }
        Ok(Pattern { classes, open, captures })
    }

    /// Whether `dialled` is in the set.
    pub fn matches(&self, dialled: &str) -> bool {
        let mut rest = dialled.chars();
        self.classes.iter().all(|class| rest.next().is_some_and(|ch| class.holds(ch)))
            && (self.open || rest.next().is_none())
    }

    /// What the capture holds of a `dialled` that matches.
    pub fn captured(&self, capture: &Capture, dialled: &str) -> String {
        let end = capture.end.unwrap_or(usize::MAX);
        dialled
            .chars()
            .enumerate()
            .filter(|(at, _)| (capture.start..end).contains(at))
            .map(|(_, ch)| ch)
            .collect()
    }

    /// The one text that matches, if there is but one.
    pub fn only(&self) -> Option<String> {
        let single = |class: &Class| class.size() == 1;
        (!self.open && self.classes.iter().all(single)).then(|| self.example())
    }

    /// Whether everything that matches this matches `other`.
    pub fn within(&self, other: &Pattern) -> bool {
        let long_enough = self.classes.len() >= other.classes.len();
        let shape =
            if other.open { long_enough } else { !self.open && self.classes.len() == other.classes.len() };
        shape && self.classes.iter().zip(&other.classes).all(|(own, wide)| own.and(*wide) == Some(*own))
    }

    /// Whether anything matches both.
    pub fn meets(&self, other: &Pattern) -> bool {
        let (a, b) = (self.classes.len(), other.classes.len());
        let lengths = (a <= b || other.open) && (b <= a || self.open);
        lengths && self.classes.iter().zip(&other.classes).all(|(a, b)| a.and(*b).is_some())
    }

    /// What matches both; `None` when nothing does.
    pub fn and(&self, other: &Pattern) -> Option<Pattern> {
        let (short, long) =
            if self.classes.len() <= other.classes.len() { (self, other) } else { (other, self) };
        if !short.open && (long.classes.len() > short.classes.len()) {
            return None;
        }
        let both = long.classes.iter().enumerate();
        let classes = both.map(|(at, class)| class.and(short.classes.get(at).copied().unwrap_or(Class::Any)));
        Some(Pattern {
            classes: classes.collect::<Option<_>>()?,
            open: short.open && long.open,
            captures: Vec::new(),
        })
    }

    /// Something that matches.
    pub fn example(&self) -> String {
        self.classes.iter().map(|class| class.example()).collect()
    }

    /// Sorts more specific patterns first: if one is strictly within another, its rank is lower.
    pub fn rank(&self) -> (bool, Reverse<usize>, u32) {
        let length = if self.open { self.classes.len() } else { 0 };
        (self.open, Reverse(length), self.classes.iter().map(|class| class.size()).sum())
    }

    /// The pattern as it could be written.
    pub fn written(&self) -> String {
        let mut out = String::new();
        for class in &self.classes {
            class.write(&mut out);
        }
        if out.is_empty() { "names".to_string() } else { out }
    }
}

/// Whether `text` is a user name and not a number pattern: it begins with a letter and has one besides X, Z and N.
fn is_user_name(text: &str) -> bool {
    let plain = |ch: char| ch.is_alphabetic() && !matches!(ch, 'X' | 'Z' | 'N' | 'x' | 'z' | 'n');
    text.starts_with(char::is_alphabetic)
        && text.chars().any(plain)
        && text.chars().all(|ch| ch.is_alphanumeric() || matches!(ch, '.' | '_' | '-'))
}

/// Habits from other switches.
fn foreign(text: &str) -> Option<Fault> {
    let (at, theirs, ours) = if let Some(rest) = text.strip_prefix('_') {
        (0..1, "_", rest.replace('!', "."))
    } else if let Some(at) = text.find('!') {
        (at..at + 1, "!", text.replace('!', "."))
    } else if let Some(rest) = text.strip_prefix('^') {
        (0..1, "^", rest.trim_end_matches('$').replace("\\d", "X").replace("[0-9]", "X"))
    } else {
        return None;
    };
    Some(Fault { code: Code::FOREIGN_PATTERN, at, args: vec![theirs.to_string(), ours] })
}

struct Reader<'t> {
    text: &'t str,
    classes: Vec<Class>,
    open: bool,
    captures: Vec<Capture>,
}

impl Reader<'_> {
    /// Reads the octets `run` of the text.
    fn run(&mut self, run: Range<usize>) -> Result<(), Fault> {
        let mut at = run.start;
        while let Some(ch) = self.text.get(at..run.end).and_then(|rest| rest.chars().next()) {
            let next = at + ch.len_utf8();
            let fault = |code, args| Err(Fault { code, at: at..next, args });
            if self.open {
                return fault(Code::DOT_NOT_LAST, Vec::new());
            }
            at = match ch {
                'X' => self.push(Class::Set(ALL_DIGITS), next),
                'Z' => self.push(Class::Set(NO_ZERO), next),
                'N' => self.push(Class::Set(FROM_TWO), next),
                '.' => {
                    self.open = true;
                    self.push(Class::Any, next)
                }
                '[' => self.set(at, run.end)?,
                '{' => self.capture(at, run.end)?,
                'x' | 'z' | 'n' => {
                    let capitals = self.text.replace('x', "X").replace('z', "Z").replace('n', "N");
                    return fault(Code::SMALL_CLASS, vec![ch.to_string(), capitals]);
                }
                ch if SIGNS.contains(&ch) => self.push(Class::of(ch), next),
                ch => return fault(Code::BAD_PATTERN, vec![ch.to_string()]),
            };
        }
        Ok(())
    }

    fn push(&mut self, class: Class, next: usize) -> usize {
        self.classes.push(class);
        next
    }

    /// `[2-5]`, `[13579]`; `at` is the bracket. Returns where to go on.
    fn set(&mut self, at: usize, end: usize) -> Result<usize, Fault> {
        let rest = self.text.get(at + 1..end).unwrap_or("");
        let length = rest.find(']').unwrap_or(rest.len());
        let inner = rest.get(..length).unwrap_or("");
        let whole = at..(at + length + 2).min(end);
        let bits = digit_set(inner).filter(|_| length < rest.len());
        let Some(bits) = bits else {
            let args = vec![self.text.get(whole.clone()).unwrap_or("").to_string()];
            return Err(Fault { code: Code::BAD_RANGE, at: whole, args });
        };
        self.classes.push(Class::Set(bits));
        Ok(whole.end)
    }

    /// `{number: X.}`; `at` is the brace. Returns where to go on.
    fn capture(&mut self, at: usize, end: usize) -> Result<usize, Fault> {
        let rest = self.text.get(at + 1..end).unwrap_or("");
        let length = rest.find('}').unwrap_or(rest.len());
        let whole = at..(at + length + 2).min(end);
        let bad =
            || Fault { code: Code::BAD_CAPTURE, at: whole.clone(), args: vec!["`{name: X.}`".to_string()] };
        let inner = rest.get(..length).filter(|_| length < rest.len()).ok_or_else(bad)?;
        let (name, _) = inner.split_once(':').ok_or_else(bad)?;
        let is_name = name.starts_with(|ch: char| ch.is_alphabetic() || ch == '_')
            && name.chars().all(|ch| ch.is_alphanumeric() || ch == '_' || ch == '-');
        let body = inner.len() - inner.get(name.len() + 1..).unwrap_or("").trim_start().len();
        let part = at + 1 + body..at + 1 + inner.trim_end().len();
        if !is_name || inner.contains('{') || part.is_empty() || super::verb::is_reserved(name) {
            return Err(bad());
        }
        let place = at + 1..at + 1 + name.len();
        let start = self.classes.len();
        self.run(part)?;
        let classes = self.classes.get(start..).unwrap_or(&[]);
        let digits = classes.iter().all(|class| matches!(class, Class::Set(bits) if *bits <= ALL_DIGITS));
        let end = (!self.open).then_some(self.classes.len());
        self.captures.push(Capture { name: name.into(), place, start, end, digits });
        Ok(whole.end)
    }
}

/// The digits of `2-5` or `13579` as bits; `None` for anything else.
fn digit_set(inner: &str) -> Option<u16> {
    let mut bits = 0u16;
    let mut chars = inner.chars().peekable();
    while let Some(first) = chars.next() {
        let low = first.to_digit(10)?;
        let mut high = low;
        if chars.peek() == Some(&'-') {
            chars.next();
            high = chars.next()?.to_digit(10)?;
        }
        if high < low {
            return None;
        }
        bits = (low..=high).fold(bits, |bits, digit| bits | 1 << digit);
    }
    (bits != 0).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        match text {
            "names" => Pattern::names(),
            text => Pattern::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}")),
        }
    }

    #[test]
    fn patterns_match_what_they_say() {
        for (text, yes, no) in [
            ("8XXX", &["8000", "8999"][..], &["800", "80000", "9000", "8a00"][..]),
            ("ZX", &["10", "99"], &["00", "1"]),
            ("N", &["2", "9"], &["0", "1"]),
            ("[2-57]", &["2", "5", "7"], &["1", "6"]),
            ("0.", &["01", "0abc"], &["0", "1"]),
            ("0{number: X.}", &["010", "013812345678"], &["01", "0"]),
            ("*98#", &["*98#"], &["*98"]),
            ("+86.", &["+861"], &["86"]),
            ("bob", &["bob"], &["Bob", "bobby", "bo"]),
            ("li.si", &["li.si"], &["lixsi"]),
            ("names", &["bob", "张三"], &["8001", ""]),
            (".", &["1", "x", "12"], &[""]),
        ] {
            let pattern = pattern(text);
            for dialled in yes {
                assert!(pattern.matches(dialled), "{text} must match {dialled}");
            }
            for dialled in no {
                assert!(!pattern.matches(dialled), "{text} must not match {dialled}");
            }
        }
    }

    #[test]
    fn captures_hold_their_part() {
        for (text, dialled, name, held, digits) in [
            ("0{number: X.}", "013812345678", "number", "13812345678", false),
            ("*{分机: XXXX}#", "*8001#", "分机", "8001", true),
            ("{all:.}", "x1", "all", "x1", false),
        ] {
            let pattern = pattern(text);
            let capture = &pattern.captures[0];
            assert_eq!((&*capture.name, capture.digits), (name, digits));
            assert_eq!(pattern.captured(capture, dialled), held);
        }
    }

    #[test]
    fn the_more_specific_is_within_the_other() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (a, b, relation, both) in [
            ("8001", "8XXX", Some(Less), "8001"),
            ("8XXX", "8.", Some(Less), "8XXX"),
            ("80.", "8.", Some(Less), "80."),
            ("8.", "8", None, ""),
            ("8XXX", "80.", None, "80XX"),
            ("8XXX", "X00X", None, "800X"),
            ("ZXXX", "NXXX", Some(Greater), "NXXX"),
            ("[2-5]", "[4-7]", None, "[45]"),
            ("[2-9]", "N", Some(Equal), "N"),
            ("names", ".", Some(Less), "names"),
            ("bob", "names", Some(Less), "bob"),
            ("8XXX", "names", None, ""),
            ("bob", "alice", None, ""),
        ] {
            let (a, b) = (pattern(a), pattern(b));
            let found = match (a.within(&b), b.within(&a)) {
                (true, true) => Some(Equal),
                (true, false) => Some(Less),
                (false, true) => Some(Greater),
                (false, false) => None,
            };
            assert_eq!(found, relation, "{} {}", a.written(), b.written());
            assert_eq!(a.and(&b).map(|both| both.written()).unwrap_or_default(), both);
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_apart() {
        for (text, code, at) in [
            ("", Code::EMPTY_PATTERN, 0..0),
            ("8xxx", Code::SMALL_CLASS, 1..2),
            ("_8XXX", Code::FOREIGN_PATTERN, 0..1),
            ("8!", Code::FOREIGN_PATTERN, 1..2),
            ("^8\\d$", Code::FOREIGN_PATTERN, 0..1),
            ("8.1", Code::DOT_NOT_LAST, 2..3),
            ("8 1", Code::BAD_PATTERN, 1..2),
            ("8[5-2]", Code::BAD_RANGE, 1..6),
            ("8[25", Code::BAD_RANGE, 1..4),
            ("8[]", Code::BAD_RANGE, 1..3),
            ("8{n}", Code::BAD_CAPTURE, 1..4),
            ("8{n:}", Code::BAD_CAPTURE, 1..5),
            ("8{n: X", Code::BAD_CAPTURE, 1..6),
            ("8{caller: X}", Code::BAD_CAPTURE, 1..12),
            ("8W", Code::BAD_PATTERN, 1..2),
        ] {
            let fault = Pattern::parse(text).err().map(|fault| (fault.code, fault.at));
            assert_eq!(fault, Some((code, at)), "{text}");
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        "([0-9XZN]|\\[[0-4]-[5-9]\\]){1,4}\\.?"
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets(a in texts(), b in texts(), dialled in "[0-9]{1,6}") {
            let (a, b) = (pattern(&a), pattern(&b));
            let both = a.and(&b);
            prop_assert_eq!(both.is_some(), a.meets(&b));
            prop_assert_eq!(both.as_ref().is_some_and(|both| both.matches(&dialled)), a.matches(&dialled) && b.matches(&dialled));
            if let Some(both) = both {
                prop_assert!(a.matches(&both.example()) && b.matches(&both.example()));
                prop_assert!(both.within(&a) && both.within(&b));
                prop_assert_eq!(pattern(&both.written()).within(&both), true);
            }
            if a.within(&b) && !b.within(&a) {
                prop_assert!(a.rank() < b.rank());
                prop_assert!(!a.matches(&dialled) || b.matches(&dialled));
            }
        }

        #[test]
        fn any_text_is_judged(text in "\\PC{0,12}|[0-9XZN\\[\\]{}:.*a-]{0,12}") {
            let _ = Pattern::parse(&text);
        }
    }
}
