//! What a relayed packet costs: in the packet logic alone, and as CPU of a worker thread on real loopback sockets, beside a
//! bare relay that does nothing but receive and send.
//!
//! `cargo bench --bench media`. The socket figures are the thread's own CPU (from /proc), not the time that passes, so the
//! generator does not count; compare them only within one run.

use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ledgerline::base::{CallId, LegId, Random, RecordingId, Time};
use ledgerline::config::BackEnd;
use ledgerline::io::clock::Clock;
use ledgerline::io::media::{Config, Plane};
use ledgerline::media::{Aim, BUFFER_SPARE, Channel, LegKey, News, Order, Trust, Wire, Worker};
use ledgerline::rtp::linear::{Decoder, ENCODED, Encoder, FRAME, LONGEST};
use ledgerline::rtp::{Codec, Format, Packet};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Calls over which the packets are spread.
const CALLS: usize = 100;

fn packet(pt: u8, n: u32) -> [u8; 172] {
    let header =
        Packet { marker: false, pt, seq: n as u16, timestamp: n * 160, ssrc: 0xa, payload: 0..0 }.header();
    let mut datagram = [0x25; 172];
    datagram[..12].copy_from_slice(&header);
    datagram
}

fn aim(rtp: SocketAddr, format: Format) -> Box<Aim> {
    let (telephone_event, trust) = (Some(Format::telephone_event(101)), Trust::Announced);
    Box::new(Aim {
        rtp,
        rtcp: None,
        formats: vec![format],
        telephone_event,
        send: true,
        receive: true,
        trust,
        secure: None,
    })
}

fn call(n: usize) -> CallId {
    CallId::from_bytes((n as u128).to_be_bytes())
}

/// Sockets that are not there.
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

/// A worker with [`CALLS`] calls whose legs have these formats; the keys of the callers' legs.
fn worker(formats: [Format; 2], tap: bool) -> (Worker, Nowhere) {
    let (mut worker, mut wire) = (Worker::new(Random::from_number(1)), Nowhere(Vec::new()));
    for n in 0..CALLS {
        let (call, a, b) = (call(n), LegId(0), LegId(1));
        let mut orders = Vec::new();
        for (leg, format) in [a, b].into_iter().zip(formats) {
            let far = SocketAddr::new(LOOPBACK, 4_000 + leg.0);
            orders.push(Order::Open { call, leg, local: LOOPBACK });
            orders.push(Order::Aim { call, leg, aim: aim(far, format) });
        }
        orders.push(Order::Join { call, a, b });
        if tap {
            let recording = RecordingId::from_bytes(call.to_bytes());
            for (leg, track) in [(a, 0), (b, 1)] {
                orders.push(Order::Tap {
                    call,
                    recording,
                    started: Time::ZERO,
                    leg,
                    track,
                    alone: track == 0,
                });
            }
        }
        for order in orders {
            worker.order(Time::ZERO, order, &mut wire);
        }
    }
    worker.settle(&mut wire);
    (worker, wire)
}

/// The packet path without sockets: 100 calls in turn, as their packets come in.
fn logic(c: &mut Criterion) {
    let mut group = c.benchmark_group("packet");
    for (name, formats, tap) in [
        ("relay", [Format::PCMA, Format::PCMA], false),
        ("relay A-law to u-law", [Format::PCMA, Format::PCMU], false),
        ("relay and tap", [Format::PCMA, Format::PCMA], true),
    ] {
        let (mut worker, mut wire) = worker(formats, tap);
        let from = SocketAddr::new(LOOPBACK, 4_000);
        let mut n = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                let (call, round) = (n % CALLS, n / CALLS);
                n += 1;
                let mut buffer = [0; 2_048 + BUFFER_SPARE];
                buffer[..172].copy_from_slice(&packet(8, round as u32));
                let now = Time::from_micros(round as u64 * 20_000 + call as u64 * 200);
                let key = wire.0[call * 2];
                let forward = worker.packet(now, key, Channel::Rtp, from, black_box(&mut buffer), 172);
                assert!(forward.is_some());
                if worker.deadline().is_some_and(|due| due <= now) {
                    worker.tick(now, &mut wire);
                    while let Some(item) = worker.poll_tap() {
                        black_box(item);
                    }
                    while worker.poll_news().is_some() {}
                }
            });
        });
    }
    group.finish();
}

