//! Whole calls and registrations through the core, without a socket: what signalling costs before the kernel's share.
//!
//! The phones are as thin as they can be: they cut what they need out of the switch's own messages. Time is virtual and passes
//! between calls, so that transactions linger and alarms ring as they do at the stated rate.
//!
//! On a machine that others use too, instructions are counted in place of seconds: `LEDGERLINE_CALLS=20000` (or
//! `LEDGERLINE_REGISTRATIONS`) makes so many and nothing else, for `perf stat -e instructions:u` and `perf record`.
//! `LEDGERLINE_HELD=1000` has so many calls talk at once and prints what one holds of the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group};
use ledgerline::base::{Secret, Time, Wall};
use ledgerline::media::{self, Order};
use ledgerline::plan::{self, Folder};
use ledgerline::registrar::{Account, Algorithm, Directory, Rules};
use ledgerline::sip::{Flow, Transport};
use ledgerline::switch::{Input, Limits, Output, Setup, Switch};
use md5::{Digest, Md5};

/// 1 000 calls a second: some 100 000 transactions are alive.
const BETWEEN_CALLS: Duration = Duration::from_millis(1);

const PLAN: &str = "edition 2026\nmodule bench\nroute \"8XXX\" from users -> dial user {callee} for 20s\n";

const SWITCH: &str = "192.0.2.1:5060";
const ALICE: &str = "192.0.2.11:5060";
const BOB: &str = "192.0.2.12:5060";

struct World {
    switch: Switch,
    now: Time,
    number: u64,
    /// What the switch sent, newest last: to whom, and what.
    sent: Vec<(SocketAddr, String)>,
}

impl World {
    fn new() -> World {
        let sources = Folder::new().with_plan("bench.plan", PLAN);
        let (program, found) = plan::load(&sources, &["bench.plan"]);
        let program = program.unwrap_or_else(|| panic!("{found:?}"));
        let account = |name: &str, number: &str| {
            let mut account = Account::new(name, "bench", &Secret::new("secret".to_string()));
            account.numbers.push(number.to_string());
            account
        };
        let directory =
            Directory::new([account("alice", "8001"), account("bob", "8002")]).expect("two accounts");
        let setup = Setup {
            limits: Limits::default(),
            settings: Default::default(),
            registrar: Rules::default(),
            kept: Vec::new(),
            digest: Algorithm::DEFAULT.to_vec(),
            node: "bench".into(),
            realm: "bench".into(),
            media_address: None,
            manner: Default::default(),
            seed: [7; 32],
            wall: Wall::from_micros(1_800_000_000_000_000),
            program,
            directory: Arc::new(directory),
            presence: Default::default(),
            features: Default::default(),
        };
        let switch = Switch::new(Time::ZERO, setup);
        let mut world = World { switch, now: Time::ZERO, number: 0, sent: Vec::new() };
        world.register("alice", ALICE);
        world.register("bob", BOB);
        world
    }

    /// Gives the switch a message; what it wants of the media plane happens at once.
    fn say(&mut self, from: &str, text: String) {
        let flow = Flow {
            transport: Transport::Udp,
            local: SWITCH.parse().expect("an address"),
            remote: from.parse().expect("an address"),
            connection: 0,
        };
        self.give(Input::Message { flow, raw: Bytes::from(text) });
    }

