//! Trunks without a network: what they ask for, and what they make of the answers.

use super::*;
use crate::base::{Secret, bounds};
use crate::locate::Path;
use crate::sip::{Name, UriBuf};

const LOCAL: &str = "192.0.2.254";

fn rules(name: &str, to: &[&str]) -> Rules {
    Rules {
        name: name.into(),
        group: Some("all".into()),
        priority: 1,
        weight: 1,
        to: to.iter().map(|uri| uri.parse::<UriBuf>().expect("a URI")).collect(),
        from: Vec::new(),
        register: None,
        user: "u-1".into(),
        realm: Some("carrier".into()),
        secret: Some(Secret::new("open sesame".into())),
        caller_ids: vec!["+4930100".into(), "+4930101".into()],
        calls: 0,
        outward: vec![
            Rewrite { prefix: "00".into(), with: "+".into() },
            Rewrite { prefix: "0".into(), with: "+49".into() },
        ],
        inward: vec![Rewrite { prefix: "+4930".into(), with: "".into() }],
        ask: Some(Duration::from_secs(30)),
        codecs: Vec::new(),
        srtp: None,
        video: false,
        forwarded_by: Default::default(),
    }
}

struct Bench {
    trunks: Trunks,
    now: Time,
    random: Random,
    /// Requests that were sent and wait for what the test makes of them.
    sent: Vec<(Errand, Flow, Message)>,
    logged: Vec<String>,
}

impl Bench {
    fn with(rules: Vec<Rules>) -> Bench {
        let mut bench = Bench {
            trunks: Trunks::default(),
            now: Time::from_millis(1_000),
            random: Random::from_number(3),
            sent: Vec::new(),
            logged: Vec::new(),
        };
        let listeners = [Transport::Udp, Transport::Tcp, Transport::Tls]
            .map(|transport| (transport, "0.0.0.0:5060".parse().expect("an address")));
        bench.trunks.configure(bench.now, rules, listeners.to_vec(), &mut bench.random);
        bench.wait(0);
        bench
    }

