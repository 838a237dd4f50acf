//! What is asked of the index and what it answers. The index itself is `io::store`'s.

use serde::{Deserialize, Serialize};

use super::{Closing, Ended, Event, Opening};
use crate::base::{CallId, Masked, RecordingId, Wall};
use crate::compliance::role;

/// What to look for. All given conditions must hold; the default finds everything, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// A phone number or extension in any writing: `+86 138…`, `0138…`, spaces, full-width digits.
    pub number: Option<Masked>,
    /// A user or display name, whole; width of letters, case and spaces do not matter.
    pub name: Option<Masked>,
    /// The last four digits of a phone number.
    pub tail: Option<Masked>,
    /// An account or number that took part.
    pub agent: Option<Masked>,
    /// A queue or route that it took.
    pub queue: Option<String>,
    /// Tags that it carries, each with its value.
    pub tags: Vec<(String, String)>,
    /// At least so long, in microseconds; what runs has no length yet.
    pub least_us: Option<u64>,
    /// At most so long, in microseconds.
    pub most_us: Option<u64>,
    /// Begun at or after this.
    pub from: Option<Wall>,
    /// Begun before this.
    pub until: Option<Wall>,
    /// Over what whoever asks may know: what lies outside is neither found nor counted (SRCH-02).
    pub scope: role::Scope,
    /// At most so many rows.
    pub limit: usize,
    /// Newest first; otherwise oldest first.
    pub newest_first: bool,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            number: None,
            name: None,
            tail: None,
            agent: None,
            queue: None,
            tags: Vec::new(),
            least_us: None,
            most_us: None,
            from: None,
            until: None,
            scope: role::Scope::Everything,
            limit: 100,
            newest_first: true,
        }
    }
}

/// One recording as the index knows it. Times in microseconds, lengths in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The recording.
    pub recording: RecordingId,
    /// Its call.
    pub call: CallId,
    /// Time 0 of the recording.
    pub started: Wall,
    /// Length from time 0 to the end; `None` while it runs.
    pub duration_us: Option<u64>,
    /// How its file ended; `None` while it runs.
    pub ended: Option<Ended>,
    /// Its leaf in the ledger; `None` while it runs.
    pub leaf: Option<u64>,
    /// Length of the file.
    pub len_bytes: u64,
    /// Media packets in it.
    pub packets: u64,
    /// The facts of the beginning.
    pub opening: Opening,
    /// The facts of the end, if it ended in order.
    pub closing: Option<Closing>,
}

/// One recording read from its file: what `rec show` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// The row that the index would hold.
    pub row: Row,
    /// Version of the key-encryption key that wraps its data key.
    pub kek_version: u32,
    /// Sealed chunks in the file.
    pub chunks: u64,
    /// The event track: offset in microseconds and event, in order of writing.
    pub events: Vec<(u64, Event)>,
}

impl Query {
    /// Whether `row` is as long as asked and within the scope: what no term can say.
    pub fn takes(&self, row: &Row) -> bool {
        let long = |us: &dyn Fn(u64) -> bool| row.duration_us.is_some_and(us);
        self.least_us.is_none_or(|least| long(&|us| us >= least))
            && self.most_us.is_none_or(|most| long(&|us| us <= most))
            && row.is_in(&self.scope)
    }
}

impl Row {
    /// Whether it lies within `scope`: by its route, its tags and who took part.
    pub fn is_in(&self, scope: &role::Scope) -> bool {
        let nothing = std::collections::BTreeMap::new();
        let parties =
            self.closing.iter().flat_map(|closing| &closing.parties).map(|party| party.who.reveal());
        let ends = [self.opening.caller.reveal(), self.opening.dialled.reveal()];
        let parties: Vec<&str> = parties.chain(ends).collect();
        scope.covers(&role::Facts {
            route: self.opening.route.as_deref(),
            tags: self.closing.as_ref().map_or(&nothing, |closing| &closing.tags),
            parties: &parties,
        })
    }
}
