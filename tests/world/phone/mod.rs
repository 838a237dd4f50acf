//! A phone: it speaks SIP as text, keeps RFC 3261's retransmissions by itself, and does what its script says.
//!
//! It is a second, independent reading of the RFC: nothing of the product's SIP, transaction or dialog code is used here.
//! Like the switch it is a value: messages and time go in, parcels come out.

mod asking;
mod carrier;
mod client;
mod dialog;
mod script;
mod scrutiny;
mod server;
mod skills;
mod transferring;
mod watching;
mod words;

pub use carrier::{CARRIER_REALM, Carrier};
pub use dialog::{Dialog, How, Side, Stage};
pub use script::{Act, Manners, Reception, When};
pub use skills::Skills;
pub use watching::{Notice, Watch};

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use ledgerline::base::{Random, Time};
use ledgerline::sip::Transport;

use super::digest::{Challenge, Hash};
use super::sdp::{Direction, Encryption, Notation, Session};
use super::text::Heard;
use client::Client;
use server::Server;

/// RFC 3261's T1, T2 and 64 × T1.
pub const T1: Duration = Duration::from_millis(500);
pub const T2: Duration = Duration::from_secs(4);
pub const TRIES: Duration = Duration::from_secs(32);

/// What a phone wants of the world.
#[derive(Debug, Clone)]
pub enum Parcel {
    /// A message for the switch. With a receipt, the phone wants to hear of its arrival.
    Send { text: String, receipt: Option<u64> },
    /// A key press in the media of the dialog with this index.
    Press { dialog: usize, key: char },
    /// The stream to the switch breaks.
    Cut,
}

/// How a phone reaches the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
    /// UDP over IPv6.
    Ipv6,
}

/// What a phone is made of.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `bob`, or `bob/mobile` where a user has several.
    pub name: String,
    pub user: String,
    pub password: String,
    /// The address that the phone knows of itself and writes into its messages.
    pub own: SocketAddr,
    /// The address that the network shows; another one behind a NAT.
    pub seen: SocketAddr,
    /// The domain.
    pub realm: String,
}

/// A phone.
pub struct Phone {
    pub id: Identity,
    pub transport: Transport,
    pub hash: Hash,
    /// Payload types, in its order.
    pub codecs: Vec<u8>,
    pub manners: Manners,
    pub skills: Skills,
    /// What it wants as a carrier's machine, if it is one.
    pub carrier: Option<Carrier>,
    /// UPDATEs that it heard.
    pub updated: u32,
    /// What NOTIFYs said of its transfers.
    pub progress: Vec<u16>,
    /// Re-INVITEs that it accepted.
    pub renewed: u32,
    /// Whether it offers video too, and takes it.
    pub video: bool,
    /// Whether it is a fax machine.
    pub faxes: bool,
    pub encryption: Encryption,
    /// What its Contact says besides the URI: `;q=0.5`.
    pub contact_params: String,
    /// Further lines of its REGISTER.
    pub register_lines: String,
    /// The last INVITE that came for it, as the wire had it.
    pub rung: Option<String>,
    pub reception: Reception,
    /// Whether it takes part in the world's beginning by registering.
    pub registers_first: bool,
    /// Whether it proves itself with the last nonce before it is asked.
    pub remembers: bool,
    pub registered: bool,
    pub dialogs: Vec<Dialog>,
    /// What it watches, ended or not.
    pub watches: Vec<Watch>,
    /// NOTIFYs outside any dialog, each with its Event header.
    pub unasked: Vec<(String, Notice)>,
    /// Texts that came for it, each with its From.
    pub texts: Vec<(String, String)>,
    /// Keys that came by INFO.
    pub keys: String,
    /// Final answers to requests outside dialogs, by method.
    pub answers: Vec<(String, u16)>,
    /// Requests of its own that got no answer.
    pub timeouts: u32,
    /// Everything that somebody without an account has heard.
    pub heard: Vec<String>,
    /// What the switch said that makes no sense.
    pub complaints: Vec<String>,
    /// The user that it pretends to be.
    claims: Option<String>,
    /// Messages that may have to be said again with a proof, by their branches.
    said: BTreeMap<String, (String, Option<usize>)>,
    /// The last request of each method that it sent.
    sent: BTreeMap<String, String>,
    vanished: bool,
    script: Vec<(When, Act)>,
    /// Acts that wait for a call to be joined, and for a number to be dialled.
    after_joined: Vec<(Duration, Act)>,
    agenda: BTreeMap<(Time, u64), (Act, Option<usize>)>,
    clients: Vec<Client>,
    servers: Vec<Server>,
    challenge: Option<Challenge>,
    registration: (String, String, u32),
    random: Random,
    serial: u64,
    out: VecDeque<Parcel>,
}

