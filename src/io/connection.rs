//! One stream connection: octets in, framed, to the control task; octets out, in order. It decides nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use socket2::TcpKeepalive;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsStream;

use super::seldom::Seldom;
use super::stream::{self, Event};
use super::tls::Secure;
use crate::base::bounds;
use crate::sip::Flow;
use crate::sip::framing::{Frame, Framer};

/// How a connection comes to be.
pub(super) struct Way {
    /// The connection that a peer opened; `None`: it is to be opened.
    pub stream: Option<TcpStream>,
    /// Under TLS, and on which side of it.
    pub secure: Option<Secure>,
}

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Writes {
    pub queue: mpsc::UnboundedSender<Bytes>,
    pub queued: mpsc::UnboundedReceiver<Bytes>,
    pub queued_bytes: Arc<AtomicUsize>,
}

/// Where a connection tells of itself.
pub(super) struct Told {
    pub events: mpsc::Sender<Event>,
    /// Set once it has brought a whole message.
    pub spoke: Arc<AtomicBool>,
    pub seldom: Arc<Seldom>,
}

/// Serves the connection until it ends, then says so.
pub(super) async fn run(flow: Flow, way: Way, writes: Writes, told: Told) {
    let outcome = serve(flow, way, writes, &told).await;
    tracing::debug!(remote = %flow.remote, connection = flow.connection, ?outcome, "stream ended");
    // The control task is gone only when the node is.
    let _ = told.events.send(Event::Ended { connection: flow.connection }).await;
}

async fn serve(flow: Flow, way: Way, writes: Writes, told: &Told) -> io::Result<()> {
    let stream = match way.stream {
        Some(stream) => stream,
        None => stream::open(&flow).await?,
    };
    stream.set_nodelay(true)?;
    // A machine that vanished without a word is found within minutes, also behind a connection that says nothing for hours.
    socket2::SockRef::from(&stream)
        .set_tcp_keepalive(&TcpKeepalive::new().with_time(bounds::STREAM_PROBE))?;
    match way.secure {
        None => {
            let (reader, writer) = stream.into_split();
            talk(flow, reader, writer, writes, told).await
        }
        Some(secure) => {
            let shaken = timeout(bounds::HANDSHAKE, shake(secure, stream)).await;
            let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let stream = shaken.inspect_err(|error| {
                if told.seldom.now() {
                    tracing::warn!(remote = %flow.remote, %error, "TLS handshake failed");
                }
            })?;
            let (reader, writer) = tokio::io::split(stream);
            talk(flow, reader, writer, writes, told).await
        }
    }
}

async fn shake(secure: Secure, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    match secure {
        Secure::Server(acceptor) => acceptor.accept(stream).await.map(TlsStream::from),
        Secure::Client(connector, name) => connector.connect(name, stream).await.map(TlsStream::from),
    }
}

/// Reads and writes until one of them ends.
async fn talk(
    flow: Flow,
    reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    writes: Writes,
    told: &Told,
) -> io::Result<()> {
    let Writes { queue, queued, queued_bytes } = writes;
    let last_words = tokio::select! {
        words = read(flow, reader, &queue, &queued_bytes, told) => words?,
        written = write(&mut writer, queued, &queued_bytes) => return written,
    };
    let farewell = async {
        if let Some(words) = last_words {
            writer.write_all(&words).await?;
        }
        writer.shutdown().await
    };
    timeout(bounds::STREAM_HEADER_DEADLINE, farewell)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Reads until the peer ends or is at fault; what is returned is to be said before closing.
async fn read(
    flow: Flow,
    mut reader: impl AsyncRead + Unpin,
    pongs: &mpsc::UnboundedSender<Bytes>,
    queued_bytes: &AtomicUsize,
    told: &Told,
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
                    told.spoke.store(true, Ordering::Relaxed);
                    let event = Event::Message { flow, raw };
                    told.events.send(event).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
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
    writer: &mut (impl AsyncWrite + Unpin),
    mut queued: mpsc::UnboundedReceiver<Bytes>,
    queued_bytes: &AtomicUsize,
) -> io::Result<()> {
    while let Some(octets) = queued.recv().await {
        writer.write_all(&octets).await?;
        // TLS may hold back what fits no full record.
        writer.flush().await?;
        queued_bytes.fetch_sub(octets.len(), Ordering::Relaxed);
    }
    Ok(())
}
