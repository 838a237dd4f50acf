//! Acts that one person alone may not do (DUAL-01, DUAL-04): a *motion* says in words what is to be done, others look at
//! exactly these words and vote with a signature of their own, and within a day the act may be done.
//!
//! Invariant: a vote is worth nothing for any other text, act or motion than the one it was signed for, nor a day later;
//! it is counted by human being, not by account; the author's own is never counted; one refusal ends the motion.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::needs::{self, Need};
use super::role::Role;
use crate::base::{MotionId, PersonId, Secret, Wall, bounds};

/// Acts that need other people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighty {
    /// Recordings leave the house.
    Export,
    /// A recording is heard, or seen unmasked, whose plan wants a second person for that.
    Disclose,
    /// A hold ends.
    HoldRelease,
    /// Recordings are destroyed.
    Destroy,
    /// Recordings may be destroyed earlier than was said when they were made.
    RetentionShorten,
    /// Another plan is loaded.
    Plan,
    /// A plan for emergencies is switched on.
    EmergencyPlan,
    /// A word leaves the list of words that are watched for.
    WordRemove,
    /// A use of the break-glass account is closed.
    Review,
    /// A key-encryption key is destroyed.
    KeyRetire,
}

/// What each act needs: who may approve, and how many besides the author.
const TABLE: &[(Weighty, &str, u8, &[Role])] = &[
    (Weighty::Export, "export", 1, &[Role::Security, Role::Quality, Role::Supervisor]),
    (Weighty::Disclose, "disclose", 1, &[Role::Security, Role::Quality, Role::Supervisor]),
    (Weighty::HoldRelease, "hold-release", 1, &[Role::Security, Role::Audit, Role::Supervisor]),
    (Weighty::Destroy, "destroy", 2, &[Role::Security, Role::Audit, Role::Quality, Role::Supervisor]),
    (Weighty::RetentionShorten, "retention-shorten", 2, &[Role::Security, Role::Audit, Role::Supervisor]),
    (Weighty::Plan, "plan", 1, &[Role::Security, Role::Quality, Role::Supervisor]),
    (Weighty::EmergencyPlan, "emergency-plan", 1, &[Role::Security, Role::Quality, Role::Supervisor]),
    (Weighty::WordRemove, "word-remove", 1, &[Role::Security, Role::Quality, Role::Supervisor]),
    (Weighty::Review, "review", 1, &[Role::Audit]),
    (Weighty::KeyRetire, "key-retire", 1, &[Role::Security, Role::Audit, Role::Supervisor]),
];

impl Weighty {
    fn line(self) -> (&'static str, u8, &'static [Role]) {
        let line = TABLE.iter().find(|(act, ..)| *act == self);
        line.map_or(("unknown", u8::MAX, &[]), |(_, word, votes, roles)| (word, *votes, roles))
    }

    /// Its word: `hold-release`.
    pub fn word(self) -> &'static str {
        self.line().0
    }

    /// How many must approve, the author not counted.
    pub fn votes(self) -> u8 {
        self.line().1
    }

    /// Who may approve.
    pub fn approvers(self) -> &'static [Role] {
        self.line().2
    }
}

impl fmt::Display for Weighty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Somebody's yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// It may be done.
    Approve,
    /// It may not.
    Refuse,
}

/// One person's vote: 64 octets of Ed25519 over [`statement`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who: the human being, not the account.
    pub person: PersonId,
    /// Yes or no.
    pub voice: Voice,
    /// When it was signed, by the signer's clock.
    pub at: Wall,
    /// The public key that it holds under, 64 hexadecimal digits: kept, so that it can be checked when the person is gone.
    pub key: String,
    /// The signature, 128 hexadecimal digits.
    pub signature: String,
    /// What the person was when the vote was taken: written by the node, not part of what is signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

