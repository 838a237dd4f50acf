//! One leg: the switch's side of one dialog with one phone, and of its media.
//!
//! Invariant: a leg that is `Gone` has no dialog to end, no transaction to answer and no port.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{LegId, Masked, Random, bounds};
use crate::config::Srtp;
use crate::dialog::{self, Accepted, Dialog, Invitation, OfferAnswer, SessionTimer};
use crate::media::{Aim, LegFacts, Sound, Strand, Trust};
use crate::rtp::Format;
use crate::sip::{Flow, Message};
use crate::transaction::{ClientKey, ServerKey};
use crate::trunk::Way;

use super::crypto::Keys;
use super::dial::Contact;
use super::divert::Diversion;
use super::offer::{Description, Spoken};
use super::refresh::Renewal;
use super::reliable::Provisional;
use super::strand::Strands;
use super::vouch::Asked;

/// One leg of a call.
#[derive(Debug)]
pub(super) struct Leg {
    pub id: LegId,
    /// Whose phone it is: the account's name.
    pub user: Masked,
    /// The number under which it was dialled, if not by name.
    pub number: Option<Masked>,
    /// Who passed the call on to it, the first first.
    pub diverted: Vec<Diversion>,
    /// Its contact, while it rings and may be rung once more: over another flow to the same device, or with encryption only.
    pub spare: Option<Box<Contact>>,
    /// The trunk that it is rung over.
    pub way: Option<Box<Way>>,
    /// The trunk that it calls from.
    pub carrier: Option<Arc<str>>,
    /// The last request within its dialog, if it may have to be proved.
    pub asked: Option<Box<Asked>>,
    /// The path to the phone.
    pub flow: Flow,
    /// Where its signalling, which proved itself, came from last. It outlives the stream that it came over.
    pub seen: IpAddr,
    pub stage: Stage,
    /// Our INVITE, for as long as answers of its forks may come.
    pub invitation: Option<Box<Invitation>>,
    pub media: Stream,
    /// Whether it was ever joined to the caller.
    pub talked: bool,
    /// Its key press that has been told in one way so far.
    pub told: Option<super::keys::Told>,
    /// What the media plane counted, once it has said so.
    pub facts: Option<Box<LegFacts>>,
    /// The track of the recording that it is heard on: 0 for the caller's side, 1 for the other.
    pub track: u8,
    /// Whether the recording's track has been told of it.
    pub tapped: bool,
    /// Whether music is played to it because it is held.
    pub hears_music: bool,
    /// What is to be played to it, again and again, as soon as it has said where it is: a caller that made no offer and has not
    /// answered ours.
    pub sounds_due: Option<(u32, Vec<Sound>)>,
    /// Whether the phone has been asked if it is still there, and has not answered yet.
    pub probed: bool,
    /// What is offered and answered in its dialog; before an answer each fork of our INVITE has its own.
    pub exchange: OfferAnswer,
    /// Our provisional responses to its INVITE.
    pub provisional: Provisional,
    /// What the forks of our INVITE have described so far, for a 2xx that does not say it again.
    pub previews: Vec<(dialog::Id, Description)>,
    /// Whether its phone takes UPDATE (RFC 3311 §5.1: its Allow says so).
    pub updates: bool,
    /// The session timer that was agreed on.
    pub timer: Option<SessionTimer>,
    /// A refresh of ours that is under way, or put off.
    pub renewal: Option<Renewal>,
}

/// Where a leg stands. Each state owns what it needs and nothing else does.
#[derive(Debug)]
pub(super) enum Stage {
    /// The caller's INVITE waits for our final response. `rang`: 180 was sent; `early`: 183 with media was.
    Asking { invite: ServerKey, message: Message, dialog: Box<Dialog>, rang: bool, early: bool },
    /// Ours to ring: waits for its port before the INVITE can be written.
    Preparing { target: Box<Contact> },
    /// Our INVITE is out.
    Calling { invite: ClientKey, ringing: bool, cancelled: bool },
    /// Both sides agreed. A UAS's 2xx is repeated until its ACK comes.
    Up { dialog: Box<Dialog>, unacked: Option<Unacked>, leaving: bool },
    /// Our BYE is out.
    Leaving { dialog: Box<Dialog> },
    /// Over.
    Gone,
}

