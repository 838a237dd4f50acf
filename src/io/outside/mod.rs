//! Systems outside that plans ask (`lookup`) and tell (`notify`), over HTTP.
//!
//! A thread of its own with an event loop of its own: a server that is slow, or an answer that takes long to read, costs neither the
//! core nor a packet anything. Invariants: every question is answered within its time, if only by "failed"; at most
//! [`bounds::OUTSIDE`] are under way; no value is logged.

mod breaker;
mod client;
mod outbox;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::{Semaphore, mpsc};
use zeroize::Zeroizing;

use super::clock::wall;
use super::sealed::Sealed;
use super::secrets::Named;
use super::seldom::Seldom;
use crate::base::{Masked, Secret, bounds};
use crate::call::{Answered, Notice, Question};
use crate::config::{self, Config};
use crate::plan::{Ended, Lookup, Method, Value};
use crate::vault::{Keyring, hex};
use client::{Client, Outgoing, Trouble};
use outbox::{Letter, Next, Outbox};

pub use upload::{Receipt, Upload, UploadError};

/// Media type of questions and letters.
const JSON: &str = "application/json";

/// How often letters that came and went are written down.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// The way to systems outside. Cheap to clone.
#[derive(Clone)]
pub struct Outside {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

/// The thread behind an [`Outside`].
pub struct Outdoors {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

enum Order {
    Ask(Box<Question>),
    Tell(Box<Notice>),
    /// The node is going down.
    Close,
}

struct Shared {
    client: Client,
    outbox: Outbox,
    files: Files,
    tokens: RwLock<Tokens>,
    node: String,
    room: Semaphore,
    answers: mpsc::Sender<Answered>,
    seldom: Seldom,
}

/// Where what TLS needs lies, and which secret is for whom.
#[derive(Debug, Clone)]
struct Files {
    outside: config::Outside,
    trust: Option<std::path::PathBuf>,
}

/// What hosts are shown, by host.
#[derive(Default)]
struct Tokens {
    bearer: HashMap<String, Secret<String>>,
    sign: HashMap<String, Secret<String>>,
}

impl Outside {
    /// Starts the thread; letters that waited in the store are tried again at once. Answers to questions come to the receiver.
    ///
    /// # Errors
    /// The system has no thread or event loop to give.
    pub fn start(
        config: &Config,
        keys: Arc<Keyring>,
    ) -> io::Result<(Outside, mpsc::Receiver<Answered>, Outdoors)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _inside = runtime.enter();
        let trust = config.outside.trust.clone().or_else(|| config.tls.trust.clone());
        let files = Files { outside: config.outside.clone(), trust };
        let (answers, answered) = mpsc::channel(bounds::OUTSIDE);
        let shared = Arc::new(Shared {
            client: Client::new(Arc::new(tls(&files))),
            outbox: Outbox::open(Sealed::new(config.store.folder.join("outbox.sealed"), "outbox", keys)),
            files,
            tokens: RwLock::default(),
            node: config.node.name.clone(),
            room: Semaphore::new(bounds::OUTSIDE),
            answers,
            seldom: Seldom::new(),
        });
        let (orders, taken) = mpsc::channel(bounds::OUTSIDE);
        drop(_inside);
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("ledgerline-out".into())
            .spawn(move || runtime.block_on(serve(serving, taken)))?;
        Ok((Outside { orders, shared: Arc::clone(&shared) }, answered, Outdoors { thread, shared }))
    }

    /// Asks. False: too many questions are under way, and there will be no answer.
    pub fn ask(&self, question: Question) -> bool {
        self.orders.try_send(Order::Ask(Box::new(question))).is_ok()
    }

    /// Tells. False: too much waits already.
    pub fn tell(&self, notice: Notice) -> bool {
        self.orders.try_send(Order::Tell(Box::new(notice))).is_ok()
    }

    /// What somebody should be woken for.
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms = self.shared.client.alarms();
        alarms.extend(self.shared.outbox.alarms());
        alarms
    }

