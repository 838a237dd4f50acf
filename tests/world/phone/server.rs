//! The requests that a phone hears, and its answers: RFC 3261 §17.2 in its plainest form, and §13.3 for the calls that ring it.

use std::time::Duration;

use ledgerline::base::Time;

use super::dialog::{Dialog, How, Side, Stage};
use super::script::When;
use super::words::{RESPONSE, reason};
use super::{Act, Phone, T1, T2, TRIES};
use crate::world::sdp::There;
use crate::world::text::{Heard, fill, user_of, within};

/// A request that came in.
#[derive(Debug)]
pub struct Server {
    pub request: Heard,
    pub dialog: Option<usize>,
    /// The To tag of its last answer.
    tag: String,
    /// The last answer, repeated when the request is.
    last: Option<String>,
    status: u16,
    /// The last RSeq, and the RAck that it wants while that has not come.
    pub rseq: u32,
    pub rack: Option<String>,
    /// When a final answer to INVITE is repeated of the phone's own accord.
    pub next: Option<Time>,
    gap: Duration,
    until: Time,
}

impl Server {
    pub fn deadline(&self) -> Option<Time> {
        self.next.map(|next| next.min(self.until))
    }
}

/// Hearing.
impl Phone {
    pub fn on_request(&mut self, now: Time, heard: &Heard) {
        if heard.method() == "ACK" {
            return self.on_ack(now, heard);
        }
        let known = self
            .servers
            .iter()
            .find(|s| s.request.branch() == heard.branch() && s.request.method() == heard.method());
        if let Some(known) = known {
            if let Some(text) = known.last.clone() {
                self.send(text, None);
            }
            return;
        }
        if self.challenges(now, heard) {
            return;
        }
        let dialog = self.dialog_of(heard.call_id(), heard.tag_of_to());
        match (heard.method(), dialog) {
            ("INVITE", None) if self.wants_longer(now, heard) => {}
            ("INVITE", None) if heard.tag_of_to().is_empty() => self.on_invite(now, heard),
            ("INVITE", Some(dialog)) => self.on_reinvite(now, dialog, heard),
            ("UPDATE", Some(dialog)) => self.take_update(now, dialog, heard),
            ("PRACK", Some(dialog)) => self.on_prack(now, dialog, heard),
            ("CANCEL", _) => self.on_cancel(now, heard),
            ("BYE", Some(dialog)) => self.on_bye(now, dialog, heard),
            ("NOTIFY", dialog) if heard.one("Event").starts_with("refer") => {
                self.take_progress(now, dialog, heard);
            }
            ("NOTIFY", _) => self.on_notify(now, heard),
            ("MESSAGE", _) => self.on_text(now, heard),
            ("OPTIONS", None) if !heard.tag_of_to().is_empty() => self.reply(now, heard, 481),
            ("OPTIONS", Some(dialog)) if self.dialogs[dialog].is_over() => self.reply(now, heard, 481),
            ("OPTIONS", _) => self.reply(now, heard, 200),
            ("INFO", Some(_)) => {
                self.keys.extend(heard.body().lines().find_map(|line| line.strip_prefix("Signal=")));
                self.reply(now, heard, 200);
            }
            ("BYE" | "INVITE" | "INFO", None) => self.reply(now, heard, 481),
            _ => {
                self.complain(format!("an unexpected {}", heard.start()));
                self.reply(now, heard, 501);
            }
        }
    }

