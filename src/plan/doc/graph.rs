//! A flow as boxes and labelled edges, made of its instructions.
//!
//! Invariant: boxes stand in such an order that every edge leads from an earlier to a later one.

use std::collections::HashMap;

use crate::plan::diagnostic::Lang;
use crate::plan::op::{NOWHERE, Op, Pc};
use crate::plan::program::Program;
use crate::plan::resolved::{PartSource, Sounds};
use crate::plan::tell::{Known, Teller};

/// What a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Where calls come in.
    Start,
    /// Something is done.
    Act,
    /// Something is asked of the plan or of the time.
    Question,
    /// The call goes on in this flow.
    Flow(usize),
    /// The call ends.
    End,
}

/// A box.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub shape: Shape,
    pub text: String,
    /// The words that the caller hears.
    pub words: String,
}

/// An edge with what must happen for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    pub label: String,
}

/// A picture that is not drawn yet.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// The graph of the flow number `flow`.
pub(super) fn graph(program: &Program, flow: usize, known: &HashMap<Pc, Vec<Known>>, lang: Lang) -> Graph {
    let mut maker = Maker { program, known, lang, numbers: HashMap::new(), out: Graph::default() };
    let name = program.flows.get(flow).map_or("", |name| name);
    maker.out.nodes.push(Node { shape: Shape::Start, text: name.to_string(), words: String::new() });
    let entry = program.code.flows.get(flow).copied().unwrap_or(NOWHERE);
    let mut label = String::new();
    if let Some(Op::Enter { .. }) = program.code.ops.get(entry as usize) {
        label = Teller { program, lang, known: &[] }.op(entry);
    }
    let first = maker.node(entry);
    maker.out.edges.push(Edge { from: 0, to: first, label });
    maker.in_order()
}

struct Maker<'p> {
    program: &'p Program,
    known: &'p HashMap<Pc, Vec<Known>>,
    lang: Lang,
    numbers: HashMap<Pc, usize>,
    out: Graph,
}

