//! `call`: one call, running or over.

use std::path::Path;

use serde_json::Value;

use super::args;
use super::door::{self, Node, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use crate::base::CallId;
use crate::call::ladder::ladder;
use crate::call::trace::Entry;
use crate::call::view::CallView;
use crate::call::{RoomAct, Supervision};
use crate::config::Config;
use crate::io::admin::protocol::Act;
use crate::switch::Command;

pub(super) fn run(call: &args::Call, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    match call {
        args::Call::Show { id } => {
            let call: CallView = Socket::reach(&config)?.ask(Command::Look { id: *id })?;
            printer.value(&call, show);
        }
        args::Call::Start { from, to, auto_answer } => {
            let start = Command::Start { from: from.clone(), to: to.clone(), answers_itself: *auto_answer };
            let id: CallId = Socket::reach(&config)?.ask(start)?;
            printer.value(&id, |id| format!("{id} rings {from}"));
        }
        args::Call::Listen(it) => supervise(it, Supervision::Listen, &config, printer)?,
        args::Call::Whisper(it) => supervise(it, Supervision::Whisper, &config, printer)?,
        args::Call::Barge(it) => supervise(it, Supervision::Barge, &config, printer)?,
        args::Call::TakeOver(it) => supervise(it, Supervision::TakeOver, &config, printer)?,
        args::Call::Lock { id, off } => in_room(*id, RoomAct::Lock(!off), &config, printer)?,
        args::Call::Mute { id, leg, off } => in_room(*id, RoomAct::Mute(*leg, !off), &config, printer)?,
        args::Call::Kick { id, leg } => in_room(*id, RoomAct::Kick(*leg), &config, printer)?,
        args::Call::Hangup { id } => {
            let done: Value = Socket::reach(&config)?.ask(Command::Hangup { id: *id })?;
            printer.value(&done, |_| format!("{id} is ending"));
        }
        args::Call::Explain { id } => {
            let entries = entries(*id, &config)?;
            printer.value(&entries, |entries| ladder(entries));
        }
    }
    Ok(Exit::Done)
}

/// Acts in a conference.
fn in_room(id: CallId, act: RoomAct, config: &Config, printer: &Printer) -> Result<(), Stop> {
    let done: Value = Socket::reach(config)?.ask(Command::Room { id, act })?;
    let word = match act {
        RoomAct::Lock(true) => format!("{id} is locked"),
        RoomAct::Lock(false) => format!("{id} is open"),
        RoomAct::Mute(leg, true) => format!("{leg} is muted"),
        RoomAct::Mute(leg, false) => format!("{leg} is heard"),
        RoomAct::Kick(leg) => format!("{leg} is shown out"),
    };
    printer.value(&done, |_| word);
    Ok(())
}

/// Brings a supervisor into a conversation.
fn supervise(
    supervise: &args::Supervise,
    how: Supervision,
    config: &Config,
    printer: &Printer,
) -> Result<(), Stop> {
    let args::Supervise { id, user } = supervise;
    let command = Command::Supervise { id: *id, user: user.clone(), how };
    let done: Value = Socket::reach(config)?.ask(command)?;
    printer.value(&done, |_| format!("{user} is rung, or goes on, to {} in {id}", how.word()));
    Ok(())
}

/// The log of a running call from the core, of an ended one from its sealed record.
fn entries(id: CallId, config: &Config) -> Result<Vec<Entry>, Stop> {
    let mut node = Node::open(config)?;
    if let Node::Running(socket) = &mut node
        && let Ok(entries) = socket.ask(Command::Explain { id })
    {
        return Ok(entries);
    }
    node.value(Act::Trace { call: id })
}

fn show(call: &CallView) -> String {
    let head = format!(
        "Call       {}\nBegan      {}\nState      {}\nCaller     {}\nDialled    {}\nAnswered   {}\nRecording  {}\n\n",
        call.id,
        call.began.rfc3339(),
        call.state,
        call.caller,
        call.dialled,
        or_dash(call.answered_by.as_ref()),
        or_dash(call.recording),
    );
    let rows: Vec<[String; 7]> = call
        .legs
        .iter()
        .map(|leg| {
            [
                leg.leg.to_string(),
                leg.peer.clone(),
                leg.state.to_string(),
                or_dash(leg.codec.as_ref()),
                or_dash(leg.local.as_ref()),
                or_dash(leg.remote.as_ref()),
                or_dash(leg.encryption.as_ref()),
            ]
        })
        .collect();
    let legs = table(["LEG", "PEER", "STATE", "CODEC", "OUR RTP", "THEIR RTP", "ENCRYPTION"], &rows);
    head + &legs + &sound(call)
}

/// What was measured, a line a leg; nothing before anything was.
fn sound(call: &CallView) -> String {
    let number = |value: Option<f64>, digits: usize| or_dash(value.map(|value| format!("{value:.digits$}")));
    let rows: Vec<[String; 9]> = call
        .legs
        .iter()
        .filter_map(|leg| Some((leg, leg.quality.as_ref()?)))
        .map(|(leg, it)| {
            [
                leg.leg.to_string(),
                format!("{} / {}", it.packets_in, it.packets_out),
                format!("{} / {}", it.lost, or_dash(it.far_lost)),
                format!("{:.1} / {}", it.jitter_ms, number(it.far_jitter_ms, 1)),
                number(it.round_trip_ms, 1),
                format!("{} / {}", number(it.mos_in, 2), number(it.mos_out, 2)),
                or_dash(it.codec_in.as_ref()),
                or_dash(it.codec_out.as_ref()),
                format!("{:.1}", f64::from(it.one_way_ms) / 1_000.0),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = [
        "LEG",
        "PACKETS IN / OUT",
        "LOST IN / OUT",
        "JITTER MS IN / OUT",
        "ROUND TRIP MS",
        "MOS IN / OUT",
        "HEARD IN",
        "SENT IN",
        "ONE WAY S",
    ];
    format!("\n{}", table(heads, &rows))
}