    fn on_invite(&mut self, now: Time, heard: &Heard) {
        let mut session = self.session();
        session.there = None;
        let dialog = Dialog {
            side: Side::Callee,
            stage: Stage::Inviting,
            call_id: heard.call_id().to_string(),
            local_tag: self.random.token(8),
            remote_tag: heard.tag_of_from().to_string(),
            local: within(heard.one("To")).to_string(),
            remote: within(heard.one("From")).to_string(),
            target: within(heard.one("Contact")).to_string(),
            cseq: 0,
            remote_cseq: heard.cseq(),
            remote_invite: heard.cseq(),
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
        let called = user_of(heard.start().split(' ').nth(1).unwrap_or_default());
        if called != self.id.user && self.carrier.is_none() {
            self.complain(format!("called as somebody else: {}", heard.start()));
        }
        self.rung = Some(heard.text().to_string());
        if There::read(heard.body()).is_some_and(|offer| !dialog.session.takes(&offer)) {
            return self.reply(now, heard, 488);
        }
        self.dialogs.push(dialog);
        let index = self.dialogs.len() - 1;
        self.serve(now, heard, Some(index));
        let reception = self.reception.clone();
        if let Some(gap) = reception.ring {
            self.later(now + gap, Act::Ring { early_media: reception.early_media }, Some(index));
        }
        if let Some((when, act)) = reception.last {
            let at = match when {
                When::After(gap) => now + gap,
                When::At(since) => now.max(Time::ZERO + since),
            };
            self.later(at, act, Some(index));
        }
    }

    fn on_reinvite(&mut self, now: Time, dialog: usize, heard: &Heard) {
        if self.refuses_renewal(now, dialog, heard) {
            return;
        }
        if let Some(at) = self.dialogs.get_mut(dialog).filter(|at| at.stage == Stage::Answered) {
            // The ACK of its first 200 is still on the way.
            (at.remote_cseq, at.remote_invite) = (heard.cseq(), heard.cseq());
            return self.reply(now, heard, 491);
        }
        let Some(at) = self.dialogs.get_mut(dialog).filter(|at| at.stage == Stage::Confirmed) else {
            return self.reply(now, heard, 481);
        };
        (at.remote_cseq, at.remote_invite) = (heard.cseq(), heard.cseq());
        if There::read(heard.body()).is_some_and(|offer| !at.session.takes(&offer)) {
            return self.reply(now, heard, 488);
        }
        let body = match There::read(heard.body()) {
            Some(there) => at.session.answer(&there),
            None => at.session.offer(),
        };
        let index = self.serve(now, heard, Some(dialog));
        self.renewed += 1;
        self.respond(now, index, 200, &session_line(heard), &body);
    }

    /// Also the answer to an offer that this phone made in a 2xx comes here.
    fn on_ack(&mut self, now: Time, heard: &Heard) {
        let acked = self.servers.iter_mut().find(|server| {
            server.request.method() == "INVITE"
                && server.request.call_id() == heard.call_id()
                && server.request.cseq() == heard.cseq()
                && server.tag == heard.tag_of_to()
        });
        let Some(server) = acked else { return };
        server.next = None;
        let Some(dialog) = server.dialog else { return };
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        if let Some(there) = There::read(heard.body()) {
            at.session.hear(there);
        }
        if at.stage == Stage::Answered {
            self.joined(now, dialog);
        }
    }

    fn on_cancel(&mut self, now: Time, heard: &Heard) {
        let invite = self.servers.iter().position(|server| {
            server.request.branch() == heard.branch() && server.request.method() == "INVITE"
        });
        let Some(invite) = invite else { return self.reply(now, heard, 481) };
        self.reply(now, heard, 200);
        let Some(dialog) = self.servers.get(invite).and_then(|server| server.dialog) else { return };
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        at.reasons.extend(heard.all("Reason").map(str::to_string));
        if at.stage == Stage::Inviting {
            self.finish(now, dialog, How::Cancelled);
            self.respond(now, invite, 487, "", "");
        }
    }

    fn on_bye(&mut self, now: Time, dialog: usize, heard: &Heard) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        at.reasons.extend(heard.all("Reason").map(str::to_string));
        if heard.cseq() <= at.remote_cseq && !at.is_over() {
            let text = format!("a BYE out of order: CSeq {} after {}", heard.cseq(), at.remote_cseq);
            self.complain(text);
        }
        for server in self.servers.iter_mut().filter(|server| server.dialog == Some(dialog)) {
            server.next = None;
        }
        self.finish(now, dialog, How::FarSideHungUp);
        if !self.manners.never_answers_bye {
            self.reply(now, heard, 200);
        }
    }
}

