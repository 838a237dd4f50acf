//! Log lines: to standard error, for people or as JSON, written by a thread of their own.
//!
//! Invariant: whoever logs never waits for whoever reads the log; lines that find no room are counted and the count is
//! written when there is room again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::queue::{Receiver, Sender, bounded};
use crate::base::bounds;
use crate::config::{Log, LogFormat};

/// The log of this process. What was logged before it is dropped is written.
#[derive(Debug)]
pub struct Started(Option<Lines>);

/// Starts logging as configured. `LEDGERLINE_LOG` overrides the level. A second call changes nothing.
///
/// # Errors
/// No thread can be made.
pub fn start(log: &Log) -> io::Result<Started> {
    let filter = EnvFilter::try_from_env("LEDGERLINE_LOG").unwrap_or_else(|_| EnvFilter::new(&log.level));
    let (lines, taken) = Lines::new();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    let started = match log.format {
        LogFormat::Text => subscriber.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        return Ok(Started(None));
    }
    let lost = Arc::clone(&lines.lost);
    std::thread::Builder::new()
        .name("ledgerline-log".to_string())
        .spawn(move || write_all(&taken, &lost, &mut io::stderr()))?;
    Ok(Started(Some(lines)))
}

impl Drop for Started {
    fn drop(&mut self) {
        let Some(lines) = &self.0 else { return };
        let (done, wait) = sync_channel(1);
        if lines.sender.push(Item::Flush(done)).is_ok() {
            // A reader that hangs does not keep the process from ending.
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }
}

/// Something for the writing thread.
#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The way to the writing thread.
#[derive(Debug, Clone)]
struct Lines {
    sender: Sender<Item>,
    lost: Arc<AtomicU64>,
}

impl Lines {
    fn new() -> (Lines, Receiver<Item>) {
        let (sender, taken) = bounded(bounds::LOG_LINES);
        (Lines { sender, lost: Arc::default() }, taken)
    }
}

impl Write for Lines {
    /// One event is written at once, so a line is never cut.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Item::Line(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

fn write_all(taken: &Receiver<Item>, lost: &AtomicU64, to: &mut impl Write) {
    while let Some(item) = taken.recv() {
        // Standard error that is closed leaves nowhere to say so.
        match item {
            Item::Line(line) => drop(to.write_all(&line)),
            Item::Flush(done) => drop(done.try_send(())),
        }
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(to, "ledgerline: {missing} log lines were lost: the log is read too slowly");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_reads_stops_nobody_and_counts() {
        let (mut lines, taken) = Lines::new();
        for _ in 0..bounds::LOG_LINES + 7 {
            lines.write_all(b"line\n").expect("never fails");
        }
        let lost = Arc::clone(&lines.lost);
        drop(lines);
        let mut written = Vec::new();
        write_all(&taken, &lost, &mut written);
        let text = String::from_utf8(written).expect("text");
        assert_eq!(text.matches("line\n").count(), bounds::LOG_LINES);
        assert_eq!(text.matches("7 log lines were lost").count(), 1);
    }
}
