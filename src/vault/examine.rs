//! Names what is wrong with a sealed file from what lay where.
//!
//! A whole file costs a counter. From the first oddity on every piece is noted; [`Trail::damages`] then compares the
//! order that the chunks claim (and prove by their tags) with the order in which they lie.

use std::collections::BTreeSet;

use crate::base::{RecordingId, bounds};

use super::chunk::Head;
use super::suite::TAG_BYTES;
use super::verdict::Damage;

/// What lay at a place of the file, other than an authentic chunk in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// An authentic chunk.
    Good { index: u32, before: [u8; TAG_BYTES], tag: [u8; TAG_BYTES] },
    /// A chunk of ours whose tag does not fit.
    Altered { index: u32, end: bool },
    /// A chunk that says it is another recording's, and is not ours.
    Foreign { whose: RecordingId },
    /// No chunk.
    Garbage { len: u64 },
    /// A chunk that the file's end cuts.
    Torn,
}

/// The pieces of a file in the order in which they lie.
pub(crate) struct Trail {
    /// Authentic chunks so far.
    pub authentic: u32,
    /// Whether the closing record was among them.
    pub end_seen: bool,
    /// Hash of the chunk that was read last, if it is a log entry.
    pub entry_hash: Option<[u8; 32]>,
    /// Damages of the header and of the file as a whole.
    general: Vec<Damage>,
    /// Chunks before the first oddity, all in order.
    in_order: u32,
    /// Tag of the last of them; `None`: unknown, because the header is damaged.
    before: Option<[u8; TAG_BYTES]>,
    /// From the first oddity on: offset and piece.
    odd: Vec<(u64, Found)>,
    trailing: u64,
}

impl Trail {
    pub(crate) fn new() -> Trail {
        Trail {
            authentic: 0,
            end_seen: false,
            entry_hash: None,
            general: Vec::new(),
            in_order: 0,
            before: None,
            odd: Vec::new(),
            trailing: 0,
        }
    }

    /// Notes a damage of the file as a whole.
    pub(crate) fn damage(&mut self, damage: Damage) {
        self.general.push(damage);
    }

    /// The header was read; `tag` is what the first chunk follows.
    pub(crate) fn begin(&mut self, tag: [u8; TAG_BYTES]) {
        self.before = (!self.general.contains(&Damage::Header)).then_some(tag);
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.general.is_empty() && self.odd.is_empty()
    }

    /// Notes an authentic chunk; says whether all chunks so far lie in order.
    pub(crate) fn chunk(&mut self, offset: u64, head: &Head, tag: [u8; TAG_BYTES]) -> bool {
        self.authentic += 1;
        self.end_seen |= head.end;
        let follows = head.index == self.in_order && self.before.is_none_or(|before| before == head.before);
        if self.odd.is_empty() && follows {
            self.in_order += 1;
            self.before = Some(tag);
            return true;
        }
        self.note(offset, Found::Good { index: head.index, before: head.before, tag });
        false
    }

    /// Notes an odd piece.
    pub(crate) fn note(&mut self, offset: u64, found: Found) {
        if let (Some((_, Found::Garbage { len })), Found::Garbage { len: more }) =
            (self.odd.last_mut(), found)
        {
            *len += more;
        } else if self.odd.len() < bounds::DAMAGE_TRAIL {
            self.odd.push((offset, found));
        }
    }

    /// Notes octets behind the closing record.
    pub(crate) fn after_end(&mut self, len: u64) {
        if self.end_seen {
            self.trailing += len;
        }
    }

    /// Every damage by name, in the order of the file.
    pub(crate) fn damages(self, opened: bool) -> Vec<Damage> {
        let mut out = self.general.clone();
        if !opened {
            return out;
        }
        let indexes = self.odd.iter().filter_map(|(_, found)| found.index());
        let known: BTreeSet<u32> = indexes.filter(|index| *index >= self.in_order).collect();
        let mut walk = Walk {
            known: known.iter().copied().collect(),
            met: BTreeSet::new(),
            in_order: self.in_order,
            next: self.in_order,
            last: self.before.map(|tag| (self.in_order, tag)),
            strays: Vec::new(),
            out: Vec::new(),
        };
        for (offset, found) in &self.odd {
            walk.step(*offset, *found);
        }
        let closing = self.end_seen || self.odd.iter().any(|(_, found)| found.claims_end());
        walk.finish(closing, self.authentic);
        out.append(&mut walk.out);
        if self.trailing > 0 {
            out.push(Damage::Trailing { len: self.trailing });
        }
        out.truncate(bounds::DAMAGES);
        out
    }
}

