//! The index's tables in sled: rows and terms. Everything in them can be read from the files again.
//!
//! Invariant: keys are identifiers and blinded terms, values are sealed; the mark is moved after what it counts.

use std::ops::Bound;
use std::path::Path;

use crate::base::{CallId, Masked, Random, RecordingId, Secret, Wall};
use crate::vault::{Blind, Blinder, Book, DerivedRow, Keyring, Label, NoSuchKey, Query, Row, ValueKey};

use super::note::{BookPlace, CdrRow};

/// Changes whenever the tables' form does; an index of another schema is built anew.
const SCHEMA: u32 = 3;
/// Memory for pages. The default of sled is a gibibyte.
const CACHE_BYTES: u64 = 8 << 20;
/// sled's log grows by so much at a time, and each of some forty buffers that it keeps is as long: with its own 512 kB they
/// would be half of an idle node's memory.
const SEGMENT_BYTES: usize = 64 << 10;

/// What keys the index's terms and values.
pub(super) struct IndexKeys {
    pub blinder: Blinder,
    values: ValueKey,
    /// Version of the key-encryption key that they come from.
    pub version: u32,
    stamp: Vec<u8>,
}

impl IndexKeys {
    /// From the current key-encryption key; a rotation makes another index.
    pub(super) fn new(keyring: &Keyring, country_code: &str) -> Result<IndexKeys, NoSuchKey> {
        let version = keyring.current();
        let mut stamp = SCHEMA.to_be_bytes().to_vec();
        stamp.extend_from_slice(&version.to_be_bytes());
        stamp.extend_from_slice(country_code.as_bytes());
        let values: Secret<[u8; 32]> = keyring.subkey(version, Label::IndexValues)?;
        let blinder =
            Blinder::new(keyring.suite(), keyring.subkey(version, Label::IndexBlinding)?, country_code);
        Ok(IndexKeys { blinder, values: ValueKey::new(keyring.suite(), &values), version, stamp })
    }
}

pub(super) struct Tables {
    db: sled::Db,
    rows: sled::Tree,
    terms: sled::Tree,
    calls: sled::Tree,
    cdrs: sled::Tree,
    audit: sled::Tree,
    derived: sled::Tree,
    meta: sled::Tree,
}

/// Kinds of items under a term.
const RECORDING: u8 = 1;
const CDR: u8 = 2;

impl Tables {
    pub(super) fn open(folder: &Path) -> sled::Result<Tables> {
        let db = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            .open()?;
        Ok(Tables {
            rows: db.open_tree("rows")?,
            terms: db.open_tree("terms")?,
            calls: db.open_tree("calls")?,
            cdrs: db.open_tree("cdrs")?,
            audit: db.open_tree("audit")?,
            derived: db.open_tree("derived")?,
            meta: db.open_tree("meta")?,
            db,
        })
    }

    /// Leaves of the ledger that are in the index; `None` when it is another schema's or another key's.
    pub(super) fn mark(&self, keys: &IndexKeys) -> sled::Result<Option<u64>> {
        match self.meta.get("stamp")? {
            Some(stamp) if stamp == keys.stamp => {
                let mark = self.meta.get("mark")?;
                Ok(Some(mark.and_then(|mark| Some(u64::from_be_bytes(*mark.first_chunk()?))).unwrap_or(0)))
            }
            Some(_) => Ok(None),
            None if self.rows.is_empty() => {
                self.meta.insert("stamp", keys.stamp.as_slice())?;
                Ok(Some(0))
            }
            None => Ok(None),
        }
    }

    /// Says that the first `leaves` leaves are in the index.
    pub(super) fn set_mark(&self, leaves: u64) -> sled::Result<()> {
        self.meta.insert("mark", &leaves.to_be_bytes()).map(|_| ())
    }

    /// Brings everything to the disk, for an orderly stop.
    pub(super) fn flush(&self) -> sled::Result<()> {
        self.db.flush().map(|_| ())
    }

    pub(super) fn put_row(&self, row: &Row, keys: &IndexKeys, random: &mut Random) -> sled::Result<()> {
        let id = row.recording.to_bytes();
        for term in terms_of(row, &keys.blinder) {
            self.terms.insert(term_key(&term, RECORDING, &id, &[]), &[])?;
        }
        self.calls.insert([row.call.to_bytes(), id].concat(), &[])?;
        let text = serde_json::to_vec(row).unwrap_or_default();
        self.rows.insert(id, keys.values.seal(b"row", &id, &text, random))?;
        Ok(())
    }

