//! `doctor`: what of the machine and of the configuration would weaken what the switch promises, looked at from beside it.
//!
//! Invariant: nothing is changed, and no key is opened.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use super::door::{self, Socket};
use super::exit::{Exit, Stop};
use super::print::{Printer, table};
use crate::config::Config;
use crate::io::clock;
use crate::io::store::lock::Lock;

/// One thing that was looked at.
#[derive(Serialize)]
struct Look {
    what: &'static str,
    fine: bool,
    words: String,
}

pub(super) fn run(config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let node = Socket::connect(&config).ok().flatten().and_then(|socket| socket.process());
    let looks =
        vec![keys(&config)?, lock(&config)?, memory(node), dumps(node), clock_state(), witnesses(&config)];
    let fine = looks.iter().all(|look| look.fine);
    printer.value(&looks, |looks| {
        let row = |look: &Look| {
            [if look.fine { "ok" } else { "LOOK" }.into(), look.what.into(), look.words.clone()]
        };
        let rows: Vec<[String; 3]> = looks.iter().map(row).collect();
        let beside =
            if node.is_none() { "The switch does not run: limits are those of this shell.\n" } else { "" };
        table(["", "WHAT", "FOUND"], &rows) + beside
    });
    Ok(if fine { Exit::Done } else { Exit::Findings })
}

/// Key files are the owner's alone.
fn keys(config: &Config) -> Result<Look, Stop> {
    let folder = &config.store.keys;
    let at = |error| Stop::failed(format!("{}: {error}", folder.display()));
    let mut open = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        if entry.metadata().map_err(at)?.mode() & 0o077 != 0 {
            open.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let beside = folder.parent() == config.store.folder.parent() || folder.starts_with(&config.store.folder);
    let words = match (open.as_slice(), beside) {
        ([], false) => "nobody else reads them, and they lie apart from the recordings".to_string(),
        ([], true) => {
            "nobody else reads them; they lie beside the recordings: who copies the disk has both".to_string()
        }
        (open, _) => format!("others may read {}: chmod 600", open.join(", ")),
    };
    Ok(Look { what: "key files", fine: open.is_empty(), words })
}

fn lock(config: &Config) -> Result<Look, Stop> {
    let lock = Lock::of(&config.store.keys).map_err(Stop::failed)?;
    let (fine, words) = match lock {
        None => (
            true,
            "open to whoever has the folder: `vault lock` puts a passphrase, shares or a token before them"
                .to_string(),
        ),
        Some(Lock::Passphrase { .. }) => (true, "a passphrase".to_string()),
        Some(Lock::Shares { need, of }) => (true, format!("{need} of {of} shares")),
        Some(Lock::Token(lock)) => {
            let there = lock.module.exists();
            let words = format!("the token `{}` behind {}", lock.token, lock.module.display());
            (there, if there { words } else { words + ", which is not there" })
        }
    };
    Ok(Look { what: "lock on the keys", fine, words })
}

/// Keys in memory never reach a disk: locked, or without swap.
fn memory(node: Option<i32>) -> Look {
    let proc = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", owner(node))).unwrap_or_default();
    let locked_kib =
        field(&proc("status"), "VmLck:").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let swap = fs::read_to_string("/proc/swaps").unwrap_or_default().lines().count() > 1;
    let limit = field(&proc("limits"), "Max locked memory").unwrap_or_default();
    let limit = limit.split_whitespace().next().unwrap_or("unknown").to_string();
    let (fine, words) = match (locked_kib.unwrap_or(0) > 0, swap) {
        (true, _) => (true, "locked: keys are never written to swap".to_string()),
        (false, false) => (true, format!("not locked (limit {limit} octets), and there is no swap")),
        (false, true) => (
            node.is_none() && limit == "unlimited",
            format!(
                "NOT locked (limit {limit} octets) and there is swap: LimitMEMLOCK=infinity or MemorySwapMax=0 in the unit"
            ),
        ),
    };
    Look { what: "keys in memory", fine, words }
}

fn dumps(node: Option<i32>) -> Look {
    let limits = fs::read_to_string(format!("/proc/{}/limits", owner(node))).unwrap_or_default();
    let fine =
        field(&limits, "Max core file size").is_some_and(|text| text.split_whitespace().next() == Some("0"));
    let words =
        if fine { "none: a crash leaves no image of memory" } else { "a crash may leave an image of memory" };
    Look { what: "core dumps", fine, words: words.to_string() }
}

fn clock_state() -> Look {
    let state = clock::state();
    Look {
        what: "clock",
        fine: state == "synchronised",
        words: format!("{state} (systemd-timesyncd, chrony)"),
    }
}

fn witnesses(config: &Config) -> Look {
    let count = config.store.heads_to.len();
    let words = match count {
        0 => "signed heads go nowhere besides: who rewrites the store together with its heads is not seen. `[store] heads_to`".to_string(),
        count => format!("signed heads go to {count} witnesses"),
    };
    Look { what: "witnesses", fine: count > 0, words }
}

/// Whose `/proc` is looked at.
fn owner(node: Option<i32>) -> String {
    node.map_or("self".to_string(), |node| node.to_string())
}

fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_string()))
}
