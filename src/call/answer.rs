//! Answering the caller: ringing, early media, 200 with our side of the session, and the wait for its ACK.

use crate::base::LegId;
use crate::dialog::{self, Carrier, Sense, Side};
use crate::media::Order;
use crate::rtp::Format;
use crate::sip::Message;

use super::desk::{Desk, Effect};
use super::hangup::End;
use super::leg::Stage;
use super::offer::{self, Description, Spoken};
use super::trace::What;
use super::{Call, Phase};

impl Call {
    /// Makes sure that the caller hears the switch: answers the INVITE if that has not been done.
    ///
    /// `false` when it does not hear yet (its answer is still to come in an ACK) or never will (the call has ended).
    pub(super) fn caller_listens(&mut self, desk: &mut Desk<'_>) -> bool {
        let Some(caller) = self.leg(self.near) else { return false };
        if let Stage::Asking { .. } = caller.stage {
            let Some(chosen) = self.choose_for_caller(None) else {
                self.end(desk, End::NoCommonCodec);
                return false;
            };
            self.accept(desk, chosen);
        }
        self.leg(self.near).is_some_and(|caller| caller.is_up() && caller.media.aimed)
    }

    /// The codec for the caller: what was promised already, else what fits `far`, else what the switch can speak itself.
    pub(super) fn choose_for_caller(&self, far: Option<&Format>) -> Option<Spoken> {
        let stream = &self.leg(self.near)?.media;
        let promised = stream.agreed.first().copied();
        match (&stream.remote, promised.as_ref(), far) {
            (Some(offer), Some(promised), None) => offer.same_sound(promised).cloned(),
            (Some(offer), Some(promised), Some(far)) => {
                offer.same_sound(promised).filter(|_| fits(promised, far)).cloned()
            }
            (Some(offer), None, Some(far)) => offer.fitting(far).cloned(),
            (Some(offer), None, None) => offer.first_own().cloned(),
            (None, _, Some(far)) => Some(Spoken { format: *far, fmtp: None }),
            (None, _, None) => offer::own_formats().into_iter().next(),
        }
    }

    /// Our side of the caller's session: the answer to its offer, or an offer of ours when it made none.
    pub(super) fn describe_to_caller(&mut self, chosen: &Spoken) -> Option<bytes::Bytes> {
        self.describe_to(self.near, chosen)
    }

    fn describe_to(&mut self, leg: LegId, chosen: &Spoken) -> Option<bytes::Bytes> {
        let chosen_all = self.with_noise(leg, chosen, self.leg(leg)?.media.remote.as_ref());
        let stream = &mut self.leg_mut(leg)?.media;
        let local = stream.local?;
        stream.agreed = chosen_all.iter().map(|spoken| spoken.format).collect();
        let sdp = match stream.remote.clone() {
            Some(offer) => {
                stream.telephone_event = offer.telephone_event;
                stream.strands.hear_offer(&offer);
                let sound = offer.answer(local.port(), &chosen_all, &stream.keys);
                stream.describe_answer(local, &offer, Some(sound))
            }
            None => {
                stream.telephone_event = Some(offer::own_events());
                let mut formats = vec![chosen.clone()];
                if chosen.format.codec.is_g711() {
                    formats
                        .extend(offer::own_formats().into_iter().filter(|own| own.format != chosen.format));
                }
                stream.agreed = formats.iter().map(|spoken| spoken.format).collect();
                stream.describe_offer(local, formats, stream.telephone_event)
            }
        };
        stream.said = Some(sdp.clone());
        Some(sdp)
    }

    /// What to agree on with an offer: `chosen`, and comfort noise where another party of the call takes it too. A phone that may send it
    /// falls silent, which would be a silence to whoever does not know it.
    pub(super) fn with_noise(&self, leg: LegId, chosen: &Spoken, offer: Option<&Description>) -> Vec<Spoken> {
        let takes = |format: &Format| format.codec == crate::rtp::Codec::Cn;
        let others = self.legs.iter().filter(|other| other.id != leg && !other.is_gone());
        let shared = others.flat_map(|other| &other.media.agreed).any(takes);
        let noise = offer.and_then(|offer| offer.noise_beside(&chosen.format)).filter(|_| shared);
        std::iter::once(chosen).chain(noise).cloned().collect()
    }

    /// Sends 200 to the caller with `chosen`, and aims its media if its offer is known.
    pub(super) fn accept(&mut self, desk: &mut Desk<'_>, chosen: Spoken) {
        self.accept_leg(desk, self.near, chosen);
    }

    /// Sends 200 to a leg that has asked, with `chosen`, and aims its media if its offer is known.
    pub(super) fn accept_leg(&mut self, desk: &mut Desk<'_>, leg: LegId, chosen: Spoken) {
        let owed = self.leg(leg).is_some_and(|at| at.exchange.owed_by() == Some(Side::Ours));
        let sdp = if owed { self.describe_to(leg, &chosen) } else { None };
        if owed && sdp.is_none() {
            return;
        }
        self.answered_at.get_or_insert(desk.wall);
        self.send_accept(desk, leg, sdp);
        self.aim(desk, leg);
        if leg == self.near {
            self.record_formats(desk, leg, self.track_of(leg));
        }
    }