    pub(super) fn put_cdr(&self, cdr: &CdrRow, keys: &IndexKeys) -> sled::Result<()> {
        let key = [&cdr.call.to_bytes()[..], &cdr.leaf.to_be_bytes()].concat();
        for who in &cdr.numbers {
            for term in keys.blinder.either(who.reveal()) {
                self.terms
                    .insert(term_key(&term, CDR, &cdr.call.to_bytes(), &cdr.leaf.to_be_bytes()), &[])?;
            }
        }
        self.cdrs.insert(key, place_bytes(&cdr.place))?;
        Ok(())
    }

    /// Takes a recording's row out, and everything that it is found under.
    pub(super) fn remove_row(&self, row: &Row, keys: &IndexKeys) -> sled::Result<()> {
        let id = row.recording.to_bytes();
        for term in terms_of(row, &keys.blinder) {
            self.terms.remove(term_key(&term, RECORDING, &id, &[]))?;
        }
        self.calls.remove([row.call.to_bytes(), id].concat())?;
        self.rows.remove(id).map(|_| ())
    }

    /// An item derived from a recording, under that.
    pub(super) fn put_derived(
        &self,
        row: &DerivedRow,
        keys: &IndexKeys,
        random: &mut Random,
    ) -> sled::Result<()> {
        let key = [row.derivation.of.to_bytes(), row.item.to_bytes()].concat();
        let text = serde_json::to_vec(row).unwrap_or_default();
        let sealed = keys.values.seal(b"derived", &key, &text, random);
        self.derived.insert(key, sealed).map(|_| ())
    }

    /// The items derived from a recording, oldest first.
    pub(super) fn derived(&self, of: RecordingId, keys: &IndexKeys) -> sled::Result<Vec<DerivedRow>> {
        let mut found = Vec::new();
        for item in self.derived.scan_prefix(of.to_bytes()) {
            let (key, sealed) = item?;
            let text = keys.values.open(b"derived", &key, &sealed);
            found.extend(text.and_then(|text| serde_json::from_slice::<DerivedRow>(&text).ok()));
        }
        Ok(found)
    }

    /// Takes the items derived from a recording out.
    pub(super) fn remove_derived(&self, of: RecordingId) -> sled::Result<()> {
        for key in self.derived.scan_prefix(of.to_bytes()).keys() {
            self.derived.remove(key?)?;
        }
        Ok(())
    }

    /// Takes the places of a call's records out, and the `numbers` that they are found under.
    pub(super) fn remove_cdrs(&self, call: CallId, numbers: &[Masked], keys: &IndexKeys) -> sled::Result<()> {
        for key in self.cdrs.scan_prefix(call.to_bytes()).keys() {
            let key = key?;
            for term in numbers.iter().flat_map(|who| keys.blinder.either(who.reveal())) {
                self.terms.remove(term_key(&term, CDR, &key, &[]))?;
            }
            self.cdrs.remove(key)?;
        }
        Ok(())
    }

    /// An entry of the audit book, under its leaf.
    pub(super) fn put_audit(&self, leaf: u64, at: Wall, place: &BookPlace) -> sled::Result<()> {
        let value = [&at.as_micros().to_be_bytes()[..], &place_bytes(place)].concat();
        self.audit.insert(leaf.to_be_bytes(), value).map(|_| ())
    }

