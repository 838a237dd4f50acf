//! The requests that a phone makes: registrations, calls, and what it says within them.

use std::time::Duration;

use ledgerline::base::Time;

use super::client::{Client, Progress, Purpose};
use super::dialog::{Dialog, Side, Stage};
use super::words::REQUEST;
use super::{Act, Phone, T1, TRIES};
use crate::world::digest::Proof;
use crate::world::sdp::Session;
use crate::world::text::{Heard, fill};

impl Phone {
    pub fn register(&mut self, now: Time, expires_s: u32) {
        self.registration.2 += 1;
        let uri = format!("sip:{}", self.id.realm);
        let proof = self.proof("REGISTER", &uri, false);
        self.send_register(now, expires_s, &proof);
    }

    pub fn send_register(&mut self, now: Time, expires_s: u32, proof: &str) {
        let (call_id, tag, cseq) = self.registration.clone();
        let branch = self.branch();
        let more = format!("{}{}Expires: {expires_s}\n{proof}", self.contact(), self.register_lines);
        let (uri, aor, own) = (format!("sip:{}", self.id.realm), self.uri(), self.id.own.to_string());
        let text = fill(
            REQUEST,
            &[
                ("method", "REGISTER"),
                ("uri", &uri),
                ("transport", self.transport.as_str()),
                ("own", &own),
                ("branch", &branch),
                ("local", &aor),
                ("local_tag", &tag),
                ("remote", &aor),
                ("remote_tag", ""),
                ("call_id", &call_id),
                ("cseq", &cseq.to_string()),
                ("more", &more),
                ("body", ""),
            ],
        );
        self.launch(now, "REGISTER", branch, text, Purpose::Register { expires_s });
    }

    pub fn dial(&mut self, now: Time, number: &str, offer: bool) {
        let mut session = self.session();
        let body = if offer { session.offer() } else { String::new() };
        let remote = format!("sip:{number}@{}", self.id.realm);
        let dialog = Dialog {
            side: Side::Caller,
            stage: Stage::Inviting,
            call_id: self.random.token(16),
            local_tag: self.random.token(8),
            remote_tag: String::new(),
            local: self.uri(),
            target: remote.clone(),
            remote,
            cseq: 0,
            remote_cseq: 0,
            remote_invite: 0,
            session,
            confirmed_at: None,
            over_at: None,
            unsure: None,
            renewing: false,
            leaving: false,
            statuses: Vec::new(),
            reasons: Vec::new(),
            proofs: 0,
            undo: None,
            descriptions: Vec::new(),
            described: false,
            rseq: None,
        };
        let target = dialog.target.clone();
        self.dialogs.push(dialog);
        let index = self.dialogs.len() - 1;
        let cancels: Vec<Duration> = self.take_cancels();
        for gap in cancels {
            self.later(now + gap, Act::Cancel, Some(index));
        }
        let proof = self.proof("INVITE", &target, false);
        self.send_within(now, index, "INVITE", Purpose::Invite(index), &proof, &body);
    }

    fn take_cancels(&mut self) -> Vec<Duration> {
        let (cancels, rest) =
            std::mem::take(&mut self.after_joined).into_iter().partition(|(_, act)| *act == Act::Cancel);
        self.after_joined = rest;
        cancels.into_iter().map(|(gap, _): (Duration, Act)| gap).collect()
    }

    /// Sends any message. Holes: `via`, `branch`, `tag`, `call_id`, `user`, `realm`, `own`, `sdp`; of the live dialog
    /// `dialog_call_id`, `local_tag`, `remote_tag`, `to_tag`, `target`, `next_cseq` (without a live dialog nothing is said); `proof`, which is empty until the switch asks for it.
    pub fn say(&mut self, now: Time, template: &str, dialog: Option<usize>, asked: bool) {
        if template.contains("{dialog_call_id}") && dialog.is_none() {
            return;
        }
        let (branch, tag, call_id) = (self.branch(), self.random.token(8), self.random.token(12));
        let via = format!("SIP/2.0/{} {};branch={branch};rport", self.transport.as_str(), self.id.own);
        let (own, user, realm) = (self.id.own.to_string(), self.id.user.clone(), self.id.realm.clone());
        let sdp = self.session().offer();
        let known = dialog.and_then(|dialog| self.dialogs.get_mut(dialog)).map(|at| {
            at.cseq += 1;
            [&at.call_id, &at.local_tag, &at.remote_tag, &at.target, &at.cseq.to_string()].map(String::clone)
        });
        let [dialog_call_id, local_tag, remote_tag, target, next_cseq] = known.unwrap_or_default();
        let proof = if asked { self.proof_of(template) } else { String::new() };
        let text = fill(
            template,
            &[
                ("proof", &proof),
                ("via", &via),
                ("branch", &branch),
                ("tag", &tag),
                ("call_id", &call_id),
                ("own", &own),
                ("user", &user),
                ("realm", &realm),
                ("sdp", &sdp),
                ("dialog_call_id", &dialog_call_id),
                ("local_tag", &local_tag),
                ("remote_tag", &remote_tag),
                ("to_tag", &if remote_tag.is_empty() { String::new() } else { format!(";tag={remote_tag}") }),
                ("target", &target),
                ("next_cseq", &next_cseq),
            ],
        );
        let method = Heard::read(text.as_bytes()).method().to_string();
        if method == "ACK" {
            // Nobody answers one.
            return self.send(text, None);
        }
        let again = !asked && template.contains("{proof}");
        if again {
            self.said.insert(branch.clone(), (template.to_string(), dialog));
        }
        self.launch(now, &method, branch, text, Purpose::Said { again });
    }

