//! The configuration as checked: what the rest of the house works with.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::fault::Fault;
use super::features::{self, Features};
use super::keys::nearest;
use super::listen::{self, Listen};
use super::media::{self, Media};
use super::outside::{self, Outside};
use super::plan::{self, Mode, Plan};
use super::presence::{self, Presence};
use super::recogniser::{self, Recogniser};
use super::trunk::{self, Trunk};
use super::written::{self, Written};
use crate::base::bounds;

/// Everything that varies by machine. Paths are absolute or meant from the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Who this node is.
    pub node: Node,
    /// Where SIP is listened for.
    pub sip: Sip,
    /// What phones are held to that register.
    pub registrar: Registrar,
    /// Who the node is under TLS, and whom it believes.
    pub tls: Tls,
    /// How often who is heard.
    pub limits: Limits,
    /// How media runs.
    pub media: Media,
    /// Where the dial plans are.
    pub plan: Plan,
    /// What systems outside are told about the node, and whom of them it believes.
    pub outside: Outside,
    /// Where recordings, users and indexes are.
    pub store: Store,
    /// How the node is administered.
    pub admin: Admin,
    /// What the log says.
    pub log: Log,
    /// Who may know what of whom.
    pub presence: Presence,
    /// Where agents' pages are served; `None`: nowhere.
    pub screen: Option<SocketAddr>,
    /// What users do by dialling a code.
    pub features: Features,
    /// The trunks.
    pub trunks: Vec<Trunk>,
    /// Servers that understand speech, in the order in which they are tried.
    pub recognisers: Vec<Recogniser>,
}

/// `[node]`: who this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The node's name, in its log and its records.
    pub name: String,
    /// The digest realm (RFC 7616 §3.3). Stored credentials are bound to it: changing it asks for new passwords.
    pub realm: String,
    /// What it takes to load a plan.
    pub mode: Mode,
}

/// `[sip]`: where SIP is listened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sip {
    /// Every listener, at least one.
    pub listen: Vec<Listen>,
    /// Digest algorithms that phones are offered, in this order; at least one.
    pub digest: Vec<Digest>,
    /// Seconds after which a session that nobody refreshes is over (RFC 4028).
    pub session_s: u32,
    /// How phones are told who calls, besides From.
    pub identity: Identity,
}

/// `[tls]`: who the node is under TLS, and whom it believes. Every file is PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The node's certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// The private key of the first of them.
    pub key: PathBuf,
    /// Authorities of which phones must show a certificate (mutual TLS); `None`: phones need not have one.
    pub clients: Option<PathBuf>,
    /// Authorities that are believed when the switch opens a connection; `None`: nobody is.
    pub trust: Option<PathBuf>,
}

/// How phones are told who calls, besides From.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identity {
    /// P-Asserted-Identity (RFC 3325).
    #[default]
    Pai,
    /// Remote-Party-ID, for phones from before RFC 3325.
    Rpid,
    /// Both.
    Both,
    /// Neither.
    Off,
}

/// A digest algorithm (RFC 7616 §3.3, RFC 8760).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// MD5: what phones without RFC 8760 speak.
    Md5,
}

/// `[registrar]`: what phones are held to that register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// The briefest registration that is taken (RFC 3261 §10.3 item 7).
    pub least: Duration,
    /// The longest; a longer wish is cut.
    pub most: Duration,
    /// How often each contact is asked by OPTIONS whether it is there; `None`: never.
    pub ping: Option<Duration>,
}

/// `[limits]`: how often who is heard. `None`: as the switch has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Requests a second of one source that has not proven itself; 0: without limit.
    pub source_per_s: Option<u32>,
    /// Requests a second of all such sources; 0: without limit.
    pub strangers_per_s: Option<u32>,
    /// Requests a second of one proven address and port; 0: without limit.
    pub peer_per_s: Option<u32>,
    /// Requests a second of one user; 0: without limit.
    pub user_per_s: Option<u32>,
    /// Wrong passwords before a user is locked at a source; 0: never.
    pub wrong_passwords: Option<u32>,
    /// Wrong passwords before a source is banned; 0: never.
    pub wrong_passwords_of_source: Option<u32>,
    /// How long both last.
    pub ban: Option<Duration>,
    /// Networks without limits: an address and its leading bits.
    pub trusted: Vec<(IpAddr, u8)>,
}

/// `[store]`: where recordings, users and indexes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The store's folder.
    pub folder: PathBuf,
    /// Folder of the keys that open it. It may lie elsewhere than the store: on another disk, or where the service
    /// manager puts credentials.
    pub keys: PathBuf,
    /// Country code of numbers that are written without one, for search: digits without `+`.
    pub country: String,
    /// Where the ledger's signed heads go besides, so that nobody can rewrite them.
    pub heads_to: Vec<HeadsTo>,
    /// From which age on a recording gets an Opus copy beside it; `None`: none does.
    pub opus_after: Option<Duration>,
}

