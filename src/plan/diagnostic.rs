//! What the checker tells an operator: where, what, why, and what to do, in English and Chinese.
//!
//! Invariant: a diagnostic carries everything its rendering needs; the source is not read again.

use std::sync::Arc;

use super::code::{Code, Severity};

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
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    pub(crate) related: Vec<Related>,
}

impl Diagnostic {
    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Whether the plan does not load because of this.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
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
        let _ = lang;
        String::new()
    }

    /// What to do about it, one line.
    pub fn hint(&self, lang: Lang) -> Option<String> {
        let _ = lang;
        None
    }

    /// The whole finding for a terminal: message, place, source line, carets, hint; ends with a newline.
    pub fn render(&self, lang: Lang) -> String {
        self.message(lang)
    }
}
