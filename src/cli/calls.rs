//! `calls`: what is going on, once or as it happens.

use std::path::Path;

use serde_json::Value;

use super::args;
use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use crate::call::view::{CallView, Change, Happening};
use crate::io::admin::Reply;
use crate::io::admin::protocol::Act;
use crate::switch::Command;

pub(super) fn run(args: &args::Calls, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut socket = Socket::reach(&config)?;
    if args.watch {
        return watch(&mut socket, printer);
    }
    let calls: Vec<CallView> = socket.ask(Command::Calls)?;
    printer.value(&calls, |calls| list(calls));
    Ok(Exit::Done)
}

fn list(calls: &[CallView]) -> String {
    let rows: Vec<[String; 7]> = calls
        .iter()
        .map(|call| {
            [
                call.id.to_string(),
                call.began.rfc3339(),
                call.state.to_string(),
                call.caller.clone(),
                call.dialled.clone(),
                or_dash(call.answered_by.as_ref()),
                or_dash(call.recording),
            ]
        })
        .collect();
    table(["CALL", "BEGAN", "STATE", "CALLER", "DIALLED", "ANSWERED BY", "RECORDING"], &rows)
}

/// Prints changes until the node or the reader goes away.
fn watch(socket: &mut Socket, printer: &Printer) -> Result<Exit, Stop> {
    socket.act(Act::Watch, &mut |reply| {
        if let Reply::Item(value) = reply {
            printer.item(&value, happened);
        }
        true
    })?;
    Ok(Exit::Done)
}

fn happened(value: &Value) -> String {
    let Ok(Happening { at, change, call }) = serde_json::from_value(value.clone()) else {
        return format!("(behind: {value})");
    };
    let what = match &change {
        Change::Began => "began".to_string(),
        Change::Rings => "rings".to_string(),
        Change::Joined => format!("joined {}", or_dash(call.answered_by.as_ref())),
        Change::OneWay { leg } => format!("sound goes one way: nothing comes from {leg}"),
        Change::Ended { cause, duration_ms } => format!("ended after {duration_ms} ms: {cause}"),
    };
    format!("{}  {}  {} -> {}  {what}", at.rfc3339(), call.id, call.caller, call.dialled)
}
