//! Recognisers that the site runs: which one listens to a leg, and the task that carries its sound there.
//!
//! Invariant: a leg that is to be listened to either has a stream, or the core has been told that it has none and why; a server
//! that is slow, dead or full costs the media plane nothing and no call its time.

mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_rustls::TlsConnector;

use super::feeds::{Feeds, Subscription};
use super::tls::{self, TlsError};
use crate::base::{CallId, LegId, bounds};
use crate::config;
use crate::media::{FeedId, FeedRate, Order};
use crate::speech::News;

use stream::Stream;

/// What a stream has to tell the core.
pub type Told = (CallId, LegId, News);

/// One server of the configuration.
#[derive(Clone)]
struct Server {
    config: config::Recogniser,
    /// For `wss`.
    secure: Option<TlsConnector>,
    /// Streams that it may still take.
    free: Arc<Semaphore>,
}

/// All servers, and who is listened to.
pub struct Recognisers {
    servers: Vec<Server>,
    feeds: Feeds,
    streams: HashMap<(CallId, LegId), Running>,
    told: mpsc::Sender<Told>,
}

/// A stream that runs; dropping `_stop` ends it.
struct Running {
    feed: FeedId,
    _stop: oneshot::Sender<()>,
}

impl Recognisers {
    /// Those of the configuration; what their streams tell comes out of the receiver. `trust` is `[tls] trust`.
    ///
    /// # Errors
    /// The authorities of a server under TLS cannot be read.
    pub fn new(
        configured: &[config::Recogniser],
        trust: Option<&Path>,
        feeds: Feeds,
    ) -> Result<(Recognisers, mpsc::Receiver<Told>), TlsError> {
        let server = |one: &config::Recogniser| {
            let secure = one.url.starts_with("wss://");
            let secure = secure.then(|| tls::connector_to(one.trust.as_deref().or(trust))).transpose()?;
            Ok(Server { config: one.clone(), secure, free: Arc::new(Semaphore::new(one.streams)) })
        };
        let servers = configured.iter().map(server).collect::<Result<_, TlsError>>()?;
        let (told, receiver) = mpsc::channel(bounds::MEDIA_NEWS);
        Ok((Recognisers { servers, feeds, streams: HashMap::new(), told }, receiver))
    }

    /// Has the first server with room listen to a leg: the order that feeds it.
    ///
    /// # Errors
    /// What to tell the core: there is no server, or none has room.
    pub fn begin(&mut self, call: CallId, leg: LegId) -> Result<Order, News> {
        let deaf = |why: &str| News::Deaf { why: why.to_string() };
        if self.servers.is_empty() {
            return Err(deaf("no recogniser is configured"));
        }
        let found = self.servers.iter().find_map(|server| {
            let permit = Arc::clone(&server.free).try_acquire_owned().ok()?;
            Some((server, permit))
        });
        let Some((server, permit)) = found else { return Err(deaf("every recogniser is full")) };
        let Subscription { feed, pieces } = self.feeds.subscribe(bounds::HEARING);
        let rate = if server.config.rate == 8_000 { FeedRate::Narrow } else { FeedRate::Wide };
        let (stop, stopped) = oneshot::channel();
        let stream = Stream::new(server.clone(), (call, leg), pieces, self.told.clone());
        tokio::spawn(async move {
            stream.run(stopped).await;
            drop(permit);
        });
        self.streams.insert((call, leg), Running { feed, _stop: stop });
        Ok(Order::Feed { call, leg, feed, rate })
    }

    /// Nobody listens to the leg any more: the order that ends its feed.
    pub fn end(&mut self, call: CallId, leg: LegId) -> Option<Order> {
        let running = self.streams.remove(&(call, leg))?;
        Some(Order::Unfeed { call, leg, feed: running.feed })
    }

    /// Each server's name, how many it listens to, and how many it may.
    pub fn view(&self) -> Vec<(String, usize, usize)> {
        let busy = |server: &Server| server.config.streams.saturating_sub(server.free.available_permits());
        self.servers.iter().map(|one| (one.config.name.clone(), busy(one), one.config.streams)).collect()
    }
}
