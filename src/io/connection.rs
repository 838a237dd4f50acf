//! One stream connection: octets in, framed, to the control task; octets out, in order. It decides nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::stream::{self, Event};
use crate::base::bounds;
use crate::sip::Flow;
use crate::sip::framing::{Frame, Framer};

/// How a connection comes to be.
#[derive(Debug)]
pub(super) enum Way {
    /// The peer opened it.
    In(TcpStream),
    /// It is to be opened.
    Out,
}

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Writes {
    pub queue: mpsc::UnboundedSender<Bytes>,
    pub queued: mpsc::UnboundedReceiver<Bytes>,
    pub queued_bytes: Arc<AtomicUsize>,
}

/// Serves the connection until it ends, then says so.
pub(super) async fn run(flow: Flow, way: Way, writes: Writes, events: mpsc::Sender<Event>) {
    let opened = match way {
        Way::In(stream) => Ok(stream),
        Way::Out => stream::open(&flow).await,
    };
    let outcome = match opened {
        Ok(stream) => serve(flow, stream, writes, &events).await,
        Err(error) => Err(error),
    };
    tracing::debug!(remote = %flow.remote, connection = flow.connection, ?outcome, "stream ended");
    // The control task is gone only when the node is.
    let _ = events.send(Event::Ended { connection: flow.connection }).await;
}

async fn serve(
    flow: Flow,
    stream: TcpStream,
    writes: Writes,
    events: &mpsc::Sender<Event>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let Writes { queue, queued, queued_bytes } = writes;
    let last_words = tokio::select! {
        words = read(flow, reader, &queue, &queued_bytes, events) => words?,
        written = write(&mut writer, queued, &queued_bytes) => return written,
    };
    if let Some(words) = last_words {
        let said = timeout(bounds::STREAM_HEADER_DEADLINE, writer.write_all(&words)).await;
        said.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    writer.shutdown().await
}

/// Reads until the peer ends or is at fault; what is returned is to be said before closing.
async fn read(
    flow: Flow,
    mut reader: OwnedReadHalf,
    pongs: &mpsc::UnboundedSender<Bytes>,
    queued_bytes: &AtomicUsize,
    events: &mpsc::Sender<Event>,
) -> io::Result<Option<Bytes>> {
    let mut framer = Framer::new();
    let mut buffer = [0; 4_096];
    let mut deadline = Instant::now() + bounds::STREAM_FIRST;
    let mut partial = false;
    loop {
        let len = timeout_at(deadline, reader.read(&mut buffer))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let Some(octets) = buffer.get(..len).filter(|octets| !octets.is_empty()) else { return Ok(None) };
        framer.push(octets);
        loop {
            match framer.pop() {
                Ok(Some(Frame::Message(raw))) => {
                    partial = false;
                    events.send(Event::Message { flow, raw }).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
                }
                Ok(Some(Frame::Ping)) => pong(pongs, queued_bytes),
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => break,
                Err(refusal) => return Ok(refusal.answer("stream")),
            }
        }
        // The time of an unfinished message counts from its beginning, however slowly it drips.
        match (framer.is_partial(), partial) {
            (true, false) => deadline = Instant::now() + bounds::STREAM_HEADER_DEADLINE,
            (true, true) => {}
            (false, _) => deadline = Instant::now() + bounds::STREAM_IDLE,
        }
        partial = framer.is_partial();
    }
}

/// Answers a keep-alive (RFC 5626 §3.5.1), unless the peer does not read.
fn pong(queue: &mpsc::UnboundedSender<Bytes>, queued_bytes: &AtomicUsize) {
    if queued_bytes.load(Ordering::Relaxed) < bounds::WRITE_QUEUE_BYTES / 2 {
        queued_bytes.fetch_add(2, Ordering::Relaxed);
        let _ = queue.send(Bytes::from_static(b"\r\n"));
    }
}

async fn write(
    writer: &mut OwnedWriteHalf,
    mut queued: mpsc::UnboundedReceiver<Bytes>,
    queued_bytes: &AtomicUsize,
) -> io::Result<()> {
    while let Some(octets) = queued.recv().await {
        writer.write_all(&octets).await?;
        queued_bytes.fetch_sub(octets.len(), Ordering::Relaxed);
    }
    Ok(())
}
