//! The core between text and text: everything that is sent back is at hand, nothing repeats by itself.

use std::sync::Arc;
use std::time::Duration;

use ledgerline::base::{CallId, Secret, Time, Wall};
use ledgerline::media::{News, Order};
use ledgerline::plan::{self, Folder};
use ledgerline::registrar::{Account, Algorithm, Directory, Ha1, Proof, Rules};
use ledgerline::sip::{Flow, Transport};
use ledgerline::switch::{Answer, Command, Input, Limits, Output, Setup, Switch};

pub const ALICE: &str = "192.0.2.10:5060";
pub const BOB: &str = "192.0.2.11:5060";
pub const STRANGER: &str = "198.51.100.66:5060";

const PLAN: &str = "edition 2026\nmodule office\npolicy nothing for all calls {\n  record off\n}\n\
    route \"80XX\" from users -> dial user {callee} for 20s\n";

/// A core with alice (8001) and bob (8002).
pub struct Bench {
    pub switch: Switch,
    pub now: Time,
    /// What was sent since the last [`Bench::take`]: to whom, and the octets.
    pub sent: Vec<(String, String)>,
    /// What administrators were answered.
    pub answers: Vec<Answer>,
    pub logged: Vec<String>,
    pub transport: Transport,
    serial: u32,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Bench {
        let folder = Folder::new().with_plan("office.plan", PLAN);
        let (program, found) = plan::load(&folder, &["office.plan"]);
        let account = |name: &str, number: &str| {
            let mut account = Account::new(name, "pbx", &Secret::new(word(name)));
            account.numbers.push(number.to_string());
            account
        };
        let directory =
            Directory::new([account("alice", "8001"), account("bob", "8002")]).expect("two accounts");
        let setup = Setup {
            limits,
            settings: Default::default(),
            registrar: Rules::default(),
            kept: Vec::new(),
            digest: Algorithm::DEFAULT.to_vec(),
            node: "node".into(),
            realm: "pbx".into(),
            media_address: None,
            manner: Default::default(),
            seed: [7; 32],
            wall: Wall::from_micros(1_800_000_000_000_000),
            program: program.unwrap_or_else(|| panic!("{found:?}")),
            directory: Arc::new(directory),
            presence: Default::default(),
            features: Default::default(),
        };
        let now = Time::from_millis(1_000);
        Bench {
            switch: Switch::new(now, setup),
            now,
            sent: Vec::new(),
            answers: Vec::new(),
            logged: Vec::new(),
            transport: Transport::Udp,
            serial: 0,
        }
    }

    /// A core where both are registered.
    pub fn with_phones() -> Bench {
        let mut bench = Bench::new();
        for (name, from) in [("alice", ALICE), ("bob", BOB)] {
            let contact = format!("Contact: <sip:{name}@{from}>\n");
            let answer = bench.proven(from, name, "REGISTER", "sip:pbx", &contact, "");
            assert_eq!(status(&answer), 200, "{answer}");
        }
        bench
    }

    /// Says octets from `from`; what is sent to that address because of it, in order.
    pub fn say(&mut self, from: &str, text: &str) -> Vec<String> {
        self.give(from, text.replace('\n', "\r\n").into_bytes())
    }

    pub fn give(&mut self, from: &str, octets: Vec<u8>) -> Vec<String> {
        let from: std::net::SocketAddr = from.parse().expect("an address");
        let connection = if self.transport.is_reliable() { u64::from(from.port()) } else { 0 };
        let local = "192.0.2.1:5060".parse().expect("an address");
        let flow = Flow { transport: self.transport, local, remote: from, connection };
        let before = self.sent.len();
        self.input(Input::Message { flow, raw: octets.into() });
        let to = from.to_string();
        self.sent.iter().skip(before).filter(|(at, _)| *at == to).map(|(_, text)| text.clone()).collect()
    }

