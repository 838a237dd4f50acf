//! `approve` and `user key`: looking at what waits for several people, and signing it with a key of one's own.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::{Printer, table};
use super::session;
use crate::base::Secret;
use crate::compliance::approval::{Standing, Voice, Vote};
use crate::io::admin::persons::{MotionAct, PersonAct};
use crate::io::admin::protocol::Act;
use crate::io::clock::wall;
use crate::io::motions::MotionView;
use crate::io::people::PersonView;
use crate::io::signing_key;

pub(super) fn run(approve: &args::Approve, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match approve {
        args::Approve::List { all } => {
            let mut motions: Vec<MotionView> = node.value(Act::Motion(MotionAct::List))?;
            motions.retain(|view| *all || matches!(view.standing, Standing::Waits(_) | Standing::Approved));
            printer.value(&motions, |motions| list(motions));
        }
        args::Approve::Show { id } => {
            let view: MotionView = node.value(Act::Motion(MotionAct::Show { id: *id }))?;
            printer.value(&view, shown);
        }
        args::Approve::Sign(sign) => vote(sign, Voice::Approve, &mut node, printer)?,
        args::Approve::Refuse(sign) => vote(sign, Voice::Refuse, &mut node, printer)?,
    }
    Ok(Exit::Done)
}

/// Shows what is signed, then signs exactly that.
pub(super) fn vote(args: &args::Sign, voice: Voice, node: &mut Node, printer: &Printer) -> Result<(), Stop> {
    let me: PersonView = node.value(Act::Person(PersonAct::Me))?;
    let before: MotionView = node.value(Act::Motion(MotionAct::Show { id: args.id }))?;
    if before.motion.hash_hex() != before.sha256 {
        return Err(Stop::failed("the node's hash is not that of the text it shows"));
    }
    if !args.passphrase_stdin {
        eprintln!("{}", shown(&before));
    }
    let phrase = passphrase(args.passphrase_stdin, "Passphrase of your key")?;
    let file = args.key.clone().map_or_else(|| key_file(&me.of.name), Ok)?;
    let seed = signing_key::open(&file, &phrase).map_err(Stop::refused)?;
    let vote = Vote::sign(&before.motion, me.of.person, voice, wall(), &seed);
    let after: MotionView = node.value(Act::Motion(MotionAct::Vote { id: args.id, vote }))?;
    printer.value(&after, |after| format!("{}: {}", after.motion.id, standing(after.standing)));
    Ok(())
}

/// `user key NAME --revoke`
pub(super) fn revoke(name: &str, node: &mut Node, printer: &Printer) -> Result<(), Stop> {
    let view: PersonView = node.value(Act::Person(PersonAct::RevokeKey { name: name.to_string() }))?;
    printer.value(&view, |view| format!("{} has no key for approvals any more\n", view.of.name));
    Ok(())
}

/// `user key NAME`
pub(super) fn key(
    name: &str,
    file: Option<PathBuf>,
    from_stdin: bool,
    node: &mut Node,
    printer: &Printer,
) -> Result<(), Stop> {
    let me: PersonView = node.value(Act::Person(PersonAct::Me))?;
    if me.of.name != name {
        return Err(Stop::refused(format!("{} is logged in: everybody makes their own key", me.of.name)));
    }
    let file = file.map_or_else(|| key_file(name), Ok)?;
    let phrase = passphrase(from_stdin, "A passphrase for the new key")?;
    if !from_stdin && phrase.expose() != session::ask_hidden("Once more")?.expose() {
        return Err(Stop::usage("these are two passphrases"));
    }
    let public = signing_key::make(&file, name, &phrase).map_err(Stop::failed)?;
    let registered = node.value::<PersonView>(Act::Person(PersonAct::Key { key: public.clone() }));
    if let Err(stop) = registered {
        // A key that nobody knows is of no use, and its file would stand in the way.
        let _ = std::fs::remove_file(&file);
        return Err(stop);
    }
    let value = json!({ "account": name, "file": file, "public": public });
    printer.value(&value, |_| {
        format!("Key      {}\nPublic   {public}\nThe node knows the public part only.\n", file.display())
    });
    Ok(())
}

fn passphrase(from_stdin: bool, what: &str) -> Result<Secret<String>, Stop> {
    if from_stdin { session::line() } else { session::ask_hidden(what) }
}

fn key_file(name: &str) -> Result<PathBuf, Stop> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let home = home.ok_or_else(|| Stop::usage("no home folder: name a file with --key"))?;
    Ok(home.join(".config/ledgerline").join(format!("{name}.key")))
}

fn standing(standing: Standing) -> String {
    match standing {
        Standing::Waits(1) => "waits for 1 approval".to_string(),
        Standing::Waits(more) => format!("waits for {more} approvals"),
        Standing::Approved => "approved".to_string(),
        Standing::Refused => "refused".to_string(),
        Standing::Expired => "its day is over".to_string(),
        Standing::Used => "done".to_string(),
    }
}

fn list(motions: &[MotionView]) -> String {
    let rows: Vec<[String; 5]> = motions
        .iter()
        .map(|view| {
            [
                view.motion.id.to_string(),
                view.motion.act.to_string(),
                view.motion.made.rfc3339(),
                standing(view.standing),
                view.motion.text.lines().next().unwrap_or_default().to_string(),
            ]
        })
        .collect();
    table(["MOTION", "ACT", "SINCE", "STATE", "WHAT"], &rows)
}

fn shown(view: &MotionView) -> String {
    let mut text = format!(
        "Motion    {}\nAct       {}\nAuthor    {}\nSince     {}\nUntil     {}\nState     {}\nSHA-256   {}\n\n",
        view.motion.id,
        view.motion.act,
        view.called(view.motion.author),
        view.motion.made.rfc3339(),
        view.until.rfc3339(),
        standing(view.standing),
        view.sha256,
    );
    // What is approved is shown as it is, but for what could deceive a terminal.
    for line in view.motion.text.lines() {
        text += &format!("    {}\n", crate::base::presentable(line, usize::MAX));
    }
    for vote in &view.motion.votes {
        let voice = if vote.voice == Voice::Approve { "approves" } else { "refuses" };
        text += &format!("\n{} {voice}, {}\n", view.called(vote.person), vote.at.rfc3339());
    }
    text
}
