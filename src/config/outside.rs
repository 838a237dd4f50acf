//! `[outside]`: how the node speaks to the systems that plans ask and tell (lookups and webhooks).

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;

use super::checked::Check;
use super::written;

/// `[outside]`: how the node speaks to the systems that plans ask and tell. Every file is PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outside {
    /// Authorities that are believed under `https`; `None`: those of `[tls] trust`, and without them nobody.
    pub trust: Option<PathBuf>,
    /// The certificate that servers are shown which ask for one, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// By host: the name of the sealed secret that is sent as a bearer token (RFC 6750), under `https` only.
    pub bearer: BTreeMap<String, String>,
    /// By host: the name of the sealed secret that letters to webhooks are signed with (HMAC-SHA-256, RFC 2104).
    pub sign: BTreeMap<String, String>,
    /// What a package may be uploaded to: an address begins with one of these, each of which ends with `/`.
    pub uploads: Vec<String>,
}

/// Gives the section as written its meaning.
pub(super) fn checked(check: &mut Check<'_>, written: &written::Outside) -> Outside {
    let trust = written.trust.as_ref().map(|path| check.path(Some(path), ""));
    let identity = match (&written.certificate, &written.key) {
        (Some(certificate), Some(key)) => {
            Some((check.path(Some(certificate), ""), check.path(Some(key), "")))
        }
        (None, None) => None,
        (Some(alone), None) | (None, Some(alone)) => {
            check.wrong(alone.span(), "stands alone", "`certificate` and `key` go together");
            None
        }
    };
    let mut by_host = |written: &Option<BTreeMap<String, Spanned<String>>>| {
        let pairs = written.iter().flatten();
        pairs.map(|(host, secret)| (host.to_ascii_lowercase(), check.name(Some(secret), ""))).collect()
    };
    let (bearer, sign) = (by_host(&written.bearer), by_host(&written.sign));
    let uploads = written.uploads.iter().flat_map(Spanned::get_ref).filter_map(|value| {
        let fits = value.get_ref().starts_with("http") && value.get_ref().contains("://");
        if !fits || !value.get_ref().ends_with('/') {
            let hint =
                "an address under which packages may be uploaded: \"https://regulator.example/intake/\"";
            check.wrong(value.span(), "not the beginning of an address", hint);
            return None;
        }
        Some(value.get_ref().clone())
    });
    let uploads = uploads.collect();
    Outside { trust, identity, bearer, sign, uploads }
}
