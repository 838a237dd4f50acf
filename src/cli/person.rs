//! `person`: the accounts of administrators, listeners and everybody else who proves who they are.

use std::path::Path;

use serde_json::Value;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use super::session;
use crate::io::admin::persons::{PersonAct, PersonMade};
use crate::io::admin::protocol::{Act, Word};
use crate::io::people::PersonView;

pub(super) fn run(person: args::Person, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match person {
        args::Person::Add { name, roles, scope, same_as, no_code, break_glass, password_stdin } => {
            let password = given(password_stdin)?;
            let act = PersonAct::Add { name, same_as, roles, scope, no_code, break_glass, password };
            made(&node.value(Act::Person(act))?, printer);
        }
        args::Person::List => {
            let people: Vec<PersonView> = node.value(Act::Person(PersonAct::List))?;
            printer.value(&people, |people| list(people));
        }
        args::Person::Role { name, roles, scope } => {
            let roles = Some(roles).filter(|roles| !roles.is_empty());
            let view: PersonView = node.value(Act::Person(PersonAct::Roles { name, roles, scope }))?;
            printer.value(&view, |view| {
                format!("{} is {}, over {}", view.of.name, view.of.roles, view.of.scope)
            });
        }
        args::Person::Passwd { name, password_stdin } => {
            let password = given(password_stdin)?;
            made(&node.value(Act::Person(PersonAct::Passwd { name, password }))?, printer);
        }
        args::Person::Disable { name } => disable(name, true, &mut node, printer)?,
        args::Person::Enable { name } => disable(name, false, &mut node, printer)?,
        args::Person::Totp { name } => {
            let drawn: Value = node.value(Act::Person(PersonAct::Totp { name }))?;
            let uri = drawn["otpauth"].as_str().unwrap_or_default();
            printer.value(&drawn, |_| format!("{uri}\n{SHOWN_ONCE}"));
        }
    }
    Ok(Exit::Done)
}

const SHOWN_ONCE: &str =
    "Show it to an authenticator app (as a QR code, or type in the secret). It is not shown again.\n";

fn disable(name: String, disabled: bool, node: &mut Node, printer: &Printer) -> Result<(), Stop> {
    let view: PersonView = node.value(Act::Person(PersonAct::Disable { name, disabled }))?;
    printer.value(&view, |view| {
        format!("{} {}", view.of.name, if view.of.disabled { "is let in no more" } else { "is let in again" })
    });
    Ok(())
}

fn given(from_stdin: bool) -> Result<Option<Word>, Stop> {
    if !from_stdin {
        return Ok(None);
    }
    let word = session::line()?;
    if word.expose().is_empty() {
        return Err(Stop::usage("no password on standard input"));
    }
    Ok(Some(Word(word)))
}

fn made(made: &PersonMade, printer: &Printer) {
    printer.value(made, |made| {
        let view = &made.person;
        let mut text =
            format!("Person    {}\nRoles     {}\nOver      {}\n", view.of.name, view.of.roles, view.of.scope);
        if let Some(Word(password)) = &made.password {
            text += &format!("Password  {}\nIt is not stored and is not shown again.\n", password.expose());
        }
        if let Some(Word(uri)) = &made.otpauth {
            text += &format!("Codes     {}\n{SHOWN_ONCE}", uri.expose());
        }
        text
    });
}

fn list(people: &[PersonView]) -> String {
    let rows: Vec<[String; 7]> = people
        .iter()
        .map(|view| {
            let state = match (view.of.disabled, view.of.locked_until, view.of.broken) {
                (true, ..) => "disabled".to_string(),
                (_, _, Some(at)) => format!("OPENED {}, not reviewed", at.rfc3339()),
                (_, Some(until), _) => format!("locked until {}", until.rfc3339()),
                _ if view.of.break_glass => "sealed, for emergencies".to_string(),
                _ => "-".to_string(),
            };
            [
                view.of.name.clone(),
                view.of.roles.to_string(),
                view.of.scope.to_string(),
                if view.code { "yes" } else { "no" }.to_string(),
                or_dash(view.of.key.as_ref().map(|key| key.chars().take(8).collect::<String>())),
                view.of.person.to_string(),
                state,
            ]
        })
        .collect();
    table(["NAME", "ROLES", "OVER", "CODES", "KEY", "PERSON", "STATE"], &rows)
}