    /// Lets time pass; numeric hosts are found.
    fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            self.trunks.fire(self.now, &mut self.random);
            while let Some(want) = self.trunks.poll() {
                match want {
                    Want::Ask { ticket, question: Question::Address(host) } => {
                        let remote = host.parse();
                        let local = LOCAL.parse().expect("an address");
                        let answer = remote.map_or(Answer::Nothing, |remote| {
                            Answer::Addresses(vec![Path { local, remote }])
                        });
                        self.trunks.answered(self.now, ticket, answer, &mut self.random);
                    }
                    Want::Ask { ticket, .. } => {
                        self.trunks.answered(self.now, ticket, Answer::Nothing, &mut self.random);
                    }
                    Want::Send { errand, flow, request } => {
                        let request = request.prepend(Name::Via, "SIP/2.0/UDP x;branch=z9hG4bK1");
                        self.sent.push((errand, flow, request.message().expect("a message")));
                    }
                    Want::Log(text) => self.logged.push(text),
                    Want::Expect { .. } => {}
                }
            }
            match self.trunks.deadline().filter(|due| *due <= end) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
        }
        self.now = end;
    }

    /// Answers everything that was sent.
    fn answer(&mut self, status: u16, lines: &[(Name<'_>, &str)]) {
        for (errand, _, request) in std::mem::take(&mut self.sent) {
            let response = lines
                .iter()
                .fold(Builder::reply_to(&request, status), |b, (name, value)| b.header(*name, value));
            let response = response.to_tag("t").message().expect("a message");
            self.trunks.heard(self.now, errand, &response, &mut self.random);
        }
        self.wait(0);
    }

    fn silence(&mut self) {
        for (errand, _, _) in std::mem::take(&mut self.sent) {
            self.trunks.silent(self.now, errand);
        }
        self.wait(0);
    }

    fn ways(&mut self, name: &str) -> Result<Vec<String>, NoWay> {
        let ways = self.trunks.ways(self.now, name, "0301234", "8001", &[], &mut self.random)?;
        Ok(ways.iter().map(|way| format!("{} {}", way.name, way.flow.remote)).collect())
    }
}

#[test]
fn a_number_goes_out_in_the_trunks_form_under_a_caller_id_of_its_list() {
    let mut bench = Bench::with(vec![rules("a", &["sip:192.0.2.1"])]);
    for (number, expected) in [("0301234", "+49301234"), ("0044207", "+44207"), ("112", "112")] {
        let ways = bench.trunks.ways(bench.now, "a", number, "8001", &[], &mut bench.random).expect("up");
        assert_eq!((ways[0].number.as_str(), ways[0].caller.as_str()), (expected, "+4930100"));
        assert_eq!(ways[0].flow.local.to_string(), format!("{LOCAL}:5060"));
    }
    for (caller, shown) in
        [("+4930101", "+4930101"), ("030101", "+4930101"), ("+4930999", "+4930100"), ("", "+4930100")]
    {
        let ways = bench.trunks.ways(bench.now, "a", "1", caller, &[], &mut bench.random).expect("up");
        assert_eq!(ways[0].caller, shown, "{caller:?}");
    }
    assert_eq!(rules("a", &[]).inward("+49301234"), "1234");
    assert_eq!(bench.ways("nobody"), Err(NoWay::Unknown));
    let none = Rules { caller_ids: Vec::new(), ..rules("b", &["sip:192.0.2.1"]) };
    assert_eq!(Bench::with(vec![none]).ways("b"), Err(NoWay::NoCaller));
}

#[test]
fn a_trunk_goes_down_and_up_after_two_in_a_row_only() {
    let mut bench = Bench::with(vec![rules("a", &["sip:192.0.2.1"])]);
    bench.wait(1);
    for (answers, up) in [
        (true, true),
        (false, true),
        (true, true),
        (false, true),
        (false, false),
        (true, false),
        (true, true),
    ] {
        assert_eq!(bench.sent.len(), 1, "one OPTIONS a turn");
        assert!(bench.sent[0].2.is(&crate::sip::Method::Options));
        if answers {
            bench.answer(404, &[])
        } else {
            bench.silence()
        }
        assert_eq!(bench.ways("a").is_ok(), up, "after {answers}");
        bench.wait(30);
    }
    assert_eq!(bench.logged.len(), 2, "{:?}", bench.logged);
    assert_eq!(bench.trunks.view(bench.now)[0].state, "up");
}

#[test]
fn who_failed_or_asked_for_rest_is_tried_last_until_then() {
    let mut bench = Bench::with(vec![rules("a", &["sip:192.0.2.1", "sip:192.0.2.2:5070;transport=tcp"])]);
    assert_eq!(bench.ways("a").expect("up"), ["a 192.0.2.1:5060", "a 192.0.2.2:5070"]);
    let ways = bench.trunks.ways(bench.now, "a", "1", "", &[], &mut bench.random).expect("up");
    for (asked, rests_s) in [
        (None, bounds::TRUNK_REST.as_secs()),
        (Some(120), 120),
        (Some(1_000_000), bounds::DEAD_MOST.as_secs()),
    ] {
        bench.trunks.failed(bench.now, &ways[0], asked.map(Duration::from_secs));
        assert_eq!(bench.ways("a").expect("up")[0], "a 192.0.2.2:5070");
        bench.now = bench.now + Duration::from_secs(rests_s - 1);
        assert_eq!(bench.ways("a").expect("up")[0], "a 192.0.2.2:5070", "still");
        bench.now = bench.now + Duration::from_secs(1);
        assert_eq!(bench.ways("a").expect("up")[0], "a 192.0.2.1:5060");
    }
}

#[test]
fn a_group_is_ordered_by_priority_and_weight_and_held_to_its_calls() {
    let with =
        |name, priority, weight| Rules { priority, weight, calls: 1, ..rules(name, &["sip:192.0.2.1"]) };
    let mut bench = Bench::with(vec![with("late", 2, 1), with("heavy", 1, 3), with("light", 1, 1)]);
    let mut heavy = 0;
    for _ in 0..1_000 {
        let ways = bench.ways("all").expect("up");
        assert!(ways[2].starts_with("late"));
        heavy += usize::from(ways[0].starts_with("heavy"));
    }
    assert!((700..800).contains(&heavy), "{heavy} of 1000");
    let call = CallId::new(crate::base::Wall::from_micros(1), &mut bench.random);
    let way = bench.trunks.ways(bench.now, "heavy", "1", "", &[], &mut bench.random).expect("up").remove(0);
    bench.trunks.took((call, LegId(1)), &way);
    assert_eq!(bench.ways("heavy"), Err(NoWay::Full));
    assert_eq!(bench.ways("all").expect("up"), ["light 192.0.2.1:5060", "late 192.0.2.1:5060"]);
    bench.trunks.over(call);
    assert!(bench.ways("heavy").is_ok());
}

fn challenge(realm: &str) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"n\", algorithm=MD5, qop=\"auth\"")
}

