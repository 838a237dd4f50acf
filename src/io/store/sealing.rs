//! What the writer seals: recordings that begin, go on and end, entries of books, leaves and heads. All of it goes into the
//! batch in the making.
//!
//! Invariant: nothing sealed here is told as done before its batch is durable; what is told then waits in `then`.

use super::disk::{Disk, Place};
use super::note::{BookPlace, CdrRow, Note, Told};
use super::running::Running;
use super::space::Room;
use super::writer::{KEEP_HEAD_EVERY, Writer};
use crate::base::{CallId, RecordingId, Time, Wall};
use crate::vault::{
    self, AuditEntry, Book, CdrNote, Content, HEAD_BYTES, Item, Kind, LEAF_BYTES, Leaf, News, Opening,
    Outcome, Sealed, Sealer, TreeHead, Who, opening_bytes,
};

impl<D: Disk> Writer<D> {
    pub(super) fn open(&mut self, recording: RecordingId, call: CallId, at: Wall, facts: Opening, now: Time) {
        if let Err(why) = self.try_open(recording, call, at, facts, now) {
            tracing::error!(%recording, why, "no recording begun");
            self.out.push_back(Told::News(News::Refused { recording, why }));
        }
    }

    fn try_open(
        &mut self,
        recording: RecordingId,
        call: CallId,
        at: Wall,
        facts: Opening,
        now: Time,
    ) -> Result<(), &'static str> {
        if self.running.contains_key(&recording) {
            return Err("there is a recording of this id");
        }
        if !self.space.is_writable() {
            return Err("no space");
        }
        let place = Place::Recording(recording);
        if !matches!(self.disk.len(place), Ok(None)) {
            return Err("there is a file of this id");
        }
        let mut bytes = Vec::with_capacity(1_024);
        let (keyring, random) = (&self.setup.keys.get(), &mut self.setup.random);
        let mut sealer = Sealer::begin(Content::Recording, recording, call, at, keyring, random, &mut bytes)
            .map_err(|_| "no key")?;
        sealer.seal(Kind::Opening, [&opening_bytes(&facts)[..]], &mut bytes).map_err(|_| "facts too long")?;
        // Written at once, so that a refusal of the disk is known before the call goes on; and in the next batch, so
        // that it survives.
        if let Err(error) = self.disk.write(place, 0, &bytes) {
            let _ = self.disk.remove(place);
            return Err(self.refused(place, &error, now));
        }
        self.append(place, 0, &bytes);
        let running = Running::new(sealer, call, facts, at, now);
        self.out.push_back(Told::Row(Box::new(running.row())));
        self.out.push_back(Told::News(News::Opened { recording }));
        self.running.insert(recording, running);
        self.fresh.insert(recording);
        Ok(())
    }

    /// Seals everything that waits into the batch.
    pub(super) fn seal_all(&mut self, now: Time, wall: Wall) {
        let leave_out = self.space.room() == Room::ReserveOnly;
        let mut due = Vec::new();
        for (id, running) in &mut self.running {
            if leave_out {
                running.leave_out(now, 0);
            } else {
                running.take_up(now);
            }
            let packets = running.take_lost(now);
            if packets > 0 {
                self.lost_packets += packets;
                self.then.push(Told::News(News::Lost { recording: *id, packets }));
            }
            if running.is_due(now) {
                due.push(*id);
            } else if running.has_data() {
                let offset = running.len_bytes();
                let done: Result<(), ()> = self.batch.write(Place::Recording(*id), offset, |out| {
                    running.seal(out);
                    Ok(())
                });
                debug_assert!(done.is_ok());
            }
        }
        if let Some(running) = self.next_crashed(now) {
            due.push(running.id());
            self.running.insert(running.id(), running);
        }
        for id in due {
            self.finish(id, wall);
        }
        self.note_day(wall);
        self.seal_notes(wall);
        self.sign_head(now, wall);
    }

    /// Writes the closing record of `id` and its leaf.
    fn finish(&mut self, id: RecordingId, wall: Wall) {
        let Some(running) = self.running.remove(&id) else { return };
        let (place, offset, call) = (Place::Recording(id), running.len_bytes(), running.call);
        let Ok((sealed, mut row)) = self.batch.write(place, offset, |out| running.finish(out)) else {
            tracing::error!(recording = %id, "the closing record does not fit; recovery will close the file");
            return;
        };
        let ended = row.ended.unwrap_or(vault::Ended::InOrder);
        let leaf = self.append_leaf(wall, Item::Recording { recording: id, call, ended }, &sealed);
        row.leaf = Some(leaf);
        let (len_bytes, packets) = (sealed.len_bytes, row.packets);
        self.then.push(Told::News(News::Closed { recording: id, leaf, len_bytes, packets }));
        self.then.push(Told::Row(Box::new(row)));
    }

    fn seal_notes(&mut self, wall: Wall) {
        for (note, ticket) in std::mem::take(&mut self.notes) {
            match self.seal_note(note, wall) {
                Ok(leaf) => self.then.extend(ticket.map(|ticket| Told::Noted { ticket, leaf })),
                Err(why) => {
                    tracing::error!(why, "an entry is lost");
                    self.out.extend(ticket.map(|ticket| Told::NotNoted { ticket }));
                }
            }
        }
        for log in &mut self.logs {
            log.close_when_due(&mut self.batch);
        }
    }

    /// Seals one entry into its book, and appends its leaf, whose number comes back.
    fn seal_note(&mut self, note: Note, wall: Wall) -> Result<u64, &'static str> {
        let (place, sealed) = match note.entry() {
            Some((book, content)) => {
                let (batch, setup, [cdr, audit, keeping]) =
                    (&mut self.batch, &mut self.setup, &mut self.logs);
                let log = match book {
                    Book::Cdr => cdr,
                    Book::Audit => audit,
                    Book::Keeping => keeping,
                };
                let (segment, offset, sealed) = log.append(&content, wall, batch, setup)?;
                (BookPlace { book, segment, offset, len_bytes: sealed.len_bytes }, sealed)
            }
            None => (BookPlace::NOWHERE, note.sealed().ok_or("it is not sealed")?),
        };
        let leaf = self.append_leaf(wall, note.item(place.segment, place.offset), &sealed);
        self.then.push(match note {
            Note::Cdr(entry) => {
                let CdrNote { call, numbers, .. } = *entry;
                Told::Cdr(Box::new(CdrRow { call, leaf, place, numbers }))
            }
            Note::Audit(entry) => Told::Audit { leaf, at: entry.at, place },
            Note::Keep(entry) => Told::Kept { leaf, entry },
            Note::Derived(made) => Told::Derived(Box::new(made.row(leaf))),
        });
        Ok(leaf)
    }

    fn append_leaf(&mut self, at: Wall, item: Item, sealed: &Sealed) -> u64 {
        let number = self.frontier.size();
        let suite = self.setup.ledger_key.suite();
        let leaf =
            Leaf { suite, number, at, item, len_bytes: sealed.len_bytes, hash: sealed.hash }.to_bytes();
        self.frontier.push_leaf(&leaf);
        self.append(Place::Leaves, number * LEAF_BYTES as u64, &leaf);
        number
    }

    /// Opens a day: an entry of the audit book says how the clock is, so that the day's first head covers it (AUD-06).
    fn note_day(&mut self, at: Wall) {
        let Some(last) = self.kept_at.filter(|last| last.day() != at.day()) else { return };
        if self.day == Some(at.day()) {
            return;
        }
        self.day = Some(at.day());
        let entry = AuditEntry {
            at,
            who: Who::node(),
            act: "ledger.day".into(),
            on: None,
            about: Vec::new(),
            result: Outcome::Done,
            reason: None,
            of: None,
            detail: serde_json::json!({ "clock": (self.setup.clock_state)(), "last_head": last }),
        };
        self.note(Note::Audit(Box::new(entry)), None);
    }

    /// Signs the running head when the tree has grown, and keeps one for every minute of activity and every day.
    fn sign_head(&mut self, now: Time, at: Wall) {
        let size = self.frontier.size();
        let minute = self.kept_now.is_none_or(|kept| now.since(kept) >= KEEP_HEAD_EVERY);
        let day = self.kept_at.is_none_or(|kept| kept.day() != at.day());
        let keep = size != self.kept && (minute || day);
        if size == self.signed && !keep {
            return;
        }
        let head = TreeHead { number: self.heads, size, at, root: self.frontier.root() };
        let bytes = head.sign(&self.setup.ledger_key);
        self.append(Place::Head, 0, &bytes);
        self.signed = size;
        if keep {
            self.append(Place::Heads, self.heads * HEAD_BYTES as u64, &bytes);
            self.heads += 1;
            (self.kept, self.kept_at, self.kept_now) = (size, Some(at), Some(now));
        }
    }

    pub(super) fn append(&mut self, place: Place, offset: u64, bytes: &[u8]) {
        let done: Result<(), ()> = self.batch.write(place, offset, |out| {
            out.extend_from_slice(bytes);
            Ok(())
        });
        debug_assert!(done.is_ok());
    }
}
