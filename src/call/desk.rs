//! What a call works with while it handles one event: lent by the switch, given back when the event is done.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::base::{Alarms, CallId, LegId, Masked, OwnMap, PromptId, Random, Time, Wall, bounds};
use crate::config::{Identity, Ring, Srtp};
use crate::dialog;
use crate::media;
use crate::plan::Program;
use crate::registrar::{Bindings, Directory, SettingsBook};
use crate::speech::Wanted;
use crate::transaction::{ClientKey, Layer, ServerKey};
use crate::trunk::Trunks;
use crate::vault;

use super::lexicon::Lexicon;
use super::park::Lot;
use super::room::Rooms;
use super::screen::Spoken;
use super::veil::Veils;
use super::view::Happening;

/// The switch's things that a call may use, for one event.
pub struct Desk<'a> {
    /// Now, for alarms.
    pub now: Time,
    /// Now, for people.
    pub wall: Wall,
    /// Tags, identifiers, session numbers.
    pub random: &'a mut Random,
    /// Transactions.
    pub layer: &'a mut Layer,
    /// Alarms of all calls.
    pub alarms: &'a mut Alarms<(CallId, Alarm)>,
    /// Which call a dialog or transaction belongs to.
    pub index: &'a mut Index,
    /// Accounts.
    pub directory: &'a Directory,
    /// Registered contacts.
    pub bindings: &'a Bindings,
    /// Ring groups by name.
    pub groups: &'a BTreeMap<String, Ring>,
    /// Whose turn it is in each round robin.
    pub turns: &'a mut HashMap<String, usize>,
    /// What users have set for their calls.
    pub settings: &'a SettingsBook,
    /// Trunks.
    pub trunks: &'a mut Trunks,
    /// This node.
    pub node: &'a Node,
    /// Park slots.
    pub lot: &'a mut Lot,
    /// Conferences.
    pub rooms: &'a mut Rooms,
    /// The program that new calls start with.
    pub program: &'a Program,
    /// Words that calls are held against.
    pub lexicon: &'a mut Lexicon,
    /// Users whose pages are open.
    pub pages: &'a BTreeSet<String>,
    /// What stands in for numbers that agents may not see.
    pub veils: &'a mut Veils,
    /// What the call wants done.
    pub effects: &'a mut VecDeque<Effect>,
}

/// What a call wants done outside of signalling.
#[derive(Debug)]
pub enum Effect {
    /// By the media plane.
    Media(media::Order),
    /// By the vault.
    Vault(vault::Order),
    /// A system outside is to be asked.
    LookUp(Box<super::Question>),
    /// A system outside is to be told.
    Post(Box<super::Notice>),
    /// Told to whoever watches.
    Happened(Box<Happening>),
    /// Something that a user may come back to by a code.
    Remember(CallId, Memory),
    /// The party that the plan serves is to take the call that rings at `user` ([`super::Call::can_be_taken`],
    /// [`super::Call::give_picker`], [`super::Call::take_picker`]).
    PickUp {
        /// The call that asks.
        from: CallId,
        /// The account of the party.
        by: Masked,
        /// A number or name of whoever is rung.
        user: Masked,
    },
    /// The party that the plan serves is to come into the room that another call is ([`super::Call::admits`],
    /// [`super::Call::give_near`], [`super::Call::take_party`]).
    Enter {
        /// The room.
        into: CallId,
        /// The call that asks.
        from: CallId,
        /// How many may be in it.
        limit: u16,
        /// How long the party may stay.
        longest: Duration,
    },
    /// Somebody is to be listened to by a recogniser from now on ([`Call::on_speech`](super::Call::on_speech)), or no longer.
    Listen {
        /// Whose leg.
        call: CallId,
        /// Which.
        leg: LegId,
        /// What for: from now on, or, of somebody who is listened to already, anew. `None`: no longer.
        wanted: Option<Wanted>,
    },
    /// A leg's voice is to be gauged by loudness from now on ([`Call::on_speech`](super::Call::on_speech)), or no longer.
    Gauge {
        /// Whose leg.
        call: CallId,
        /// Which.
        leg: LegId,
        /// From now on; else no longer.
        begins: bool,
    },
    /// What a user's page shows of a call from now on.
    Page {
        /// The account.
        user: Masked,
        /// The call.
        call: CallId,
        /// `None`: nothing any more.
        page: Option<Box<super::Page>>,
    },
    /// What was said is to be kept beside its recording, which is closed or will be in a moment.
    Transcribed(Box<super::Transcript>),
    /// Somebody spoke words that a policy names, or what was known of them has changed.
    Spoken {
        /// In which call.
        call: CallId,
        /// Which words.
        spoken: Box<Spoken>,
    },
    /// A user's phones are to show a text.
    Tell {
        /// The account.
        user: Masked,
        /// The text; numbers and names in it are masked.
        text: Arc<str>,
    },
    /// The party that `user` talks to in another dialog is to come over ([`super::Call::surrender`], [`super::Call::take_in`]).
    Fetch {
        /// The call that waits for it.
        into: CallId,
        /// Who transfers it: the other dialog must be this user's too.
        user: Masked,
        /// That dialog.
        dialog: dialog::Id,
    },
}

