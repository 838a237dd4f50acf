//! Witnesses outside: every kept head goes to a file elsewhere, to the system's log or to a log server, so that who rewrites
//! the store, live key in hand, cannot rewrite what others saw (TAM-03).
//!
//! Invariant: a witness gets the heads in order and without holes; one that cannot be reached is tried again and again, and
//! stops neither the store nor the others.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::alarm::Alarms;
use super::files::Files;
use crate::base::{Wall, bounds};
use crate::io::clock::wall;
use crate::vault::{HEAD_BYTES, LedgerPublic, TreeHead, hex, unhex};

/// How often new heads are looked for: they are kept once a minute.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How old the newest head may be that a witness has (TAM-05).
pub(super) const OVERDUE: Duration = Duration::from_secs(26 * 3_600);
/// Heads handed over between two looks.
const AT_ONCE: u64 = 1_000;
/// Where the system's log listens.
const SYSLOG: &str = "/dev/log";
/// Facility 10 (authpriv), severity 5 (notice): RFC 5424 §6.2.1.
const PRIORITY: u8 = 85;

/// Where heads go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadsTo {
    /// Appended to this file, one JSON line a head.
    File(PathBuf),
    /// The system's log.
    Syslog,
    /// A log server (RFC 5424 over UDP).
    Udp(SocketAddr),
}

impl std::fmt::Display for HeadsTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HeadsTo::File(path) => write!(f, "{}", path.display()),
            HeadsTo::Syslog => f.write_str("syslog"),
            HeadsTo::Udp(to) => write!(f, "udp:{to}"),
        }
    }
}

/// One witness and how far it is.
struct Witness {
    to: HeadsTo,
    public: LedgerPublic,
    /// The next head that it gets; `None`: not known yet.
    next: Option<u64>,
    /// When the newest that it has was signed.
    newest: Wall,
}

/// The thread that tells the witnesses; it ends when this is dropped.
pub(super) struct Witnesses {
    _stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Witnesses {
    /// Starts telling `to`; `None` when there is nobody.
    pub(super) fn start(
        to: &[HeadsTo],
        files: Files,
        public: LedgerPublic,
        alarms: Alarms,
    ) -> io::Result<Option<Witnesses>> {
        if to.is_empty() {
            return Ok(None);
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let mut witnesses: Vec<Witness> =
            to.iter().map(|to| Witness { to: to.clone(), public, next: None, newest: wall() }).collect();
        let work = move || {
            loop {
                for witness in &mut witnesses {
                    witness.tell(&files, &alarms);
                }
                if stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    // What was kept last is told before the end.
                    witnesses.iter_mut().for_each(|witness| witness.tell(&files, &alarms));
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("ledgerline-heads".into()).spawn(work)?;
        Ok(Some(Witnesses { _stop: stop, thread: Some(thread) }))
    }

    /// Tells what is left and ends.
    pub(super) fn close(mut self) {
        let thread = self.thread.take();
        drop(self);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Witness {
    fn tell(&mut self, files: &Files, alarms: &Alarms) {
        let name = format!("heads to {}", self.to);
        match self.tell_new(files) {
            Ok(()) => alarms.clear(&name),
            Err(error) => alarms.raise(&name, &format!("signed heads do not reach {}: {error}", self.to)),
        }
        let overdue = format!("daily head at {}", self.to);
        match self.newest + OVERDUE < wall() {
            true => {
                let text = format!("{} has had no signed head for more than 26 hours", self.to);
                alarms.raise(&overdue, &text);
            }
            false => alarms.clear(&overdue),
        }
    }

    fn tell_new(&mut self, files: &Files) -> io::Result<()> {
        let present = files.heads();
        let next = match self.next {
            Some(next) => next,
            None => {
                let next = self.begin(present)?;
                *self.next.insert(next)
            }
        };
        if next >= present {
            return Ok(());
        }
        let bytes = files.read_heads(next, (present - next).min(AT_ONCE))?;
        for head in bytes.as_chunks::<HEAD_BYTES>().0 {
            let read = TreeHead::verify(head, &self.public);
            let read = read.ok_or_else(|| io::Error::other("a head whose signature does not hold"))?;
            self.hand_over(&head_line(head, &read))?;
            self.next = Some(read.number + 1);
            self.newest = self.newest.max(read.at);
        }
        Ok(())
    }

    /// The first head that this witness lacks. A log gets what is new from now on; a file is read.
    fn begin(&mut self, present: u64) -> io::Result<u64> {
        let HeadsTo::File(path) = &self.to else { return Ok(present) };
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut next = 0;
        for line in BufReader::new(file).lines() {
            let line = line?;
            let value: Option<serde_json::Value> = serde_json::from_str(&line).ok();
            let head = value.as_ref().and_then(|value| unhex(value.get("head")?.as_str()?));
            // Another node's heads may be in the same file: theirs are not ours to count.
            let head = head.and_then(|head| TreeHead::verify(&head, &self.public));
            next = head.map_or(next, |head| head.number + 1);
        }
        // A file that is ahead of the store: the store was rolled back. What is new is appended; verification names it.
        Ok(next.min(present))
    }

    fn hand_over(&self, line: &str) -> io::Result<()> {
        match &self.to {
            HeadsTo::File(path) => {
                let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
                file.write_all(format!("{line}\n").as_bytes())?;
                file.sync_data()
            }
            HeadsTo::Syslog => {
                let text = format!("<{PRIORITY}>ledgerline[{}]: head {line}", std::process::id());
                UnixDatagram::unbound()?.send_to(text.as_bytes(), SYSLOG).map(drop)
            }
            HeadsTo::Udp(to) => {
                let (at, pid) = (wall().rfc3339(), std::process::id());
                let text = format!("<{PRIORITY}>1 {at} - ledgerline {pid} head - {line}");
                debug_assert!(text.len() <= bounds::SYSLOG_BYTES);
                let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                UdpSocket::bind(any)?.send_to(text.as_bytes(), to).map(drop)
            }
        }
    }
}

/// A head as witnesses write it down.
pub(super) fn head_line(bytes: &[u8; HEAD_BYTES], head: &TreeHead) -> String {
    let TreeHead { number, size, at, root } = head;
    json!({ "number": number, "size": size, "at": at.rfc3339(), "root": hex(root), "head": hex(bytes) })
        .to_string()
}