    /// Takes the secrets that are sealed now, and reads the files of TLS again. May block on the disk.
    pub fn refresh(&self, secrets: &Named) {
        let pick = |names: &std::collections::BTreeMap<String, String>| {
            let found = names.iter().filter_map(|(host, name)| {
                let secret = secrets.get(name).cloned();
                if secret.is_none() {
                    tracing::error!(host, secret = name, "no such secret: `ledgerline secret set` makes it");
                }
                Some((host.clone(), secret?))
            });
            found.collect()
        };
        let outside = &self.shared.files.outside;
        let tokens = Tokens { bearer: pick(&outside.bearer), sign: pick(&outside.sign) };
        *self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        self.shared.client.trust(Arc::new(tls(&self.shared.files)));
    }
}

impl Outdoors {
    /// Ends the thread; letters that wait are on the disk then.
    pub fn close(self, outside: Outside) {
        // A full queue empties itself: the thread never waits for anybody.
        let _ = outside.orders.blocking_send(Order::Close);
        drop(outside);
        if self.thread.join().is_err() {
            tracing::error!("the thread that speaks to systems outside failed in itself");
        }
        self.shared.outbox.flush();
    }
}

async fn serve(shared: Arc<Shared>, mut orders: mpsc::Receiver<Order>) {
    for letter in shared.outbox.waiting() {
        tokio::spawn(deliver(Arc::clone(&shared), letter));
    }
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Ask(question)) => drop(tokio::spawn(look_up(Arc::clone(&shared), *question))),
                Some(Order::Tell(notice)) => post(&shared, &notice),
                Some(Order::Close) | None => return,
            },
            _ = flush.tick() => {
                let outbox = shared.outbox.clone();
                // A disk that is slow holds up the next writing, and no question.
                let _ = tokio::task::spawn_blocking(move || outbox.flush()).await;
            }
        }
    }
}

/// Carries out a lookup and sends its answer.
async fn look_up(shared: Arc<Shared>, question: Question) {
    let Question { call, number, lookup, values } = question;
    let asked = match shared.room.try_acquire() {
        Ok(_room) => fetch(&shared, &lookup, &values).await,
        Err(_) => Err((Ended::Failed, format!("{} questions are under way", bounds::OUTSIDE))),
    };
    drop(values);
    let (answer, why) = match asked {
        Ok(fields) => (Ok(fields), None),
        Err((ended, why)) => {
            if shared.seldom.now() {
                tracing::warn!(lookup = %lookup.name, why, "a lookup failed; others in these seconds are not told");
            }
            (Err(ended), Some(why))
        }
    };
    // Nobody listens only when the node is going down.
    let _ = shared.answers.send(Answered { call, number, answer, why }).await;
}

async fn fetch(shared: &Shared, lookup: &Lookup, values: &[Value]) -> Result<Arc<[Value]>, (Ended, String)> {
    let (url, body) = lookup.request(values);
    let outgoing = Outgoing {
        post: lookup.method == Method::Post,
        bearer: shared.token(&url, |tokens| &tokens.bearer),
        url,
        // What may be a secret is wiped when the last of it is sent.
        body: Bytes::from_owner(Zeroizing::new(body.unwrap_or_default().into_bytes())),
        kind: JSON,
        headers: Vec::new(),
        secret: values.iter().any(|value| matches!(value, Value::Secret(_))),
        most: bounds::LOOKUP_ANSWER_BYTES,
    };
    let answer = shared.client.send(&outgoing, lookup.timeout).await.map_err(|trouble| {
        let ended = if matches!(trouble, Trouble::Timeout) { Ended::Timeout } else { Ended::Failed };
        (ended, trouble.to_string())
    })?;
    lookup.read(&answer).map_err(|bad| (Ended::Failed, bad.to_string()))
}

