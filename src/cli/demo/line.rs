//! A phone's SIP: registers, calls, answers, hangs up. A user agent as small as one can be that authenticates itself,
//! repeats what is not answered, and answers repetitions; over UDP only.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::voice::Agreed;
use crate::base::{Random, Secret};
use crate::registrar::{Algorithm, Ha1, Proof};
use crate::sdp::{Direction, Kind, Media, RtpMap, Session};
use crate::sip::digest::Authorization;
use crate::sip::{Builder, Message, Method, Name};

/// First gap between two sendings of the same request (T1, RFC 3261 §17.1.1.1).
const T1: Duration = Duration::from_millis(500);

/// How long a phone rings before it is picked up.
const PICK_UP: Duration = Duration::from_millis(800);

/// Payload type of telephone events in our offers.
const KEYS: u8 = 101;

/// What a line tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The registrar took our binding, or forgot it when we asked for that; and by which algorithm we proved ourselves.
    Registered(Option<Algorithm>),
    /// The other side rings, or we do.
    Ringing,
    /// The call is answered.
    Talking(Agreed),
    /// The call is over.
    Ended,
    /// A request of ours was refused.
    Failed(String),
}

/// Who the phone is.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user name.
    pub name: String,
    /// Its password.
    pub password: Secret<String>,
}

/// One request that waits for its answer.
struct Asked {
    method: Method,
    octets: Bytes,
    again: Option<Instant>,
    gap: Duration,
    proven: bool,
}

/// A call's dialog, from the phone's side.
struct Dialog {
    call_id: String,
    /// Our and the other side's From or To, tags included.
    ours: String,
    theirs: String,
    /// Where its requests go.
    target: String,
    /// The INVITE that we owe an answer, and when it is given.
    owed: Option<(Message, Instant)>,
    /// The answer to their INVITE, until its ACK; the ACK of our INVITE's answer.
    last: Option<Bytes>,
}

/// One SIP line.
pub struct Line {
    account: Account,
    socket: UdpSocket,
    server: SocketAddr,
    local: SocketAddr,
    rtp: SocketAddr,
    random: Random,
    cseq: u32,
    registration: String,
    asked: Option<Asked>,
    dialog: Option<Dialog>,
    told: Vec<Told>,
    /// By which algorithm the last proof was made.
    proven_by: Option<Algorithm>,
}

