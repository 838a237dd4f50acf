//! Extensions that a phone may know: reliable provisional responses (RFC 3262), UPDATE (RFC 3311), session timers (RFC 4028).

use ledgerline::base::Time;

use super::client::Purpose;
use super::dialog::{Dialog, How, Side, Stage};
use super::server::session_line;
use super::{Phone, T1};
use crate::world::sdp::{Direction, Notation, Session, There};
use crate::world::text::{Heard, within};

/// What a phone knows beyond RFC 3261.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skills {
    /// 100rel: `Some(true)` requires it of whoever it calls.
    pub reliable: Option<bool>,
    pub updates: bool,
    /// The Session-Expires value of its INVITEs.
    pub session: Option<&'static str>,
    /// The Session-Expires value of its 200s.
    pub answers_session: Option<&'static str>,
    /// Session intervals that it refuses with 422 are below this.
    pub min_se: u32,
    /// Refuses every re-INVITE with this, so often.
    pub refuses_renewals: Option<(u16, u32)>,
    /// Hangs up as soon as its transfer is taken on, and as soon as it is done.
    pub hangs_up_on_202: bool,
    pub hangs_up_when_transferred: bool,
    /// More header lines of its INVITEs.
    pub says: String,
    /// Never sends a PRACK.
    pub never_pracks: bool,
}

/// What it says.
impl Phone {
    /// Header lines of an INVITE or UPDATE.
    pub fn skill_lines(&self, method: &str) -> String {
        let mut lines = String::new();
        if !matches!(method, "INVITE" | "UPDATE") {
            return lines;
        }
        match self.skills.reliable {
            Some(true) if method == "INVITE" => lines += "Require: 100rel\n",
            Some(_) => lines += "Supported: 100rel\n",
            None => {}
        }
        if method == "INVITE" {
            lines += &self.skills.says;
        }
        lines += self.allow_line();
        if let Some(value) = self.skills.session {
            lines += &format!("Supported: timer\nSession-Expires: {value}\n");
        }
        lines
    }

    fn allow_line(&self) -> &'static str {
        if self.skills.updates { "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\n" } else { "" }
    }

    /// Header lines of a response to INVITE.
    pub fn skill_lines_of_response(&self, status: u16) -> String {
        let mut lines = String::new();
        if (200..300).contains(&status) {
            lines += self.allow_line();
            if let Some(value) = self.skills.answers_session {
                lines += &format!("Require: timer\nSession-Expires: {value}\n");
            }
        }
        lines
    }

    /// UPDATE with another offer, or (`None`) with the same.
    pub fn update(&mut self, now: Time, dialog: usize, notation: Option<Notation>) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        if at.is_over() || at.renewing || at.remote_tag.is_empty() {
            return;
        }
        at.renewing = true;
        at.undo = Some(at.session.clone());
        at.session.wish = match notation {
            Some(Notation::Inactive) => Direction::Inactive,
            Some(_) => Direction::SendOnly,
            None => Direction::SendRecv,
        };
        let body = at.session.offer();
        self.send_within(now, dialog, "UPDATE", Purpose::Update(dialog), "", &body);
    }
}

/// What it hears.
impl Phone {
    /// The answer to its UPDATE.
    pub fn on_updated(&mut self, dialog: usize, status: u16, heard: &Heard) {
        self.answers.push(("UPDATE".into(), status));
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        at.renewing = false;
        match There::read(heard.body()) {
            Some(there) if status < 300 => at.session.there = Some(there),
            _ => {
                if let Some(before) = at.undo.take() {
                    at.session.restore(before);
                }
            }
        }
    }

    /// UPDATE from the switch.
    pub fn take_update(&mut self, now: Time, dialog: usize, heard: &Heard) {
        if !self.skills.updates {
            self.complain("UPDATE to a phone that does not know it".into());
        }
        let Some(at) = self.dialogs.get_mut(dialog).filter(|at| !at.is_over()) else {
            return self.reply(now, heard, 481);
        };
        at.remote_cseq = heard.cseq();
        let body = There::read(heard.body()).map(|there| at.session.answer(&there)).unwrap_or_default();
        self.updated += 1;
        let more = format!("{}{}", self.contact(), session_line(heard));
        self.reply_with(now, heard, 200, &more, &body);
    }