/// Puts a notice into the outbox and sets off with it.
fn post(shared: &Arc<Shared>, notice: &Notice) {
    let Some(id) = id() else {
        return tracing::error!("no randomness for a letter to a webhook: it is lost");
    };
    let shown = |who: &Masked| if notice.clear { who.reveal().to_string() } else { who.to_string() };
    let body = json!({
        "id": id,
        "webhook": &*notice.webhook.name,
        "at": notice.at.rfc3339(),
        "node": shared.node,
        "call": notice.call.to_string(),
        "caller": shown(&notice.caller),
        "dialled": shown(&notice.dialled),
        "text": notice.text.as_deref(),
    });
    let letter = Letter {
        id,
        webhook: notice.webhook.name.to_string(),
        url: notice.webhook.url.to_string(),
        made: notice.at,
        body: body.to_string(),
    };
    if !shared.outbox.put(letter.clone()) {
        return tracing::error!(
            webhook = letter.webhook,
            "{} letters wait: this one is lost",
            bounds::OUTBOX
        );
    }
    tokio::spawn(deliver(Arc::clone(shared), letter));
}

/// Tries until it is taken, or will not be.
async fn deliver(shared: Arc<Shared>, letter: Letter) {
    for tries in 1.. {
        let mut headers = vec![("idempotency-key", letter.id.clone())];
        if let Some(key) = shared.token(&letter.url, |tokens| &tokens.sign) {
            headers.push(("ledgerline-signature", signature(&key, letter.body.as_bytes())));
        }
        let outgoing = Outgoing {
            post: true,
            url: letter.url.clone(),
            body: letter.body.clone().into(),
            kind: JSON,
            headers,
            bearer: shared.token(&letter.url, |tokens| &tokens.bearer),
            secret: false,
            most: bounds::LOOKUP_ANSWER_BYTES,
        };
        let sent = shared.client.send(&outgoing, bounds::WEBHOOK).await;
        match outbox::next(sent.as_ref().map(|_| ()), tries, letter.made, wall()) {
            Next::Taken => return shared.outbox.remove(&letter.id),
            Next::Again(pause) => tokio::time::sleep(pause).await,
            Next::Drop => {
                let why = sent.err().map(|trouble| trouble.to_string()).unwrap_or_default();
                let (webhook, id) = (&letter.webhook, &letter.id);
                tracing::error!(webhook, id, tries, why, "a letter to a webhook is dropped");
                return shared.outbox.remove(&letter.id);
            }
        }
    }
}

impl Shared {
    /// The token for the host of `url`.
    fn token(
        &self,
        url: &str,
        of: impl Fn(&Tokens) -> &HashMap<String, Secret<String>>,
    ) -> Option<Secret<String>> {
        let host = crate::plan::url_host(url)?.to_ascii_lowercase();
        of(&self.tokens.read().unwrap_or_else(PoisonError::into_inner)).get(&host).cloned()
    }
}

/// `sha256=` and HMAC-SHA-256 (RFC 2104) of the body under the secret, hexadecimal.
fn signature(key: &Secret<String>, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let mac = mac.map(|mac| hex(&mac.chain_update(body).finalize().into_bytes()));
    format!("sha256={}", mac.unwrap_or_default())
}

fn id() -> Option<String> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).ok()?;
    Some(hex(&octets))
}

/// Whom connections under TLS believe, and what they show. What cannot be read leaves nobody to believe, and an error line.
fn tls(files: &Files) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &files.trust {
        for certificate in read_all(path) {
            if let Err(error) = roots.add(certificate) {
                tracing::error!(file = %path.display(), %error, "not an authority");
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has what both versions of TLS need")
        .with_root_certificates(roots);
    let shown = files.outside.identity.as_ref().and_then(|(certificate, key)| {
        let key = PrivateKeyDer::from_pem_file(key)
            .inspect_err(|error| tracing::error!(file = %key.display(), %error, "no private key"));
        Some((read_all(certificate), key.ok()?))
    });
    match shown {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.clone().with_client_auth_cert(chain, key).unwrap_or_else(|error| {
            tracing::error!(%error, "[outside] certificate and key do not go together: none is shown");
            builder.with_no_client_auth()
        }),
    }
}

fn read_all(path: &Path) -> Vec<CertificateDer<'static>> {
    let read = CertificateDer::pem_file_iter(path).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    read.inspect_err(|error| tracing::error!(file = %path.display(), %error, "certificates cannot be read"))
        .unwrap_or_default()
}
