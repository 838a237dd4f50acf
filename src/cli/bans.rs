//! `bans`: who is not heard for a while, and pardon.

use std::path::Path;

use super::args;
use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use crate::switch::{BanView, Command};

pub(super) fn run(bans: &args::Bans, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut socket = Socket::reach(&config)?;
    match bans {
        args::Bans::List => {
            let bans: Vec<BanView> = socket.ask(Command::Bans)?;
            printer.value(&bans, |bans| list(bans));
            Ok(Exit::Done)
        }
        args::Bans::Remove { source, .. } => {
            let ended: usize = socket.ask(Command::Forgive { source: source.clone() })?;
            printer.value(&ended, |ended| format!("{ended} ended"));
            Ok(if ended == 0 && source.is_some() { Exit::Findings } else { Exit::Done })
        }
    }
}

fn list(bans: &[BanView]) -> String {
    let rows: Vec<[String; 5]> = bans
        .iter()
        .map(|ban| {
            [
                ban.source.clone(),
                or_dash(ban.user.as_ref()),
                ban.why.clone(),
                format!("{} s", ban.left_s),
                ban.refused.to_string(),
            ]
        })
        .collect();
    table(["SOURCE", "USER", "WHY", "ENDS IN", "REFUSED"], &rows)
}
