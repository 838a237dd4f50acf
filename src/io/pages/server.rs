//! The few answers that a page needs, over HTTP/1.1: the page itself, logging in and out, and events.
//!
//! Invariants: connections, sessions and what is posted are bounded; what changes something is posted as JSON from the page's own
//! origin; a session is a random name in a cookie that scripts cannot read.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::hub::{Hub, Reader};
use super::sessions::Sessions;
use crate::base::{Secret, bounds};
use crate::io::tls::Tls;
use crate::vault::hex;

/// How long a client may take for the head of a request, and for a TLS handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a page that shows nothing new is told that it is still connected.
const PULSE: Duration = Duration::from_secs(15);
/// How often a session is held to what is known of its person now.
const ANEW: Duration = Duration::from_secs(60);
/// People whose passwords are looked at together: each takes memory and time on purpose.
const AT_THE_DOOR: usize = 2;

const COOKIE: &str = "ledgerline-page";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Somebody who was let in.
#[derive(Clone)]
pub struct Guest {
    /// Their account.
    pub account: String,
    /// The user whose calls they see.
    pub user: String,
    /// What proves them next time.
    pub token: Secret<String>,
}

/// Who lets people in: the node's accounts. It blocks.
pub trait Entrance: Send + Sync {
    /// Somebody with a name, a password and perhaps a code, from an address. The refusal in words.
    ///
    /// # Errors
    /// Why not.
    fn log_in(
        &self,
        from: IpAddr,
        name: &str,
        password: Secret<String>,
        code: Option<String>,
    ) -> Result<Guest, String>;

    /// Somebody who was let in before; the token that comes back replaces the one before.
    ///
    /// # Errors
    /// Not any more.
    fn go_on(&self, from: IpAddr, token: &Secret<String>) -> Result<Guest, String>;
}

/// What a server needs to begin.
pub struct Start {
    /// Where it listens.
    pub listener: std::net::TcpListener,
    /// Its certificate; without one it speaks in clear.
    pub tls: Option<Tls>,
    /// Who lets people in.
    pub entrance: Arc<dyn Entrance>,
    /// What there is to see.
    pub hub: Hub,
}

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    tls: Option<Tls>,
    entrance: Arc<dyn Entrance>,
    hub: Hub,
    sessions: Arc<Mutex<Sessions>>,
    of_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    room: Arc<Semaphore>,
    door: Arc<Semaphore>,
}

type Answer = Response<Either<Full<Bytes>, Events>>;

/// What a browser posts to log in.
#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
}

#[derive(Serialize)]
struct Me<'a> {
    account: &'a str,
    user: &'a str,
}