/// An act that was laid before others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Motion {
    /// Its name.
    pub id: MotionId,
    /// What is to be done.
    pub act: Weighty,
    /// In words, as it is shown to everybody who votes: all that the act depends on.
    pub text: String,
    /// Whose it is.
    pub author: PersonId,
    /// Since when it waits.
    pub made: Wall,
    /// The votes so far.
    pub votes: Vec<Vote>,
    /// Who must approve, where what is to be done says so itself (its text does, too); empty: as for every such act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// When it was made use of; an approval serves once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Wall>,
}

/// Where a motion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// So many more approvals are needed.
    Waits(u8),
    /// It may be done.
    Approved,
    /// Somebody refused.
    Refused,
    /// Its day is over.
    Expired,
    /// It was done.
    Used,
}

/// Why a motion is not taken, a vote not counted or an act not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// There is nothing to read, or too much.
    #[error("the text to approve must have 1 to {most} octets", most = bounds::APPROVAL_TEXT_BYTES)]
    Text,
    /// Whoever asks does not approve.
    #[error("who asks for an act does not approve it, by no account")]
    Author,
    /// One human being, one vote.
    #[error("this person has voted, by this account or another")]
    Twice,
    /// The person's roles give no vote on this act.
    #[error("this person's roles give no vote on it")]
    Role,
    /// The signature is not this key's over this motion.
    #[error("the signature does not hold for what was shown")]
    Signature,
    /// The vote's time is not between the motion's beginning and now.
    #[error("the vote was signed at another time")]
    Time,
    /// It is no more to be voted on.
    #[error("it does not wait for votes any more")]
    Closed,
    /// It is another act, or other words, than what was approved.
    #[error("what was approved is something else")]
    Other,
    /// Not enough have approved, or somebody refused, or the day is over.
    #[error("it is not approved")]
    NotApproved,
}

/// What is signed: the motion, what is to be done, the SHA-256 of the words that were shown, who signs, what they say, and
/// when. One line each, so that a person can check it with `sha256sum` and any Ed25519 tool.
pub fn statement(motion: &Motion, person: PersonId, voice: Voice, at: Wall) -> String {
    let voice = match voice {
        Voice::Approve => "approve",
        Voice::Refuse => "refuse",
    };
    format!(
        "ledgerline approval 1\nmotion {}\nact {}\nsha256 {}\nperson {person}\nsays {voice}\nat {}\n",
        motion.id,
        motion.act,
        motion.hash_hex(),
        at.as_micros()
    )
}

impl Vote {
    /// Signs `voice` on `motion` with the key of `seed` (RFC 8032).
    pub fn sign(motion: &Motion, person: PersonId, voice: Voice, at: Wall, seed: &Secret<[u8; 32]>) -> Vote {
        let key = SigningKey::from_bytes(seed.expose());
        let signature = key.sign(statement(motion, person, voice, at).as_bytes());
        Vote {
            person,
            voice,
            at,
            key: hex(key.verifying_key().as_bytes()),
            signature: hex(&signature.to_bytes()),
            roles: Vec::new(),
        }
    }

