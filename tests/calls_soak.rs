//! A day's worth of whole calls through core and media worker, with a clock that runs as fast as it can: what a call held in either is
//! given back, whatever became of it, so that memory stays flat.
//!
//! The two carriers between which the calls go are as thin as they can be: they cut what they need out of the switch's own messages. A
//! file of its own because the counting allocator is the whole program's. `LEDGERLINE_SOAK=N` takes N calls.
#![allow(unsafe_code)] // a global allocator cannot be written without; it only counts and hands on

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ledgerline::base::{Random, RecordingId, Time, Wall};
use ledgerline::media::{BUFFER_SPARE, Channel, LegKey, Wire, Worker};
use ledgerline::plan::{self, Folder};
use ledgerline::registrar::{Algorithm, Directory, Rules};
use ledgerline::rtp::Packet;
use ledgerline::sip::{Flow, Transport};
use ledgerline::switch::{Input, Limits, Output, Setup, Switch};
use ledgerline::{locate, trunk, vault};

static LIVE: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const PLAN: &str = "edition 2026\nmodule soak\nclass kept { from call.end; at least 1y; at most 2y }\n\
    policy evidence for all calls {\n  record all, two tracks, video, on failure refuse\n  retain kept\n}\n\
    route \"8XXX\" from trunk near -> dial trunk far number {callee} for 20s\n";
const SWITCH: &str = "192.0.2.1:5060";
const NEAR: &str = "192.0.2.21:5060";
const FAR: &str = "192.0.2.22:5060";

/// Ports that are given out in turn, and packets that go nowhere.
#[derive(Default)]
struct Nowhere {
    open: Vec<(LegKey, u16)>,
    given: u16,
}

impl Wire for Nowhere {
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr> {
        self.given = (self.given + 2) % 10_000;
        let port = 20_000 + self.given;
        self.open.push((key, port));
        Some(SocketAddr::new(local, port))
    }
    fn narrow(&mut self, _: LegKey, _: Channel, _: Option<SocketAddr>) {}
    fn send(&mut self, _: LegKey, _: Channel, _: SocketAddr, _: &[u8]) {}
    fn close(&mut self, key: LegKey) {
        self.open.retain(|(of, _)| *of != key);
    }
}

/// The switch as it runs, without sockets and disk.
struct Node {
    switch: Switch,
    worker: Worker,
    wire: Nowhere,
    now: Time,
    number: u64,
    sent: VecDeque<(SocketAddr, String)>,
    passed: u64,
    kept: u64,
    closed: u64,
}

fn carrier(name: &str, host: &str) -> trunk::Rules {
    trunk::Rules {
        name: name.into(),
        group: None,
        priority: 1,
        weight: 1,
        to: vec![format!("sip:{host}").parse().expect("a URI")],
        from: Vec::new(),
        register: None,
        user: String::new(),
        realm: None,
        secret: None,
        caller_ids: vec!["+4930100".into()],
        calls: 0,
        outward: Vec::new(),
        inward: Vec::new(),
        ask: None,
        codecs: Vec::new(),
        srtp: None,
        video: true,
        forwarded_by: Default::default(),
    }
}

impl Node {
    fn new() -> Node {
        let sources = Folder::new().with_plan("soak.plan", PLAN);
        let (program, found) = plan::load(&sources, &["soak.plan"]);
        let setup = Setup {
            limits: Limits::default(),
            settings: Default::default(),
            registrar: Rules::default(),
            kept: Vec::new(),
            digest: Algorithm::DEFAULT.to_vec(),
            node: "soak".into(),
            realm: "soak".into(),
            media_address: None,
            manner: Default::default(),
            seed: [7; 32],
            wall: Wall::from_micros(1_800_000_000_000_000),
            program: program.unwrap_or_else(|| panic!("{found:?}")),
            directory: Arc::new(Directory::new([]).expect("nobody")),
            presence: Default::default(),
            features: Default::default(),
        };
        let mut node = Node {
            switch: Switch::new(Time::ZERO, setup),
            worker: Worker::new(Random::from_number(1)),
            wire: Nowhere::default(),
            now: Time::from_millis(1),
            number: 0,
            sent: VecDeque::new(),
            passed: 0,
            kept: 0,
            closed: 0,
        };
        let listeners = vec![(Transport::Udp, SWITCH.parse().expect("an address"))];
        node.give(Input::Trunks { rules: vec![carrier("near", NEAR), carrier("far", FAR)], listeners });
        // The carriers are looked up.
        node.pass(Duration::from_secs(1));
        node
    }

    fn say(&mut self, from: &str, text: String) {
        let (local, remote) = (SWITCH.parse().expect("one"), from.parse().expect("one"));
        let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
        self.give(Input::Message { flow, raw: Bytes::from(text) });
    }

