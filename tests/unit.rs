//! The systemd unit that is shipped: its commands are commands of this program, and what it closes stays closed.

use std::process::Command;

use clap::Parser;
use ledgerline::cli::{Cli, Verb};

const UNIT: &str = include_str!("../systemd/ledgerline.service");

fn values<'u>(key: &str) -> impl Iterator<Item = &'u str> {
    let key = format!("{key}=");
    UNIT.lines().filter_map(move |line| line.strip_prefix(&key))
}

fn parsed(key: &str) -> Cli {
    let line = values(key).next().unwrap_or_else(|| panic!("no {key}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[0], "/usr/bin/ledgerline");
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{key}={line}\n{error}"))
}

#[test]
fn its_commands_are_read_by_our_own_command_line() {
    let start = parsed("ExecStart");
    assert!(matches!(start.verb, Verb::Serve), "{start:?}");
    let reload = parsed("ExecReload");
    assert!(matches!(reload.verb, Verb::Plan(_)), "{reload:?}");
    assert_eq!(start.config, reload.config);
    assert!(start.config.is_some_and(|file| file.starts_with("/var/lib/ledgerline")));
}

#[test]
fn it_admits_the_ports_of_a_new_node_and_no_others() {
    let admitted: Vec<&str> = values("SocketBindAllow").collect();
    assert_eq!(admitted, ["udp:5060", "tcp:5060", "tcp:5061", "udp:20000-29999"]);
    assert_eq!(values("SocketBindDeny").collect::<Vec<_>>(), ["any"]);
    let wishes = ledgerline::io::init::Wishes::default();
    assert_eq!(wishes.ports, "20000-29999");
    assert_eq!(wishes.listen, ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061"]);
}

#[test]
fn it_gives_no_capability_and_keeps_no_core() {
    for line in ["CapabilityBoundingSet=", "NoNewPrivileges=yes", "LimitCORE=0", "UMask=0077", "Type=notify"]
    {
        assert!(UNIT.lines().any(|found| found == line), "{line}");
    }
}

/// Where systemd is installed, its own judgement: exposure of at most 1.5 of 10.
#[test]
fn systemd_finds_it_safe() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/ledgerline.service");
    let judged =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=15", unit]).output();
    if let Ok(judged) = judged {
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    }
}
