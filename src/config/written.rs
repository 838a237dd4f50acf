//! `ledgerline.toml` as written: the shape of the file and nothing more. `checked` gives it meaning.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The whole file. A section that is left out is the empty section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    pub node: Node,
    pub sip: Sip,
    pub registrar: Registrar,
    pub tls: Tls,
    pub limits: Limits,
    pub media: Media,
    pub plan: Plan,
    pub outside: Outside,
    pub store: Store,
    pub admin: Admin,
    pub log: Log,
    pub presence: Presence,
    pub screen: Screen,
    pub features: Features,
    pub trunk: Vec<Trunk>,
    pub recogniser: Vec<Recogniser>,
}

/// `[[trunk]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trunk {
    pub name: Option<Spanned<String>>,
    pub group: Option<Spanned<String>>,
    pub priority: Option<u16>,
    pub weight: Option<u16>,
    pub to: Option<Spanned<Vec<Spanned<String>>>>,
    pub from: Option<Spanned<Vec<Spanned<String>>>>,
    pub register_s: Option<Spanned<u32>>,
    pub user: Option<Spanned<String>>,
    pub realm: Option<Spanned<String>>,
    pub secret: Option<Spanned<String>>,
    pub caller_ids: Option<Spanned<Vec<Spanned<String>>>>,
    pub calls: Option<Spanned<u32>>,
    pub outward: Option<Spanned<Vec<Spanned<String>>>>,
    pub inward: Option<Spanned<Vec<Spanned<String>>>>,
    pub ask_s: Option<Spanned<u32>>,
    pub codecs: Option<Spanned<Vec<Spanned<String>>>>,
    pub srtp: Option<Spanned<String>>,
    pub video: Option<Spanned<String>>,
    pub forwarded_by: Option<Spanned<String>>,
}

/// `[[recogniser]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recogniser {
    pub name: Option<Spanned<String>>,
    pub kind: Option<Spanned<String>>,
    pub url: Option<Spanned<String>>,
    pub rate: Option<Spanned<u32>>,
    pub streams: Option<Spanned<u32>>,
    pub trust: Option<Spanned<String>>,
    pub silence: Option<Spanned<String>>,
    pub weights: Option<Spanned<String>>,
    pub thresholds: Option<Spanned<String>>,
    pub threads: Option<Spanned<u32>>,
    pub folder: Option<Spanned<String>>,
    pub network: Option<Spanned<String>>,
}

/// `[node]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    pub name: Option<Spanned<String>>,
    pub realm: Option<Spanned<String>>,
    pub mode: Option<Spanned<String>>,
}

/// `[sip]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    pub listen: Option<Spanned<Vec<Spanned<String>>>>,
    pub digest: Option<Spanned<Vec<Spanned<String>>>>,
    pub session_s: Option<Spanned<u32>>,
    pub identity: Option<Spanned<String>>,
}

/// `[registrar]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registrar {
    pub expires_least_s: Option<Spanned<u32>>,
    pub expires_most_s: Option<Spanned<u32>>,
    pub ping_s: Option<Spanned<u32>>,
}

/// `[tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    pub certificate: Option<Spanned<String>>,
    pub key: Option<Spanned<String>>,
    pub clients: Option<Spanned<String>>,
    pub trust: Option<Spanned<String>>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub source_per_s: Option<Spanned<u32>>,
    pub strangers_per_s: Option<Spanned<u32>>,
    pub peer_per_s: Option<Spanned<u32>>,
    pub user_per_s: Option<Spanned<u32>>,
    pub wrong_passwords: Option<Spanned<u32>>,
    pub wrong_passwords_of_source: Option<Spanned<u32>>,
    pub ban_s: Option<Spanned<u32>>,
    pub trusted: Option<Spanned<Vec<Spanned<String>>>>,
}

/// `[media]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    pub ports: Option<Spanned<String>>,
    pub workers: Option<Spanned<u32>>,
    pub back_end: Option<Spanned<String>>,
    pub address: Option<Spanned<String>>,
    pub music: Option<Spanned<String>>,
    pub srtp: Option<Spanned<String>>,
    pub video: Option<Spanned<String>>,
    pub video_kbps: Option<Spanned<u32>>,
    pub tones: Option<Spanned<String>>,
    pub prompts: Option<Spanned<String>>,
}

/// `[plan]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    pub folder: Option<Spanned<String>>,
    pub files: Option<Spanned<Vec<Spanned<String>>>>,
    pub watch_s: Option<Spanned<u32>>,
    pub roles: Option<BTreeMap<String, Spanned<String>>>,
}

/// `[outside]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outside {
    pub trust: Option<Spanned<String>>,
    pub certificate: Option<Spanned<String>>,
    pub key: Option<Spanned<String>>,
    pub bearer: Option<BTreeMap<String, Spanned<String>>>,
    pub sign: Option<BTreeMap<String, Spanned<String>>>,
    pub uploads: Option<Spanned<Vec<Spanned<String>>>>,
}

