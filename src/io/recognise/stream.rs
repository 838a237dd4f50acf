//! One party's sound on its way to a recogniser, and what comes back.
//!
//! ```text
//!              reached                     cut, silent, behind
//! connecting ──────────> talking ────────────────────────────────> resting ──> connecting …
//!     └───────────────── told: deaf ──────────────────────────────────┘        told: hears
//! ```
//!
//! Invariant: sound that nobody could take is left out and its time still counts, so that what is said later stands at its place.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, handshake::client::Request};

use super::{GENERATION, Server, Told};
use crate::base::{CallId, LegId, bounds};
use crate::config::Silence;
use crate::media::FeedPiece;
use crate::speech::{Dialogue, Frame, Gate, News, Opening, Unreadable};

/// How long a server has for its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("its address cannot be used")]
    Address,
    #[error("not reached: {0}")]
    Unreached(#[from] std::io::Error),
    #[error("not reached in {} s", bounds::RECOGNISER_REACHED.as_secs())]
    Late,
    #[error("{0}")]
    Socket(Box<tokio_tungstenite::tungstenite::Error>),
    #[error("closed by the server")]
    Closed,
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("it does not keep up: {0} ms of sound were left out")]
    Behind(u32),
}

impl From<tokio_tungstenite::tungstenite::Error> for Cut {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Cut {
        Cut::Socket(Box::new(error))
    }
}

/// One party, listened to.
pub(super) struct Stream {
    server: Server,
    of: (CallId, LegId),
    pieces: mpsc::Receiver<FeedPiece>,
    told: mpsc::Sender<Told>,
    generation: u64,
}

trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}
type Socket = WebSocketStream<Box<dyn Carrier>>;

impl Stream {
    pub fn new(
        server: Server,
        of: (CallId, LegId),
        pieces: mpsc::Receiver<FeedPiece>,
        told: mpsc::Sender<Told>,
    ) -> Stream {
        Stream { server, of, pieces, told, generation: 0 }
    }