/// A 2xx of ours that waits for its ACK.
#[derive(Debug)]
pub(super) struct Unacked {
    pub invite: ServerKey,
    /// The 2xx itself, while it may not be sent yet: a reliable provisional response wants its PRACK first.
    pub withheld: Option<Withheld>,
    /// The CSeq of the INVITE that was accepted: one that came after it and was refused does not change what is to be acknowledged.
    pub cseq: Option<u32>,
    pub wait: Accepted,
}

/// A 2xx that is not sent yet.
#[derive(Debug)]
pub(super) struct Withheld {
    pub message: Message,
    pub sdp: Option<Bytes>,
}

/// A leg's media as SDP has it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Our RTP address; `None` until the media plane has opened it.
    pub local: Option<SocketAddr>,
    /// Session id of our `o=` lines.
    pub session: u64,
    /// Version of our last `o=` line; 0 before the first.
    pub version: u64,
    /// Our last description, which a refresh repeats.
    pub said: Option<Bytes>,
    /// What the far end said last.
    pub remote: Option<Description>,
    /// What we offered in an offer of ours, under our payload types.
    pub ours: Vec<Spoken>,
    /// What was agreed; the first is what we send.
    pub agreed: Vec<Format>,
    /// Telephone events, if agreed.
    pub telephone_event: Option<Format>,
    /// Whether the media plane has been told where to send.
    pub aimed: bool,
    /// The keys of SRTP.
    pub keys: Keys,
    /// What it has besides sound.
    pub strands: Strands,
    /// Whether our offer went out in a 2xx and its answer is still to come in the ACK.
    pub owes_answer: bool,
}

impl Leg {
    /// A leg without a phone yet.
    pub fn new(id: LegId, user: Masked, flow: Flow, srtp: Srtp, random: &mut Random) -> Leg {
        // RFC 8866 §5.2: any number will do; 62 bits stay readable for phones that count in signed ones.
        let keys = Keys::new(srtp, flow.transport.is_secure(), random);
        let media = Stream { session: random.next_u64() >> 2, keys, ..Stream::default() };
        Leg {
            id,
            user,
            number: None,
            diverted: Vec::new(),
            spare: None,
            way: None,
            carrier: None,
            asked: None,
            flow,
            seen: flow.remote.ip(),
            stage: Stage::Gone,
            invitation: None,
            media,
            told: None,
            talked: false,
            facts: None,
            track: 0,
            tapped: false,
            hears_music: false,
            sounds_due: None,
            probed: false,
            exchange: OfferAnswer::new(),
            provisional: Provisional::default(),
            previews: Vec::new(),
            updates: false,
            timer: None,
            renewal: None,
        }
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.stage, Stage::Gone)
    }

    pub fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up { .. })
    }

    pub fn was_cancelled(&self) -> bool {
        matches!(self.stage, Stage::Calling { cancelled: true, .. })
    }

    pub fn dialog(&self) -> Option<&Dialog> {
        match &self.stage {
            Stage::Asking { dialog, .. } | Stage::Up { dialog, .. } | Stage::Leaving { dialog } => {
                Some(dialog)
            }
            Stage::Preparing { .. } | Stage::Calling { .. } | Stage::Gone => None,
        }
    }

    pub fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Asking { dialog, .. } | Stage::Up { dialog, .. } | Stage::Leaving { dialog } => {
                Some(dialog)
            }
            Stage::Preparing { .. } | Stage::Calling { .. } | Stage::Gone => None,
        }
    }

    /// Its dialog with this identity: an early one of our INVITE's too.
    pub fn dialog_with(&mut self, id: &dialog::Id) -> Option<&mut Dialog> {
        if let Stage::Calling { .. } = self.stage {
            return self.invitation.as_mut()?.fork_mut(id).map(|fork| &mut fork.dialog);
        }
        self.dialog_mut().filter(|dialog| dialog.id() == id)
    }

    /// What is offered and answered in the dialog with this identity.
    pub fn exchange_mut(&mut self, id: &dialog::Id) -> Option<&mut OfferAnswer> {
        if let Stage::Calling { .. } = self.stage {
            return self.invitation.as_mut()?.fork_mut(id).map(|fork| &mut fork.exchange);
        }
        Some(&mut self.exchange)
    }

    /// Keeps what a fork of our INVITE described.
    pub fn remember_preview(&mut self, fork: &dialog::Id, description: Description) {
        if let Stage::Calling { .. } = self.stage {
            self.previews.retain(|(of, _)| of != fork);
            if self.previews.len() < bounds::FORKED_DIALOGS {
                self.previews.push((fork.clone(), description));
            }
        }
    }

    /// Whether our 2xx waits for a PRACK.
    pub fn withholds(&self) -> bool {
        matches!(self.stage, Stage::Up { unacked: Some(Unacked { withheld: Some(_), .. }), .. })
    }

    /// For administrators.
    pub fn state_word(&self) -> &'static str {
        match &self.stage {
            Stage::Asking { .. } => "asking",
            Stage::Preparing { .. } => "calling",
            Stage::Calling { ringing: true, .. } => "ringing",
            Stage::Calling { .. } => "calling",
            Stage::Up { .. } if self.media.is_held() => "holds",
            Stage::Up { .. } => "answered",
            Stage::Leaving { .. } | Stage::Gone => "gone",
        }
    }

    /// Where the media plane is to send for this leg; `None` while the far end has not said where it is.
    pub fn aim(&self) -> Option<Aim> {
        let remote = self.media.remote.as_ref().filter(|_| !self.media.keys.are_missing())?;
        // While there is fax there is no sound.
        let speaks = !self.media.strands.shape.silent;
        Some(Aim {
            rtp: remote.rtp,
            rtcp: remote.rtcp,
            formats: self.media.agreed.clone(),
            telephone_event: self.media.telephone_event,
            send: speaks && remote.direction.receives() && !remote.rtp.ip().is_unspecified(),
            receive: speaks && remote.direction.sends(),
            trust: trust(remote.rtp.ip(), self.seen),
            secure: self.media.keys.secure(),
        })
    }
}