impl Found {
    /// The index that a chunk of ours claims.
    fn index(&self) -> Option<u32> {
        match self {
            Found::Good { index, .. } | Found::Altered { index, .. } => Some(*index),
            _ => None,
        }
    }

    fn claims_end(&self) -> bool {
        matches!(self, Found::Altered { end: true, .. })
    }
}

/// One pass over the odd pieces.
struct Walk {
    /// Indexes that lie somewhere among the odd pieces, ascending: the order in which they should lie, smallest first.
    known: std::collections::VecDeque<u32>,
    met: BTreeSet<u32>,
    /// Chunks before the first oddity: a lower index is there already.
    in_order: u32,
    /// The lowest index that is neither placed nor reported yet.
    next: u32,
    /// Index and tag that the next chunk follows when it has that index; `None` after anything odd.
    last: Option<(u32, [u8; TAG_BYTES])>,
    /// Pieces without an index since the last one with.
    strays: Vec<(u64, Found)>,
    out: Vec<Damage>,
}

impl Walk {
    fn step(&mut self, offset: u64, found: Found) {
        let Some(index) = found.index() else {
            self.strays.push((offset, found));
            return;
        };
        if index < self.in_order || !self.met.insert(index) {
            // The same chunk once more: it lies where the next one belongs.
            let belongs = self.known.front().copied().unwrap_or(self.next);
            self.settle(offset, self.next, self.next, false);
            self.out.push(Damage::Misplaced { index: belongs, found: index, offset });
            self.last = None;
            return;
        }
        let belongs = self.known.pop_front().unwrap_or(index);
        self.settle(offset, self.next, belongs, false);
        self.next = belongs.saturating_add(1);
        if belongs != index {
            self.out.push(Damage::Misplaced { index: belongs, found: index, offset });
        }
        match found {
            Found::Altered { .. } => {
                self.out.push(Damage::Altered { index, offset });
                self.last = None;
            }
            Found::Good { before, tag, .. } => {
                if self.last.is_some_and(|(next, last)| next == index && last != before) {
                    self.out.push(Damage::Unchained { index, offset });
                }
                self.last = Some((index.saturating_add(1), tag));
            }
            _ => {}
        }
    }

    /// Tells what the strays are, given that chunks `from..to` do not lie anywhere: a stray in a lost chunk's place is
    /// what became of it.
    fn settle(&mut self, offset: u64, from: u32, to: u32, tail: bool) {
        let mut lost = from;
        let only_octets = self.strays.len() as u64 == u64::from(to.saturating_sub(from));
        for (at, stray) in std::mem::take(&mut self.strays) {
            self.last = None;
            self.out.push(match stray {
                Found::Foreign { whose } => Damage::Foreign { index: lost, found: whose, offset: at },
                Found::Torn => Damage::Torn { index: lost, offset: at },
                Found::Garbage { .. } if only_octets || tail => Damage::Altered { index: lost, offset: at },
                Found::Garbage { len } => Damage::Garbage { index: lost, offset: at, len },
                Found::Good { .. } | Found::Altered { .. } => continue,
            });
            if lost < to {
                lost += 1;
            }
        }
        if lost < to {
            self.out.push(Damage::Missing { from: lost, to: to - 1, offset });
        }
    }

    fn finish(&mut self, closing: bool, chunks: u32) {
        let clean_tail = self.strays.is_empty();
        if closing {
            let len = self
                .strays
                .iter()
                .map(|(_, stray)| if let Found::Garbage { len } = stray { *len } else { 0 });
            let len: u64 = len.sum();
            self.strays.retain(|(_, stray)| !matches!(stray, Found::Garbage { .. }));
            self.settle(0, self.next, self.next, false);
            if len > 0 {
                self.out.push(Damage::Trailing { len });
            }
            return;
        }
        self.settle(0, self.next, self.next, true);
        if clean_tail {
            self.out.push(Damage::NoClosing { chunks });
        }
    }
}
