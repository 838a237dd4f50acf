//! Registrations that outlive the node: one sealed file, written by a thread of its own.
//!
//! Invariant: the file is replaced whole, so a crash leaves the one before; it is not written more often than [`GAP`], nor for more
//! than a twentieth of the time. What a `kill -9` loses are the registrations of those seconds: their phones come back at their
//! next refresh.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::sealed::{Sealed, SealedError};
use crate::base::bounds;
use crate::registrar::Kept;
use crate::vault::Keyring;

/// The least time from the end of one write to the beginning of the next.
const GAP: Duration = Duration::from_secs(1);

/// The pause after a write, in times that the write took.
const REST: u32 = 19;

/// The registrations of one store.
#[derive(Debug, Clone)]
pub struct Registrations {
    file: Sealed,
}

/// Why kept registrations do not come back.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationsError {
    /// The content opened and is not understood: written by a later version.
    #[error("the kept registrations are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

impl Registrations {
    /// Those in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> Registrations {
        Registrations { file: Sealed::new(store.join("registrations.sealed"), "registrations", keys) }
    }

    /// What was written last.
    ///
    /// # Errors
    /// The file cannot be read or is not understood. A node can begin without it: its phones register again.
    pub fn read(&self) -> Result<Vec<Kept>, RegistrationsError> {
        let content = self.file.read()?;
        Ok(content.map(|content| serde_json::from_slice(&content)).transpose()?.unwrap_or_default())
    }

    /// Starts the thread that writes what changes after `before`, which was read.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn keep(self, before: &[Kept]) -> std::io::Result<(Changes, Keeper)> {
        let (changes, changed) = mpsc::channel(bounds::REGISTRATION_BATCHES);
        let all = before.iter().map(|kept| (kept.user.clone(), kept.clone())).collect();
        let writer = Writer { registrations: self, all, changed };
        let thread = std::thread::Builder::new().name("registrations".into()).spawn(move || writer.run())?;
        Ok((Changes(Some(changes)), Keeper(thread)))
    }

    fn write(&self, all: &BTreeMap<String, Kept>) -> Result<(), RegistrationsError> {
        let kept: Vec<&Kept> = all.values().collect();
        Ok(self.file.write(&Zeroizing::new(serde_json::to_vec(&kept)?))?)
    }
}

/// Where the control task puts what has changed.
#[derive(Debug)]
pub struct Changes(Option<mpsc::Sender<Vec<Kept>>>);

impl Changes {
    /// For a node that keeps nothing.
    pub fn none() -> Changes {
        Changes(None)
    }

    /// Passes on what `take` gives, if the writer has room; else it stays where it is until the next time.
    pub fn pass(&self, take: impl FnOnce() -> Vec<Kept>) {
        if let Some(Ok(room)) = self.0.as_ref().map(mpsc::Sender::try_reserve) {
            room.send(take());
        }
    }
}

/// The thread that writes. It ends when the [`Changes`] are dropped, after the last write.
#[derive(Debug)]
pub struct Keeper(JoinHandle<()>);

impl Keeper {
    /// Waits for the last write.
    pub fn close(self) {
        // A thread that failed has said so; there is nothing left to save here.
        let _ = self.0.join();
    }
}

struct Writer {
    registrations: Registrations,
    all: BTreeMap<String, Kept>,
    changed: mpsc::Receiver<Vec<Kept>>,
}

impl Writer {
    fn run(mut self) {
        while let Some(batch) = self.changed.blocking_recv() {
            self.take(batch);
            while let Ok(batch) = self.changed.try_recv() {
                self.take(batch);
            }
            let began = Instant::now();
            if let Err(error) = self.registrations.write(&self.all) {
                tracing::error!(%error, "registrations are not kept: after a restart phones must register anew");
            }
            if !self.changed.is_closed() {
                std::thread::sleep(GAP.max(began.elapsed() * REST).min(Duration::from_secs(60)));
            }
        }
    }

    fn take(&mut self, batch: Vec<Kept>) {
        for kept in batch {
            match kept.contacts.is_empty() {
                true => self.all.remove(&kept.user),
                false => self.all.insert(kept.user.clone(), kept),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Random, Secret, Time, Wall};
    use crate::registrar::{Bindings, Rules};
    use crate::sip::{Flow, Message, Transport};
    use std::os::unix::fs::PermissionsExt;

    fn registrations(folder: &Path) -> Registrations {
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        Registrations::new(folder, Arc::new(keys))
    }

    fn bound(user: &str) -> Bindings {
        let text = format!(
            "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKr\r\nFrom: <sip:{user}@pbx>;tag=r\r\nTo: <sip:{user}@pbx>\r\n\
             Call-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@192.0.2.7>\r\n\r\n"
        );
        let local = "192.0.2.1:5060".parse().expect("an address");
        let remote = "192.0.2.7:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
        let mut bindings = Bindings::new(Rules::default(), &mut Random::from_number(1));
        let message = Message::parse(text.into()).expect("a message");
        bindings.register(Time::ZERO, user, &message, flow).expect("registered");
        bindings
    }

    #[test]
    fn what_is_kept_comes_back_and_is_nobody_elses_to_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let wall = Wall::from_micros(1_000_000_000);
        let (changes, keeper) = registrations(folder.path()).keep(&[]).expect("a thread");
        changes.pass(|| bound("alice").take_changed(Time::ZERO, wall));
        changes.pass(|| bound("bob").take_changed(Time::ZERO, wall));
        drop(changes);
        keeper.close();
        let path = folder.path().join("registrations.sealed");
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let octets = std::fs::read(&path).expect("octets");
        assert!(!octets.windows(5).any(|window| window == b"alice"), "sealed");
        let back = registrations(folder.path()).read().expect("readable");
        let users: Vec<&str> = back.iter().map(|kept| kept.user.as_str()).collect();
        assert_eq!(users, ["alice", "bob"]);
        let mut again = Bindings::new(Rules::default(), &mut Random::from_number(2));
        for kept in back {
            again.restore(Time::ZERO, wall + Duration::from_secs(600), kept);
        }
        assert_eq!(again.lookup(Time::ZERO, "alice")[0].remaining_s(Time::ZERO), 3_000);
    }

    #[test]
    fn a_user_without_contacts_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let wall = Wall::from_micros(1_000_000_000);
        let (changes, keeper) = registrations(folder.path()).keep(&[]).expect("a thread");
        let mut bindings = bound("alice");
        changes.pass(|| bindings.take_changed(Time::ZERO, wall));
        bindings.forget("alice");
        changes.pass(|| bindings.take_changed(Time::ZERO, wall));
        drop(changes);
        keeper.close();
        assert!(registrations(folder.path()).read().expect("readable").is_empty());
    }
}