fn registering() -> Bench {
    let register = Some(Register { expires: Duration::from_secs(600) });
    Bench::with(vec![Rules { register, ask: None, ..rules("a", &["sip:192.0.2.1"]) }])
}

#[test]
fn a_registration_is_proved_kept_and_made_again() {
    let mut bench = registering();
    assert_eq!(bench.ways("a"), Err(NoWay::Down), "not registered yet");
    assert!(bench.sent[0].2.header(Name::Authorization).is_none());
    bench.answer(401, &[(Name::WwwAuthenticate, &challenge("carrier"))]);
    let proof = bench.sent[0].2.header_str(Name::Authorization).expect("a proof").to_string();
    assert!(
        proof.contains("username=\"u-1\"") && proof.contains("qop=auth") && !proof.contains("sesame"),
        "{proof}"
    );
    bench.answer(200, &[(Name::Contact, &format!("<sip:a@{LOCAL}:5060>;expires=100"))]);
    assert!(bench.ways("a").is_ok());
    assert_eq!(bench.trunks.view(bench.now)[0].registration, "registered");
    bench.wait(79);
    assert!(bench.sent.is_empty());
    bench.wait(1);
    assert_eq!(bench.sent.len(), 1, "refreshed in time");
    bench.silence();
    bench.wait(25);
    assert_eq!(bench.ways("a"), Err(NoWay::Down), "what has lapsed is not used");
}