    /// Tells the caller that a phone rings, once; a caller who is answered hears ring-back already.
    pub(super) fn tell_ringing(&mut self, desk: &mut Desk<'_>, status: u16) {
        let Some(caller) = self.leg_mut(self.near) else { return };
        if let Stage::Asking { rang, early, .. } = &mut caller.stage
            && !*rang
            && !*early
            && status == 180
        {
            *rang = true;
            self.send_provisional(desk, 180, None);
        }
    }

    /// Lets the caller hear what the far side sends before it answers. `false` when that cannot be: it rings instead.
    pub(super) fn early_media(&mut self, desk: &mut Desk<'_>, far: LegId) -> bool {
        let Some(format) = self.leg(far).and_then(|leg| leg.media.agreed.first().copied()) else {
            return false;
        };
        let Some(chosen) = self.choose_for_caller(Some(&format)) else { return false };
        if matches!(self.leg(self.near).map(|at| &at.stage), Some(Stage::Asking { .. })) {
            self.mirror(desk, far, self.near);
        }
        let Some(caller) = self.leg_mut(self.near) else { return false };
        match &mut caller.stage {
            Stage::Up { .. } => self.quiet(desk, self.near),
            Stage::Asking { early, .. } if caller.media.remote.is_some() => {
                *early = true;
                // What a reliable response has settled is not said again.
                let owed = caller.exchange.owed_by() == Some(Side::Ours);
                let sdp = if owed { self.describe_to_caller(&chosen) } else { None };
                self.send_provisional(desk, 183, sdp);
                self.aim(desk, self.near);
                self.record_formats(desk, self.near, self.track_of(self.near));
            }
            _ => return false,
        }
        self.trace.add(desk.now, &What::Media { leg: far, text: "early media".into() });
        self.tap(desk, far);
        desk.effects.push_back(Effect::Media(Order::Join { call: self.id, a: self.near, b: far }));
        true
    }

    /// The ACK of a 2xx of ours: it has arrived; with an answer in it when the INVITE carried no offer.
    pub fn on_ack(&mut self, desk: &mut Desk<'_>, leg: LegId, message: &Message) {
        if !self.acked(desk, leg, message) {
            return;
        }
        let Some(at) = self.leg_mut(leg) else { return };
        let owed = std::mem::take(&mut at.media.owes_answer);
        if matches!(at.stage, Stage::Up { leaving: true, .. }) {
            self.bye(desk, leg, None);
        } else if owed {
            self.late_answer(desk, leg, message);
        }
        self.enter(desk);
        self.reach(desk);
    }

    /// The answer to an offer that we made in a 2xx. One that nobody can use ends a call that begins; one that was to change a
    /// session leaves it as it was.
    pub(super) fn late_answer(&mut self, desk: &mut Desk<'_>, leg: LegId, message: &Message) {
        let Some(at) = self.leg_mut(leg) else { return };
        let was_held = at.media.is_held();
        let usable = Description::read(message.body(), at.media.keys.policy())
            .is_ok_and(|answer| at.media.hear_answer(answer));
        let (aimed, held) = (at.media.aimed, at.media.is_held());
        if usable {
            self.aim(desk, leg);
            self.record_formats(desk, leg, self.track_of(leg));
            self.held(desk, leg, was_held, held);
            self.go_on(desk);
        } else if !aimed {
            let why = if self.has_keys(desk, leg) { End::NoCommonCodec } else { End::NotEncrypted };
            self.end(desk, why);
        }
    }

    /// Takes the answer of a 2xx to our INVITE: the one in it; else the one that its fork gave before, reliably or not.
    pub(super) fn hear_final_answer(&mut self, leg: LegId, fork: &dialog::Id, message: &Message) {
        let Some(at) = self.leg_mut(leg) else { return };
        let sense = at.exchange.on(Side::Theirs, Carrier::Success, message.has_sdp());
        // The ACK goes out with the 2xx's being taken.
        let _ = at.exchange.on(Side::Ours, Carrier::Ack, false);
        let earlier =
            at.previews.iter().position(|(of, _)| of == fork).map(|at_| at.previews.swap_remove(at_).1);
        at.previews.clear();
        let answer = match sense {
            Ok(Sense::Answer) => Description::read(message.body(), at.media.keys.policy()).ok(),
            _ => earlier,
        };
        if let Some(answer) = answer {
            at.media.hear_answer(answer);
        }
        at.media.strands.next = None;
    }

    /// Tells the media plane where a leg's far end is and what was agreed with it.
    pub(super) fn aim(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let call = self.id;
        // A change that was under way when the call ended may still be answered.
        if matches!(self.phase, Phase::Ending) {
            return;
        }
        let Some(at) = self.leg_mut(leg) else { return };
        let Some(aim) = at.aim() else { return };
        at.media.aimed = true;
        let sealed =
            aim.secure.as_ref().map(|keys| format!(", {}", keys.send.suite().name())).unwrap_or_default();
        let what = if at.media.strands.shape.silent { "silent".into() } else { at.media.codec_word() };
        let text = format!("to {} {what}{sealed}", aim.rtp);
        desk.effects.push_back(Effect::Media(Order::Aim { call, leg, aim: Box::new(aim) }));
        self.trace.add(desk.now, &What::Media { leg, text: text.into() });
        self.aim_strands(desk, leg);
        self.play_what_waits(desk, leg);
    }
}

/// Whether the media plane can carry one format to the other: as it is, or decoded and encoded again.
pub(super) fn fits(a: &Format, b: &Format) -> bool {
    a.same_sound(b) || (a.codec.is_linear() && b.codec.is_linear())
}
