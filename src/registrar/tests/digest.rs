//! Digest, as phones and attackers use it.

use std::time::Duration;

use super::message;
use crate::base::{Random, Secret, Time, bounds};
use crate::registrar::{Account, Algorithm, Digest, Directory, Ha1, Proof, Verdict};
use crate::sip::{Builder, Message, Name};

const REALM: &str = "ledgerline";

const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

struct Bench {
    digest: Digest,
    directory: Directory,
    now: Time,
}

/// What a phone puts into its credentials.
#[derive(Clone)]
struct Phone {
    user: &'static str,
    word: &'static str,
    realm: &'static str,
    algorithm: Option<&'static str>,
    qop: Option<&'static str>,
    nonce: String,
    count: u32,
    digested_method: &'static str,
    uri: &'static str,
}

impl Phone {
    fn with(nonce: &str) -> Phone {
        Phone {
            user: "alice",
            word: "open sesame",
            realm: REALM,
            algorithm: Some("SHA-256"),
            qop: Some("auth"),
            nonce: nonce.to_string(),
            count: 1,
            digested_method: "INVITE",
            uri: "sip:bob@ledgerline",
        }
    }

    fn credentials(&self) -> String {
        let algorithm = match self.algorithm {
            Some(text) if text.starts_with("SHA-256") => Algorithm::Sha256,
            _ => Algorithm::Md5,
        };
        let ha1 = Ha1::of(algorithm, self.user, self.realm, &Secret::new(self.word.to_string()));
        let nc = format!("{:08x}", self.count);
        let proof = Proof {
            nonce: self.nonce.as_bytes(),
            qop: self.qop.map(|_| (nc.as_bytes(), &b"cn"[..])),
            method: self.digested_method.as_bytes(),
            uri: self.uri.as_bytes(),
        };
        let response = String::from_utf8(proof.response(&ha1)).expect("hexadecimal");
        let mut text = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
            self.user, self.realm, self.nonce, self.uri
        );
        text += &self.algorithm.map(|a| format!(", algorithm={a}")).unwrap_or_default();
        text += &self.qop.map(|q| format!(", qop={q}, nc={nc}, cnonce=\"cn\"")).unwrap_or_default();
        text
    }
}

impl Bench {
    fn new() -> Bench {
        let alice = Account::new("alice", REALM, &Secret::new("open sesame".to_string()));
        Bench {
            digest: Digest::new(REALM, &Algorithm::DEFAULT, &mut Random::from_number(1)),
            directory: Directory::new([alice]).expect("one account"),
            now: Time::from_millis(50_000),
        }
    }

    fn challenged(&mut self, stale: bool) -> Message {
        let request = message("INVITE sip:bob@ledgerline SIP/2.0");
        self.digest
            .challenge(self.now, HERE, Builder::reply_to(&request, 401), stale)
            .message()
            .expect("a message")
    }

    fn nonce(&mut self) -> String {
        let answer = self.challenged(false);
        let text = answer.header_str(Name::WwwAuthenticate).expect("a challenge").to_string();
        text.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce").to_string()
    }

    /// `ok`, `stale` or `no`.
    fn check(&mut self, credentials: &[String]) -> &'static str {
        let fields: String = credentials.iter().map(|c| format!("\nAuthorization: {c}")).collect();
        let request = message(&format!("INVITE sip:bob@ledgerline SIP/2.0{fields}"));
        match self.digest.check(self.now, HERE, &request, &self.directory) {
            Verdict::Proven(account) => {
                assert_eq!(account.name, "alice");
                "ok"
            }
            Verdict::Unproven { stale: true, .. } => "stale",
            Verdict::Unproven { stale: false, .. } => "no",
        }
    }

    fn check_phone(&mut self, phone: &Phone) -> &'static str {
        self.check(&[phone.credentials()])
    }
}

#[test]
fn sha_256_is_offered_first_and_md5_beside_it() {
    let mut bench = Bench::new();
    let answer = bench.challenged(true);
    let challenges: Vec<_> = answer
        .headers(Name::WwwAuthenticate)
        .map(|value| {
            crate::sip::digest::Authorization::parse(value).and_then(|a| a.challenge()).expect("a challenge")
        })
        .collect();
    let algorithms: Vec<_> = challenges.iter().map(|c| c.algorithm).collect();
    assert_eq!(algorithms, [Some("SHA-256"), Some("MD5")]);
    for challenge in challenges {
        assert_eq!((challenge.realm, challenge.qop, challenge.stale), (REALM, Some("auth"), true));
    }
}

#[test]
fn phones_of_every_age_are_let_in() {
    let mut bench = Bench::new();
    let nonce = bench.nonce();
    let modern = Phone::with(&nonce);
    assert_eq!(bench.check_phone(&modern), "ok");
    for (count, algorithm, uri) in [
        (2, Some("MD5"), "sip:bob@ledgerline"),
        (3, Some("md5"), "sip:bob@LEDGERLINE"),
        (4, None, "sip:b%6fb@ledgerline"),
        (9, Some("sha-256"), "sip:bob@ledgerline:5060"),
        (10, Some("SHA-256"), "sip:bob@ledgerline;transport=tcp"),
    ] {
        let algorithm = algorithm.map(|a| if a == "sha-256" { "SHA-256" } else { a });
        assert_eq!(bench.check_phone(&Phone { count, algorithm, uri, ..modern.clone() }), "ok", "{count}");
    }
}