impl Phone {
    pub fn new(id: Identity, mut random: Random) -> Phone {
        let registration = (random.token(12), random.token(8), 0);
        Phone {
            id,
            transport: Transport::Udp,
            hash: Hash::Sha256,
            codecs: vec![8, 0, 101],
            manners: Manners::default(),
            skills: Skills::default(),
            carrier: None,
            updated: 0,
            progress: Vec::new(),
            renewed: 0,
            video: false,
            faxes: false,
            encryption: Encryption::default(),
            contact_params: String::new(),
            register_lines: String::new(),
            rung: None,
            reception: Reception::default(),
            registers_first: true,
            remembers: false,
            registered: false,
            dialogs: Vec::new(),
            watches: Vec::new(),
            unasked: Vec::new(),
            texts: Vec::new(),
            keys: String::new(),
            answers: Vec::new(),
            timeouts: 0,
            heard: Vec::new(),
            complaints: Vec::new(),
            claims: None,
            sent: BTreeMap::new(),
            said: BTreeMap::new(),
            vanished: false,
            script: Vec::new(),
            after_joined: Vec::new(),
            agenda: BTreeMap::new(),
            clients: Vec::new(),
            servers: Vec::new(),
            challenge: None,
            registration,
            random,
            serial: 0,
            out: VecDeque::new(),
        }
    }

    /// Takes a message.
    pub fn hear(&mut self, now: Time, heard: &Heard) {
        if self.vanished {
            return;
        }
        if !self.registers_first {
            self.heard.push(heard.text().to_string());
        }
        self.scrutinise(heard);
        match heard.status() {
            Some(status) => self.on_response(now, status, heard),
            None => self.on_request(now, heard),
        }
        self.scrutinise_session(heard);
    }

