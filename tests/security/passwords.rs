//! Classes 1 to 6, 11: digest, its nonces, and those who guess.

use std::time::{Duration, Instant};

use ledgerline::base::Rate;
use ledgerline::switch::{Answer, Command, Limits};

use crate::bench::*;

fn is_stale(answer: &str) -> bool {
    status(answer) == 401
        && header(answer, "WWW-Authenticate").iter().all(|value| value.contains("stale=true"))
}

fn key(bench: &mut Bench, from: &str) -> Key {
    let request = bench.request(from, "alice", "REGISTER", "sip:pbx", "", "");
    Key::of(&bench.say(from, &request)[0])
}

/// Class 1.
#[test]
fn class_01_a_proof_serves_once() {
    let mut bench = Bench::new();
    let key = key(&mut bench, ALICE);
    let proof = |count| key.proof("alice", &word("alice"), "REGISTER", "sip:pbx", count);
    let answer = |bench: &mut Bench, from: &str, method: &str, uri: &str, proof: &str| {
        let request = bench.request(from, "alice", method, uri, proof, "");
        bench.say(from, &request).pop().expect("an answer")
    };
    assert_eq!(status(&answer(&mut bench, ALICE, "REGISTER", "sip:pbx", &proof(5))), 200);
    let accepted = (0..1_000)
        .filter(|n| !is_stale(&answer(&mut bench, ALICE, "REGISTER", "sip:pbx", &proof(n % 6))))
        .count();
    assert_eq!(accepted, 0, "the same, and every lower count");
    for (method, uri) in [("MESSAGE", "sip:8002@pbx"), ("REGISTER", "sip:other")] {
        let answer = answer(&mut bench, ALICE, method, uri, &proof(6));
        assert_eq!((status(&answer), is_stale(&answer)), (401, false), "{method} {uri}");
    }
    assert!(is_stale(&answer(&mut bench, STRANGER, "REGISTER", "sip:pbx", &proof(7))), "from elsewhere");
    assert_eq!(status(&answer(&mut bench, ALICE, "REGISTER", "sip:pbx", &proof(6))), 200, "the next count");
    bench.wait(Duration::from_secs(301));
    assert!(is_stale(&answer(&mut bench, ALICE, "REGISTER", "sip:pbx", &proof(7))), "too old");
}

/// Class 2.
#[test]
fn class_02_a_wrong_proof_spoils_no_nonce() {
    let mut bench = Bench::new();
    let key = key(&mut bench, ALICE);
    let wrong = key.proof("alice", "guess", "REGISTER", "sip:pbx", u32::MAX);
    let request = bench.request(ALICE, "alice", "REGISTER", "sip:pbx", &wrong, "");
    assert_eq!(status(&bench.say(ALICE, &request)[0]), 401);
    let right = key.proof("alice", &word("alice"), "REGISTER", "sip:pbx", 1);
    let request = bench.request(ALICE, "alice", "REGISTER", "sip:pbx", &right, "");
    assert_eq!(status(&bench.say(ALICE, &request)[0]), 200);
}

/// Class 3: what differs between any two answers is left out; the rest is the same for users who exist and users who do not.
#[test]
fn class_03_nobody_learns_who_exists() {
    for method in ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"] {
        let shapes: Vec<Vec<String>> = ["alice", "zelda"]
            .into_iter()
            .flat_map(|user| {
                let mut bench = Bench::new();
                let uri =
                    if method == "REGISTER" { "sip:pbx".to_string() } else { format!("sip:{user}@pbx") };
                let plain = bench.request(STRANGER, user, method, &uri, "Event: dialog\n", "");
                let first = bench.say(STRANGER, &plain).remove(0);
                let proof = Key::of(&first).proof(user, "guess", method, &uri, 1);
                let tried =
                    bench.request(STRANGER, user, method, &uri, &format!("Event: dialog\n{proof}"), "");
                let second = bench.say(STRANGER, &tried).remove(0);
                [shape(&first), shape(&second)]
            })
            .collect();
        assert_eq!(shapes[0], shapes[2], "{method} without a proof");
        assert_eq!(shapes[1], shapes[3], "{method} with a wrong one");
    }
}

/// Status line, header names and lengths.
fn shape(answer: &str) -> Vec<String> {
    let mut lines = answer.lines();
    let mut shape = vec![lines.next().unwrap_or_default().to_string()];
    shape.extend(lines.map(|line| match line.split_once(':') {
        Some((name, value)) => format!("{name} {}", value.len()),
        None => String::new(),
    }));
    shape
}

