//! The packet path allocates nothing: counted, not believed.
//!
//! A file of its own because the counting allocator is the whole program's.
#![allow(unsafe_code)] // a global allocator cannot be written without; it only counts and hands on

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};

use ledgerline::base::{CallId, LegId, Random, RecordingId, Time};
use ledgerline::media::{Aim, BUFFER_SPARE, Channel, LegKey, Order, Trust, Wire, Worker};
use ledgerline::rtp::{Format, Packet};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Nowhere(Vec<LegKey>);

impl Wire for Nowhere {
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr> {
        self.0.push(key);
        Some(SocketAddr::new(local, 20_000))
    }
    fn narrow(&mut self, _: LegKey, _: Channel, _: Option<SocketAddr>) {}
    fn send(&mut self, _: LegKey, _: Channel, _: SocketAddr, _: &[u8]) {}
    fn close(&mut self, _: LegKey) {}
}

/// Allocations while 10 000 packets of 20 ms pass from one leg to the other.
fn allocations(listener: Format, recorded: bool) -> u64 {
    let (mut worker, mut wire) = (Worker::new(Random::from_number(1)), Nowhere(Vec::new()));
    let (call, local) = (CallId::from_bytes([1; 16]), IpAddr::from([127, 0, 0, 1]));
    let far = SocketAddr::new(local, 4_000);
    for (leg, format) in [(LegId(0), Format::PCMA), (LegId(1), listener)] {
        let aim = Aim {
            rtp: far,
            rtcp: None,
            formats: vec![format],
            telephone_event: Some(Format::telephone_event(101)),
            send: true,
            receive: true,
            trust: Trust::Announced,
            secure: None,
        };
        worker.order(Time::ZERO, Order::Open { call, leg, local }, &mut wire);
        worker.order(Time::ZERO, Order::Aim { call, leg, aim: Box::new(aim) }, &mut wire);
        if recorded {
            let recording = RecordingId::from_bytes([2; 16]);
            let tap = Order::Tap {
                call,
                recording,
                started: Time::ZERO,
                leg,
                track: leg.0 as u8,
                alone: leg.0 == 0,
            };
            worker.order(Time::ZERO, tap, &mut wire);
        }
    }
    worker.order(Time::ZERO, Order::Join { call, a: LegId(0), b: LegId(1) }, &mut wire);
    let mut buffer = [0; 2_048 + BUFFER_SPARE];
    let mut before = 0;
    for n in 0..10_100u32 {
        if n == 100 {
            before = ALLOCATIONS.get();
        }
        // Sound, with a key now and then (the same press, so it is told once).
        let (pt, payload) = if n % 50 == 7 { (101, &[5, 10, 0, 160][..]) } else { (8, &[0x25; 160][..]) };
        let timestamp = if pt == 101 { 7 } else { n * 160 };
        let header = Packet { marker: false, pt, seq: n as u16, timestamp, ssrc: 1, payload: 0..0 }.header();
        buffer[..12].copy_from_slice(&header);
        buffer[12..12 + payload.len()].copy_from_slice(payload);
        let now = Time::from_millis(u64::from(n) * 20);
        let forward = worker.packet(now, wire.0[0], Channel::Rtp, far, &mut buffer, 12 + payload.len());
        assert!(forward.is_some(), "packet {n} is not relayed");
        worker.settle(&mut wire);
        if worker.deadline().is_some_and(|due| due <= now) {
            worker.tick(now, &mut wire);
        }
        while worker.poll_news().is_some() {}
        while worker.poll_tap().is_some() {}
    }
    ALLOCATIONS.get() - before
}

#[test]
fn a_relayed_packet_allocates_nothing_and_a_recorded_one_a_batch_in_five() {
    assert_eq!(allocations(Format::PCMA, false), 0);
    assert_eq!(allocations(Format::PCMU, false), 0);
    let recorded = allocations(Format::PCMA, true);
    assert!((1_900..=2_100).contains(&recorded), "{recorded} allocations for 2 000 batches");
}
