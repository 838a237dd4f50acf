//! What policies demand, in words.

use crate::plan::declared::{ScriptPart, ScriptVersion};
use crate::plan::diagnostic::Lang;
use crate::plan::policy::{EndRule, EndWhen, Needs, OnFailure, Record, RetentionClass, Screen};
use crate::plan::program::Program;
use crate::plan::resolved::{Origins, PolicyRule};

use super::{Both, Teller, list, time, word};

/// The calls that a policy or route is about: from whom, to what.
pub(crate) fn limits(lang: Lang, from: &Origins, to: &[String]) -> String {
    let from = origins(lang, from);
    let to: Vec<String> = to.iter().map(|to| number(lang, to)).collect();
    match (lang, to.is_empty(), from.is_empty()) {
        (Lang::En, true, true) => "all calls".to_string(),
        (Lang::En, false, true) => format!("calls to {}", list(lang, &to)),
        (Lang::En, true, false) => format!("calls from {from}"),
        (Lang::En, false, false) => format!("calls to {} from {from}", list(lang, &to)),
        (Lang::Zh, true, true) => "所有呼叫".to_string(),
        (Lang::Zh, false, true) => format!("呼叫 {}", list(lang, &to)),
        (Lang::Zh, true, false) => format!("来自{from}的呼叫"),
        (Lang::Zh, false, false) => format!("{from}呼叫 {}", list(lang, &to)),
    }
}

/// A number pattern as it is written; `names` is said in words.
fn number(lang: Lang, written: &str) -> String {
    match written {
        "names" => word(lang, "users by name", "用户名").to_string(),
        number => number.to_string(),
    }
}

/// Who may call; empty when anybody may.
pub(crate) fn origins(lang: Lang, from: &Origins) -> String {
    if from.anyone {
        return String::new();
    }
    let users = from.users.then(|| word(lang, "users", "内部用户").to_string());
    let trunks = from.trunks.iter().map(|trunk| match lang {
        _ if trunk.is_empty() => word(lang, "any trunk", "任意中继").to_string(),
        Lang::En => format!("trunk {trunk}"),
        Lang::Zh => format!("中继 {trunk}"),
    });
    list(lang, &users.into_iter().chain(trunks).collect::<Vec<_>>())
}

/// Everything that a policy demands: what it is about, and what it says.
pub(crate) fn rules(program: &Program, rule: &PolicyRule, number: usize) -> Vec<(Both, Both)> {
    let mut out = Vec::new();
    let mut say = |name: (&str, &str), text: &dyn Fn(Lang) -> String| {
        let text = Both::of(text);
        if !text.en.is_empty() {
            out.push((Both::new(name.0, name.1), text));
        }
    };
    let teller = |lang| Teller { program, lang, known: &[] };
    say(("recording", "录音"), &|lang| record(lang, rule));
    say(("kept", "保存期限"), &|lang| {
        rule.class.as_ref().map(|class| retention(lang, class)).unwrap_or_default()
    });
    say(("notice", "告知"), &|lang| {
        let prompts = teller(lang).sounds(&rule.notice, "");
        match (prompts.is_empty(), lang) {
            (true, _) => String::new(),
            (false, Lang::En) => format!("{prompts} before anything else is heard"),
            (false, Lang::Zh) => format!("任何媒体之前播放 {prompts}"),
        }
    });
    for screen in &rule.rules.screens {
        say(("listening", "监测用语"), &|lang| self::screen(program, lang, screen));
    }
    say(("transcript", "转写"), &|lang| {
        let parties = [word(lang, "the agent", "坐席"), word(lang, "the customer", "客户")];
        let written = parties.iter().zip(rule.rules.transcript).filter(|(_, written)| *written);
        list(lang, &written.map(|(party, _)| party.to_string()).collect::<Vec<_>>())
    });
    for rule in &rule.rules.at_end {
        say(("at the end of the call", "通话结束时"), &|lang| at_end(program, lang, rule));
    }
    for mask in &rule.rules.masks {
        say(("masked", "掩码"), &|lang| {
            let (what, places) = (names(lang, &mask.what), names(lang, &mask.places));
            match lang {
                Lang::En => format!("{what} in {places}"),
                Lang::Zh => format!("{places} 中的 {what}"),
            }
        });
    }
    for needs in &rule.rules.play {
        say(("hearing recordings", "调听录音"), &|lang| self::needs(lang, needs));
    }
    for needs in &rule.rules.reveal {
        say(("seeing in clear", "查看明文"), &|lang| self::needs(lang, needs));
    }
    if let Some(Some(monitors)) = program.monitors.get(number) {
        say(("monitors", "监听"), &|lang| {
            let when = monitors.condition.as_ref().map(|condition| teller(lang).condition(condition));
            let (count, group, within) = (monitors.count, &monitors.group, time(monitors.within));
            match (lang, when) {
                (Lang::En, Some(when)) => {
                    format!("{count} of {group} must listen within {within} when {when}")
                }
                (Lang::En, None) => format!("{count} of {group} must listen within {within}"),
                (Lang::Zh, Some(when)) => format!("{when} 时，{within} 内须有 {group} 的 {count} 人监听"),
                (Lang::Zh, None) => format!("{within} 内须有 {group} 的 {count} 人监听"),
            }
        });
    }
    out
}