    /// Lets the time pass.
    pub fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.switch.deadline().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.switch.tick(self.now);
            self.drain();
        }
        self.now = until;
    }

    pub fn ask(&mut self, command: Command) -> Answer {
        self.input(Input::Command { ticket: 1, command });
        self.answers.pop().expect("every command is answered")
    }

    /// Forgets what was sent, and returns it.
    pub fn take(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.sent)
    }

    /// A request outside of any dialog, from `user` as far as it says. `lines` end with a line feed.
    pub fn request(
        &mut self,
        from: &str,
        user: &str,
        method: &str,
        uri: &str,
        lines: &str,
        body: &str,
    ) -> String {
        self.serial += 1;
        let (n, transport) = (self.serial, self.transport.as_str());
        let to = if method == "REGISTER" { format!("sip:{user}@pbx") } else { uri.to_string() };
        let contact = if lines.contains("Contact:") {
            String::new()
        } else {
            format!("Contact: <sip:{user}@{from}>\n")
        };
        format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/{transport} {from};branch=z9hG4bK{n};rport\nMax-Forwards: 70\n\
             From: <sip:{user}@pbx>;tag=t{n}\nTo: <{to}>\nCall-ID: call-{n}@{from}\nCSeq: 1 {method}\n{contact}{lines}\
             Content-Length: {}\n\n{body}",
            body.replace('\n', "\r\n").len()
        )
    }

    /// Says a request, answers the challenge as `user`, and returns the last answer to the second try.
    pub fn proven(
        &mut self,
        from: &str,
        user: &str,
        method: &str,
        uri: &str,
        lines: &str,
        body: &str,
    ) -> String {
        let first = self.request(from, user, method, uri, lines, body);
        let challenge = self.say(from, &first).pop().expect("a challenge");
        assert_eq!(status(&challenge), 401, "{challenge}");
        let proof = Key::of(&challenge).proof(user, &word(user), method, uri, 1);
        let second = self.request(from, user, method, uri, &format!("{lines}{proof}"), body);
        self.say(from, &second).pop().unwrap_or_default()
    }

    fn input(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        self.drain();
    }

    /// Takes every output; ports open at once.
    fn drain(&mut self) {
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    self.sent.push((flow.remote.to_string(), String::from_utf8_lossy(&bytes).into_owned()));
                }
                Output::Media(Order::Open { call, leg, .. }) => {
                    let local =
                        format!("192.0.2.1:{}", 20_000 + 2 * self.sent.len()).parse().expect("an address");
                    self.switch.handle(self.now, Input::Media(News::Opened { call, leg, local }));
                }
                Output::Media(Order::End { call }) => {
                    self.switch.handle(self.now, Input::Media(News::Ended { call }));
                }
                Output::Answer { answer, .. } => self.answers.push(*answer),
                Output::Log { text, .. } => self.logged.push(text),
                _ => {}
            }
        }
    }

    /// The running calls.
    pub fn calls(&mut self) -> Vec<CallId> {
        match self.ask(Command::Calls) {
            Answer::Calls(calls) => calls.into_iter().map(|call| call.id).collect(),
            other => panic!("{other:?}"),
        }
    }
}

/// Whose password it is.
pub fn word(user: &str) -> String {
    format!("{user}'s long and secret word")
}

pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The lines of a header, without its name.
pub fn header<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(at, _)| at.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

/// What a challenge gives.
#[derive(Debug, Clone)]
pub struct Key {
    pub nonce: String,
}

impl Key {
    pub fn of(challenge: &str) -> Key {
        let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
        Key { nonce: nonce.unwrap_or_else(|| panic!("no nonce in {challenge}")).to_string() }
    }

    /// An Authorization line.
    pub fn proof(&self, user: &str, word: &str, method: &str, uri: &str, count: u32) -> String {
        let nc = format!("{count:08x}");
        let proof = Proof {
            nonce: self.nonce.as_bytes(),
            qop: Some((nc.as_bytes(), b"cn")),
            method: method.as_bytes(),
            uri: uri.as_bytes(),
        };
        let ha1 = Ha1::of(Algorithm::Sha256, user, "pbx", &Secret::new(word.to_string()));
        let response = String::from_utf8(proof.response(&ha1)).expect("hexadecimal");
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"pbx\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm=SHA-256, cnonce=\"cn\", qop=auth, nc={nc}\n",
            self.nonce
        )
    }
}

/// An offer that any phone could make.
pub const OFFER: &str = "v=0\no=- 1 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\nm=audio 40000 RTP/AVP 8 0 101\n\
    a=rtpmap:101 telephone-event/8000\n";

/// Lines of a request with a session description.
pub const SDP: &str = "Content-Type: application/sdp\n";
