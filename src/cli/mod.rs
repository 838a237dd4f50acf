//! The command line: reads arguments, prints results. What is done is done in `io`.
//!
//! Invariant: every command takes `--json` and `--config`; what a command prints on standard output is its result, what it
//! has to say about it goes to standard error; the exit code is one of [`Exit`].

mod approve;
mod args;
mod audit;
mod backup;
mod bans;
mod call;
mod calls;
mod demo;
mod doctor;
mod door;
mod exit;
mod export;
mod init;
mod keep;
mod key;
mod login;
mod person;
mod phones;
mod plan;
mod print;
mod rec;
mod secret;
mod serve;
mod session;
mod status;
mod trunks;
mod upload;
mod user;
mod vault;
mod verify;
mod when;
mod words;

use std::process::ExitCode;

use clap::Parser;

pub use args::{Cli, Verb};
pub use exit::{Exit, Stop};

use print::Printer;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::io::harden::process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are not errors; clap prints each where it belongs.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let printer = Printer::new(cli.json);
    match run(cli, &printer) {
        Ok(exit) => exit.into(),
        Err(stop) => {
            printer.stop(&stop);
            stop.exit.into()
        }
    }
}

fn run(cli: Cli, printer: &Printer) -> Result<Exit, Stop> {
    let config = cli.config.as_deref();
    if let Some(name) = &cli.person {
        session::be(name);
    }
    if let Some(lang) = cli.lang {
        plan::speak(lang);
    }
    match cli.verb {
        Verb::Init(init) => init::run(&init, printer),
        Verb::Serve => serve::run(config),
        Verb::Demo(demo) => demo::run(&demo, printer),
        Verb::Backup(args) => backup::backup(&args, config, printer),
        Verb::Restore(args) => backup::restore(&args, printer),
        Verb::Login(login) => login::login(&login, config, printer),
        Verb::Prove(prove) => login::prove(&prove, config, printer),
        Verb::Logout => login::logout(config, printer),
        Verb::Whoami => login::whoami(config, printer),
        Verb::Person(person) => person::run(person, config, printer),
        Verb::Approve(approve) => approve::run(&approve, config, printer),
        Verb::User(user) => user::run(user, config, printer),
        Verb::Phones(phones) => phones::run(&phones, config, printer),
        Verb::Bans(bans) => bans::run(&bans, config, printer),
        Verb::Trunks => trunks::run(config, printer),
        Verb::Secret(secret) => secret::run(&secret, config, printer),
        Verb::Calls(calls) => calls::run(&calls, config, printer),
        Verb::Call(call) => call::run(&call, config, printer),
        Verb::Plan(plan) => plan::run(&plan, config, printer),
        Verb::Words(sought) => words::run(&sought, config, printer),
        Verb::Rec(rec) => rec::run(rec, config, printer),
        Verb::Audit(audit) => audit::run(&audit, config, printer),
        Verb::Vault(vault) => vault::run(&vault, config, printer),
        Verb::Key(key) => key::run(&key, config, printer),
        Verb::Hold(hold) => keep::hold(hold, config, printer),
        Verb::Verify(verify) => verify::run(&verify, printer),
        Verb::Status => status::run(config, printer),
        Verb::Doctor => doctor::run(config, printer),
    }
}
