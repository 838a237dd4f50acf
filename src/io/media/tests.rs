//! The plane on real sockets: loopback, both families, connected and not.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ring::Ring;
use super::*;
use crate::base::{CallId, LegId, RecordingId, Time};
use crate::config::BackEnd;
use crate::media::{Aim, LegFacts, Sound, Trust};
use crate::rtp::{Format, Packet};

const A: LegId = LegId(0);
const B: LegId = LegId(1);

/// Every test, over each way to the kernel. io_uring needs Linux 6.1, and a system that allows it.
macro_rules! over_both {
    ($($test:ident),* $(,)?) => {
        mod over_epoll {
            $(#[test] fn $test() { super::$test(super::BackEnd::Epoll) })*
        }
        mod over_io_uring {
            $(#[test] fn $test() {
                match super::Ring::new(2_048, 0) {
                    Ok(_) => super::$test(super::BackEnd::IoUring),
                    Err(error) => eprintln!("skipped: no io_uring here: {error}"),
                }
            })*
        }
    };
}

over_both! {
    two_phones_talk_and_a_third_is_neither_heard_nor_told,
    ports_run_out_and_come_back,
    a_tone_is_played_in_time_and_keys_are_told,
    a_new_aim_moves_a_connected_leg,
    a_core_that_does_not_read_is_told_what_it_missed,
    a_leg_that_opens_twice_keeps_its_ports,
}

#[test]
fn a_ring_lends_the_kernel_more_buffers_when_they_run_out() {
    let Ok(mut ring) = Ring::new(2_048, 0) else { return eprintln!("skipped: no io_uring here") };
    let (here, there) = (bind([127, 0, 0, 1].into()), bind([127, 0, 0, 1].into()));
    for n in 0..100u8 {
        there.send_to(&[n], here.local_addr().unwrap()).unwrap();
    }
    let (mut got, mut starved) = (Vec::new(), 0);
    ring.receive(here.as_fd(), 7).unwrap();
    while got.len() < 100 {
        ring.wait(Some(Duration::from_secs(5)), 1).unwrap();
        while let Some(done) = ring.next() {
            got.extend(done.buffer.map(|buffer| ring.buffer(buffer).unwrap()[0]));
            if done.starved() {
                starved += 1;
                ring.lend_more();
            }
            if !done.more {
                ring.receive(here.as_fd(), 7).unwrap();
            }
        }
    }
    // No buffer was given back: the first 64 were not enough, and doubled they were.
    assert_eq!((got, starved), ((0..100).collect(), 1));
}

/// A plane, and what it told that nobody asked for yet.
struct Node {
    plane: Plane,
    news: mpsc::Receiver<News>,
    runtime: tokio::runtime::Runtime,
    kept: Arc<Mutex<Vec<TapItem>>>,
    local: IpAddr,
}

impl Node {
    fn start(back_end: BackEnd, local: &str, ports: RangeInclusive<u16>, connect: bool) -> Node {
        let config =
            Config { workers: 2, pin: true, ports, dscp: 46, connect, back_end, clock: Clock::start() };
        let kept = Arc::new(Mutex::new(Vec::new()));
        let tap = {
            let kept = Arc::clone(&kept);
            move |item| {
                kept.lock().unwrap().push(item);
                true
            }
        };
        let (plane, news) = Plane::start(&config, &mut Random::from_number(1), tap).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Node { plane, news, runtime, kept, local: local.parse().unwrap() }
    }

    fn order(&self, order: Order) {
        assert_eq!(self.plane.order(order).unwrap(), None);
    }