    fn give(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        self.drain();
    }

    /// Carries out what the core wants, until nothing is left of it.
    fn drain(&mut self) {
        loop {
            while let Some(output) = self.switch.poll() {
                match output {
                    Output::Send { flow, bytes } => {
                        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
                        self.sent.push_back((flow.remote, text));
                    }
                    Output::Media(order) => self.worker.order(self.now, order, &mut self.wire),
                    Output::Vault(vault::Order::Open { recording, .. }) => {
                        self.switch.handle(self.now, Input::Vault(vault::News::Opened { recording }));
                    }
                    Output::Vault(vault::Order::Close { recording, .. }) => self.close(recording),
                    Output::Ask { ticket, question } => {
                        // Carriers stand by address.
                        let found = match question {
                            locate::Question::Address(name) => name.parse().ok(),
                            _ => None,
                        };
                        let local = IpAddr::from([192, 0, 2, 1]);
                        let path = |remote| locate::Answer::Addresses(vec![locate::Path { local, remote }]);
                        let answer = found.map_or(locate::Answer::Nothing, path);
                        self.switch.handle(self.now, Input::Answered { ticket, answer });
                    }
                    _ => {}
                }
            }
            self.worker.settle(&mut self.wire);
            while let Some(item) = self.worker.poll_tap() {
                if let vault::TapItem::Batch(batch) = item {
                    self.kept += u64::from(batch.packets());
                }
            }
            match self.worker.poll_news() {
                Some(news) => self.switch.handle(self.now, Input::Media(news)),
                None => return,
            }
        }
    }

    fn close(&mut self, recording: RecordingId) {
        self.closed += 1;
        let closed = vault::News::Closed { recording, leaf: self.closed, len_bytes: 1, packets: 1 };
        self.switch.handle(self.now, Input::Vault(closed));
    }

    /// Lets a time pass, with everything that falls due in core and worker.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let dues = [self.switch.deadline(), self.worker.deadline()];
            let Some(due) = dues.into_iter().flatten().min().filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            self.switch.tick(self.now);
            self.worker.tick(self.now, &mut self.wire);
            self.drain();
        }
        self.now = until;
    }

    /// The next thing that the switch said to `to` and that begins so.
    fn heard(&mut self, to: &str, start: &str) -> String {
        let to: SocketAddr = to.parse().expect("an address");
        let at = self.sent.iter().position(|(whom, text)| *whom == to && text.starts_with(start));
        let at = at.unwrap_or_else(|| panic!("no {start} in {:#?}", self.sent));
        self.sent.remove(at).expect("found").1
    }

    /// One call, from INVITE to the end. What becomes of it depends on its number.
    fn call(&mut self) {
        self.number += 1;
        let number = self.number;
        let near = |method: &str, uri: &str, cseq: u32, to_tag: &str, body: &str| {
            let typed = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
            // A CANCEL and the ACK of a refusal belong to the INVITE's transaction.
            let branch = if matches!(method, "CANCEL") { 1 } else { cseq };
            format!(
                "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {NEAR};branch=z9hG4bK{number}-{branch}\r\nMax-Forwards: 70\r\n\
                 From: <sip:+4930200@soak>;tag=a{number}\r\nTo: <sip:8002@soak>{to_tag}\r\nCall-ID: c{number}\r\n\
                 CSeq: {cseq} {method}\r\nContact: <sip:{NEAR}>\r\n{typed}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let video = number.is_multiple_of(2);
        self.say(NEAR, near("INVITE", "sip:8002@soak", 1, "", &sdp(NEAR, 30_000, 1, video)));
        let rung = self.heard(FAR, "INVITE");
        match number % 8 {
            1 => {
                self.say(FAR, answer(&rung, "486 Busy Here", number, ""));
                let refused = self.heard(NEAR, "SIP/2.0 486");
                self.say(NEAR, near("ACK", "sip:8002@soak", 1, &tag(&refused), ""));
                return self.over();
            }
            5 => {
                self.say(FAR, answer(&rung, "180 Ringing", number, ""));
                self.say(NEAR, near("CANCEL", "sip:8002@soak", 1, "", ""));
                self.heard(FAR, "CANCEL");
                self.say(FAR, answer(&rung, "487 Request Terminated", number, ""));
                let refused = self.heard(NEAR, "SIP/2.0 487");
                self.say(NEAR, near("ACK", "sip:8002@soak", 1, &tag(&refused), ""));
                return self.over();
            }
            _ => {}
        }
        self.say(FAR, answer(&rung, "200 OK", number, &sdp(FAR, 31_000, 1, rung.contains("m=video"))));
        let accepted = self.heard(NEAR, "SIP/2.0 200");
        let target = field(&accepted, "Contact").trim_matches(['<', '>']).to_string();
        self.say(NEAR, near("ACK", &target, 1, &tag(&accepted), ""));
        if number % 8 == 6 {
            // Hold, and back.
            for (cseq, direction) in [(2, "sendonly"), (3, "sendrecv")] {
                let body = sdp(NEAR, 30_000, cseq, video).replace("sendrecv", direction);
                self.say(NEAR, near("INVITE", &target, cseq, &tag(&accepted), &body));
                self.heard(NEAR, "SIP/2.0 200");
                self.say(NEAR, near("ACK", &target, cseq, &tag(&accepted), ""));
            }
        }
        self.talk();
        self.say(NEAR, near("BYE", &target, 4, &tag(&accepted), ""));
        self.heard(NEAR, "SIP/2.0 200");
        let left = self.heard(FAR, "BYE");
        self.say(FAR, answer(&left, "200 OK", number, ""));
        self.over();
    }

    /// Everybody speaks for a fifth of a second, and is seen where there is video.
    fn talk(&mut self) {
        let mut buffer = [0; 172 + BUFFER_SPARE];
        let places = self.wire.open.clone();
        for n in 0..10_u32 {
            for (place, (key, _)) in places.iter().enumerate() {
                // The sound of both, then the video of both: as their ports were asked for.
                let (pt, ports) = if place < 2 { (8, [30_000, 31_000]) } else { (97, [30_200, 31_200]) };
                let host = if place % 2 == 0 { NEAR } else { FAR };
                let mut from: SocketAddr = host.parse().expect("an address");
                from.set_port(ports[place % 2]);
                let (seq, timestamp) = (n as u16, n * 160);
                let header = Packet { marker: n == 0, pt, seq, timestamp, ssrc: 1, payload: 0..0 };
                buffer[..12].copy_from_slice(&header.header());
                buffer[12..172].fill(0x25);
                let forward = self.worker.packet(self.now, *key, Channel::Rtp, from, &mut buffer, 172);
                self.passed += u64::from(forward.is_some());
            }
            self.pass(Duration::from_millis(20));
        }
    }

    fn over(&mut self) {
        assert_eq!(self.switch.calls(), 0, "the call is over");
        assert_eq!((self.worker.legs(), self.wire.open.len()), (0, 0), "every port is given back");
        self.sent.clear();
    }
}

fn sdp(at: &str, port: u16, version: u32, video: bool) -> String {
    let ip = at.split(':').next().expect("an address");
    let mut text = format!(
        "v=0\r\no=- 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
    );
    if video {
        let _ = write!(text, "m=video {} RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n", port + 200);
    }
    text
}

/// The first value of a field.
fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {message}")).trim()
}

