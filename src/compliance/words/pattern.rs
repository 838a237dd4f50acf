//! A phrase as it is written: text, alternatives, gaps, runs of digits, exceptions. [`super::WordSet`] shows the forms.

use std::sync::Arc;

use super::fold;
use crate::base::bounds;

/// A phrase that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{set}: \"{phrase}\": {fault}")]
pub struct BadPhrase {
    /// The set.
    pub set: Arc<str>,
    /// The phrase as it is written.
    pub phrase: Arc<str>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing of it is compared.
    #[error("has no letters")]
    Empty,
    /// Longer than [`bounds::WORD_LETTERS`], or of more parts than [`bounds::WORD_PARTS`].
    #[error("is too long")]
    TooLong,
    /// More ways to say it than [`bounds::WORD_WAYS`].
    #[error("has too many alternatives")]
    TooManyWays,
    /// `[` without `]`, or with something else in it.
    #[error("brackets hold [..12], [2..12], [~12], [digits 6] or [digits 4..8]")]
    Bracket,
    /// A gap leads nowhere.
    #[error("a gap needs something on either side")]
    OpenGap,
    /// A distance above [`bounds::WORD_GAP`].
    #[error("the distance is too large")]
    Far,
    /// `[~12]` between more than two, or together with `*`.
    #[error("[~12] stands once, between two phrases")]
    Near,
    /// `*` elsewhere than at the start or the end of an exception.
    #[error("* stands at the start or the end of an exception")]
    Star,
    /// One set more than [`bounds::WORD_SETS`], or one phrase more than [`bounds::WORD_PHRASES`].
    #[error("there is no room for more")]
    Full,
}

/// One part of a phrase, with how many letters may stand before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<T> {
    /// Letters between this part and the one before: at least, at most.
    pub gap: (u32, u32),
    pub what: What<T>,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What<T> {
    /// One of these texts.
    Any(Vec<T>),
    /// A run of digits: at least, at most.
    Digits(u32, u32),
    /// Any hit of the set.
    Hit,
}

/// A phrase as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub exception: bool,
    /// Whether only the same characters meet it, whatever its set says.
    pub exact: bool,
    /// Whether the two parts may stand in either order.
    pub either_order: bool,
    pub parts: Vec<Part<Vec<char>>>,
}

/// Says whether `phrase` can be looked for.
///
/// # Errors
/// What is wrong with it.
pub fn check(phrase: &str) -> Result<(), Fault> {
    read(phrase).map(drop)
}

/// Reads one phrase.
pub(super) fn read(phrase: &str) -> Result<Pattern, Fault> {
    let (exception, rest) = marked(phrase, ['!', '！']);
    let (exact, mut rest) = marked(rest, ['=', '＝']);
    let mut pattern = Pattern { exception, exact, either_order: false, parts: Vec::new() };
    let mut gap = None;
    while !rest.is_empty() {
        let end = rest.find(['[', '*', ']']).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(end);
        if !fold::letters(text).is_empty() || text.contains('|') {
            pattern.push(&mut gap, What::Any(alternatives(text)?))?;
        }
        rest = behind;
        if let Some(behind) = rest.strip_prefix('*') {
            pattern.push(&mut gap, What::Hit)?;
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix('[') {
            let (inside, behind) = behind.split_once(']').ok_or(Fault::Bracket)?;
            match bracket(inside)? {
                Bracket::Digits(least, most) => pattern.push(&mut gap, What::Digits(least, most))?,
                Bracket::Gap(..) | Bracket::Near(_) if gap.is_some() || pattern.parts.is_empty() => {
                    return Err(Fault::OpenGap);
                }
                Bracket::Gap(least, most) => gap = Some((least, most)),
                Bracket::Near(_) if pattern.either_order => return Err(Fault::Near),
                Bracket::Near(most) => (gap, pattern.either_order) = (Some((0, most)), true),
            }
            rest = behind;
        } else if rest.starts_with(']') {
            return Err(Fault::Bracket);
        }
    }
    if gap.is_some() { Err(Fault::OpenGap) } else { pattern.whole() }
}

/// Whether `phrase` begins with a mark, and the rest.
fn marked(phrase: &str, marks: [char; 2]) -> (bool, &str) {
    match phrase.trim().strip_prefix(marks) {
        Some(rest) => (true, rest.trim()),
        None => (false, phrase.trim()),
    }
}

impl Pattern {
    /// The fewest letters that meet it; gaps are none.
    pub fn letters(&self) -> usize {
        let of = |part: &Part<Vec<char>>| match &part.what {
            What::Any(all) => all.iter().map(Vec::len).min().unwrap_or_default(),
            What::Digits(least, _) => *least as usize,
            What::Hit => 0,
        };
        self.parts.iter().map(of).sum()
    }

    fn push(&mut self, gap: &mut Option<(u32, u32)>, what: What<Vec<char>>) -> Result<(), Fault> {
        if self.parts.len() == bounds::WORD_PARTS {
            return Err(Fault::TooLong);
        }
        self.parts.push(Part { gap: gap.take().unwrap_or((0, 0)), what });
        Ok(())
    }

    /// What can only be said of the whole.
    fn whole(self) -> Result<Pattern, Fault> {
        if !self.parts.iter().any(|part| matches!(part.what, What::Any(_))) {
            return Err(Fault::Empty);
        }
        if self.either_order && self.parts.len() != 2 {
            return Err(Fault::Near);
        }
        let last = self.parts.len() - 1;
        let stars: Vec<usize> = self
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| part.what == What::Hit)
            .map(|(at, _)| at)
            .collect();
        match stars[..] {
            [] => Ok(self),
            [at] if self.exception && (at == 0 || at == last) && !self.either_order => Ok(self),
            _ => Err(Fault::Star),
        }
    }
}