impl Line {
    /// A line that has said nothing yet. `rtp` is where its sound is received.
    ///
    /// # Errors
    /// The system's.
    pub fn new(
        account: Account,
        server: SocketAddr,
        rtp: SocketAddr,
        mut random: Random,
    ) -> io::Result<Line> {
        let socket = UdpSocket::bind((server.ip(), 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let registration = random.token(20);
        Ok(Line {
            account,
            socket,
            server,
            local,
            rtp,
            random,
            cseq: 0,
            registration,
            asked: None,
            dialog: None,
            told: Vec::new(),
            proven_by: None,
        })
    }

    /// Registers for so many seconds; 0 takes the binding back.
    pub fn register(&mut self, seconds: u32) {
        let address = self.address();
        let tag = self.random.token(8);
        let request = self
            .request(&Method::Register, &format!("sip:{}", self.server), &self.registration.clone())
            .header(Name::From, format!("<{address}>;tag={tag}"))
            .header(Name::To, format!("<{address}>"))
            .display(Name::Expires, seconds);
        self.ask(Method::Register, request.build(), false);
    }

    /// Calls `number`.
    pub fn dial(&mut self, number: &str) {
        let target = format!("sip:{number}@{}", self.server);
        let (call_id, tag) = (self.random.token(20), self.random.token(8));
        let ours = format!("<{}>;tag={tag}", self.address());
        let theirs = format!("<{target}>");
        let request = self
            .request(&Method::Invite, &target, &call_id)
            .header(Name::From, &ours)
            .header(Name::To, &theirs)
            .body("application/sdp", self.description());
        self.dialog = Some(Dialog { call_id, ours, theirs, target, owed: None, last: None });
        self.ask(Method::Invite, request.build(), false);
    }

    /// Ends the call.
    pub fn hang_up(&mut self) {
        if let Some(request) = self.in_dialog(&Method::Bye) {
            self.ask(Method::Bye, request.build(), false);
        }
    }

    /// Takes what came and sends what is due; what happened is returned. To be called every few milliseconds.
    pub fn turn(&mut self) -> Vec<Told> {
        let mut buffer = [0; 65_535];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            let octets = Bytes::copy_from_slice(buffer.get(..len).unwrap_or(&[]));
            if let Ok(message) = Message::parse(octets) {
                if message.is_request() { self.on_request(message) } else { self.on_response(&message) }
            }
        }
        self.repeat();
        self.pick_up();
        std::mem::take(&mut self.told)
    }

    fn address(&self) -> String {
        format!("sip:{}@{}", self.account.name, self.server)
    }

    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.account.name, self.local)
    }

    /// A request with what every request has; From and To are the caller's.
    fn request(&mut self, method: &Method, uri: &str, call_id: &str) -> Builder {
        self.cseq += 1;
        let branch = self.random.token(16);
        Builder::request(method, uri)
            .header(Name::Via, format!("SIP/2.0/UDP {};rport;branch=z9hG4bK{branch}", self.local))
            .header(Name::MaxForwards, "70")
            .header(Name::CallId, call_id)
            .display(Name::CSeq, format_args!("{} {}", self.cseq, method.as_str()))
            .header(Name::Contact, self.contact())
            .header(Name::UserAgent, "Ledgerline demo phone")
    }

    fn in_dialog(&mut self, method: &Method) -> Option<Builder> {
        let dialog = self.dialog.as_ref()?;
        let (target, call_id) = (dialog.target.clone(), dialog.call_id.clone());
        let (ours, theirs) = (dialog.ours.clone(), dialog.theirs.clone());
        Some(self.request(method, &target, &call_id).header(Name::From, ours).header(Name::To, theirs))
    }

    fn ask(&mut self, method: Method, octets: Bytes, proven: bool) {
        self.send(&octets);
        self.asked = Some(Asked { method, octets, again: Some(Instant::now() + T1), gap: T1, proven });
    }

    fn send(&self, octets: &[u8]) {
        // A datagram that the system does not take is lost, as any may be: it is repeated.
        let _ = self.socket.send(octets);
    }

    fn repeat(&mut self) {
        let Some(asked) =
            self.asked.as_mut().filter(|asked| asked.again.is_some_and(|at| at <= Instant::now()))
        else {
            return;
        };
        asked.gap *= 2;
        asked.again = Some(Instant::now() + asked.gap);
        let octets = asked.octets.clone();
        self.send(&octets);
    }

    fn on_response(&mut self, response: &Message) {
        let (Some(status), Some(cseq)) = (response.status(), response.cseq()) else { return };
        let number = cseq.number;
        if cseq.method == Method::Invite && status >= 200 && number < self.cseq {
            // A repeated final answer: our ACK was lost.
            return self.acknowledge_again();
        }
        let Some(asked) =
            self.asked.as_mut().filter(|asked| asked.method == cseq.method && number == self.cseq)
        else {
            if cseq.method == Method::Invite && status >= 200 {
                self.acknowledge_again();
            }
            return;
        };
        match (status, &asked.method) {
            (100..200, method) => {
                if *method == Method::Invite {
                    asked.again = None;
                }
                if status == 180 || status == 183 {
                    self.told.push(Told::Ringing);
                }
            }
            (401 | 407, _) if !asked.proven => self.prove(response),
            (200..300, Method::Invite) => self.on_answer(response),
            (200..300, Method::Register) => self.done(Told::Registered(self.proven_by)),
            (200..300, _) => {
                self.dialog = None;
                self.done(Told::Ended);
            }
            _ => {
                self.refuse_acknowledged(response);
                let reason = String::from_utf8_lossy(response.reason()).into_owned();
                self.done(Told::Failed(format!("{status} {reason}")));
            }
        }
    }

    fn done(&mut self, told: Told) {
        self.asked = None;
        self.told.push(told);
    }

    /// The answer to an INVITE: acknowledged, and the talk begins.
    fn on_answer(&mut self, response: &Message) {
        let target = response.contacts().next().map(|contact| contact.uri().as_str().to_string());
        let agreed = agreed(response.body());
        let Some(dialog) = &mut self.dialog else { return };
        dialog.theirs = String::from_utf8_lossy(response.header(Name::To).unwrap_or_default()).into_owned();
        dialog.target = target.unwrap_or_else(|| dialog.target.clone());
        self.cseq -= 1; // The ACK of an answer has the number of its INVITE (RFC 3261 §13.2.2.4).
        let Some(ack) = self.in_dialog(&Method::Ack).map(Builder::build) else { return };
        self.send(&ack);
        if let Some(dialog) = &mut self.dialog {
            dialog.last = Some(ack);
        }
        match agreed {
            Some(agreed) => self.done(Told::Talking(agreed)),
            None => self.done(Told::Failed("an answer without usable sound".to_string())),
        }
    }

    fn acknowledge_again(&self) {
        if let Some(ack) = self.dialog.as_ref().and_then(|dialog| dialog.last.as_ref()) {
            self.send(ack);
        }
    }

    /// The ACK of a refusal goes the way of its INVITE (RFC 3261 §17.1.1.3).
    fn refuse_acknowledged(&mut self, response: &Message) {
        let Some(invite) = self.asked.as_ref().filter(|asked| asked.method == Method::Invite) else { return };
        let Ok(invite) = Message::parse(invite.octets.clone()) else { return };
        let number = invite.cseq().map_or(0, |cseq| cseq.number);
        let ack = Builder::request(&Method::Ack, &String::from_utf8_lossy(invite.request_uri_raw()))
            .copy(&invite, Name::Via)
            .header(Name::MaxForwards, "70")
            .copy(&invite, Name::From)
            .copy(response, Name::To)
            .copy(&invite, Name::CallId)
            .display(Name::CSeq, format_args!("{number} ACK"));
        self.send(&ack.build());
    }

    /// Asks once more, with the proof that the challenge wants (RFC 7616 §3.4), SHA-256 before MD5.
    fn prove(&mut self, response: &Message) {
        let (challenges, answer) = match response.status() {
            Some(407) => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            _ => (Name::WwwAuthenticate, Name::Authorization),
        };
        self.refuse_acknowledged(response);
        let Some(asked) = self.asked.take() else { return };
        let Ok(request) = Message::parse(asked.octets) else { return };
        let proof = response.headers(challenges).find_map(|value| self.proof(value, &asked.method, &request));
        let Some(proof) = proof else {
            return self.told.push(Told::Failed("no challenge that we can answer".into()));
        };
        let uri = String::from_utf8_lossy(request.request_uri_raw()).into_owned();
        let call_id = String::from_utf8_lossy(request.call_id().unwrap_or_default()).into_owned();
        let mut again = self
            .request(&asked.method, &uri, &call_id)
            .copy(&request, Name::From)
            .copy(&request, Name::To)
            .copy(&request, Name::Expires)
            .header(answer, proof);
        if request.has_sdp() {
            again = again.body("application/sdp", request.body_bytes());
        }
        self.ask(asked.method, again.build(), true);
    }

    fn proof(&mut self, challenge: &[u8], method: &Method, request: &Message) -> Option<String> {
        let challenge = Authorization::parse(challenge).ok()?.challenge().ok()?;
        let algorithm = Algorithm::of(challenge.algorithm.unwrap_or("MD5").as_bytes())?;
        self.proven_by = Some(algorithm);
        let cnonce = self.random.token(16);
        let uri = request.request_uri_raw();
        let ha1 = Ha1::of(algorithm, &self.account.name, challenge.realm, &self.account.password);
        let proof = Proof {
            nonce: challenge.nonce.as_bytes(),
            qop: Some((b"00000001", cnonce.as_bytes())),
            method: method.as_str().as_bytes(),
            uri,
        };
        let opaque = challenge.opaque.map(|opaque| format!(", opaque=\"{opaque}\"")).unwrap_or_default();
        Some(format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\", algorithm={}, qop=auth, \
             nc=00000001, cnonce=\"{cnonce}\"{opaque}",
            self.account.name,
            challenge.realm,
            challenge.nonce,
            String::from_utf8_lossy(uri),
            String::from_utf8_lossy(&proof.response(&ha1)),
            algorithm.as_str(),
        ))
    }

    fn on_request(&mut self, request: Message) {
        let ours =
            self.dialog.as_ref().is_some_and(|dialog| Some(dialog.call_id.as_bytes()) == request.call_id());
        match request.method() {
            Some(Method::Invite) if self.dialog.is_none() => self.ring(request),
            // A repetition, or a new offer within the call: answered as before.
            Some(Method::Invite) if ours => self.answer(&request),
            Some(Method::Invite) => self.reply(&request, 486),
            Some(Method::Ack) => {}
            Some(Method::Bye) if ours => {
                self.reply(&request, 200);
                self.dialog = None;
                self.asked = None;
                self.told.push(Told::Ended);
            }
            Some(Method::Cancel) if ours => {
                self.reply(&request, 200);
                if let Some((invite, _)) = self.dialog.take().and_then(|dialog| dialog.owed) {
                    self.reply(&invite, 487);
                }
                self.told.push(Told::Ended);
            }
            Some(Method::Options) => self.reply(&request, 200),
            _ => self.reply(&request, 481),
        }
    }

    fn reply(&self, request: &Message, status: u16) {
        let tag = self.dialog.as_ref().map_or("none", |dialog| tag(&dialog.ours));
        self.send(&Builder::reply_to(request, status).to_tag(tag).build());
    }

    fn ring(&mut self, invite: Message) {
        let text = |name| String::from_utf8_lossy(invite.header(name).unwrap_or_default()).into_owned();
        let tag = self.random.token(8);
        self.dialog = Some(Dialog {
            call_id: text(Name::CallId),
            ours: format!("{};tag={tag}", text(Name::To)),
            theirs: text(Name::From),
            target: invite
                .contacts()
                .next()
                .map(|contact| contact.uri().as_str().to_string())
                .unwrap_or_default(),
            owed: None,
            last: None,
        });
        let ringing = Builder::reply_to(&invite, 180).to_tag(&tag).header(Name::Contact, self.contact());
        self.send(&ringing.build());
        if let Some(dialog) = &mut self.dialog {
            dialog.owed = Some((invite, Instant::now() + PICK_UP));
        }
        self.told.push(Told::Ringing);
    }

    fn pick_up(&mut self) {
        let due = |dialog: &&mut Dialog| dialog.owed.as_ref().is_some_and(|(_, at)| *at <= Instant::now());
        if let Some((invite, _)) = self.dialog.as_mut().filter(due).and_then(|dialog| dialog.owed.take()) {
            self.answer(&invite);
        }
    }

    fn answer(&mut self, invite: &Message) {
        let Some(tag) =
            self.dialog.as_ref().filter(|dialog| dialog.owed.is_none()).map(|dialog| tag(&dialog.ours))
        else {
            return;
        };
        let answer = Builder::reply_to(invite, 200)
            .to_tag(tag)
            .header(Name::Contact, self.contact())
            .body("application/sdp", self.description())
            .build();
        self.send(&answer);
        if let Some(agreed) = agreed(invite.body()) {
            self.told.push(Told::Talking(agreed));
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.last = Some(answer);
        }
    }

    /// Both laws of G.711 and keys, both ways.
    fn description(&self) -> Bytes {
        let mut audio = Media::new(Kind::Audio, self.rtp.port(), "RTP/AVP");
        for (payload_type, encoding) in [(8, "PCMA"), (0, "PCMU"), (KEYS, "telephone-event")] {
            let map = RtpMap { payload_type, encoding: encoding.to_string(), clock: 8_000, channels: 1 };
            audio.push_format(&map, (payload_type == KEYS).then_some("0-15"));
        }
        audio.set_direction(Direction::SendRecv);
        let mut session = Session::new(self.rtp.ip(), u64::from(self.cseq), 1);
        session.media.push(audio);
        session.to_bytes()
    }
}

/// The tag at the end of one of our own addresses.
fn tag(address: &str) -> &str {
    address.rsplit_once(";tag=").map_or("", |(_, tag)| tag)
}

/// What the other side's description lets us send.
fn agreed(body: &[u8]) -> Option<Agreed> {
    let session = Session::parse(body).ok()?;
    let (_, audio) = session.audio()?;
    let law = audio.payload_types().find(|pt| matches!(pt, 0 | 8))?;
    let is_keys =
        |pt: &u8| audio.rtpmap(*pt).is_some_and(|map| map.encoding.eq_ignore_ascii_case("telephone-event"));
    Some(Agreed { to: session.rtp_of(audio)?, law, keys: audio.payload_types().find(is_keys) })
}
