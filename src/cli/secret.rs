//! `secret`: named secrets in the sealed store, on a node that runs or not.

use std::io::BufRead;
use std::path::Path;

use serde_json::json;

use super::args;
use super::door;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::base::Secret;
use crate::io::node;
use crate::io::secrets::Secrets;

pub(super) fn run(secret: &args::Secret, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let keys = node::load_keys(&config).map_err(Stop::failed)?;
    let secrets = Secrets::new(&config.store.folder, keys);
    match secret {
        args::Secret::Set { name } => {
            secrets.set(name, first_line()?).map_err(Stop::refused)?;
            printer.value(&json!({ "set": name }), |_| {
                format!(
                    "{name} is set. A running switch takes it at SIGHUP (`systemctl reload ledgerline`).\n"
                )
            });
        }
        args::Secret::List => {
            let names: Vec<String> = secrets.all().map_err(Stop::failed)?.into_keys().collect();
            printer.value(&names, |names| names.iter().map(|name| format!("{name}\n")).collect());
        }
        args::Secret::Remove { name } => {
            secrets.remove(name).map_err(Stop::refused)?;
            printer.value(&json!({ "removed": name }), |_| format!("{name} is removed\n"));
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
