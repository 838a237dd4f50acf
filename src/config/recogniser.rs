//! `[[recogniser]]`: a server that understands speech, as written and as checked.

use std::path::PathBuf;

use toml::Spanned;

use super::checked::Check;
use super::written;
use crate::base::bounds;
use crate::speech::Protocol;

/// Streams of one server, unless the configuration says otherwise: 25 conversations.
const STREAMS: u32 = 50;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recogniser {
    /// Its name in the log and in `status`.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is: `ws://HOST[:PORT][/PATH]`, or `wss://`.
    pub url: String,
    /// Samples a second that it is sent: 8 000 or 16 000.
    pub rate: u32,
    /// Parties that it listens to at one time.
    pub streams: usize,
    /// Authorities that its certificate may be of (PEM); `None`: those of `[tls] trust`.
    pub trust: Option<PathBuf>,
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
    let words: Vec<(&str, Protocol)> = Protocol::ALL.into_iter().map(|known| (known.word(), known)).collect();
    let protocol = match &one.kind {
        Some(kind) => Protocol::named(kind.get_ref()),
        None => None,
    };
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    if protocol.is_none() {
        let at = one.kind.as_ref().map_or(at.clone(), Spanned::span);
        check.wrong(at, "which server it is, is not said", format!("`kind` is one of: {}", known()));
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
    let streams = one.streams.as_ref().map_or(STREAMS, |streams| *streams.get_ref());
    if let Some(written) = one.streams.as_ref().filter(|_| streams == 0) {
        check.wrong(
            written.span(),
            "a recogniser that listens to nobody",
            "leave the section out, or allow one",
        );
    }
    Recogniser {
        name,
        protocol,
        url: url.to_string(),
        rate,
        streams: usize::try_from(streams).unwrap_or(usize::MAX),
        trust: one.trust.as_ref().map(|path| check.path(Some(path), "")),
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("ws://").or_else(|| text.strip_prefix("wss://")).unwrap_or("");
    let host = rest.split('/').next().unwrap_or("");
    !host.is_empty() && !host.contains('@') && rest.chars().all(|c| c.is_ascii_graphic())
}
