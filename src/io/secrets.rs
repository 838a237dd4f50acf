//! Named secrets: what trunks are proved with, sealed under the node's keys.
//!
//! Invariant: a secret enters over standard input, lies sealed, and leaves for the core alone; no command prints one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::sealed::{Sealed, SealedError};
use crate::base::Secret;
use crate::config;
use crate::trunk::{Register, Rewrite, Rules};
use crate::vault::Keyring;

/// Octets of one secret.
const SECRET_BYTES: usize = 512;

/// Secrets of one node.
const SECRETS: usize = 1_024;

/// The secrets of one store. Every function may block on the disk.
#[derive(Debug, Clone)]
pub struct Secrets(Sealed);

/// Why an act on the secrets was not carried out. The file is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// No name.
    #[error("`{0}` is not a name: 1 to 64 letters of any script, digits, `.`, `-`, `_`")]
    Name(String),
    /// Empty, too long, or of several lines.
    #[error("a secret is one line of 1 to {SECRET_BYTES} octets")]
    Value,
    /// There is none of that name.
    #[error("there is no secret {0}")]
    Unknown(String),
    /// There are too many.
    #[error("there are {SECRETS} secrets: no more fit")]
    Full,
    /// The content opened and is not understood.
    #[error("the secrets are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

/// Secrets by name.
pub type Named = BTreeMap<String, Secret<String>>;

impl Secrets {
    /// The secrets in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> Secrets {
        Secrets(Sealed::new(store.join("secrets.sealed"), "secrets", keys))
    }

    /// Every secret.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn all(&self) -> Result<Named, SecretsError> {
        let Some(octets) = self.0.read()? else { return Ok(Named::new()) };
        let clear: BTreeMap<String, String> = serde_json::from_slice(&octets)?;
        Ok(clear.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// Sets a secret, in place of one of that name.
    ///
    /// # Errors
    /// The name or the value is none, there are too many, or the file cannot be replaced.
    pub fn set(&self, name: &str, value: Secret<String>) -> Result<(), SecretsError> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.chars().count() > 64 || !name.chars().all(fits) {
            return Err(SecretsError::Name(name.to_string()));
        }
        let text = value.expose();
        if text.is_empty() || text.len() > SECRET_BYTES || text.contains(['\r', '\n', '\0']) {
            return Err(SecretsError::Value);
        }
        self.change(|all| {
            all.insert(name.to_string(), value);
            if all.len() > SECRETS { Err(SecretsError::Full) } else { Ok(()) }
        })
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// There is none of that name, or the file cannot be replaced.
    pub fn remove(&self, name: &str) -> Result<(), SecretsError> {
        self.change(|all| all.remove(name).map(drop).ok_or_else(|| SecretsError::Unknown(name.to_string())))
    }

    fn change(&self, act: impl FnOnce(&mut Named) -> Result<(), SecretsError>) -> Result<(), SecretsError> {
        let mut all = self.all()?;
        act(&mut all)?;
        let clear: BTreeMap<&str, &str> =
            all.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect();
        let octets = Zeroizing::new(serde_json::to_vec(&clear)?);
        Ok(self.0.write(&octets)?)
    }
}

/// A trunk's rules, with its secret.
pub(super) fn rules(trunk: &config::Trunk, secrets: &Named) -> Rules {
    let secret = trunk.secret.as_ref().and_then(|name| secrets.get(name)).cloned();
    if let (Some(missing), None) = (&trunk.secret, &secret) {
        tracing::error!(
            trunk = trunk.name,
            secret = missing,
            "no such secret: `ledgerline secret set` makes it"
        );
    }
    let rewrites = |list: &[(String, String)]| {
        list.iter().map(|(prefix, with)| Rewrite { prefix: prefix.clone(), with: with.clone() }).collect()
    };
    Rules {
        name: trunk.name.as_str().into(),
        group: trunk.group.as_deref().map(Into::into),
        priority: trunk.priority,
        weight: trunk.weight,
        to: trunk.to.iter().filter_map(|uri| uri.parse().ok()).collect(),
        from: trunk.from.clone(),
        register: trunk.register.map(|expires| Register { expires }),
        user: trunk.user.clone(),
        realm: trunk.realm.clone(),
        secret,
        caller_ids: trunk.caller_ids.clone(),
        calls: trunk.calls,
        outward: rewrites(&trunk.outward),
        inward: rewrites(&trunk.inward),
        ask: trunk.ask,
        codecs: trunk.codecs.clone(),
        srtp: trunk.srtp,
        video: trunk.video,
        forwarded_by: trunk.forwarded_by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::store;

    #[test]
    fn a_secret_is_kept_sealed_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = crate::io::init::init(&folder.path().join("node"), &crate::io::init::Wishes::default());
        let keys = Arc::new(store::load_keys(&made.expect("made").keys).expect("keys"));
        let secrets = Secrets::new(folder.path(), keys);
        assert!(secrets.all().expect("none").is_empty());
        secrets.set("carrier", Secret::new("pass phrase".into())).expect("set");
        assert_eq!(secrets.all().expect("one")["carrier"].expose(), "pass phrase");
        let raw = std::fs::read(folder.path().join("secrets.sealed")).expect("a file");
        assert!(
            memchr::memmem::find(&raw, b"pass phrase").is_none()
                && memchr::memmem::find(&raw, b"carrier").is_none()
        );
        for (name, value) in [("", "x"), ("a b", "x"), ("a", ""), ("a", "x\ny")] {
            assert!(secrets.set(name, Secret::new(value.into())).is_err(), "{name:?} {value:?}");
        }
        assert!(matches!(secrets.remove("other"), Err(SecretsError::Unknown(_))));
        secrets.remove("carrier").expect("removed");
        assert!(secrets.all().expect("none").is_empty());
    }
}