    /// A message with this receipt has arrived.
    pub fn delivered(&mut self, receipt: u64) {
        for dialog in &mut self.dialogs {
            if dialog.unsure == Some(receipt) {
                dialog.unsure = None;
            }
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        if self.vanished {
            return;
        }
        self.tick_clients(now);
        self.tick_servers(now);
        while let Some(((at, serial), (act, dialog))) = self.agenda.pop_first() {
            if at > now {
                self.agenda.insert((at, serial), (act, dialog));
                break;
            }
            self.act(now, act, dialog);
        }
    }

    /// When [`Phone::tick`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        if self.vanished {
            return None;
        }
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let clients = self.clients.iter().filter_map(Client::deadline).min();
        let servers = self.servers.iter().filter_map(Server::deadline).min();
        [agenda, clients, servers].into_iter().flatten().min()
    }

    /// What it wants next.
    pub fn poll(&mut self) -> Option<Parcel> {
        self.out.pop_front()
    }

    /// Takes the steps that were told since the last time.
    pub fn learn(&mut self, origin: Time) {
        for (when, act) in std::mem::take(&mut self.script) {
            match (script::moment(when, origin), when) {
                (Some(at), _) => self.later(at, act, None),
                (None, When::After(gap)) => self.after_joined.push((gap, act)),
                (None, When::At(_)) => {}
            }
        }
        if let Some((when, _)) = &mut self.reception.last
            && let Some(at) = script::moment(*when, origin)
        {
            *when = When::At(at.since(Time::ZERO));
        }
    }

    pub fn is_vanished(&self) -> bool {
        self.vanished
    }

    /// Whether it has nothing to do of its own accord and no dialog is left.
    pub fn is_done(&self) -> bool {
        self.vanished
            || (self.dialogs.iter().all(Dialog::is_over) && self.clients.iter().all(Client::is_answered))
    }

    /// How its last call ended, if it had one and it is over.
    pub fn ended(&self) -> Option<How> {
        match self.dialogs.last()?.stage {
            Stage::Over(how) => Some(how),
            _ => None,
        }
    }

    /// Pretends to be somebody else from now on, with its own password.
    pub fn claims(&mut self, user: &str) -> &mut Phone {
        self.claims = Some(user.into());
        self
    }

    /// Behind an address translator: it knows another address of itself than the network shows.
    pub fn behind_nat(&mut self) -> &mut Phone {
        if let SocketAddr::V4(seen) = self.id.seen {
            self.id.own = SocketAddr::new([10, 0, 0, seen.ip().octets()[3]].into(), 5060);
        }
        self
    }

    /// Speaks over another transport than UDP over IPv4.
    pub fn over(&mut self, over: Over) -> &mut Phone {
        match (over, self.id.seen) {
            (Over::Udp, _) => self.transport = Transport::Udp,
            (Over::Tcp, _) => self.transport = Transport::Tcp,
            (Over::Ipv6, SocketAddr::V4(seen)) => {
                let ip = [0x2001, 0xdb8, 0, 0, 0, 0, 1, seen.ip().octets()[3].into()];
                self.id.seen = SocketAddr::new(ip.into(), 5060);
                self.id.own = self.id.seen;
            }
            (Over::Ipv6, SocketAddr::V6(_)) => {}
        }
        self
    }

    /// The last request of a method that it sent, as the wire had it.
    pub fn last_sent(&self, method: &str) -> Option<String> {
        self.sent.get(method).cloned()
    }

    /// The Authorization line of the last request of a method.
    pub fn last_proof(&self, method: &str) -> Option<String> {
        let text = self.sent.get(method)?;
        text.lines().find(|line| line.starts_with("Authorization:")).map(|line| format!("{line}\n"))
    }

    /// The last call that it had, over or not.
    pub fn last(&self) -> Option<&Dialog> {
        self.dialogs.last()
    }

    pub(super) fn later(&mut self, at: Time, act: Act, dialog: Option<usize>) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), (act, dialog));
    }

    fn act(&mut self, now: Time, act: Act, dialog: Option<usize>) {
        let live = dialog.or_else(|| self.dialogs.iter().rposition(|dialog| !dialog.is_over()));
        match (act, live) {
            (Act::Register { expires_s }, _) => self.register(now, expires_s),
            (Act::Dial { number, offer }, _) => self.dial(now, &number, offer),
            (Act::Watch { event, user, expires_s }, _) => self.subscribe(now, event, user, expires_s),
            (Act::WatchOn { expires_s }, _) => self.subscribe_on(now, expires_s),
            (Act::Say(template), live) => self.say(now, &template, live, false),
            (Act::Move(ip), _) => {
                self.id.seen.set_ip(ip);
                self.id.own.set_ip(ip);
            }
            (Act::Vanish, _) => self.vanished = true,
            (Act::Cut, _) => {
                self.out.push_back(Parcel::Cut);
                if self.is_reliable() && self.registered {
                    self.later(now + Duration::from_millis(500), Act::Register { expires_s: 3_600 }, None);
                }
            }
            (Act::HangUp, Some(dialog)) => self.hang_up(now, dialog),
            (Act::Cancel, Some(dialog)) => self.cancel(now, dialog),
            (Act::Update(notation), Some(dialog)) => self.update(now, dialog, notation),
            (Act::Refer(to, more), Some(dialog)) => self.refer(now, dialog, &to, more),
            (Act::ReferAttended, Some(_)) => self.refer_attended(now),
            (Act::LeaveEarly, Some(dialog)) => self.leave_early(now, dialog),
            (Act::Press(key), Some(dialog)) => self.out.push_back(Parcel::Press { dialog, key }),
            (Act::PressByInfo(key), Some(dialog)) => self.inform(now, dialog, key),
            (Act::Hold(notation), Some(dialog)) => self.hold(now, dialog, Some(notation)),
            (Act::Resume, Some(dialog)) => self.hold(now, dialog, None),
            (Act::Renew, Some(dialog)) => self.renew(now, dialog, |_| String::new()),
            (Act::Rehouse, Some(dialog)) => self.renew(now, dialog, |session| {
                session.here.set_port(session.here.port() + 1_000);
                session.offer()
            }),
            (Act::Bare, Some(dialog)) => self.renew(now, dialog, |session| {
                session.encryption = Encryption::Never;
                session.offer()
            }),
            (Act::Fax(faxing), Some(dialog)) => self.renew(now, dialog, |session| {
                session.faxing = faxing;
                session.offer()
            }),
            (Act::Video(on), Some(dialog)) => {
                self.video = on;
                self.renew(now, dialog, |session| {
                    session.video = on;
                    session.offer()
                });
            }
            (Act::OfferUnusable, Some(dialog)) => self.renew(now, dialog, Session::offer_unusable),
            (Act::Ring { early_media }, Some(dialog)) => self.ring(now, dialog, early_media),
            (Act::Answer, Some(dialog)) => self.answer(now, dialog),
            (Act::AnswerAsAnother, Some(dialog)) => self.answer_as_another(now, dialog),
            (Act::Reject(status), Some(dialog)) => self.reject(now, dialog, status, ""),
            (Act::Redirect(to), Some(dialog)) => {
                let contact = format!("Contact: <sip:{to}@{}>\n", self.id.realm);
                self.reject(now, dialog, 302, &contact);
            }
            (_, None) => {}
        }
    }

    /// The story is over: no more acts, no more calls; whoever is in one leaves it.
    pub fn end_everything(&mut self, now: Time) {
        self.agenda.retain(|_, (act, _)| matches!(act, Act::Ring { .. }));
        self.after_joined.clear();
        self.script.clear();
        for dialog in 0..self.dialogs.len() {
            if let Some(at) = self.dialogs.get_mut(dialog).filter(|at| !at.is_over()) {
                at.leaving = true;
                self.later(now, Act::HangUp, Some(dialog));
            }
        }
        self.reception = Reception {
            ring: None,
            early_media: false,
            last: Some((When::After(Duration::ZERO), Act::Reject(480))),
        };
    }

    fn hold(&mut self, now: Time, dialog: usize, notation: Option<Notation>) {
        self.renew(now, dialog, |session| {
            session.zero = notation == Some(Notation::Zero);
            session.wish = match notation {
                Some(Notation::SendOnly) => Direction::SendOnly,
                Some(Notation::Inactive) => Direction::Inactive,
                Some(Notation::Zero) | None => Direction::SendRecv,
            };
            session.offer()
        });
    }

    /// Hangs up by whatever means the state of the dialog allows.
    fn hang_up(&mut self, now: Time, dialog: usize) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        match (at.stage, at.side) {
            (Stage::Inviting, Side::Caller) => self.cancel(now, dialog),
            (Stage::Inviting, Side::Callee) => self.reject(now, dialog, 486, ""),
            (Stage::Answered, _) => at.leaving = true,
            (Stage::Confirmed, _) => self.bye(now, dialog),
            _ => {}
        }
    }

    /// Both sides have agreed: what was to come after that is put on the agenda.
    fn joined(&mut self, now: Time, dialog: usize) {
        let Some(at) = self.dialogs.get_mut(dialog) else { return };
        at.stage = Stage::Confirmed;
        at.confirmed_at = Some(now);
        let leaving = at.leaving;
        for (gap, act) in std::mem::take(&mut self.after_joined) {
            self.later(now + gap, act, Some(dialog));
        }
        if leaving {
            self.bye(now, dialog);
        }
    }

    fn finish(&mut self, now: Time, dialog: usize, how: How) {
        if let Some(at) = self.dialogs.get_mut(dialog).filter(|at| !at.is_over()) {
            at.stage = Stage::Over(how);
            at.over_at = Some(now);
            at.renewing = false;
        }
    }

    fn session(&mut self) -> Session {
        let port = 40_000 + 2 * u16::try_from(self.dialogs.len() % 10_000).unwrap_or(0);
        let here = SocketAddr::new(self.id.own.ip(), port);
        let mut session = Session::new(here, self.random.next_u64() >> 16, &self.codecs);
        session.video = self.video;
        session.faxes = self.faxes;
        session.encryption = self.encryption;
        session
    }

    fn dialog_of(&self, call_id: &str, local_tag: &str) -> Option<usize> {
        self.dialogs.iter().position(|dialog| dialog.call_id == call_id && dialog.local_tag == local_tag)
    }

    fn is_reliable(&self) -> bool {
        self.transport.is_reliable()
    }

    fn uri(&self) -> String {
        format!("sip:{}@{}", self.claims.as_deref().unwrap_or(&self.id.user), self.id.realm)
    }

    fn contact(&self) -> String {
        let transport = if self.is_reliable() { ";transport=tcp" } else { "" };
        format!("Contact: <sip:{}@{}{transport}>{}\n", self.id.user, self.id.own, self.contact_params)
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() > 5 {
            return;
        }
        self.complaints.push(format!("{}: {what}", self.id.name));
    }

    fn receipt(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn send(&mut self, text: String, receipt: Option<u64>) {
        self.out.push_back(Parcel::Send { text, receipt });
    }
}