/// `[store]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    pub folder: Option<Spanned<String>>,
    pub keys: Option<Spanned<String>>,
    pub country: Option<Spanned<String>>,
    pub heads_to: Option<Spanned<Vec<Spanned<String>>>>,
    pub opus_after_days: Option<Spanned<u32>>,
}

/// `[admin]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    pub socket: Option<Spanned<String>>,
}

/// `[log]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub level: Option<Spanned<String>>,
    pub format: Option<Spanned<String>>,
}

/// `[presence]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Presence {
    pub watch: Option<Spanned<String>>,
    pub show: Option<Spanned<String>>,
}

/// `[screen]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Screen {
    pub listen: Option<Spanned<String>>,
}

/// `[features]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    pub pickup: Option<Spanned<String>>,
    pub pickup_user: Option<Spanned<String>>,
    pub intercom: Option<Spanned<String>>,
    pub call_back: Option<Spanned<String>>,
    pub call_back_off: Option<Spanned<String>>,
    pub call_back_for_s: Option<Spanned<u64>>,
    pub redial: Option<Spanned<String>>,
    pub return_call: Option<Spanned<String>>,
    pub park: Option<Spanned<String>>,
    pub slots: Option<Spanned<String>>,
    pub park_for_s: Option<Spanned<u64>>,
    pub groups: Option<BTreeMap<String, Vec<String>>>,
    pub ring: Option<BTreeMap<String, Ring>>,
    pub forward_always: Option<Spanned<String>>,
    pub forward_always_off: Option<Spanned<String>>,
    pub forward_busy: Option<Spanned<String>>,
    pub forward_busy_off: Option<Spanned<String>>,
    pub forward_no_answer: Option<Spanned<String>>,
    pub forward_no_answer_off: Option<Spanned<String>>,
    pub forward_unregistered: Option<Spanned<String>>,
    pub forward_unregistered_off: Option<Spanned<String>>,
    pub dnd: Option<Spanned<String>>,
    pub dnd_off: Option<Spanned<String>>,
}

/// `[features.ring.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    pub strategy: Spanned<String>,
    pub members: Spanned<Vec<String>>,
    pub each_s: Option<Spanned<u32>>,
}

/// Every section with its keys: what `keys` compares a file with, so that a misspelt key is named with its neighbour.
pub const KNOWN: &[(&str, &[&str])] = &[
    ("node", &["name", "realm", "mode"]),
    ("sip", &["listen", "digest", "session_s", "identity"]),
    ("registrar", &["expires_least_s", "expires_most_s", "ping_s"]),
    ("tls", &["certificate", "key", "clients", "trust"]),
    (
        "limits",
        &[
            "source_per_s",
            "strangers_per_s",
            "peer_per_s",
            "user_per_s",
            "wrong_passwords",
            "wrong_passwords_of_source",
            "ban_s",
            "trusted",
        ],
    ),
    (
        "media",
        &[
            "ports",
            "workers",
            "back_end",
            "address",
            "music",
            "srtp",
            "video",
            "video_kbps",
            "tones",
            "prompts",
        ],
    ),
    ("plan", &["folder", "files", "watch_s", "roles"]),
    ("outside", &["trust", "certificate", "key", "bearer", "sign", "uploads"]),
    ("store", &["folder", "keys", "country", "heads_to", "opus_after_days"]),
    ("admin", &["socket"]),
    ("log", &["level", "format"]),
    ("presence", &["watch", "show"]),
    ("screen", &["listen"]),
    (
        "features",
        &[
            "pickup",
            "pickup_user",
            "intercom",
            "call_back",
            "call_back_off",
            "call_back_for_s",
            "redial",
            "return_call",
            "park",
            "slots",
            "park_for_s",
            "groups",
            "ring",
            "forward_always",
            "forward_always_off",
            "forward_busy",
            "forward_busy_off",
            "forward_no_answer",
            "forward_no_answer_off",
            "forward_unregistered",
            "forward_unregistered_off",
            "dnd",
            "dnd_off",
        ],
    ),
    (
        "recogniser",
        &[
            "name",
            "kind",
            "url",
            "rate",
            "streams",
            "trust",
            "silence",
            "weights",
            "thresholds",
            "threads",
            "folder",
            "network",
        ],
    ),
    (
        "trunk",
        &[
            "name",
            "group",
            "priority",
            "weight",
            "to",
            "from",
            "register_s",
            "user",
            "realm",
            "secret",
            "caller_ids",
            "calls",
            "outward",
            "inward",
            "ask_s",
            "codecs",
            "srtp",
            "video",
            "forwarded_by",
        ],
    ),
];
