//! `phones`: who is registered, from where, and whether they answer.

use std::fmt::Write as _;
use std::path::Path;

use super::args::{self, MorePhones};
use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use crate::presence::Waiting;
use crate::switch::{Command, PhoneView};

pub(super) fn run(args: &args::Phones, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let (user, whole) = match &args.more {
        Some(MorePhones::Show { user }) => (Some(user), true),
        Some(errand) => return send(errand, &mut Socket::reach(&config)?, printer),
        None => (args.user.as_ref(), false),
    };
    let command = user.map_or(Command::Phones, |user| Command::Phone { user: user.clone() });
    let phones: Vec<PhoneView> = Socket::reach(&config)?.ask(command)?;
    printer.value(&phones, |phones| if whole { show(phones) } else { list(phones) });
    Ok(Exit::Done)
}

fn send(errand: &MorePhones, socket: &mut Socket, printer: &Printer) -> Result<Exit, Stop> {
    match errand {
        MorePhones::Show { .. } => {}
        MorePhones::Sync { user, reboot } => {
            let asked: usize = socket.ask(Command::Sync { user: user.clone(), reboot: *reboot })?;
            printer.value(&asked, |asked| format!("{asked} phones asked\n"));
        }
        MorePhones::Waiting { user, new, old, urgent } => {
            let waiting = Waiting { new: *new, old: *old, urgent: *urgent };
            let () = socket.ask(Command::Waiting { user: user.clone(), waiting })?;
            printer.value(&waiting, |waiting| format!("{} new, {} old\n", waiting.new, waiting.old));
        }
    }
    Ok(Exit::Done)
}

fn list(phones: &[PhoneView]) -> String {
    let rows: Vec<[String; 7]> = phones
        .iter()
        .map(|phone| {
            [
                phone.user.clone(),
                phone.contact.clone(),
                phone.transport.clone(),
                phone.source.clone(),
                format!("{} s", phone.expires_s),
                answers(phone),
                phone.agent.clone(),
            ]
        })
        .collect();
    table(["USER", "CONTACT", "OVER", "FROM", "EXPIRES", "ANSWERS", "AGENT"], &rows)
}

fn show(phones: &[PhoneView]) -> String {
    let mut text = String::new();
    for phone in phones {
        if !text.is_empty() {
            text.push('\n');
        }
        let flow = phone.reg_id.map_or(String::new(), |id| format!(", flow {id}"));
        let _ = write!(
            text,
            "Contact     {}\nUser        {}\nOver        {} from {}{}\nAgent       {}\nDevice      {}{flow}\n\
             Preference  {}.{:03}\nExpires     in {} s\nAnswers     {}\n",
            phone.contact,
            phone.user,
            phone.transport,
            phone.source,
            if phone.hops > 0 { format!(", through {} proxies", phone.hops) } else { String::new() },
            or_dash(Some(&phone.agent).filter(|agent| !agent.is_empty())),
            or_dash(Some(&phone.instance).filter(|instance| !instance.is_empty())),
            phone.q_thousandths / 1_000,
            phone.q_thousandths % 1_000,
            phone.expires_s,
            answers(phone),
        );
    }
    if text.is_empty() { "No phone is registered.\n".into() } else { text }
}

/// The round trip of a phone that answers, else what is the matter.
fn answers(phone: &PhoneView) -> String {
    match (phone.state.as_str(), phone.round_trip_ms) {
        ("answers", Some(ms)) => format!("in {ms:.1} ms"),
        ("dead", _) => "NOT ANY MORE".into(),
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_shown_with_everything_that_is_known() {
        let phone = PhoneView {
            user: "alice".into(),
            contact: "sip:alice@192.0.2.7:5060".into(),
            transport: "tcp".into(),
            source: "198.51.100.2:40000".into(),
            agent: "Desk 3".into(),
            expires_s: 90,
            q_thousandths: 500,
            instance: "<urn:uuid:1>".into(),
            reg_id: Some(2),
            hops: 1,
            state: "answers".into(),
            round_trip_ms: Some(3.25),
        };
        expect_test::expect![[r#"
            Contact     sip:alice@192.0.2.7:5060
            User        alice
            Over        tcp from 198.51.100.2:40000, through 1 proxies
            Agent       Desk 3
            Device      <urn:uuid:1>, flow 2
            Preference  0.500
            Expires     in 90 s
            Answers     in 3.2 ms
        "#]]
        .assert_eq(&show(&[phone]));
    }
}
