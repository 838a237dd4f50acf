//! What a transferor's phone hears of its transfer: NOTIFY with a line of SIP (RFC 3515 §2.4.4 and §2.4.5).
//!
//! Invariant: the last NOTIFY says that the subscription is over; none follows it.

use crate::base::LegId;
use crate::sip::{Message, Method, Name, reason_of};

use super::Call;
use super::desk::{Desk, Purpose};
use super::leg::Stage;
use super::trace::Way;

/// The subscription that a REFER makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscription {
    /// The REFER's CSeq number, its `id`.
    id: u32,
    /// The last status that was told.
    last: u16,
}

/// Seconds that a subscription is said to last: longer than anything rings.
const LASTS_S: u32 = 180;

impl Subscription {
    /// Of a REFER.
    pub fn new(refer: &Message) -> Subscription {
        Subscription { id: refer.cseq().map_or(0, |cseq| cseq.number), last: 0 }
    }
}

impl Call {
    /// Tells the transferor how far its transfer has come: 100, 180, or the final status, after which nothing more is told.
    pub(super) fn report_transfer(&mut self, desk: &mut Desk<'_>, status: u16) {
        let Some(transfer) = &mut self.transfer else { return };
        let (by, Some(told)) = (transfer.by, &mut transfer.told) else { return };
        if told.last == status || told.last >= 200 {
            return;
        }
        told.last = status;
        let event = format!("refer;id={}", told.id);
        self.tell_transferor(desk, by, &event, status);
    }

    fn tell_transferor(&mut self, desk: &mut Desk<'_>, leg: LegId, event: &str, status: u16) {
        let id = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let Stage::Up { dialog, leaving: false, .. } = &mut at.stage else { return };
        let state = match status {
            0..200 => format!("active;expires={LASTS_S}"),
            _ => "terminated;reason=noresource".to_string(),
        };
        let line = format!("SIP/2.0 {status} {}\r\n", reason_of(status));
        let notify = dialog
            .request(&Method::Notify)
            .header(Name::Event, event)
            .header(Name::SubscriptionState, state)
            .body("message/sipfrag;version=2.0", line);
        if let Ok(client) = desk.layer.request(desk.now, dialog.flow(), notify) {
            desk.index.add_client(client, (id, leg), Purpose::Notify);
            self.said(desk, leg, Way::Out, &format!("NOTIFY ({status})"));
        }
    }
}
