//! Routes: their patterns, and that every call has at most one most specific route.

use std::collections::HashMap;

use crate::plan::ast::{From, Name};
use crate::plan::code::Code;
use crate::plan::file::{Span, offset};
use crate::plan::finding::{Arg, Finding, note};
use crate::plan::pattern::{Fault, Pattern};
use crate::plan::resolved::{Origins, Route};

/// The pattern in `text`, or a finding at the very character.
pub(super) fn pattern(text: &Name, findings: &mut Vec<Finding>) -> Option<Pattern> {
    match Pattern::parse(&text.text) {
        Ok(pattern) => Some(pattern),
        Err(Fault { code, at, args }) => {
            // The quote is one octet; a pattern with an escape in it is not one anyway.
            let inside = text.span.start + 1;
            let place = Span {
                start: inside + offset(at.start),
                end: (inside + offset(at.end)).min(text.span.end),
                ..text.span
            };
            let place = if at.is_empty() { text.span } else { place };
            let finding = Finding::new(code, place);
            findings.push(args.into_iter().fold(finding, |finding, arg| finding.arg(Arg::from(arg))));
            None
        }
    }
}

/// The set of origins that a list names.
pub(super) fn origins(list: &[From]) -> Origins {
    let mut out = Origins::default();
    for from in list {
        match from {
            From::Anyone => out = Origins::anyone(),
            From::Users => out.users = true,
            From::Trunk(name) => out.trunks.push(name.text.clone()),
        }
    }
    out
}

/// Checks every two routes against each other; the result is sorted, the more specific in front.
pub(super) fn routes(mut routes: Vec<Route>, findings: &mut Vec<Finding>) -> Vec<Route> {
    // Two routes of one number each meet only if it is the same number: plans with thousands of these stay fast.
    let mut numbers: HashMap<String, Vec<&Route>> = HashMap::new();
    let mut sets: Vec<&Route> = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        let earlier = routes.get(..at).unwrap_or(&[]);
        match route.pattern.only() {
            Some(number) => {
                let same = numbers.entry(number).or_default();
                let others = same.iter().chain(&sets);
                findings.extend(others.copied().find_map(|other| clash(route, other, &routes)));
                same.push(route);
            }
            None => {
                findings.extend(earlier.iter().find_map(|other| clash(route, other, &routes)));
                sets.push(route);
            }
        }
    }
    routes.sort_by_key(|route| (route.pattern.rank(), route.from.rank()));
    routes
}

/// What is wrong between two routes: the same calls, or calls that both could take and no third settles.
fn clash(route: &Route, other: &Route, all: &[Route]) -> Option<Finding> {
    if !route.from.meets(&other.from) || !route.pattern.meets(&other.pattern) {
        return None;
    }
    let both = route.pattern.and(&other.pattern)?;
    let below = |a: &Route, b: &Route| a.pattern.within(&b.pattern) && a.from.within(&b.from);
    match (below(route, other), below(other, route)) {
        (true, true) => Some(Finding::new(Code::ROUTE_TWICE, route.at).also(other.at, note::OTHER_ROUTE)),
        (false, false) => {
            let from = meeting(&route.from, &other.from);
            let settled = |third: &Route| {
                both.within(&third.pattern)
                    && from.within(&third.from)
                    && [route, other].iter().all(|side| below(third, side) && !below(side, third))
            };
            if all.iter().any(settled) {
                return None;
            }
            let finding = Finding::new(Code::ROUTES_OVERLAP, route.at).arg(both.example());
            Some(finding.arg(format!("\"{}\"", both.written())).also(other.at, note::OTHER_ROUTE))
        }
        _ => None,
    }
}

fn meeting(a: &Origins, b: &Origins) -> Origins {
    match (a.anyone, b.anyone) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => {
            let trunks = a.trunks.iter().filter(|name| b.trunks.contains(name)).cloned().collect();
            Origins { anyone: false, users: a.users && b.users, trunks }
        }
    }
}
