//! What a phone holds every message of the switch to: RFC 3261 §8.1.1, §8.2.6, §12, §17.1.3 and RFC 3264 §8, read once more.
//!
//! What is wrong becomes a complaint; the model wants none.

use super::Phone;
use super::dialog::Side;
use crate::world::setting::switch_address;
use crate::world::text::{Heard, param, within};

impl Phone {
    /// Looks for faults in a message before it is taken.
    pub fn scrutinise(&mut self, heard: &Heard) {
        let mut faults = form(heard);
        match heard.status() {
            Some(status) => self.response(status, heard, &mut faults),
            None => self.request_from_switch(heard, &mut faults),
        }
        self.complain_all(faults, heard);
    }

    fn complain_all(&mut self, faults: Vec<&'static str>, heard: &Heard) {
        for fault in faults {
            self.complain(format!("{fault}:\n{}", heard.text()));
        }
    }

    /// A response repeats what it answers (§8.2.6.2).
    fn response(&self, status: u16, heard: &Heard, faults: &mut Vec<&'static str>) {
        let Some(asked) = self.text_of(heard.branch(), heard.cseq_method()) else { return };
        let asked = Heard::read(asked.as_bytes());
        for name in ["From", "Call-ID", "CSeq"] {
            if heard.one(name) != asked.one(name) {
                faults.push("From, Call-ID and CSeq are those of the request");
            }
        }
        if heard.all("Via").count() != 1 {
            faults.push("one Via went out, one comes back");
        }
        let via = heard.one("Via");
        let seen = self.id.seen;
        if !self.is_reliable() && param(via, "rport") != Some(seen.port().to_string().as_str()) {
            faults.push("rport is not filled in");
        }
        let received = param(via, "received").map(|ip| ip.trim_matches(['[', ']']).to_string());
        if self.id.own != seen && received != Some(seen.ip().to_string()) {
            faults.push("received is not filled in");
        }
        let lines = |message: &Heard| message.body().matches("\nm=").count();
        if lines(heard) > 0 && lines(&asked) > 0 && lines(heard) != lines(&asked) {
            faults.push("an answer has as many media as its offer");
        }
        let kinds = |message: &Heard| -> Vec<String> {
            let heads = message.body().lines().filter_map(|line| line.strip_prefix("m="));
            heads.filter_map(|head| head.split(' ').next()).map(str::to_string).collect()
        };
        if lines(heard) > 0 && lines(&asked) > 0 && kinds(heard) != kinds(&asked) {
            faults.push("an answer has the media of its offer in their order");
        }
        if status > 100 && heard.tag_of_to().is_empty() {
            faults.push("a To tag is missing");
        }
        if !asked.tag_of_to().is_empty() && heard.tag_of_to() != asked.tag_of_to() {
            faults.push("the To tag has changed");
        }
        if heard.cseq_method() == "INVITE"
            && (200..300).contains(&status)
            && !within(heard.one("Contact")).starts_with("sip:")
        {
            faults.push("a 2xx to INVITE needs a Contact");
        }
    }

    /// A request of the switch is for this phone, and within the dialog that it names.
    fn request_from_switch(&self, heard: &Heard, faults: &mut Vec<&'static str>) {
        if heard.one("Max-Forwards").parse::<u8>().is_err() {
            faults.push("Max-Forwards is missing");
        }
        if !heard.branch().starts_with("z9hG4bK") {
            faults.push("the branch has no magic cookie");
        }
        if heard.cseq_method() != heard.method() {
            faults.push("CSeq names another method");
        }
        if heard.tag_of_from().is_empty() {
            faults.push("a From tag is missing");
        }
        let uri = heard.start().split(' ').nth(1).unwrap_or_default();
        if uri != within(self.contact().trim_start_matches("Contact: ")) && self.carrier.is_none() {
            faults.push("the Request-URI is not the registered contact");
        }
        if heard.method() == "INVITE" && !within(heard.one("Contact")).starts_with("sip:") {
            faults.push("an INVITE needs a Contact");
        }
        let known = self.dialogs.iter().find(|dialog| dialog.call_id == heard.call_id());
        if let Some(dialog) = known
            && heard.tag_of_from() != dialog.remote_tag
            && !dialog.remote_tag.is_empty()
        {
            faults.push("the From tag is not the dialog's");
        }
        if heard.method() == "ACK"
            && let Some(dialog) = known.filter(|dialog| dialog.side == Side::Callee)
            && heard.cseq() > dialog.remote_invite
            && !dialog.is_over()
        {
            faults.push("the ACK's CSeq is not its INVITE's");
        }
    }

    /// Looks for faults in a session description, once the message that holds it is taken: each change has another version and
    /// what does not change keeps its own (RFC 3264 §8, RFC 8866 §5.2).
    pub fn scrutinise_session(&mut self, heard: &Heard) {
        if !heard.body().starts_with("v=0") {
            return;
        }
        let mut faults = Vec::new();
        let switch = switch_address(self.id.seen).ip().to_string();
        let connection = heard.body().lines().find(|line| line.starts_with("c=")).unwrap_or_default();
        if connection.rsplit(' ').next() != Some(&switch) {
            faults.push("the media address is not the switch's");
        }
        let dialog = self.dialogs.iter_mut().find(|dialog| dialog.call_id == heard.call_id());
        if let Some(dialog) = dialog
            && !dialog.descriptions.iter().any(|(_, known)| known == heard.body())
        {
            let origin =
                heard.body().lines().find(|line| line.starts_with("o=")).unwrap_or_default().to_string();
            let session = |origin: &str| origin.split(' ').take(2).collect::<String>();
            if dialog.descriptions.iter().any(|(known, _)| session(known) != session(&origin)) {
                faults.push("the session's identifier has changed");
            }
            if dialog.descriptions.iter().any(|(known, _)| *known == origin) {
                faults.push("two descriptions have one version");
            }
            dialog.descriptions.push((origin, heard.body().to_string()));
        }
        self.complain_all(faults, heard);
    }
}

/// What every message has.
fn form(heard: &Heard) -> Vec<&'static str> {
    let mut faults = Vec::new();
    for name in ["From", "To", "Call-ID", "CSeq"] {
        if heard.all(name).count() != 1 {
            faults.push("From, To, Call-ID and CSeq stand once");
        }
    }
    if heard.all("Via").count() == 0 {
        faults.push("no Via");
    }
    if heard.one("Content-Length").parse() != Ok(heard.body().len()) {
        faults.push("Content-Length is not the body's");
    }
    if !heard.body().is_empty() && heard.one("Content-Type").is_empty() {
        faults.push("a body without a type");
    }
    if heard.all("Authorization").next().is_some() {
        faults.push("credentials are nobody else's business");
    }
    faults
}
