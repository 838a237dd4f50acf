//! Who passed a call on, as whoever is rung next is told: Diversion (RFC 5806) and History-Info (RFC 7044).
//!
//! A phone hears the numbers as users know them. A trunk hears what its `forwarded_by` allows, and numbers of its own list only.
//! What a carrier says of the way of a call before it came here is counted and not repeated: nobody's numbers pass through.

use crate::base::Masked;
use crate::config::ForwardedBy;
use crate::sip::{Host, Message, Name, UriBuf};

use super::Call;
use super::dial::Contact;

/// How often an INVITE says that it was passed on: by its Diversion fields with their counters, or by the causes in its History-Info
/// (RFC 4458 §2), whichever says more.
pub(super) fn passes(invite: &Message) -> usize {
    let counter = |of: &str| of.parse::<u8>().map_or(1, usize::from);
    let diversions: usize = invite
        .addresses(Name::Diversion)
        .map(|step| step.params().get("counter").map_or(1, counter))
        .fold(0, usize::saturating_add);
    let causes = invite.addresses(Name::HistoryInfo).filter(|step| step.uri().params().has("cause"));
    diversions.max(causes.count())
}

impl Call {
    /// The header fields of an INVITE to a contact that others passed the call on to: Diversion, the last first, and History-Info.
    pub(super) fn history_fields(&self, contact: &Contact, realm: &str) -> Vec<(Name<'static>, String)> {
        if contact.diverted.is_empty() {
            return Vec::new();
        }
        let (domain, told) = match &contact.way {
            Some(way) => (&*way.domain, way.forwarded_by),
            None => (realm, ForwardedBy::Both),
        };
        let mut fields = Vec::new();
        if told.diversion() {
            fields = self.diversion(contact, domain);
        }
        if told.history() {
            fields.extend(history(contact, domain));
        }
        fields
    }

    /// The oldest entry counts for everybody who passed the call on before it came here (RFC 5806 §4).
    fn diversion(&self, contact: &Contact, domain: &str) -> Vec<(Name<'static>, String)> {
        let steps = contact.diverted.iter().enumerate().rev();
        steps
            .map(|(at, step)| {
                let counter = if at == 0 { self.passed_before.saturating_add(1) } else { 1 };
                let (uri, reason) = (uri(&step.number, domain), step.when.reason());
                (Name::Diversion, format!("<{}>;reason={reason};counter={counter}", uri.as_str()))
            })
            .collect()
    }
}

fn history(contact: &Contact, domain: &str) -> Vec<(Name<'static>, String)> {
    let mut fields = Vec::new();
    let mut index = "1".to_string();
    let mut cause = None;
    let last = contact.number.as_ref().unwrap_or(&contact.user);
    let causes = contact.diverted.iter().map(|step| Some(step.when.cause()));
    let numbers = contact.diverted.iter().map(|step| &step.number).chain([last]);
    for (number, next) in numbers.zip(causes.chain([None])) {
        let uri = uri(number, domain);
        let value = match cause {
            None => format!("<{}>;index={index}", uri.as_str()),
            Some(cause) => {
                let before = index.clone();
                index.push_str(".1");
                format!("<{};cause={cause}>;index={index};mp={before}", uri.as_str())
            }
        };
        fields.push((Name::HistoryInfo, value));
        cause = next;
    }
    fields
}

fn uri(number: &Masked, domain: &str) -> UriBuf {
    UriBuf::sip(Some(number.reveal()), Host::parse(domain).unwrap_or(Host::Name("localhost")), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_on_before_is_counted() {
        for (lines, expected) in [
            ("", 0),
            ("Diversion: <sip:1@h>;reason=user-busy\r\n", 1),
            ("Diversion: <sip:1@h>;counter=3, <sip:2@h>;counter=x\r\nDiversion: <sip:3@h>\r\n", 5),
            ("Diversion: <sip:1@h>;counter=255, <sip:1@h>;counter=256\r\n", 256),
            ("History-Info: <sip:1@h>;index=1, <sip:2@h;cause=302>;index=1.1;mp=1\r\n", 1),
            ("History-Info: <sip:2@h;cause=302>;index=1.1\r\nDiversion: <sip:1@h>;counter=2\r\n", 2),
            ("Diversion: nonsense\r\n", 0),
        ] {
            let text = format!(
                "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
                 Call-ID: 1\r\nCSeq: 1 INVITE\r\n{lines}\r\n"
            );
            assert_eq!(passes(&Message::parse(text.into()).expect("a message")), expected, "{lines}");
        }
    }
}
