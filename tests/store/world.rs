//! A store in a folder of its own, and short ways to record, close and look.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ledgerline::base::{CallId, LegId, Masked, Random, RecordingId, Wall};
use ledgerline::io::store::{Options, Store};
use ledgerline::vault::{Batch, Closing, Frame, News, Opening, Order, Party, Suite, TapItem, Unsealed};

pub const CALLER: &str = "13812345678";
pub const CALLER_NAME: &str = "张三丰";
pub const CALLEE: &str = "alice.wonder";
pub const DIALLED: &str = "01062581234";

pub struct World {
    pub folder: tempfile::TempDir,
    pub store: Option<Store>,
    pub news: Receiver<News>,
    pub random: Random,
    pub now: i64,
    pub options: Options,
}

impl World {
    pub fn new() -> World {
        World::within(&std::env::temp_dir())
    }

    /// A store of `suite`.
    pub fn of(suite: Suite) -> World {
        World::made(&std::env::temp_dir(), suite)
    }

    /// A store in a new folder below `parent`.
    pub fn within(parent: &Path) -> World {
        World::made(parent, Suite::Intl)
    }

    fn made(parent: &Path, suite: Suite) -> World {
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        Store::create(folder.path(), &Options { suite, ..Options::default() }).expect("a new store");
        let (_, news) = channel();
        let mut world = World {
            folder,
            store: None,
            news,
            random: Random::from_number(7),
            now: 1_795_337_972_120_000,
            options: Options::default(),
        };
        world.open();
        world
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn open(&mut self) {
        let (sender, news) = channel();
        self.news = news;
        let told = move |news| {
            let _ = sender.send(news);
        };
        self.store = Some(Store::open(self.dir(), &self.options, told).expect("opens"));
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("open")
    }

    /// Stops the store in order and starts it again.
    pub fn restart(&mut self) {
        self.store.take().expect("open").close();
        self.open();
    }

    pub fn begin(&mut self) -> (RecordingId, CallId) {
        self.now += 1_000_000;
        let at = Wall::from_micros(self.now);
        let recording = RecordingId::new(at, &mut self.random);
        let call = CallId::new(at, &mut self.random);
        let facts = Box::new(Opening {
            caller: Masked::new(CALLER),
            dialled: Masked::new(DIALLED),
            names: vec![Masked::new(CALLER_NAME)],
            ..Opening::default()
        });
        self.store().order(Order::Open { recording, call, at, facts }).expect("taken");
        self.expect(|news| *news == News::Opened { recording });
        (recording, call)
    }

    /// Packets of 20 ms A-law: `level` on track 0, its negation on track 1.
    pub fn talk(&mut self, recording: RecordingId, from_ms: u64, until_ms: u64, octet: u8) {
        let tap = self.store().tap();
        let mut batch = Batch::new(recording);
        for ms in (from_ms..until_ms).step_by(20) {
            for track in [0, 1] {
                let payload = [if track == 0 { octet } else { octet ^ 0x80 }; 160];
                let frame = Frame {
                    track,
                    arrival_us: (ms + 20) * 1_000,
                    payload_type: 8,
                    marker: false,
                    sequence: (ms / 20) as u16,
                    timestamp: (ms * 8) as u32,
                    payload: &payload,
                };
                batch.push(frame).expect("room");
            }
        }
        tap.try_send(TapItem::Batch(batch)).expect("room");
    }

    pub fn end(&mut self, recording: RecordingId) {
        self.store().tap().try_send(TapItem::Ended { recording }).expect("never refused");
        let facts = Box::new(Closing {
            cause: "caller hung up".into(),
            parties: vec![Party { leg: LegId(1), who: Masked::new(CALLEE), name: Masked::new("Alice") }],
            ..Closing::default()
        });
        let at = Wall::from_micros(self.now + 60_000_000);
        self.store().order(Order::Close { recording, at, facts }).expect("taken");
        self.expect(|news| matches!(news, News::Closed { recording: closed, .. } if *closed == recording));
    }

    /// One whole recording of `ms` milliseconds.
    pub fn record(&mut self, ms: u64) -> (RecordingId, CallId) {
        let (recording, call) = self.begin();
        self.talk(recording, 0, ms, 0x2a);
        self.end(recording);
        (recording, call)
    }

    pub fn cdr(&mut self, call: CallId) {
        let cdr = serde_json::json!({"call": call.to_string(), "from": CALLER, "cause": "caller hung up"});
        let at = Wall::from_micros(self.now);
        self.store()
            .order(Order::Cdr { call, at, cdr: Unsealed::new(&cdr), numbers: vec![Masked::new(CALLER)] })
            .expect("taken");
        self.store().settle();
    }

    /// Waits for a piece of news.
    pub fn expect(&self, wanted: impl Fn(&News) -> bool) -> News {
        loop {
            let news = self.news.recv_timeout(Duration::from_secs(20)).expect("the news comes");
            if wanted(&news) {
                return news;
            }
        }
    }

    pub fn file_of(&self, recording: RecordingId) -> PathBuf {
        let wanted = format!("{recording}.llr");
        files(&self.dir().join("recordings"))
            .into_iter()
            .find(|path| path.file_name().is_some_and(|name| *name == *wanted))
            .expect("it has a file")
    }
}

/// Every file below `folder`.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("readable").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
