//! HTTP/1.1 towards systems outside (RFC 9112), under TLS where the address says `https`.
//!
//! Invariants: every request ends within its time, whatever the server does; an answer is read up to a bound and no further; a
//! redirection is an answer like any other wrong one and is not followed, so that no server can send the node to a host that
//! the plan does not name; a token and a secret leave under TLS only.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hickory_resolver::TokioResolver;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::breaker::Breaker;
use crate::base::{Secret, bounds};
use crate::io::clock;

/// Octets of the head of an answer.
const HEAD_BYTES: usize = 32 << 10;

/// What is sent.
pub(super) struct Outgoing {
    pub post: bool,
    pub url: String,
    /// The body of a POST.
    pub body: Bytes,
    /// Its media type.
    pub kind: &'static str,
    /// Further lines of the head.
    pub headers: Vec<(&'static str, String)>,
    /// Sent as `Authorization: Bearer`, under TLS only.
    pub bearer: Option<Secret<String>>,
    /// Whether the body holds what nobody may read on the way.
    pub secret: bool,
    /// Octets of an answer that are read.
    pub most: usize,
}

/// Why there is no answer. What it says names hosts and numbers of HTTP, never a value.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the address is none that can be asked")]
    Address,
    #[error("a secret or a token would go in clear")]
    InClear,
    #[error("the host is left alone: it has not answered lately")]
    Resting,
    #[error("no answer in time")]
    Timeout,
    #[error("the name of the host is not found")]
    NoHost,
    #[error("no connection: {0}")]
    Connect(std::io::ErrorKind),
    #[error("no TLS connection: {0}")]
    Tls(String),
    #[error("the connection broke off or spoke no HTTP")]
    Broken,
    #[error("it answers {0}")]
    Status(u16),
    #[error("it redirects ({0}), which is not followed")]
    Redirected(u16),
    #[error("the answer is longer than {0} octets")]
    TooLong(usize),
}

impl Trouble {
    /// Whether it speaks of the host rather than of the question.
    pub(super) fn is_of_host(&self) -> bool {
        match self {
            Trouble::Timeout | Trouble::NoHost | Trouble::Connect(_) | Trouble::Tls(_) | Trouble::Broken => {
                true
            }
            Trouble::Status(status) => *status >= 500,
            _ => false,
        }
    }
}

/// Where connections go: host and port, and whether under TLS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    secure: bool,
    host: String,
    port: u16,
}

type Sender = SendRequest<Full<Bytes>>;

/// One host and what is known of it.
#[derive(Debug)]
struct Host {
    idle: Mutex<Vec<(Sender, Instant)>>,
    room: Semaphore,
    breaker: Mutex<Breaker>,
}

impl Default for Host {
    fn default() -> Host {
        Host {
            idle: Mutex::default(),
            room: Semaphore::new(bounds::OUTSIDE_PER_HOST),
            breaker: Mutex::default(),
        }
    }
}

/// The way to systems outside. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    hosts: Arc<Mutex<HashMap<Place, Arc<Host>>>>,
    dns: Option<Arc<TokioResolver>>,
    tls: Arc<RwLock<Arc<ClientConfig>>>,
}

impl Client {
    pub fn new(tls: Arc<ClientConfig>) -> Client {
        let dns = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        Client { hosts: Arc::default(), dns: dns.ok().map(Arc::new), tls: Arc::new(RwLock::new(tls)) }
    }

