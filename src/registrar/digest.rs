//! Whether a request proves who sent it: digest with `qop=auth`, SHA-256 offered first and MD5 beside it (RFC 7616, 8760, 3261 §22).
//!
//! Invariant: a user that does not exist, a wrong password and missing credentials get the same answer after the same work; a
//! nonce's count is stored only once the digest was right; one request costs one digest however many credentials it carries.

use std::net::IpAddr;
use std::sync::Arc;

use super::algorithm::{Algorithm, Ha1, Proof};
use super::directory::{Account, Directory};
use super::nonce::{Nonces, Worth};
use crate::base::{Random, Secret, Time};
use crate::sip::digest::Credentials;
use crate::sip::{Builder, Message, Name, Uri, quote};

/// What a request's credentials are worth.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The request was sent by somebody who holds the account's password.
    Proven(Arc<Account>),
    /// Answer 401 with [`Digest::challenge`]. `stale`: the password was right, only the nonce was old or used.
    Unproven {
        /// For the challenge.
        stale: bool,
        /// The user whose password was tried and is another, whether there is such a user or not: only when the nonce was ours, fresh and
        /// made for this source, so that nobody can have somebody else's tries counted.
        wrong: Option<Box<str>>,
    },
}

/// Checks credentials of one realm.
pub struct Digest {
    realm: String,
    /// In the order in which they are offered.
    offered: Vec<Algorithm>,
    nonces: Nonces,
    /// Whose hashes stand in for those of users that do not exist: nobody knows the password.
    nobody: Account,
}

impl Digest {
    /// For `realm`, with secrets of its own: nonces of an earlier run are stale, not wrong. Nothing but what is `offered` is taken.
    pub fn new(realm: &str, offered: &[Algorithm], random: &mut Random) -> Digest {
        let nobody = Account::new("", realm, &Secret::new(random.token(40)));
        Digest { realm: realm.to_string(), offered: offered.to_vec(), nonces: Nonces::new(random), nobody }
    }

    /// The realm that is offered and that accounts' hashes are made for.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Judges the Authorization fields of `request`. Of several that name our realm the one with the best algorithm counts.
    ///
    /// The digest must cover this method and a `uri` that means the Request-URI, with a nonce of ours that is young and a count
    /// above all counts used with it. Without `qop` (RFC 2617) only MD5 is taken, and only with a nonce never used before.
    pub fn check(&mut self, now: Time, source: IpAddr, request: &Message, directory: &Directory) -> Verdict {
        let Some((algorithm, credentials)) = self.best_credentials(request) else {
            return UNPROVEN;
        };
        let Some((count, proof)) = proof(algorithm, &credentials, request) else {
            return UNPROVEN;
        };
        let account = directory.account(credentials.username);
        let ha1: &Ha1 = account.map_or(&self.nobody, |account| account).ha1(algorithm);
        let proven = proof.is_proven_by(ha1, credentials.response.as_bytes());
        let worth = self.nonces.weigh(now, source, proof.nonce, count);
        match account.filter(|_| proven && means(credentials.uri, request)) {
            None => {
                let tried = !proven && matches!(worth, Worth::Fresh(_));
                Verdict::Unproven { stale: false, wrong: tried.then(|| credentials.username.into()) }
            }
            Some(account) => match worth {
                Worth::Stale => Verdict::Unproven { stale: true, wrong: None },
                Worth::Fresh(ticket) => {
                    self.nonces.spend(now, ticket);
                    Verdict::Proven(Arc::clone(account))
                }
            },
        }
    }

    /// Adds the challenges to a 401: a WWW-Authenticate field for each algorithm that is offered, in the order of preference
    /// (RFC 8760 §2.4), of one new nonce.
    pub fn challenge(&mut self, now: Time, source: IpAddr, answer: Builder, stale: bool) -> Builder {
        let (realm, nonce) = (quote(&self.realm), self.nonces.mint(now, source));
        let stale = if stale { ", stale=true" } else { "" };
        self.offered.iter().fold(answer, |answer, algorithm| {
            let algorithm = algorithm.as_str();
            let text = format!(
                "Digest realm={realm}, nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}"
            );
            answer.header(Name::WwwAuthenticate, text)
        })
    }

    fn best_credentials<'a>(&self, request: &'a Message) -> Option<(Algorithm, Credentials<'a>)> {
        request
            .authorizations()
            .filter_map(|a| a.credentials().ok())
            .filter(|c| c.realm == self.realm && !c.userhash)
            .filter_map(|c| Some((Algorithm::of(c.algorithm.unwrap_or("MD5").as_bytes())?, c)))
            .filter(|(algorithm, _)| self.offered.contains(algorithm))
            .min_by_key(|(algorithm, _)| *algorithm)
    }
}

/// No credentials, or none that mean anything here.
const UNPROVEN: Verdict = Verdict::Unproven { stale: false, wrong: None };

/// The count and what the response must prove; `None` for forms that we do not offer.
fn proof<'a>(
    algorithm: Algorithm,
    credentials: &Credentials<'a>,
    request: &'a Message,
) -> Option<(Option<u32>, Proof<'a>)> {
    let (count, qop) = match credentials.qop {
        Some(qop) if qop.eq_ignore_ascii_case("auth") => {
            (Some(credentials.nc?), Some((credentials.nc_text?.as_bytes(), credentials.cnonce?.as_bytes())))
        }
        None if algorithm == Algorithm::Md5 => (None, None),
        _ => return None,
    };
    let method = request.method()?.as_str().as_bytes();
    Some((count, Proof { nonce: credentials.nonce.as_bytes(), qop, method, uri: credentials.uri.as_bytes() }))
}

/// Whether `uri` means the request's own Request-URI: the same resource, however ports, escapes and parameters are written
/// (phones leave out `transport` or write the default port).
///
/// DEVIATES: from RFC 7616 §3.4.6, which wants the same resource: a `uri` that names only a server (`sip:192.0.2.1:5060`, no user) is
/// taken as well, since user agents that authenticate towards their proxy write its address (SIPp does). The method, the nonce and its
/// count stay bound, so that it cannot be used twice.
fn means(uri: &str, request: &Message) -> bool {
    let (Ok(theirs), Some(ours)) = (Uri::parse(uri.as_bytes()), request.request_uri()) else {
        return uri.as_bytes() == request.request_uri_raw();
    };
    theirs.equivalent(&ours)
        || (theirs.user().is_none() && theirs.host().is_some_and(|host| host.ip().is_some()))
        || (theirs.host().is_some()
            && theirs.host() == ours.host()
            && theirs.scheme() == ours.scheme()
            && theirs.user_decoded() == ours.user_decoded()
            && theirs.port_or_default() == ours.port_or_default())
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({})", self.realm)
    }
}
