//! The requests that a phone sends, until they are answered: RFC 3261 §17.1 in its plainest form.

use std::time::Duration;

use ledgerline::base::Time;

use super::dialog::{How, Stage};
use super::{Act, Phone, T2, TRIES};
use crate::world::digest::Challenge;
use crate::world::sdp::{Direction, Notation, There};
use crate::world::text::{Heard, within};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Register {
        expires_s: u32,
    },
    /// Any message; `true`: it is to be said once more with a proof when the switch wants one.
    Said {
        again: bool,
    },
    Invite(usize),
    Renew(usize),
    Update(usize),
    Refer(usize),
    Prack,
    Bye(usize),
    Cancel,
    Info,
    /// A subscription, by its index; whether it was sent with a proof.
    Watch {
        index: usize,
        proven: bool,
    },
}

/// A request on its way.
#[derive(Debug)]
pub struct Client {
    pub branch: String,
    pub method: String,
    pub text: String,
    pub purpose: Purpose,
    /// The next retransmission; none over a stream or when nothing is to be repeated any more.
    pub next: Option<Time>,
    pub gap: Duration,
    pub until: Time,
    pub stage: Progress,
    /// The ACK of the final answer, repeated with it.
    pub ack: Option<(String, Option<u64>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Trying,
    Proceeding,
    Answered,
}

impl Client {
    pub fn deadline(&self) -> Option<Time> {
        match self.stage {
            Progress::Answered => None,
            _ => self.next.into_iter().chain([self.until]).min(),
        }
    }

    pub fn is_answered(&self) -> bool {
        self.stage == Progress::Answered
    }
}

/// Hearing.
impl Phone {
    pub fn tick_clients(&mut self, now: Time) {
        let mut silent = Vec::new();
        let mut again = Vec::new();
        for client in self.clients.iter_mut().filter(|client| !client.is_answered()) {
            if client.until <= now {
                client.stage = Progress::Answered;
                silent.push(client.purpose);
            } else if client.next.is_some_and(|next| next <= now) {
                again.push(client.text.clone());
                let calm = client.stage == Progress::Proceeding;
                client.gap = match client.method.as_str() {
                    "INVITE" => client.gap * 2,
                    _ if calm => T2,
                    _ => (client.gap * 2).min(T2),
                };
                client.next = Some(now + client.gap);
            }
        }
        for text in again {
            self.send(text, None);
        }
        for purpose in silent {
            self.timeouts += 1;
            self.on_silence(now, purpose);
        }
    }

    fn on_silence(&mut self, now: Time, purpose: Purpose) {
        match purpose {
            Purpose::Invite(dialog) => self.finish(now, dialog, How::NoAnswer),
            Purpose::Bye(dialog) => self.finish(now, dialog, How::Unanswered),
            // RFC 3261 §12.2.1.2: a request within a dialog that times out ends the dialog.
            Purpose::Renew(dialog) | Purpose::Update(dialog) => {
                if self.dialogs.get(dialog).is_some_and(|at| at.stage == Stage::Confirmed) {
                    self.bye(now, dialog);
                }
            }
            Purpose::Register { .. }
            | Purpose::Said { .. }
            | Purpose::Cancel
            | Purpose::Info
            | Purpose::Prack
            | Purpose::Refer(_)
            | Purpose::Watch { .. } => {}
        }
    }

    pub fn on_response(&mut self, now: Time, status: u16, heard: &Heard) {
        let found = self
            .clients
            .iter_mut()
            .find(|client| client.branch == heard.branch() && client.method == heard.cseq_method());
        let Some(client) = found else { return };
        let repeated = client.is_answered();
        let purpose = client.purpose;
        if status < 200 {
            if !repeated {
                client.stage = Progress::Proceeding;
                if client.method == "INVITE" {
                    client.next = None;
                    // A proxy's timer C, on this side: an INVITE that rings may ring for five minutes.
                    client.until = now + Duration::from_secs(300);
                }
                self.on_progress(now, purpose, status, heard);
            }
            return;
        }
        if repeated {
            if let Some((ack, receipt)) = client.ack.clone() {
                self.send(ack, receipt);
            }
            return;
        }
        client.stage = Progress::Answered;
        client.until = now + TRIES;
        let (branch, text) = (client.branch.clone(), client.text.clone());
        match purpose {
            Purpose::Invite(dialog) | Purpose::Renew(dialog) => {
                self.on_invite_answered(now, purpose, dialog, status, heard, &branch, &text);
            }
            Purpose::Register { expires_s } => self.on_registered(now, status, expires_s, heard),
            Purpose::Refer(dialog) => self.on_referred(now, dialog, status),
            Purpose::Update(dialog) => self.on_updated(dialog, status, heard),
            Purpose::Bye(dialog) => self.on_left(now, dialog, status, heard),
            Purpose::Watch { index, proven } => self.on_subscribed(now, index, proven, status, heard),
            Purpose::Said { again: true } if status == 401 && self.take_challenge(heard) => {
                if let Some((template, dialog)) = self.said.remove(&branch) {
                    self.say(now, &template, dialog, true);
                }
            }
            Purpose::Said { .. } | Purpose::Cancel | Purpose::Info | Purpose::Prack => {
                self.answers.push((heard.cseq_method().to_string(), status));
            }
        }
    }