    /// Listens until `stop` is told, or its sender is gone, or the feed has ended.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut rest = bounds::RECOGNISER_REST;
        let mut deaf = false;
        loop {
            let reached = tokio::select! {
                reached = self.connect() => reached,
                _ = &mut stop => return,
            };
            let cut = match reached {
                Ok(socket) => {
                    if std::mem::take(&mut deaf) {
                        self.tell(News::Hears).await;
                    }
                    rest = bounds::RECOGNISER_REST;
                    match self.talk(socket, &mut stop).await {
                        Ok(()) => return,
                        Err(cut) => cut,
                    }
                }
                Err(cut) => cut,
            };
            let name = &self.server.name;
            tracing::warn!(recogniser = name, call = %self.of.0, why = %cut, "a party is not listened to");
            if !std::mem::replace(&mut deaf, true) {
                self.tell(News::Deaf { why: format!("recogniser {name}: {cut}") }).await;
            }
            if !self.idle(rest, &mut stop).await {
                return;
            }
            rest = (rest * 2).min(bounds::RECOGNISER_REST_MOST);
            self.generation += 1;
        }
    }

    async fn tell(&self, news: News) {
        // The receiver is gone only when the node goes down.
        let _ = self.told.send((self.of.0, self.of.1, news)).await;
    }

    /// Lets sound pass unheard for a while; `false`: there is no more.
    async fn idle(&mut self, rest: Duration, stop: &mut oneshot::Receiver<()>) -> bool {
        let until = Instant::now() + rest;
        loop {
            tokio::select! {
                () = sleep_until(until) => return true,
                piece = self.pieces.recv() => if piece.is_none() { return false },
                _ = &mut *stop => return false,
            }
        }
    }

    async fn connect(&self) -> Result<Socket, Cut> {
        timeout(bounds::RECOGNISER_REACHED, self.reach()).await.unwrap_or(Err(Cut::Late))
    }

    async fn reach(&self) -> Result<Socket, Cut> {
        let request = self.request()?;
        let uri = request.uri();
        let host = uri.host().ok_or(Cut::Address)?.trim_matches(['[', ']']).to_string();
        let port = uri.port_u16().unwrap_or(if self.server.secure.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let carrier: Box<dyn Carrier> = match &self.server.secure {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(host).map_err(|_| Cut::Address)?;
                Box::new(tls.connect(name, stream).await?)
            }
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(bounds::RECOGNISER_MESSAGE))
            .max_frame_size(Some(bounds::RECOGNISER_MESSAGE));
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, carrier, Some(config)).await?;
        Ok(socket)
    }

    fn request(&self) -> Result<Request, Cut> {
        let uri: Uri = self.server.config.url.parse().map_err(|_| Cut::Address)?;
        let mut request = uri.into_client_request()?;
        if let Some(subprotocol) = self.server.config.protocol.subprotocol() {
            request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(subprotocol));
        }
        Ok(request)
    }

    fn opening(&self) -> Opening {
        let name = format!("{}-{}", self.of.0, self.of.1);
        Opening { name, rate: self.server.config.rate, phrases: Vec::new() }
    }

    /// Sends sound and reads answers until there is no more sound.
    async fn talk(&mut self, mut socket: Socket, stop: &mut oneshot::Receiver<()>) -> Result<(), Cut> {
        let mut dialogue = self.server.config.protocol.dialogue(&self.opening());
        if let Some(frame) = dialogue.open() {
            socket.send(message(frame)).await?;
        }
        // Where the connection's first sample stands in the feed.
        let mut begins = None;
        let skips = self.server.silence == Silence::Skip;
        let mut gate = skips.then(|| Gate::new(self.server.config.rate));
        loop {
            tokio::select! {
                piece = self.pieces.recv() => {
                    let Some(piece) = piece else { return self.finish(socket, dialogue, gate, begins).await };
                    if piece.dropped > 0 {
                        return Err(Cut::Behind(piece.dropped.saturating_mul(20)));
                    }
                    begins.get_or_insert(piece.sample);
                    let samples = match &mut gate {
                        Some(gate) => gate.push(&piece.samples),
                        None => piece.samples.into_vec(),
                    };
                    let frame = if samples.is_empty() { None } else { dialogue.sound(&samples) };
                    if let Some(frame) = frame {
                        socket.send(message(frame)).await?;
                    }
                }
                answer = socket.next() => self.answered(&mut *dialogue, gate.as_ref(), begins, answer).await?,
                _ = &mut *stop => return self.finish(socket, dialogue, gate, begins).await,
            }
        }
    }

    async fn finish(
        &mut self,
        mut socket: Socket,
        mut dialogue: Box<dyn Dialogue>,
        gate: Option<Gate>,
        begins: Option<u64>,
    ) -> Result<(), Cut> {
        let last_words = async {
            for frame in dialogue.close() {
                socket.send(message(frame)).await?;
            }
            loop {
                let answer = socket.next().await;
                self.answered(&mut *dialogue, gate.as_ref(), begins, answer).await?;
            }
        };
        // It ends by the server's closing, by its saying nothing, or by its saying something odd: it is over either way.
        let _: Result<Result<(), Cut>, _> = timeout(LAST_WORDS, last_words).await;
        Ok(())
    }

    async fn answered(
        &self,
        dialogue: &mut dyn Dialogue,
        gate: Option<&Gate>,
        begins: Option<u64>,
        answer: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), Cut> {
        let text = match answer {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return Err(Cut::Closed),
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
        };
        let ms = begins.unwrap_or(0).saturating_mul(1_000) / u64::from(self.server.config.rate.max(1));
        for mut said in dialogue.read(&text)? {
            if let Some(gate) = gate {
                gate.place(&mut said);
            }
            said.shift(self.generation * GENERATION, ms);
            self.tell(News::Said(said)).await;
        }
        Ok(())
    }
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(octets) => Message::binary(octets),
    }
}
