//! `kill -9` at random moments of a process that records: what it was told to be durable is there, the rest lacks at
//! most 0.3 s, every file opens and verifies as "ended by crash". `LEDGERLINE_KILLS` sets the number of kills.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ledgerline::base::{CallId, Masked, Random, RecordingId, Wall};
use ledgerline::io::store::{Options, Store};
use ledgerline::vault::{Batch, Ended, Frame, News, Opening, Order, Query, Scope, TapItem};

/// Set for the process that is killed: the folder of its store.
const CHILD: &str = "LEDGERLINE_KILL_CHILD";
/// Packets of 20 ms that may be missing from each track: 0.3 s.
const TAIL: u64 = 15;
const RECORDINGS: u64 = 3;

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD) {
        record_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    Store::create(folder.path(), &Options::default()).expect("a new store");
    let kills = std::env::var("LEDGERLINE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(6);
    let mut random = Random::from_number(u64::from(std::process::id()));
    let mut all = 0;
    for kill in 0..kills {
        let after = Duration::from_millis(300 + random.below(1_200));
        let told = run_and_kill(folder.path(), after);
        all += told.len();
        check(folder.path(), &told, kill);
    }
    assert!(all > 0, "something was recorded before the kills");
}

/// Per recording: packets handed over, packets acknowledged (of each track).
type Told = BTreeMap<RecordingId, (u64, u64)>;

fn run_and_kill(folder: &Path, after: Duration) -> Told {
    let mut child = Command::new(std::env::current_exe().expect("ours"))
        .args(["--exact", "a_killed_process_loses_nothing_that_was_acknowledged", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (sender, receiver) = channel();
    let reader = std::thread::spawn(move || {
        let mut told = Told::new();
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            let ["sent" | "acked", id, count] = words[..] else { continue };
            let entry = told.entry(id.parse().expect("an id")).or_default();
            let count = count.parse().expect("a number");
            *(if words[0] == "sent" { &mut entry.0 } else { &mut entry.1 }) = count;
            let _ = sender.send(());
        }
        told
    });
    // The time runs from the first packet, however long the start took.
    receiver.recv_timeout(Duration::from_secs(60)).expect("it records");
    let until = Instant::now() + after;
    while Instant::now() < until {
        let _ = receiver.recv_timeout(until - Instant::now());
    }
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    reader.join().expect("it reads")
}

fn check(folder: &Path, told: &Told, kill: usize) {
    let store = Store::open_stopped(folder, &Options::default()).expect("opens");
    let report = store.verify(Scope::All).expect("readable");
    assert_eq!(report.findings, [], "kill {kill}");
    store.settle();
    let found = store.search(&Query { limit: 10_000, ..Query::default() }).expect("an index");
    for (id, (sent, acked)) in told {
        let record = store.show(*id).expect("it opens");
        assert_eq!(record.row.ended, Some(Ended::ByCrash), "kill {kill}");
        // A report of everything lists a thousand at most.
        let alone = store.verify(Scope::One(*id)).expect("readable");
        assert!(alone.ended.contains(&(*id, Ended::ByCrash)), "kill {kill}: verified as such");
        let packets = record.row.packets / 2;
        assert!(packets >= *acked, "kill {kill}: {packets} of {acked} acknowledged packets");
        assert!(packets + TAIL >= *sent, "kill {kill}: {packets} of {sent} packets");
        assert!(found.iter().any(|row| row.recording == *id), "kill {kill}: found by search");
    }
    store.close();
}

/// Records in real time and tells what it hands over and what is durable.
fn record_until_killed(folder: &Path) -> ! {
    let (sender, news) = channel();
    let store = Store::open(folder, &Options::default(), move |news| {
        let _ = sender.send(news);
    })
    .expect("opens");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let at = Wall::from_micros(now.as_micros() as i64);
    let mut random = Random::from_number(u64::from(std::process::id()));
    let mut ids = Vec::new();
    for _ in 0..RECORDINGS {
        let (recording, call) = (RecordingId::new(at, &mut random), CallId::new(at, &mut random));
        let facts = Box::new(Opening { caller: Masked::new("1001"), ..Opening::default() });
        store.order(Order::Open { recording, call, at, facts }).expect("taken");
        while !matches!(news.recv().expect("news"), News::Opened { .. }) {}
        ids.push(recording);
    }
    let began = Instant::now();
    let (settled, durable) = channel();
    for number in 0_u64.. {
        for recording in &ids {
            let mut batch = Batch::new(*recording);
            for track in [0, 1] {
                let frame = Frame {
                    track,
                    arrival_us: number * 20_000,
                    payload_type: 8,
                    marker: false,
                    sequence: number as u16,
                    timestamp: number as u32 * 160,
                    payload: &[0x55; 160],
                };
                batch.push(frame).expect("room");
            }
            store.tap().try_send(TapItem::Batch(batch)).expect("room");
            say("sent", *recording, number + 1);
        }
        if number % 10 == 0 {
            let (store, settled) = (store.clone(), settled.clone());
            std::thread::spawn(move || {
                store.settle();
                let _ = settled.send(number + 1);
            });
        }
        for count in durable.try_iter() {
            for recording in &ids {
                say("acked", *recording, count);
            }
        }
        std::thread::sleep(
            (began + Duration::from_millis(20) * (number as u32 + 1)).duration_since(Instant::now()),
        );
    }
    unreachable!("it is killed");
}

/// One write a line: what the pipe has, a kill does not take back.
fn say(what: &str, recording: RecordingId, count: u64) {
    let line = format!("{what} {recording} {count}\n");
    std::io::stdout().write_all(line.as_bytes()).expect("the pipe is open");
}
