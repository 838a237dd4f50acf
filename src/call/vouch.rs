//! Proofs within a call: a trunk may challenge every request of ours (RFC 3261 §22.2), not only the INVITE that begins the call.
//!
//! Invariant: only a trunk is proved anything to, for its own realm and at most [`bounds::PROOFS`] times a request; a phone that challenges
//! gets nothing (reliability: digest leak).

use std::sync::Arc;

use crate::base::{LegId, bounds};
use crate::dialog::{self, Carrier, Side};
use crate::sip::{Builder, Flow, Message, Method, Name};
use crate::transaction::{ClientKey, Unsent};

use super::Call;
use super::desk::{Desk, Owner, Purpose};
use super::leg::Leg;
use super::trace::Way;

/// A request of ours to a trunk, for as long as a challenge may be the answer.
#[derive(Debug)]
pub(super) struct Asked {
    request: Builder,
    seq: u32,
    purpose: Purpose,
    proofs: u8,
}

impl Leg {
    /// The trunk that it leads to or comes from.
    pub fn carrier(&self) -> Option<&Arc<str>> {
        self.carrier.as_ref().or(self.way.as_ref().map(|way| &way.name))
    }

    /// Sends a request within its dialog; one to a trunk is kept, should it want a proof.
    ///
    /// # Errors
    /// As [`crate::transaction::Layer::request`].
    pub fn send(
        &mut self,
        desk: &mut Desk<'_>,
        owner: Owner,
        purpose: Purpose,
        (flow, seq, request): (Flow, u32, Builder),
    ) -> Result<ClientKey, Unsent> {
        let kept = self.carrier().map(|_| request.clone());
        let client = desk.layer.request(desk.now, flow, request)?;
        desk.index.add_client(client, owner, purpose);
        self.asked = kept.map(|request| Box::new(Asked { request, seq, purpose, proofs: 0 }));
        Ok(client)
    }
}

impl Call {
    /// Answers a trunk's challenge to a request within a dialog: the request goes out once more. `false`: it is none, or is not to be
    /// answered.
    pub(super) fn vouch(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        purpose: Purpose,
        challenge: &Message,
    ) -> bool {
        if !matches!(challenge.status(), Some(401 | 407)) {
            return false;
        }
        let Some(method) = self.prove_again(desk, leg, purpose, challenge) else { return false };
        let with = if method == Method::Invite { " (sdp, proof)" } else { " (proof)" };
        self.said(desk, leg, Way::Out, &format!("{method}{with}"));
        true
    }

    fn prove_again(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        purpose: Purpose,
        challenge: &Message,
    ) -> Option<Method> {
        let owner = (self.id, leg);
        let at = self.leg_mut(leg)?;
        let cseq = challenge.cseq()?;
        let asked = at.asked.take_if(|asked| asked.seq == cseq.number && asked.purpose == purpose)?;
        let carrier = Arc::clone(at.carrier().filter(|_| asked.proofs < bounds::PROOFS)?);
        let uri = asked.request.target()?;
        let (name, value) =
            desk.trunks.prove(&carrier, challenge, cseq.method.as_str(), &uri, desk.random)?;
        let dialog = at.dialog_with(&dialog::Id::of_response(challenge)?)?;
        let seq = dialog.next_seq();
        if cseq.method == Method::Invite {
            dialog.vouch(name, &value);
        }
        let flow = dialog.flow();
        let mut request = asked.request.without(Name::CSeq);
        for old in [Name::Authorization, Name::ProxyAuthorization] {
            request = request.without(old);
        }
        let request = request.header(Name::CSeq, format!("{seq} {}", cseq.method)).header(name, value);
        at.send(desk, owner, purpose, (flow, seq, request)).ok()?;
        if let Some(kept) = &mut at.asked {
            kept.proofs = asked.proofs + 1;
        }
        if purpose == Purpose::Renew {
            at.renewal_sent_again(seq);
        }
        Some(cseq.method)
    }
}

impl Leg {
    /// A refresh of ours was challenged and is out again under another CSeq number.
    fn renewal_sent_again(&mut self, seq: u32) {
        let Some(renewal) = &mut self.renewal else { return };
        renewal.seq = seq;
        let (failure, again) = match renewal.by_update {
            true => (Carrier::UpdateFailure, Carrier::Update),
            false => (Carrier::Failure, Carrier::Invite),
        };
        let _ = self.exchange.on(Side::Theirs, failure, false);
        let _ = self.exchange.on(Side::Ours, again, again == Carrier::Invite);
    }
}
