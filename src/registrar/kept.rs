//! Bindings as they outlive the node: plain values, in the time of people.
//!
//! Invariant: nothing of a binding that depends on this run of the node is kept: no connection, no number, no monotonic time.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::binding::{Binding, Reach};
use super::bindings::Rules;
use crate::base::{Time, Wall};
use crate::sip::{Flow, Transport, UriBuf};

/// The bindings of one user, for the store.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The account's name.
    pub user: String,
    /// Its contacts; none: forget the user.
    pub contacts: Vec<KeptContact>,
}

/// One contact.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptContact {
    contact: String,
    transport: String,
    local: SocketAddr,
    remote: SocketAddr,
    #[serde(default)]
    path: Vec<String>,
    q_thousandths: u16,
    expires: Wall,
    instance: Option<String>,
    reg_id: Option<u32>,
    user_agent: Option<String>,
    #[serde(default)]
    temporary: Vec<String>,
    call_id: String,
    cseq: u32,
}

impl KeptContact {
    pub(super) fn of(binding: &Binding, now: Time, wall: Wall) -> KeptContact {
        let text = |text: &str| text.to_string();
        KeptContact {
            contact: text(binding.contact.as_str()),
            transport: text(binding.flow.transport.as_str()),
            local: binding.flow.local,
            remote: binding.flow.remote,
            path: binding.path.iter().map(|uri| text(uri.as_str())).collect(),
            q_thousandths: binding.q_thousandths,
            expires: wall + binding.expires.since(now),
            instance: binding.instance.as_deref().map(text),
            reg_id: binding.reg_id,
            user_agent: binding.user_agent.as_deref().map(text),
            temporary: binding.temporary.iter().map(|one| text(one)).collect(),
            call_id: String::from_utf8_lossy(&binding.call_id).into_owned(),
            cseq: binding.cseq,
        }
    }

    /// The binding again, if it has not expired meanwhile. A stream's connection is gone: the next request opens one to the address
    /// that the contact names, where it names one.
    pub(super) fn binding(self, rules: &Rules, now: Time, wall: Wall) -> Option<Binding> {
        let left_us = u64::try_from(self.expires.as_micros().saturating_sub(wall.as_micros())).ok()?;
        // A clock that was set back meanwhile makes no registration longer than any may be.
        let left = Duration::from_micros(left_us).min(rules.most);
        if left.is_zero() {
            return None;
        }
        let contact = UriBuf::new(self.contact).ok()?;
        let transport: Transport = self.transport.parse().ok()?;
        let remote = match transport.is_reliable() && self.path.is_empty() && self.reg_id.is_none() {
            true => named_address(&contact, transport).unwrap_or(self.remote),
            false => self.remote,
        };
        let path: Result<Vec<UriBuf>, _> = self.path.into_iter().map(UriBuf::new).collect();
        Some(Binding {
            id: 0,
            contact,
            flow: Flow { transport, local: self.local, remote, connection: 0 },
            path: path.ok()?.into(),
            q_thousandths: self.q_thousandths.min(1_000),
            expires: now + left,
            refreshed: now,
            instance: self.instance.map(Into::into),
            reg_id: self.reg_id,
            user_agent: self.user_agent.map(Into::into),
            temporary: self.temporary.into_iter().map(Into::into).collect(),
            reach: Reach::default(),
            call_id: self.call_id.into_bytes().into(),
            cseq: self.cseq,
        })
    }
}

fn named_address(contact: &UriBuf, transport: Transport) -> Option<SocketAddr> {
    let view = contact.view();
    let ip = view.host()?.ip()?;
    Some(SocketAddr::new(ip, view.port().unwrap_or(transport.default_port())))
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({} contacts)", self.contacts.len())
    }
}

impl std::fmt::Debug for KeptContact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeptContact(..)")
    }
}