/// `;tag=…` of To.
fn tag(message: &str) -> String {
    let to = field(message, "To");
    to.find(";tag=").map(|at| to[at..].to_string()).unwrap_or_default()
}

/// The far carrier's answer to a request.
fn answer(request: &str, status: &str, number: u64, body: &str) -> String {
    let to_tag = if tag(request).is_empty() { format!(";tag=b{number}") } else { String::new() };
    let typed = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}{to_tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:{FAR}>\r\n{typed}\
         Content-Length: {}\r\n\r\n{body}",
        field(request, "Via"),
        field(request, "From"),
        field(request, "To"),
        field(request, "Call-ID"),
        field(request, "CSeq"),
        body.len()
    )
}

#[test]
fn a_days_worth_of_whole_calls_leaves_nothing_behind() {
    let calls: u64 = std::env::var("LEDGERLINE_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let mut node = Node::new();
    // A day has 86 400 s, whatever the number of calls; whatever lingers of one (32 s of transactions) is over in between.
    let gap = Duration::from_millis((86_400_000 / calls.max(1)).max(40));
    // Tables grow to their size in the first calls.
    for _ in 0..400 {
        node.call();
        node.pass(gap);
    }
    node.pass(Duration::from_secs(60));
    let before = LIVE.load(Ordering::Relaxed);
    for _ in 400..calls {
        node.call();
        node.pass(gap);
    }
    node.pass(Duration::from_secs(60));
    let grown = LIVE.load(Ordering::Relaxed) - before;
    assert!(grown.abs() < 64 << 10, "{grown} octets after {calls} calls");
    // Of eight calls six talk: in each 20 packets of sound, in three (numbers 2, 4, 6 and 8 of them: those with video) 20 of video more.
    let sound = calls / 8 * 6 * 20;
    assert!(node.passed > sound && node.kept >= node.passed, "{} passed, {} kept", node.passed, node.kept);
    assert_eq!(node.closed, node.number, "every recording is closed");
}