/// What two kinds of requests cost each other: the lower quartile of many, taken in turns, so that whatever else the machine does
/// meets both alike.
fn cost(rounds: usize, mut one: impl FnMut(bool) -> Duration) -> f64 {
    let mut spans = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for n in 0..rounds {
        // Which of the two comes first takes turns too.
        for which in [n % 2 == 0, n % 2 != 0] {
            spans[usize::from(which)].push(one(which));
        }
    }
    let [a, b] = spans.map(|mut spans| {
        spans.sort();
        spans[spans.len() / 4].as_secs_f64()
    });
    a / b
}

/// How long a wrong password of `user` takes to be refused.
fn refusal(bench: &mut Bench, user: &str, plain: bool) -> Duration {
    let proof = match plain {
        true => String::new(),
        false => key(bench, STRANGER).proof(user, "guess", "REGISTER", "sip:pbx", 1),
    };
    let request = bench.request(STRANGER, user, "REGISTER", "sip:pbx", &proof, "");
    let began = Instant::now();
    let answer = bench.say(STRANGER, &request);
    let took = began.elapsed();
    assert_eq!(status(&answer[0]), 401);
    bench.wait(Duration::from_secs(3));
    bench.take();
    took
}

/// Class 3: the work is the same, to one part in twenty, over 10 000 tries; and the ruler is fine enough to tell a proof that is
/// checked from none.
#[test]
fn class_03_a_wrong_password_and_a_wrong_user_cost_the_same_work() {
    let mut bench = Bench::with(Limits { wrong: 0, ..Limits::default() });
    let mut ratios: Vec<f64> = (0..5)
        .map(|_| cost(1_000, |known| refusal(&mut bench, if known { "alice" } else { "zelda" }, false)))
        .collect();
    ratios.sort_by(f64::total_cmp);
    assert!((0.95..1.05).contains(&ratios[2]), "wrong password to wrong user: {ratios:?}");
    let ruler = cost(500, |plain| refusal(&mut bench, "alice", plain));
    assert!(ruler > 1.05, "a proof that is checked costs more than none: {ruler}");
}

/// Classes 4 and 5: whoever we call and challenges us learns nothing and loops nothing.
#[test]
fn class_04_and_05_a_challenge_is_never_answered() {
    let mut bench = Bench::with_phones();
    bench.take();
    bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER);
    for (n, challenge) in ["WWW-Authenticate", "Proxy-Authenticate"].into_iter().enumerate() {
        let sent = bench.take();
        let Some((_, invite)) = sent.iter().find(|(to, text)| to == BOB && text.starts_with("INVITE")) else {
            assert!(n > 0, "bob is rung: {sent:?}");
            continue;
        };
        let copied: String = invite
            .lines()
            .filter(|line| ["Via", "From", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(name)))
            .map(|line| format!("{line}\n"))
            .collect();
        let status = if challenge.starts_with("WWW") { 401 } else { 407 };
        let answer = format!(
            "SIP/2.0 {status} Prove it\n{copied}To: <sip:8002@pbx>;tag=b\n{challenge}: Digest realm=\"pbx\", nonce=\"{n}\"\n\
             Content-Length: 0\n\n"
        );
        bench.say(BOB, &answer);
        bench.wait(Duration::from_secs(40));
    }
    let said: String = bench.take().into_iter().map(|(_, text)| text).collect();
    assert!(!said.contains("\r\nAuthorization") && !said.contains("\r\nProxy-Authorization"), "{said}");
    assert!(bench.calls().is_empty());
}

/// Class 6.
#[test]
fn class_06_credentials_of_another_realm_or_form_are_none() {
    let mut bench = Bench::new();
    let key = key(&mut bench, ALICE);
    let good = key.proof("alice", &word("alice"), "REGISTER", "sip:pbx", 1);
    for (from, to) in [
        ("realm=\"pbx\"", "realm=\"elsewhere\""),
        ("realm=\"pbx\"", "realm=\"\""),
        ("realm=\"pbx\", ", ""),
        ("Digest ", "Basic "),
        ("Digest ", "Digest"),
        ("algorithm=SHA-256", "algorithm=SHA-512-256"),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=zzzzzzzz"),
        (&key.nonce, "00"),
        ("username=\"alice\"", "username=\"alice\", userhash=true"),
        ("username=\"alice\"", "username=\"\""),
    ] {
        let proof = good.replace(from, to);
        let request = bench.request(ALICE, "alice", "REGISTER", "sip:pbx", &proof, "");
        let answer = bench.say(ALICE, &request).pop().unwrap_or_default();
        assert!(matches!(status(&answer), 400 | 401), "{to}: {answer}");
    }
    let request = bench.request(ALICE, "alice", "REGISTER", "sip:pbx", &good, "");
    assert_eq!(status(&bench.say(ALICE, &request)[0]), 200);
}

