//! Which route of one program takes the calls of which route of the other.

use std::collections::BTreeMap;

use crate::plan::diagnostic::Lang;
use crate::plan::program::{Origin, Program, RouteEntry};
use crate::plan::resolved::Origins;
use crate::plan::tell::{Both, limits};

use super::walk::{self, Parting, Sides};
use super::{Change, ChangeKind};

/// A route of each program; `None`: it takes no such call.
type Pair = (Option<usize>, Option<usize>);

/// What differs for calls, route by route.
pub(super) fn calls(before: &Program, now: &Program) -> Vec<Change> {
    let sides = Sides { before, now };
    let mut pairs: BTreeMap<Pair, Origins> = BTreeMap::new();
    let mut order: Vec<Pair> = Vec::new();
    let mut add = |pair: Pair, origin: &Origin| {
        let from = pairs.entry(pair).or_insert_with(|| {
            order.push(pair);
            Origins::default()
        });
        match origin {
            Origin::Users => from.users = true,
            Origin::Trunk(name) if !from.trunks.contains(name) => from.trunks.push(name.clone()),
            Origin::Trunk(_) => {}
        }
    };
    for origin in origins(&sides) {
        for (at, route) in now.routes.iter().enumerate().filter(|(_, route)| route.from.holds(&origin)) {
            add((counterpart(before, route, &origin), Some(at)), &origin);
        }
        for (at, route) in before.routes.iter().enumerate().filter(|(_, route)| route.from.holds(&origin)) {
            add((Some(at), counterpart(now, route, &origin)), &origin);
        }
    }
    let mut out: Vec<(Vec<Both>, Parting)> = Vec::new();
    for pair in order {
        let Some(from) = pairs.get(&pair) else {
            continue;
        };
        let of = of(&sides, pair, from);
        for parting in compared(&sides, pair) {
            // What several routes lead to is told once.
            match out.iter_mut().find(|(_, known)| *known == parting) {
                Some((calls, _)) if !calls.contains(&of) => calls.push(of.clone()),
                Some(_) => {}
                None => out.push((vec![of.clone()], parting)),
            }
        }
    }
    out.into_iter().map(|(calls, parting)| change(&calls, parting)).collect()
}

fn change(calls: &[Both], Parting { when, now, before }: Parting) -> Change {
    let of = Both::of(|lang| {
        let calls: Vec<&str> = calls.iter().map(|of| of.say(lang)).collect();
        let calls = calls.join(if lang == Lang::En { "; " } else { "；" });
        match (when.say(lang), lang) {
            ("", _) => calls,
            (when, Lang::En) => format!("{calls}, {when}"),
            (when, Lang::Zh) => format!("{calls}，{when}"),
        }
    });
    Change { kind: ChangeKind::Calls, of, now, before }
}

/// Everybody who may call by either program.
fn origins(sides: &Sides) -> Vec<Origin> {
    let mut out = vec![Origin::Users];
    for route in sides.before.routes.iter().chain(&sides.now.routes) {
        for trunk in &route.from.trunks {
            let trunk = Origin::Trunk(trunk.clone());
            if !out.contains(&trunk) {
                out.push(trunk);
            }
        }
        // Routes for anyone take calls of trunks that nothing names.
        let any = Origin::Trunk("".into());
        if route.from.anyone && !out.contains(&any) {
            out.push(any);
        }
    }
    out
}

/// The route that takes the calls of `route` in the other program: the one of the same pattern, else the most specific that
/// takes all of them.
fn counterpart(program: &Program, route: &RouteEntry, origin: &Origin) -> Option<usize> {
    let holds = program
        .routes
        .iter()
        .enumerate()
        .filter(|(_, other)| other.emergency == route.emergency && other.from.holds(origin))
        .filter(|(_, other)| route.pattern.within(&other.pattern));
    let all: Vec<(usize, &RouteEntry)> = holds.collect();
    let same = all.iter().find(|(_, other)| other.pattern.within(&route.pattern));
    same.or(all.first()).map(|(at, _)| *at)
}

fn compared(sides: &Sides, (before, now): Pair) -> Vec<Parting> {
    let entry = |program: &Program, at: Option<usize>| at.and_then(|at| program.code.routes.get(at).copied());
    let captures = |program: &Program, at: Option<usize>| {
        let route = at.and_then(|at| program.routes.get(at));
        route.map_or(0, |route| route.pattern.captures.len())
    };
    let nobody = || Both::new("not taken (404)", "无人受理（404）");
    let when = Both::default();
    match (entry(sides.before, before), entry(sides.now, now)) {
        (Some(a), Some(b)) => {
            let slots = (captures(sides.before, before), captures(sides.now, now));
            walk::walk(sides, (a, b), slots)
        }
        (Some(a), None) => vec![Parting { when, now: nobody(), before: walk::summary(sides.before, a) }],
        (None, Some(b)) => vec![Parting { when, now: walk::summary(sides.now, b), before: nobody() }],
        (None, None) => Vec::new(),
    }
}

/// The calls that both routes take: those of the more specific; whence is said where it is not all that the routes take.
fn of(sides: &Sides, (before, now): Pair, from: &Origins) -> Both {
    let a = before.and_then(|at| sides.before.routes.get(at));
    let b = now.and_then(|at| sides.now.routes.get(at));
    let Some(route) = (match (a, b) {
        (Some(a), Some(b)) => Some(if a.pattern.within(&b.pattern) { a } else { b }),
        (a, b) => b.or(a),
    }) else {
        return Both::default();
    };
    let alike = a.zip(b).is_some_and(|(a, b)| a.from == b.from);
    let from = if alike { Origins::anyone() } else { from.clone() };
    let emergency = route.emergency.clone();
    Both::of(|lang| {
        let calls = limits(lang, &from, &[route.written.pattern.to_string()]);
        match (&emergency, lang) {
            (None, _) => calls,
            (Some(plan), Lang::En) => format!("{calls} during {plan}"),
            (Some(plan), Lang::Zh) => format!("{plan}预案启用时，{calls}"),
        }
    })
}