    /// Connections from now on believe, and show, what `tls` says.
    pub fn trust(&self, tls: Arc<ClientConfig>) {
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// What somebody should be woken for.
    pub fn alarms(&self) -> Vec<String> {
        let hosts = locked(&self.hosts);
        let dead = hosts.iter().filter_map(|(place, host)| Some((place, locked(&host.breaker).since()?)));
        let mut alarms: Vec<String> = dead
            .map(|(Place { host, port, .. }, since)| {
                format!(
                    "{host}:{port} does not answer since {}: lookups there take their `else`",
                    since.rfc3339()
                )
            })
            .collect();
        alarms.sort();
        alarms
    }

    /// Sends `outgoing` and reads the answer's body, all within `time`.
    ///
    /// # Errors
    /// Why there is none, or it is not a 2xx.
    pub async fn send(&self, outgoing: &Outgoing, time: Duration) -> Result<Bytes, Trouble> {
        let uri: Uri = encoded(&outgoing.url).parse().map_err(|_| Trouble::Address)?;
        let place = place(&uri).ok_or(Trouble::Address)?;
        if !place.secure && (outgoing.secret || outgoing.bearer.is_some()) {
            return Err(Trouble::InClear);
        }
        let host = Arc::clone(locked(&self.hosts).entry(place.clone()).or_default());
        locked(&host.breaker).enter(Instant::now()).map_err(|_| Trouble::Resting)?;
        let asked =
            timeout(time, self.ask(&place, &host, &uri, outgoing)).await.unwrap_or(Err(Trouble::Timeout));
        let mut breaker = locked(&host.breaker);
        match &asked {
            Err(trouble) if trouble.is_of_host() => {
                if breaker.bad(Instant::now(), clock::wall()) {
                    tracing::error!(host = place.host, port = place.port, %trouble, "a system outside is left alone for a while");
                }
            }
            _ => {
                if breaker.good() {
                    tracing::info!(host = place.host, port = place.port, "a system outside answers again");
                }
            }
        }
        asked
    }

    async fn ask(
        &self,
        place: &Place,
        host: &Arc<Host>,
        uri: &Uri,
        outgoing: &Outgoing,
    ) -> Result<Bytes, Trouble> {
        // A host that is slow to answer holds up its own questions only.
        let _room = host.room.acquire().await.map_err(|_| Trouble::Broken)?;
        let mut kept = idle(host);
        loop {
            let (mut sender, reused) = match kept.take() {
                Some(sender) => (sender, true),
                None => (self.connect(place).await?, false),
            };
            let response = match sender.try_send_request(request(place, uri, outgoing)?).await {
                Ok(response) => response,
                // A connection that the server closed meanwhile: what was certainly not sent, or harms nobody twice, goes
                // over a new one.
                Err(mut failed) if reused => {
                    let unsent = failed.take_message().is_some();
                    if unsent || !outgoing.post {
                        continue;
                    }
                    return Err(Trouble::Broken);
                }
                Err(_) => return Err(Trouble::Broken),
            };
            let body = read(response, outgoing.most).await?;
            keep(host, sender);
            return Ok(body);
        }
    }

    async fn connect(&self, place: &Place) -> Result<Sender, Trouble> {
        let mut last = Trouble::NoHost;
        for address in self.addresses(&place.host).await {
            match TcpStream::connect(SocketAddr::new(address, place.port)).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return match place.secure {
                        true => self.secure(place, stream).await,
                        false => shake_hands(stream).await,
                    };
                }
                Err(error) => last = Trouble::Connect(error.kind()),
            }
        }
        Err(last)
    }

    async fn secure(&self, place: &Place, stream: TcpStream) -> Result<Sender, Trouble> {
        let name = ServerName::try_from(place.host.clone()).map_err(|_| Trouble::Address)?;
        let connector =
            TlsConnector::from(Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner)));
        let stream =
            connector.connect(name, stream).await.map_err(|error| Trouble::Tls(error.to_string()))?;
        shake_hands(stream).await
    }

    async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return vec![address];
        }
        let Some(dns) = &self.dns else { return Vec::new() };
        // A name that no search list is put behind.
        let found = dns.lookup_ip(format!("{}.", host.trim_end_matches('.'))).await;
        found.map(|found| found.iter().collect()).unwrap_or_default()
    }
}

async fn shake_hands<S>(stream: S) -> Result<Sender, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD_BYTES).max_headers(64);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| Trouble::Broken)?;
    // It ends when the sender is dropped, or the server closes.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

fn request(place: &Place, uri: &Uri, outgoing: &Outgoing) -> Result<Request<Full<Bytes>>, Trouble> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let default = if place.secure { 443 } else { 80 };
    let host =
        if place.port == default { place.host.clone() } else { format!("{}:{}", place.host, place.port) };
    let mut builder = Request::builder()
        .method(if outgoing.post { Method::POST } else { Method::GET })
        .uri(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("ledgerline/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "application/json");
    if outgoing.post {
        builder = builder.header(header::CONTENT_TYPE, outgoing.kind);
    }
    for (name, value) in &outgoing.headers {
        builder = builder.header(*name, value);
    }
    if let Some(token) = &outgoing.bearer {
        let mut value = header::HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| Trouble::Address)?;
        value.set_sensitive(true);
        builder = builder.header(header::AUTHORIZATION, value);
    }
    builder.body(Full::new(outgoing.body.clone())).map_err(|_| Trouble::Address)
}

/// The body of a 2xx, up to `most` octets.
async fn read(response: Response<Incoming>, most: usize) -> Result<Bytes, Trouble> {
    let status = response.status();
    if status.is_redirection() {
        return Err(Trouble::Redirected(status.as_u16()));
    }
    if !status.is_success() {
        return Err(Trouble::Status(status.as_u16()));
    }
    let mut body = response.into_body();
    let mut octets = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Trouble::Broken)?.into_data() else { continue };
        if octets.len() + data.len() > most {
            return Err(Trouble::TooLong(most));
        }
        octets.extend_from_slice(&data);
    }
    Ok(octets.into())
}

/// A connection that is kept open and still serves.
fn idle(host: &Host) -> Option<Sender> {
    let mut idle = locked(&host.idle);
    while let Some((sender, since)) = idle.pop() {
        if since.elapsed() < bounds::OUTSIDE_IDLE && !sender.is_closed() {
            return Some(sender);
        }
    }
    None
}

/// Keeps a connection for the next question, once the server is done with this one.
fn keep(host: &Arc<Host>, mut sender: Sender) {
    let host = Arc::clone(host);
    tokio::spawn(async move {
        if timeout(Duration::from_secs(1), sender.ready()).await.is_ok_and(|ready| ready.is_ok()) {
            let mut idle = locked(&host.idle);
            idle.retain(|(kept, since)| since.elapsed() < bounds::OUTSIDE_IDLE && !kept.is_closed());
            if idle.len() < bounds::OUTSIDE_PER_HOST {
                idle.push((sender, Instant::now()));
            }
        }
    });
}

fn place(uri: &Uri) -> Option<Place> {
    let secure = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    Some(Place { secure, host, port })
}

/// A URL as it may stand in a request: what is no visible ASCII is percent-encoded (RFC 3986 §2.1).
fn encoded(url: &str) -> String {
    let octets = url.bytes().map(|octet| match octet {
        b'!'..=b'~' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    });
    octets.collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
