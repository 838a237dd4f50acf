//! `key`: the key-encryption keys of a node, their rotation and their end.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::{Printer, table};
use crate::io::admin::Reply;
use crate::io::admin::protocol::{Act, KeyAct};
use crate::io::store::{KeyUse, Rewrapped};

pub(super) fn run(key: &args::Key, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match key {
        args::Key::List => {
            let found: KeyUse = node.value(Act::Key(KeyAct::List))?;
            printer.value(&found, uses);
            Ok(Exit::Done)
        }
        args::Key::Rotate => {
            let made: Value = node.value(Act::Key(KeyAct::Rotate))?;
            printer.value(&made, |made| {
                let hint =
                    "copy the key folder to where you keep keys; `key rewrap` brings the old files under it";
                format!("key version {} wraps what begins from now on; {hint}\n", made["set"])
            });
            Ok(Exit::Done)
        }
        args::Key::Rewrap => rewrap(&mut node, printer),
        args::Key::Retire { version } => {
            let gone: Value = node.value(Act::Key(KeyAct::Retire { version: *version }))?;
            printer.value(&gone, |_| {
                format!(
                    "key version {version} is destroyed; destroy its copies too: they open old backups only\n"
                )
            });
            Ok(Exit::Done)
        }
    }
}

fn rewrap(node: &mut Node, printer: &Printer) -> Result<Exit, Stop> {
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} files, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let done = node.act(Act::Key(KeyAct::Rewrap), &mut |reply| {
        if let Reply::Item(item) = reply {
            bar.set_length(item["all"].as_u64().unwrap_or(0));
            bar.set_position(item["done"].as_u64().unwrap_or(0));
        }
        true
    });
    bar.finish_and_clear();
    let done: Rewrapped = serde_json::from_value(done?).map_err(Stop::failed)?;
    printer.value(&done, |done| {
        let Rewrapped { rewrapped, left, damaged } = done;
        format!("{rewrapped} files are under the current key now, {left} run or are too young, {damaged} do not unwrap\n")
    });
    Ok(if done.damaged == 0 { Exit::Done } else { Exit::Findings })
}

fn uses(found: &KeyUse) -> String {
    let row = |(version, (files, small)): (&u32, &(u64, u64))| {
        let index = if *version == found.index { "yes" } else { "" };
        let current = if *version == found.current { "current" } else { "" };
        [version.to_string(), current.into(), files.to_string(), small.to_string(), index.to_string()]
    };
    let rows: Vec<[String; 5]> = found.versions.iter().map(row).collect();
    table(["VERSION", "", "FILES", "ACCOUNTS AND SETTINGS", "INDEX"], &rows)
}