    /// Leaf, time and place of the entries of the audit book, newest first.
    pub(super) fn audits(&self) -> impl Iterator<Item = sled::Result<(u64, Wall, BookPlace)>> + '_ {
        self.audit.iter().rev().filter_map(|item| {
            let read = |(leaf, value): (sled::IVec, sled::IVec)| {
                let (at, place) = value.split_first_chunk()?;
                let leaf = u64::from_be_bytes(leaf.first_chunk().copied()?);
                Some((leaf, Wall::from_micros(i64::from_be_bytes(*at)), place_in(Book::Audit, place)?))
            };
            item.map(read).transpose()
        })
    }

    pub(super) fn row(&self, id: RecordingId, keys: &IndexKeys) -> sled::Result<Option<Row>> {
        let Some(sealed) = self.rows.get(id.to_bytes())? else { return Ok(None) };
        let text = keys.values.open(b"row", &id.to_bytes(), &sealed);
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// Every closed recording behind `after`, oldest first.
    pub(super) fn behind(
        &self,
        after: Option<RecordingId>,
    ) -> impl Iterator<Item = sled::Result<RecordingId>> + '_ {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.to_bytes()));
        let keys = self.rows.range((from, Bound::<[u8; 16]>::Unbounded)).keys();
        keys.filter_map(|key| key.map(|key| id_at(&key, 0)).transpose())
    }

    pub(super) fn recordings_of(&self, call: CallId) -> sled::Result<Vec<RecordingId>> {
        let keys = self.calls.scan_prefix(call.to_bytes()).keys();
        keys.filter_map(|key| key.map(|key| id_at(&key, 16)).transpose()).collect()
    }

    pub(super) fn cdrs_of(&self, call: CallId) -> sled::Result<Vec<BookPlace>> {
        let values = self.cdrs.scan_prefix(call.to_bytes()).values();
        values.filter_map(|value| value.map(|value| place_in(Book::Cdr, &value)).transpose()).collect()
    }

    /// Identifiers of recordings that carry all of `terms` and were made in the query's time, in its order. Rows are for
    /// the caller to fetch: times here are those of the identifiers, to the millisecond.
    pub(super) fn find<'t>(
        &'t self,
        terms: &'t [Blind],
        query: &Query,
    ) -> impl Iterator<Item = sled::Result<RecordingId>> + 't {
        let ids = self.items(terms, RECORDING, &self.rows, query);
        ids.filter_map(|key| key.map(|key| id_at(&key, 0)).transpose())
    }

    /// Places of call detail records, likewise.
    pub(super) fn find_cdrs<'t>(
        &'t self,
        terms: &'t [Blind],
        query: &Query,
    ) -> impl Iterator<Item = sled::Result<BookPlace>> + 't {
        let keys = self.items(terms, CDR, &self.cdrs, query);
        keys.filter_map(|key| {
            let value = key.and_then(|key| self.cdrs.get(key));
            value.map(|value| value.as_deref().and_then(|value| place_in(Book::Cdr, value))).transpose()
        })
    }

    /// Keys of `all` (or of the items under the first term that carry the others too).
    fn items<'t>(
        &'t self,
        terms: &'t [Blind],
        kind: u8,
        all: &'t sled::Tree,
        query: &Query,
    ) -> Box<dyn Iterator<Item = sled::Result<Vec<u8>>> + 't> {
        let (low, high) = bounds_of(query);
        let Some((first, others)) = terms.split_first() else {
            let range = all.range(low.to_vec()..=[&high[..], &[0xff; 8]].concat());
            return in_order(range.keys().map(|key| key.map(|key| key.to_vec())), query.newest_first);
        };
        let range =
            self.terms.range(term_key(first, kind, &low, &[])..=term_key(first, kind, &high, &[0xff; 8]));
        let keys = range.keys().filter_map(move |key| {
            let item = match key {
                Ok(key) => key.get(17..).unwrap_or_default().to_vec(),
                Err(error) => return Some(Err(error)),
            };
            for other in others {
                match self.terms.contains_key(term_key(other, kind, &item, &[])) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
            Some(Ok(item))
        });
        in_order(keys, query.newest_first)
    }
}

