//! A set of words as a plain file: one phrase a line, for trying and for lists that come from elsewhere.
//!
//! ```text
//! # comment
//! @name 金融敏感词
//! @version v2026.08
//! @level homophone
//! @party agent
//! 保本保息
//! !不承诺[..4]*
//! ```

use std::sync::Arc;

use super::{Level, Party, WordSet};

/// A line that a set's file cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: {text}: @name, @version, @level exact|homophone|near and @party any|agent|customer are known"
)]
pub struct BadSet {
    /// From 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// Reads a set; `name` is what it is called when the file does not say. Phrases are not judged here.
///
/// # Errors
/// The first line that begins with `@` and is not known.
pub fn read_set(name: &str, text: &str) -> Result<WordSet, BadSet> {
    let mut set = WordSet { name: name.into(), ..WordSet::default() };
    for (line, written) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let written = written.trim();
        if written.is_empty() || written.starts_with('#') {
            continue;
        }
        let Some(setting) = written.strip_prefix('@') else {
            set.phrases.push(Arc::from(written));
            continue;
        };
        let bad = || BadSet { line: line + 1, text: written.to_string() };
        let (what, value) = setting.split_once(char::is_whitespace).ok_or_else(bad)?;
        match (what, value.trim()) {
            ("name", value) => set.name = value.into(),
            ("version", value) => set.version = value.into(),
            ("level", value) => set.level = Level::named(value).ok_or_else(bad)?,
            ("party", value) => set.party = Party::named(value).ok_or_else(bad)?,
            _ => return Err(bad()),
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_set_it_is() {
        let text = "\u{feff}# 说明\n@name 金融\n@version v3\r\n@level near\n@party agent\n\n 保本保息 \n!不承诺[..4]*\n";
        let set = read_set("文件", text).expect("a set");
        assert_eq!(
            (&*set.name, &*set.version, set.level, set.party),
            ("金融", "v3", Level::Near, Party::Agent)
        );
        assert_eq!(
            set.phrases.iter().map(|phrase| &**phrase).collect::<Vec<_>>(),
            ["保本保息", "!不承诺[..4]*"]
        );
        assert_eq!(&*read_set("文件", "保本").expect("a set").name, "文件");
    }

    #[test]
    fn a_setting_that_is_none_is_named_with_its_line() {
        for (text, line) in [("保本\n@level loud", 2), ("@party", 1), ("@colour red", 1)] {
            assert_eq!(read_set("x", text).map_err(|bad| bad.line), Err(line), "{text}");
        }
    }
}
