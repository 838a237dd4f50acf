//! A whole node: opens everything that the configuration names, puts the core in the middle, serves, and closes in order.
//!
//! Invariant: when [`run`] returns, every recording is closed or will be recovered, and no thread of the node is left.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::admin::planning::PlanAct;
use super::admin::protocol::Act;
use super::admin::trail::{self, Deed};
use super::admin::{Desk, Server};
use super::clock::{self, Clock};
use super::control::{Control, Parts};
use super::door::Door;
use super::media::{self, Plane};
use super::motions::Motions;
use super::notify::Notify;
use super::outside::{Outdoors, Outside};
use super::pages;
use super::people::People;
use super::pieces;
use super::plans::{self, Loaded};
use super::programs::{self, Kept, Programs, Started};
use super::recognise::{Recognisers, Unusable};
use super::registrations::{Changes, Keeper, Registrations};
use super::sealed;
use super::secrets::{self, Secrets};
use super::settings::SettingsFile;
use super::store::{self, Store, StoreError};
use super::stream::Streams;
use super::tls::{self, Tls, TlsError};
use super::udp::Udp;
use super::users::{Users, UsersError};
use crate::base::{Random, Rate};
use crate::call::Manner;
use crate::config::{self, Config, Listen, Scheme};
use crate::media::{MUSIC, Prompt, music};
use crate::plan::Lang;
use crate::presence;
use crate::registrar;
use crate::sip::Transport;
use crate::switch::{Input, Limits, Net, Setup, Switch};
use crate::vault::{self, Keyring, Outcome, Who};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys cannot be read.
    #[error("keys: {0}")]
    Keys(StoreError),
    /// The recording store does not open.
    #[error("store: {0}")]
    Store(StoreError),
    /// The accounts cannot be read.
    #[error("users: {0}")]
    Users(#[from] UsersError),
    /// The plan folder cannot be read.
    #[error("plan folder {0}: {1}")]
    PlanFolder(PathBuf, io::Error),
    /// A node in production has no approved program.
    #[error("no program may be loaded by a node in production: {0}")]
    Unapproved(String),
    /// The plan has errors: the text is every finding.
    #[error("the plan has errors\n{0}")]
    Plan(String),
    /// A listener could not be bound.
    #[error("cannot listen on {0}: {1}")]
    Listen(Listen, io::Error),
    /// The certificate cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// A recogniser's files cannot be used.
    #[error(transparent)]
    Recogniser(#[from] Unusable),
    /// The agents' pages cannot be served there.
    #[error("cannot serve pages on {0}: {1}")]
    Screen(SocketAddr, io::Error),
    /// The admin socket could not be made.
    #[error("admin socket {0}: {1}")]
    Admin(PathBuf, io::Error),
    /// The media plane did not start.
    #[error("media plane: {0}")]
    Media(io::Error),
    /// The system has no randomness or no event loop to give.
    #[error("{0}")]
    System(String),
}

/// Serves as configured until `stop` is done; the process's signals are minded too: SIGTERM and SIGINT stop, SIGHUP reloads
/// plan and certificates. `ready` is told the real addresses once everything listens. Blocks the calling thread.
///
/// # Errors
/// Something could not be opened; then nothing is left open.
pub fn run(
    config: &Config,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&[Listen]),
) -> Result<(), StartError> {
    let system = |error: io::Error| StartError::System(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_name("ledgerline-desk")
        .build()
        .map_err(system)?;
    let served = runtime.block_on(serve(config, stop, ready));
    // A desk that still decodes an hour of sound for somebody who is gone is not waited for.
    runtime.shutdown_background();
    served
}

async fn serve(
    config: &Config,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&[Listen]),
) -> Result<(), StartError> {
    let system = |error: io::Error| StartError::System(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let hangups = signal(SignalKind::hangup()).map_err(system)?;
    let node = Node::open(config)?;
    let Node { control, door, desk, server, store, keeper, tls, listening, made_of, outdoors, screen } = node;
    let (trunks, outside) = (desk.trunks.clone(), desk.outside.clone());
    let administration = tokio::spawn(server.serve(desk.clone(), door));
    let pages = screen.map(|(listener, tls, hub)| {
        let entrance = Arc::new(desk.clone());
        tokio::spawn(pages::Server::serve(pages::Start { listener, tls, entrance, hub }))
    });
    let (programs, noted) = (desk.programs.clone(), config.clone());
    let folder = config.plan.folder.clone();
    let watched = config.plan.watch.map(|pause| tokio::spawn(plans::watch(folder, pause, reload_by(&desk))));
    let reloading = tokio::spawn(reload_on(hangups, desk, tls.clone()));
    // A caller does not wait for what is written down of a start.
    drop(tokio::task::spawn_blocking(move || programs.note_start(&noted, &made_of)));
    // The secrets are on the disk, and the control task is not running yet to take what is read.
    drop(tokio::task::spawn_blocking(move || trunks.inspect(|trunks| trunks())));
    let watching = tls.map(|tls| tokio::spawn(tls.watch()));
    for listen in &listening {
        tracing::info!(%listen, "listening");
    }
    let audited = store.clone();
    let node_act =
        |act| trail::note(&audited, &Who::node(), &Deed::new(act, config.node.name.clone()), Outcome::Done);
    node_act("node.start");
    ready(&listening);
    control
        .run(async {
            tokio::select! {
                () = stop => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    administration.abort();
    if let Some(pages) = pages {
        pages.abort();
    }
    reloading.abort();
    if let Some(watched) = watched {
        watched.abort();
    }
    keeper.close();
    if let Some(outside) = outside {
        // The thread may have letters to write down.
        drop(tokio::task::spawn_blocking(move || outdoors.close(outside)).await);
    }
    if let Some(watching) = watching {
        watching.abort();
    }
    node_act("node.stop");
    store.close();
    tracing::info!("stopped");
    Ok(())
}

/// The parts of a node that are open and not running yet.
struct Node {
    control: Control,
    door: Door,
    desk: Desk,
    server: Server,
    store: Store,
    keeper: Keeper,
    tls: Option<Tls>,
    listening: Vec<Listen>,
    /// What the program is made of.
    made_of: Kept,
    outdoors: Outdoors,
    /// Where agents' pages are served, under which certificate, and what is on them.
    screen: Option<(std::net::TcpListener, Option<Tls>, pages::Hub)>,
}

/// What held parties hear, ready to play.
fn load_music(chosen: &config::Music) -> Result<Option<Prompt>, StartError> {
    let path = match chosen {
        config::Music::None => return Ok(None),
        config::Music::Own => return Ok(Some(music())),
        config::Music::File(path) => path,
    };
    let wrong = |why: String| StartError::System(format!("[media] music {}: {why}", path.display()));
    let file = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Prompt::from_wav(&file).map(Some).map_err(|error| wrong(error.to_string()))
}

impl Node {
    fn open(config: &Config) -> Result<Node, StartError> {
        let keys = Arc::new(store::load_keys(&config.store.keys).map_err(StartError::Keys)?);
        sealed::renew_all(&config.store.folder, &keys)
            .map_err(|error| StartError::System(error.to_string()))?;
        let users = Users::new(&config.store.folder, Arc::clone(&keys), &config.node.realm);
        let directory = Arc::new(users.directory()?);
        warn_of_unusable(&users)?;
        let programs = Programs::new(&config.store.folder, keys.clone());
        let people = People::new(&config.store.folder, keys.clone());
        let motions = Motions::new(&config.store.folder, keys.clone());
        // The three that take time take it together: a caller waits for all.
        let (news, vault_news) = mpsc::unbounded_channel();
        let (loaded, music, store) = std::thread::scope(|scope| {
            let loading = scope.spawn(|| load_plan(config, &programs, &motions, &people));
            let composing = scope.spawn(|| load_music(&config.media.music));
            let store = open_store(config, move |told| {
                // The receiver is gone only when the node is going down.
                let _ = news.send(told);
            });
            (loading.join(), composing.join(), store)
        });
        let died = |what: &str| StartError::System(format!("{what} failed in itself"));
        let started = loaded.map_err(|_| died("the plan's check"))??.loaded;
        let Loaded { program, mut prompts, kept: made_of, .. } = started;
        let music = music.map_err(|_| died("the music"))??;
        let music = music.map(|piece| prompts.insert(MUSIC, piece)).map(|()| MUSIC);
        pieces::load(&config.media, &mut prompts).map_err(StartError::System)?;
        let program = program.ok_or_else(|| StartError::Plan(String::new()))?;
        let server = Server::bind(&config.admin.socket)
            .map_err(|error| StartError::Admin(config.admin.socket.clone(), error))?;
        let secure = config.sip.listen.iter().any(|listen| listen.scheme == Scheme::Tls);
        let tls = secure.then(|| Tls::load(&config.tls)).transpose()?;
        let (udp, streams, stream_events, listening) = listen(&config.sip.listen, tls.as_ref())?;
        let store = store.map_err(StartError::Store)?;
        let clock = Clock::start();
        let mut random = random()?;
        let tap = store.tap();
        let (plane, media_news) =
            Plane::start(&media_config(config, clock), &mut random, move |item| tap.try_send(item).is_ok())
                .map_err(StartError::Media)?;
        let (recognisers, speech) =
            Recognisers::new(&config.recognisers, config.tls.trust.as_deref(), plane.feeds().clone())?;
        let mut seed = [0; 32];
        random.fill(&mut seed);
        let settings = SettingsFile::new(&config.store.folder, Arc::clone(&keys));
        let (kept, registrations, keeper) = registrations(config, Arc::clone(&keys))
            .map_err(|error| StartError::System(error.to_string()))?;
        let setup = Setup {
            node: config.node.name.clone(),
            realm: config.node.realm.clone(),
            digest: config.sip.digest.iter().map(algorithm).collect(),
            media_address: config.media.address,
            manner: Manner {
                session_s: config.sip.session_s,
                music,
                identity: config.sip.identity,
                srtp: config.media.srtp,
                video: config.media.video,
                video_kbps: config.media.video_kbps,
            },
            seed,
            wall: clock::wall(),
            program,
            directory,
            presence: presence::Policy {
                watching: config.presence.watch,
                shown: config.presence.show,
                places: config.features.slots.clone(),
            },
            features: config.features.clone(),
            settings: settings.read().map_err(|error| StartError::System(error.to_string()))?,
            limits: limits(&config.limits),
            registrar: rules(&config.registrar),
            kept,
        };
        let mut switch = Switch::new(clock.now(), setup);
        let emergency = programs.book().ok().and_then(|book| book.emergency);
        switch.handle(clock.now(), Input::Emergency(emergency.map(|on| on.name.into())));
        let (outside, found, outdoors) = Outside::start(config, Arc::clone(&keys))
            .map_err(|error| StartError::System(format!("systems outside: {error}")))?;
        let notify = Notify::from_environment();
        let (hub, pages_opened) = pages::Hub::new();
        let screen = config.screen.map(|at| screen(at, config, tls.as_ref())).transpose()?;
        let screen = screen.map(|(listener, tls)| (listener, tls, hub.clone()));
        let parts = Parts {
            clock,
            switch,
            udp,
            streams,
            stream_events,
            plane,
            media_news,
            store: store.clone(),
            vault_news,
            recognisers,
            speech,
            prompts,
            settings: settings.clone(),
            registrations,
            notify,
            outside: outside.clone(),
            found,
            pages: hub,
            pages_opened,
        };
        let (control, door) = Control::new(parts);
        let desk = Desk {
            users,
            people,
            motions,
            secrets: Secrets::new(&config.store.folder, keys),
            settings,
            realm: config.node.realm.clone(),
            store: Some(store.clone()),
            plan: config.plan.clone(),
            mode: config.node.mode,
            programs: programs.clone(),
            site: plans::site(config),
            trunks: Some(Arc::new(trunks_of(config, &door, &listening, outside.clone()))),
            outside: Some(outside),
            door: Some(door.clone()),
        };
        Ok(Node { control, door, desk, server, store, keeper, tls, listening, made_of, outdoors, screen })
    }
}

/// Opens the recording store of a stopped node as configured: for the command line beside it.
///
/// # Errors
/// As [`Store::open_stopped`].
pub fn open_stopped(config: &Config) -> Result<Store, StoreError> {
    Store::open_stopped(&config.store.folder, &store_options(config))
}

/// Where agents' pages are served: in clear to the machine itself only, else under the node's certificate.
fn screen(
    at: SocketAddr,
    config: &Config,
    tls: Option<&Tls>,
) -> Result<(std::net::TcpListener, Option<Tls>), StartError> {
    let tls = match (at.ip().is_loopback(), tls) {
        (true, _) => None,
        (false, Some(tls)) => Some(tls.clone()),
        (false, None) => Some(Tls::load(&config.tls)?),
    };
    let listener = std::net::TcpListener::bind(at).map_err(|error| StartError::Screen(at, error))?;
    tracing::info!(%at, tls = tls.is_some(), "agents' pages");
    Ok((listener, tls))
}

fn open_store(config: &Config, news: impl FnMut(vault::News) + Send + 'static) -> Result<Store, StoreError> {
    let options = store::Options { opus_after: config.store.opus_after, ..store_options(config) };
    Store::open(&config.store.folder, &options, news)
}

fn witness(to: &config::HeadsTo) -> store::HeadsTo {
    match to {
        config::HeadsTo::File(path) => store::HeadsTo::File(path.clone()),
        config::HeadsTo::Syslog => store::HeadsTo::Syslog,
        config::HeadsTo::Udp(to) => store::HeadsTo::Udp(*to),
    }
}

fn store_options(config: &Config) -> store::Options {
    store::Options {
        keys: Some(config.store.keys.clone()),
        country_code: config.store.country.clone(),
        heads_to: config.store.heads_to.iter().map(witness).collect(),
        ..store::Options::default()
    }
}

/// Reads the keys as configured.
///
/// # Errors
/// As [`store::load_keys`].
pub fn load_keys(config: &Config) -> Result<Arc<Keyring>, StoreError> {
    store::load_keys(&config.store.keys).map(Arc::new)
}

fn load_plan(
    config: &Config,
    programs: &Programs,
    motions: &Motions,
    people: &People,
) -> Result<Started, StartError> {
    let started = programs::at_start(config, programs, motions, people)?;
    let findings: String = started.loaded.diagnostics.iter().map(|found| found.render(Lang::En)).collect();
    for finding in findings.split_terminator("\n\n").filter(|text| !text.is_empty()) {
        tracing::warn!("plan: {finding}");
    }
    Ok(started)
}

/// The registrations of the run before, and the thread that keeps those of this one. Without the first a node can live.
fn registrations(config: &Config, keys: Arc<Keyring>) -> io::Result<(Vec<registrar::Kept>, Changes, Keeper)> {
    let registrations = Registrations::new(&config.store.folder, keys);
    let kept = registrations.read().unwrap_or_else(|error| {
        tracing::error!(%error, "registrations of before the restart are lost: phones must register anew");
        Vec::new()
    });
    let (changes, keeper) = registrations.keep(&kept)?;
    Ok((kept, changes, keeper))
}

fn limits(configured: &config::Limits) -> Limits {
    let default = Limits::default();
    // Twice a second's worth may come at once: phones that all come back after a power cut.
    let rate = |per_s: Option<u32>, default: Rate| match per_s {
        Some(per_s) => Rate { per_s, burst: per_s.saturating_mul(2) },
        None => default,
    };
    Limits {
        source: rate(configured.source_per_s, default.source),
        strangers: rate(configured.strangers_per_s, default.strangers),
        peer: rate(configured.peer_per_s, default.peer),
        user: rate(configured.user_per_s, default.user),
        wrong: configured.wrong_passwords.unwrap_or(default.wrong),
        wrong_of_source: configured.wrong_passwords_of_source.unwrap_or(default.wrong_of_source),
        ban: configured.ban.unwrap_or(default.ban),
        trusted: configured.trusted.iter().map(|(ip, bits)| Net::new(*ip, *bits)).collect(),
    }
}

fn rules(configured: &config::Registrar) -> registrar::Rules {
    registrar::Rules { least: configured.least, most: configured.most, ping: configured.ping }
}

fn warn_of_unusable(users: &Users) -> Result<(), StartError> {
    let unusable = users.list()?.into_iter().filter(|user| !user.usable).count();
    if unusable > 0 {
        tracing::warn!(
            unusable,
            "accounts were made for another realm and cannot register: give them new passwords"
        );
    }
    Ok(())
}

type Listening = (Vec<Udp>, Streams, mpsc::Receiver<super::stream::Event>, Vec<Listen>);

fn listen(wanted: &[Listen], tls: Option<&Tls>) -> Result<Listening, StartError> {
    let (mut streams, events) = Streams::new();
    if let Some(tls) = tls {
        streams.secure(tls.clone());
    }
    let (mut udp, mut listening) = (Vec::new(), Vec::new());
    for listen in wanted {
        let failed = |error| StartError::Listen(*listen, error);
        let address = match listen.scheme {
            Scheme::Udp => {
                let socket = Udp::bind(listen.address).map_err(failed)?;
                let address = socket.local();
                udp.push(socket);
                address
            }
            Scheme::Tcp => streams.listen(listen.address, Transport::Tcp).map_err(failed)?,
            Scheme::Tls => streams.listen(listen.address, Transport::Tls).map_err(failed)?,
        };
        listening.push(Listen { address, ..*listen });
    }
    Ok((udp, streams, events, listening))
}

/// What gives the core its trunks, as configured and with the secrets that are sealed now.
fn trunks_of(
    config: &Config,
    door: &Door,
    listening: &[Listen],
    outside: Outside,
) -> impl Fn() + Send + Sync + 'static {
    let (configured, door) = (config.trunks.clone(), door.clone());
    let (keys, folder) = (config.store.keys.clone(), config.store.folder.clone());
    let listeners: Vec<_> =
        listening.iter().map(|listen| (transport(listen.scheme), listen.address)).collect();
    move || {
        let secrets = store::load_keys(&keys)
            .map_err(|error| error.to_string())
            .and_then(|keys| Secrets::new(&folder, Arc::new(keys)).all().map_err(|error| error.to_string()));
        let secrets = secrets.unwrap_or_else(|error| {
            tracing::error!(%error, "secrets cannot be read: trunks that want one stay silent");
            Default::default()
        });
        outside.refresh(&secrets);
        let rules = configured.iter().map(|trunk| secrets::rules(trunk, &secrets)).collect();
        // Gone is only a door whose node is going down.
        let _ = door.trunks(rules, listeners.clone());
    }
}

fn transport(scheme: Scheme) -> Transport {
    match scheme {
        Scheme::Udp => Transport::Udp,
        Scheme::Tcp => Transport::Tcp,
        Scheme::Tls => Transport::Tls,
    }
}

fn media_config(config: &Config, clock: Clock) -> media::Config {
    let workers = config.media.workers.unwrap_or(0);
    let (ports, back_end) = (config.media.ports.clone(), config.media.back_end);
    media::Config { workers, pin: true, ports, dscp: 46, connect: true, back_end, clock }
}

fn random() -> Result<Random, StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::System(error.to_string()))?;
    Ok(Random::seeded(seed))
}

/// Reloads plan and certificates at every SIGHUP; what has errors changes nothing.
async fn reload_on(mut hangups: tokio::signal::unix::Signal, desk: Desk, tls: Option<Tls>) {
    while hangups.recv().await.is_some() {
        if let Some(store) = &desk.store {
            trail::note(store, &on_signal(), &Deed::new("node.reload", None), Outcome::Done);
        }
        let trunks = desk.trunks.clone();
        if tokio::task::spawn_blocking(move || trunks.inspect(|trunks| trunks())).await.is_err() {
            tracing::error!("trunks not read again");
        }
        if let Some(tls) = &tls {
            tls::tell_of_reload(&tls.reload());
        }
        let desk = desk.clone();
        if tokio::task::spawn_blocking(move || reload(&desk, on_signal())).await.is_err() {
            tracing::error!("plan not reloaded");
        }
    }
}

/// Reloads the plan for `who`, and says in the log what came of it.
fn reload(desk: &Desk, who: Who) {
    let act = Act::Plan(PlanAct::Reload { program: None });
    match desk.act(&who.into(), act, &mut |_| true) {
        Ok(done) => tracing::info!(%done, "plan reloaded"),
        Err(failure) => tracing::error!(%failure, "plan not reloaded"),
    }
}

/// What is done when the plan folder has changed.
fn reload_by(desk: &Desk) -> impl Fn() + Send + Sync + 'static {
    let desk = desk.clone();
    let who = Who { role: "system".into(), from: "plan folder".into(), ..Who::default() };
    move || reload(&desk, who.clone())
}

/// Whoever sent SIGHUP: the kernel lets root and the node's own user.
fn on_signal() -> Who {
    Who { role: "system".into(), from: "signal SIGHUP".into(), ..Who::default() }
}

fn algorithm(configured: &config::Digest) -> registrar::Algorithm {
    match configured {
        config::Digest::Sha256 => registrar::Algorithm::Sha256,
        config::Digest::Md5 => registrar::Algorithm::Md5,
    }
}