    /// A BYE is answered. A phone that has moved may have to prove itself.
    fn on_left(&mut self, now: Time, dialog: usize, status: u16, heard: &Heard) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        if status == 401 && at.proofs < 9 && self.take_challenge(heard) {
            let Some(at) = self.dialogs.get_mut(dialog) else { return };
            at.proofs = 9;
            let target = at.target.clone();
            let proof = self.proof("BYE", &target, true);
            return self.send_within(now, dialog, "BYE", Purpose::Bye(dialog), &proof, "");
        }
        self.finish(now, dialog, How::HungUp);
    }

    fn on_progress(&mut self, now: Time, purpose: Purpose, status: u16, heard: &Heard) {
        let (Purpose::Invite(dialog) | Purpose::Renew(dialog)) = purpose else { return };
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        if status > 100 {
            at.statuses.push(status);
            if at.remote_tag.is_empty() {
                at.remote_tag = heard.tag_of_to().to_string();
            }
            let in_order = self.take_reliable(now, dialog, heard);
            let Some(at) = self.dialogs.get_mut(dialog) else { return };
            if let Some(there) = There::read(heard.body()).filter(|_| in_order) {
                at.session.hear(there);
            }
        }
        let Some(at) = self.dialogs.get(dialog) else { return };
        if at.stage == Stage::Cancelling {
            self.send_cancel(now, dialog);
        }
    }

    fn on_registered(&mut self, now: Time, status: u16, expires_s: u32, heard: &Heard) {
        if status == 401 && self.take_challenge(heard) && self.registration.2 < 200 {
            self.registration.2 += 1;
            let uri = format!("sip:{}", self.id.realm);
            let proof = self.proof("REGISTER", &uri, true);
            return self.send_register(now, expires_s, &proof);
        }
        self.registered = status == 200 && expires_s > 0;
        self.answers.push(("REGISTER".into(), status));
    }

    /// Remembers a challenge. `false` when there is none, or when the last proof was plainly wrong.
    pub fn take_challenge(&mut self, heard: &Heard) -> bool {
        let Some(fresh) = Challenge::choose(self.hash, heard.all("WWW-Authenticate")) else { return false };
        self.challenge = Some(fresh);
        true
    }

