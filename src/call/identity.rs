//! Who calls, as a rung phone is told: From, and the header that the site's phones read.
//!
//! Invariant: number and name come from the directory, never from what a caller writes, and are masked where a policy masks them for
//! agents; a caller who wants privacy (RFC 3323) is
//! nobody to the phone that rings, and stays who it is in the records.

use crate::config::Identity;
use crate::sip::{Host, Message, Name, NameAddrBuf, UriBuf};

use super::Call;
use super::desk::Desk;
use super::transfer::Shown;

/// The address of nobody (RFC 3323 §4.1.1.3).
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

/// Whether an INVITE asks that its sender be withheld: any privacy but `none`, or a From that is nobody's.
pub(super) fn wants_privacy(invite: &Message) -> bool {
    let asked = invite.headers(Name::Privacy).flat_map(|value| value.split(|c| *c == b';'));
    asked.map(<[u8]>::trim_ascii).any(|kind| {
        [&b"id"[..], b"user", b"header", b"session", b"critical"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
    })
}

impl Call {
    /// The From of a phone that is rung.
    pub(super) fn caller_identity(&self, desk: &Desk<'_>, shown: &Shown) -> NameAddrBuf {
        match UriBuf::new(NOBODY) {
            Ok(nobody) if self.anonymous => NameAddrBuf::new(nobody).with_display("Anonymous"),
            _ => asserted(desk, shown),
        }
    }

    /// Further header fields that tell a phone who calls, or that somebody will not say.
    pub(super) fn identity_fields(&self, desk: &Desk<'_>, shown: &Shown) -> Vec<(Name<'static>, String)> {
        if self.anonymous {
            return vec![(Name::Privacy, "id".into())];
        }
        let asserted = asserted(desk, shown);
        let pai = (Name::PAssertedIdentity, asserted.to_string());
        let rpid = (Name::RemotePartyId, format!("{asserted};party=calling;privacy=off;screen=yes"));
        match desk.node.manner.identity {
            Identity::Pai => vec![pai],
            Identity::Rpid => vec![rpid],
            Identity::Both => vec![pai, rpid],
            Identity::Off => Vec::new(),
        }
    }
}

fn asserted(desk: &Desk<'_>, shown: &Shown) -> NameAddrBuf {
    let host = Host::parse(&desk.node.realm).unwrap_or(Host::Name("localhost"));
    let who = NameAddrBuf::new(UriBuf::sip(Some(shown.user.reveal()), host, None));
    match shown.display.reveal() {
        "" => who,
        display => who.with_display(display),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privacy_is_wanted_when_it_is_asked_for() {
        for (lines, wanted) in [
            ("", false),
            ("Privacy: none\r\n", false),
            ("Privacy: id\r\n", true),
            ("Privacy: ID;critical\r\n", true),
            ("Privacy: history\r\n", false),
            ("Privacy: header; user\r\n", true),
        ] {
            let text = format!(
                "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
                 Call-ID: 1\r\nCSeq: 1 INVITE\r\n{lines}\r\n"
            );
            assert_eq!(wants_privacy(&Message::parse(text.into()).expect("a message")), wanted, "{lines}");
        }
    }
}
