//! The suites by the names that SDES gives them, and the secret that a session's keys are derived from.

use zeroize::Zeroizing;

/// A cipher and its authentication: RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Suite {
    /// AES-256-GCM.
    AeadAes256Gcm,
    /// AES-128-GCM.
    AeadAes128Gcm,
    /// AES-256 in counter mode, HMAC-SHA-1 of 80 bits.
    AesCm256Sha80,
    /// AES-256 in counter mode, HMAC-SHA-1 of 32 bits (80 for RTCP).
    AesCm256Sha32,
    /// AES-128 in counter mode, HMAC-SHA-1 of 80 bits: what every phone has.
    AesCm128Sha80,
    /// AES-128 in counter mode, HMAC-SHA-1 of 32 bits (80 for RTCP).
    AesCm128Sha32,
}

impl Suite {
    /// All of them, strongest first; of those that an offer names the first here is taken.
    pub const ALL: [Suite; 6] = [
        Suite::AeadAes256Gcm,
        Suite::AeadAes128Gcm,
        Suite::AesCm256Sha80,
        Suite::AesCm128Sha80,
        Suite::AesCm256Sha32,
        Suite::AesCm128Sha32,
    ];

    /// Its name in `a=crypto`.
    pub fn name(self) -> &'static str {
        match self {
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AesCm256Sha80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::AesCm256Sha32 => "AES_256_CM_HMAC_SHA1_32",
            Suite::AesCm128Sha80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128Sha32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of a name in `a=crypto`; names are compared without regard to case, as phones write them in both.
    pub fn named(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Octets of the cipher's key.
    pub fn key_bytes(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::AesCm256Sha80 | Suite::AesCm256Sha32 => 32,
            Suite::AeadAes128Gcm | Suite::AesCm128Sha80 | Suite::AesCm128Sha32 => 16,
        }
    }

    /// Octets of the salt.
    pub fn salt_bytes(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Octets of key and salt together: what `inline:` carries in base 64.
    pub fn master_bytes(self) -> usize {
        self.key_bytes() + self.salt_bytes()
    }

    pub(super) fn is_aead(self) -> bool {
        matches!(self, Suite::AeadAes256Gcm | Suite::AeadAes128Gcm)
    }

    /// Octets of an RTP packet's tag.
    pub(super) fn tag_bytes(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => 16,
            Suite::AesCm256Sha80 | Suite::AesCm128Sha80 => 10,
            Suite::AesCm256Sha32 | Suite::AesCm128Sha32 => 4,
        }
    }
}

/// A master key and its salt. Wiped when it goes; its `Debug` shows the suite alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Master {
    suite: Suite,
    octets: Zeroizing<Vec<u8>>,
}

impl Master {
    /// Key, then salt: [`Suite::master_bytes`] of them. `None` when they are not as many.
    pub fn new(suite: Suite, octets: &[u8]) -> Option<Master> {
        (octets.len() == suite.master_bytes())
            .then(|| Master { suite, octets: Zeroizing::new(octets.to_vec()) })
    }

    /// The suite that it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Key, then salt: for SDP, over signalling that is itself protected.
    pub fn expose(&self) -> &[u8] {
        &self.octets
    }

    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        self.octets.split_at(self.suite.key_bytes())
    }
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Master({})", self.suite.name())
    }
}