    /// The Authorization line for a message that is still full of holes; its Request-URI has none.
    fn proof_of(&mut self, template: &str) -> String {
        let mut words = template.split(' ');
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (method, uri) = (method.to_string(), uri.to_string());
        self.proof(&method, &uri, true)
    }

    pub fn cancel(&mut self, now: Time, dialog: usize) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        if at.side == Side::Caller && at.stage == Stage::Inviting {
            at.stage = Stage::Cancelling;
            self.send_cancel(now, dialog);
        }
    }

    /// CANCEL goes out once a provisional answer has come (RFC 3261 §9.1).
    pub fn send_cancel(&mut self, now: Time, dialog: usize) {
        let invite = self
            .clients
            .iter()
            .find(|client| client.purpose == Purpose::Invite(dialog) && client.stage == Progress::Proceeding);
        let Some(invite) = invite else { return };
        let (branch, text) = (invite.branch.clone(), invite.text.clone());
        if self.clients.iter().any(|client| client.branch == branch && client.method == "CANCEL") {
            return;
        }
        let Some(at) = self.dialogs.get(dialog) else { return };
        let heard = Heard::read(text.as_bytes());
        let cancel = format!(
            "CANCEL {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} CANCEL\r\n\
             Content-Length: 0\r\n\r\n",
            at.target,
            heard.one("Via"),
            heard.one("From"),
            heard.one("To"),
            at.call_id,
            heard.cseq(),
        );
        self.launch(now, "CANCEL", branch, cancel, Purpose::Cancel);
    }

    pub fn bye(&mut self, now: Time, dialog: usize) {
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.stage = Stage::Leaving;
        }
        self.send_within(now, dialog, "BYE", Purpose::Bye(dialog), "", "");
    }

    pub fn inform(&mut self, now: Time, dialog: usize, key: char) {
        if self.dialogs.get(dialog).is_some_and(|at| at.stage == Stage::Confirmed) {
            let body = format!("Signal={key}\r\nDuration=160\r\n");
            self.send_within(
                now,
                dialog,
                "INFO",
                Purpose::Info,
                "Content-Type: application/dtmf-relay\n",
                &body,
            );
        }
    }

    /// A re-INVITE that `change`s this phone's side of the session and says what it is now; or says nothing of it.
    pub fn renew(&mut self, now: Time, dialog: usize, change: impl FnOnce(&mut Session) -> String) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        if at.stage != Stage::Confirmed || at.renewing {
            return;
        }
        at.renewing = true;
        at.undo = Some(at.session.clone());
        let body = change(&mut at.session);
        self.send_within(now, dialog, "INVITE", Purpose::Renew(dialog), "", &body);
    }

    pub fn send_within(
        &mut self,
        now: Time,
        dialog: usize,
        method: &str,
        purpose: Purpose,
        more: &str,
        body: &str,
    ) {
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.cseq += 1;
        }
        let branch = self.branch();
        let cseq = self.dialogs.get(dialog).map_or(0, |at| at.cseq);
        let text = self.request(dialog, method, cseq, &branch, more, body);
        self.launch(now, method, branch, text, purpose);
    }

    pub fn request(
        &self,
        dialog: usize,
        method: &str,
        cseq: u32,
        branch: &str,
        more: &str,
        body: &str,
    ) -> String {
        let Some(at) = self.dialogs.get(dialog) else { return String::new() };
        let contact = if matches!(method, "INVITE" | "UPDATE") { self.contact() } else { String::new() };
        let kind = if body.starts_with("v=0") { "Content-Type: application/sdp\n" } else { "" };
        let remote_tag =
            if at.remote_tag.is_empty() { String::new() } else { format!(";tag={}", at.remote_tag) };
        fill(
            REQUEST,
            &[
                ("method", method),
                ("uri", &at.target),
                ("transport", self.transport.as_str()),
                ("own", &self.id.own.to_string()),
                ("branch", branch),
                ("local", &at.local),
                ("local_tag", &at.local_tag),
                ("remote", &at.remote),
                ("remote_tag", &remote_tag),
                ("call_id", &at.call_id),
                ("cseq", &cseq.to_string()),
                ("more", &format!("{contact}{kind}{}{more}", self.skill_lines(method))),
                ("body", body),
            ],
        )
    }

    pub fn launch(&mut self, now: Time, method: &str, branch: String, text: String, purpose: Purpose) {
        self.clients.retain(|client| !client.is_answered() || client.until > now);
        self.send(text.clone(), None);
        self.sent.insert(method.into(), text.clone());
        let next = (!self.is_reliable()).then(|| now + T1);
        let (gap, until, stage) = (T1, now + TRIES, Progress::Trying);
        self.clients.push(Client {
            branch,
            method: method.into(),
            text,
            purpose,
            next,
            gap,
            until,
            stage,
            ack: None,
        });
    }

    /// The request that a response with this branch and method answers.
    pub fn text_of(&self, branch: &str, method: &str) -> Option<&str> {
        let client = self.clients.iter().find(|client| client.branch == branch && client.method == method)?;
        Some(&client.text)
    }

    pub fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.random.token(14))
    }

    /// An Authorization line, if there is a nonce for it. `asked`: the switch has just challenged.
    pub fn proof(&mut self, method: &str, uri: &str, asked: bool) -> String {
        if !asked && !self.remembers {
            return String::new();
        }
        let cnonce = self.random.token(8);
        let Some(challenge) = self.challenge.as_mut().filter(|challenge| asked || challenge.lasts()) else {
            return String::new();
        };
        let proof = Proof { user: &self.id.user, password: &self.id.password, method, uri, cnonce: &cnonce };
        format!("Authorization: {}\n", challenge.answer(&proof))
    }
}
