//! Keys of SRTP in session descriptions: SDES, RFC 4568.
//!
//! A leg has one key of its own a suite for as long as it lives, so that a new description changes nothing for the far
//! end's counters; all of them follow from what was drawn when the leg began. Invariant: under [`Srtp::Required`] no description without keys is sent or taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::Random;
use crate::config::Srtp;
use crate::media::Secure;
use crate::rtp::srtp::{Master, Suite};
use crate::sdp::Media;

/// Lines looked at in one description.
const LINES: usize = 16;
/// What is offered over encrypted signalling, in this order: what phones of the last ten years have, strongest first.
const OFFERED: &[Suite] = &[Suite::AeadAes256Gcm, Suite::AesCm256Sha80, Suite::AesCm128Sha80];
/// What is offered otherwise: who reads the signalling has the key whatever its length, and an INVITE should stay below
/// the size at which UDP gives way to TCP (RFC 3261 §18.1.1).
const OFFERED_IN_CLEAR: &[Suite] = &[Suite::AesCm128Sha80];

/// The most that a suite needs: key and salt of AES-256 in counter mode.
const LONGEST: usize = 46;

/// A line of keys that the switch can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    tag: u32,
    master: Master,
}

/// The usable lines of a media section, in its order of preference.
pub(super) fn lines_of(media: &Media) -> Vec<Line> {
    media.crypto().take(LINES).filter_map(Line::read).collect()
}

impl Line {
    /// Reads `TAG SUITE inline:KEY[|LIFETIME] [PARAMETERS]`. `None` for what this switch does not do: other suites, several
    /// keys, key identifiers, packets that are not encrypted or not authenticated.
    fn read(text: &str) -> Option<Line> {
        let mut parts = text.split_ascii_whitespace();
        let tag = parts.next()?.parse().ok()?;
        let suite = Suite::named(parts.next()?)?;
        let key = parts.next()?;
        let key = key.get(..7).filter(|method| method.eq_ignore_ascii_case("inline:")).and(key.get(7..))?;
        // A window size is a wish of the sender; ours is larger than any that is in use.
        if parts.any(|parameter| !parameter.starts_with("WSH=")) || key.contains(';') {
            return None;
        }
        let mut fields = key.split('|');
        let octets = Zeroizing::new(STANDARD.decode(fields.next()?).ok()?);
        // Behind the key: a lifetime, which no call reaches, and an identifier ("1:4"), which would stand in each packet.
        if fields.any(|field| field.contains(':')) {
            return None;
        }
        Some(Line { tag, master: Master::new(suite, &octets)? })
    }
}

/// The value of `a=crypto` for a key of ours.
fn written(tag: u32, master: &Master) -> String {
    format!("{tag} {} inline:{}", master.suite().name(), STANDARD.encode(master.expose()))
}

/// The keys of one leg.
#[derive(Debug, Default)]
pub(super) struct Keys {
    policy: Srtp,
    /// Whether the signalling is encrypted.
    private: bool,
    /// What our keys follow from; `None`: we have none.
    seed: Option<Zeroizing<[u8; 32]>>,
    /// What was agreed, and the tag of its line.
    agreed: Option<(u32, Secure)>,
}

impl Keys {
    /// Draws the keys of a leg.
    pub(super) fn new(policy: Srtp, private: bool, random: &mut Random) -> Keys {
        let seed = (policy != Srtp::Off).then(|| {
            let mut seed = Zeroizing::new([0; 32]);
            random.fill(&mut *seed);
            seed
        });
        Keys { policy, private, seed, agreed: None }
    }

    /// Our key of a suite.
    fn own(&self, suite: Suite) -> Option<Master> {
        let mut octets = Zeroizing::new([0; LONGEST]);
        let octets = octets.get_mut(..suite.master_bytes())?;
        let source = Hkdf::<Sha256>::new(None, &**self.seed.as_ref()?);
        source.expand(suite.name().as_bytes(), octets).ok()?;
        Master::new(suite, octets)
    }

    /// What the media plane is to use.
    pub(super) fn secure(&self) -> Option<Secure> {
        self.agreed.as_ref().map(|(_, secure)| secure.clone())
    }

