//! `login`, `prove`, `logout`, `whoami`: who the commands of this user are done as.

use std::path::Path;

use serde_json::json;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::Printer;
use super::session;
use crate::io::admin::persons::{PersonAct, SessionView};
use crate::io::admin::protocol::{Act, Word};
use crate::io::people::PersonView;

pub(super) fn login(args: &args::Login, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    // Whoever was logged in before is not asked about it.
    session::forget(&config);
    let mut node = Node::open(&config)?;
    let (password, code) = match args.password_stdin {
        true => (session::line()?, session::line()?),
        false => (session::ask_hidden("Password")?, session::ask_hidden("One-time code, if you have one")?),
    };
    let code = Some(code.expose().clone()).filter(|code| !code.is_empty());
    let view = node.log_in(Act::LogIn { name: args.name.clone(), password: Word(password), code })?;
    session::keep(&config, &view.token.0)?;
    told(&view, printer);
    Ok(Exit::Done)
}

pub(super) fn prove(args: &args::Prove, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    let proof = match args.stdin {
        true => session::line()?,
        false => session::ask_hidden("One-time code, or the password where there is none")?,
    };
    let view = node.prove(proof)?;
    session::keep(&config, &view.token.0)?;
    told(&view, printer);
    Ok(Exit::Done)
}

pub(super) fn logout(config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let forgotten = session::forget(&config);
    printer.value(&json!({ "logged_out": forgotten }), |_| match forgotten {
        true => "logged out".to_string(),
        false => "nobody was logged in".to_string(),
    });
    Ok(Exit::Done)
}

pub(super) fn whoami(config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    if !node.is_somebody() {
        printer.value(&json!({ "role": "system" }), |_| "system administrator, nobody logged in".to_string());
        return Ok(Exit::Done);
    }
    let me: PersonView = node.value(Act::Person(PersonAct::Me))?;
    printer.value(&me, |me| format!("{} ({}), over {}", me.of.name, me.of.roles, me.of.scope));
    Ok(Exit::Done)
}

fn told(view: &SessionView, printer: &Printer) {
    let value = json!({
        "account": view.account, "person": view.person, "roles": view.roles, "scope": view.scope, "present": view.present,
    });
    printer.value(&value, |_| format!("{} ({}), over {}", view.account, view.roles, view.scope));
}