/// What a user may come back to by a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// A phone of `user` rings.
    Rang {
        /// The account.
        user: Masked,
        /// Who calls; `None`: somebody who will not say.
        caller: Option<Masked>,
    },
    /// A user found another busy.
    Busy {
        /// The account that called.
        by: Masked,
        /// The account that was busy.
        user: Masked,
        /// The number or name that was dialled for it.
        target: Masked,
    },
}

/// What an alarm of a call is for. One of each kind a call (and leg).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alarm {
    /// The port or the recording was not there in time.
    Opening,
    /// Nobody answered in time.
    Ring,
    /// The next contacts of a dial are to be rung.
    Wave,
    /// This leg has rung for as long as its user wants before the call goes elsewhere.
    Patience(LegId),
    /// No (further) key came in time.
    Keys,
    /// The plan has waited for long enough.
    Pause,
    /// A system outside has not answered in time.
    Lookup,
    /// This party may be heard again.
    Unmute(LegId),
    /// What this party may not be heard saying is about to reach the others.
    Hush(LegId),
    /// The 2xx of this leg is to be sent again, or its ACK never came.
    Accepted(LegId),
    /// A reliable provisional response of this leg is to be sent again, or its PRACK never came.
    Provisional(LegId),
    /// The session of this leg is to be refreshed, or has not been (RFC 4028).
    Session(LegId),
    /// A refresh of this leg that was put off is due.
    Renew(LegId),
    /// The phone of a party that has transferred the other is to hang up.
    LetGo(LegId),
    /// It has been parked for too long.
    Parked,
    /// The trunk that this leg goes over has not said a word.
    Silence(LegId),
    /// This party of a conference has stayed for as long as it may.
    Stays(LegId),
    /// Those who are to listen in have rung for long enough.
    Monitors,
    /// The call lasts too long.
    Talk,
    /// The media plane did not report the end in time.
    Ending,
}

/// This node, as far as calls care.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name, written into CDRs.
    pub name: String,
    /// The SIP domain of its users.
    pub realm: String,
    /// The address that phones send media to, when it is not the one that SIP came in on (a NAT in front).
    pub media_address: Option<IpAddr>,
    /// How calls are conducted.
    pub manner: Manner,
}

/// How calls are conducted, as far as that is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The session interval that is asked for and agreed to at most, in seconds (RFC 4028).
    pub session_s: u32,
    /// What a party hears while it is held; `None`: nothing of the switch's.
    pub music: Option<PromptId>,
    /// How phones are told who calls, besides From.
    pub identity: Identity,
    /// Whether media is encrypted.
    pub srtp: Srtp,
    /// Whether users may see each other.
    pub video: bool,
    /// Kilobits a second of video that one party may send.
    pub video_kbps: u32,
}

impl Default for Manner {
    /// Half an hour, as RFC 4028 §4 recommends.
    fn default() -> Manner {
        Manner {
            session_s: 1_800,
            music: None,
            identity: Identity::default(),
            srtp: Srtp::default(),
            video: true,
            video_kbps: bounds::VIDEO_KBPS,
        }
    }
}

