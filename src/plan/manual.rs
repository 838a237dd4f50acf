//! The reference part of the manual, written from the same tables that the parser and the checker use, so that it
//! cannot drift. A test compares it with `docs/dialplan.md` and `docs/zh/dialplan.md`.

use std::fmt::Write;

use super::ask::Cause;
use super::check::TYPES;
use super::code::{Code, Severity};
use super::diagnostic::Lang;
use super::finding::Term;
use super::test::EXPECTATIONS;
use super::verb::{
    BLOCKS, CLAUSES, ITEMS, Need, OptionRow, STEERING, Stands, Unhandled, ValueShape, VerbRow, WordRow, verbs,
};

/// The reference in Markdown: declarations, statements, verbs with their options and outcomes, causes, types, codes.
pub fn reference(lang: Lang) -> String {
    let mut out = String::new();
    heading(&mut out, lang, "Declarations", "声明");
    words(&mut out, lang, ITEMS);
    for block in BLOCKS {
        let _ = writeln!(
            out,
            "\n### `{}`\n\n`{}`\n\n{}{}\n",
            block.word,
            block.form,
            block.about.say(lang),
            say(lang, ".", "。")
        );
        options(&mut out, lang, say(lang, "line", "行"), block.lines);
    }
    heading(&mut out, lang, "Clauses of a policy", "策略的条款");
    words(&mut out, lang, CLAUSES);
    heading(&mut out, lang, "Steering", "流程控制");
    words(&mut out, lang, STEERING);
    verbs().for_each(|row| verb(&mut out, lang, row));
    heading(&mut out, lang, "Causes of `hangup`", "`hangup` 的原因");
    table(&mut out, &[say(lang, "cause", "原因"), say(lang, "status", "状态码")]);
    for cause in Cause::ALL {
        let _ = writeln!(out, "| `{}` | {} |", cause.word(), cause.status());
    }
    heading(&mut out, lang, "Types of values", "值的类型");
    table(&mut out, &[say(lang, "type", "类型"), say(lang, "what it is", "含义")]);
    for (word, about) in TYPES {
        let _ = writeln!(out, "| `{word}` | {} |", about.say(lang));
    }
    heading(&mut out, lang, "What a test expects", "测试可以期待什么");
    words(&mut out, lang, EXPECTATIONS);
    heading(&mut out, lang, "Findings", "诊断代码");
    codes(&mut out, lang);
    out
}

fn say(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    Term::new(en, zh).say(lang)
}

fn heading(out: &mut String, lang: Lang, en: &'static str, zh: &'static str) {
    let _ = writeln!(out, "\n### {}\n", say(lang, en, zh));
}

fn table(out: &mut String, columns: &[&str]) {
    let _ = writeln!(out, "| {} |", columns.join(" | "));
    let _ = writeln!(out, "|{}", "---|".repeat(columns.len()));
}

fn words(out: &mut String, lang: Lang, rows: &[WordRow]) {
    table(out, &[say(lang, "written", "写法"), say(lang, "what it does", "作用")]);
    for row in rows {
        let _ = writeln!(out, "| `{}` | {} |", row.form, row.about.say(lang));
    }
}

fn verb(out: &mut String, lang: Lang, row: &VerbRow) {
    let _ = writeln!(out, "\n### `{}`\n", row.word);
    let _ = writeln!(out, "`{}`\n", row.form);
    let _ = writeln!(out, "{}{}", row.about.say(lang), say(lang, ".", "。"));
    let stands = match row.stands {
        Stands::Flows => "",
        Stands::Reactions => say(lang, "Stands in reactions only.", "只能写在反应块里。"),
        Stands::Both => say(lang, "Stands in reactions too.", "也可以写在反应块里。"),
    };
    if !stands.is_empty() {
        let _ = writeln!(out, "\n{stands}");
    }
    if !row.options.is_empty() {
        let _ = writeln!(out);
        options(out, lang, say(lang, "option", "选项"), row.options);
    }
    if !row.outcomes.is_empty() {
        let _ = writeln!(out);
        let unhandled = say(lang, "if not handled", "不处理时");
        table(out, &[say(lang, "outcome", "结果"), unhandled, say(lang, "meaning", "含义")]);
        if row.keys {
            let pressed = say(lang, "the key was pressed", "按下该键");
            let wrong = say(lang, "`wrong`", "`wrong`");
            let _ = writeln!(out, "| `0`–`9` `*` `\"#\"` | {wrong} | {pressed} |");
        }
        for outcome in row.outcomes {
            let unhandled = match outcome.unhandled {
                Unhandled::Error => say(lang, "an error of the plan", "计划有误").to_string(),
                Unhandled::GoesOn => say(lang, "goes on", "继续").to_string(),
                Unhandled::Ends(outcome) => format!("`hangup {}`", outcome.cause().word()),
            };
            let _ = writeln!(out, "| `{}` | {unhandled} | {} |", outcome.word, outcome.about.say(lang));
        }
    }
}

fn options(out: &mut String, lang: Lang, first: &'static str, rows: &[OptionRow]) {
    let unsaid = say(lang, "if not said", "不写时");
    table(out, &[first, say(lang, "bounds", "范围"), unsaid, say(lang, "meaning", "含义")]);
    for option in rows {
        let (bounds, unsaid) = (bounds(option), unsaid_value(lang, option));
        let _ = writeln!(out, "| `{}` | {bounds} | {unsaid} | {} |", option.word, option.about.say(lang));
    }
}

fn bounds(option: &OptionRow) -> String {
    match option.value {
        ValueShape::Amount { least, most } => format!("{}s–{}s", least.as_secs(), most.as_secs()),
        ValueShape::Count { least, most } => format!("{least}–{most}"),
        ValueShape::Number { least, most } => format!("{least}–{most}"),
        ValueShape::Skill => "1–9".to_string(),
        ValueShape::Rate => "1–20".to_string(),
        ValueShape::Digits { most } => format!("1–{most}"),
        ValueShape::Key => "`0`–`9` `*` `\"#\"`".to_string(),
        ValueShape::OneOf(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
        }
        ValueShape::Then(word) => format!("`{word}`"),
        _ => String::new(),
    }
}

fn unsaid_value(lang: Lang, option: &OptionRow) -> String {
    match option.need {
        Need::Must(_) => say(lang, "an error of the plan", "计划有误").to_string(),
        Need::Many => say(lang, "may be said more than once", "可以写多次").to_string(),
        Need::Else(value) => format!("`{value}`"),
    }
}

fn codes(out: &mut String, lang: Lang) {
    table(out, &[say(lang, "code", "代码"), "", say(lang, "meaning", "含义")]);
    for code in Code::all() {
        let severity = match code.severity() {
            Severity::Error => "",
            Severity::Warning => Severity::Warning.word(lang),
        };
        let text = code.template(lang).replace("`{0}`", "…").replace("`{1}`", "…").replace("`{2}`", "…");
        let text = (0..5).fold(text, |text, hole| text.replace(&format!("{{{hole}}}"), "…"));
        let _ = writeln!(out, "| {code} | {severity} | {} |", text.replace('|', "\\|"));
    }
}
