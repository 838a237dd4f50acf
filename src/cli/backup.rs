//! `backup` and `restore`: copies of the store, made while it runs and checked when they are made.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::io::admin::Reply;
use crate::io::admin::protocol::Act;
use crate::io::store;
use crate::vault::LedgerPublic;

pub(super) fn backup(args: &args::Backup, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    // The node runs elsewhere in the file system than whoever asks.
    let to = std::path::absolute(&args.to).map_err(Stop::usage)?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} recordings, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let done = node.act(Act::Backup { to, content: args.content }, &mut |reply| {
        if let Reply::Item(told) = reply {
            bar.set_length(told["all"].as_u64().unwrap_or(0));
            bar.set_position(told["done"].as_u64().unwrap_or(0));
        }
        true
    });
    bar.finish_and_clear();
    let done: Value = done?;
    printer.value(&done, |done| {
        format!(
            "{} recordings, {} leaves; copied now {} files, {} octets; destroyed here too {}\n\
             The keys are not in it: keep a copy of them apart.\n",
            done["recordings"], done["leaves"], done["copied"], done["octets"], done["destroyed"]
        )
    });
    Ok(Exit::Done)
}

pub(super) fn restore(args: &args::Restore, printer: &Printer) -> Result<Exit, Stop> {
    let at = |error| Stop::usage(format!("{}: {error}", args.key.display()));
    let text = std::fs::read_to_string(&args.key).map_err(at)?;
    let public = LedgerPublic::parse(&text)
        .ok_or_else(|| Stop::usage(format!("{}: not a public key", args.key.display())))?;
    let bar = ProgressBar::new_spinner();
    let done = store::restore(&args.from, &args.to, &public, args.newer.as_deref(), &mut |files| {
        bar.set_position(files)
    });
    bar.finish_and_clear();
    done.map_err(Stop::failed)?;
    printer.value(&json!({ "restored": args.to }), |_| {
        format!(
            "{} is whole and brought back. Name it in [store], bring the keys, start; `rec reindex` is not needed.\n",
            args.to.display()
        )
    });
    Ok(Exit::Done)
}
