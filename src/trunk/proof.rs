//! Digest as a client (RFC 7616 §3.4): the answer to a trunk's challenge.
//!
//! Invariant: nothing is proved to another realm than the trunk's, and never by a weaker algorithm than one that is offered.

use super::Rules;
use crate::registrar::{Algorithm, Ha1, Proof};
use crate::sip::digest::{Authorization, Challenge};
use crate::sip::{Message, Name, quote};

/// The field that answers `challenge` (401 or 407) to a request of `method` to `uri`, with `cnonce`; and which field that is.
/// `None`: the trunk has no secret, the realm is another one, or nothing that we speak is offered.
pub fn proof(
    rules: &Rules,
    challenge: &Message,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<(Name<'static>, String)> {
    let (asks, answers) = match challenge.status()? {
        401 => (Name::WwwAuthenticate, Name::Authorization),
        407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        _ => return None,
    };
    let secret = rules.secret.as_ref()?;
    let realm = rules.expected_realm();
    let mut offered: Vec<(Algorithm, Challenge<'_>)> = challenge
        .headers(asks)
        .filter_map(|value| Authorization::parse(value).ok()?.challenge().ok())
        .filter(|challenge| challenge.realm.eq_ignore_ascii_case(&realm))
        .filter_map(|challenge| {
            Some((Algorithm::of(challenge.algorithm.unwrap_or("MD5").as_bytes())?, challenge))
        })
        .collect();
    offered.sort_by_key(|(algorithm, _)| *algorithm != Algorithm::Sha256);
    let (algorithm, challenge) = offered.into_iter().next()?;
    let with_qop =
        challenge.qop.map(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case("auth")));
    if with_qop == Some(false) {
        return None;
    }
    let qop = with_qop.map(|_| (&b"00000001"[..], cnonce.as_bytes()));
    let ha1 = Ha1::of(algorithm, &rules.user, challenge.realm, secret);
    let (nonce, method) = (challenge.nonce.as_bytes(), method.as_bytes());
    let response = Proof { nonce, qop, method, uri: uri.as_bytes() }.response(&ha1);
    let mut field = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
        quote(&rules.user),
        quote(challenge.realm),
        quote(challenge.nonce),
        quote(uri),
        String::from_utf8_lossy(&response),
        algorithm.as_str(),
    );
    if qop.is_some() {
        field += &format!(", qop=auth, nc=00000001, cnonce={}", quote(cnonce));
    }
    if let Some(opaque) = challenge.opaque {
        field += &format!(", opaque={}", quote(opaque));
    }
    Some((answers, field))
}

impl Rules {
    /// The realm that may ask.
    fn expected_realm(&self) -> String {
        let host = || self.to.first().and_then(|uri| uri.view().host().map(|host| host.to_string()));
        self.realm.clone().or_else(host).unwrap_or_default()
    }
}