impl Node {
    /// What SDP says of a port that the media plane opened at `local`. A peer of the other address family is not behind that NAT.
    pub fn announced(&self, local: SocketAddr) -> SocketAddr {
        let outside = self.media_address.filter(|outside| outside.is_ipv4() == local.is_ipv4());
        SocketAddr::new(outside.unwrap_or(local.ip()), local.port())
    }
}

/// Which leg of which call a dialog or transaction belongs to.
#[derive(Debug, Default)]
pub struct Index {
    /// By Call-ID and our tag.
    dialogs: HashMap<DialogKey, Owner>,
    of_owner: OwnMap<Owner, SmallVec<[DialogKey; 1]>>,
    /// The Call-IDs of our own INVITEs.
    ours: HashSet<Bytes>,
    servers: OwnMap<ServerKey, Owner>,
    clients: OwnMap<ClientKey, (Owner, Purpose)>,
}

type DialogKey = (Bytes, String);

/// A leg of a call.
pub type Owner = (CallId, LegId);

/// What a request of ours was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To ring a phone.
    Invite,
    /// To end a leg.
    Bye,
    /// To learn whether a silent phone is still there.
    Probe,
    /// To acknowledge a reliable provisional response.
    Prack,
    /// To refresh a session.
    Renew,
    /// To tell how a transfer goes.
    Notify,
}

impl Index {
    /// The dialog with this Call-ID and our `tag` belongs to `owner`.
    pub fn add_dialog(&mut self, call_id: &[u8], tag: &str, owner: Owner) {
        let key = (Bytes::copy_from_slice(call_id), tag.to_string());
        if owner.1 != LegId(0) {
            self.ours.insert(key.0.clone());
        }
        self.of_owner.entry(owner).or_default().push(key.clone());
        self.dialogs.insert(key, owner);
    }

    /// Forgets the dialogs of a leg.
    pub fn remove_dialogs(&mut self, owner: Owner) {
        if let Some(keys) = self.of_owner.remove(&owner) {
            for key in keys {
                self.ours.remove(&key.0);
                self.dialogs.remove(&key);
            }
        }
    }

    /// Whose dialog it is.
    pub fn dialog(&self, call_id: &[u8], tag: &str) -> Option<Owner> {
        self.dialogs.get(&(Bytes::copy_from_slice(call_id), tag.to_string())).copied()
    }

    /// The server transaction belongs to `owner` until it ends.
    pub fn add_server(&mut self, key: ServerKey, owner: Owner) {
        self.servers.insert(key, owner);
    }

    /// Whose server transaction it is.
    pub fn server(&self, key: &ServerKey) -> Option<Owner> {
        self.servers.get(key).copied()
    }

    /// Forgets a server transaction.
    pub fn remove_server(&mut self, key: &ServerKey) {
        self.servers.remove(key);
    }

    /// The client transaction belongs to `owner` until it ends.
    pub fn add_client(&mut self, key: ClientKey, owner: Owner, purpose: Purpose) {
        self.clients.insert(key, (owner, purpose));
    }

    /// Whose client transaction it is, and what for.
    pub fn client(&self, key: &ClientKey) -> Option<(Owner, Purpose)> {
        self.clients.get(key).copied()
    }

    /// The INVITEs of ours that belonged to one leg belong to another, which has its dialog now.
    pub fn move_invites(&mut self, from: Owner, to: Owner) {
        for (owner, purpose) in self.clients.values_mut() {
            if *owner == from && *purpose == Purpose::Invite {
                *owner = to;
            }
        }
    }

    /// Forgets a client transaction.
    pub fn remove_client(&mut self, key: &ClientKey) {
        self.clients.remove(key);
    }

    /// Whether one of our own INVITEs carries this Call-ID: then an INVITE with it has come back to us.
    pub fn rings_with(&self, call_id: &[u8]) -> bool {
        self.ours.contains(call_id)
    }

    /// Whether nothing is kept: what tests ask when all calls are over.
    pub fn is_empty(&self) -> bool {
        self.dialogs.is_empty()
            && self.of_owner.is_empty()
            && self.servers.is_empty()
            && self.clients.is_empty()
    }
}