/// Class 11: one user has few contacts, and a flood neither fills the node nor drowns those who are registered.
#[test]
fn class_11_a_flood_of_registrations_is_bounded() {
    let mut bench = Bench::with_phones();
    let contacts: Vec<String> = (0..200).map(|n| format!("<sip:alice@198.51.100.9:{}>", 1_024 + n)).collect();
    let lines = format!("Contact: {}\n", contacts.join(", "));
    assert_eq!(status(&bench.proven(ALICE, "alice", "REGISTER", "sip:pbx", &lines, "")), 403);
    let flood = bench.request(STRANGER, "alice", "REGISTER", "sip:pbx", "", "");
    let heard: usize = (0..20_000).map(|_| bench.say(STRANGER, &flood).len()).sum();
    assert!(heard < 6_000, "{heard} answers to 20 000");
    bench.wait(Duration::from_secs(40));
    assert!(bench.switch.is_quiet(), "and nothing is kept of them");
    for n in 0..20_000_u32 {
        let from = format!("10.{}.{}.{}:5060", n >> 16, (n >> 8) & 255, n & 255);
        bench.say(&from, &flood);
    }
    let Answer::Status(status_view) = bench.ask(Command::Status) else { panic!("a status") };
    assert!(status_view.flood.too_much > 20_000, "{:?}", status_view.flood);
    bench.take();
    assert!(
        !bench.proven(ALICE, "alice", "INVITE", "sip:8002@pbx", SDP, OFFER).is_empty(),
        "alice still calls"
    );
    assert!(bench.take().iter().any(|(to, text)| to == BOB && text.starts_with("INVITE")));
}

/// Guessing locks the guesser out, not the phone.
#[test]
fn class_11_wrong_passwords_lock_the_source_for_that_user() {
    let mut bench = Bench::with_phones();
    let guess = |bench: &mut Bench, from: &str, secret: &str| {
        let key = key(bench, from);
        let proof = key.proof("alice", secret, "REGISTER", "sip:pbx", 1);
        let request = bench.request(from, "alice", "REGISTER", "sip:pbx", &proof, "");
        status(&bench.say(from, &request)[0])
    };
    for n in 0..5 {
        assert_eq!(guess(&mut bench, STRANGER, &format!("guess {n}")), 401);
    }
    assert_eq!(guess(&mut bench, STRANGER, &word("alice")), 401, "even the right one, now");
    assert_eq!(guess(&mut bench, ALICE, &word("alice")), 200, "her own phone goes on");
    assert_eq!(guess(&mut bench, "203.0.113.5:5060", &word("alice")), 200, "and a new one elsewhere");
    let Answer::Bans(bans) = bench.ask(Command::Bans) else { panic!("bans") };
    assert_eq!(
        (bans.len(), bans[0].source.as_str(), bans[0].user.as_deref()),
        (1, "198.51.100.66", Some("alice"))
    );
    assert_eq!(bench.logged.len(), 1, "said once: {:?}", bench.logged);
    assert!(!bench.logged[0].contains("alice"));
    assert_eq!(bench.ask(Command::Forgive { source: Some("198.51.100.66".into()) }), Answer::Forgiven(1));
    assert_eq!(guess(&mut bench, STRANGER, &word("alice")), 200);
}

/// A wrong password counts only with a nonce that the source was given itself: nobody gets another address banned by forging it.
#[test]
fn class_11_nobody_is_locked_out_by_forged_sources() {
    let mut bench = Bench::new();
    for n in 0..100 {
        let key = key(&mut bench, STRANGER);
        let proof = key.proof("alice", &format!("guess {n}"), "REGISTER", "sip:pbx", 1);
        let forged = bench.request(ALICE, "alice", "REGISTER", "sip:pbx", &proof, "");
        bench.say(ALICE, &forged);
        bench.wait(Duration::from_secs(2));
    }
    assert_eq!(bench.ask(Command::Bans), Answer::Bans(Vec::new()));
    let answer = bench.proven(ALICE, "alice", "REGISTER", "sip:pbx", "", "");
    assert_eq!(status(&answer), 200);
}

#[test]
fn class_11_a_user_who_asks_too_often_is_told_to_come_back() {
    let mut bench = Bench::with(Limits { user: Rate { per_s: 1, burst: 3 }, ..Limits::default() });
    let mut said = Vec::new();
    for _ in 0..5 {
        said.push(bench.proven(ALICE, "alice", "REGISTER", "sip:pbx", "", ""));
    }
    let statuses: Vec<u16> = said.iter().map(|answer| status(answer)).collect();
    assert_eq!(statuses, [200, 200, 200, 503, 503]);
    assert_eq!(header(&said[4], "Retry-After"), ["5"]);
}