/// Answering.
impl Phone {
    pub fn ring(&mut self, now: Time, dialog: usize, early_media: bool) {
        let Some(invite) = self.invite_of(dialog) else { return };
        let body = if early_media { self.answer_body(dialog, invite) } else { String::new() };
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.described = early_media;
        }
        let status = if early_media { 183 } else { 180 };
        self.respond(now, invite, status, "", &body);
    }

    pub fn answer(&mut self, now: Time, dialog: usize) {
        let Some(invite) = self.invite_of(dialog) else { return };
        if self.waits_for_prack(dialog) {
            return self.later(now + super::skills::WAIT, Act::Answer, Some(dialog));
        }
        let mut body = self.answer_body(dialog, invite);
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.stage = Stage::Answered;
            if (self.manners.answers_bare || self.skills.reliable.is_some()) && at.described {
                body = String::new();
            }
        }
        self.respond(now, invite, 200, "", &body);
        if self.manners.answers_twice {
            self.later(now + Duration::from_millis(15), Act::AnswerAsAnother, Some(dialog));
        }
    }

    /// Another phone, somewhere behind this one, answers the same INVITE.
    pub fn answer_as_another(&mut self, now: Time, dialog: usize) {
        let invite =
            self.servers.iter().position(|server| server.dialog == Some(dialog) && server.status == 200);
        let Some((first, invite)) = self.dialogs.get(dialog).zip(invite) else { return };
        let mut other = first.clone();
        other.local_tag = self.random.token(8);
        other.session = self.session();
        other.stage = Stage::Answered;
        other.confirmed_at = None;
        other.over_at = None;
        other.leaving = false;
        self.dialogs.push(other);
        let other = self.dialogs.len() - 1;
        let request = self.servers[invite].request.clone();
        let server = self.serve(now, &request, Some(other));
        let body = self.answer_body(other, server);
        self.respond(now, server, 200, "", &body);
    }

    pub fn reject(&mut self, now: Time, dialog: usize, status: u16, more: &str) {
        let Some(invite) = self.invite_of(dialog) else { return };
        self.finish(now, dialog, How::Refused(status));
        self.respond(now, invite, status, more, "");
    }

    /// The INVITE that began `dialog`, while it has no final answer.
    fn invite_of(&self, dialog: usize) -> Option<usize> {
        self.dialogs.get(dialog).filter(|at| at.stage == Stage::Inviting)?;
        self.servers.iter().position(|server| server.dialog == Some(dialog) && server.status < 200)
    }

    fn answer_body(&mut self, dialog: usize, invite: usize) -> String {
        let offer = self.servers.get(invite).and_then(|server| There::read(server.request.body()));
        let Some(at) = self.dialogs.get_mut(dialog) else { return String::new() };
        match offer {
            Some(offer) => at.session.answer(&offer),
            None => at.session.offer(),
        }
    }

    pub fn reply(&mut self, now: Time, heard: &Heard, status: u16) {
        self.reply_with(now, heard, status, "", "");
    }

    pub fn reply_with(&mut self, now: Time, heard: &Heard, status: u16, more: &str, body: &str) {
        let index = self.serve(now, heard, None);
        self.respond(now, index, status, more, body);
    }

    pub fn serve(&mut self, now: Time, heard: &Heard, dialog: Option<usize>) -> usize {
        let request = heard.clone();
        self.servers.push(Server {
            request,
            dialog,
            tag: String::new(),
            last: None,
            status: 0,
            rseq: 0,
            rack: None,
            next: None,
            gap: T1,
            until: now + TRIES,
        });
        self.servers.len() - 1
    }

    fn respond(&mut self, now: Time, index: usize, status: u16, more: &str, body: &str) {
        let reliably = self.make_reliable(index, status);
        let Some(server) = self.servers.get(index) else { return };
        let heard = &server.request;
        let vias: String = heard.all("Via").map(|via| format!("Via: {via}\n")).collect();
        let tag = match server.dialog.and_then(|dialog| self.dialogs.get(dialog)) {
            Some(dialog) if status == 183 && self.manners.rings_as_another => {
                format!("{}x", dialog.local_tag)
            }
            Some(dialog) => dialog.local_tag.clone(),
            None => "stateless".to_string(),
        };
        let to = match heard.tag_of_to() {
            "" => format!("{};tag={tag}", heard.one("To")),
            _ => heard.one("To").to_string(),
        };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
        let invite = heard.method() == "INVITE";
        let skills = if invite { self.skill_lines_of_response(status) } else { String::new() };
        let contact = if invite && status < 300 { self.contact() } else { String::new() };
        let text = fill(
            RESPONSE,
            &[
                ("status", &status.to_string()),
                ("reason", reason(status)),
                ("vias", &vias),
                ("from", heard.one("From")),
                ("to", &to),
                ("call_id", heard.call_id()),
                ("cseq", heard.one("CSeq")),
                ("more", &format!("{contact}{kind}{skills}{reliably}{more}")),
                ("body", body),
            ],
        );
        // A 2xx is repeated over every transport, another final answer over datagrams only.
        let final_one = invite && status >= 200 && (status < 300 || !self.is_reliable());
        let repeats = final_one || !reliably.is_empty();
        if let Some(server) = self.servers.get_mut(index) {
            server.tag = Heard::read(text.as_bytes()).tag_of_to().to_string();
            server.last = Some(text.clone());
            server.status = status;
            server.until = now + TRIES;
            server.next = repeats.then(|| now + T1);
        }
        self.send(text, None);
    }

    pub fn tick_servers(&mut self, now: Time) {
        let mut again = Vec::new();
        let mut given_up = Vec::new();
        for server in &mut self.servers {
            let Some(next) = server.next else { continue };
            if server.until <= now {
                server.next = None;
                given_up.extend(server.dialog.filter(|_| server.status < 300));
            } else if next <= now {
                server.gap = (server.gap * 2).min(T2);
                server.next = Some(now + server.gap);
                again.extend(server.last.clone());
            }
        }
        for text in again {
            self.send(text, None);
        }
        for dialog in given_up {
            self.timeouts += 1;
            // RFC 3261 §13.3.1.4: no ACK came; the session ends with BYE.
            if self
                .dialogs
                .get(dialog)
                .is_some_and(|at| matches!(at.stage, Stage::Answered | Stage::Confirmed))
            {
                self.bye(now, dialog);
            }
        }
    }
}

/// What a 200 to a re-INVITE says of the session's interval: the same as was asked for.
pub fn session_line(heard: &Heard) -> String {
    match heard.one("Session-Expires") {
        "" => String::new(),
        value => format!("Session-Expires: {value}\n"),
    }
}
