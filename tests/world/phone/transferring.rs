//! Transfers as phones ask for them (RFC 3515, RFC 5589), and what they hear of them.

use ledgerline::base::Time;

use super::Phone;
use super::client::Purpose;
use super::dialog::Stage;
use crate::world::text::{Heard, user_of};

impl Phone {
    /// REFER within a dialog, to a number.
    pub fn refer(&mut self, now: Time, dialog: usize, to: &str, more: &str) {
        let target =
            if to.contains('@') { format!("sip:{to}") } else { format!("sip:{to}@{}", self.id.realm) };
        self.send_refer(now, dialog, &target, more);
    }

    /// REFER within the first live dialog to the far side of the last.
    pub fn refer_attended(&mut self, now: Time) {
        let mut live = (0..self.dialogs.len()).filter(|at| !self.dialogs[*at].is_over());
        let (Some(first), Some(last)) = (live.next(), live.next_back()) else { return };
        let other = &self.dialogs[last];
        let escaped = other.call_id.replace('@', "%40");
        let target = format!(
            "sip:{}@{}?Replaces={escaped}%3Bto-tag%3D{}%3Bfrom-tag%3D{}",
            user_of(&other.remote),
            self.id.realm,
            other.remote_tag,
            other.local_tag
        );
        self.send_refer(now, first, &target, "");
    }

    fn send_refer(&mut self, now: Time, dialog: usize, target: &str, more: &str) {
        if self.dialogs.get(dialog).is_some_and(|at| at.stage == Stage::Confirmed) {
            let more = format!("{}Refer-To: <{target}>\n{more}", self.contact());
            self.send_within(now, dialog, "REFER", Purpose::Refer(dialog), &more, "");
        }
    }

    /// Its REFER is answered.
    pub fn on_referred(&mut self, now: Time, dialog: usize, status: u16) {
        self.answers.push(("REFER".into(), status));
        if status == 202 && self.skills.hangs_up_on_202 {
            self.bye(now, dialog);
        }
    }

    /// NOTIFY of how a transfer goes.
    /// What becomes of its transfer; without a dialog when its REFER came outside of the call's.
    pub fn take_progress(&mut self, now: Time, dialog: Option<usize>, heard: &Heard) {
        let dialog = dialog.unwrap_or(usize::MAX);
        if self.dialogs.get(dialog).is_some_and(|at| heard.cseq() <= at.remote_cseq) {
            return self.reply(now, heard, 500);
        }
        let status = heard.body().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let over = heard.one("Subscription-State").starts_with("terminated");
        if over != (status >= 200) || self.progress.last().is_some_and(|last| *last >= 200 && !over) {
            self.complain(format!("a NOTIFY that makes no sense: {}", heard.text()));
        }
        if let Some(at) = self.dialogs.get_mut(dialog) {
            at.remote_cseq = heard.cseq();
        }
        self.progress.push(status);
        self.reply(now, heard, 200);
        if (200..300).contains(&status) && self.skills.hangs_up_when_transferred {
            self.bye(now, dialog);
        }
    }
}
