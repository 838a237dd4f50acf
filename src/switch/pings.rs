//! Questions to registered contacts: OPTIONS (RFC 3261 §11) in a transaction of its own, whose answer is noted at the contact.
//!
//! Invariant: any final answer means that the phone is there, whatever it says; only silence and a broken path mean that it is not.

use crate::base::{OwnMap, Time, bounds};
use crate::dialog::contact;
use crate::registrar::Binding;
use crate::sip::{Builder, Host, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::ClientKey;

use super::Switch;

/// Questions that are out: to which contact of whom, and since when.
pub(super) type Asked = OwnMap<ClientKey, (String, u64, Time)>;

impl Switch {
    /// Asks every contact whose turn it is.
    pub(super) fn ask_contacts(&mut self, now: Time) {
        while let Some((user, binding)) = self.bindings.ping_due(now) {
            if self.pings.len() >= bounds::PINGS {
                continue;
            }
            let question = self.question(&binding);
            // A layer without room has worse to do than to ask: the next turn comes.
            if let Ok(key) = self.layer.request(now, binding.flow, question) {
                self.pings.insert(key, (user, binding.id, now));
            }
        }
    }

    /// A response. `false` when it is to no such question.
    pub(super) fn on_ping_answered(&mut self, now: Time, key: ClientKey, status: u16) -> bool {
        if status < 200 {
            return self.pings.contains_key(&key);
        }
        let Some((user, id, asked)) = self.pings.remove(&key) else { return false };
        match status {
            // RFC 5626 §5.3: the proxy in between says that the flow is gone.
            430 => self.on_silence(&user, id),
            _ => self.bindings.answered(&user, id, now.since(asked)),
        }
        true
    }

    /// No answer came. `false` when the request was no such question.
    pub(super) fn on_ping_failed(&mut self, key: ClientKey) -> bool {
        let Some((user, id, _)) = self.pings.remove(&key) else { return false };
        self.on_silence(&user, id);
        true
    }

    fn on_silence(&mut self, user: &str, id: u64) {
        if self.bindings.missed(user, id) {
            self.log(false, "a registered phone does not answer any more: `phones` shows which".into());
        }
    }

    fn question(&mut self, binding: &Binding) -> Builder {
        let target = binding.target();
        let realm = Host::parse(&self.node.realm).unwrap_or(Host::Name("localhost"));
        let from = NameAddrBuf::new(UriBuf::sip(None, realm, None)).with_tag(&self.random.token(12));
        let request = Builder::request(&Method::Options, target.as_str())
            .header(Name::MaxForwards, "70")
            .display(Name::From, &from)
            .display(Name::To, NameAddrBuf::new(target.clone()))
            .header(Name::CallId, self.random.token(24))
            .header(Name::CSeq, "1 OPTIONS")
            .header(Name::Contact, contact(None, &binding.flow))
            .header(Name::Accept, "application/sdp");
        binding.routes().fold(request, |request, route| request.header(Name::Route, route))
    }
}
