//! `user`: the accounts of phones, on a node that runs or not.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::approve;
use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::{Printer, or_dash, table};
use crate::base::Secret;
use crate::config::Srtp;
use crate::io::admin::protocol::{Act, Word};
use crate::io::admin::{UserMade, UserShown};
use crate::io::users::UserView;
use crate::registrar::{Setting, When};

pub(super) fn run(user: args::User, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match user {
        args::User::Add { name, numbers, display, password_stdin } => {
            let password = word(password_stdin)?;
            made(&node.value(Act::UserAdd { name, display, numbers, password })?, printer);
        }
        args::User::Passwd { name, password_stdin } => {
            let password = word(password_stdin)?;
            made(&node.value(Act::UserPasswd { name, password })?, printer);
        }
        args::User::List => {
            let users: Vec<UserView> = node.value(Act::UserList)?;
            printer.value(&users, |users| list(users));
        }
        args::User::Show { name } => {
            let shown: UserShown = node.value(Act::UserShow { name })?;
            printer.value(&shown, show);
        }
        args::User::Forward { name, when, to, after } => {
            let when = match when {
                args::ForwardWhen::Always => When::Always,
                args::ForwardWhen::Busy => When::Busy,
                args::ForwardWhen::NoAnswer => When::NoAnswer,
                args::ForwardWhen::Unregistered => When::Unregistered,
            };
            let setting = Setting::Forward { when, to, after_s: after };
            let shown: UserShown = node.value(Act::UserSet { name, setting })?;
            printer.value(&shown, show);
        }
        args::User::Dnd { name, state } => {
            let setting = Setting::Dnd(state == args::OnOff::On);
            let shown: UserShown = node.value(Act::UserSet { name, setting })?;
            printer.value(&shown, show);
        }
        args::User::Srtp { name, policy } => {
            let setting = Setting::Srtp(policy.meant());
            let shown: UserShown = node.value(Act::UserSet { name, setting })?;
            printer.value(&shown, show);
        }
        args::User::Video { name, may } => {
            let setting = Setting::Video(may.meant());
            let shown: UserShown = node.value(Act::UserSet { name, setting })?;
            printer.value(&shown, show);
        }
        args::User::Key { name, revoke: true, .. } => approve::revoke(&name, &mut node, printer)?,
        args::User::Key { name, file, passphrase_stdin, revoke: false } => {
            approve::key(&name, file, passphrase_stdin, &mut node, printer)?;
        }
        args::User::Remove { name } => {
            let done: Value = node.value(Act::UserRemove { name: name.clone() })?;
            printer.value(&done, |_| format!("{name} is removed"));
        }
    }
    Ok(Exit::Done)
}

/// The password on standard input: its first line.
fn word(from_stdin: bool) -> Result<Option<Word>, Stop> {
    if !from_stdin {
        return Ok(None);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Stop::failed)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() {
        Err(Stop::usage("no password on standard input"))
    } else {
        Ok(Some(Word(Secret::new(line))))
    }
}

fn made(made: &UserMade, printer: &Printer) {
    printer.value(made, |made| {
        let mut text = format!("User      {}\n", made.user.name);
        if !made.user.numbers.is_empty() {
            text += &format!("Numbers   {}\n", made.user.numbers.join(", "));
        }
        text += &format!("Realm     {}\n", made.realm);
        if let Some(Word(password)) = &made.password {
            text += &format!("Password  {}\nIt is not stored and is not shown again.\n", password.expose());
        }
        text
    });
}

fn show(shown: &UserShown) -> String {
    let UserShown { user, settings } = shown;
    let numbers = Some(user.numbers.join(", ")).filter(|numbers| !numbers.is_empty());
    let mut text = format!(
        "User          {}\nNumbers       {}\nDisplay       {}\nEncryption    {}\nVideo         {}\nDo not disturb  {}\n",
        user.name,
        or_dash(numbers),
        or_dash(Some(&user.display).filter(|display| !display.is_empty())),
        settings.srtp.map_or("as the node has it", Srtp::word),
        settings.video.map_or("as the node has it", |may| if may { "on" } else { "off" }),
        if settings.dnd { "on" } else { "off" }
    );
    for when in When::ALL {
        let to = settings.forward(when).map(|to| match when {
            When::NoAnswer => format!("{to}, after {} s", settings.patience().as_secs()),
            _ => to.to_string(),
        });
        text += &format!("Forward       {:<13} {}\n", when.word(), or_dash(to));
    }
    text
}

fn list(users: &[UserView]) -> String {
    let rows: Vec<[String; 5]> = users
        .iter()
        .map(|user| {
            [
                user.name.clone(),
                or_dash(Some(user.numbers.join(",")).filter(|numbers| !numbers.is_empty())),
                or_dash(Some(&user.display).filter(|display| !display.is_empty())),
                user.since.rfc3339(),
                if user.usable { "yes" } else { "no: made for another realm" }.to_string(),
            ]
        })
        .collect();
    table(["USER", "NUMBERS", "DISPLAY", "SINCE", "USABLE"], &rows)
}
