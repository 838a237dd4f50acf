//! A day's worth of calls through one media worker, with a clock that runs as fast as it can: what one call held is given back, whatever it
//! did, so that memory stays flat.
//!
//! A file of its own because the counting allocator is the whole program's. `LEDGERLINE_SOAK=N` takes N calls.
#![allow(unsafe_code)] // a global allocator cannot be written without; it only counts and hands on

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use ledgerline::base::{CallId, LegId, Random, RecordingId, Time};
use ledgerline::media::{
    Aim, BUFFER_SPARE, Channel, FeedId, FeedRate, LegKey, Order, Role, Sound, Tone, Trust, Wire, Worker,
};
use ledgerline::rtp::{Format, Packet};

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

/// Sockets that swallow, and remember only who is open.
#[derive(Default)]
struct Nowhere {
    opened: Vec<LegKey>,
    open: isize,
    sent: u64,
}

impl Wire for Nowhere {
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr> {
        self.opened.push(key);
        self.open += 1;
        Some(SocketAddr::new(local, 20_000))
    }
    fn narrow(&mut self, _: LegKey, _: Channel, _: Option<SocketAddr>) {}
    fn send(&mut self, _: LegKey, _: Channel, _: SocketAddr, _: &[u8]) {
        self.sent += 1;
    }
    fn close(&mut self, _: LegKey) {
        self.open -= 1;
    }
}

struct Node {
    worker: Worker,
    wire: Nowhere,
    now: Time,
}

impl Node {
    fn order(&mut self, order: Order) {
        self.worker.order(self.now, order, &mut self.wire);
    }

    /// One call from its first order to its end. What it does depends on its number.
    fn call(&mut self, n: u64) {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let (call, recording) = (CallId::from_bytes(id), RecordingId::from_bytes(id));
        let (local, far) = (IpAddr::from([127, 0, 0, 1]), SocketAddr::from(([127, 0, 0, 1], 4_000)));
        let (a, b) = (LegId(0), LegId(1));
        let wide = Format::from_rtpmap(if n.is_multiple_of(10) { "96 opus/48000/2" } else { "9 G722/8000" });
        let listener = if n.is_multiple_of(3) { wide.expect("a format") } else { Format::PCMA };
        self.wire.opened.clear();
        for (leg, format) in [(a, Format::PCMA), (b, listener)] {
            let aim = Aim {
                rtp: far,
                rtcp: None,
                formats: vec![format],
                telephone_event: (!n.is_multiple_of(5)).then(|| Format::telephone_event(101)),
                send: true,
                receive: true,
                trust: Trust::Announced,
                secure: None,
            };
            self.order(Order::Open { call, leg, local });
            self.order(Order::Aim { call, leg, aim: Box::new(aim) });
            let (started, alone) = (self.now, leg == a);
            self.order(Order::Tap { call, recording, started, leg, track: leg.0 as u8, alone });
        }
        let keys: Vec<LegKey> = self.wire.opened.clone();
        match n % 6 {
            1 => {
                let sounds = vec![Sound::Tone(Tone::RingBack)];
                self.order(Order::Play { call, leg: a, play: 1, sounds, repeat: true });
            }
            2 => {
                for leg in [a, b] {
                    self.order(Order::Mix { call, leg, role: Role::Party });
                }
                self.order(Order::Announce { call, play: 2, sounds: vec![Sound::Tone(Tone::Beep)] });
            }
            _ => self.order(Order::Join { call, a, b }),
        }
        match n % 7 {
            1 => self.order(Order::Feed { call, leg: a, feed: FeedId(n), rate: FeedRate::Wide }),
            2 => self.order(Order::Delay { call, leg: a, delay: Duration::from_millis(400) }),
            3 => self.order(Order::Keys { call, leg: b, keys: "12#".into() }),
            4 => self.order(Order::Mute { call, leg: a, muted: true }),
            _ => {}
        }
        self.talk(&keys);
        self.order(Order::End { call });
        self.drain();
    }

    /// Both sides speak for a quarter of a second.
    fn talk(&mut self, keys: &[LegKey]) {
        let far = SocketAddr::from(([127, 0, 0, 1], 4_000));
        let mut buffer = [0; 172 + BUFFER_SPARE];
        for n in 0..12u32 {
            for key in keys {
                let header = Packet {
                    marker: n == 0,
                    pt: 8,
                    seq: n as u16,
                    timestamp: n * 160,
                    ssrc: 1,
                    payload: 0..0,
                };
                buffer[..12].copy_from_slice(&header.header());
                buffer[12..172].fill(0x25);
                self.worker.packet(self.now, *key, Channel::Rtp, far, &mut buffer, 172);
            }
            self.now = self.now + Duration::from_millis(20);
            while self.worker.deadline().is_some_and(|due| due <= self.now) {
                self.worker.tick(self.now, &mut self.wire);
            }
            self.worker.settle(&mut self.wire);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while self.worker.poll_news().is_some() {}
        while self.worker.poll_tap().is_some() {}
        while self.worker.poll_feed().is_some() {}
    }
}

#[test]
fn a_days_worth_of_calls_leaves_nothing_behind() {
    let calls: u64 = std::env::var("LEDGERLINE_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(2_500);
    let worker = Worker::new(Random::from_number(1));
    let mut node = Node { worker, wire: Nowhere::default(), now: Time::from_millis(1) };
    // Tables grow to their size, and prompts and tones are made, in the first calls.
    (0..420).for_each(|n| node.call(n));
    let before = LIVE.load(Ordering::Relaxed);
    for n in 420..calls {
        node.call(n);
        // A day has 86 400 s, whatever the number of calls.
        node.now = node.now + Duration::from_millis(86_400_000 / calls);
    }
    let grown = LIVE.load(Ordering::Relaxed) - before;
    assert_eq!((node.worker.legs(), node.wire.open), (0, 0), "every leg and every port is given back");
    assert!(node.wire.sent > calls, "sound was made");
    assert!(grown.abs() < 16_384, "{grown} octets after {calls} calls");
}