/// A phone that announces the address that its signalling comes from is believed; one behind a NAT announces another, and is
/// expected where its (authenticated) signalling comes from.
pub(super) fn trust(announced: IpAddr, signalled: IpAddr) -> Trust {
    if announced.to_canonical() == signalled.to_canonical() {
        Trust::Announced
    } else {
        Trust::Signalled(signalled)
    }
}

impl Stream {
    /// Whether the far end has put us on hold.
    pub fn is_held(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.held)
    }

    /// Whether an answer keeps anything of our last offer, and what encryption it must.
    pub fn keeps(&self, answer: &Description) -> bool {
        if answer.silent {
            return true;
        }
        let kept = |kept: &Spoken| self.ours.iter().any(|ours| ours.format.same_sound(&kept.format));
        answer.formats.iter().any(kept) && self.keys.takes(&answer.keys)
    }

    /// Takes the answer to an offer of ours: what it keeps of it, in its order, under its payload types.
    ///
    /// `false`, and nothing is changed, when it keeps nothing, or not the encryption that it must.
    pub fn hear_answer(&mut self, answer: Description) -> bool {
        if answer.silent {
            self.strands.hear_answer(&answer);
            return self.strands.is_on(Strand::Fax);
        }
        if !self.keeps(&answer) {
            return false;
        }
        self.strands.hear_answer(&answer);
        let offered = |format: &Format| self.ours.iter().any(|ours| ours.format.same_sound(format));
        let kept: Vec<Format> = answer.formats.iter().map(|s| s.format).filter(offered).collect();
        self.keys.take_answer(&answer.keys);
        self.telephone_event = answer.telephone_event;
        self.remote = Some(answer);
        self.agreed = kept;
        true
    }

    /// The codecs in use, with the far end's parameters: what an offer of ours within the call has.
    pub fn in_use(&self) -> Vec<Spoken> {
        let fmtp = |format| self.remote.as_ref()?.same_sound(format)?.fmtp.clone();
        self.agreed.iter().map(|format| Spoken { format: *format, fmtp: fmtp(format) }).collect()
    }

    /// The codec in use, for people.
    pub fn codec_word(&self) -> String {
        self.agreed.first().map_or_else(|| "no codec".into(), |format| format.codec.name().to_string())
    }
}