/// Reliability classes 4 and 5.
#[test]
fn a_challenge_is_answered_for_the_trunks_realm_and_twice_at_most() {
    let mut bench = registering();
    bench.answer(401, &[(Name::WwwAuthenticate, &challenge("somebody.else"))]);
    assert!(bench.sent.is_empty(), "nothing is proved to a stranger's realm");
    let mut bench = registering();
    for _ in 0..bounds::PROOFS {
        bench.answer(401, &[(Name::WwwAuthenticate, &challenge("carrier"))]);
        assert_eq!(bench.sent.len(), 1);
    }
    bench.answer(401, &[(Name::WwwAuthenticate, &challenge("carrier"))]);
    assert!(bench.sent.is_empty(), "enough");
    bench.wait(29);
    assert!(bench.sent.is_empty(), "and not at once again");
    bench.wait(2);
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn the_better_algorithm_is_chosen_and_unknown_ones_are_passed_over() {
    let challenge = |fields: &[&str]| {
        let request = Builder::request(&crate::sip::Method::Invite, "sip:1@carrier")
            .header(Name::Via, "SIP/2.0/UDP x;branch=z9hG4bK1")
            .header(Name::From, "<sip:a@b>;tag=1")
            .header(Name::To, "<sip:1@carrier>")
            .header(Name::CallId, "c")
            .header(Name::CSeq, "1 INVITE")
            .message()
            .expect("a message");
        let reply = Builder::reply_to(&request, 407);
        fields
            .iter()
            .fold(reply, |reply, field| reply.header(Name::ProxyAuthenticate, field))
            .message()
            .expect("one")
    };
    let md5 = "Digest realm=\"carrier\", nonce=\"n\"";
    let sha = "Digest realm=\"carrier\", nonce=\"n\", algorithm=SHA-256, qop=\"auth-int,auth\"";
    let odd = "Digest realm=\"carrier\", nonce=\"n\", algorithm=SHA-512-256";
    let int = "Digest realm=\"carrier\", nonce=\"n\", qop=\"auth-int\"";
    let rules = rules("a", &["sip:192.0.2.1"]);
    for (fields, expected) in
        [(&[md5, sha][..], Some("SHA-256")), (&[odd, md5], Some("MD5")), (&[odd], None), (&[int], None)]
    {
        let given = proof(&rules, &challenge(fields), "INVITE", "sip:1@carrier", "c");
        let algorithm = given.as_ref().map(|(name, value)| {
            assert_eq!(*name, Name::ProxyAuthorization);
            value
                .split("algorithm=")
                .nth(1)
                .and_then(|rest| rest.split(',').next())
                .expect("named")
                .to_string()
        });
        assert_eq!(algorithm.as_deref(), expected, "{fields:?}");
    }
    let without = Rules { secret: None, ..rules };
    assert!(proof(&without, &challenge(&[md5]), "INVITE", "sip:1@carrier", "c").is_none());
}

#[test]
fn calls_are_known_by_where_they_come_from() {
    let listed =
        Rules { from: vec!["198.51.100.9".parse().expect("an address")], ..rules("b", &["sip:192.0.2.2"]) };
    let bench = Bench::with(vec![rules("a", &["sip:192.0.2.1"]), listed]);
    let from = |transport, remote: &str| {
        let flow = Flow {
            transport,
            local: format!("{LOCAL}:5060").parse().expect("an address"),
            remote: remote.parse().expect("an address"),
            connection: u64::from(transport != Transport::Udp),
        };
        bench.trunks.recognise(&flow).map(|rules| rules.name.to_string())
    };
    assert_eq!(from(Transport::Udp, "192.0.2.1:5060").as_deref(), Some("a"));
    assert_eq!(from(Transport::Udp, "192.0.2.1:5061"), None, "another program of the same machine");
    assert_eq!(from(Transport::Udp, "198.51.100.9:7000").as_deref(), Some("b"));
    assert_eq!(from(Transport::Udp, "203.0.113.1:5060"), None);
}

#[test]
fn a_host_that_cannot_be_found_is_looked_for_again() {
    let mut bench = Bench::with(vec![rules("a", &["sip:nowhere.test"])]);
    assert_eq!(bench.ways("a"), Err(NoWay::Down));
    assert_eq!(bench.trunks.view(bench.now)[0].state, "unlocated");
    assert_eq!(bench.logged.len(), 1);
    assert!(bench.trunks.deadline().is_some_and(|due| due <= bench.now + bounds::TRUNK_RETRY));
}

#[test]
fn a_new_secret_is_proved_with_at_once_and_what_is_known_stays() {
    let mut bench = registering();
    let listeners = bench.trunks.listeners.clone();
    let with = |secret: &str| {
        let register = Some(Register { expires: Duration::from_secs(600) });
        let secret = Some(Secret::new(secret.to_string()));
        vec![Rules { register, secret, ask: None, ..rules("a", &["sip:192.0.2.1"]) }]
    };
    bench.answer(401, &[(Name::WwwAuthenticate, &challenge("carrier"))]);
    bench.answer(403, &[]);
    assert!(bench.sent.is_empty() && bench.ways("a").is_err());
    // The same secret again changes nothing; another one is tried without waiting.
    bench.trunks.configure(bench.now, with("open sesame"), listeners.clone(), &mut bench.random);
    bench.wait(0);
    assert!(bench.sent.is_empty());
    bench.trunks.configure(bench.now, with("the right one"), listeners.clone(), &mut bench.random);
    bench.wait(0);
    bench.answer(401, &[(Name::WwwAuthenticate, &challenge("carrier"))]);
    assert!(bench.sent[0].2.header(Name::Authorization).is_some());
    bench.answer(200, &[]);
    assert!(bench.ways("a").is_ok());
    // A call runs: the limit holds over the next change, and the registration too.
    let call = CallId::new(crate::base::Wall::from_micros(1), &mut bench.random);
    let way = bench.trunks.ways(bench.now, "a", "1", "", &[], &mut bench.random).expect("up").remove(0);
    bench.trunks.took((call, LegId(1)), &way);
    bench.trunks.configure(bench.now, with("the right one"), listeners, &mut bench.random);
    let view = &bench.trunks.view(bench.now)[0];
    assert_eq!((view.calls, view.registration.as_str(), view.state.as_str()), (1, "registered", "up"));
}
