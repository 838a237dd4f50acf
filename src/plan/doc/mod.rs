//! A plan as pages for people who sign it and audit it: what every flow does, in a picture and in words, under which policies.
//!
//! `graph` makes boxes and edges of a flow's instructions, `layout` gives them their places, `svg` draws them, `html` writes pages.
//!
//! Invariant: the pages are made of the compiled program, and need nothing from outside; the same program gives the same pages.

mod graph;
mod html;
mod layout;
mod svg;

use std::collections::HashMap;

use super::diagnostic::Lang;
use super::op::{Op, Pc};
use super::program::Program;
use super::resolved::{DeedSource, PolicyRule, PopSource};
use super::tell::{Known, Teller, hours, known, limits, list, origins, rules, script_text, time};

use graph::{Graph, Shape};
use html::{Page, escaped};

/// A page: the name of its file and its HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocPage {
    /// `index.html`, `flow-3.html`
    pub file: String,
    /// The whole page.
    pub html: String,
}

/// The pages of a program in one language: an index, then a page for each flow. `title` names the plan.
pub fn pages(program: &Program, title: &str, lang: Lang) -> Vec<DocPage> {
    let doc = Doc { program, lang, title, known: known::everywhere(program), reach: reach(program) };
    let mut out = vec![doc.index()];
    out.extend(doc.flows().into_iter().map(|flow| doc.flow(flow)));
    out
}

/// For each route the flows that its calls can come to.
fn reach(program: &Program) -> Vec<Vec<usize>> {
    let code = &program.code;
    let from = |start: Pc| {
        let (mut next, mut met, mut flows) = (vec![start], std::collections::HashSet::new(), Vec::new());
        while let Some(pc) = next.pop() {
            let Some(op) = code.ops.get(pc as usize).filter(|_| met.insert(pc)) else {
                continue;
            };
            if let Op::Go { flow, .. } = op
                && !flows.contains(&(*flow as usize))
            {
                flows.push(*flow as usize);
            }
            next.extend(op.ways(&code.flows).into_iter().map(|way| way.to));
        }
        flows
    };
    code.routes.iter().map(|route| from(*route)).collect()
}

/// The policies that hold for some call that can come to a flow, by their numbers.
pub(crate) fn policies_of(program: &Program, flow: usize) -> Vec<usize> {
    policies_by(program, &reach(program), flow)
}

fn policies_by(program: &Program, reach: &[Vec<usize>], flow: usize) -> Vec<usize> {
    let routes = || {
        program.routes.iter().zip(reach).filter(|(_, flows)| flows.contains(&flow)).map(|(route, _)| route)
    };
    let holds = |rule: &PolicyRule| {
        routes().any(|route| {
            let to = &rule.to;
            rule.from.meets(&route.from) && (to.is_empty() || to.iter().any(|to| to.meets(&route.pattern)))
        })
    };
    let all = program.policies.iter().enumerate().filter(|(_, entry)| holds(&entry.rule));
    all.map(|(number, _)| number).collect()
}

struct Doc<'p> {
    program: &'p Program,
    lang: Lang,
    title: &'p str,
    known: HashMap<Pc, Vec<Known>>,
    reach: Vec<Vec<usize>>,
}