    /// Whether it was signed for `motion` with the key that it names. Anybody can ask this, years later.
    pub fn holds(&self, motion: &Motion) -> bool {
        let parts = || {
            let key = VerifyingKey::from_bytes(&unhex(&self.key)?).ok()?;
            Some((key, Signature::from_bytes(&unhex(&self.signature)?)))
        };
        let text = statement(motion, self.person, self.voice, self.at);
        parts().is_some_and(|(key, signature)| key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

/// The public key (64 hexadecimal digits) of the private `seed`.
pub fn public_of(seed: &Secret<[u8; 32]>) -> String {
    hex(SigningKey::from_bytes(seed.expose()).verifying_key().as_bytes())
}

/// Whether `text` is a public key that votes can be checked with.
pub fn is_key(text: &str) -> bool {
    unhex(text).and_then(|key| VerifyingKey::from_bytes(&key).ok()).is_some_and(|key| !key.is_weak())
}

impl Motion {
    /// Lays `act`, described by `text`, before others.
    ///
    /// # Errors
    /// [`Objection::Text`].
    pub fn new(
        id: MotionId,
        act: Weighty,
        text: String,
        author: PersonId,
        now: Wall,
    ) -> Result<Motion, Objection> {
        if text.trim().is_empty() || text.len() > bounds::APPROVAL_TEXT_BYTES {
            return Err(Objection::Text);
        }
        Ok(Motion { id, act, text, author, made: now, votes: Vec::new(), needs: Vec::new(), used: None })
    }

    /// SHA-256 of the words that are shown, in hexadecimal.
    pub fn hash_hex(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }

    /// Until when it can be approved and used.
    pub fn until(&self) -> Wall {
        self.made + bounds::APPROVAL_HOLDS
    }

    /// Where it stands at `now`. A clock that stands before the motion's beginning makes it expired, not young.
    pub fn standing(&self, now: Wall) -> Standing {
        if self.used.is_some() {
            return Standing::Used;
        }
        if self.votes.iter().any(|vote| vote.voice == Voice::Refuse) {
            return Standing::Refused;
        }
        if now >= self.until() || now + bounds::APPROVAL_SKEW < self.made {
            return Standing::Expired;
        }
        let approvals: Vec<&[Role]> =
            self.votes.iter().filter(|vote| self.counts(vote)).map(|vote| &*vote.roles).collect();
        let missing = match &*self.needs {
            [] => self.act.votes().saturating_sub(u8::try_from(approvals.len()).unwrap_or(u8::MAX)),
            needs => needs::missing(needs, &approvals),
        };
        if missing == 0 { Standing::Approved } else { Standing::Waits(missing) }
    }

    /// Whether one of `roles` gives a vote on it.
    fn hears(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| match &*self.needs {
            [] => self.act.approvers().contains(role),
            needs => needs.iter().any(|need| need.roles.contains(role)),
        })
    }

    fn counts(&self, vote: &Vote) -> bool {
        let first = self.votes.iter().find(|other| other.person == vote.person);
        vote.voice == Voice::Approve
            && vote.person != self.author
            && first.is_some_and(|first| std::ptr::eq(first, vote))
            && vote.holds(self)
    }

    /// Takes `vote` of a person with these `roles`, whose registered public key is `key`.
    ///
    /// # Errors
    /// Why it does not count; the motion is then as it was.
    pub fn vote(
        &mut self,
        vote: Vote,
        key: &str,
        roles: impl IntoIterator<Item = Role>,
        now: Wall,
    ) -> Result<Standing, Objection> {
        if !matches!(self.standing(now), Standing::Waits(_)) || self.votes.len() >= bounds::APPROVAL_VOTES {
            return Err(Objection::Closed);
        }
        if vote.person == self.author {
            return Err(Objection::Author);
        }
        if self.votes.iter().any(|before| before.person == vote.person) {
            return Err(Objection::Twice);
        }
        let roles: Vec<Role> = roles.into_iter().collect();
        if !self.hears(&roles) {
            return Err(Objection::Role);
        }
        if vote.at + bounds::APPROVAL_SKEW < self.made || vote.at > now + bounds::APPROVAL_SKEW {
            return Err(Objection::Time);
        }
        if vote.key != key || !vote.holds(self) {
            return Err(Objection::Signature);
        }
        self.votes.push(Vote { roles, ..vote });
        Ok(self.standing(now))
    }

    /// Makes use of the approval for `act` as described by `text`: once, within its day. Who approved comes back.
    ///
    /// # Errors
    /// It is not approved, or what was approved is something else.
    pub fn spend(&mut self, act: Weighty, text: &str, now: Wall) -> Result<Vec<PersonId>, Objection> {
        if act != self.act || text != self.text {
            return Err(Objection::Other);
        }
        if self.standing(now) != Standing::Approved {
            return Err(Objection::NotApproved);
        }
        self.used = Some(now);
        Ok(self.votes.iter().map(|vote| vote.person).collect())
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MADE: Wall = Wall::from_micros(1_795_337_972_000_000);
    const TEXT: &str = "export r-1, r-2\ncase C-7\n";

    fn person(number: u8) -> PersonId {
        PersonId::from_bytes([number; 16])
    }

    fn seed(number: u8) -> Secret<[u8; 32]> {
        Secret::new([number; 32])
    }

    fn motion(act: Weighty) -> Motion {
        Motion::new(MotionId::from_bytes([9; 16]), act, TEXT.into(), person(1), MADE).expect("words")
    }

    /// The vote of person `number` with key `number`, a minute after the beginning.
    fn vote(motion: &Motion, number: u8, voice: Voice) -> Vote {
        Vote::sign(motion, person(number), voice, MADE + Duration::from_secs(60), &seed(number))
    }

    fn cast(motion: &mut Motion, number: u8) -> Result<Standing, Objection> {
        let vote = vote(motion, number, Voice::Approve);
        motion.vote(vote, &public_of(&seed(number)), [Role::Security], MADE + Duration::from_secs(61))
    }

    /// DUAL-01: the author's vote counts by no account, one human being votes once.
    #[test]
    fn votes_are_counted_by_human_being() {
        let mut motion = motion(Weighty::Destroy);
        assert_eq!(cast(&mut motion, 1), Err(Objection::Author));
        assert_eq!(cast(&mut motion, 2), Ok(Standing::Waits(1)));
        // The same person by another account brings another key, and the same person id.
        let other = Vote::sign(&motion, person(2), Voice::Approve, MADE, &seed(7));
        let by_another_account = motion.vote(other, &public_of(&seed(7)), [Role::Audit], MADE);
        assert_eq!(by_another_account, Err(Objection::Twice));
        assert_eq!(cast(&mut motion, 3), Ok(Standing::Approved));
        assert_eq!(cast(&mut motion, 4), Err(Objection::Closed));
    }

    /// DUAL-01, against who writes into the file beside the node: what is read back is counted anew.
    #[test]
    fn votes_that_were_not_cast_do_not_count() {
        let later = MADE + Duration::from_secs(100);
        let mut forged = motion(Weighty::Destroy);
        forged.votes = vec![vote(&forged, 1, Voice::Approve), vote(&forged, 2, Voice::Approve)];
        assert_eq!(forged.standing(later), Standing::Waits(1), "the author");
        forged.votes = vec![vote(&forged, 2, Voice::Approve), vote(&forged, 2, Voice::Approve)];
        assert_eq!(forged.standing(later), Standing::Waits(1), "one twice");
        forged.votes = vec![vote(&forged, 2, Voice::Approve), vote(&forged, 3, Voice::Approve)];
        assert_eq!(forged.standing(later), Standing::Approved);
        forged.text += "and r-3\n";
        assert_eq!(forged.standing(later), Standing::Waits(2), "other words");
    }

    /// DUAL-04: bound to the hash of what was shown, to the act, to the person, to the motion and to the time.
    #[test]
    fn no_bit_of_what_was_signed_may_change() {
        let motion = motion(Weighty::Export);
        let vote = vote(&motion, 2, Voice::Approve);
        assert!(vote.holds(&motion));
        let other = |change: fn(&mut Motion, &mut Vote)| {
            let (mut motion, mut vote) = (motion.clone(), vote.clone());
            change(&mut motion, &mut vote);
            vote.holds(&motion)
        };
        for (what, holds) in [
            ("text", other(|motion, _| motion.text.push(' '))),
            ("act", other(|motion, _| motion.act = Weighty::Destroy)),
            ("motion", other(|motion, _| motion.id = MotionId::from_bytes([8; 16]))),
            ("person", other(|_, vote| vote.person = person(3))),
            ("voice", other(|_, vote| vote.voice = Voice::Refuse)),
            ("time", other(|_, vote| vote.at = MADE)),
            ("key", other(|_, vote| vote.key = public_of(&seed(3)))),
            ("signature", other(|_, vote| vote.signature.replace_range(0..2, "00"))),
            ("no hexadecimal", other(|_, vote| vote.key = "+1".repeat(32))),
        ] {
            assert!(!holds, "{what}");
        }
    }

    #[test]
    fn a_vote_needs_the_registered_key_a_role_and_its_time() {
        let fresh = motion(Weighty::Export);
        let now = MADE + Duration::from_secs(61);
        let key = public_of(&seed(2));
        let at = |at| Vote::sign(&fresh, person(2), Voice::Approve, at, &seed(2));
        let before = Wall::from_micros(MADE.as_micros() - 301_000_000);
        for (vote, key, role, result) in [
            (at(now), key.as_str(), Role::Quality, Ok(Standing::Approved)),
            (at(now), &public_of(&seed(3)), Role::Quality, Err(Objection::Signature)),
            (at(now), &key, Role::System, Err(Objection::Role)),
            (at(now), &key, Role::Listener, Err(Objection::Role)),
            (at(now + Duration::from_secs(301)), &key, Role::Quality, Err(Objection::Time)),
            (at(before), &key, Role::Quality, Err(Objection::Time)),
        ] {
            assert_eq!(fresh.clone().vote(vote, key, [role], now), result, "{role}");
        }
        assert!(is_key(&key) && !is_key("") && !is_key(&"00".repeat(32)));
    }

    /// DUAL-04: valid for a day, spent once, for exactly this act and these words.
    #[test]
    fn an_approval_serves_once_and_for_a_day() {
        let mut approved = motion(Weighty::Export);
        assert_eq!(approved.spend(Weighty::Export, TEXT, MADE), Err(Objection::NotApproved));
        cast(&mut approved, 2).expect("counts");
        let late = MADE + bounds::APPROVAL_HOLDS;
        let just = Wall::from_micros(late.as_micros() - 1);
        let early = Wall::from_micros(MADE.as_micros() - 301_000_000);
        for (act, text, now, result) in [
            (Weighty::Export, TEXT, just, Ok(vec![person(2)])),
            (Weighty::Export, TEXT, late, Err(Objection::NotApproved)),
            (Weighty::Export, TEXT, early, Err(Objection::NotApproved)),
            (Weighty::Export, "export r-1, r-3\ncase C-7\n", just, Err(Objection::Other)),
            (Weighty::Destroy, TEXT, just, Err(Objection::Other)),
        ] {
            assert_eq!(approved.clone().spend(act, text, now), result, "{act} {text} {now:?}");
        }
        approved.spend(Weighty::Export, TEXT, just).expect("approved");
        assert_eq!(approved.spend(Weighty::Export, TEXT, just), Err(Objection::NotApproved));
        assert_eq!(approved.standing(just), Standing::Used);
    }

    #[test]
    fn one_refusal_ends_it() {
        let mut motion = motion(Weighty::Destroy);
        let no = vote(&motion, 3, Voice::Refuse);
        let now = MADE + Duration::from_secs(61);
        assert_eq!(motion.vote(no, &public_of(&seed(3)), [Role::Audit], now), Ok(Standing::Refused));
        assert_eq!(cast(&mut motion, 2), Err(Objection::Closed));
    }

    #[test]
    fn every_weighty_act_needs_somebody_who_may() {
        for (act, word, votes, roles) in TABLE {
            assert!(*votes >= 1 && !roles.is_empty() && act.word() == *word);
            assert!(!roles.contains(&Role::System), "{word}: who runs the machine approves nothing");
        }
        assert!(
            Motion::new(MotionId::from_bytes([0; 16]), Weighty::Plan, " ".into(), person(1), MADE).is_err()
        );
    }
}