#[test]
fn what_proves_nothing_is_challenged_and_costs_no_nonce() {
    let mut bench = Bench::new();
    let good = Phone::with(&bench.nonce());
    for (why, phone) in [
        ("wrong word", Phone { word: "guess", ..good.clone() }),
        ("unknown user", Phone { user: "mallory", ..good.clone() }),
        ("nobody", Phone { user: "", ..good.clone() }),
        ("another realm", Phone { realm: "elsewhere", ..good.clone() }),
        ("another method", Phone { digested_method: "REGISTER", ..good.clone() }),
        ("another user's address", Phone { uri: "sip:eve@ledgerline", ..good.clone() }),
        ("another host", Phone { uri: "sip:bob@elsewhere", ..good.clone() }),
        ("another port", Phone { uri: "sip:bob@ledgerline:5070", ..good.clone() }),
        ("another scheme", Phone { uri: "sips:bob@ledgerline", ..good.clone() }),
        ("no address", Phone { uri: "*", ..good.clone() }),
        ("session algorithm", Phone { algorithm: Some("SHA-256-sess"), ..good.clone() }),
        ("integrity, never offered", Phone { qop: Some("auth-int"), ..good.clone() }),
        ("SHA-256 without qop", Phone { qop: None, ..good.clone() }),
        (
            "another node's nonce and a wrong word",
            Phone { nonce: "0".repeat(40), word: "guess", ..good.clone() },
        ),
    ] {
        assert_eq!(bench.check_phone(&phone), "no", "{why}");
    }
    for text in
        ["", "Basic YWxpY2U6", "Digest", "Digest username=alice", "NoOneKnowsThisScheme opaque-data=x"]
    {
        assert_eq!(bench.check(&[text.to_string()]), "no", "{text}");
    }
    assert_eq!(bench.check(&[]), "no");
    assert_eq!(bench.check_phone(&good), "ok", "none of it used up the count");
}

/// Class 2: a forged count on a sniffed nonce must not lock its owner out.
#[test]
fn a_bad_digest_does_not_poison_the_count() {
    let mut bench = Bench::new();
    let good = Phone::with(&bench.nonce());
    assert_eq!(bench.check_phone(&good), "ok");
    assert_eq!(bench.check_phone(&Phone { word: "guess", count: u32::MAX, ..good.clone() }), "no");
    assert_eq!(bench.check_phone(&Phone { count: 2, ..good }), "ok");
}

/// Class 1: nothing that was used is accepted again.
#[test]
fn a_thousand_replays_are_all_stale() {
    let mut bench = Bench::new();
    let good = Phone { count: 500, ..Phone::with(&bench.nonce()) };
    assert_eq!(bench.check_phone(&good), "ok");
    for count in 1..=1_000 {
        let replay = Phone { count: count.min(500), ..good.clone() };
        assert_eq!(bench.check_phone(&replay), "stale", "{count}");
    }
    assert_eq!(
        bench.check_phone(&Phone { algorithm: Some("MD5"), ..good.clone() }),
        "stale",
        "by any algorithm"
    );
    assert_eq!(bench.check_phone(&Phone { count: 501, ..good }), "ok");
}

#[test]
fn without_qop_every_request_needs_a_new_nonce() {
    let mut bench = Bench::new();
    let old = Phone { qop: None, algorithm: None, ..Phone::with(&bench.nonce()) };
    assert_eq!(bench.check_phone(&old), "ok");
    for _ in 0..1_000 {
        assert_eq!(bench.check_phone(&old), "stale");
    }
    assert_eq!(bench.check_phone(&Phone { qop: Some("auth"), count: 7, ..old.clone() }), "stale");
    let next = Phone { nonce: bench.nonce(), ..old };
    assert_eq!(bench.check_phone(&next), "ok");
}

#[test]
fn an_old_nonce_is_stale_and_one_of_an_earlier_run_too() {
    let mut bench = Bench::new();
    let good = Phone::with(&bench.nonce());
    bench.now = bench.now + bounds::NONCE_LIFETIME + Duration::from_millis(2);
    assert_eq!(bench.check_phone(&good), "stale");
    assert_eq!(bench.check_phone(&Phone { nonce: "f".repeat(40), ..good.clone() }), "stale");
    assert_eq!(bench.check_phone(&Phone { nonce: "made up".to_string(), ..good }), "stale");
}

#[test]
fn of_several_credentials_ours_and_the_strongest_counts() {
    let mut bench = Bench::new();
    let good = Phone::with(&bench.nonce());
    let elsewhere = Phone { realm: "elsewhere", ..good.clone() };
    let weak = Phone { algorithm: Some("MD5"), word: "guess", ..good.clone() };
    assert_eq!(bench.check(&[elsewhere.credentials(), weak.credentials(), good.credentials()]), "ok");
    let weak = Phone { algorithm: Some("MD5"), count: 2, ..good.clone() };
    let wrong = Phone { word: "guess", count: 2, ..good };
    assert_eq!(
        bench.check(&[weak.credentials(), wrong.credentials()]),
        "no",
        "one digest a request, no second guess"
    );
}

/// Class 3: the answers cannot be told apart.
#[test]
fn an_unknown_user_is_answered_like_a_wrong_password() {
    let mut bench = Bench::new();
    let good = Phone::with(&bench.nonce());
    let mut answers = Vec::new();
    for phone in [Phone { word: "guess", ..good.clone() }, Phone { user: "carol", ..good }] {
        assert_eq!(bench.check_phone(&phone), "no");
        let answer = bench.challenged(false);
        let names: Vec<_> = answer.fields().map(|field| field.name.to_string()).collect();
        answers.push((answer.status(), names, answer.as_bytes().len()));
    }
    assert_eq!(answers[0], answers[1]);
}