impl Doc<'_> {
    fn say(&self, en: &'static str, zh: &'static str) -> &'static str {
        super::tell::word(self.lang, en, zh)
    }

    /// The flows, each name once.
    fn flows(&self) -> Vec<usize> {
        let names = &self.program.flows;
        (0..names.len())
            .filter(|at| names.iter().position(|name| Some(name) == names.get(*at)) == Some(*at))
            .collect()
    }

    fn file(flow: usize) -> String {
        format!("flow-{}.html", flow + 1)
    }

    fn link(&self, flow: usize) -> String {
        let name = self.program.flows.get(flow).map_or("", |name| name);
        format!("<a href=\"{}\">{}</a>", Self::file(flow), escaped(name))
    }

    fn foot(&self) -> String {
        let hash = self.program.hash_hex();
        let short = hash.get(..16).unwrap_or(&hash);
        match self.lang {
            Lang::En => format!(
                "Made of program {short} by `ledgerline plan doc`. What stands here is what calls meet while this program is loaded."
            ),
            Lang::Zh => {
                format!("由 `ledgerline plan doc` 根据程序 {short} 生成。加载该程序期间，呼叫即按此处理。")
            }
        }
    }

    fn index(&self) -> DocPage {
        let mut page = Page::new(self.lang, self.title);
        page.raw(&format!("<h1>{}</h1>\n", escaped(self.title)));
        self.modules(&mut page);
        page.heading("Which calls go where", "呼叫去向");
        let rows: Vec<Vec<String>> = self.routes(|_| true);
        page.table(&[self.say("calls", "呼叫"), self.say("from", "来自"), self.say("go to", "去向")], &rows);
        page.heading("Policies", "策略");
        self.policies(&mut page, |_| true);
        page.heading("Flows", "流程");
        let rows = self
            .flows()
            .into_iter()
            .map(|flow| vec![self.link(flow), escaped(&self.calls(flow))])
            .collect::<Vec<_>>();
        page.table(&[self.say("flow", "流程"), self.say("calls", "呼叫")], &rows);
        self.scripts(&mut page, None);
        self.words(&mut page);
        self.times(&mut page);
        self.prompts(&mut page);
        DocPage { file: "index.html".to_string(), html: page.finish(&self.foot()) }
    }

    fn modules(&self, page: &mut Page) {
        for module in &self.program.declared().modules {
            let owner = module.owner.as_ref().map(|owner| match self.lang {
                Lang::En => format!("; {owner} answers for it"),
                Lang::Zh => format!("；负责人：{owner}"),
            });
            let signs: Vec<String> =
                module.approvals.iter().map(|(role, count)| format!("{role} × {count}")).collect();
            let signs = (!signs.is_empty()).then(|| match self.lang {
                Lang::En => format!("; signed by {}", list(self.lang, &signs)),
                Lang::Zh => format!("；须由 {} 签批", list(self.lang, &signs)),
            });
            let others = if module.others {
                self.say(", never by the author alone", "，作者本人不算")
            } else {
                ""
            };
            page.text(&format!(
                "{} ({}){}{}{others}",
                module.name,
                module.file,
                owner.unwrap_or_default(),
                signs.unwrap_or_default()
            ));
        }
    }

    /// The calls that can come to a flow.
    fn calls(&self, flow: usize) -> String {
        let routes = self.program.routes.iter().zip(&self.reach).filter(|(_, flows)| flows.contains(&flow));
        let all: Vec<String> = routes.map(|(route, _)| route.written.pattern.to_string()).collect();
        if all.is_empty() { self.say("none", "无").to_string() } else { list(self.lang, &all) }
    }

    /// A row for each route that `which` takes.
    fn routes(&self, which: impl Fn(usize) -> bool) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for (at, route) in self.program.routes.iter().enumerate().filter(|(at, _)| which(*at)) {
            let entry = self.program.code.routes.get(at).copied().unwrap_or_default();
            let goes = match self.program.code.ops.get(entry as usize) {
                Some(Op::Go { flow, .. }) => self.link(*flow as usize),
                _ => escaped(&self.told(self.met(entry))),
            };
            let from = origins(self.lang, &route.from);
            let from = if from.is_empty() { self.say("anyone", "任何人").to_string() } else { from };
            let during = route.emergency.as_ref().map(|plan| match self.lang {
                Lang::En => format!(" (while {plan} is switched on)"),
                Lang::Zh => format!("（{plan}预案启用期间）"),
            });
            let calls =
                limits(self.lang, &super::resolved::Origins::anyone(), &[route.written.pattern.to_string()]);
            rows.push(vec![escaped(&format!("{calls}{}", during.unwrap_or_default())), escaped(&from), goes]);
        }
        rows
    }

    fn met(&self, mut pc: Pc) -> Pc {
        while let Some(Op::Gate { next } | Op::Guard { next, .. } | Op::Enter { next, .. }) =
            self.program.code.ops.get(pc as usize)
        {
            pc = *next;
        }
        pc
    }

    fn told(&self, pc: Pc) -> String {
        let known = self.known.get(&pc).map_or(&[][..], Vec::as_slice);
        Teller { program: self.program, lang: self.lang, known }.op(pc)
    }

    /// The demands of the policies that `which` takes.
    fn policies(&self, page: &mut Page, which: impl Fn(usize) -> bool) {
        let mut none = true;
        for (number, entry) in self.program.policies.iter().enumerate().filter(|(number, _)| which(*number)) {
            none = false;
            let to: Vec<String> = entry.rule.to.iter().map(|pattern| pattern.written()).collect();
            let about = limits(self.lang, &entry.rule.from, &to);
            page.raw(&format!(
                "<h3>{} <small>{} · {}:{}</small></h3>\n",
                escaped(&entry.rule.name),
                escaped(&about),
                escaped(&entry.file),
                entry.line
            ));
            let rows = rules(self.program, &entry.rule, number);
            let rows = rows
                .iter()
                .map(|(name, text)| vec![escaped(name.say(self.lang)), escaped(text.say(self.lang))]);
            page.table(&[], &rows.collect::<Vec<_>>());
        }
        if none {
            page.text(self.say(
                "No policy is about these calls: they are not recorded, and nothing is told.",
                "没有策略涉及这些呼叫：不录音，也不告知。",
            ));
        }
    }

    /// Scripts with their texts and when they are in force; those of `only` if it is said.
    fn scripts(&self, page: &mut Page, only: Option<&[usize]>) {
        let teller = Teller { program: self.program, lang: self.lang, known: &[] };
        let mut rows = Vec::new();
        for (at, script) in self.program.declared().scripts.iter().enumerate() {
            if only.is_some_and(|only| !only.contains(&at)) {
                continue;
            }
            for version in &script.versions {
                let name = format!("{} {}", script.name, version.version);
                rows.push(vec![
                    escaped(name.trim()),
                    escaped(&script_text(self.lang, version)),
                    escaped(&teller.window(version.window)),
                ]);
            }
        }
        if !rows.is_empty() {
            page.heading("What agents say", "话术");
            page.table(
                &[self.say("script", "话术"), self.say("text", "内容"), self.say("in force", "有效期")],
                &rows,
            );
        }
    }

    fn words(&self, page: &mut Page) {
        let teller = Teller { program: self.program, lang: self.lang, known: &[] };
        let sets = self
            .program
            .declared()
            .words
            .iter()
            .flat_map(|set| set.versions.iter().map(move |version| (set, version)));
        let rows: Vec<Vec<String>> = sets
            .map(|(set, version)| {
                let name = format!("{} {}", set.name, version.version);
                let words: Vec<String> = version.words.iter().map(ToString::to_string).collect();
                vec![
                    escaped(name.trim()),
                    escaped(&list(self.lang, &words)),
                    escaped(&teller.window(version.window)),
                ]
            })
            .collect();
        if !rows.is_empty() {
            page.heading("Words", "词库");
            page.table(
                &[self.say("set", "词库"), self.say("words", "词"), self.say("in force", "有效期")],
                &rows,
            );
        }
    }

    fn times(&self, page: &mut Page) {
        let all = self.program.hours.iter().zip(&self.program.calendars);
        let rows: Vec<Vec<String>> =
            all.map(|(name, calendar)| vec![escaped(name), escaped(&hours(self.lang, calendar))]).collect();
        if !rows.is_empty() {
            page.heading("Working hours", "工作时间");
            page.table(&[], &rows);
        }
    }

    fn prompts(&self, page: &mut Page) {
        let rows: Vec<Vec<String>> = self
            .program
            .prompts()
            .iter()
            .map(|prompt| {
                let says = prompt.says.as_deref().unwrap_or("");
                vec![
                    escaped(&prompt.name),
                    escaped(&prompt.lang),
                    escaped(says),
                    escaped(&time(prompt.duration)),
                ]
            })
            .collect();
        page.heading("What callers hear", "提示音");
        page.table(
            &[
                self.say("prompt", "提示音"),
                self.say("language", "语种"),
                self.say("says", "内容"),
                self.say("length", "时长"),
            ],
            &rows,
        );
    }

    fn flow(&self, flow: usize) -> DocPage {
        let name = self.program.flows.get(flow).map_or("", |name| name);
        let mut page = Page::new(self.lang, &format!("{name} · {}", self.title));
        page.raw(&format!(
            "<nav><a href=\"index.html\">{}</a></nav>\n<h1>{}</h1>\n",
            escaped(self.title),
            escaped(name)
        ));
        let graph = graph::graph(self.program, flow, &self.known, self.lang);
        let picture = layout::layout(&graph);
        page.raw(&format!("<figure>{}</figure>\n", svg::svg(&graph, &picture, Self::file)));
        page.heading("Step by step", "逐步说明");
        self.steps(&mut page, &graph);
        page.heading("Calls that come here", "到达本流程的呼叫");
        let here = |route: usize| self.reach.get(route).is_some_and(|flows| flows.contains(&flow));
        page.table(&[], &self.routes(here));
        page.heading("Policies that hold here", "适用的策略");
        let held = policies_by(self.program, &self.reach, flow);
        self.policies(&mut page, |number| held.contains(&number));
        self.scripts(&mut page, Some(&self.shown(flow)));
        DocPage { file: Self::file(flow), html: page.finish(&self.foot()) }
    }

    /// Every step of a flow, and where each of its outcomes leads.
    fn steps(&self, page: &mut Page, graph: &Graph) {
        let mut rows = Vec::new();
        for (at, node) in graph.nodes.iter().enumerate() {
            if matches!(node.shape, Shape::Start | Shape::End | Shape::Flow(_)) {
                continue;
            }
            let words = if node.words.is_empty() {
                String::new()
            } else {
                format!("<br><small>“{}”</small>", escaped(&node.words))
            };
            let ways = graph.edges.iter().filter(|edge| edge.from == at).map(|edge| {
                let to = graph.nodes.get(edge.to);
                let to = match to.map(|node| (node.shape, &node.text)) {
                    Some((Shape::Flow(flow), _)) => self.link(flow),
                    Some((_, text)) => escaped(text),
                    None => String::new(),
                };
                if edge.label.is_empty() {
                    format!("→ {to}")
                } else {
                    format!("{} → {to}", escaped(&edge.label))
                }
            });
            rows.push(vec![format!("{}{words}", escaped(&node.text)), ways.collect::<Vec<_>>().join("<br>")]);
        }
        page.table(&[self.say("what happens", "动作"), self.say("and then", "之后")], &rows);
    }

    /// The scripts that agents are shown in a flow.
    fn shown(&self, flow: usize) -> Vec<usize> {
        let code = &self.program.code;
        let (mut next, mut met, mut out) = (
            code.flows.get(flow).copied().into_iter().collect::<Vec<_>>(),
            std::collections::HashSet::new(),
            Vec::new(),
        );
        while let Some(pc) = next.pop() {
            let Some(op) = code.ops.get(pc as usize).filter(|_| met.insert(pc)) else {
                continue;
            };
            if let Op::Do { deed: DeedSource::Pop(fields), .. } = op {
                out.extend(fields.iter().filter_map(|field| match field {
                    PopSource::Script(at, _) => Some(*at),
                    _ => None,
                }));
            }
            if !matches!(op, Op::Go { .. }) {
                next.extend(op.ways(&code.flows).into_iter().map(|way| way.to));
            }
        }
        out
    }
}