impl Server {
    /// Serves until it is dropped.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub async fn serve(start: Start) -> io::Result<()> {
        start.listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(start.listener)?;
        let server = Server {
            tls: start.tls,
            entrance: start.entrance,
            hub: start.hub,
            sessions: Arc::default(),
            of_address: Arc::default(),
            room: Arc::new(Semaphore::new(bounds::PAGE_CONNECTIONS)),
            door: Arc::new(Semaphore::new(AT_THE_DOOR)),
        };
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            // Without room the connection is closed at once.
            if let Some(place) = server.place(from) {
                tokio::spawn(server.clone().connection(stream, place));
            }
        }
    }

    fn place(&self, from: SocketAddr) -> Option<Place> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let mut counts = self.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(from.ip()).or_default();
        if *count >= bounds::PAGE_CONNECTIONS_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Place { of_address: Arc::clone(&self.of_address), from: from.ip(), _room: room })
    }

    async fn connection(self, stream: TcpStream, place: Place) {
        let from = place.from;
        let service = service_fn(|request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(from, request).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 << 10);
        // How a connection ends is its client's affair.
        match &self.tls {
            None => drop(http.serve_connection(TokioIo::new(stream), service).await),
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.acceptor().accept(stream)).await {
                    drop(http.serve_connection(TokioIo::new(stream), service).await);
                }
            }
        }
    }

    async fn answer(&self, from: IpAddr, request: Request<Incoming>) -> Answer {
        let mut answer = match (request.method().clone(), request.uri().path()) {
            (Method::GET, "/") => file("text/html; charset=utf-8", include_str!("page.html")),
            (Method::GET, "/page.js") => file("text/javascript; charset=utf-8", include_str!("page.js")),
            (Method::GET, "/page.css") => file("text/css; charset=utf-8", include_str!("page.css")),
            (Method::GET, "/me") => self.me(&request),
            (Method::GET, "/events") => self.events(from, &request),
            (Method::POST, "/login") if is_own(&request) => self.log_in(from, request).await,
            (Method::POST, "/logout") if is_own(&request) => self.log_out(&request),
            (Method::POST, _) => plain(StatusCode::FORBIDDEN),
            _ => plain(StatusCode::NOT_FOUND),
        };
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self, request: &Request<Incoming>) -> Option<(String, Guest)> {
        let name = cookie(request)?;
        self.sessions().get(Instant::now(), &name).map(|guest| (name, guest))
    }

    fn me(&self, request: &Request<Incoming>) -> Answer {
        let Some((_, guest)) = self.session(request) else { return plain(StatusCode::UNAUTHORIZED) };
        let me = Me { account: &guest.account, user: &guest.user };
        file("application/json", &serde_json::to_string(&me).unwrap_or_default())
    }

    async fn log_in(&self, from: IpAddr, request: Request<Incoming>) -> Answer {
        let body = Limited::new(request.into_body(), bounds::PAGE_POST_BYTES).collect();
        let body = match tokio::time::timeout(PATIENCE, body).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => return plain(StatusCode::REQUEST_TIMEOUT),
        };
        let body = body.to_bytes();
        let Ok(Credentials { name, password, code }) = serde_json::from_slice(&body) else {
            return plain(StatusCode::BAD_REQUEST);
        };
        let Ok(_door) = self.door.acquire().await else { return plain(StatusCode::SERVICE_UNAVAILABLE) };
        let (entrance, password) = (Arc::clone(&self.entrance), Secret::new(password));
        let tried = tokio::task::spawn_blocking(move || entrance.log_in(from, &name, password, code)).await;
        let guest = match tried {
            Ok(Ok(guest)) => guest,
            Ok(Err(why)) => return text(StatusCode::FORBIDDEN, &why),
            Err(_) => return plain(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let mut octets = [0; 32];
        if getrandom::fill(&mut octets).is_err() {
            return plain(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let name = hex(&octets);
        if !self.sessions().add(Instant::now(), name.clone(), guest) {
            return text(StatusCode::SERVICE_UNAVAILABLE, "too many people are logged in");
        }
        let secure = if self.tls.is_some() { "; Secure" } else { "" };
        let mut answer = plain(StatusCode::NO_CONTENT);
        let cookie = format!("{COOKIE}={name}; Path=/; HttpOnly; SameSite=Strict{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            answer.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        answer
    }

    fn log_out(&self, request: &Request<Incoming>) -> Answer {
        if let Some(name) = cookie(request) {
            self.sessions().remove(&name);
        }
        plain(StatusCode::NO_CONTENT)
    }

    fn events(&self, from: IpAddr, request: &Request<Incoming>) -> Answer {
        let Some((name, guest)) = self.session(request) else { return plain(StatusCode::UNAUTHORIZED) };
        let Some(reader) = self.hub.look(&guest.user) else { return plain(StatusCode::SERVICE_UNAVAILABLE) };
        let (sender, events) = mpsc::channel(4);
        tokio::spawn(self.clone().tell(from, name, reader, sender));
        let mut answer = Response::new(Either::Right(Events(events)));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        answer
    }

    /// Tells a page what there is to see until it is closed, or its person may not look any more.
    async fn tell(self, from: IpAddr, name: String, mut reader: Reader, sender: mpsc::Sender<Bytes>) {
        let mut pulse = tokio::time::interval(PULSE);
        let mut anew = tokio::time::interval_at(tokio::time::Instant::now() + ANEW, ANEW);
        reader.pages.mark_changed();
        loop {
            let event = tokio::select! {
                changed = reader.pages.changed() => match changed {
                    Ok(()) => format!("data: {}\n\n", &*reader.pages.borrow_and_update()),
                    Err(_) => return,
                },
                _ = pulse.tick() => ":\n\n".to_string(),
                _ = anew.tick() => match self.clone().still(from, name.clone()).await {
                    true => continue,
                    false => "event: over\ndata: {}\n\n".to_string(),
                },
                () = sender.closed() => return,
            };
            let over = event.starts_with("event: over");
            if sender.send(event.into()).await.is_err() || over {
                return;
            }
        }
    }

    /// Whether a session still holds; it is renewed by this.
    async fn still(self, from: IpAddr, name: String) -> bool {
        let Some(guest) = self.sessions().get(Instant::now(), &name) else { return false };
        let entrance = Arc::clone(&self.entrance);
        let tried = tokio::task::spawn_blocking(move || entrance.go_on(from, &guest.token)).await;
        match tried {
            Ok(Ok(guest)) => self.sessions().renew(&name, guest),
            _ => {
                self.sessions().remove(&name);
                false
            }
        }
    }
}

/// A connection's place among all; dropping it gives it back.
struct Place {
    of_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    from: IpAddr,
    _room: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}

/// A body of events, as they come.
struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|octets| Ok(Frame::data(octets))))
    }
}

/// Whether a request was made by the page itself: JSON, and from the origin that it was sent to.
fn is_own(request: &Request<Incoming>) -> bool {
    let of = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let json = of(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    let host = of(header::HOST).unwrap_or_default();
    let origin =
        of(header::ORIGIN).is_none_or(|origin| origin.split_once("://").is_some_and(|(_, own)| own == host));
    json && origin
}

fn cookie(request: &Request<Incoming>) -> Option<String> {
    let cookies = request.headers().get(header::COOKIE)?.to_str().ok()?;
    let mut named = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
    named.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_string())
}

fn file(kind: &'static str, content: &str) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(Bytes::copy_from_slice(content.as_bytes()))));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn plain(status: StatusCode) -> Answer {
    text(status, "")
}

fn text(status: StatusCode, why: &str) -> Answer {
    let mut answer = file("text/plain; charset=utf-8", why);
    *answer.status_mut() = status;
    answer
}