fn record(lang: Lang, rule: &PolicyRule) -> String {
    let Record::All { on_failure } = rule.record else {
        return String::new();
    };
    let whole = word(lang, "the whole call, both sides", "全程双轨录音");
    let failure = match (on_failure, rule.from_priority, lang) {
        (_, Some(least), Lang::En) => {
            format!(
                "; if it cannot be recorded, calls of priority {least} and above go on, others are refused"
            )
        }
        (_, Some(least), Lang::Zh) => format!("；录音故障时，优先级 {least} 及以上的呼叫继续，其余拒接"),
        (OnFailure::Refuse, None, Lang::En) => "; no recording, no call".to_string(),
        (OnFailure::Refuse, None, Lang::Zh) => "；录不了音就不接通".to_string(),
        (OnFailure::Continue, None, Lang::En) => "; if it cannot be recorded, the call goes on".to_string(),
        (OnFailure::Continue, None, Lang::Zh) => "；录音故障时通话继续".to_string(),
    };
    let event = match (&rule.rules.failure_event, lang) {
        (Some(event), Lang::En) => format!(", noted as {event}"),
        (Some(event), Lang::Zh) => format!("，并记事件 {event}"),
        (None, _) => String::new(),
    };
    format!("{whole}{failure}{event}")
}

/// How long recordings of a class are kept.
pub(crate) fn retention(lang: Lang, class: &RetentionClass) -> String {
    let RetentionClass { name, anchor, min, max } = class;
    let from = match (anchor.word(), lang) {
        ("call.end", Lang::En) => "the end of the call",
        ("call.end", Lang::Zh) => "通话结束",
        (_, Lang::En) => "the end of the contract",
        (_, Lang::Zh) => "合同结束",
    };
    match (lang, max) {
        (Lang::En, Some(max)) => format!("{name}: at least {min}, at most {max}, from {from}"),
        (Lang::En, None) => format!("{name}: at least {min}, from {from}"),
        (Lang::Zh, Some(max)) => format!("{name}：自{from}起至少 {min}，至多 {max}"),
        (Lang::Zh, None) => format!("{name}：自{from}起至少 {min}"),
    }
}

fn screen(program: &Program, lang: Lang, screen: &Screen) -> String {
    let who =
        if screen.agent { word(lang, "the agent", "坐席") } else { word(lang, "the customer", "客户") };
    let words: Vec<String> = screen.words.iter().map(ToString::to_string).collect();
    let mut out = match lang {
        Lang::En => format!("{who} for {}", list(lang, &words)),
        Lang::Zh => format!("监测{who}：{}", list(lang, &words)),
    };
    if let Some(delay) = screen.intercept {
        out += &match lang {
            Lang::En => format!(", held back {} until it is judged", time(delay)),
            Lang::Zh => format!("，先缓存 {} 再放行", time(delay)),
        };
    }
    if screen.bleeps {
        out += word(lang, ", with a tone in the place of hits", "，命中处以哔声代替");
    }
    out += &format!("{}{}", word(lang, ": ", "；命中时："), reaction(program, lang, screen.hit));
    for (hits, number) in &screen.hits {
        out += &match lang {
            Lang::En => format!("; from the {hits}th hit: {}", reaction(program, lang, *number)),
            Lang::Zh => format!("；第 {hits} 次命中起：{}", reaction(program, lang, *number)),
        };
    }
    if let Some(down) = screen.down {
        out += &match lang {
            Lang::En => format!("; while nothing recognises speech: {}", reaction(program, lang, down)),
            Lang::Zh => format!("；语音识别不可用时：{}", reaction(program, lang, down)),
        };
    }
    out
}

