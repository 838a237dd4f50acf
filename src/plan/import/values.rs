//! Names, variables and conditions of the other switch in ours.

use std::collections::HashMap;

use crate::plan::verb::is_reserved;

use super::read::split;

/// What is known inside of one extension.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The extension as it is written; of a pattern the flow's parameter `number` is what was dialled.
    pub exten: String,
    /// Variables whose value is known.
    pub known: HashMap<String, String>,
    /// Variables that hold digits of the caller.
    pub digits: Vec<String>,
}

/// A value: known now, or only in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// The name of a value of the plan.
    Named(String),
}

impl Scope {
    pub fn is_pattern(&self) -> bool {
        self.exten.starts_with('_')
    }

    /// What `${…}` in a text stands for; `None` when it cannot be said.
    pub fn value(&self, text: &str) -> Option<Value> {
        let text = text.trim().trim_matches('"').trim();
        let Some(inner) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            return self.filled(text).map(Value::Text);
        };
        if inner.contains("${") {
            return None;
        }
        match inner.to_uppercase().as_str() {
            "EXTEN" if self.is_pattern() => return Some(Value::Named("number".to_string())),
            "EXTEN" => return Some(Value::Text(self.exten.clone())),
            "CALLERID(NUM)" | "CALLERID(NUMBER)" | "CALLERID(ANI)" => {
                return Some(Value::Named("caller".to_string()));
            }
            _ => {}
        }
        if let Some(count) = inner.strip_prefix("EXTEN:").and_then(|count| count.parse::<usize>().ok()) {
            return Some(match self.is_pattern() {
                true => Value::Named("rest".to_string()),
                false => Value::Text(self.exten.chars().skip(count).collect()),
            });
        }
        if self.digits.iter().any(|name| name == inner) {
            return Some(Value::Named(name(inner)));
        }
        self.known.get(inner).cloned().map(Value::Text)
    }

    /// A text with the known values put in; `None` when one is not known.
    fn filled(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (inner, after) = behind.split_once('}')?;
            out.push_str(before);
            match self.value(&format!("${{{inner}}}"))? {
                Value::Text(text) => out.push_str(&text),
                Value::Named(_) => return None,
            }
            rest = after;
        }
        Some(out + rest)
    }

    /// A condition like `$["${CALLERID(num)}" = "100"]`; `Err`: it is known now.
    pub fn condition(&self, text: &str) -> Option<Result<String, bool>> {
        let text = text.trim();
        let inner = text.strip_prefix("$[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        for (sign, ours) in [("!=", "!="), ("==", "=="), ("=", "==")] {
            let Some((left, right)) = inner.split_once(sign) else {
                continue;
            };
            let (left, right) = (self.value(left)?, self.value(right)?);
            return Some(match (left, right) {
                (Value::Text(left), Value::Text(right)) => Err((left == right) == (ours == "==")),
                (Value::Named(name), Value::Text(text)) | (Value::Text(text), Value::Named(name)) => {
                    Ok(format!("{name} {ours} {}", quoted(&text)))
                }
                (Value::Named(left), Value::Named(right)) => Ok(format!("{left} {ours} {right}")),
            });
        }
        None
    }
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name of the plan: letters, digits and hyphens, a letter first, no word of the language.
pub(super) fn name(text: &str) -> String {
    let mut out = String::new();
    for ch in text.chars() {
        match ch {
            ch if ch.is_alphanumeric() || ch == '_' => out.push(ch),
            _ if out.ends_with('-') || out.is_empty() => {}
            _ => out.push('-'),
        }
    }
    let out = out.trim_matches(['-', '_']).to_string();
    let out = if out.starts_with(|ch: char| ch.is_alphabetic()) { out } else { format!("x{out}") };
    if is_reserved(&out) { format!("{out}-1") } else { out }
}

/// A pattern of the other switch; with whether it had to be bent.
pub(super) fn pattern(exten: &str) -> (String, bool) {
    let Some(pattern) = exten.strip_prefix('_') else {
        return (exten.to_string(), false);
    };
    let (mut out, mut bent, mut set) = (String::new(), false, false);
    for ch in pattern.chars() {
        match ch {
            '[' | ']' => {
                set = ch == '[';
                out.push(ch);
            }
            '-' if !set => {}
            '!' => {
                out.push('.');
                bent = true;
            }
            'x' | 'z' | 'n' if !set => out.push(ch.to_ascii_uppercase()),
            ch => out.push(ch),
        }
    }
    (out, bent)
}

/// The pattern with what stands behind its first `skip` positions as the value `rest`.
pub(super) fn captured(exten: &str, skip: usize) -> String {
    let (written, _) = pattern(exten);
    let (mut at, mut positions, mut set) = (0, 0, false);
    for (offset, ch) in written.char_indices() {
        if positions == skip && !set {
            at = offset;
            break;
        }
        match ch {
            '[' => set = true,
            ']' => {
                set = false;
                positions += 1;
            }
            _ if !set => positions += 1,
            _ => {}
        }
        at = offset + ch.len_utf8();
    }
    match written.split_at_checked(at) {
        Some((head, tail)) if !tail.is_empty() => format!("{head}{{rest: {tail}}}"),
        _ => written,
    }
}

/// `${EXTEN:1}` in a text: how many positions are cut off.
pub(super) fn cuts(text: &str) -> Vec<usize> {
    let pieces = text.split("${EXTEN:").skip(1);
    pieces.filter_map(|piece| piece.split(['}', ':']).next()?.parse().ok()).collect()
}

/// Where a jump leads: context, extension and priority or label, of which the last alone must be said.
pub(super) fn target(text: &str) -> (Option<String>, Option<String>, String) {
    let mut parts = split(text, ',');
    let last = parts.pop().unwrap_or_default();
    let exten = parts.pop();
    (parts.pop(), exten, last)
}
