//! What a REGISTER asks for: its contacts as bindings that are not in any table yet, and why it may not have them.
//!
//! Invariant: nothing is changed here; a request is understood as a whole or refused as a whole.

use std::time::Duration;

use super::binding::{Binding, Reach};
use super::bindings::Rules;
use crate::base::{Time, bounds, presentable};
use crate::sip::{Flow, Message, Name, NameAddr, Scheme, UriBuf};

/// Why a REGISTER changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `*` beside another contact or without `Expires: 0`, a contact that is no SIP URI, headers missing, two flows at once.
    #[error("contacts cannot be understood")]
    Malformed,
    /// More than [`bounds::BINDINGS_PER_USER`].
    #[error("too many contacts")]
    TooMany,
    /// An expiry below the least: the answer carries it as Min-Expires.
    #[error("expiry is too brief")]
    TooBrief,
    /// An older request than the one that made the binding.
    #[error("request is out of order")]
    OutOfOrder,
    /// A flow (RFC 5626) was asked for through a proxy that cannot keep one.
    #[error("first hop lacks outbound support")]
    NoOutbound,
}

impl Refused {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Refused::Malformed => 400,
            Refused::TooMany => 403,
            Refused::TooBrief => 423,
            Refused::OutOfOrder => 500,
            Refused::NoOutbound => 439,
        }
    }
}

pub(super) fn order(request: &Message) -> Result<(&[u8], u32), Refused> {
    let cseq = request.cseq().ok_or(Refused::Malformed)?;
    Ok((request.call_id().ok_or(Refused::Malformed)?, cseq.number))
}

/// The bindings that `request` asks for; those to be removed have `expires == now`.
pub(super) fn wanted(
    now: Time,
    rules: &Rules,
    request: &Message,
    flow: Flow,
) -> Result<Vec<Binding>, Refused> {
    let (call_id, cseq) = order(request)?;
    let user_agent = request.header_str(Name::UserAgent);
    let (path, outbound) = (path(request)?, request.lists(Name::Supported, "outbound"));
    let mut all: Vec<Binding> = Vec::new();
    for contact in request.list(Name::Contact) {
        let contact = NameAddr::parse(contact).map_err(|_| Refused::Malformed)?;
        // A `sips` contact is reached over the flow of its REGISTER, and that flow keeps the promise or there is none.
        match contact.uri().scheme() {
            Scheme::Sip => {}
            Scheme::Sips if flow.transport.is_secure() => {}
            _ => return Err(Refused::Malformed),
        }
        let instance = contact.params().get("+sip.instance");
        let instance = instance.map(|text| presentable(text, bounds::INSTANCE_CHARS).into());
        // RFC 5626 §6: without an instance, or from a phone that does not support outbound, a reg-id means nothing.
        let reg_id = reg_id(&contact).filter(|_| outbound && instance.is_some());
        all.push(Binding {
            id: 0,
            contact: contact.uri().into(),
            flow,
            path: path.clone(),
            q_thousandths: contact.q_thousandths().unwrap_or(1_000),
            expires: now + lifetime(rules, request, &contact)?,
            refreshed: now,
            instance,
            reg_id,
            user_agent: user_agent.map(|text| presentable(text, bounds::USER_AGENT_CHARS).into()),
            temporary: Vec::new(),
            reach: Reach::default(),
            call_id: call_id.into(),
            cseq,
        });
        if all.len() > 2 * bounds::BINDINGS_PER_USER {
            return Err(Refused::TooMany);
        }
    }
    flows(request, &all)?;
    Ok(all)
}

/// RFC 5626 §6: one REGISTER makes one flow, and a proxy next to the phone must have said that it keeps flows.
fn flows(request: &Message, wanted: &[Binding]) -> Result<(), Refused> {
    let made = wanted.iter().filter(|b| b.reg_id.is_some() && b.expires > b.refreshed);
    match made.count() {
        0 => Ok(()),
        1 if request.vias().count() < 2 => Ok(()),
        1 => match wanted.first().and_then(|b| b.path.last()) {
            Some(nearest) if nearest.view().params().has("ob") => Ok(()),
            _ => Err(Refused::NoOutbound),
        },
        _ => Err(Refused::Malformed),
    }
}

/// From 1 to 2³¹ − 1 (RFC 5626 §4.2).
fn reg_id(contact: &NameAddr<'_>) -> Option<u32> {
    let id: u32 = contact.params().get("reg-id")?.parse().ok()?;
    (1..=0x7fff_ffff).contains(&id).then_some(id)
}

/// The Path, nearest proxy first (RFC 3327 §5.2).
fn path(request: &Message) -> Result<Box<[UriBuf]>, Refused> {
    let mut path = Vec::new();
    for hop in request.list(Name::Path) {
        let hop = NameAddr::parse(hop).map_err(|_| Refused::Malformed)?;
        path.push(UriBuf::from(hop.uri()));
        if path.len() > bounds::ROUTES {
            return Err(Refused::Malformed);
        }
    }
    Ok(path.into())
}

/// How long `contact` is to live: its own `expires`, else the request's, else the default; never longer than the maximum.
/// What is no number counts as the default (RFC 3261 §20.10, §20.19).
fn lifetime(rules: &Rules, request: &Message, contact: &NameAddr<'_>) -> Result<Duration, Refused> {
    let asked = match contact.params().has("expires") {
        true => contact.expires(),
        false => request.expires(),
    };
    match asked.map_or(bounds::EXPIRES_DEFAULT, |s| Duration::from_secs(s.into())) {
        Duration::ZERO => Ok(Duration::ZERO),
        brief if brief < rules.least && asked.is_some() => Err(Refused::TooBrief),
        long => Ok(long.max(rules.least).min(rules.most)),
    }
}
