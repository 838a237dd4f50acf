//! `trunks`: whether carriers answer, are registered, and what they carry.

use std::path::Path;

use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, table};
use crate::switch::{Command, TrunkView};

pub(super) fn run(config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let trunks: Vec<TrunkView> = Socket::reach(&config)?.ask(Command::Trunks)?;
    printer.value(&trunks, |trunks| list(trunks));
    Ok(Exit::Done)
}

fn list(trunks: &[TrunkView]) -> String {
    let limit = |limit: usize| if limit == 0 { String::new() } else { format!(" of {limit}") };
    let rows: Vec<[String; 5]> = trunks
        .iter()
        .map(|trunk| {
            [
                trunk.name.clone(),
                trunk.state.clone(),
                trunk.registration.clone(),
                format!("{}{}", trunk.calls, limit(trunk.limit)),
                trunk.places.join(", "),
            ]
        })
        .collect();
    table(["TRUNK", "STATE", "REGISTRATION", "CALLS", "PLACES"], &rows)
}
