//! `rec retention`, `rec anchor`, `rec erase`, `rec destroy` and `hold`: how long recordings stay, and how they go.

use std::path::Path;

use serde_json::Value;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use crate::compliance::retention::{Select, State};
use crate::io::admin::keeping::{KeepAct, Order};
use crate::io::admin::protocol::Act;
use crate::io::store::{Hold, Kept, Listing};
use crate::vault::{self, Grounds, Holding, Job};

pub(super) fn hold(hold: args::Hold, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match hold {
        args::Hold::Add { case, select, reason } => {
            done(KeepAct::Hold(Holding { case, select: chosen(select), reason }), &mut node, printer)
        }
        args::Hold::Release { case } => done(KeepAct::Release { case }, &mut node, printer),
        args::Hold::List => {
            let holds: Vec<(String, Hold)> = node.value(Act::Keep(KeepAct::Holds))?;
            printer.value(&holds, |holds| holds_text(holds));
            Ok(Exit::Done)
        }
    }
}

pub(super) fn retention(
    retention: args::Retention,
    node: &mut Node,
    printer: &Printer,
) -> Result<Exit, Stop> {
    let (listing, limit) = match retention {
        args::Retention::List { state, limit } => (state.map_or(Listing::All, listing), limit),
        args::Retention::Pending { limit } => (Listing::Pending, limit),
        args::Retention::Due { limit } => (Listing::Due, limit),
        args::Retention::Thaw { reason } => return done(KeepAct::Thaw { reason }, node, printer),
    };
    let found: Vec<Kept> = node.items(Act::Keep(KeepAct::List { listing, limit }))?;
    printer.value(&found, |found| standings(found));
    Ok(Exit::Done)
}

pub(super) fn anchor(anchor: args::Anchor, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let args::Anchor { event, at, select } = anchor;
    done(KeepAct::Anchor(vault::Anchor { event, moment: at.0, select: chosen(select) }), node, printer)
}

pub(super) fn destroy(destroy: args::Destroy, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    match destroy {
        args::Destroy::Propose { org, counterparty, basis, basis_at, select } => {
            let order = Order {
                grounds: Grounds { org, counterparty, basis, basis_at: basis_at.0 },
                select: chosen(*select),
            };
            let laid: Value = node.value(Act::Keep(KeepAct::Propose(Box::new(order))))?;
            printer.value(&laid, |laid| {
                format!(
                    "{}{} waits for two approvals; then `ledgerline rec destroy run {}`\n",
                    laid["text"].as_str().unwrap_or_default(),
                    laid["motion"].as_str().unwrap_or_default(),
                    laid["motion"].as_str().unwrap_or_default()
                )
            });
            Ok(Exit::Done)
        }
        args::Destroy::Run { motion } => {
            let run: Value = node.value(Act::Keep(KeepAct::Destroy { motion }))?;
            printer.value(&run, |run| {
                let text = |name: &str| run[name].as_str().unwrap_or_default().to_string();
                format!(
                    "{}: {} recordings destroyed; certificate {}\n",
                    text("job"),
                    run["destroyed"],
                    text("certificate")
                )
            });
            Ok(Exit::Done)
        }
        args::Destroy::List => {
            let jobs: Vec<Job> = node.value(Act::Keep(KeepAct::Jobs))?;
            printer.value(&jobs, |jobs| {
                let row = |job: &Job| {
                    [
                        job.no.clone(),
                        job.begun.rfc3339(),
                        job.recordings.len().to_string(),
                        job.grounds.basis.clone(),
                    ]
                };
                table(["JOB", "BEGAN", "RECORDINGS", "BASIS"], &jobs.iter().map(row).collect::<Vec<_>>())
            });
            Ok(Exit::Done)
        }
    }
}

/// Has `act` done and says in which leaf that stands.
pub(super) fn done(act: KeepAct, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let done: Value = node.value(Act::Keep(act))?;
    printer.value(&done, |done| format!("written down: leaf {} of the ledger\n", done["leaf"]));
    Ok(Exit::Done)
}

fn chosen(select: args::Choose) -> Select {
    Select {
        recordings: select.recordings,
        number: select.number,
        name: select.name,
        from: select.from.map(|moment| moment.0),
        until: select.until.map(|moment| moment.0),
        tag: select.tag,
        class: select.class,
    }
}

fn listing(state: args::KeptState) -> Listing {
    match state {
        args::KeptState::Active => Listing::In(State::Active),
        args::KeptState::Sealed => Listing::In(State::Sealed),
        args::KeptState::Expired => Listing::In(State::Expired),
        args::KeptState::Held => Listing::Held,
    }
}

fn standings(found: &[Kept]) -> String {
    let moment = |at: Option<crate::base::Wall>| or_dash(at.map(|at| at.rfc3339()));
    let rows: Vec<[String; 6]> = found
        .iter()
        .map(|kept| {
            let state = format!("{:?}", kept.standing.state).to_lowercase();
            let waits: Vec<String> = kept.pending.iter().map(|event| format!("waits for {event}")).collect();
            let held = kept.standing.held_by.iter().map(|case| format!("held by {case}"));
            let conflict = kept.conflict.then(|| "maximum before minimum".to_string());
            [
                kept.recording.to_string(),
                or_dash(kept.class.as_ref()),
                state,
                moment(kept.keep_until),
                moment(kept.destroy_by),
                waits.into_iter().chain(held).chain(conflict).collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    table(["RECORDING", "CLASS", "STATE", "KEEP UNTIL", "DESTROY BY", "NOTE"], &rows)
}

fn holds_text(holds: &[(String, Hold)]) -> String {
    let rows: Vec<[String; 5]> = holds
        .iter()
        .map(|(case, hold)| {
            let select = serde_json::to_string(&hold.select).unwrap_or_default();
            [case.clone(), hold.at.rfc3339(), hold.by.clone(), select, hold.reason.clone()]
        })
        .collect();
    table(["CASE", "SINCE", "BY", "HOLDS", "REASON"], &rows)
}
