//! What a machine did, kept as small marks and put into words only when somebody asks.

use std::fmt::Write;
use std::sync::Arc;

use super::ask::{Outcome, Target};
use super::deed::{Deed, Ended};
use super::op::{Op, Pc};
use super::program::{Program, RouteId};

/// One thing that the plan did, for `call explain`. Numbers in `text` are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLine {
    /// The plan file, relative to the plan folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// What happened there: `menu prompt 主菜单 wait 6s: key 1`.
    pub text: String,
}

/// What happened at an instruction.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    Route(RouteId),
    Policies(Vec<(Arc<str>, u32, Arc<str>)>),
    Notice,
    Did,
    Yes,
    No,
    Key(char),
    WrongKey(char),
    NoKey {
        again: bool,
    },
    Digits(usize),
    TooFew {
        got: usize,
        again: bool,
    },
    Rings(Arc<[Target]>),
    /// What a deed says.
    Said(Arc<str>),
    Dialled(Outcome),
    Found,
    Ended(Ended),
    Deed(Box<Deed>),
    /// No version of a sound is in force.
    Lapsed,
    Misfit,
    Strayed,
}

/// Puts a mark into words.
pub(crate) fn line(program: &Program, pc: Pc, mark: &Mark) -> Vec<TraceLine> {
    let route = match mark {
        Mark::Route(route) => program.route_ref(*route),
        _ => None,
    };
    if let (Some(route), Mark::Route(id)) = (route, mark) {
        let text = match program.emergency_of(*id) {
            Some(plan) => format!("route \"{}\" of the emergency plan {plan}", route.pattern),
            None => format!("route \"{}\"", route.pattern),
        };
        return vec![TraceLine { file: route.file.clone(), line: route.line, text }];
    }
    if let Mark::Policies(policies) = mark {
        let said = policies.iter().map(|(file, line, name)| {
            let text = format!("policy {name}");
            TraceLine { file: file.clone(), line: *line, text }
        });
        return said.collect();
    }
    let Some(origin) = program.code.origins.get(pc as usize) else {
        return Vec::new();
    };
    let mut text = match program.code.ops.get(pc as usize) {
        Some(Op::Hangup(cause)) => format!("hangup {}", cause.word()),
        Some(Op::Go { .. }) => format!("-> {}", origin.said.trim_start_matches(['-', '>', ' '])),
        _ => origin.said.to_string(),
    };
    let again = |again: bool| if again { ", asked again" } else { "" };
    let _ = match mark {
        Mark::Route(_) | Mark::Policies(_) | Mark::Did => Ok(()),
        Mark::Notice => write!(text, ": the policy's notice first"),
        Mark::Yes => write!(text, ": yes"),
        Mark::No => write!(text, ": no"),
        Mark::Key(key) => write!(text, ": key {key}"),
        Mark::WrongKey(key) => write!(text, ": key {key} is not in the menu"),
        Mark::NoKey { again: more } => write!(text, ": no key{}", again(*more)),
        Mark::Digits(count) => write!(text, ": {count} digits"),
        Mark::TooFew { got, again: more } => write!(text, ": {got} digits do not fit{}", again(*more)),
        Mark::Rings(targets) => {
            let rung = targets.iter().map(Target::to_string).collect::<Vec<_>>().join(", ");
            write!(text, ": rings {rung}")
        }
        Mark::Dialled(outcome) => write!(text, ": {}", outcome.word()),
        Mark::Found => write!(text, ": found"),
        Mark::Ended(ended) => write!(text, ": {}", ended.word()),
        Mark::Said(said) => write!(text, ": {said}"),
        Mark::Deed(deed) => write!(text, "{}", said(deed)),
        Mark::Lapsed => write!(text, ": no version in force"),
        Mark::Misfit => write!(text, ": a reply that does not fit"),
        Mark::Strayed => write!(text, ": more steps than allowed"),
    };
    vec![TraceLine { file: origin.file.clone(), line: origin.line, text }]
}

impl Mark {
    /// Of a deed: what it says is shared with it where it is one text, so that the common deeds copy nothing.
    pub fn of(deed: &Deed) -> Mark {
        match deed {
            Deed::Tag(text)
            | Deed::Event { text: Some(text), .. }
            | Deed::Notify { text: Some(text), .. }
            | Deed::Show { text, .. } => Mark::Said(text.clone()),
            Deed::Pop(_) | Deed::Queue(_) | Deed::Monitors { .. } => Mark::Deed(Box::new(deed.clone())),
            _ => Mark::Did,
        }
    }
}

/// What a deed says beyond the line it stands in.
fn said(deed: &Deed) -> String {
    match deed {
        Deed::Pop(fields) => {
            let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
            format!(": shows {}", fields.join("; "))
        }
        Deed::Queue(queueing) => format!(": priority {}", queueing.priority),
        Deed::Monitors { count, group, within } => {
            format!(": the policy wants {count} from {group} within {}s first", within.as_secs())
        }
        _ => String::new(),
    }
}
