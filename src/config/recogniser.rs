//! `[[recogniser]]`: who understands speech, a server or this node itself, as written and as checked.

use std::path::PathBuf;

use toml::Spanned;

use super::checked::Check;
use super::written;
use crate::base::bounds;
use crate::speech::{Protocol, spotter};

/// Streams of one recogniser, unless the configuration says otherwise: 25 conversations.
const STREAMS: u32 = 50;

/// One recogniser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recogniser {
    /// Its name in the log and in `status`.
    pub name: String,
    /// Parties that it listens to at one time.
    pub streams: usize,
    /// What becomes of long silence.
    pub silence: Silence,
    /// Who it is.
    pub kind: Kind,
}

/// What becomes of silence that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Silence {
    /// It is left out, and its time still counts.
    #[default]
    Skip,
    /// It is sent like everything else.
    Send,
}

/// Who understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A server of the site's.
    Server(Server),
    /// The spotter of this node.
    BuiltIn(BuiltIn),
    /// sherpa-onnx, in this process.
    Library(Library),
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is: `ws://HOST[:PORT][/PATH]`, or `wss://`.
    pub url: String,
    /// Samples a second that it is sent: 8 000 or 16 000.
    pub rate: u32,
    /// Authorities that its certificate may be of (PEM); `None`: those of `[tls] trust`.
    pub trust: Option<PathBuf>,
}

/// The built-in spotter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// Weights in the place of those of the binary.
    pub weights: Option<PathBuf>,
    /// What `words calibrate` has written.
    pub thresholds: Option<PathBuf>,
    /// Threads of its own.
    pub threads: usize,
}

/// sherpa-onnx as a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Where its two `.so` files and the network's files are.
    pub folder: PathBuf,
    /// What the network is.
    pub network: Network,
    /// Threads of its own.
    pub threads: usize,
}

/// A streaming network that sherpa-onnx knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Encoder, decoder and joiner.
    #[default]
    Transducer,
    /// Encoder and decoder.
    Paraformer,
    /// A Zipformer with CTC.
    ZipformerCtc,
    /// NeMo's, with CTC.
    NemoCtc,
    /// T-one's, with CTC: 8 kHz.
    TOneCtc,
}

impl Network {
    /// Its names in the configuration.
    const WORDS: [(&'static str, Network); 5] = [
        ("transducer", Network::Transducer),
        ("paraformer", Network::Paraformer),
        ("zipformer-ctc", Network::ZipformerCtc),
        ("nemo-ctc", Network::NemoCtc),
        ("t-one-ctc", Network::TOneCtc),
    ];

    /// Samples a second that it takes.
    pub const fn rate(self) -> u32 {
        match self {
            Network::TOneCtc => 8_000,
            _ => 16_000,
        }
    }
}

impl Recogniser {
    /// Whether it may keep words from a customer: the spotter only with thresholds of the site's own (`words calibrate`).
    pub fn may_intercept(&self) -> bool {
        match &self.kind {
            Kind::Server(_) | Kind::Library(_) => true,
            Kind::BuiltIn(built_in) => built_in.thresholds.is_some(),
        }
    }

