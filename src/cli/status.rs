//! `status`: how the node is.

use std::path::Path;

use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::switch::{Command, MediaView, StatusView};

pub(super) fn run(config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let status: StatusView = Socket::reach(&config)?.ask(Command::Status)?;
    printer.value(&status, text);
    Ok(if status.store_writable { Exit::Done } else { Exit::Findings })
}

fn text(status: &StatusView) -> String {
    let store = if status.store_writable { "takes recordings" } else { "TAKES NO RECORDINGS" };
    let media = status.media.as_ref().map_or("-".to_string(), |media| {
        let MediaView { back_end, workers, alive, free_ports, .. } = media;
        let dead =
            if alive < workers { format!(", {} OF THEM DEAD", workers - alive) } else { String::new() };
        format!("{workers} workers over {back_end}{dead}, room for {} more legs", free_ports)
    });
    format!(
        "Node          {}, since {}\n\
         Calls         {} now, {} since start\n\
         Phones        {} contacts of {} accounts, {} subscriptions\n\
         Media         {media}\n\
         Program       {}\n\
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