fn at_end(program: &Program, lang: Lang, rule: &EndRule) -> String {
    let party = |agent: bool| match agent {
        true => word(lang, "the agent", "坐席"),
        false => word(lang, "the customer", "客户"),
    };
    let when = match (&rule.when, lang) {
        (EndWhen::Silence(least), Lang::En) => format!("nobody spoke for {} at a stretch", time(*least)),
        (EndWhen::Silence(least), Lang::Zh) => format!("静音连续达到 {}", time(*least)),
        (EndWhen::Overlap(least), Lang::En) => format!("both spoke for {} at a stretch", time(*least)),
        (EndWhen::Overlap(least), Lang::Zh) => format!("双方同时说话连续达到 {}", time(*least)),
        (EndWhen::Rate { agent, at_most, per_minute }, Lang::En) => {
            let how = if *at_most { "at most" } else { "at least" };
            format!("{} spoke {how} {per_minute} characters a minute", party(*agent))
        }
        (EndWhen::Rate { agent, at_most, per_minute }, Lang::Zh) => {
            let how = if *at_most { "不超过" } else { "达到" };
            format!("{}语速{how}每分钟 {per_minute} 字", party(*agent))
        }
        (EndWhen::Missing { agent, words }, Lang::En) => format!("{} said nothing of {words}", party(*agent)),
        (EndWhen::Missing { agent, words }, Lang::Zh) => format!("{}没有说过 {words}", party(*agent)),
    };
    format!("{when}{}{}", word(lang, ": ", "："), reaction(program, lang, rule.then))
}

/// What a reaction does, in order.
pub(crate) fn reaction(program: &Program, lang: Lang, number: u32) -> String {
    use crate::plan::op::Op;
    let teller = Teller { program, lang, known: &[] };
    let mut pc = program.code.reactions.get(number as usize).copied().unwrap_or_default();
    let mut out = Vec::new();
    while let Some(Op::Do { to, .. }) = program.code.ops.get(pc as usize) {
        out.push(teller.op(pc));
        match to.first() {
            Some(next) if out.len() < 100 => pc = *next,
            _ => break,
        }
    }
    list(lang, &out)
}

fn needs(lang: Lang, needs: &Needs) -> String {
    let mut out: Vec<String> = Vec::new();
    out.extend(needs.role.as_ref().map(|role| match lang {
        Lang::En => format!("the role {role}"),
        Lang::Zh => format!("角色 {role}"),
    }));
    out.extend(needs.needs.iter().map(|need| match (&**need, lang) {
        ("step-up", Lang::En) => "to prove to be there".to_string(),
        ("step-up", Lang::Zh) => "再次验证本人".to_string(),
        ("purpose", Lang::En) => "a stated purpose".to_string(),
        ("purpose", Lang::Zh) => "填写用途".to_string(),
        ("second-auth", Lang::En) => "a second person's consent".to_string(),
        ("second-auth", Lang::Zh) => "第二人授权".to_string(),
        (other, _) => other.to_string(),
    }));
    out.extend(needs.limit.map(|limit| match lang {
        Lang::En => format!("at most {limit} times a day for each agent"),
        Lang::Zh => format!("每坐席每天最多 {limit} 次"),
    }));
    let what = needs.reveal.as_ref().map(|what| names(lang, std::slice::from_ref(what)));
    match (what, lang) {
        (Some(what), Lang::En) => format!("{what} needs {}", list(lang, &out)),
        (Some(what), Lang::Zh) => format!("{what} 需要：{}", list(lang, &out)),
        (None, Lang::En) => format!("needs {}", list(lang, &out)),
        (None, Lang::Zh) => format!("需要：{}", list(lang, &out)),
    }
}

/// Kinds of personal data and places, as people call them.
fn names(lang: Lang, all: &[std::sync::Arc<str>]) -> String {
    let named = |word: &str| match (word, lang) {
        ("phone", Lang::En) => "phone numbers".to_string(),
        ("phone", Lang::Zh) => "电话号码".to_string(),
        ("name", Lang::En) => "names".to_string(),
        ("name", Lang::Zh) => "姓名".to_string(),
        ("idcard", Lang::En) => "identity cards".to_string(),
        ("idcard", Lang::Zh) => "身份证号".to_string(),
        ("card", Lang::En) => "bank cards".to_string(),
        ("card", Lang::Zh) => "银行卡号".to_string(),
        ("log", Lang::En) => "logs".to_string(),
        ("log", Lang::Zh) => "日志".to_string(),
        ("api", Lang::En) => "interfaces".to_string(),
        ("api", Lang::Zh) => "接口".to_string(),
        ("cdr", Lang::En) => "call records".to_string(),
        ("cdr", Lang::Zh) => "话单".to_string(),
        ("agent", Lang::En) => "agents' screens".to_string(),
        ("agent", Lang::Zh) => "坐席屏幕".to_string(),
        (other, _) => other.to_string(),
    };
    list(lang, &all.iter().map(|word| named(word)).collect::<Vec<_>>())
}

/// The texts of a script's version in all languages, with the version's own values put in.
pub(crate) fn script_text(lang: Lang, script: &ScriptVersion) -> String {
    let texts = script.texts.iter().map(|text| {
        let parts = text.parts.iter().map(|part| match part {
            ScriptPart::Text(text) => text.to_string(),
            ScriptPart::Own(value) => value.clear(),
            ScriptPart::Given(_, shown) => format!("{{{}}}", super::hole(lang, *shown)),
        });
        format!("{} “{}”", text.lang, parts.collect::<String>())
    });
    texts.collect::<Vec<_>>().join(" ")
}