const G722: Format = Format { pt: 9, codec: Codec::G722, clock: 8_000, channels: 1 };
const OPUS: Format = Format { pt: 111, codec: Codec::Opus, clock: 48_000, channels: 2 };

/// Sound beside the relay: 20 ms of each codec in and out, and of one direction of a call between two.
fn sound(c: &mut Criterion) {
    let mut group = c.benchmark_group("20 ms of sound");
    let wave = |n: usize| ((n as f64 * 0.4).sin() * 6_000.0 + (n as f64 * 0.09).sin() * 3_000.0) as i16;
    let frame: [i16; FRAME] = std::array::from_fn(wave);
    for (name, format) in [("A-law", Format::PCMA), ("G.722", G722), ("Opus", OPUS)] {
        let (mut encoder, mut decoder) =
            (Encoder::new(format.codec).unwrap(), Decoder::new(format.codec).unwrap());
        let (mut payload, mut samples) = ([0; ENCODED], [0; LONGEST]);
        let mut octets = 0;
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| octets = encoder.encode(black_box(&frame), &mut payload));
        });
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| decoder.decode(black_box(&payload[..octets]), &mut samples));
        });
    }
    for (name, to) in [("A-law to G.722", G722), ("A-law to Opus", OPUS)] {
        let (mut worker, mut wire) = worker([Format::PCMA, to], false);
        let from = SocketAddr::new(LOOPBACK, 4_000);
        let mut n = 0;
        group.bench_function(format!("relay {name}"), |b| {
            b.iter(|| {
                let (call, round) = (n % CALLS, n / CALLS);
                n += 1;
                let mut buffer = [0; 2_048 + BUFFER_SPARE];
                buffer[..172].copy_from_slice(&packet(8, round as u32));
                let now = Time::from_micros(round as u64 * 20_000 + call as u64 * 200);
                let forward = worker.packet(now, wire.0[call * 2], Channel::Rtp, from, &mut buffer, 172);
                assert!(forward.is_none(), "what is decoded goes out by the clock");
                if worker.deadline().is_some_and(|due| due <= now) {
                    worker.tick(now, &mut wire);
                    while worker.poll_news().is_some() {}
                }
            });
        });
    }
    group.finish();
}

/// CPU time of the threads of this process that have this name.
fn cpu_of(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let path = task.path();
        let comm = std::fs::read_to_string(path.join("comm")).ok()?;
        let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        (comm.trim() == name).then(|| stat.split(' ').next()?.parse::<u64>().ok())?
    });
    Duration::from_nanos(nanos.sum())
}

/// Sends `packets` to the `switch` ports in turn from the matching phones, hears them at the others, a few in flight.
struct Load {
    phones: Vec<[UdpSocket; 2]>,
    switch: Vec<SocketAddr>,
    sent: Cell<u32>,
}

impl Load {
    fn new() -> Load {
        let bind = || {
            let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            socket
        };
        let phones = (0..CALLS).map(|_| [bind(), bind()]).collect();
        Load { phones, switch: Vec::new(), sent: Cell::new(0) }
    }

    fn run(&self, packets: u64) {
        let mut buffer = [0; 2_048];
        for round in 0..packets.div_ceil(CALLS as u64) {
            let calls = CALLS.min((packets - round * CALLS as u64) as usize);
            let n = self.sent.get();
            self.sent.set(n + 1);
            for call in 0..calls {
                self.phones[call][0].send_to(&packet(8, n), self.switch[call]).unwrap();
            }
            for [_, listener] in &self.phones[..calls] {
                listener.recv(&mut buffer).expect("a packet was lost");
            }
        }
    }
}

fn measure(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    thread: &str,
    load: &Load,
) {
    group.bench_function(name, |b| {
        b.iter_custom(|packets| {
            let before = cpu_of(thread);
            load.run(packets);
            // What the worker still does after the last packet belongs to it too, but cannot be told from here.
            cpu_of(thread) - before
        });
    });
}

