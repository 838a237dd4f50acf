//! `init`: a new node, and its secrets, told once.

use serde_json::json;

use super::args;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::io::init::{self, InitError, Wishes};

pub(super) fn run(args: &args::Init, printer: &Printer) -> Result<Exit, Stop> {
    let made =
        init::init(&args.folder, &Wishes { suite: args.suite, ..Wishes::default() }).map_err(|error| {
            match error {
                InitError::NotEmpty(_) => Stop::refused(error),
                _ => Stop::failed(error),
            }
        })?;
    let result = json!({
        "config": made.config,
        "certificate": made.certificate,
        "keys": made.keys,
        "suite": args.suite,
        "administrator": init::ADMINISTRATOR,
        "password": made.password.expose(),
        "break_glass": init::BREAK_GLASS,
        "break_glass_password": made.break_glass.expose(),
    });
    printer.value(&result, |_| {
        let config = made.config.display();
        format!(
            "A new node: {config}\n\
             \n\
             Security administrator   {}\n\
             Password                 {}\n\
             For emergencies only     {}\n\
             Password, into a sealed envelope: {}\n\
             They are stored nowhere and are not shown again. Keep a copy of {} apart from the recordings:\n\
             without these keys no recording opens.\n\
             \n\
             Next:\n\
             \x20 ledgerline serve --config {config}\n\
             \x20 ledgerline user add alice --number 8001 --config {config}\n",
            init::ADMINISTRATOR,
            made.password.expose(),
            init::BREAK_GLASS,
            made.break_glass.expose(),
            made.keys.display(),
        )
    });
    Ok(Exit::Done)
}