    /// A provisional response to its INVITE, reliable: it sends the PRACK. `false`: it is out of order, or has come before.
    pub fn take_reliable(&mut self, now: Time, dialog: usize, heard: &Heard) -> bool {
        let Ok(rseq) = heard.one("RSeq").parse::<u32>() else { return true };
        if self.skills.reliable.is_none() {
            self.complain("a reliable response to a phone that does not know 100rel".into());
        }
        let Some(at) = self.dialogs.get_mut(dialog) else { return false };
        if at.rseq.is_some_and(|last| rseq != last + 1) {
            return false;
        }
        at.rseq = Some(rseq);
        at.remote_tag = heard.tag_of_to().to_string();
        at.target = within(heard.one("Contact")).to_string();
        if self.skills.never_pracks {
            return false;
        }
        let there = There::read(heard.body());
        // An INVITE without an offer: this is the first one.
        let body = match there {
            Some(there) if at.session.is_new() => at.session.answer(&there),
            _ => String::new(),
        };
        let rack = format!("RAck: {rseq} {} INVITE\n", heard.cseq());
        self.send_within(now, dialog, "PRACK", Purpose::Prack, &rack, &body);
        true
    }

    /// The PRACK of a reliable response of its own.
    pub fn on_prack(&mut self, now: Time, dialog: usize, heard: &Heard) {
        let rack = heard.one("RAck").to_string();
        let acked = self.servers.iter_mut().find(|server| server.rack.as_ref() == Some(&rack));
        match acked {
            Some(server) => {
                server.next = None;
                server.rack = None;
                if let Some(at) = self.dialogs.get_mut(dialog) {
                    at.remote_cseq = heard.cseq();
                }
                self.reply(now, heard, 200);
            }
            None => {
                self.complain(format!("a PRACK for nothing: {rack}"));
                self.reply(now, heard, 481);
            }
        }
    }

    /// The lines that make a provisional response of its own reliable; empty when it is not to be.
    pub fn make_reliable(&mut self, index: usize, status: u16) -> String {
        let Some(server) = self.servers.get_mut(index) else { return String::new() };
        let wanted = server.request.all("Supported").any(|line| line.contains("100rel"));
        if self.skills.reliable.is_none() || !wanted || !(101..200).contains(&status) {
            return String::new();
        }
        server.rseq += 1;
        server.rack = Some(format!("{} {} INVITE", server.rseq, server.request.cseq()));
        format!("Require: 100rel\nRSeq: {}\n", server.rseq)
    }

    /// Whether a response to the INVITE of `dialog` still wants its PRACK; then the answer waits.
    pub fn waits_for_prack(&self, dialog: usize) -> bool {
        self.servers.iter().any(|server| server.dialog == Some(dialog) && server.rack.is_some())
    }

    /// Refuses an INVITE whose session interval is too small.
    pub fn wants_longer(&mut self, now: Time, heard: &Heard) -> bool {
        let asked: u32 =
            heard.one("Session-Expires").split(';').next().and_then(|s| s.parse().ok()).unwrap_or(0);
        let refuses = heard.tag_of_to().is_empty() && asked < self.skills.min_se;
        if refuses {
            let more = format!("Min-SE: {}\n", self.skills.min_se);
            self.reply_with(now, heard, 422, &more, "");
        }
        refuses
    }

    /// A re-INVITE that it refuses: because it has one of its own under way, or out of ill will.
    pub fn refuses_renewal(&mut self, now: Time, dialog: usize, heard: &Heard) -> bool {
        let busy = self.dialogs.get(dialog).is_some_and(|at| at.renewing);
        let status = match &mut self.skills.refuses_renewals {
            _ if busy => 491,
            Some((status, times)) if *times > 0 => {
                *times -= 1;
                *status
            }
            _ => return false,
        };
        if let Some(at) = self.dialogs.get_mut(dialog) {
            (at.remote_cseq, at.remote_invite) = (heard.cseq(), heard.cseq());
        }
        self.reply(now, heard, status);
        true
    }

    /// BYE instead of CANCEL, within an early dialog.
    pub fn leave_early(&mut self, now: Time, dialog: usize) {
        let early =
            |at: &Dialog| at.side == Side::Caller && at.stage == Stage::Inviting && !at.remote_tag.is_empty();
        if !self.dialogs.get(dialog).is_some_and(early) {
            return;
        }
        self.send_within(now, dialog, "BYE", Purpose::Info, "", "");
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.stage = Stage::Cancelling;
        }
    }

    /// Whether its last dialog ended because the far side hung up.
    pub fn was_hung_up_on(&self) -> bool {
        self.ended() == Some(How::FarSideHungUp)
    }
}

impl Session {
    /// Whether nothing was said yet.
    fn is_new(&self) -> bool {
        self.there.is_none() && self.has_said_nothing()
    }
}

/// How long an answer waits for a PRACK before it looks again.
pub const WAIT: std::time::Duration = T1;
