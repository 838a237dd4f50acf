//! Where control can be, and flows that go round without anybody acting.

use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::Finding;

/// Whether control goes on behind a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It always leaves; the place says where.
    Leaves(Span),
    /// It may go on. `quiet`: on some way from the beginning of the flow nobody has acted. `fell`: from where it goes on.
    Goes { quiet: bool, fell: Span },
    /// Something here could not be read; nothing is said about its ways.
    Unknown,
}

impl Reach {
    /// Two ways that come together.
    pub fn join(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Unknown, _) | (_, Reach::Unknown) => Reach::Unknown,
            (Reach::Leaves(_), reach) | (reach, Reach::Leaves(_)) => reach,
            (Reach::Goes { quiet: a, fell }, Reach::Goes { quiet: b, .. }) => {
                Reach::Goes { quiet: a || b, fell }
            }
        }
    }

    /// Control goes on, now from `fell`.
    pub fn going(self, fell: Span) -> Reach {
        match self {
            Reach::Goes { quiet, .. } => Reach::Goes { quiet, fell },
            other => other,
        }
    }

    /// Whether nobody may have acted up to here.
    pub fn is_quiet(self) -> bool {
        matches!(self, Reach::Goes { quiet: true, .. })
    }
}

/// A way from one flow into another on which nobody has acted.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuietWay {
    pub from: usize,
    pub to: usize,
    pub at: Span,
}

/// Reports every way that closes a quiet circle of flows; each circle once.
pub(super) fn circles(ways: &[QuietWay], names: &[&str], findings: &mut Vec<Finding>) {
    let mut onward: Vec<Vec<QuietWay>> = vec![Vec::new(); names.len()];
    for way in ways {
        if let Some(list) = onward.get_mut(way.from) {
            list.push(*way);
        }
    }
    let mut state = vec![State::New; names.len()];
    for start in 0..names.len() {
        walk(start, &onward, &mut state, names, findings);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    OnPath,
    Done,
}

/// Depth first, with a stack of our own: plans may be deep, stacks are not.
fn walk(
    start: usize,
    onward: &[Vec<QuietWay>],
    state: &mut [State],
    names: &[&str],
    findings: &mut Vec<Finding>,
) {
    let of = |state: &[State], flow: usize| state.get(flow).copied().unwrap_or(State::Done);
    if of(state, start) != State::New {
        return;
    }
    let mut path: Vec<(usize, usize)> = vec![(start, 0)];
    set(state, start, State::OnPath);
    while let Some((flow, next)) = path.last_mut() {
        let flow = *flow;
        let way = onward.get(flow).and_then(|ways| ways.get(*next)).copied();
        *next += 1;
        let Some(way) = way else {
            set(state, flow, State::Done);
            path.pop();
            continue;
        };
        match of(state, way.to) {
            State::New => {
                set(state, way.to, State::OnPath);
                path.push((way.to, 0));
            }
            State::OnPath => {
                let circle =
                    path.iter().map(|(flow, _)| *flow).skip_while(|flow| *flow != way.to).chain([way.to]);
                let said = circle.filter_map(|flow| names.get(flow).copied()).collect::<Vec<_>>();
                findings.push(Finding::new(Code::LOOPS, way.at).arg(said.join(" -> ")));
            }
            State::Done => {}
        }
    }
}

fn set(state: &mut [State], flow: usize, to: State) {
    if let Some(slot) = state.get_mut(flow) {
        *slot = to;
    }
}
