//! `audit`: what was done, by whom; and that nobody changed the record of it. There is no command that deletes any of it.

use std::path::Path;

use serde_json::Value;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use super::rec;
use crate::io::admin::AuditView;
use crate::io::admin::protocol::Act;
use crate::vault::{AuditQuery, Outcome};

pub(super) fn run(audit: &args::Audit, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match audit {
        args::Audit::List(list) => entries(list, &mut node, printer),
        args::Audit::Verify => {
            let result: Value = node.value(Act::AuditVerify)?;
            Ok(rec::verified(&result, printer))
        }
        args::Audit::Heads { last } => {
            let heads: Vec<String> = node.value(Act::AuditHeads { count: *last })?;
            printer.value(&heads, |heads| heads.iter().map(|head| format!("{head}\n")).collect());
            Ok(Exit::Done)
        }
        args::Audit::Consistency { from, to } => {
            let proof: Value = node.value(Act::AuditConsistency { from: *from, to: *to })?;
            printer.value(&proof, |proof| format!("{proof:#}\n"));
            Ok(Exit::Done)
        }
    }
}

fn entries(list: &args::AuditList, node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let query = AuditQuery {
        from: list.from.map(|moment| moment.0),
        until: list.until.map(|moment| moment.0),
        who: list.who.clone(),
        act: list.act.clone(),
        on: list.on.clone(),
        result: list.result.map(outcome),
        limit: list.limit,
    };
    let mut found: Vec<AuditView> = node.items(Act::AuditList { query, reveal: list.reveal })?;
    if !list.all && list.result.is_none() {
        // An act that has its outcome here need not be told twice.
        let ended: Vec<u64> = found.iter().filter_map(|entry| entry.of).collect();
        found.retain(|entry| entry.result != Outcome::Begun || !ended.contains(&entry.leaf));
    }
    printer.value(&found, |found| text(found));
    Ok(Exit::Done)
}

fn outcome(result: args::AuditResult) -> Outcome {
    match result {
        args::AuditResult::Begun => Outcome::Begun,
        args::AuditResult::Done => Outcome::Done,
        args::AuditResult::Refused => Outcome::Refused,
        args::AuditResult::Failed => Outcome::Failed,
    }
}

fn text(found: &[AuditView]) -> String {
    let rows: Vec<[String; 8]> = found
        .iter()
        .map(|entry| {
            let why = entry.detail["why"].as_str().map(str::to_string);
            let said = entry.reason.iter().cloned().chain(entry.about.iter().cloned()).chain(why);
            [
                entry.leaf.to_string(),
                entry.at.clone(),
                entry.name.clone(),
                entry.who.from.clone(),
                entry.act.clone(),
                or_dash(entry.on.as_ref()),
                entry.result.to_string(),
                said.collect::<Vec<_>>().join("; "),
            ]
        })
        .collect();
    table(["LEAF", "AT", "WHO", "FROM", "ACT", "ON", "RESULT", "ABOUT"], &rows)
}