/// The plane with one worker on real sockets, beside the bare relay.
fn sockets(c: &mut Criterion) {
    let mut group = c.benchmark_group("loopback");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    let mut bare = Load::new();
    bare_relay(&mut bare);
    measure(&mut group, "bare relay", "bare", &bare);
    for back_end in [BackEnd::Epoll, BackEnd::IoUring] {
        for (name, connect, tap) in
            [("relay", true, false), ("relay, not connected", false, false), ("relay and tap", true, true)]
        {
            let mut load = Load::new();
            let plane = plane(&mut load, back_end, connect, tap);
            let name = format!("{name}, {}", plane.back_end());
            measure(&mut group, &name, "media-0", &load);
            drop(plane);
        }
    }
    group.finish();
}

fn plane(load: &mut Load, back_end: BackEnd, connect: bool, tap: bool) -> Plane {
    let config = Config {
        workers: 1,
        pin: false,
        ports: 62_000..=63_999,
        dscp: 46,
        connect,
        back_end,
        clock: Clock::start(),
    };
    let (plane, mut news) = Plane::start(&config, &mut Random::from_number(1), |_| true).unwrap();
    for n in 0..CALLS {
        let call = call(n);
        for leg in [LegId(0), LegId(1)] {
            match plane.order(Order::Open { call, leg, local: LOOPBACK }).unwrap() {
                Some(News::Opened { local, .. }) if leg == LegId(0) => load.switch.push(local),
                Some(News::Opened { .. }) => {}
                other => panic!("no port: {other:?}"),
            }
            let far = load.phones[n][usize::from(leg.0)].local_addr().unwrap();
            plane.order(Order::Aim { call, leg, aim: aim(far, Format::PCMA) }).unwrap();
            if tap {
                let recording = RecordingId::from_bytes(call.to_bytes());
                let (track, alone) = (leg.0 as u8, leg.0 == 0);
                plane.order(Order::Tap { call, recording, started: Time::ZERO, leg, track, alone }).unwrap();
            }
        }
        plane.order(Order::Join { call, a: LegId(0), b: LegId(1) }).unwrap();
        plane.order(Order::Report { call }).unwrap();
        let mut facts = 0;
        while facts < 2 {
            facts += usize::from(matches!(news.blocking_recv().unwrap(), News::Facts { .. }));
        }
    }
    // News are few from here on; the channel holds them.
    std::mem::forget(news);
    plane
}

/// A thread with one epoll and connected sockets that receives and sends, and nothing else: the floor.
fn bare_relay(load: &mut Load) {
    use rustix::event::epoll;
    use rustix::net::{RecvFlags, SendFlags};
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let mut sockets = Vec::new();
    for (n, [caller, callee]) in (0..).zip(&load.phones) {
        let pair = [caller, callee].map(|phone| {
            let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
            socket.connect(phone.local_addr().unwrap()).unwrap();
            socket
        });
        // Both are watched, as in a real relay: a watched socket costs a little when it sends, too.
        for (side, socket) in (0..).zip(&pair) {
            epoll::add(&epoll, socket, epoll::EventData::new_u64(n * 2 + side), epoll::EventFlags::IN)
                .unwrap();
        }
        load.switch.push(pair[0].local_addr().unwrap());
        sockets.push(pair);
    }
    let relay = move || {
        let mut buffer = [0; 2_048];
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            let mut events = [const { std::mem::MaybeUninit::uninit() }; 256];
            let (events, _) = epoll::wait(&epoll, &mut events, None).unwrap();
            for event in events {
                let token = event.data.u64() as usize;
                let pair = &sockets[token / 2];
                let (from, to) = (&pair[token % 2], &pair[1 - token % 2]);
                if let Ok((_, len)) = rustix::net::recv(from, &mut buffer, RecvFlags::DONTWAIT) {
                    let _ = rustix::net::send(to, &buffer[..len], SendFlags::DONTWAIT);
                }
            }
        }
    };
    std::thread::Builder::new().name("bare".into()).spawn(relay).unwrap();
}

criterion_group!(benches, logic, sound, sockets);
criterion_main!(benches);