/// A witness of the ledger's heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadsTo {
    /// A file, best on another machine's disk: one line a head is appended.
    File(PathBuf),
    /// The system's log.
    Syslog,
    /// A log server over UDP (RFC 5424).
    Udp(SocketAddr),
}

/// `[admin]`: how the node is administered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Path of the Unix socket.
    pub socket: PathBuf,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`: what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level (`error warn info debug trace`) or a filter such as `info,ledgerline::switch=debug`.
    pub level: String,
    /// How lines are written.
    pub format: LogFormat,
}

/// The longest path a Unix socket's address holds (`sun_path`, unix(7)), without its closing zero.
const SOCKET_PATH_BYTES: usize = 107;

impl Config {
    pub(super) fn from_written(written: &Written, folder: &Path) -> Result<Config, Vec<Fault>> {
        let mut check = Check { folder, faults: Vec::new() };
        let config = Config {
            node: check.node(&written.node),
            sip: check.sip(&written.sip),
            registrar: check.registrar(&written.registrar),
            tls: check.tls(&written.tls),
            limits: check.limits(&written.limits),
            media: media::checked(&mut check, &written.media),
            plan: plan::checked(&mut check, &written.plan),
            outside: outside::checked(&mut check, &written.outside),
            store: check.store(&written.store),
            admin: check.admin(&written.admin),
            log: check.log(&written.log),
            trunks: trunk::all(&mut check, &written.trunk),
            recognisers: recogniser::all(&mut check, &written.recogniser),
            presence: presence::checked(&mut check, &written.presence),
            screen: check.screen(&written.screen),
            features: features::checked(&mut check, &written.features),
        };
        if check.faults.is_empty() { Ok(config) } else { Err(check.faults) }
    }
}

/// Collects faults while values are made; a value that is at fault is replaced and never seen.
pub(super) struct Check<'a> {
    folder: &'a Path,
    faults: Vec<Fault>,
}

impl Check<'_> {
    pub(super) fn wrong(
        &mut self,
        at: std::ops::Range<usize>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.faults.push(Fault::at(at, what).hint(hint));
    }

    /// What one of a few words means; a word that is none of them is told the one that is meant, or all.
    pub(super) fn one_of<T: Copy + Default>(
        &mut self,
        value: Option<&Spanned<String>>,
        words: &[(&str, T)],
    ) -> T {
        let Some(value) = value else { return T::default() };
        if let Some((_, meant)) = words.iter().find(|(word, _)| word == value.get_ref()) {
            return *meant;
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = match nearest(value.get_ref(), all.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => all.join(", "),
        };
        self.wrong(value.span(), format!("`{}` is not a choice here", value.get_ref()), hint);
        T::default()
    }

    pub(super) fn path(&mut self, value: Option<&Spanned<String>>, default: &str) -> PathBuf {
        if let Some(value) = value.filter(|value| value.get_ref().is_empty()) {
            self.wrong(value.span(), "the path is empty", "leave the key out to get its default");
        }
        self.folder.join(value.map_or(default, |value| value.get_ref()))
    }

    fn node(&mut self, written: &written::Node) -> Node {
        let name = self.word(written.name.as_ref(), "ledgerline");
        let realm = self.word(written.realm.as_ref(), &name);
        let mode =
            self.one_of(written.mode.as_ref(), &[("open", Mode::Open), ("production", Mode::Production)]);
        Node { name, realm, mode }
    }

    /// A word that may stand in a SIP header and a quoted string without escapes.
    pub(super) fn word(&mut self, value: Option<&Spanned<String>>, default: &str) -> String {
        let Some(value) = value else { return default.to_string() };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let text = value.get_ref();
        if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
            self.wrong(value.span(), "not a name", "1 to 64 letters of a to z, digits, `.`, `-`, `_`");
        }
        text.clone()
    }

    /// A name that plans, people and the log use, in any script: it stands in no SIP message.
    pub(super) fn name(&mut self, value: Option<&Spanned<String>>, default: &str) -> String {
        let Some(value) = value else { return default.to_string() };
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        let text = value.get_ref();
        if text.is_empty() || text.chars().count() > 64 || !text.chars().all(fits) {
            self.wrong(value.span(), "not a name", "1 to 64 letters of any script, digits, `.`, `-`, `_`");
        }
        text.clone()
    }

    fn sip(&mut self, written: &written::Sip) -> Sip {
        let Some(list) = &written.listen else {
            let default = ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"];
            let listen = default.iter().filter_map(|text| listen::parse(text).ok()).collect();
            return Sip {
                listen,
                digest: self.digest(written),
                session_s: self.session(written),
                identity: self.identity(written),
            };
        };
        if list.get_ref().is_empty() {
            self.wrong(list.span(), "nothing to listen on", r#"for example ["udp://0.0.0.0:5060"]"#);
        }
        let mut all: Vec<Listen> = Vec::new();
        for item in list.get_ref() {
            match listen::parse(item.get_ref()) {
                Err(wrong) => self.wrong(item.span(), wrong.what, wrong.hint),
                Ok(listen) if all.contains(&listen) && listen.address.port() != 0 => {
                    self.wrong(item.span(), format!("{listen} is listed twice"), "remove one");
                }
                Ok(listen) => all.push(listen),
            }
        }
        Sip {
            listen: all,
            digest: self.digest(written),
            session_s: self.session(written),
            identity: self.identity(written),
        }
    }

    fn tls(&mut self, written: &written::Tls) -> Tls {
        let mut optional =
            |value: &Option<Spanned<String>>| value.as_ref().map(|value| self.path(Some(value), ""));
        let (clients, trust) = (optional(&written.clients), optional(&written.trust));
        Tls {
            certificate: self.path(written.certificate.as_ref(), "certs/ledgerline.crt"),
            key: self.path(written.key.as_ref(), "certs/ledgerline.key"),
            clients,
            trust,
        }
    }

    fn session(&mut self, written: &written::Sip) -> u32 {
        let Some(value) = &written.session_s else { return 1_800 };
        if !(90..=86_400).contains(value.get_ref()) {
            let hint = "90 (the least that RFC 4028 allows) to 86400; 1800 without the key";
            self.wrong(value.span(), "not a session interval", hint);
        }
        *value.get_ref()
    }

    fn identity(&mut self, written: &written::Sip) -> Identity {
        let words = [
            ("pai", Identity::Pai),
            ("rpid", Identity::Rpid),
            ("both", Identity::Both),
            ("off", Identity::Off),
        ];
        self.one_of(written.identity.as_ref(), &words)
    }

    fn digest(&mut self, written: &written::Sip) -> Vec<Digest> {
        let Some(list) = &written.digest else { return vec![Digest::Sha256, Digest::Md5] };
        let hint = r#"["SHA-256", "MD5"], one of them, or the other order"#;
        let mut all = Vec::new();
        for item in list.get_ref() {
            let named = match item.get_ref().to_ascii_uppercase().as_str() {
                "SHA-256" => Digest::Sha256,
                "MD5" => Digest::Md5,
                _ => {
                    self.wrong(item.span(), "not a digest algorithm of this switch", hint);
                    continue;
                }
            };
            if all.contains(&named) {
                self.wrong(item.span(), "the algorithm is listed twice", "remove one");
            }
            all.push(named);
        }
        if list.get_ref().is_empty() {
            self.wrong(list.span(), "phones could not prove who they are", hint);
        }
        all
    }

    fn registrar(&mut self, written: &written::Registrar) -> Registrar {
        let least = self.seconds(written.expires_least_s.as_ref(), bounds::EXPIRES_MIN, 10..=3_600);
        let most = self.seconds(written.expires_most_s.as_ref(), bounds::EXPIRES_MAX, 60..=86_400);
        if let Some(value) = written.expires_most_s.as_ref().or(written.expires_least_s.as_ref())
            && most < least
        {
            self.wrong(
                value.span(),
                "no registration fits",
                "expires_most_s must not be less than expires_least_s",
            );
        }
        let ping = match &written.ping_s {
            Some(value) if *value.get_ref() == 0 => None,
            value => Some(self.seconds(value.as_ref(), bounds::PING, 5..=3_600)),
        };
        Registrar { least, most, ping }
    }

    fn limits(&mut self, written: &written::Limits) -> Limits {
        let number = |value: &Option<Spanned<u32>>| value.as_ref().map(|value| *value.get_ref());
        let ban = written.ban_s.as_ref().map(|value| self.seconds(Some(value), bounds::BAN, 10..=86_400));
        let mut trusted = Vec::new();
        for item in written.trusted.iter().flat_map(|list| list.get_ref()) {
            match network(item.get_ref()) {
                Some(network) => trusted.push(network),
                None => {
                    let hint = "for example \"192.0.2.7\" or \"192.0.2.0/24\"";
                    self.wrong(item.span(), "not an address or a network", hint);
                }
            }
        }
        Limits {
            source_per_s: number(&written.source_per_s),
            strangers_per_s: number(&written.strangers_per_s),
            peer_per_s: number(&written.peer_per_s),
            user_per_s: number(&written.user_per_s),
            wrong_passwords: number(&written.wrong_passwords),
            wrong_passwords_of_source: number(&written.wrong_passwords_of_source),
            ban,
            trusted,
        }
    }

    /// A number of seconds within `range`.
    pub(super) fn seconds(
        &mut self,
        value: Option<&Spanned<u32>>,
        default: Duration,
        range: RangeInclusive<u32>,
    ) -> Duration {
        let Some(value) = value else { return default };
        if !range.contains(value.get_ref()) {
            let hint = format!("{} to {} seconds", range.start(), range.end());
            self.wrong(value.span(), "not a number of seconds that makes sense here", hint);
        }
        Duration::from_secs(u64::from(*value.get_ref()))
    }

    fn store(&mut self, written: &written::Store) -> Store {
        let country = written.country.as_ref().map_or("86", |value| {
            let code = value.get_ref();
            if code.is_empty() || code.len() > 3 || !code.chars().all(|c| c.is_ascii_digit()) {
                self.wrong(value.span(), "not a country code", "1 to 3 digits without `+`: \"86\"");
            }
            code
        });
        Store {
            folder: self.path(written.folder.as_ref(), "store"),
            keys: self.path(written.keys.as_ref(), "keys"),
            country: country.to_string(),
            heads_to: self.heads_to(written.heads_to.as_ref()),
            opus_after: self.days(written.opus_after_days.as_ref()),
        }
    }

    fn days(&mut self, written: Option<&Spanned<u32>>) -> Option<Duration> {
        let value = written?;
        let days = u64::from(*value.get_ref());
        if !(1..=36_500).contains(&days) {
            self.wrong(value.span(), "not an age in days", "1 to 36500; without it no copies are made");
        }
        Some(Duration::from_secs(days * 86_400))
    }

    fn heads_to(&mut self, written: Option<&Spanned<Vec<Spanned<String>>>>) -> Vec<HeadsTo> {
        let mut witnesses = Vec::new();
        for value in written.into_iter().flat_map(Spanned::get_ref) {
            match (value.get_ref().as_str(), value.get_ref().strip_prefix("udp:")) {
                ("syslog", _) => witnesses.push(HeadsTo::Syslog),
                (_, Some(address)) => match address.parse() {
                    Ok(address) => witnesses.push(HeadsTo::Udp(address)),
                    Err(_) => self.wrong(value.span(), "not an address and port", "\"udp:192.0.2.7:514\""),
                },
                (path, _) if path.contains('/') => witnesses.push(HeadsTo::File(self.path(Some(value), ""))),
                _ => self.wrong(
                    value.span(),
                    "not a witness",
                    "a file's path, \"syslog\" or \"udp:ADDRESS:PORT\"",
                ),
            }
        }
        witnesses
    }

    fn screen(&mut self, written: &written::Screen) -> Option<SocketAddr> {
        let listen = written.listen.as_ref()?;
        let address = listen.get_ref().parse().ok();
        if address.is_none() {
            let hint = "an address and a port, `127.0.0.1:8480` or `10.0.0.5:8443`";
            self.wrong(listen.span(), "not an address", hint);
        }
        address
    }

    fn admin(&mut self, written: &written::Admin) -> Admin {
        let socket = self.path(written.socket.as_ref(), "admin.sock");
        if socket.as_os_str().len() > SOCKET_PATH_BYTES {
            let what = format!("the path of the socket is longer than {SOCKET_PATH_BYTES} octets");
            let hint = "set [admin] socket to a short path, for example \"/run/ledgerline/admin.sock\"";
            let at = written.socket.as_ref().map(Spanned::span);
            self.faults.push(Fault { at, what, hint: Some(hint.to_string()) });
        }
        Admin { socket }
    }

    fn log(&mut self, written: &written::Log) -> Log {
        let format = match written.format.as_ref().map(|value| (value, value.get_ref().as_str())) {
            None | Some((_, "text")) => LogFormat::Text,
            Some((_, "json")) => LogFormat::Json,
            Some((value, other)) => {
                let hint = match nearest(other, ["text", "json"].into_iter()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "text or json".to_string(),
                };
                self.wrong(value.span(), format!("there is no format `{other}`"), hint);
                LogFormat::Text
            }
        };
        let level = written.level.as_ref().map_or("info", |value| {
            if !level_reads(value.get_ref()) {
                self.wrong(
                    value.span(),
                    "not a level",
                    "error, warn, info, debug, trace; or a filter: info,ledgerline::sip=debug",
                );
            }
            value.get_ref()
        });
        Log { level: level.to_string(), format }
    }
}

/// `ADDRESS` or `ADDRESS/BITS`.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let ip: IpAddr = ip.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
    Some((ip, bits))
}

/// Whether every part of `level` is a level or `module=level`.
fn level_reads(level: &str) -> bool {
    level.split(',').all(|part| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        matches!(level.trim(), "off" | "error" | "warn" | "info" | "debug" | "trace")
    })
}
