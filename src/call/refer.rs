//! What a transferor's phone hears of its transfer: NOTIFY with a line of SIP (RFC 3515 §2.4.4 and §2.4.5).
//!
//! Invariant: the last NOTIFY says that the subscription is over; none follows it.

use crate::dialog::Dialog;
use crate::sip::{Builder, Flow, Message, Method, Name, reason_of};

use super::Call;
use super::desk::{Desk, Purpose};
use super::leg::Stage;
use super::trace::Way;

/// The subscription that a REFER makes.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The REFER's CSeq number, its `id`.
    id: u32,
    /// The last status that was told.
    last: u16,
    /// The dialog that the REFER made, if it came outside the call's.
    dialog: Option<Box<Dialog>>,
}

/// Seconds that a subscription is said to last: longer than anything rings.
const LASTS_S: u32 = 180;

impl Subscription {
    /// Of a REFER, which made `dialog` if it came outside the call's.
    pub fn new(refer: &Message, dialog: Option<Box<Dialog>>) -> Subscription {
        Subscription { id: refer.cseq().map_or(0, |cseq| cseq.number), last: 0, dialog }
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
        let notify = told.dialog.as_mut().map(|dialog| notify_in(dialog, &event, status));
        let notify = notify.or_else(|| match &mut self.leg_mut(by)?.stage {
            Stage::Up { dialog, leaving: false, .. } => Some(notify_in(dialog, &event, status)),
            _ => None,
        });
        if let Some((flow, notify)) = notify
            && let Ok(client) = desk.layer.request(desk.now, flow, notify)
        {
            desk.index.add_client(client, (self.id, by), Purpose::Notify);
            self.said(desk, by, Way::Out, &format!("NOTIFY ({status})"));
        }
    }
}

/// A NOTIFY that says `status`, and its path.
fn notify_in(dialog: &mut Dialog, event: &str, status: u16) -> (Flow, Builder) {
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
    (dialog.flow(), notify)
}
