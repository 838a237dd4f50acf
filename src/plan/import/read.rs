//! The text of an `extensions.conf` → contexts, extensions and their steps, each with its line.
//!
//! Invariant: any text is read; what has no meaning here is noted with its line and left out.

use super::{Both, Note};

/// `[name]` with what stands in it.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub name: String,
    pub extens: Vec<Exten>,
    pub includes: Vec<(usize, String)>,
}

/// An extension with its steps in the order of their priorities.
#[derive(Debug)]
pub(super) struct Exten {
    pub line: usize,
    /// As it is written: `8001`, `_8XXX`, `s`.
    pub name: String,
    pub steps: Vec<Step>,
}

/// `exten => 8001,1(label),Dial(PJSIP/8001,20)`
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub line: usize,
    pub priority: u32,
    pub label: Option<String>,
    /// In small letters.
    pub app: String,
    pub args: Vec<String>,
    /// The arguments as they are written.
    pub raw: String,
}

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Conf {
    pub contexts: Vec<Context>,
    pub globals: Vec<(String, String)>,
}

/// Reads a file.
pub(super) fn read(text: &str, notes: &mut Vec<Note>) -> Conf {
    let mut conf = Conf::default();
    let mut section = String::new();
    let mut block = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = without_comment(line, &mut block);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            section = rest.split(']').next().unwrap_or("").trim().to_string();
            if !matches!(section.as_str(), "general" | "globals")
                && !conf.contexts.iter().any(|known| known.name == section)
            {
                conf.contexts.push(Context { name: section.clone(), ..Context::default() });
            }
            continue;
        }
        let Some((key, value)) = line.split_once("=>").or_else(|| line.split_once('=')) else {
            notes.push(Note::new(number, "this line has no meaning", "此行无法理解", line));
            continue;
        };
        let (key, value) = (key.trim().to_lowercase(), value.trim());
        match section.as_str() {
            "general" => {}
            "globals" => conf
                .globals
                .push((line.split('=').next().unwrap_or("").trim().to_string(), value.to_string())),
            _ => {
                if let Some(context) = conf.contexts.iter_mut().find(|context| context.name == section) {
                    directive(context, number, &key, value, notes);
                }
            }
        }
    }
    conf
}

fn without_comment(line: &str, block: &mut bool) -> String {
    let mut out = String::new();
    let mut rest = line;
    loop {
        if *block {
            let Some((_, behind)) = rest.split_once("--;") else {
                return out;
            };
            (*block, rest) = (false, behind);
        }
        let Some(at) = rest.find(';') else {
            return out + rest;
        };
        let (before, behind) = rest.split_at(at);
        if before.ends_with('\\') {
            out.push_str(before.trim_end_matches('\\'));
            out.push(';');
            rest = behind.get(1..).unwrap_or("");
        } else if behind.starts_with(";--") && !behind.starts_with(";---") {
            out.push_str(before);
            (*block, rest) = (true, behind.get(3..).unwrap_or(""));
        } else {
            return out + before;
        }
    }
}

fn directive(context: &mut Context, line: usize, key: &str, value: &str, notes: &mut Vec<Note>) {
    match key {
        "exten" => {
            let mut parts = value.splitn(3, ',');
            let (name, priority) = (parts.next().unwrap_or("").trim(), parts.next().unwrap_or("").trim());
            let name = name.split('/').next().unwrap_or(name).to_string();
            if priority.eq_ignore_ascii_case("hint") {
                notes.push(Note::new(
                    line,
                    "hints are not needed: lamps follow users by themselves",
                    "无需 hint：话机灯自动跟随用户状态",
                    value,
                ));
                return;
            }
            let last = context.extens.iter().position(|exten| exten.name == name);
            let at = last.unwrap_or_else(|| {
                context.extens.push(Exten { line, name: name.clone(), steps: Vec::new() });
                context.extens.len() - 1
            });
            // `same` goes on with the extension that was written last.
            let exten = context.extens.remove(at);
            context.extens.push(exten);
            step(context, line, priority, parts.next().unwrap_or(""), notes);
        }
        "same" => {
            let mut parts = value.splitn(2, ',');
            let priority = parts.next().unwrap_or("").trim();
            step(context, line, priority, parts.next().unwrap_or(""), notes);
        }
        "include" => match value.split_once(',') {
            Some((name, _)) => {
                context.includes.push((line, name.trim().to_string()));
                notes.push(Note::new(
                    line,
                    "an include by time is taken as one at all times",
                    "按时间的 include 按全时段处理",
                    value,
                ));
            }
            None => context.includes.push((line, value.to_string())),
        },
        "ignorepat" => {
            notes.push(Note::new(line, "dial tones are the phones' own", "拨号音由话机自己决定", value))
        }
        other => {
            let text = format!("{other} => {value}");
            notes.push(Note::new(line, "is not carried over", "未能转换", &text));
        }
    }
}

fn step(context: &mut Context, line: usize, priority: &str, call: &str, notes: &mut Vec<Note>) {
    let Some(exten) = context.extens.last_mut() else {
        notes.push(Note::new(line, "no extension stands in front of this", "前面没有分机", call));
        return;
    };
    let (number, label) = match priority.split_once('(') {
        Some((number, label)) => (number.trim(), Some(label.trim_end_matches(')').trim().to_string())),
        None => (priority, None),
    };
    let next = exten.steps.iter().map(|step| step.priority).max().unwrap_or(0) + 1;
    let number = number.parse().unwrap_or(next);
    let call = call.trim();
    let (app, raw) = match call.split_once('(') {
        Some((app, args)) => (app, args.strip_suffix(')').unwrap_or(args)),
        None => call.split_once(',').unwrap_or((call, "")),
    };
    exten.steps.push(Step {
        line,
        priority: number,
        label,
        app: app.trim().to_lowercase(),
        args: split(raw, ','),
        raw: raw.to_string(),
    });
    exten.steps.sort_by_key(|step| step.priority);
}

/// Cuts at `sign` where it stands in no parentheses, brackets, braces or quotes.
pub(super) fn split(text: &str, sign: char) -> Vec<String> {
    let (mut out, mut part, mut depth, mut quoted) = (Vec::new(), String::new(), 0usize, false);
    for ch in text.chars() {
        match ch {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if ch == sign && depth == 0 && !quoted {
            out.push(std::mem::take(&mut part).trim().to_string());
        } else {
            part.push(ch);
        }
    }
    out.push(part.trim().to_string());
    out
}

impl Note {
    pub(super) fn new(line: usize, en: &str, zh: &str, said: &str) -> Note {
        Note { line, said: said.to_string(), why: Both::new(en, zh) }
    }
}
