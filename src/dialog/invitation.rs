//! An INVITE of ours until its transaction ends: one early dialog for every fork beyond us, at most one of them kept.
//!
//! Invariant: the first fork that answers 2xx is handed to the user; every other 2xx is acknowledged and ended with BYE here
//! (RFC 3261 §13.2.2.4), so that no phone is left talking to nobody.

use super::id::Id;
use super::life::{Dialog, Phase};
use super::offer::{Carrier, OfferAnswer, Side};
use super::prack::{Order, Standing};
use crate::base::{Random, Time, bounds};
use crate::sip::{Builder, Flow, Message, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::Layer;

/// What a response to the INVITE is.
#[derive(Debug)]
pub enum Heard {
    /// 100, or a provisional response without a dialog.
    Progress,
    /// A provisional response of this early dialog (several forks ring at once), and whether a PRACK is owed.
    Early(Id, Standing),
    /// The first 2xx. Its dialog is the user's now, who sends the ACK ([`Dialog::acknowledge`]); what was offered and answered in it so
    /// far comes along.
    Accepted(Box<Dialog>, OfferAnswer),
    /// That 2xx again: [`Dialog::acknowledge_again`].
    AcceptedAgain(Id),
    /// Another fork's 2xx, already dealt with.
    Surplus,
    /// 3xx to 6xx: all early dialogs are over.
    Refused,
}

/// A fork beyond us: one early dialog.
pub struct Fork {
    /// The dialog.
    pub dialog: Dialog,
    /// What was offered and answered in it.
    pub exchange: OfferAnswer,
    /// Its reliable provisional responses.
    order: Order,
}

impl Fork {
    fn new(dialog: Dialog, offered: bool) -> Fork {
        let mut exchange = OfferAnswer::new();
        // The INVITE is the first message of a new exchange: there is nothing that it could collide with.
        let _ = exchange.on(Side::Ours, Carrier::Invite, offered);
        Fork { dialog, exchange, order: Order::new() }
    }
}

/// An INVITE that begins a call.
pub struct Invitation {
    flow: Flow,
    target: UriBuf,
    call_id: String,
    local: NameAddrBuf,
    remote: NameAddrBuf,
    contact: String,
    /// What every sending of it says besides: Route, who calls, who passed the call on.
    carried: Vec<(Name<'static>, String)>,
    seq: u32,
    /// Whether it carries an offer.
    offered: bool,
    early: Vec<Fork>,
    accepted: Option<Id>,
    surplus: Vec<Dialog>,
}

impl Invitation {
    /// An INVITE to `target` over `flow`, from `local` (a tag is added) to `remote`, with our Contact value.
    pub fn new(
        random: &mut Random,
        flow: Flow,
        target: UriBuf,
        local: NameAddrBuf,
        remote: NameAddrBuf,
        contact: &str,
    ) -> Invitation {
        let local = local.with_tag(&random.token(12));
        Invitation {
            flow,
            target,
            call_id: random.token(24),
            local,
            remote,
            contact: contact.to_string(),
            carried: Vec::new(),
            seq: 1,
            offered: true,
            early: Vec::new(),
            accepted: None,
            surplus: Vec::new(),
        }
    }

    /// It carries no offer: the far side is to make one.
    pub fn without_offer(mut self) -> Invitation {
        self.offered = false;
        self
    }

    /// Has every sending of the INVITE carry one more header field: a Route towards the contact (RFC 3327), an identity (RFC 3325).
    pub fn carry(&mut self, name: Name<'static>, value: impl Into<String>) {
        self.carried.push((name, value.into()));
    }

    /// The request, without a body: send it with [`Layer::request`] over [`Invitation::flow`]. `max_forwards` is one less than that of
    /// the request that made us send it, so that loops through us end (RFC 3261 §16.6 step 3).
    pub fn request(&self, max_forwards: u8) -> Builder {
        let request = Builder::request(&Method::Invite, self.target.as_str())
            .display(Name::MaxForwards, max_forwards)
            .display(Name::From, &self.local)
            .display(Name::To, &self.remote)
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format!("{} INVITE", self.seq))
            .header(Name::Contact, &self.contact);
        self.carried.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    /// The request once more as a new transaction with the next CSeq, after a failure that allows it (401 of a configured trunk,
    /// 415, 420, 422 …). What the failed one made is forgotten.
    pub fn request_anew(&mut self, max_forwards: u8) -> Builder {
        self.seq = self.seq.saturating_add(1);
        self.early.clear();
        self.request(max_forwards)
    }

    /// The path it takes.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Its CSeq number: for [`Dialog::acknowledge`].
    pub fn seq(&self) -> u32 {
        self.seq
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The early dialogs, in the order in which they were heard.
    pub fn early(&self) -> impl Iterator<Item = &Dialog> {
        self.early.iter().map(|fork| &fork.dialog)
    }

    /// The fork with this dialog.
    pub fn fork_mut(&mut self, id: &Id) -> Option<&mut Fork> {
        self.early.iter_mut().find(|fork| fork.dialog.id() == id)
    }

    /// Another path for the requests within its early dialogs: the stream that they used is gone.
    pub fn set_flow(&mut self, flow: Flow) {
        self.early.iter_mut().for_each(|fork| fork.dialog.set_flow(flow));
    }

    /// Takes a response to it. Above [`bounds::FORKED_DIALOGS`] further forks count as [`Heard::Progress`].
    pub fn hear(&mut self, now: Time, layer: &mut Layer, response: &Message) -> Heard {
        match response.status().unwrap_or(500) {
            0..200 => self.hear_provisional(response),
            200..300 => self.hear_success(now, layer, response),
            _ => {
                self.early.clear();
                Heard::Refused
            }
        }
    }

    fn hear_provisional(&mut self, response: &Message) -> Heard {
        let Some(id) = Id::of_response(response).filter(|_| response.status() != Some(100)) else {
            return Heard::Progress;
        };
        if self.accepted.as_ref() == Some(&id) {
            return Heard::Progress;
        }
        if !self.early.iter().any(|fork| *fork.dialog.id() == id) {
            if self.early.len() >= bounds::FORKED_DIALOGS {
                return Heard::Progress;
            }
            match Dialog::asking(response, self.flow, &self.target, self.seq, &self.contact) {
                Some(dialog) => {
                    // A phone is one fork; more are a proxy's.
                    self.early.reserve_exact(1);
                    self.early.push(Fork::new(dialog, self.offered));
                }
                None => return Heard::Progress,
            }
        }
        match self.fork_mut(&id).map(|fork| fork.order.take(response)) {
            Some(standing) => Heard::Early(id, standing),
            None => Heard::Progress,
        }
    }

    fn hear_success(&mut self, now: Time, layer: &mut Layer, response: &Message) -> Heard {
        let Some(id) = Id::of_response(response) else { return Heard::Progress };
        if self.accepted.as_ref() == Some(&id) {
            return Heard::AcceptedAgain(id);
        }
        if let Some(dialog) = self.surplus.iter().find(|dialog| *dialog.id() == id) {
            dialog.acknowledge_again(layer, response);
            return Heard::Surplus;
        }
        let Some(Fork { mut dialog, exchange, .. }) = self.take_fork(&id, response) else {
            return Heard::Progress;
        };
        if self.accepted.is_none() {
            self.accepted = Some(id);
            return Heard::Accepted(Box::new(dialog), exchange);
        }
        dialog.acknowledge(layer, self.seq, None);
        // When there is no room for a BYE the peer's own timers end what it has.
        let _ = dialog.hang_up(now, layer, None);
        if self.surplus.len() < bounds::FORKED_DIALOGS {
            self.surplus.push(dialog);
        }
        Heard::Surplus
    }

    fn take_fork(&mut self, id: &Id, response: &Message) -> Option<Fork> {
        match self.early.iter().position(|fork| fork.dialog.id() == id) {
            Some(at) => {
                let mut fork = self.early.swap_remove(at);
                fork.dialog.confirm(Some(response));
                debug_assert_eq!(fork.dialog.phase(), Phase::Confirmed);
                Some(fork)
            }
            None => {
                let dialog = Dialog::asking(response, self.flow, &self.target, self.seq, &self.contact)?;
                Some(Fork::new(dialog, self.offered))
            }
        }
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Invitation({:?}, {} early, answered: {})",
            self.target,
            self.early.len(),
            self.accepted.is_some()
        )
    }
}