    /// The next news that `wanted` wants; the others are dropped.
    fn wait<T>(&mut self, mut wanted: impl FnMut(News) -> Option<T>) -> T {
        let news = &mut self.news;
        self.runtime.block_on(async {
            let found = async {
                loop {
                    if let Some(found) = wanted(news.recv().await.unwrap()) {
                        return found;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(10), found).await.expect("the news do not come")
        })
    }

    /// Ports come back when the kernel has let go of them, which may be a moment after the call's end.
    fn wait_for_ports(&self, free: usize) {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while self.plane.free_ports() != free {
            assert!(std::time::Instant::now() < deadline, "{} ports are free", self.plane.free_ports());
            std::thread::yield_now();
        }
    }

    fn open(&mut self, call: CallId, leg: LegId) -> Option<SocketAddr> {
        match self.plane.order(Order::Open { call, leg, local: self.local }).unwrap() {
            Some(News::Opened { call: of, leg: opened, local }) if (of, opened) == (call, leg) => Some(local),
            Some(News::NoPort { call: of, leg: closed }) if (of, closed) == (call, leg) => None,
            other => panic!("{other:?}"),
        }
    }

    /// A leg aimed at a phone of its own.
    fn phone(&mut self, call: CallId, leg: LegId) -> Phone {
        let switch = self.open(call, leg).unwrap();
        let socket = bind(self.local);
        let aim = Aim {
            rtp: socket.local_addr().unwrap(),
            rtcp: None,
            formats: vec![Format::PCMU],
            telephone_event: Some(Format::telephone_event(101)),
            send: true,
            receive: true,
            trust: Trust::Announced,
            secure: None,
        };
        self.order(Order::Aim { call, leg, aim: Box::new(aim) });
        self.facts(call, leg);
        Phone { socket, switch }
    }

    /// What is counted on a leg by now; all orders given before are carried out.
    fn facts(&mut self, call: CallId, leg: LegId) -> LegFacts {
        self.order(Order::Report { call });
        let mut last = None;
        self.wait(|news| {
            match news {
                News::Facts { leg: of, facts, .. } if of == leg => last = Some(*facts),
                News::Reported { .. } => return Some(()),
                News::Opened { .. } => panic!("told twice"),
                _ => {}
            }
            None
        });
        last.unwrap()
    }
}

fn a_leg_that_opens_twice_keeps_its_ports(back_end: BackEnd) {
    let mut node = Node::start(back_end, "127.0.0.1", ports(back_end, 5), true);
    let first = node.open(call(1), A).unwrap();
    assert_ne!(node.open(call(1), A), Some(first), "the plane cannot know");
    node.order(Order::Report { call: call(1) });
    let again = node.wait(|news| match news {
        News::Opened { local, .. } => Some(local),
        _ => None,
    });
    assert_eq!(again, first, "the worker does, and has the last word");
    node.wait_for_ports(4);
}

/// The n-th ten ports of this process for a back end: above the kernel's own, and apart from other runs on the machine.
fn ports(back_end: BackEnd, n: u16) -> RangeInclusive<u16> {
    let half = if back_end == BackEnd::Epoll { 0 } else { 6 };
    let first = 61_000 + (std::process::id() % 33) as u16 * 120 + (half + n) * 10;
    first..=first + 9
}

struct Phone {
    socket: UdpSocket,
    switch: SocketAddr,
}

impl Phone {
    fn says(&self, n: u32, octet: u8) {
        self.socket.send_to(&rtp(0, n, u32::from(octet), &[octet; 160]), self.switch).unwrap();
    }

    fn hears(&self) -> Option<(Packet, Vec<u8>)> {
        let mut buffer = [0; 2_048];
        // An io_uring that this thread made and dropped may still have the kernel's work done here, which interrupts.
        let (len, from) = loop {
            match self.socket.recv_from(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.ok()?,
            }
        };
        assert_eq!(from, self.switch, "symmetric RTP");
        let packet = Packet::read(&buffer[..len]).unwrap();
        let payload = buffer[packet.payload.clone()].to_vec();
        Some((packet, payload))
    }
}

fn bind(local: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((local, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn rtp(pt: u8, n: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let packet = Packet { marker: n == 0, pt, seq: n as u16, timestamp: n * 160, ssrc, payload: 0..0 };
    [&packet.header()[..], payload].concat()
}

fn call(number: u8) -> CallId {
    CallId::from_bytes([number; 16])
}

fn two_phones_talk_and_a_third_is_neither_heard_nor_told(back_end: BackEnd) {
    for (local, connect) in [("127.0.0.1", true), ("127.0.0.1", false), ("::1", true)] {
        let mut node = Node::start(back_end, local, ports(back_end, 0), connect);
        let (alice, bob) = (node.phone(call(1), A), node.phone(call(1), B));
        let forger = bind(node.local);
        node.order(Order::Join { call: call(1), a: A, b: B });
        let started = Time::ZERO;
        for (leg, track) in [(A, 0), (B, 1)] {
            let recording = RecordingId::from_bytes([7; 16]);
            node.order(Order::Tap { call: call(1), recording, started, leg, track, alone: track == 0 });
        }
        node.facts(call(1), B);
        for n in 0..200 {
            for leg in [&alice, &bob] {
                forger.send_to(&rtp(0, n, 0xa, &[66; 160]), leg.switch).unwrap();
                let report = SocketAddr::new(leg.switch.ip(), leg.switch.port() + 1);
                forger.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 0xa], report).unwrap();
            }
            alice.says(n, 0xa);
            bob.says(n, 0xb);
            for (phone, octet) in [(&alice, 0xb), (&bob, 0xa)] {
                let (packet, payload) = phone.hears().expect("nothing is heard");
                assert_eq!((packet.pt, packet.marker, payload), (0, n == 0, vec![octet; 160]), "{local} {n}");
            }
        }
        forger.set_nonblocking(true).unwrap();
        // A refusal by the kernel (ICMP) is all that a forger may get.
        let heard = forger.recv(&mut [0; 2_048]);
        assert!(heard.is_err(), "the forger heard something");
        let facts = node.facts(call(1), A);
        assert_eq!((facts.packets_in, facts.packets_out, facts.lost), (200, 200, 0));
        assert_eq!(facts.rejected, if connect { 0 } else { 400 }, "{local}");
        node.order(Order::End { call: call(1) });
        node.wait(|news| matches!(news, News::Ended { .. }).then_some(()));
        node.wait_for_ports(5);
        drop(node.plane);
        let frames: usize = node
            .kept
            .lock()
            .unwrap()
            .iter()
            .map(|item| match item {
                TapItem::Batch(batch) => {
                    batch.frames().inspect(|frame| assert_ne!(frame.payload[0], 66)).count()
                }
                TapItem::Ended { .. } => 0,
            })
            .sum();
        assert_eq!(frames, 400, "{local}");
    }
}

fn ports_run_out_and_come_back(back_end: BackEnd) {
    // Another program sits on the RTCP port of the second pair.
    let first = *ports(back_end, 1).start();
    let squatter = UdpSocket::bind(("127.0.0.1", first + 3)).unwrap();
    let mut node = Node::start(back_end, "127.0.0.1", first..=first + 7, true);
    let opened: Vec<_> = (0..4).map(|leg| node.open(call(1), LegId(leg))).collect();
    assert_eq!(
        opened.iter().flatten().map(SocketAddr::port).collect::<Vec<_>>(),
        [first, first + 4, first + 6]
    );
    assert_eq!(opened[3], None);
    assert_eq!(node.open(call(2), A), None, "one pool for all workers");
    node.order(Order::End { call: call(1) });
    node.wait(|news| matches!(news, News::Ended { .. }).then_some(()));
    drop(squatter);
    node.wait_for_ports(4);
    for n in 0..4 {
        assert!(node.open(call(10 + n), A).is_some());
    }
    assert_eq!(node.plane.workers().iter().filter(|worker| worker.alive).count(), 2);
}

fn a_tone_is_played_in_time_and_keys_are_told(back_end: BackEnd) {
    let mut node = Node::start(back_end, "127.0.0.1", ports(back_end, 2), true);
    let alice = node.phone(call(1), A);
    let began = std::time::Instant::now();
    let sounds = vec![Sound::Silence(Duration::from_millis(400))];
    node.order(Order::Play { call: call(1), leg: A, play: 5, sounds, repeat: false });
    let stamps: Vec<u32> = (0..20).map(|_| alice.hears().expect("a frame").0.timestamp).collect();
    let took = began.elapsed();
    assert!(stamps.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(160)));
    assert!(took >= Duration::from_millis(375), "faster than sound: {took:?}");
    node.wait(|news| matches!(news, News::Played { play: 5, whole: true, .. }).then_some(()));
    for n in 0..7 {
        let event = [5, if n > 3 { 0x8a } else { 0x0a }, 0, 160];
        let packet = Packet { marker: n == 0, pt: 101, seq: n, timestamp: 800, ssrc: 1, payload: 0..0 };
        alice.socket.send_to(&[&packet.header()[..], &event].concat(), alice.switch).unwrap();
    }
    let key = node.wait(|news| match news {
        News::Key { key, .. } => Some(key),
        _ => None,
    });
    assert_eq!((key, node.facts(call(1), A).keys), ('5', 1));
}

fn a_new_aim_moves_a_connected_leg(back_end: BackEnd) {
    let mut node = Node::start(back_end, "127.0.0.1", ports(back_end, 3), true);
    let (alice, bob) = (node.phone(call(1), A), node.phone(call(1), B));
    node.order(Order::Join { call: call(1), a: A, b: B });
    node.facts(call(1), B);
    alice.says(0, 1);
    bob.hears().expect("Alice is heard");
    let moved = Phone { socket: bind(node.local), switch: alice.switch };
    let aim = Aim {
        rtp: moved.socket.local_addr().unwrap(),
        rtcp: None,
        formats: vec![Format::PCMU],
        telephone_event: None,
        send: true,
        receive: true,
        trust: Trust::Announced,
        secure: None,
    };
    node.order(Order::Aim { call: call(1), leg: A, aim: Box::new(aim) });
    node.facts(call(1), B);
    alice.says(1, 1);
    moved.says(2, 2);
    assert_eq!(bob.hears().map(|heard| heard.1[0]), Some(2), "the old port still speaks");
    bob.says(0, 3);
    assert_eq!(moved.hears().map(|heard| heard.1[0]), Some(3));
}

fn a_core_that_does_not_read_is_told_what_it_missed(back_end: BackEnd) {
    let mut node = Node::start(back_end, "127.0.0.1", ports(back_end, 4), true);
    node.open(call(1), A);
    let reports = bounds::MEDIA_NEWS + bounds::MEDIA_NEWS_KEPT + 1_000;
    let mut given = 0;
    while given < reports {
        match node.plane.order(Order::Report { call: call(1) }) {
            Ok(_) => given += 1,
            Err(Full(order)) => {
                assert_eq!(order.call(), Some(call(1)), "a refused order comes back");
                std::thread::yield_now();
            }
        }
    }
    // Nothing was read so far; the worker still carries orders out.
    while node.plane.order(Order::End { call: call(1) }).is_err() || node.plane.free_ports() < 5 {
        std::thread::yield_now();
    }
    let mut facts = 0;
    let missed = node.wait(|news| match news {
        News::Facts { .. } => {
            facts += 1;
            None
        }
        News::Missed { news } => Some(news as usize),
        _ => None,
    });
    assert!(missed > 0 && facts + missed >= reports, "{facts} told, {missed} missed of {reports}");
}