fn alternatives(text: &str) -> Result<Vec<Vec<char>>, Fault> {
    let mut all = Vec::new();
    for alternative in text.split('|') {
        let letters = fold::letters(alternative);
        match letters.len() {
            0 => return Err(Fault::Empty),
            n if n > bounds::WORD_LETTERS => return Err(Fault::TooLong),
            _ => all.push(letters),
        }
    }
    if all.len() > bounds::WORD_WAYS { Err(Fault::TooManyWays) } else { Ok(all) }
}

enum Bracket {
    Gap(u32, u32),
    Near(u32),
    Digits(u32, u32),
}

fn bracket(inside: &str) -> Result<Bracket, Fault> {
    let inside = inside.trim();
    let far = |n: u32| if n <= bounds::WORD_GAP { Ok(n) } else { Err(Fault::Far) };
    if let Some(most) = inside.strip_prefix('~') {
        return Ok(Bracket::Near(far(whole_number(most)?)?));
    }
    if let Some(range) = inside.strip_prefix("digits") {
        let (least, most) = match range.split_once("..") {
            Some((least, "")) => (whole_number(least)?, bounds::WORD_GAP),
            Some((least, most)) => (whole_number(least)?, far(whole_number(most)?)?),
            None => (whole_number(range)?, whole_number(range)?),
        };
        return if least == 0 || least > most {
            Err(Fault::Bracket)
        } else {
            Ok(Bracket::Digits(least, most))
        };
    }
    let (least, most) = inside.split_once("..").ok_or(Fault::Bracket)?;
    let least = if least.trim().is_empty() { 0 } else { whole_number(least)? };
    let most = far(whole_number(most)?)?;
    if least > most { Err(Fault::Bracket) } else { Ok(Bracket::Gap(least, most)) }
}

fn whole_number(text: &str) -> Result<u32, Fault> {
    text.trim().parse().map_err(|_| Fault::Bracket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(phrase: &str) -> String {
        let pattern = match read(phrase) {
            Ok(pattern) => pattern,
            Err(fault) => return format!("{fault:?}"),
        };
        let mut out = String::from(if pattern.exception { "!" } else { "" });
        out += if pattern.exact { "=" } else { "" };
        for part in &pattern.parts {
            if part.gap != (0, 0) {
                out += &format!(
                    "<{}-{}{}>",
                    part.gap.0,
                    part.gap.1,
                    if pattern.either_order { "~" } else { "" }
                );
            }
            match &part.what {
                What::Any(all) => {
                    out +=
                        &all.iter().map(|way| way.iter().collect::<String>()).collect::<Vec<_>>().join("/");
                }
                What::Digits(least, most) => out += &format!("#{least}-{most}"),
                What::Hit => out += "*",
            }
        }
        out
    }

    #[test]
    fn phrases_are_read_as_they_are_meant() {
        for (written, read) in [
            ("保本保息", "保本保息"),
            (" 保本，保息 ", "保本保息"),
            ("保证|承诺[..12]收益|本金", "保证/承诺<0-12>收益/本金"),
            ("保证[2..12]收益", "保证<2-12>收益"),
            ("保证[~12]收益", "保证<0-12~>收益"),
            ("验证码[..4][digits 4..8]", "验证码<0-4>#4-8"),
            ("卡号[digits 16..]号", "卡号#16-100号"),
            ("!不承诺保本保息", "!不承诺保本保息"),
            ("！不承诺[..4]*", "!不承诺<0-4>*"),
            ("=根治", "=根治"),
            ("! = 根治", "!=根治"),
            ("!*[..6]是违法的", "!*<0-6>是违法的"),
        ] {
            assert_eq!(shown(written), read, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let long = "保".repeat(bounds::WORD_LETTERS + 1);
        let parts = "保[..1]".repeat(bounds::WORD_PARTS) + "本";
        let ways = "保|".repeat(bounds::WORD_WAYS) + "本";
        for (written, fault) in [
            ("", "Empty"),
            ("，。", "Empty"),
            ("保|", "Empty"),
            ("[digits 4]", "Empty"),
            ("!*", "Empty"),
            (&long, "TooLong"),
            (&parts, "TooLong"),
            (&ways, "TooManyWays"),
            ("保[本", "Bracket"),
            ("保]本", "Bracket"),
            ("保[x]本", "Bracket"),
            ("保[5..2]本", "Bracket"),
            ("保[digits 0]本", "Bracket"),
            ("保[..2]", "OpenGap"),
            ("[..2]保", "OpenGap"),
            ("保[..2][..2]本", "OpenGap"),
            ("保[..101]本", "Far"),
            ("保[~2]本[~2]息", "Near"),
            ("保[~2]本息[..1]好", "Near"),
            ("保*本", "Star"),
            ("!保*本", "Star"),
            ("!*[..2]保[..2]*", "Star"),
        ] {
            assert_eq!(shown(written), fault, "{written}");
        }
    }
}
