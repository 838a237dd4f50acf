//! Recognisers: which one listens to a leg, and the tasks and threads that carry its sound there.
//!
//! Invariant: a leg that is to be listened to either has a stream, or the core has been told that it has none and why; a recogniser
//! that is slow, dead or full costs the media plane nothing and no call its time.

mod gauge;
mod inside;
mod library;
mod sherpa;
mod spotters;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_rustls::TlsConnector;

use super::feeds::{Feeds, Subscription};
use super::tls::{self, TlsError};
use crate::base::{CallId, LegId, bounds};
use crate::config::{self, RecogniserKind};
use crate::media::{FeedId, FeedRate, Order};
use crate::speech::{News, Wanted};

use inside::{Engine, Pool};
use stream::Stream;

pub use gauge::Gauges;
pub use spotters::model as built_in;

/// What a stream has to tell the core.
pub type Told = (CallId, LegId, News);

/// Segments of one connection, or of one listener; the next one's numbers begin behind them.
const GENERATION: u64 = 1 << 32;

/// Why the recognisers of the configuration cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The authorities of a server under TLS cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The built-in one's files cannot be read, or are none.
    #[error("recogniser {0}: {1}")]
    Inside(String, io::Error),
}

/// One recogniser of the configuration.
struct Recogniser {
    config: config::Recogniser,
    way: Way,
    /// Streams that it may still take.
    free: Arc<Semaphore>,
}

/// How sound gets there.
enum Way {
    Server(Server),
    Inside(Arc<Pool>),
}

/// A server of the site's, for one of its streams.
#[derive(Clone)]
struct Server {
    name: String,
    config: config::Server,
    silence: config::Silence,
    /// For `wss`.
    secure: Option<TlsConnector>,
}

/// All recognisers, and who is listened to.
pub struct Recognisers {
    all: Vec<Recogniser>,
    feeds: Feeds,
    streams: HashMap<(CallId, LegId), Running>,
    told: mpsc::Sender<Told>,
}

/// A stream that runs; dropping `_stop` ends it.
struct Running {
    feed: FeedId,
    /// Tells a stream within the node of other words.
    words: Option<mpsc::Sender<Wanted>>,
    _stop: oneshot::Sender<()>,
}

impl Recognisers {
    /// Those of the configuration; what their streams tell comes out of the receiver. `trust` is `[tls] trust`.
    ///
    /// # Errors
    /// A file of one of them cannot be read.
    pub fn new(
        configured: &[config::Recogniser],
        trust: Option<&Path>,
        feeds: Feeds,
    ) -> Result<(Recognisers, mpsc::Receiver<Told>), Unusable> {
        let (told, receiver) = mpsc::channel(bounds::MEDIA_NEWS);
        let one = |config: &config::Recogniser| {
            let failed = |error| Unusable::Inside(config.name.clone(), error);
            let inside = |engine: Arc<dyn Engine>, threads| {
                Pool::start(engine, threads, told.clone()).map(|pool| Way::Inside(Arc::new(pool)))
            };
            let way = match &config.kind {
                RecogniserKind::Server(server) => Way::Server(reached(config, server, trust)?),
                RecogniserKind::BuiltIn(built_in) => {
                    let engine = spotters::Spotters::load(built_in).map_err(failed)?;
                    inside(Arc::new(engine), built_in.threads).map_err(failed)?
                }
                RecogniserKind::Library(library) => {
                    let engine = sherpa::Sherpa::load(library).map_err(failed)?;
                    inside(Arc::new(engine), library.threads).map_err(failed)?
                }
            };
            Ok(Recogniser { config: config.clone(), way, free: Arc::new(Semaphore::new(config.streams)) })
        };
        let all = configured.iter().map(one).collect::<Result<_, Unusable>>()?;
        Ok((Recognisers { all, feeds, streams: HashMap::new(), told }, receiver))
    }

    /// Gauges of voices, which tell where the recognisers do.
    pub fn gauges(&self) -> Gauges {
        Gauges::new(self.feeds.clone(), self.told.clone())
    }

    /// Has the first recogniser with room listen to a leg: the order that feeds it. A leg that is listened to already has its words
    /// replaced, and nothing is to be ordered.
    ///
    /// # Errors
    /// What to tell the core: there is no recogniser, or none has room.
    pub fn begin(&mut self, call: CallId, leg: LegId, wanted: Wanted) -> Result<Option<Order>, News> {
        if let Some(running) = self.streams.get(&(call, leg)) {
            // Whoever has that many changes before it takes the last of them next time.
            running.words.iter().for_each(|words| drop(words.try_send(wanted.clone())));
            return Ok(None);
        }
        let deaf = |why: &str| News::Deaf { why: why.to_string() };
        if self.all.is_empty() {
            return Err(deaf("no recogniser is configured"));
        }
        let fit = || self.all.iter().filter(|one| !wanted.intercepts || one.config.may_intercept());
        if fit().next().is_none() {
            return Err(deaf(
                "the built-in recogniser intercepts nothing until it is calibrated (`thresholds`)",
            ));
        }
        let found = fit().find_map(|one| {
            let permit = Arc::clone(&one.free).try_acquire_owned().ok()?;
            Some((one, permit))
        });
        let Some((one, permit)) = found else { return Err(deaf("every recogniser is full")) };
        let Subscription { feed, pieces } = self.feeds.subscribe(bounds::HEARING);
        let rate = if one.config.rate() == 8_000 { FeedRate::Narrow } else { FeedRate::Wide };
        let (stop, stopped) = oneshot::channel();
        let words = match &one.way {
            Way::Server(server) => {
                let stream = Stream::new(server.clone(), (call, leg), pieces, self.told.clone());
                tokio::spawn(async move {
                    stream.run(stopped).await;
                    drop(permit);
                });
                None
            }
            Way::Inside(pool) => {
                let (words, changes) = mpsc::channel(bounds::LEXICA);
                let (name, told) = (one.config.name.clone(), self.told.clone());
                let silence = one.config.silence;
                let party = inside::Party { name, of: (call, leg), pieces, changes, told, silence };
                let pool = Arc::clone(pool);
                tokio::spawn(async move {
                    pool.carry(party, wanted, stopped).await;
                    drop(permit);
                });
                Some(words)
            }
        };
        self.streams.insert((call, leg), Running { feed, words, _stop: stop });
        Ok(Some(Order::Feed { call, leg, feed, rate }))
    }

    /// Nobody listens to the leg any more: the order that ends its feed.
    pub fn end(&mut self, call: CallId, leg: LegId) -> Option<Order> {
        let running = self.streams.remove(&(call, leg))?;
        self.feeds.forget(running.feed);
        Some(Order::Unfeed { call, leg, feed: running.feed })
    }

    /// Each recogniser's name, how many it listens to, and how many it may.
    pub fn view(&self) -> Vec<(String, usize, usize)> {
        let busy = |one: &Recogniser| one.config.streams.saturating_sub(one.free.available_permits());
        self.all.iter().map(|one| (one.config.name.clone(), busy(one), one.config.streams)).collect()
    }
}

fn reached(
    one: &config::Recogniser,
    server: &config::Server,
    trust: Option<&Path>,
) -> Result<Server, TlsError> {
    let secure = server.url.starts_with("wss://");
    let secure = secure.then(|| tls::connector_to(server.trust.as_deref().or(trust))).transpose()?;
    Ok(Server { name: one.name.clone(), config: server.clone(), silence: one.silence, secure })
}
