//! `vault`: the lock on a node's keys. Works beside the node: while the keys are locked there is no node to ask.

use std::io::BufRead;
use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use super::args;
use super::door;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::io::store::held::{self, InToken};
use crate::io::store::lock::{self, Lock};

/// Shortest passphrase: it guards everything.
const SHORTEST: usize = 12;

pub(super) fn run(vault: &args::Vault, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let keys = &config.store.keys;
    match vault {
        args::Vault::Lock { shares: Some((need, of)), .. } => {
            let shares = lock::lock_by_shares(keys, *need, *of).map_err(Stop::refused)?;
            let shares: Vec<&str> = shares.iter().map(|share| share.as_str()).collect();
            printer.value(&json!({ "need": need, "shares": shares }), |_| {
                let lines: String = shares.iter().map(|share| format!("{share}\n")).collect();
                format!("{lines}{need} of these open the keys. They are shown this once: give each to another person.\n")
            });
        }
        args::Vault::Lock { token: Some(token), module: Some(module), key, escrow_minutes, .. } => {
            let pin = lines()?.into_iter().next().unwrap_or_default();
            let wanted = InToken {
                module: module.clone(),
                token: token.clone(),
                key: key.clone(),
                root: String::new(),
                held: Vec::new(),
                escrow_minutes: *escrow_minutes,
            };
            let made = held::lock_by_token(keys, wanted, pin.trim()).map_err(Stop::refused)?;
            printer.value(&made, |made| {
                format!(
                    "key version {} is in the token `{}` and never leaves it. Every start wants the PIN, by `vault unseal` or as the\n\
                     credential `ledgerline.pin`. `key rewrap`, once the switch runs, brings the old recordings under it.\n",
                    made.held.first().copied().unwrap_or_default(),
                    made.token
                )
            });
        }
        args::Vault::Lock { .. } => {
            let word = lines()?.into_iter().next().unwrap_or_default();
            if word.chars().count() < SHORTEST {
                return Err(Stop::usage(format!("a passphrase has at least {SHORTEST} characters")));
            }
            lock::lock_by_passphrase(keys, word).map_err(Stop::refused)?;
            printer.value(&json!({ "locked": true }), |_| {
                "locked: every start wants the passphrase, by `vault unseal` or as the credential `ledgerline.passphrase`\n"
                    .to_string()
            });
        }
        args::Vault::Unseal => {
            let lock = Lock::of(keys).map_err(Stop::failed)?;
            let lock = lock.ok_or_else(|| Stop::refused("the keys are not locked"))?;
            lock::unseal(keys, &lock, &lines()?).map_err(Stop::refused)?;
            printer.value(&json!({ "unsealed": true }), |_| "handed to the switch that starts\n".to_string());
        }
        args::Vault::Status => {
            let lock = Lock::of(keys).map_err(Stop::failed)?;
            printer.value(&lock, |lock| match lock {
                None => "the keys lie open\n".to_string(),
                Some(Lock::Passphrase { .. }) => "the keys are locked by a passphrase\n".to_string(),
                Some(Lock::Shares { need, of }) => {
                    format!("the keys are locked: {need} of {of} shares open them\n")
                }
                Some(Lock::Token(lock)) => {
                    let away = match lock.escrow_minutes {
                        None => "while it is away nothing begins".to_string(),
                        Some(minutes) => {
                            format!("while it is away an escrow key lends for {minutes} minutes")
                        }
                    };
                    format!(
                        "the token `{}` ({}) holds versions {:?}; {away}\n",
                        lock.token,
                        lock.module.display(),
                        lock.held
                    )
                }
            });
        }
    }
    Ok(Exit::Done)
}

fn lines() -> Result<Vec<Zeroizing<String>>, Stop> {
    let read = std::io::stdin().lock().lines();
    let lines: Result<Vec<String>, _> = read.collect();
    let lines = lines.map_err(Stop::failed)?.into_iter().map(Zeroizing::new);
    Ok(lines.filter(|line| !line.trim().is_empty()).collect())
}
