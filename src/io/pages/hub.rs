//! Who looks at which user's calls, and what there is to see.
//!
//! Invariant: the core is told of a user while somebody looks at the user's page, and not longer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::base::{CallId, bounds};
use crate::call::Page;

/// The pages of all users. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Mutex<HashMap<String, Looking>>>,
    opened: mpsc::Sender<(String, bool)>,
}

struct Looking {
    calls: BTreeMap<CallId, Page>,
    told: watch::Sender<Arc<str>>,
    readers: usize,
}

/// Somebody who looks; dropping it is looking away.
pub struct Reader {
    hub: Hub,
    user: String,
    /// The calls, newest last, as a JSON array.
    pub pages: watch::Receiver<Arc<str>>,
}

impl Hub {
    /// Nobody looks. Whose pages are opened and closed comes out of the receiver.
    pub fn new() -> (Hub, mpsc::Receiver<(String, bool)>) {
        let (opened, told) = mpsc::channel(bounds::PAGE_CONNECTIONS);
        (Hub { shared: Arc::default(), opened }, told)
    }

    /// Looks at a user's calls. `None`: the core does not keep up.
    pub fn look(&self, user: &str) -> Option<Reader> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if !shared.contains_key(user) {
            self.opened.try_send((user.to_string(), true)).ok()?;
        }
        let looking = shared.entry(user.to_string()).or_insert_with(|| Looking {
            calls: BTreeMap::new(),
            told: watch::channel("[]".into()).0,
            readers: 0,
        });
        looking.readers += 1;
        Some(Reader { hub: self.clone(), user: user.to_string(), pages: looking.told.subscribe() })
    }

    /// What the core shows of one call.
    pub fn show(&self, user: &str, call: CallId, page: Option<Page>) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(looking) = shared.get_mut(user) else { return };
        match page {
            Some(page) => drop(looking.calls.insert(call, page)),
            None => drop(looking.calls.remove(&call)),
        }
        let all: Vec<&Page> = looking.calls.values().collect();
        looking.told.send_replace(serde_json::to_string(&all).unwrap_or_default().into());
    }

    fn look_away(&self, user: &str) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(looking) = shared.get_mut(user) else { return };
        looking.readers = looking.readers.saturating_sub(1);
        if looking.readers == 0 {
            shared.remove(user);
            // Without room the core goes on telling, and nobody keeps it.
            let _ = self.opened.try_send((user.to_string(), false));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.look_away(&self.user);
    }
}
