//! Extensions → routes and flows: one flow for each place that a call can come to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::read::{Conf, Context, Exten};
use super::values::{Scope, captured, cuts, name, pattern, quoted};
use super::{Both, Note};

/// Where calls can come to: a step of an extension of a context.
pub(super) type Spot = (usize, usize, usize);

/// Extensions with a meaning of their own: no number leads to them.
const SPECIAL: [&str; 9] = ["s", "i", "t", "h", "o", "a", "T", "fax", "e"];

/// The import under way.
pub(super) struct Importer<'c> {
    pub conf: &'c Conf,
    pub notes: Vec<Note>,
    names: HashMap<Spot, String>,
    wanted: VecDeque<Spot>,
    /// Names of prompts, with what the other switch calls their sounds.
    pub prompts: BTreeMap<String, String>,
    pub queues: BTreeSet<String>,
    pub hours: Vec<(String, String)>,
    routes: Vec<String>,
    flows: Vec<String>,
}

impl<'c> Importer<'c> {
    pub fn new(conf: &'c Conf, notes: Vec<Note>) -> Importer<'c> {
        Importer {
            conf,
            notes,
            names: HashMap::new(),
            wanted: VecDeque::new(),
            prompts: BTreeMap::new(),
            queues: BTreeSet::new(),
            hours: Vec::new(),
            routes: Vec::new(),
            flows: Vec::new(),
        }
    }

    pub fn run(&mut self) {
        let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
        for at in 0..self.conf.contexts.len() {
            if let Some(from) = self.entered_from(at) {
                self.enter(at, &from, &mut taken, 0);
            }
        }
        while let Some(spot) = self.wanted.pop_front() {
            let flow = self.flow(spot);
            self.flows.push(flow);
        }
    }

    pub fn note(&mut self, line: usize, said: &str, en: &str, zh: &str) {
        self.notes.push(Note { line, said: said.to_string(), why: Both::new(en, zh) });
    }

    /// Who enters calls into a context: users or a trunk, by its name; `None` when calls only come to it from others.
    fn entered_from(&mut self, at: usize) -> Option<String> {
        const OUTSIDE: [&str; 10] = [
            "trunk", "pstn", "incoming", "inbound", "external", "outside", "did", "carrier", "provider",
            "public",
        ];
        let context = self.conf.contexts.get(at)?;
        let small = context.name.to_lowercase();
        if small.starts_with("macro-") || small.starts_with("sub-") {
            self.note(
                context_line(context),
                &format!("[{}]", context.name),
                "macros and subroutines are not carried over",
                "宏与子程序未转换",
            );
            return None;
        }
        if OUTSIDE.iter().any(|word| small.contains(word)) {
            let trunk = name(&context.name);
            self.notes.push(Note {
                line: context_line(context),
                said: format!("[{}]", context.name),
                why: Both::new(
                    format!("is taken as what the trunk \"{trunk}\" brings: give it the name that the trunk has in ledgerline.toml"),
                    format!("视为中继 \"{trunk}\" 的来话：请改成 ledgerline.toml 中的中继名"),
                ),
            });
            return Some(format!("trunk {trunk}"));
        }
        // A menu is come to from elsewhere.
        if context.extens.iter().any(|exten| exten.name == "s" && asks(exten)) {
            return None;
        }
        let included = |other: &Context| other.includes.iter().any(|(_, name)| *name == context.name);
        (!self.conf.contexts.iter().any(included)).then(|| "users".to_string())
    }

    /// Writes the routes of a context and of those that it includes.
    fn enter(&mut self, at: usize, from: &str, taken: &mut BTreeSet<(String, String)>, depth: usize) {
        let Some(context) = self.conf.contexts.get(at) else {
            return;
        };
        let menu = context.extens.iter().any(|exten| exten.name == "s" && asks(exten));
        for (number, exten) in context.extens.iter().enumerate() {
            let key = exten.name.chars().count() == 1 && menu;
            let trunk = exten.name == "s" && from.starts_with("trunk");
            if (SPECIAL.contains(&exten.name.as_str()) || key) && !trunk {
                continue;
            }
            self.route((at, number, 0), exten, from, taken);
        }
        for (line, included) in &context.includes {
            match self.conf.contexts.iter().position(|context| context.name == *included) {
                Some(other) if depth < 16 => self.enter(other, from, taken, depth + 1),
                _ => self.note(
                    *line,
                    &format!("include => {included}"),
                    "there is no such context",
                    "没有这个上下文",
                ),
            }
        }
    }

    fn route(&mut self, spot: Spot, exten: &Exten, from: &str, taken: &mut BTreeSet<(String, String)>) {
        let (mut written, bent) = pattern(&exten.name);
        if bent {
            self.note(
                exten.line,
                &exten.name,
                "`!` matches nothing too; `.` wants one digit at least",
                "`!` 可以匹配零位，`.` 至少一位",
            );
        }
        if exten.name == "s" {
            written = ".".to_string();
        }
        if !taken.insert((written.clone(), from.to_string())) {
            self.note(
                exten.line,
                &exten.name,
                "another context has taken the same number",
                "另一上下文已使用同一号码",
            );
            return;
        }
        let skip = self.skip(exten);
        if let Some(skip) = skip {
            written = captured(&exten.name, skip);
        }
        let flow = self.go(spot);
        let values = match (exten.name.starts_with('_'), skip) {
            (false, _) => "",
            (true, None) => "(callee)",
            (true, Some(_)) => "(callee, rest)",
        };
        self.routes.push(format!("route {} from {from} -> {flow}{values}\n", quoted(&written)));
    }

    /// How many digits the extension cuts off in front, if it does.
    pub fn skip(&mut self, exten: &Exten) -> Option<usize> {
        let mut all: Vec<usize> = exten.steps.iter().flat_map(|step| cuts(&step.raw)).collect();
        all.sort_unstable();
        all.dedup();
        if all.len() > 1 {
            self.note(
                exten.line,
                &exten.name,
                "digits are cut off in several ways; the first is carried over",
                "存在多种截位方式，仅转换第一种",
            );
        }
        all.first().copied().filter(|_| exten.name.starts_with('_'))
    }

    /// The flow of a place; it is written in its turn.
    pub fn go(&mut self, spot: Spot) -> String {
        if let Some(known) = self.names.get(&spot) {
            return known.clone();
        }
        let (context, exten, step) = spot;
        let context = self.conf.contexts.get(context);
        let exten = context.and_then(|context| context.extens.get(exten));
        let mut written = format!(
            "{}-{}",
            context.map_or("", |context| &context.name),
            exten.map_or("", |exten| exten.name.trim_start_matches('_'))
        );
        if step > 0 {
            let label = exten.and_then(|exten| exten.steps.get(step)).and_then(|step| step.label.clone());
            written += &format!("-{}", label.unwrap_or_else(|| (step + 1).to_string()));
        }
        let written = name(&written);
        let mut unique = written.clone();
        let mut more = 1;
        while self.names.values().any(|known| *known == unique) {
            more += 1;
            unique = format!("{written}-{more}");
        }
        self.names.insert(spot, unique.clone());
        self.wanted.push_back(spot);
        unique
    }

    /// The place that a jump from an extension means, and what was dialled there.
    pub fn find(
        &self,
        (context, exten, _): Spot,
        (to_context, to_exten, step): &(Option<String>, Option<String>, String),
    ) -> Option<(Spot, String)> {
        let context = match to_context {
            Some(name) => self.conf.contexts.iter().position(|context| context.name == *name)?,
            None => context,
        };
        let all = &self.conf.contexts.get(context)?.extens;
        let dialled = match to_exten {
            Some(name) => name.clone(),
            None => all.get(exten)?.name.clone(),
        };
        let exact = all.iter().position(|exten| exten.name == dialled);
        let takes = |exten: &Exten| {
            exten.name.starts_with('_')
                && crate::plan::pattern::Pattern::parse(&pattern(&exten.name).0)
                    .is_ok_and(|pattern| pattern.matches(&dialled))
        };
        let exten = exact.or_else(|| all.iter().position(takes))?;
        let steps = &all.get(exten)?.steps;
        let at = match step.parse::<u32>() {
            Ok(priority) => steps.iter().position(|step| step.priority == priority)?,
            Err(_) => steps.iter().position(|known| known.label.as_deref() == Some(step))?,
        };
        Some(((context, exten, at), dialled))
    }

    /// `-> flow(values)` to a place where `dialled` was dialled; `values` when it is known only in the call.
    pub fn jump(&mut self, (spot, dialled): (Spot, String), values: Option<&str>) -> String {
        let flow = self.go(spot);
        let exten = self.conf.contexts.get(spot.0).and_then(|context| context.extens.get(spot.1));
        let Some(exten) = exten.filter(|exten| exten.name.starts_with('_')) else {
            return format!("-> {flow}");
        };
        let number = values.map_or_else(|| quoted(&dialled), ToString::to_string);
        match (self.skip(exten), values) {
            (None, _) => format!("-> {flow}({number})"),
            (Some(skip), None) => {
                let rest: String = dialled.chars().skip(skip).collect();
                format!("-> {flow}({number}, {})", quoted(&rest))
            }
            (Some(_), Some("number")) => format!("-> {flow}(number, rest)"),
            (Some(_), Some(values)) => {
                self.note(
                    exten.line,
                    &exten.name,
                    "the digits behind the first are not cut off here",
                    "此处未能截位",
                );
                format!("-> {flow}({values}, {values})")
            }
        }
    }

    fn flow(&mut self, spot: Spot) -> String {
        let (Some(context), flow) = (self.conf.contexts.get(spot.0), self.go(spot)) else {
            return String::new();
        };
        let Some(exten) = context.extens.get(spot.1) else {
            return String::new();
        };
        let params = match (exten.name.starts_with('_'), self.skip(exten)) {
            (false, _) => "",
            (true, None) => "(number: phone)",
            (true, Some(_)) => "(number: phone, rest: phone)",
        };
        let mut scope = Scope { exten: exten.name.clone(), ..Scope::default() };
        scope.known = self.conf.globals.iter().cloned().collect();
        let body = self.body(spot, &mut scope);
        format!("# [{}] {}\nflow {flow}{params} {{\n{body}}}\n", context.name, exten.name)
    }

    /// The sounds to bring along.
    pub fn sounds(&self) -> Vec<(String, String)> {
        self.prompts.iter().map(|(name, sound)| (format!("prompts/{name}.wav"), sound.clone())).collect()
    }

    /// The whole plan.
    pub fn plan(&self) -> String {
        let mut out = String::from(
            "edition 2026\n\n# Imported from an extensions.conf. Read every TODO, copy the sounds that the prompts name, then: ledgerline plan check\n\n\
             language en\nzone \"Asia/Shanghai\"  # TODO the zone of the hours below\n\n",
        );
        for (prompt, sound) in &self.prompts {
            out += &format!(
                "prompt {prompt} {{ en {} }}  # {sound}\n",
                quoted(&format!("prompts/{prompt}.wav"))
            );
        }
        for queue in &self.queues {
            out += &format!(
                "\n# TODO the agents of {queue} stood in queues.conf\ngroup {queue}-agents {{ members user agent1 }}\nqueue {queue} {{ agents {queue}-agents }}\n"
            );
        }
        for (name, spans) in &self.hours {
            out += &format!("hours {name} {{ {spans} }}\n");
        }
        out.push('\n');
        self.routes.iter().for_each(|route| out += route);
        for flow in &self.flows {
            out.push('\n');
            out += flow;
        }
        out
    }
}

fn context_line(context: &Context) -> usize {
    context.extens.first().map_or(0, |exten| exten.line.saturating_sub(1))
}

/// Whether an extension waits for the caller to dial.
fn asks(exten: &Exten) -> bool {
    exten.steps.iter().any(|step| matches!(step.app.as_str(), "background" | "waitexten"))
}
