//! `phones`: who is registered, and from where.

use std::path::Path;

use super::args;
use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, table};
use crate::switch::{Command, PhoneView};

pub(super) fn run(args: &args::Phones, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let command = match &args.user {
        Some(user) => Command::Phone { user: user.clone() },
        None => Command::Phones,
    };
    let phones: Vec<PhoneView> = Socket::reach(&config)?.ask(command)?;
    printer.value(&phones, |phones| list(phones));
    Ok(Exit::Done)
}

fn list(phones: &[PhoneView]) -> String {
    let rows: Vec<[String; 6]> = phones
        .iter()
        .map(|phone| {
            [
                phone.user.clone(),
                phone.contact.clone(),
                phone.transport.clone(),
                phone.source.clone(),
                format!("{} s", phone.expires_s),
                phone.agent.clone(),
            ]
        })
        .collect();
    table(["USER", "CONTACT", "OVER", "FROM", "EXPIRES", "AGENT"], &rows)
}