    /// Samples a second that it is given.
    pub fn rate(&self) -> u32 {
        match &self.kind {
            Kind::Server(server) => server.rate,
            Kind::BuiltIn(_) => spotter::RATE,
            Kind::Library(library) => library.network.rate(),
        }
    }
}

pub(super) fn all(check: &mut Check<'_>, written: &[written::Recogniser]) -> Vec<Recogniser> {
    let mut all: Vec<Recogniser> = Vec::new();
    for one in written {
        let recogniser = checked(check, one);
        if let Some(name) =
            one.name.as_ref().filter(|name| all.iter().any(|other| other.name == **name.get_ref()))
        {
            check.wrong(
                name.span(),
                "there are two recognisers of this name",
                "give one of them another name",
            );
        }
        all.push(recogniser);
    }
    if let Some(last) = written.get(bounds::RECOGNISERS).and_then(|one| one.name.as_ref()) {
        check.wrong(
            last.span(),
            "there are too many recognisers",
            format!("at most {}", bounds::RECOGNISERS),
        );
    }
    all
}

fn checked(check: &mut Check<'_>, one: &written::Recogniser) -> Recogniser {
    let name = check.name(one.name.as_ref(), "recogniser");
    let at = one.name.as_ref().map_or(0..0, Spanned::span);
    let kind = match one.kind.as_ref().map(|kind| kind.get_ref().as_str()) {
        Some(BUILT_IN) => Kind::BuiltIn(built_in(check, one)),
        Some(LIBRARY) => Kind::Library(library(check, one, at)),
        _ => Kind::Server(server(check, one, at)),
    };
    let streams = one.streams.as_ref().map_or(STREAMS, |streams| *streams.get_ref());
    if let Some(written) = one.streams.as_ref().filter(|_| streams == 0) {
        check.wrong(
            written.span(),
            "a recogniser that listens to nobody",
            "leave the section out, or allow one",
        );
    }
    let silence = [("skip", Silence::Skip), ("send", Silence::Send)];
    Recogniser {
        name,
        streams: usize::try_from(streams).unwrap_or(usize::MAX),
        silence: check.one_of(one.silence.as_ref(), &silence),
        kind,
    }
}

/// The words for those within the node.
const BUILT_IN: &str = "builtin";
const LIBRARY: &str = "sherpa-library";

fn built_in(check: &mut Check<'_>, one: &written::Recogniser) -> BuiltIn {
    foreign(check, one, &["url", "rate", "trust", "folder", "network"]);
    BuiltIn {
        weights: one.weights.as_ref().map(|path| check.path(Some(path), "")),
        thresholds: one.thresholds.as_ref().map(|path| check.path(Some(path), "")),
        threads: threads(check, one),
    }
}

fn library(check: &mut Check<'_>, one: &written::Recogniser, at: std::ops::Range<usize>) -> Library {
    foreign(check, one, &["url", "rate", "trust", "weights", "thresholds"]);
    if one.folder.is_none() {
        check.wrong(at.clone(), "where the library is, is not said", "`folder = \"PATH\"`");
    }
    if one.network.is_none() {
        let words = Network::WORDS.map(|(word, _)| word).join(", ");
        check.wrong(at, "what its network is, is not said", format!("`network` is one of: {words}"));
    }
    Library {
        folder: check.path(one.folder.as_ref(), ""),
        network: check.one_of(one.network.as_ref(), &Network::WORDS),
        threads: threads(check, one),
    }
}

/// Points at keys that are for other kinds.
fn foreign(check: &mut Check<'_>, one: &written::Recogniser, keys: &[&str]) {
    let texts = [
        ("url", &one.url),
        ("trust", &one.trust),
        ("weights", &one.weights),
        ("thresholds", &one.thresholds),
        ("folder", &one.folder),
        ("network", &one.network),
    ];
    let texts = texts.into_iter().map(|(key, value)| (key, value.as_ref().map(Spanned::span)));
    let numbers = [("rate", one.rate.as_ref()), ("threads", one.threads.as_ref())];
    let numbers = numbers.into_iter().map(|(key, value)| (key, value.map(Spanned::span)));
    for (key, at) in texts.chain(numbers) {
        if let Some(at) = at.filter(|_| keys.contains(&key)) {
            check.wrong(at, "this kind of recogniser has no such key", "leave the line out");
        }
    }
}

fn threads(check: &mut Check<'_>, one: &written::Recogniser) -> usize {
    let threads = one.threads.as_ref().map_or(1, |threads| *threads.get_ref());
    let most = bounds::SPOTTER_THREADS;
    if let Some(written) = one.threads.as_ref().filter(|_| !(1..=most).contains(&threads)) {
        check.wrong(written.span(), "so many threads do not help", format!("1 to {most}"));
    }
    threads as usize
}

fn server(check: &mut Check<'_>, one: &written::Recogniser, at: std::ops::Range<usize>) -> Server {
    let protocol = one.kind.as_ref().and_then(|kind| Protocol::named(kind.get_ref()));
    if protocol.is_none() {
        let at = one.kind.as_ref().map_or(at.clone(), Spanned::span);
        let known: Vec<&str> =
            Protocol::ALL.iter().map(|known| known.word()).chain([BUILT_IN, LIBRARY]).collect();
        check.wrong(at, "which server it is, is not said", format!("`kind` is one of: {}", known.join(", ")));
    }
    let protocol = protocol.unwrap_or(Protocol::Funasr);
    let url = one.url.as_ref().map_or("", |url| url.get_ref());
    if !is_url(url) {
        let at = one.url.as_ref().map_or(at, Spanned::span);
        check.wrong(at, "the recogniser leads nowhere", "`url = \"ws://HOST:PORT\"`, or `wss://`");
    }
    let rate = one.rate.as_ref().map_or(protocol.rate(), |rate| *rate.get_ref());
    if let Some(written) = one.rate.as_ref().filter(|_| !matches!(rate, 8_000 | 16_000)) {
        check.wrong(written.span(), "no rate that the switch has sound in", "8000 or 16000");
    }
    foreign(check, one, &["weights", "thresholds", "threads", "folder", "network"]);
    let trust = one.trust.as_ref().map(|path| check.path(Some(path), ""));
    Server { protocol, url: url.to_string(), rate, trust }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("ws://").or_else(|| text.strip_prefix("wss://")).unwrap_or("");
    let host = rest.split('/').next().unwrap_or("");
    !host.is_empty() && !host.contains('@') && rest.chars().all(|c| c.is_ascii_graphic())
}