/// Terms under which `row` is found: everybody in it, as number, by its last four digits and as name; its route, queue and tags.
pub(super) fn terms_of(row: &Row, blinder: &Blinder) -> Vec<Blind> {
    let opening = [&row.opening.caller, &row.opening.dialled].into_iter().chain(&row.opening.names);
    let parties = row.closing.iter().flat_map(|closing| &closing.parties);
    let everybody = opening.chain(parties.flat_map(|party| [&party.who, &party.name]));
    let mut terms: Vec<Blind> = Vec::new();
    for who in everybody {
        terms.extend(blinder.either(who.reveal()).chain(blinder.tail(who.reveal())));
    }
    terms.extend(row.opening.route.iter().map(|route| blinder.queue(route)));
    for (name, value) in row.closing.iter().flat_map(|closing| &closing.tags) {
        terms.push(blinder.tag(name, value));
        terms.extend((name == "queue").then(|| blinder.queue(value)));
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

fn term_key(term: &Blind, kind: u8, item: &[u8], rest: &[u8]) -> Vec<u8> {
    [term, &[kind][..], item, rest].concat()
}

fn id_at(key: &[u8], at: usize) -> Option<RecordingId> {
    key.get(at..)?.first_chunk().copied().map(RecordingId::from_bytes)
}

fn place_bytes(place: &BookPlace) -> Vec<u8> {
    let mut value = place.segment.to_be_bytes().to_vec();
    value.extend_from_slice(&place.offset.to_be_bytes());
    value.extend_from_slice(&place.len_bytes.to_be_bytes());
    value
}

fn place_in(book: Book, value: &[u8]) -> Option<BookPlace> {
    let (segment, rest) = value.split_first_chunk::<4>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    Some(BookPlace {
        book,
        segment: u32::from_be_bytes(*segment),
        offset: u64::from_be_bytes(*offset),
        len_bytes: u64::from_be_bytes(*rest.first_chunk()?),
    })
}

/// Lowest and highest identifier of the query's time.
fn bounds_of(query: &Query) -> ([u8; 16], [u8; 16]) {
    let stamp = |at: Wall| {
        let ms = u64::try_from(at.as_micros() / 1_000).unwrap_or(0).min((1 << 48) - 1);
        ms.to_be_bytes()
    };
    let (mut low, mut high) = ([0; 16], [0xff; 16]);
    if let Some(from) = query.from {
        low[..6].copy_from_slice(&stamp(from)[2..]);
    }
    if let Some(until) = query.until {
        high[..6].copy_from_slice(&stamp(until)[2..]);
    }
    (low, high)
}

fn in_order<'t, T: 't>(
    items: impl DoubleEndedIterator<Item = T> + 't,
    newest_first: bool,
) -> Box<dyn Iterator<Item = T> + 't> {
    if newest_first { Box::new(items.rev()) } else { Box::new(items) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{LegId, Masked};
    use crate::vault::{Closing, Ended, Opening, Party};
    use std::time::{Duration, Instant};

    /// The terms of a question about row `n`.
    type Terms<'a> = &'a dyn Fn(u64) -> Vec<Blind>;

    /// Row `n` of a site with 200 agents, 20 queues and a caller of its own every ten calls.
    fn row(n: u64, random: &mut Random) -> Row {
        let at = Wall::from_micros(1_700_000_000_000_000 + n as i64 * 1_000_000);
        let agent =
            Party { leg: LegId(1), who: Masked::new(format!("agent{}", n % 200)), name: Masked::default() };
        let tags = [("case".to_string(), format!("C-{}", n % 50_000))];
        Row {
            recording: RecordingId::new(at, random),
            call: CallId::new(at, random),
            started: at,
            duration_us: Some(60_000_000),
            ended: Some(Ended::InOrder),
            leaf: Some(n),
            len_bytes: 1_000_000,
            packets: 6_000,
            opening: Opening {
                caller: Masked::new(format!("138{:08}", n / 10)),
                dialled: Masked::new("95599"),
                route: Some(format!("queue{}", n % 20)),
                ..Opening::default()
            },
            closing: Some(Closing { parties: vec![agent], tags: tags.into(), ..Closing::default() }),
        }
    }

    /// SRCH-01 at scale: `LEDGERLINE_ROWS=10000000 cargo test --release --lib -- --ignored --nocapture a_million_rows`.
    /// Prints how long filling took and the 95th percentile of each kind of search, a hundred rows each.
    #[test]
    #[ignore = "minutes; prints figures for docs/performance.md"]
    fn a_million_rows_are_searched_at_once() {
        let rows =
            std::env::var("LEDGERLINE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
        let folder = tempfile::tempdir().expect("a folder");
        let mut keyring = Keyring::new();
        keyring.insert(1, Secret::new([1; 32]));
        let keys = IndexKeys::new(&keyring, "86").expect("a key");
        let tables = Tables::open(folder.path()).expect("opens");
        let mut random = Random::from_number(1);
        let began = Instant::now();
        for n in 0..rows {
            tables.put_row(&row(n, &mut random), &keys, &mut random).expect("room");
        }
        println!("{rows} rows in {:?}", began.elapsed());
        let blinder = &keys.blinder;
        let kinds: [(&str, Terms); 6] = [
            ("number", &|n| blinder.number(&format!("+86 138{:08}", n / 10)).into_iter().collect()),
            ("last four digits", &|n| blinder.four(&format!("{:04}", n / 10 % 10_000)).into_iter().collect()),
            ("agent", &|n| blinder.name(&format!("agent{}", n % 200)).into_iter().collect()),
            ("queue", &|n| vec![blinder.queue(&format!("queue{}", n % 20))]),
            ("case", &|n| vec![blinder.tag("case", &format!("C-{}", n % 50_000))]),
            ("four digits of an agent", &|n| {
                let four = blinder.four(&format!("{:04}", n / 10 % 10_000));
                four.into_iter().chain(blinder.name(&format!("agent{}", n % 200))).collect()
            }),
        ];
        for (kind, terms) in kinds {
            let mut took: Vec<Duration> = (0..200)
                .map(|_| {
                    let n = random.below(rows);
                    let (terms, query) = (terms(n), Query::default());
                    let began = Instant::now();
                    let ids = tables.find(&terms, &query).take(100);
                    let found = ids.filter_map(|id| tables.row(id.ok()?, &keys).ok()?).count();
                    assert!(found > 0, "{kind} of row {n}");
                    began.elapsed()
                })
                .collect();
            took.sort_unstable();
            println!("{kind}: median {:?}, p95 {:?}", took[100], took[190]);
            assert!(took[190] < Duration::from_secs(1), "SRCH-01: {kind}");
        }
    }
}
