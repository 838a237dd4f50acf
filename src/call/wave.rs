//! Who is rung when: the contacts of a dial in waves, each rung when the one before has failed or has rung for its time.
//!
//! A user's preferred contacts (the highest q) are in the first wave, the next in the second (RFC 3261 §16.6: a serial search by q,
//! softened: the earlier ones go on ringing). Of several flows to one device (RFC 5626 §5.3) one is rung, the others wait for its
//! failure.
//!
//! Invariant: a contact is rung at most once a dial; while a wave waits, its alarm is set.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{LegId, bounds};
use crate::registrar::Binding;

use super::desk::{Alarm, Desk};
use super::dial::Contact;
use super::{Call, Phase};

/// Contacts that are rung together.
#[derive(Debug)]
pub(super) struct Wave {
    /// They.
    pub contacts: Vec<Contact>,
    /// How long they ring before the next wave begins.
    pub lasts: Duration,
    /// Whether they stop ringing then.
    pub stops: bool,
}

/// The contacts of several users in waves: everybody's most preferred first.
pub(super) fn waves(users: Vec<Vec<Contact>>) -> VecDeque<Wave> {
    let mut waves: VecDeque<Wave> = VecDeque::new();
    for contacts in users {
        let mut rank = 0;
        let mut q = contacts.first().map(|contact| contact.binding.q_thousandths);
        for contact in contacts {
            if q.is_some_and(|q| q != contact.binding.q_thousandths) {
                rank += 1;
                q = Some(contact.binding.q_thousandths);
            }
            while waves.len() <= rank {
                waves.push_back(Wave { contacts: Vec::new(), lasts: bounds::PREFERENCE_STEP, stops: false });
            }
            if let Some(wave) = waves.get_mut(rank) {
                wave.contacts.push(contact);
            }
        }
    }
    waves
}

/// The contacts of several users, one user after another, each for so long.
pub(super) fn turns(users: Vec<Vec<Contact>>, lasts: Duration) -> VecDeque<Wave> {
    users.into_iter().map(|contacts| Wave { contacts, lasts, stops: true }).collect()
}

/// One entry a device: its other flows wait in it. `bindings` are in the order of preference.
pub(super) fn devices(bindings: Vec<Binding>) -> Vec<(Binding, Vec<Binding>)> {
    let mut devices: Vec<(Binding, Vec<Binding>)> = Vec::new();
    for binding in bindings {
        match devices.iter_mut().find(|(first, _)| first.is_flow_beside(&binding)) {
            Some((_, others)) => others.push(binding),
            None => devices.push((binding, Vec::new())),
        }
    }
    devices
}

impl Call {
    /// Begins the next wave that has somebody to ring. `false` when there is none.
    pub(super) fn next_wave(&mut self, desk: &mut Desk<'_>) -> bool {
        loop {
            let Phase::Dialling(dialling) = &mut self.phase else { return false };
            let Some(wave) = dialling.waves.pop_front() else { return false };
            let more = !dialling.waves.is_empty();
            let added: Vec<LegId> =
                wave.contacts.into_iter().filter_map(|contact| self.add_leg(desk, contact)).collect();
            if added.is_empty() {
                continue;
            }
            if let Phase::Dialling(dialling) = &mut self.phase {
                dialling.legs.extend(added);
            }
            match more {
                true => desk.alarms.set((self.id, Alarm::Wave), desk.now + wave.lasts),
                false => drop(desk.alarms.clear(&(self.id, Alarm::Wave))),
            }
            return true;
        }
    }

    /// A wave has rung for its time: the next joins in.
    pub(super) fn wave_over(&mut self, desk: &mut Desk<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let stopping = match dialling.waves.front() {
            Some(next) if next.stops => {
                dialling.early = None;
                std::mem::take(&mut dialling.legs)
            }
            _ => Vec::new(),
        };
        for leg in stopping {
            self.release(desk, leg, 487, None);
            self.close_media(desk, leg);
        }
        if self.next_wave(desk) {
            self.note(desk, "the next contacts are rung too".into());
        }
    }

    /// A leg whose path failed has another flow to the same device: that is rung instead. `false` when there is none.
    pub(super) fn other_flow(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) -> bool {
        if !matches!(status, 408 | 430 | 503) || !matches!(self.phase, Phase::Dialling(_)) {
            return false;
        }
        let Some(at) = self.leg_mut(leg) else { return false };
        let Some(mut contact) = at.spare.take() else { return false };
        let Some(binding) = contact.others.pop() else { return false };
        contact.binding = binding;
        let Some(added) = self.add_leg(desk, *contact) else { return false };
        self.note(
            desk,
            format!("{leg} cannot be reached on this flow: {added} takes the device's other one"),
        );
        if let Phase::Dialling(dialling) = &mut self.phase {
            dialling.legs.retain(|at| *at != leg);
            dialling.legs.push(added);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Masked, Random, Time};
    use crate::registrar::{Bindings, Rules};
    use crate::sip::{Flow, Message, Transport};

    /// The bindings that these Contact values make, in the order of preference.
    fn bindings(contacts: &[&str]) -> Vec<Binding> {
        let local = "192.0.2.1:5060".parse().expect("an address");
        let remote = "192.0.2.7:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
        let mut all = Bindings::new(Rules::default(), &mut Random::from_number(1));
        for (n, contact) in contacts.iter().enumerate() {
            let text = format!(
                "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKr\r\nFrom: <sip:a@pbx>;tag=r\r\nTo: <sip:a@pbx>\r\n\
                 Call-ID: r\r\nCSeq: {n} REGISTER\r\nSupported: outbound\r\nContact: {contact}\r\n\r\n"
            );
            let message = Message::parse(text.into()).expect("a message");
            all.register(Time::from_millis(n as u64), "a", &message, flow).expect("registered");
        }
        all.lookup(Time::from_millis(10), "a")
    }

    #[test]
    fn everybodys_most_preferred_contacts_ring_first() {
        let contact = |binding| Contact {
            user: Masked::new("a"),
            number: None,
            binding,
            others: Vec::new(),
            diverted: Vec::new(),
            way: None,
        };
        let users = [
            bindings(&["<sip:desk@h>", "<sip:soft@h>;q=0.5", "<sip:mobile@h>;q=0.1"]),
            bindings(&["<sip:only@h>;q=0.2"]),
        ];
        let users = users.into_iter().map(|all| all.into_iter().map(contact).collect()).collect();
        let names: Vec<Vec<String>> = waves(users)
            .iter()
            .map(|wave| wave.contacts.iter().map(|c| c.binding.contact.as_str().to_string()).collect())
            .collect();
        assert_eq!(names, [vec!["sip:desk@h", "sip:only@h"], vec!["sip:soft@h"], vec!["sip:mobile@h"]]);
    }

    #[test]
    fn the_flows_of_one_device_are_one_entry() {
        let phone = "+sip.instance=\"<urn:uuid:1>\"";
        let found = devices(bindings(&[
            &format!("<sip:a@h;x=1>;{phone};reg-id=1"),
            &format!("<sip:a@h;x=2>;{phone};reg-id=2"),
            "<sip:soft@h>",
        ]));
        let shape: Vec<(&str, usize)> = found.iter().map(|(b, o)| (b.contact.as_str(), o.len())).collect();
        assert_eq!(shape, [("sip:soft@h", 0), ("sip:a@h;x=2", 1)], "the latest flow first");
    }
}
