//! What a program does, in words for people who read no plans: what each instruction does, under what condition, and where
//! each of its ways leads. The diff, the documents and the editor's hovers speak with it.
//!
//! Invariant: what is told comes from the compiled program alone, so that it is what calls will meet.

mod deeds;
pub(crate) mod known;
mod rules;
mod values;

use std::sync::Arc;
use std::time::Duration;

use crate::base::PromptId;

use super::ask::Outcome;
use super::ast::Strategy;
use super::diagnostic::Lang;
use super::op::{Entry, Op, Pc};
use super::program::Program;
use super::resolved::{Operand, PartSource, Sounds, TargetSource, Whom, Window};
use super::verb::VerbRow;

pub(crate) use rules::{limits, origins, reaction, rules, script_text};
pub(crate) use values::{Known, clock, day, hole, hours, week};

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Both {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Both {
    /// The same in both languages: a name, a number.
    pub fn same(text: impl Into<String>) -> Both {
        let en = text.into();
        Both { zh: en.clone(), en }
    }

    /// One text for each language.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Both {
        Both { en: en.into(), zh: zh.into() }
    }

    /// Made by `tell`, once for each language.
    pub(crate) fn of(tell: impl Fn(Lang) -> String) -> Both {
        Both { en: tell(Lang::En), zh: tell(Lang::Zh) }
    }

    /// In one language.
    pub fn say(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// One of two words.
pub(crate) const fn word(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// The texts in one language's enumeration.
pub(crate) fn list(lang: Lang, all: &[String]) -> String {
    all.join(word(lang, ", ", "、"))
}

/// Tells what a program does in one language; `known` says what stands in its slots.
pub(crate) struct Teller<'p> {
    pub program: &'p Program,
    pub lang: Lang,
    pub known: &'p [Known],
}

impl Teller<'_> {
    fn word(&self, en: &'static str, zh: &'static str) -> &'static str {
        word(self.lang, en, zh)
    }

    /// What the instruction at `pc` does: a phrase like "rings user bob for 25s".
    pub fn op(&self, pc: Pc) -> String {
        let Some(op) = self.program.code.ops.get(pc as usize) else {
            return String::new();
        };
        let said = self.program.code.origins.get(pc as usize).map_or("", |origin| &origin.said);
        match op {
            Op::Play { sounds, .. } => self.pair("plays", "播放", &self.sounds(sounds, said)),
            Op::Say { parts, .. } => self.pair("says", "播报", &self.parts(parts, said)),
            Op::Menu { entry, .. } => self.pair("menu", "菜单", &self.entry(entry, said, false)),
            Op::Collect { entry, secret: false, .. } => {
                self.pair("takes digits at", "收号：", &self.entry(entry, said, true))
            }
            Op::Collect { entry, .. } => {
                let asked = self.entry(entry, said, true);
                self.pair(
                    "takes secret digits (recorded nowhere) at",
                    "收取机密数字（不录音、不入日志）：",
                    &asked,
                )
            }
            Op::Dial { targets, ring, turns, .. } => {
                let turns = turns.map(|turns| {
                    (if turns.robin { Strategy::RoundRobin } else { Strategy::InOrder }, turns.each)
                });
                self.dial(targets, *ring, turns)
            }
            Op::If { condition, .. } => self.condition(condition),
            Op::Let { value, .. } => self.pair("takes", "取", &self.operand(value)),
            Op::Lookup { lookup, arguments, .. } => self.lookup(*lookup, arguments),
            Op::Language { lang, .. } => self.pair("speaks", "改用语言", lang),
            Op::Do { deed, row, .. } => self.deed(deed, row, said),
            Op::Enter { priority, .. } => {
                self.pair("gives the call priority", "呼叫优先级为", &priority.to_string())
            }
            Op::Gate { .. } => self.word("plays the notice, if one is due", "播放应有的告知").to_string(),
            Op::Guard { .. } => self.word("makes sure that the monitors listen", "确认监听到位").to_string(),
            Op::Version { .. } => self.word("goes by the date", "按日期取版本").to_string(),
            Op::Go { flow, arguments } => {
                let name = self.program.flows.get(*flow as usize).map_or("", |name| name);
                let fixed = arguments.iter().filter(|value| matches!(value, Operand::Fixed(_)));
                let fixed: Vec<String> = fixed.map(|value| self.plain(value)).collect();
                match fixed.as_slice() {
                    [] => name.to_string(),
                    fixed => format!("{name} ({})", list(self.lang, fixed)),
                }
            }
            Op::Hangup(cause) if cause.word() == "normal" => {
                self.word("ends the call", "结束通话").to_string()
            }
            Op::Hangup(cause) => self.pair("ends the call:", "结束通话：", self.cause(cause.word())),
        }
    }

    fn cause<'w>(&self, cause: &'w str) -> &'w str {
        if self.lang == Lang::En {
            return cause;
        }
        match cause {
            "busy" => "忙",
            "no-answer" => "无人接听",
            "rejected" => "拒接",
            "unreachable" => "无法接通",
            "unknown" => "空号",
            "forbidden" => "不允许",
            "failed" => "故障",
            other => other,
        }
    }

    /// A verb and what it is about; between Chinese and Chinese stands no blank.
    fn pair(&self, en: &'static str, zh: &'static str, what: &str) -> String {
        let gap = if self.lang == Lang::En || !(zh.ends_with('：')) { " " } else { "" };
        format!("{}{gap}{what}", self.word(en, zh)).trim_end().to_string()
    }

    /// Where the instruction leads: what must happen for each way, and the instruction there.
    pub fn ways(&self, op: &Op) -> Vec<(String, Pc)> {
        let yes = |word: String| word;
        match op {
            Op::Menu { keys, none, wrong, .. } => {
                let keys = keys.iter().map(|(key, to)| (key.to_string(), *to));
                keys.chain([(yes(self.outcome_word("none")), *none), (self.outcome_word("wrong"), *wrong)])
                    .collect()
            }
            Op::Collect { none, wrong, next, .. } => vec![
                (self.word("entered", "已输入").to_string(), *next),
                (self.outcome_word("none"), *none),
                (self.word("too few digits", "位数不足").to_string(), *wrong),
            ],
            Op::Dial { outcomes, .. } => Outcome::ALL
                .iter()
                .zip(outcomes)
                .map(|(outcome, to)| (self.outcome_word(outcome.word()), *to))
                .collect(),
            Op::If { yes, no, .. } => {
                vec![(self.word("yes", "是").to_string(), *yes), (self.word("no", "否").to_string(), *no)]
            }
            Op::Lookup { found, failed, .. } => vec![
                (self.word("answered", "有答复").to_string(), *found),
                (self.word("no answer", "无答复").to_string(), *failed),
            ],
            Op::Do { row, to, .. } if row.outcomes.is_empty() => {
                to.iter().map(|to| (String::new(), *to)).collect()
            }
            Op::Do { row, to, .. } => row
                .outcomes
                .iter()
                .zip(to)
                .map(|(outcome, to)| (self.outcome_word(outcome.word), *to))
                .collect(),
            Op::Guard { without, next } => {
                let without = without
                    .iter()
                    .map(|(_, to)| (self.word("without monitors", "监听未到位").to_string(), *to));
                without.chain([(String::new(), *next)]).collect()
            }
            Op::Version { windows, none } => {
                let all = windows.iter().map(|(window, to)| (self.window(*window), *to));
                all.chain([(self.word("at no date of a version", "没有生效版本").to_string(), *none)])
                    .collect()
            }
            other => {
                other.ways(&self.program.code.flows).into_iter().map(|way| (String::new(), way.to)).collect()
            }
        }
    }

    /// The word of an outcome as people of the language say it.
    pub fn outcome_word(&self, outcome: &str) -> String {
        let zh = match outcome {
            "none" => "未按键",
            "wrong" => "按错键",
            "answered" => "已接通并结束",
            "busy" => "忙",
            "no-answer" => "无人接听",
            "rejected" => "拒接",
            "unreachable" => "无法接通",
            "unknown" => "空号",
            "failed" => "故障",
            "timeout" => "超时",
            "full" => "已满",
            "recorded" => "已留言",
            "empty" => "未留言",
            "booked" => "已登记",
            "left" => "已离开",
            other => other,
        };
        match self.lang {
            Lang::En if outcome == "none" => "no key".to_string(),
            Lang::En if outcome == "wrong" => "a wrong key".to_string(),
            Lang::En if outcome == "answered" => "answered, and over".to_string(),
            Lang::En => outcome.replace('-', " "),
            Lang::Zh => zh.to_string(),
        }
    }

    /// When a version is in force.
    pub fn window(&self, window: Window) -> String {
        let from = (window.from != i64::MIN).then(|| day(window.from));
        let until = (window.until != i64::MAX).then(|| day(window.until));
        match (from, until) {
            (None, None) => self.word("always", "一直有效").to_string(),
            (Some(from), None) => format!("{} {from}", self.word("from", "自")),
            (None, Some(until)) => format!("{} {until}", self.word("until", "至")),
            (Some(from), Some(until)) => match self.lang {
                Lang::En => format!("from {from} until {until}"),
                Lang::Zh => format!("{from} 至 {until}"),
            },
        }
    }

    fn dial(&self, targets: &[TargetSource], ring: Duration, turns: Option<(Strategy, Duration)>) -> String {
        let targets: Vec<String> = targets.iter().map(|target| self.target(target)).collect();
        let how = match turns {
            None => String::new(),
            Some((Strategy::RoundRobin, each)) => match self.lang {
                Lang::En => format!(" by turns, each for {}", time(each)),
                Lang::Zh => format!("，轮流振铃，每人 {}", time(each)),
            },
            Some((_, each)) => match self.lang {
                Lang::En => format!(" in order, each for {}", time(each)),
                Lang::Zh => format!("，依次振铃，每人 {}", time(each)),
            },
        };
        match self.lang {
            Lang::En => format!("rings {}{how} for {}", list(self.lang, &targets), time(ring)),
            Lang::Zh => format!("呼叫 {}{how}，最长 {}", list(self.lang, &targets), time(ring)),
        }
    }

    /// Whom a target means.
    pub fn target(&self, target: &TargetSource) -> String {
        let who = self.plain(&target.who);
        match &target.whom {
            Whom::User => self.pair("user", "用户", &who),
            Whom::Group => self.pair("group", "组", &who),
            Whom::Number => self.pair("number", "号码", &who),
            Whom::Trunk(trunk) => match self.lang {
                Lang::En => format!("{who} over {trunk}"),
                Lang::Zh => format!("经 {trunk} 呼叫 {who}"),
            },
        }
    }

    fn lookup(&self, lookup: u16, arguments: &[Operand]) -> String {
        let name = self.program.declared().lookups.get(usize::from(lookup)).map_or("", |lookup| &lookup.name);
        let values: Vec<String> = arguments.iter().map(|value| self.operand(value)).collect();
        let of =
            if values.is_empty() { String::new() } else { format!("（{}）", list(self.lang, &values)) };
        match self.lang {
            Lang::En => format!("asks {name}{}", of.replace('（', " (").replace('）', ")")),
            Lang::Zh => format!("查询 {name}{of}"),
        }
    }

    fn entry(&self, entry: &Entry, said: &str, digits: bool) -> String {
        let mut out = self.sounds(&entry.sounds, said);
        if digits {
            let count = if entry.least == entry.most {
                entry.most.to_string()
            } else {
                format!("{}–{}", entry.least, entry.most)
            };
            out += &match self.lang {
                Lang::En => format!(", {count} digits"),
                Lang::Zh => format!("，{count} 位"),
            };
        }
        out + &match self.lang {
            Lang::En => format!(", waits {}, asks {}", time(entry.first), times(entry.tries)),
            Lang::Zh => format!("，等待 {}，最多问 {} 次", time(entry.first), entry.tries),
        }
    }

    fn parts(&self, parts: &Arc<[PartSource]>, said: &str) -> String {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| match part {
                PartSource::Sounds(sounds) => self.sounds(sounds, said),
                PartSource::Value(operand, _) => self.operand(operand),
            })
            .collect();
        list(self.lang, &parts)
    }

    /// The names of prompts; `said` is where they are used, for prompts that share a sound.
    pub fn sounds(&self, sounds: &Sounds, said: &str) -> String {
        let ids: Vec<PromptId> = match sounds {
            Sounds::Fixed(ids) => ids.to_vec(),
            Sounds::Live(live) => {
                live.iter().filter_map(|sound| sound.versions.last()?.1.first().map(|(_, id)| *id)).collect()
            }
        };
        let names: Vec<String> = ids.iter().map(|id| self.prompt(*id, said)).collect();
        list(self.lang, &names)
    }

    /// The name of a prompt.
    fn prompt(&self, id: PromptId, said: &str) -> String {
        let known = || self.program.prompts().iter().filter(move |prompt| prompt.id == id);
        let named = known().find(|prompt| said.contains(&*prompt.name)).or_else(|| known().next());
        named.map_or_else(|| "?".to_string(), |prompt| prompt.name.to_string())
    }
}

/// `25s`, `1500ms`
pub(crate) fn time(time: Duration) -> String {
    match (time.subsec_millis(), time.as_secs()) {
        (0, seconds) if seconds >= 86_400 && seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        (0, seconds) if seconds >= 3_600 && seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        (0, seconds) => format!("{seconds}s"),
        _ => format!("{}ms", time.as_millis()),
    }
}

fn times(count: u8) -> String {
    match count {
        1 => "once".to_string(),
        2 => "twice".to_string(),
        more => format!("{more} times"),
    }
}

/// Whether two rows are of one verb.
pub(crate) fn same_row(a: &'static VerbRow, b: &'static VerbRow) -> bool {
    a.word == b.word
}