    fn give(&mut self, input: Input) {
        self.switch.handle(self.now, input);
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    let text = String::from_utf8(bytes.to_vec()).expect("the switch writes UTF-8");
                    self.sent.push((flow.remote, text));
                }
                Output::Media(Order::Open { call, leg, .. }) => {
                    let local = SocketAddr::new([192, 0, 2, 1].into(), 20_000 + u16::from(leg.0 > 0) * 2);
                    self.switch.handle(self.now, Input::Media(media::News::Opened { call, leg, local }));
                }
                Output::Media(Order::End { call }) => {
                    self.switch.handle(self.now, Input::Media(media::News::Ended { call }));
                }
                other => drop(black_box(other)),
            }
        }
    }

    /// The next thing that the switch said to `to` and that begins so.
    fn heard(&mut self, to: &str, start: &str) -> String {
        let to: SocketAddr = to.parse().expect("an address");
        let at = self.sent.iter().position(|(whom, text)| *whom == to && text.starts_with(start));
        self.sent.swap_remove(at.unwrap_or_else(|| panic!("no {start} in {:#?}", self.sent))).1
    }

    /// Lets time pass as it does between calls, with everything that falls due.
    fn rest(&mut self) {
        self.sent.clear();
        self.now = self.now + BETWEEN_CALLS;
        while self.switch.deadline().is_some_and(|due| due <= self.now) {
            self.switch.tick(self.now);
            while let Some(output) = self.switch.poll() {
                drop(black_box(output));
            }
        }
    }

    fn register(&mut self, user: &str, at: &str) {
        self.number += 1;
        let number = self.number;
        let request = |cseq: u32, proof: &str| {
            format!(
                "REGISTER sip:bench SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKr{number}-{cseq}\r\nMax-Forwards: 70\r\n\
                 From: <sip:{user}@bench>;tag=r{number}\r\nTo: <sip:{user}@bench>\r\nCall-ID: r-{user}\r\n\
                 CSeq: {} REGISTER\r\nContact: <sip:{user}@{at}>\r\nExpires: 3600\r\n{proof}Content-Length: 0\r\n\r\n",
                number * 2 + u64::from(cseq)
            )
        };
        self.say(at, request(1, ""));
        let proof = proof(&self.heard(at, "SIP/2.0 401"), user, "REGISTER", "sip:bench");
        self.say(at, request(2, &proof));
        self.heard(at, "SIP/2.0 200");
    }

    /// INVITE, challenge, INVITE, the far phone rings and answers, ACK, BYE: 17 messages.
    fn call(&mut self) {
        let talk = self.talk();
        self.hang_up(&talk);
        assert_eq!(self.switch.calls(), 0, "the call is over");
    }

    /// A call up to where both talk.
    fn talk(&mut self) -> Talk {
        self.number += 1;
        let number = self.number;
        let alice = |method: &str, uri: &str, cseq, branch: &str, to_tag: &str, more: &str, body: &str| {
            from_alice(number, method, uri, cseq, branch, to_tag, more, body)
        };
        let offer = sdp(ALICE, 30_000);
        let typed = "Content-Type: application/sdp\r\n";
        self.say(ALICE, alice("INVITE", "sip:8002@bench", 1, "a", "", typed, &offer));
        let asked = self.heard(ALICE, "SIP/2.0 401");
        self.say(ALICE, alice("ACK", "sip:8002@bench", 1, "a", &tag(&asked), "", ""));
        let proof = proof(&asked, "alice", "INVITE", "sip:8002@bench") + typed;
        self.say(ALICE, alice("INVITE", "sip:8002@bench", 2, "b", "", &proof, &offer));

        let rung = self.heard(BOB, "INVITE");
        self.say(BOB, answer(&rung, "180 Ringing", number, ""));
        self.say(BOB, answer(&rung, "200 OK", number, &sdp(BOB, 31_000)));
        self.heard(BOB, "ACK");
        let accepted = self.heard(ALICE, "SIP/2.0 200");
        let target =
            field(&accepted, "Contact").trim_start_matches('<').split('>').next().expect("a URI").to_string();
        self.say(ALICE, alice("ACK", &target, 2, "c", &tag(&accepted), "", ""));
        Talk { number, target, to_tag: tag(&accepted) }
    }

    /// Its end.
    fn hang_up(&mut self, talk: &Talk) {
        let Talk { number, target, to_tag } = talk;
        self.say(ALICE, from_alice(*number, "BYE", target, 3, "d", to_tag, "", ""));
        self.heard(ALICE, "SIP/2.0 200");
        let left = self.heard(BOB, "BYE");
        self.say(BOB, answer(&left, "200 OK", *number, ""));
    }
}

/// What Alice needs to end a call.
struct Talk {
    number: u64,
    target: String,
    to_tag: String,
}