    #[allow(clippy::too_many_arguments)]
    fn on_invite_answered(
        &mut self,
        now: Time,
        purpose: Purpose,
        dialog: usize,
        status: u16,
        heard: &Heard,
        branch: &str,
        text: &str,
    ) {
        let first = matches!(purpose, Purpose::Invite(_));
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.statuses.push(status);
        }
        if status >= 300 {
            self.acknowledge_failure(dialog, heard, branch);
            return match first {
                true => self.refused(now, dialog, status, heard, text),
                false => self.not_renewed(now, dialog, status),
            };
        }
        let offered = !Heard::read(text.as_bytes()).body().is_empty();
        let answer = self.agree(dialog, heard, offered);
        self.acknowledge(dialog, heard.cseq(), branch, &answer);
        if first {
            self.accepted(now, dialog);
        } else if let Some(at) = self.dialogs.get_mut(dialog) {
            at.renewing = false;
            at.undo = None;
        }
    }

    /// Takes the switch's side of the session from a 2xx; returns the answer if the 2xx holds an offer.
    fn agree(&mut self, dialog: usize, heard: &Heard, offered: bool) -> String {
        let Some(at) = self.dialogs.get_mut(dialog) else { return String::new() };
        at.remote_tag = heard.tag_of_to().to_string();
        if !heard.one("Contact").is_empty() {
            at.target = within(heard.one("Contact")).to_string();
        }
        let there = There::read(heard.body());
        // What a reliable response has settled is not said again.
        let missing = there.is_none() && at.rseq.is_none();
        let answer = match there {
            Some(there) if offered => {
                at.session.hear(there);
                String::new()
            }
            Some(there) => at.session.answer(&there),
            None => String::new(),
        };
        if missing {
            let text = heard.text().to_string();
            self.complain(format!("a 2xx without a session:\n{text}"));
        }
        answer
    }

    fn acknowledge(&mut self, dialog: usize, cseq: u32, branch: &str, body: &str) {
        let receipt = self.receipt();
        let fresh = self.branch();
        let ack = self.request(dialog, "ACK", cseq, &fresh, "", body);
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.unsure = Some(receipt);
        }
        if self.manners.never_acks {
            return;
        }
        self.keep_ack(branch, &ack, Some(receipt));
        self.send(ack, Some(receipt));
    }

    fn acknowledge_failure(&mut self, dialog: usize, heard: &Heard, branch: &str) {
        let Some(at) = self.dialogs.get(dialog) else { return };
        let ack = format!(
            "ACK {} SIP/2.0\r\nVia: SIP/2.0/{} {};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} ACK\r\nContent-Length: 0\r\n\r\n",
            at.target,
            self.transport.as_str(),
            self.id.own,
            heard.one("From"),
            heard.one("To"),
            at.call_id,
            heard.cseq(),
        );
        self.keep_ack(branch, &ack, None);
        self.send(ack, None);
    }

    fn keep_ack(&mut self, branch: &str, ack: &str, receipt: Option<u64>) {
        let invite =
            self.clients.iter_mut().find(|client| client.branch == branch && client.method == "INVITE");
        if let Some(invite) = invite {
            invite.ack = Some((ack.to_string(), receipt));
        }
    }

    fn accepted(&mut self, now: Time, dialog: usize) {
        let cancelled = self.dialogs.get(dialog).is_some_and(|at| at.stage == Stage::Cancelling);
        if cancelled {
            // The 200 crossed the CANCEL.
            if let Some(at) = self.dialogs.get_mut(dialog) {
                at.confirmed_at = Some(now);
            }
            self.bye(now, dialog);
        } else {
            self.joined(now, dialog);
        }
    }

    fn refused(&mut self, now: Time, dialog: usize, status: u16, heard: &Heard, text: &str) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        let cancelled = at.stage == Stage::Cancelling;
        let may_try = at.proofs == 0 || self.challenge_is_stale(heard);
        if status == 401 && !cancelled && may_try && self.take_challenge(heard) {
            let Some(at) = self.dialogs.get_mut(dialog) else { return };
            at.proofs += 1;
            let target = at.target.clone();
            let proof = self.proof("INVITE", &target, true);
            let body = Heard::read(text.as_bytes()).body().to_string();
            return self.send_within(now, dialog, "INVITE", Purpose::Invite(dialog), &proof, &body);
        }
        let how = if cancelled { How::Cancelled } else { How::Refused(status) };
        self.finish(now, dialog, how);
    }

    fn challenge_is_stale(&self, heard: &Heard) -> bool {
        Challenge::choose(self.hash, heard.all("WWW-Authenticate")).is_some_and(|challenge| challenge.stale)
    }

    /// A re-INVITE was refused: the session stays; where the dialog is gone, it ends.
    fn not_renewed(&mut self, now: Time, dialog: usize, status: u16) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        at.renewing = false;
        let wanted = (at.session.wish, at.session.zero);
        let (faxing, video) = (at.session.faxing, at.session.video);
        let before = at.undo.as_ref().map(|before| (before.faxing, before.video));
        if let Some(before) = at.undo.take() {
            at.session.restore(before);
        }
        match status {
            408 | 481 if at.stage == Stage::Confirmed => self.bye(now, dialog),
            // The other side was not ready: once more.
            491 | 500 if at.stage == Stage::Confirmed && at.proofs < 8 => {
                at.proofs += 1;
                let act = match wanted {
                    _ if before.is_some_and(|(was, _)| was != faxing) => Act::Fax(faxing),
                    _ if before.is_some_and(|(_, was)| was != video) => Act::Video(video),
                    (_, true) => Act::Hold(Notation::Zero),
                    (Direction::SendOnly, _) => Act::Hold(Notation::SendOnly),
                    (Direction::Inactive, _) => Act::Hold(Notation::Inactive),
                    _ => Act::Resume,
                };
                self.later(now + Duration::from_secs(3), act, Some(dialog));
            }
            _ => {}
        }
    }
}
