//! The phones' own digest (RFC 7616, RFC 2617): from challenge and password to an Authorization header.

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// Which of the offered challenges a phone takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha256,
    Md5,
    /// MD5 and no `qop`, as phones of the last century.
    Oldest,
}

/// A challenge that a phone can answer.
#[derive(Debug, Clone)]
pub struct Challenge {
    hash: Hash,
    realm: String,
    nonce: String,
    /// How often the nonce was used.
    count: u32,
    pub stale: bool,
}

/// Who proves what.
pub struct Proof<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub method: &'a str,
    pub uri: &'a str,
    pub cnonce: &'a str,
}

impl Challenge {
    /// The one of `offered` (values of WWW-Authenticate) that suits a phone of this kind.
    pub fn choose<'a>(hash: Hash, mut offered: impl Iterator<Item = &'a str>) -> Option<Challenge> {
        let wanted = if hash == Hash::Sha256 { "SHA-256" } else { "MD5" };
        let value = offered.find(|value| quoted(value, "algorithm").unwrap_or("MD5") == wanted)?;
        Some(Challenge {
            hash,
            realm: quoted(value, "realm")?.to_string(),
            nonce: quoted(value, "nonce")?.to_string(),
            count: 0,
            stale: quoted(value, "stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// An Authorization header's value; each call uses the nonce once more.
    pub fn answer(&mut self, proof: &Proof<'_>) -> String {
        self.count += 1;
        let Challenge { realm, nonce, .. } = &*self;
        let Proof { user, password, method, uri, cnonce } = proof;
        let nc = format!("{:08x}", self.count);
        let ha1 = self.hex(&format!("{user}:{realm}:{password}"));
        let ha2 = self.hex(&format!("{method}:{uri}"));
        if self.hash == Hash::Oldest {
            let response = self.hex(&format!("{ha1}:{nonce}:{ha2}"));
            return format!(
                "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
            );
        }
        let response = self.hex(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"));
        let algorithm = if self.hash == Hash::Sha256 { "SHA-256" } else { "MD5" };
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm={algorithm}, cnonce=\"{cnonce}\", qop=auth, nc={nc}"
        )
    }

    /// Whether the nonce may be used again.
    pub fn lasts(&self) -> bool {
        self.hash != Hash::Oldest
    }

    fn hex(&self, text: &str) -> String {
        match self.hash {
            Hash::Sha256 => hex(&Sha256::digest(text)),
            Hash::Md5 | Hash::Oldest => hex(&Md5::digest(text)),
        }
    }
}

/// Whether `value`, an Authorization field with SHA-256 and qop, proves this password for `method`.
pub fn holds(value: &str, password: &str, method: &str) -> bool {
    let of = |name: &str| quoted(value, name).unwrap_or_default();
    let hash = |text: String| hex(&Sha256::digest(text));
    let ha1 = hash(format!("{}:{}:{password}", of("username"), of("realm")));
    let ha2 = hash(format!("{method}:{}", of("uri")));
    let whole = format!("{ha1}:{}:{}:{}:{}:{ha2}", of("nonce"), of("nc"), of("cnonce"), of("qop"));
    !of("response").is_empty() && hash(whole) == of("response")
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A parameter of a challenge, quoted or not.
fn quoted<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value.strip_prefix("Digest ")?;
    loop {
        let (is, after) = rest.split_once('=')?;
        let (value, behind) = match after.strip_prefix('"') {
            Some(inner) => inner.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if is.trim_matches([' ', ',']) == name {
            return Some(value);
        }
        rest = behind;
    }
}
