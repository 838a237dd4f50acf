//! `status`: how the node is.

use std::path::Path;

use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::io::admin::protocol::Act;
use crate::switch::{Command, MediaView, StatusView};

pub(super) fn run(config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut socket = Socket::reach(&config)?;
    let status: StatusView = socket.ask(Command::Status)?;
    let alarms: Vec<String> =
        serde_json::from_value(socket.act(Act::Alarms, &mut |_| true)?).map_err(Stop::failed)?;
    let fine = status.store_writable && alarms.is_empty();
    printer.value(&Told { status, alarms }, |told| {
        let alarms: String = told.alarms.iter().map(|alarm| format!("ALARM         {alarm}\n")).collect();
        text(&told.status) + &alarms
    });
    Ok(if fine { Exit::Done } else { Exit::Findings })
}

/// What the core says, and what somebody should be woken for.
#[derive(serde::Serialize)]
struct Told {
    #[serde(flatten)]
    status: StatusView,
    alarms: Vec<String>,
}

fn text(status: &StatusView) -> String {
    let store = if status.store_writable { "takes recordings" } else { "TAKES NO RECORDINGS" };
    let media = status.media.as_ref().map_or("-".to_string(), |media| {
        let MediaView { back_end, workers, alive, free_ports, .. } = media;
        let dead =
            if alive < workers { format!(", {} OF THEM DEAD", workers - alive) } else { String::new() };
        format!("{workers} workers over {back_end}{dead}, room for {} more legs", free_ports)
    });
    let emergency = status.emergency.as_ref().map(|plan| format!(", emergency plan {plan} is ON"));
    let emergency = emergency.unwrap_or_default();
    format!(
        "Node          {}, since {}\n\
         Calls         {} now, {} since start\n\
         Phones        {} contacts of {} accounts, {} subscriptions\n\
         Media         {media}\n\
         Program       {}{emergency}\n\
         Store         {store}, {} MB free\n\
         Transactions  {}\n\
         Not heard     {} above a limit, {} of banned sources; {} wrong passwords, {} bans\n",
        status.node,
        status.since.rfc3339(),
        status.calls,
        status.calls_total,
        status.contacts,
        status.users,
        status.subscriptions,
        status.program,
        status.store_free_bytes / 1_000_000,
        status.transactions,
        status.flood.too_much,
        status.flood.banned,
        status.flood.wrong_passwords,
        status.flood.bans,
    )
}
