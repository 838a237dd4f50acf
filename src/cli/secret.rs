//! `secret`: named secrets in the sealed store, on a node that runs or not.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::args;
use super::door::{self, Node};
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::base::Secret;
use crate::io::admin::protocol::{Act, Word};

pub(super) fn run(secret: &args::Secret, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match secret {
        args::Secret::Set { name } => {
            let act = Act::SecretSet { name: name.clone(), value: Word(first_line()?) };
            let done: Value = node.value(act)?;
            printer.value(&done, |_| format!("{name} is set\n"));
        }
        args::Secret::List => {
            let names: Vec<String> = node.value(Act::SecretList)?;
            printer.value(&names, |names| names.iter().map(|name| format!("{name}\n")).collect());
        }
        args::Secret::Remove { name } => {
            let done: Value = node.value(Act::SecretRemove { name: name.clone() })?;
            printer.value(&done, |_| format!("{name} is removed\n"));
        }
    }
    Ok(Exit::Done)
}

fn first_line() -> Result<Secret<String>, Stop> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Stop::failed)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(line))
}