    /// Chooses from the far end's offer; false when it cannot be taken. `insists`: its profile is the secure one.
    pub(super) fn take_offer(&mut self, lines: &[Line], insists: bool) -> bool {
        if self.why_not(lines, insists).is_some() {
            return false;
        }
        self.agreed = lines.iter().find_map(|line| Some((line.tag, self.with(line)?)));
        true
    }

    /// Why an offer with these lines cannot be taken; `None`: it can.
    pub(super) fn why_not(&self, lines: &[Line], insists: bool) -> Option<&'static str> {
        match self.policy {
            Srtp::Off if insists => Some("it insists on encryption (RTP/SAVP), and its policy is off"),
            Srtp::Optional if insists && lines.is_empty() => {
                Some("it insists on encryption and gives no usable key")
            }
            Srtp::Required if lines.is_empty() => {
                Some("it offers no encryption (SRTP), which is required of it")
            }
            _ => None,
        }
    }

    /// What holds for the leg.
    pub(super) fn policy(&self) -> Srtp {
        self.policy
    }

    /// Whether the far end could be offered encryption only, and has not been.
    pub(super) fn may_insist(&self) -> bool {
        self.policy == Srtp::Optional
    }

    /// From now on the far end has encryption or nothing.
    pub(super) fn insist(&mut self) {
        self.policy = Srtp::Required;
    }

    /// Whether nothing may be sent, because keys are required and there are none.
    pub(super) fn are_missing(&self) -> bool {
        self.policy == Srtp::Required && self.agreed.is_none()
    }

    /// Whether the far end's answer to an offer of ours can be used.
    pub(super) fn takes(&self, lines: &[Line]) -> bool {
        self.policy != Srtp::Required || self.agreed_by(lines).is_some()
    }

    /// Takes the far end's answer to an offer of ours; false when it cannot be used.
    pub(super) fn take_answer(&mut self, lines: &[Line]) -> bool {
        let usable = self.takes(lines);
        if usable {
            self.agreed = self.agreed_by(lines);
        }
        usable
    }

    fn agreed_by(&self, lines: &[Line]) -> Option<(u32, Secure)> {
        let fits =
            |line: &&Line| self.offered().any(|(tag, suite)| tag == line.tag && suite == line.master.suite());
        lines.first().filter(fits).and_then(|line| Some((line.tag, self.with(line)?)))
    }

    fn with(&self, line: &Line) -> Option<Secure> {
        let send = self.own(line.master.suite())?;
        Some(Secure { send, receive: line.master.clone() })
    }

    /// Writes our line into the answer to the offer that was taken.
    pub(super) fn write_answer(&self, media: &mut Media) {
        if let Some((tag, secure)) = &self.agreed {
            media.set("crypto", written(*tag, &secure.send));
        }
    }

    /// Writes our lines, and the secure profile where it is required, into an offer.
    pub(super) fn write_offer(&self, media: &mut Media) {
        if self.policy == Srtp::Required {
            media.protocol = "RTP/SAVP".into();
        }
        for (tag, suite) in self.offered() {
            if let Some(own) = self.own(suite) {
                media.add("crypto", written(tag, &own));
            }
        }
    }

    /// What we offer: what is in use already, else each suite that phones have.
    fn offered(&self) -> impl Iterator<Item = (u32, Suite)> {
        let used = self.agreed.as_ref().map(|(_, secure)| secure.send.suite());
        let fresh = if self.private { OFFERED } else { OFFERED_IN_CLEAR };
        let suites = fresh.iter().copied().filter(move |_| used.is_none()).chain(used);
        // Under `Off` there are no keys of ours.
        let ours = self.seed.is_some();
        (1..).zip(suites.filter(move |_| ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Kind;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn keys(policy: Srtp, private: bool, seed: u64) -> Keys {
        Keys::new(policy, private, &mut Random::from_number(seed))
    }

    fn offered(keys: &Keys) -> Media {
        let mut media = Media::new(Kind::Audio, 4_000, "RTP/AVP");
        keys.write_offer(&mut media);
        media
    }

    #[test]
    fn lines_are_read_as_phones_write_them() {
        for (line, usable) in [
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), true),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"), true),
            (format!("7 aes_cm_128_hmac_sha1_32 inline:{KEY}|1048576 WSH=128"), true),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"), false),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"), false),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"), false),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"), false),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"), false),
            (format!("1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}"), false),
            (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), false),
            (format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), false),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:é".into(), false),
            ("1 AES_CM_128_HMAC_SHA1_80".into(), false),
            ("1 AES_CM_128_HMAC_SHA1_80 éééé".into(), false),
            (String::new(), false),
        ] {
            assert_eq!(Line::read(&line).is_some(), usable, "{line}");
        }
    }

    #[test]
    fn two_ends_agree_on_keys_that_fit_together() {
        for policy in [Srtp::Optional, Srtp::Required] {
            let (mut here, mut there) = (keys(policy, true, 1), keys(Srtp::Optional, true, 2));
            let offer = offered(&here);
            assert_eq!(offer.protocol, if policy == Srtp::Required { "RTP/SAVP" } else { "RTP/AVP" });
            assert!(there.take_offer(&lines_of(&offer), true));
            let mut answer = Media::new(Kind::Audio, 5_000, offer.protocol.clone());
            there.write_answer(&mut answer);
            assert_eq!(answer.crypto().count(), 1);
            assert!(here.take_answer(&lines_of(&answer)));
            let (here_has, there_has) = (here.secure().expect("keys"), there.secure().expect("keys"));
            assert_eq!((&here_has.send, &here_has.receive), (&there_has.receive, &there_has.send));
            assert_eq!(here_has.send.suite(), Suite::AeadAes256Gcm);
            // Another offer within the call: the same keys.
            let again = offered(&here);
            assert_eq!(again.crypto().count(), 1);
            assert!(there.take_offer(&lines_of(&again), true));
            assert_eq!(there.secure(), Some(there_has));
        }
    }

    #[test]
    fn every_suite_has_a_key_of_its_own_that_stays() {
        let (one, other) = (keys(Srtp::Optional, true, 1), keys(Srtp::Optional, true, 2));
        let all: Vec<Master> = Suite::ALL.into_iter().map(|suite| one.own(suite).expect("a key")).collect();
        for (n, (suite, key)) in Suite::ALL.into_iter().zip(&all).enumerate() {
            assert_eq!(key.expose().len(), suite.master_bytes());
            assert_eq!(one.own(suite).as_ref(), Some(key));
            assert_ne!(other.own(suite).as_ref(), Some(key));
            let start = |key: &Master| key.expose()[..16].to_vec();
            assert!(all[..n].iter().all(|before| start(before) != start(key)), "{suite:?}");
        }
        assert!(
            Keys::default().own(Suite::AesCm128Sha80).is_none()
                && offered(&Keys::default()).crypto().count() == 0
        );
    }

    #[test]
    fn the_policy_holds() {
        let line = [Line::read(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).expect("usable")];
        for (policy, lines, insists, taken, encrypted) in [
            (Srtp::Off, &line[..], false, true, false),
            (Srtp::Off, &line[..], true, false, false),
            (Srtp::Off, &[], false, true, false),
            (Srtp::Optional, &line[..], false, true, true),
            (Srtp::Optional, &line[..], true, true, true),
            (Srtp::Optional, &[], false, true, false),
            (Srtp::Optional, &[], true, false, false),
            (Srtp::Required, &line[..], false, true, true),
            (Srtp::Required, &[], false, false, false),
        ] {
            let mut keys = keys(policy, true, 1);
            assert_eq!(keys.take_offer(lines, insists), taken, "{policy:?} {insists}");
            assert_eq!(keys.secure().is_some(), encrypted, "{policy:?} {insists}");
            assert_eq!(keys.why_not(lines, insists).is_none(), taken, "{policy:?} {insists}");
        }
        for (policy, private, count) in [
            (Srtp::Off, true, 0),
            (Srtp::Optional, false, 1),
            (Srtp::Optional, true, 3),
            (Srtp::Required, false, 1),
            (Srtp::Required, true, 3),
        ] {
            assert_eq!(offered(&keys(policy, private, 1)).crypto().count(), count, "{policy:?} {private}");
        }
        assert!(keys(Srtp::Optional, true, 1).take_answer(&[]), "a phone without SRTP is spoken to in clear");
        assert!(!keys(Srtp::Required, true, 1).take_answer(&[]));
        let stray = [Line { tag: 9, ..line[0].clone() }];
        let mut optional = keys(Srtp::Optional, true, 1);
        assert!(optional.take_answer(&stray) && optional.secure().is_none(), "a line that nobody offered");
    }
}