#[allow(clippy::too_many_arguments)]
fn from_alice(
    number: u64,
    method: &str,
    uri: &str,
    cseq: u32,
    branch: &str,
    to_tag: &str,
    more: &str,
    body: &str,
) -> String {
    let length = body.len();
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bKc{number}{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@bench>;tag=a{number}\r\nTo: <sip:8002@bench>{to_tag}\r\nCall-ID: c{number}@bench\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:alice@{ALICE}>\r\nUser-Agent: bench\r\n{more}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn sdp(at: &str, port: u16) -> String {
    let ip = at.split(':').next().expect("an address");
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    )
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

/// Bob's answer to a request.
fn answer(request: &str, status: &str, number: u64, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().filter(|line| line.starts_with("Via:")) {
        let _ = write!(text, "{line}\r\n");
    }
    let to_tag = if tag(request).is_empty() { format!(";tag=b{number}") } else { String::new() };
    let typed = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let _ = write!(
        text,
        "From: {}\r\nTo: {}{to_tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:bob@{BOB}>\r\n{typed}\
         Content-Length: {}\r\n\r\n{body}",
        field(request, "From"),
        field(request, "To"),
        field(request, "Call-ID"),
        field(request, "CSeq"),
        body.len()
    );
    text
}

/// An Authorization field for the MD5 challenge of a 401: what most phones send.
fn proof(challenge: &str, user: &str, method: &str, uri: &str) -> String {
    let offered = challenge.lines().find(|line| line.contains("algorithm=MD5")).expect("MD5 is offered");
    let nonce = offered.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce");
    let hash =
        |text: String| Md5::digest(text).iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let (ha1, ha2) = (hash(format!("{user}:bench:secret")), hash(format!("{method}:{uri}")));
    let response = hash(format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"bench\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, cnonce=\"c0ffee\", qop=auth, nc=00000001\r\n"
    )
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core");
    group.throughput(Throughput::Elements(1));
    let mut world = World::new();
    group.bench_function("call", |bench| {
        bench.iter(|| {
            world.call();
            world.rest();
        });
    });
    let mut world = World::new();
    group.bench_function("registration", |bench| {
        bench.iter(|| {
            world.register("alice", ALICE);
            world.rest();
        });
    });
    group.finish();
}

/// Makes a number of calls or registrations, if the environment asks for it.
fn counted() -> bool {
    let wanted = |name| std::env::var(name).ok().and_then(|n: String| n.parse::<u32>().ok());
    let turns: [(_, fn(&mut World)); 2] = [
        ("LEDGERLINE_CALLS", World::call),
        ("LEDGERLINE_REGISTRATIONS", |world| world.register("alice", ALICE)),
    ];
    let mut any = false;
    for (name, turn) in turns {
        let mut world = World::new();
        for _ in 0..wanted(name).unwrap_or(0) {
            turn(&mut world);
            world.rest();
            any = true;
        }
    }
    if let Some(many) = wanted("LEDGERLINE_HELD").filter(|many| *many > 0) {
        held(many);
        any = true;
    }
    any
}

/// Has `many` calls talk at once and prints what one holds: when it has just been answered, when its transactions are over, and
/// when all have ended.
fn held(many: u32) {
    let mut world = World::new();
    let before = HEAP.load(Ordering::Relaxed);
    let print = |when: &str| {
        let held = HEAP.load(Ordering::Relaxed).saturating_sub(before);
        println!("{when}: {} octets of heap a call", held / u64::from(many) as usize);
    };
    let talks: Vec<Talk> = (0..many)
        .map(|_| {
            let talk = world.talk();
            world.rest();
            talk
        })
        .collect();
    print("answered");
    world.now = world.now + Duration::from_secs(60);
    world.rest();
    print("a minute later");
    for talk in &talks {
        world.hang_up(talk);
        world.rest();
    }
    drop(talks);
    print("ended");
    world.now = world.now + Duration::from_secs(60);
    world.rest();
    print("a minute later");
}

/// Octets of heap in use.
static HEAP: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[allow(unsafe_code)]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HEAP.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HEAP.fetch_add(size, Ordering::Relaxed);
        HEAP.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

criterion_group!(benches, calls);

fn main() {
    if !counted() {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
