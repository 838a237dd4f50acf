//! Draws a call's log as a ladder: the same picture in `call explain`, in the demo and in the tests' golden files.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::trace::{Entry, Way, What};

/// Width of one column of the ladder, in terminal cells.
const COLUMN: usize = 30;

/// The ladder of `entries`: one column a peer, the switch in the middle of each arrow, plan and media facts between.
///
/// Times are seconds since the call began. Lines end in `\n`.
pub fn ladder(entries: &[Entry]) -> String {
    let peers = peers(entries);
    let mut text = String::new();
    let _ = writeln!(text, "{:<9}{}", "seconds", header(&peers));
    for entry in entries {
        let seconds = format!("{}.{:03}", entry.at_us / 1_000_000, entry.at_us / 1_000 % 1_000);
        let _ = writeln!(text, "{seconds:<9}{}", line(&entry.what, &peers));
    }
    text
}

fn peers(entries: &[Entry]) -> Vec<String> {
    let mut peers: Vec<String> = Vec::new();
    for entry in entries {
        if let What::Sip { leg, peer, .. } = &entry.what {
            let name = format!("{peer} [{leg}]");
            if !peers.contains(&name) {
                peers.push(name);
            }
        }
    }
    peers
}

fn header(peers: &[String]) -> String {
    let mut text = pad("ledgerline", 12);
    for peer in peers {
        text.push_str(&pad(peer, COLUMN));
    }
    text.trim_end().to_string()
}

fn line(what: &What, peers: &[String]) -> String {
    match what {
        What::Sip { leg, way, peer, line } => {
            let name = format!("{peer} [{leg}]");
            let column = peers.iter().position(|p| *p == name).unwrap_or(0);
            format!("     |{}{}", " ".repeat(column * COLUMN), arrow(*way, line))
        }
        What::Plan { file, line, text } => format!("     |  plan   {file}:{line}  {text}"),
        What::Media { leg, text } => format!("     |  media  {leg}: {text}"),
        What::Record { text } => format!("     |  record {text}"),
        What::Call { text } => format!("     |  call   {text}"),
    }
}

fn arrow(way: Way, line: &str) -> String {
    let room = COLUMN - 5;
    let dashes = "-".repeat(room.saturating_sub(line.width() + 2));
    match way {
        Way::In => format!("<-- {line} {dashes}"),
        Way::Out => format!("--- {line} {dashes}>"),
    }
}

fn pad(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(text.width()).max(1);
    format!("{text}{}", " ".repeat(gap))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LegId;

    #[test]
    fn a_ladder_shows_who_said_what_when() {
        let sip = |at_us, leg, way, peer: &'static str, line: &'static str| Entry {
            at_us,
            what: What::Sip { leg: LegId(leg), way, peer: peer.into(), line: line.into() },
        };
        let entries = [
            sip(0, 0, Way::In, "alice", "INVITE (sdp)"),
            Entry {
                at_us: 1_500,
                what: What::Plan { file: "hello.plan".into(), line: 7, text: "dial user bob".into() },
            },
            sip(2_000, 1, Way::Out, "bob", "INVITE (sdp)"),
        ];
        expect_test::expect![[r#"
            seconds  ledgerline  alice [leg0]                  bob [leg1]
            0.000         |<-- INVITE (sdp) -----------
            0.001         |  plan   hello.plan:7  dial user bob
            0.002         |                              --- INVITE (sdp) ----------->
        "#]]
        .assert_eq(&ladder(&entries));
    }
}