impl Maker<'_> {
    /// What is met first from `pc`, past what nobody notices.
    fn met(&self, mut pc: Pc) -> Pc {
        while let Some(
            Op::Gate { next } | Op::Guard { next, .. } | Op::Enter { next, .. } | Op::Let { next, .. },
        ) = self.program.code.ops.get(pc as usize)
        {
            pc = *next;
        }
        pc
    }

    fn node(&mut self, pc: Pc) -> usize {
        let pc = self.met(pc);
        if let Some(number) = self.numbers.get(&pc) {
            return *number;
        }
        let program = self.program;
        let known = self.known.get(&pc).map_or(&[][..], Vec::as_slice);
        let teller = Teller { program, lang: self.lang, known };
        let op = program.code.ops.get(pc as usize);
        let shape = match op {
            Some(Op::If { .. } | Op::Version { .. }) => Shape::Question,
            Some(Op::Go { flow, .. }) => Shape::Flow(*flow as usize),
            Some(Op::Hangup(_)) | None => Shape::End,
            _ => Shape::Act,
        };
        let text = match op {
            Some(Op::If { .. }) => {
                format!("{}{}", teller.op(pc), if self.lang == Lang::En { "?" } else { "？" })
            }
            _ => teller.op(pc),
        };
        let alike = self.out.nodes.iter().position(|node| node.shape == shape && node.text == text);
        let ends = matches!(shape, Shape::End | Shape::Flow(_));
        if let Some(number) = alike.filter(|_| ends) {
            self.numbers.insert(pc, number);
            return number;
        }
        let words = op.map(|op| self.words(op)).unwrap_or_default();
        let number = self.out.nodes.len();
        self.out.nodes.push(Node { shape, text, words });
        self.numbers.insert(pc, number);
        if let Some(op) = op.filter(|_| !ends) {
            self.ways(number, pc, op, &teller.ways(op));
        }
        number
    }

    /// The ways of a box; those to the same place are one edge, those that end the call by themselves are one, too.
    fn ways(&mut self, from: usize, pc: Pc, op: &Op, ways: &[(String, Pc)]) {
        let program = self.program;
        let origin = |pc: Pc| program.code.origins.get(pc as usize).map(|origin| origin.span);
        let unsaid = |to: Pc| {
            let ends = matches!(program.code.ops.get(to as usize), Some(Op::Hangup(_)));
            ends && matches!(op, Op::Dial { .. } | Op::Do { .. }) && origin(to) == origin(pc)
        };
        let mut edges: Vec<(usize, Vec<String>)> = Vec::new();
        let mut rest = false;
        for (label, to) in ways {
            if unsaid(*to) {
                rest = true;
                continue;
            }
            let to = self.node(*to);
            match edges.iter_mut().find(|(known, _)| *known == to) {
                Some((_, labels)) => labels.push(label.clone()),
                None => edges.push((to, vec![label.clone()])),
            }
        }
        if rest {
            let text = match self.lang {
                Lang::En => "ends the call",
                Lang::Zh => "结束通话",
            };
            let known = self.out.nodes.iter().position(|node| node.shape == Shape::End && node.text == text);
            let to = known.unwrap_or_else(|| {
                self.out.nodes.push(Node { shape: Shape::End, text: text.to_string(), words: String::new() });
                self.out.nodes.len() - 1
            });
            let otherwise = if self.lang == Lang::En { "otherwise" } else { "其他" };
            edges.push((to, vec![if edges.is_empty() { String::new() } else { otherwise.to_string() }]));
        }
        for (to, labels) in edges {
            let label = crate::plan::tell::list(self.lang, &labels);
            self.out.edges.push(Edge { from, to, label });
        }
    }

    /// What the caller hears, as the prompts say.
    fn words(&self, op: &Op) -> String {
        let of = |sounds: &Sounds| -> Vec<String> {
            let ids: Vec<_> = match sounds {
                Sounds::Fixed(ids) => ids.to_vec(),
                Sounds::Live(live) => {
                    live.iter().filter_map(|sound| Some(sound.versions.last()?.1.first()?.1)).collect()
                }
            };
            let says = |id| self.program.prompts().iter().find(|prompt| prompt.id == id)?.says.clone();
            ids.into_iter().filter_map(says).map(|says| says.to_string()).collect()
        };
        let all = match op {
            Op::Play { sounds, .. } => of(sounds),
            Op::Menu { entry, .. } | Op::Collect { entry, .. } => of(&entry.sounds),
            Op::Say { parts, .. } => parts
                .iter()
                .flat_map(|part| match part {
                    PartSource::Sounds(sounds) => of(sounds),
                    PartSource::Value(..) => vec!["…".to_string()],
                })
                .collect(),
            _ => Vec::new(),
        };
        all.join(" ")
    }

    /// The boxes in an order in which every edge leads on. Inside of a flow no way leads back.
    fn in_order(self) -> Graph {
        let count = self.out.nodes.len();
        let mut waits = vec![0usize; count];
        for edge in &self.out.edges {
            if let Some(waits) = waits.get_mut(edge.to) {
                *waits += 1;
            }
        }
        let mut order = Vec::with_capacity(count);
        let mut ready: Vec<usize> = (0..count).filter(|node| waits.get(*node) == Some(&0)).collect();
        while let Some(node) = ready.pop() {
            order.push(node);
            for edge in self.out.edges.iter().filter(|edge| edge.from == node).rev() {
                if let Some(waits) = waits.get_mut(edge.to) {
                    *waits -= 1;
                    if *waits == 0 {
                        ready.push(edge.to);
                    }
                }
            }
        }
        let place = |node: usize| order.iter().position(|known| *known == node).unwrap_or(0);
        let edges = self.out.edges.iter().map(|edge| Edge {
            from: place(edge.from),
            to: place(edge.to),
            label: edge.label.clone(),
        });
        let edges = edges.collect();
        Graph { nodes: order.iter().filter_map(|node| self.out.nodes.get(*node).cloned()).collect(), edges }
    }
}
