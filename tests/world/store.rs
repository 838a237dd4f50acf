//! A vault without files: it answers orders after a while, can be full, silent or slow, and remembers when what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use ledgerline::base::{CallId, Random, RecordingId, Time};
use ledgerline::call::Cdr;
use ledgerline::vault::{Closing, Event, News, Opening, Order};

use super::network::between;

/// A recording.
#[derive(Debug)]
pub struct Recording {
    pub call: CallId,
    pub opening: Opening,
    pub ordered: Time,
    /// When the core heard that it is open.
    pub opened: Option<Time>,
    pub refused: bool,
    pub closing: Option<(Time, Closing)>,
    pub events: Vec<(u64, Event)>,
}

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Writes,
    /// Accepts nothing new; recordings that run go on.
    Full,
    /// Answers nothing.
    Silent,
}

/// The store.
pub struct Store {
    pub recordings: BTreeMap<RecordingId, Recording>,
    pub cdrs: Vec<(CallId, Cdr)>,
    pub mood: Mood,
    pub delay: Range<Duration>,
    pub faults: Vec<String>,
    leaves: u64,
    news: BTreeMap<(Time, u64), News>,
    last_news: Time,
    serial: u64,
    random: Random,
}

impl Store {
    pub fn new(random: Random) -> Store {
        Store {
            recordings: BTreeMap::new(),
            cdrs: Vec::new(),
            mood: Mood::Writes,
            delay: Duration::from_millis(2)..Duration::from_millis(2),
            faults: Vec::new(),
            leaves: 0,
            news: BTreeMap::new(),
            last_news: Time::ZERO,
            serial: 0,
            random,
        }
    }

    /// Takes an order.
    pub fn order(&mut self, now: Time, order: Order) {
        match order {
            Order::Open { recording, call, facts, .. } => self.open(now, recording, call, *facts),
            Order::Event { recording, offset_us, event } => self.event(now, recording, offset_us, event),
            Order::Close { recording, facts, .. } => self.close(now, recording, *facts),
            Order::Cdr { call, cdr, .. } => match serde_json::from_slice::<Cdr>(cdr.expose()) {
                Ok(cdr) => self.cdrs.push((call, cdr)),
                Err(why) => self.faults.push(format!("{call}: an unreadable CDR: {why}")),
            },
        }
    }

    /// Changes the mood; the core is told of the disk's state.
    pub fn becomes(&mut self, now: Time, mood: Mood) {
        self.mood = mood;
        let writable = mood != Mood::Full;
        self.tell(now, News::Health { writable, free_bytes: if writable { 1 << 40 } else { 0 } });
    }

    /// Fills up without telling anybody before the next order.
    pub fn fills_up_unnoticed(&mut self) {
        self.mood = Mood::Full;
    }

    pub fn deadline(&self) -> Option<Time> {
        self.news.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next news that is due.
    pub fn news(&mut self, now: Time) -> Option<News> {
        let (at, _) = *self.news.first_key_value()?.0;
        if at > now {
            return None;
        }
        let (_, news) = self.news.pop_first()?;
        if let News::Opened { recording } = &news
            && let Some(recording) = self.recordings.get_mut(recording)
        {
            recording.opened = Some(now);
        }
        Some(news)
    }

    pub fn is_still(&self) -> bool {
        self.news.is_empty()
    }

    /// The recording of a call.
    pub fn of(&self, call: CallId) -> Option<(&RecordingId, &Recording)> {
        self.recordings.iter().find(|(_, recording)| recording.call == call)
    }

    /// Whether the notice was played to its end in a call.
    pub fn announced(&self, call: CallId) -> bool {
        let told = |(_, event): &(u64, Event)| matches!(event, Event::NoticePlayed { whole: true, .. });
        self.of(call).is_some_and(|(_, recording)| recording.events.iter().any(told))
    }

    /// Packets of every running recording get lost between plane and file.
    pub fn loses_packets(&mut self, now: Time) {
        let running: Vec<RecordingId> = self.recordings.keys().copied().filter(|id| self.runs(*id)).collect();
        for recording in running {
            self.tell(now, News::Lost { recording, packets: 50 });
        }
    }

    /// Whether a recording takes packets: opened and not ordered to close.
    pub fn runs(&self, recording: RecordingId) -> bool {
        self.recordings.get(&recording).is_some_and(|r| r.opened.is_some() && r.closing.is_none())
    }

    /// What must hold of the store when all is over.
    pub fn verdict(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        for (id, recording) in &self.recordings {
            if recording.opened.is_some() && recording.closing.is_none() {
                faults.push(format!("{id} of {} was never closed", recording.call));
            }
        }
        let calls: BTreeSet<CallId> = self.cdrs.iter().map(|(call, _)| *call).collect();
        if calls.len() != self.cdrs.len() {
            faults.push("a call has two CDRs".into());
        }
        faults
    }

    fn open(&mut self, now: Time, id: RecordingId, call: CallId, opening: Opening) {
        let refused = self.mood == Mood::Full;
        let recording = Recording {
            call,
            opening,
            ordered: now,
            opened: None,
            refused,
            closing: None,
            events: Vec::new(),
        };
        if self.recordings.insert(id, recording).is_some() {
            self.faults.push(format!("{id} ordered twice"));
        }
        match self.mood {
            Mood::Writes => self.tell(now, News::Opened { recording: id }),
            Mood::Full => self.tell(now, News::Refused { recording: id, why: "disk full" }),
            Mood::Silent => {}
        }
    }

    fn event(&mut self, now: Time, id: RecordingId, offset_us: u64, event: Event) {
        let Some(recording) = self.recordings.get_mut(&id) else {
            return self.faults.push(format!("{event:?} for {id}, which was never ordered"));
        };
        if recording.opened.is_none() || recording.closing.is_some() {
            self.faults.push(format!("{event:?} for {id}, which does not run"));
        }
        let offset = Duration::from_micros(offset_us);
        if recording.ordered + offset != now {
            self.faults
                .push(format!("{event:?} of {id} is written {offset:?} after its beginning at {now:?}"));
        }
        recording.events.push((offset_us, event));
    }

    fn close(&mut self, now: Time, id: RecordingId, facts: Closing) {
        let Some(recording) = self.recordings.get_mut(&id) else {
            return self.faults.push(format!("Close for {id}, which was never ordered"));
        };
        if recording.closing.is_some() {
            return self.faults.push(format!("{id} closed twice"));
        }
        recording.closing = Some((now, facts));
        if self.mood != Mood::Silent && !recording.refused {
            self.leaves += 1;
            let leaf = self.leaves - 1;
            self.tell(now, News::Closed { recording: id, leaf, len_bytes: 1_000, packets: 0 });
        }
    }

    fn tell(&mut self, now: Time, news: News) {
        let at = (now + between(&mut self.random, &self.delay)).max(self.last_news);
        self.last_news = at;
        self.serial += 1;
        self.news.insert((at, self.serial), news);
    }
}
