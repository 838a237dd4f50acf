//! Applications → statements.

use super::flows::{Importer, Spot};
use super::read::{Exten, Step, split};
use super::values::{Scope, Value, name, pattern, quoted, target};

/// What a statement leaves open.
pub(super) enum Goes {
    On,
    /// The call has left; so many steps were used besides.
    Left,
    Skips(usize),
}

impl Importer<'_> {
    /// The statements from a step on, each on a line.
    pub fn body(&mut self, spot: Spot, scope: &mut Scope) -> String {
        let Some(exten) = self.conf.contexts.get(spot.0).and_then(|context| context.extens.get(spot.1))
        else {
            return String::new();
        };
        let (mut out, mut heard) = (String::new(), Vec::new());
        let mut at = spot.2;
        while let Some(step) = exten.steps.get(at) {
            if step.app == "background" {
                heard.extend(self.sounds_of(step));
                at += 1;
                continue;
            }
            if step.app == "waitexten" {
                self.menu(
                    spot,
                    &heard,
                    step.args.first().and_then(|wait| wait.parse().ok()),
                    step.line,
                    &mut out,
                );
                return out;
            }
            if !heard.is_empty() && !matches!(step.app.as_str(), "noop" | "set" | "wait" | "verbose") {
                out += &format!("play {}\n", heard.join(", "));
                heard.clear();
            }
            match self.statement(spot, exten, at, scope, &mut out) {
                Goes::On => at += 1,
                Goes::Skips(count) => at += 1 + count,
                Goes::Left => return out,
            }
        }
        match heard.is_empty() {
            false => self.menu(spot, &heard, None, exten.line, &mut out),
            true => out += "hangup\n",
        }
        out
    }

    pub(super) fn todo(&mut self, step: &Step, why: (&str, &str), out: &mut String) -> Goes {
        let said = format!("{}({})", step.app, step.raw);
        self.note(step.line, &said, why.0, why.1);
        *out += &format!("# TODO {said}: {} (line {})\n", why.0, step.line);
        Goes::On
    }

    fn statement(
        &mut self,
        spot: Spot,
        exten: &Exten,
        at: usize,
        scope: &mut Scope,
        out: &mut String,
    ) -> Goes {
        let Some(step) = exten.steps.get(at) else {
            return Goes::Left;
        };
        let first = step.args.first().map_or("", String::as_str);
        match step.app.as_str() {
            // What these do a plan does by itself.
            "answer" | "ringing" | "progress" | "proceeding" | "resetcdr" => {}
            "noop" | "verbose" | "log" => *out += &format!("# {}\n", step.raw.trim().replace('\n', " ")),
            "playback" | "playtones" => {
                let sounds = self.sounds_of(step);
                if !sounds.is_empty() {
                    *out += &format!("play {}\n", sounds.join(", "));
                }
            }
            "wait" => {
                let wait = first.parse::<f64>().unwrap_or(1.0).clamp(1.0, 60.0);
                *out += &format!("wait {wait:.0}s\n");
            }
            "hangup" => {
                let cause = match first {
                    "17" => " busy",
                    "1" => " unknown",
                    "19" => " no-answer",
                    "21" => " rejected",
                    _ => "",
                };
                *out += &format!("hangup{cause}\n");
                return Goes::Left;
            }
            "busy" | "congestion" => {
                *out += if step.app == "busy" { "hangup busy\n" } else { "hangup failed\n" };
                return Goes::Left;
            }
            "goto" => return self.goto(spot, step, scope, out),
            "gotoif" => return self.goto_if(spot, step, scope, out),
            "gotoiftime" => return self.goto_if_time(spot, step, out),
            "set" => return self.set(step, scope, out),
            "read" => return self.read(step, scope, out),
            "dial" => return self.dial(spot, exten, at, scope, out),
            "queue" => {
                let queue = name(first);
                self.queues.insert(queue.clone());
                let wait: u64 = step.args.get(4).and_then(|wait| wait.parse().ok()).unwrap_or(300);
                let wait = wait.clamp(1, 3_600);
                *out += &format!(
                    "queue {queue} wait {wait}s {{\nanswered -> end\ntimeout, full, failed -> {{ }}\n}}\n"
                );
            }
            "voicemail" => {
                let mailbox = first.split(['@', '&']).next().unwrap_or(first);
                match scope.value(mailbox) {
                    Some(Value::Named(value)) => {
                        *out += &format!(
                            "voicemail {{{value}}} max 120s {{ recorded, empty, failed -> {{ }} }}\n"
                        )
                    }
                    Some(Value::Text(mailbox)) => {
                        *out += &format!(
                            "voicemail {} max 120s {{ recorded, empty, failed -> {{ }} }}\n",
                            who(&mailbox)
                        )
                    }
                    None => {
                        return self.todo(
                            step,
                            ("the mailbox is worked out in the call", "信箱号由运行时计算"),
                            out,
                        );
                    }
                }
            }
            "confbridge" | "meetme" => match scope.value(first) {
                Some(Value::Text(room)) => {
                    *out += &format!("conference {} {{ left, full, failed -> {{ }} }}\n", quoted(&room))
                }
                Some(Value::Named(value)) => {
                    *out += &format!("conference \"{{{value}}}\" {{ left, full, failed -> {{ }} }}\n")
                }
                None => {
                    return self.todo(
                        step,
                        ("the room is worked out in the call", "会议室号由运行时计算"),
                        out,
                    );
                }
            },
            "saydigits" | "saynumber" => match scope.value(first) {
                Some(Value::Named(value)) => *out += &format!("say {{{value}}}\n"),
                _ => return self.todo(step, ("only values of a call are spoken", "只能播报通话中的值"), out),
            },
            "mixmonitor" | "monitor" | "stopmixmonitor" => {
                return self.todo(
                    step,
                    (
                        "recording is a matter of a policy: `policy … { record all; retain … }`",
                        "录音由策略规定：`policy … { record all; retain … }`",
                    ),
                    out,
                );
            }
            "macro" | "gosub" | "gosubif" => {
                return self.todo(
                    step,
                    ("macros and subroutines are not carried over", "宏与子程序未转换"),
                    out,
                );
            }
            "agi" | "system" | "trysystem" | "eagi" | "fastagi" | "curl" => {
                return self.todo(
                    step,
                    (
                        "a plan runs no programs; ask a system outside with a `lookup`",
                        "计划不执行程序；请用 `lookup` 查询外部系统",
                    ),
                    out,
                );
            }
            _ => return self.todo(step, ("is not carried over", "未能转换"), out),
        }
        Goes::On
    }

    fn sounds_of(&mut self, step: &Step) -> Vec<String> {
        let first = step.args.first().map_or("", String::as_str);
        let all = first.split('&').map(str::trim).filter(|sound| !sound.is_empty());
        let mut out = Vec::new();
        for sound in all {
            if sound.contains("${") {
                let said = format!("{}({})", step.app, step.raw);
                self.note(step.line, &said, "the sound is worked out in the call", "提示音由运行时计算");
                continue;
            }
            let prompt = name(sound);
            self.prompts.insert(prompt.clone(), sound.to_string());
            out.push(prompt);
        }
        out
    }

    pub(super) fn goto(&mut self, spot: Spot, step: &Step, scope: &Scope, out: &mut String) -> Goes {
        match self.jump_to(spot, &step.raw, scope) {
            Some(jump) => {
                *out += &format!("{jump}\n");
                Goes::Left
            }
            None => {
                self.todo(
                    step,
                    ("this place is not there, or is worked out in the call", "目标不存在或由运行时计算"),
                    out,
                );
                *out += "hangup failed\n";
                Goes::Left
            }
        }
    }

    /// `-> flow` for `label`, `exten,priority`, `context,exten,priority`.
    pub(super) fn jump_to(&mut self, spot: Spot, to: &str, scope: &Scope) -> Option<String> {
        let (context, exten, step) = target(to);
        let value = exten.as_deref().map(|exten| scope.value(exten));
        let (exten, dialled) = match value {
            None => (None, scope.is_pattern().then(|| "number".to_string())),
            Some(Some(Value::Text(exten))) => (Some(exten), None),
            // What was dialled is looked for in the other context: that can be said only of one that has a single pattern.
            Some(Some(Value::Named(value))) => {
                let at = self.conf.contexts.iter().position(|known| Some(&known.name) == context.as_ref())?;
                let pattern =
                    self.conf.contexts.get(at)?.extens.iter().find(|exten| exten.name.starts_with('_'))?;
                (Some(pattern.name.clone()), Some(value))
            }
            Some(None) => return None,
        };
        let found = self.find(spot, &(context, exten, step))?;
        Some(self.jump(found, dialled.as_deref()))
    }

    fn goto_if(&mut self, spot: Spot, step: &Step, scope: &Scope, out: &mut String) -> Goes {
        let Some((condition, places)) = cut(&step.raw, '?') else {
            return self.todo(step, ("has no place to go", "缺少跳转目标"), out);
        };
        let places = split(places, ':');
        let mut jump = |at: usize| {
            let place = places.get(at).filter(|place| !place.is_empty())?;
            self.jump_to(spot, place, scope)
        };
        let (yes, no) = (jump(0), jump(1));
        match (scope.condition(condition), yes, no) {
            (Some(Err(true)), Some(way), _) | (Some(Err(false)), _, Some(way)) => {
                *out += &format!("{way}\n");
                Goes::Left
            }
            (Some(Err(_)), ..) => Goes::On,
            (Some(Ok(condition)), Some(yes), Some(no)) => {
                *out += &format!("if {condition} {{ {yes} }} else {{ {no} }}\n");
                Goes::Left
            }
            (Some(Ok(condition)), Some(yes), None) => {
                *out += &format!("when {condition} {{ {yes} }}\n");
                Goes::On
            }
            (Some(Ok(condition)), None, Some(no)) => {
                *out += &format!("when not ({condition}) {{ {no} }}\n");
                Goes::On
            }
            (None, _, no) => {
                self.todo(
                    step,
                    (
                        "the condition is not carried over: calls go on as if it did not hold",
                        "条件未能转换：按不成立处理",
                    ),
                    out,
                );
                match no {
                    Some(no) => {
                        *out += &format!("{no}\n");
                        Goes::Left
                    }
                    None => Goes::On,
                }
            }
            (_, None, None) => self.todo(step, ("this place is not there", "目标不存在"), out),
        }
    }

    fn goto_if_time(&mut self, spot: Spot, step: &Step, out: &mut String) -> Goes {
        let Some((when, places)) = cut(&step.raw, '?') else {
            return self.todo(step, ("has no place to go", "缺少跳转目标"), out);
        };
        let fields = split(when, if when.contains('|') { '|' } else { ',' });
        let field = |at: usize| {
            fields.get(at).map_or("*", |field| if field.is_empty() { "*" } else { field }).to_lowercase()
        };
        if field(2) != "*" || field(3) != "*" {
            self.todo(
                step,
                (
                    "days of the month and months are not carried over: write them into `holidays`",
                    "日期与月份未转换：请写入 `holidays`",
                ),
                out,
            );
        }
        let times = if field(0) == "*" { "00:00-24:00".to_string() } else { field(0) };
        let days = if field(1) == "*" { "daily".to_string() } else { field(1) };
        let spans: Vec<String> = days.split('&').map(|day| format!("{day} {times}")).collect();
        let spans = spans.join("; ");
        let known = self.hours.iter().find(|(_, known)| *known == spans).map(|(name, _)| name.clone());
        let hours = known.unwrap_or_else(|| {
            let hours = format!("hours-{}", self.hours.len() + 1);
            self.hours.push((hours.clone(), spans));
            hours
        });
        let places = split(places, ':');
        let scope = Scope::default();
        let mut way = |at: usize, condition: &str| {
            let place = places.get(at).filter(|place| !place.is_empty())?;
            let jump = self.jump_to(spot, place, &scope)?;
            *out += &format!("when {condition} {{ {jump} }}\n");
            Some(())
        };
        let (yes, no) = (way(0, &hours), way(1, &format!("not {hours}")));
        match (yes, no) {
            (None, None) => self.todo(step, ("this place is not there", "目标不存在"), out),
            _ => Goes::On,
        }
    }

    fn set(&mut self, step: &Step, scope: &mut Scope, out: &mut String) -> Goes {
        let Some((variable, value)) = step.raw.split_once('=') else {
            return self.todo(step, ("sets nothing", "没有赋值"), out);
        };
        let variable = variable.trim().trim_start_matches("__").trim_start_matches('_');
        match scope.value(value) {
            Some(Value::Text(value)) if !variable.contains('(') => {
                scope.known.insert(variable.to_string(), value);
                Goes::On
            }
            Some(Value::Named(value)) if !variable.contains('(') => {
                *out += &format!("let {} = {value}\n", name(variable));
                scope.digits.push(variable.to_string());
                Goes::On
            }
            _ if variable.to_uppercase().starts_with("CALLERID") => self.todo(
                step,
                (
                    "shown numbers are a matter of the trunk: `trunk … { caller-id only … }`",
                    "显示号码由中继规定：`trunk … { caller-id only … }`",
                ),
                out,
            ),
            _ => self.todo(step, ("the value is worked out in the call", "值由运行时计算"), out),
        }
    }

    /// `Read(var,file,max,options,attempts,timeout)`
    fn read(&mut self, step: &Step, scope: &mut Scope, out: &mut String) -> Goes {
        let of = |at: usize| step.args.get(at).map_or("", String::as_str);
        let variable = of(0).to_string();
        let sound = if of(1).is_empty() { "beep" } else { of(1) };
        let sounds: Vec<String> = sound.split('&').map(name).collect();
        for (prompt, sound) in sounds.iter().zip(sound.split('&')) {
            self.prompts.insert(prompt.clone(), sound.to_string());
        }
        let most: u32 = of(2).parse().unwrap_or(20).clamp(1, 32);
        let tries: u32 = of(4).parse().unwrap_or(1).clamp(1, 9);
        let wait: u32 = of(5).parse().unwrap_or(10).clamp(1, 60);
        let digits = if most == 1 { "1".to_string() } else { format!("1..{most}") };
        *out += &format!(
            "collect {} digits {digits} prompt {} wait {wait}s tries {tries} else -> end  # TODO without digits the other switch went on\n",
            name(&variable),
            sounds.join(", ")
        );
        self.note(
            step.line,
            &format!("read({})", step.raw),
            "a call without digits ends here; the other switch went on",
            "未收到号码时在此结束；原系统会继续",
        );
        scope.digits.push(variable);
        Goes::On
    }

    /// Waits for the caller to dial an extension of the context.
    fn menu(&mut self, spot: Spot, heard: &[String], wait: Option<u32>, line: usize, out: &mut String) {
        let Some(context) = self.conf.contexts.get(spot.0) else {
            return;
        };
        let heard = match heard.is_empty() {
            false => heard.join(", "),
            true => {
                self.prompts.insert("beep".to_string(), "beep".to_string());
                "beep".to_string()
            }
        };
        let wait = wait.unwrap_or(10).clamp(1, 30);
        let is_key = |exten: &Exten| {
            exten.name.len() == 1 && exten.name.contains(|ch: char| ch.is_ascii_digit() || "*#".contains(ch))
        };
        let others: Vec<(usize, &Exten)> = context
            .extens
            .iter()
            .enumerate()
            .filter(|(_, exten)| {
                !is_key(exten) && exten.name.starts_with(|ch: char| ch == '_' || ch.is_ascii_digit())
            })
            .collect();
        let place = |name: &str| context.extens.iter().position(|exten| exten.name == name);
        // The other switch may ask for ever; here somebody who presses nothing is let go.
        let back = |exten: &Exten| {
            exten.steps.iter().any(|step| {
                step.app == "goto"
                    && step
                        .raw
                        .trim_start()
                        .trim_start_matches(&context.name)
                        .trim_start_matches(',')
                        .starts_with('s')
            })
        };
        let again = place("t").and_then(|at| context.extens.get(at)).is_some_and(back);
        if again {
            self.note(line, "t => Goto(s,…)", "asks three times, not for ever", "最多询问三次，不会无限循环");
        }
        let none = match place("t").filter(|_| !again) {
            Some(at) => self.go((spot.0, at, 0)),
            None => "hangup".to_string(),
        };
        let wrong = match place("i") {
            Some(at) => self.go((spot.0, at, 0)),
            None => "hangup".to_string(),
        };
        let tries = if again { 3 } else { 1 };
        let keys: Vec<(String, String)> = (context.extens.iter().enumerate())
            .filter(|(_, exten)| is_key(exten))
            .map(|(at, exten)| (exten.name.clone(), self.go((spot.0, at, 0))))
            .collect();
        if others.is_empty() && !keys.is_empty() {
            *out += &format!("menu prompt {heard} wait {wait}s tries {tries} {{\n");
            for (key, flow) in &keys {
                let key = if key == "#" { "\"#\"" } else { key };
                *out += &format!("{key} -> {flow}\n");
            }
            *out += &format!("none -> {none}\nwrong -> {wrong}\n}}\n");
            return;
        }
        let length =
            |exten: &Exten| if exten.name.ends_with(['.', '!']) { 15 } else { pattern(&exten.name).0.len() };
        let most = others.iter().map(|(_, exten)| length(exten)).max().unwrap_or(4).clamp(1, 32);
        let digits = if most == 1 { "1".to_string() } else { format!("1..{most}") };
        *out += &format!(
            "collect dialled digits {digits} prompt {heard} wait {wait}s tries {tries} else -> {none}\n"
        );
        for (key, flow) in &keys {
            *out += &format!("when dialled == {} {{ -> {flow} }}\n", quoted(key));
        }
        for (at, exten) in others {
            let jump = self.jump(((spot.0, at, 0), exten.name.clone()), Some("dialled"));
            let jump =
                if exten.name.starts_with('_') { jump } else { format!("-> {}", self.go((spot.0, at, 0))) };
            *out += &format!("when dialled matches {} {{ {jump} }}\n", quoted(&pattern(&exten.name).0));
        }
        *out += if wrong == "hangup" { "hangup\n".to_string() } else { format!("-> {wrong}\n") }.as_str();
    }
}

/// A user's or box's name as a plan writes it.
pub(super) fn who(text: &str) -> String {
    let plain = !text.is_empty() && (text.chars().all(|ch| ch.is_ascii_digit()) || name(text) == text);
    if plain { text.to_string() } else { quoted(text) }
}

/// Cuts at the first `sign` that stands in no brackets.
pub(super) fn cut(text: &str, sign: char) -> Option<(&str, &str)> {
    let first = split(text, sign).first()?.len();
    let at = text.get(first..)?.find(sign)? + first;
    Some((text.get(..at)?, text.get(at + 1..)?))
}
