//! Bindings, as phones make and lose them.

use std::time::Duration;

use super::message;
use crate::base::{Random, Time, bounds};
use crate::registrar::{Bindings, Change, Refused, Rules};
use crate::sip::{Flow, Transport};

struct Bench {
    bindings: Bindings,
    now: Time,
    flow: Flow,
    seq: u32,
}

impl Bench {
    fn new() -> Bench {
        let flow = Flow {
            transport: Transport::Tcp,
            local: "192.0.2.1:5060".parse().expect("an address"),
            remote: "192.0.2.9:40000".parse().expect("an address"),
            connection: 1,
        };
        Bench {
            bindings: Bindings::new(Rules::default(), &mut Random::from_number(1)),
            now: Time::from_millis(1_000),
            flow,
            seq: 0,
        }
    }

    /// A REGISTER with these header lines and the next CSeq.
    fn register(&mut self, lines: &str) -> Result<Change, Refused> {
        self.seq += 1;
        let seq = self.seq;
        self.register_as(lines, "c1", seq)
    }

    fn register_as(&mut self, lines: &str, call_id: &str, seq: u32) -> Result<Change, Refused> {
        let text =
            format!("REGISTER sip:ledgerline SIP/2.0\nCall-ID: {call_id}\nCSeq: {seq} REGISTER\n{lines}");
        self.bindings.register(self.now, "alice", &message(&text), self.flow)
    }

    /// Contacts in the order in which they would be called.
    fn contacts(&self) -> Vec<String> {
        let found = self.bindings.lookup(self.now, "alice");
        found.iter().map(|b| b.contact.as_str().trim_start_matches("sip:").to_string()).collect()
    }

    fn listed(&self) -> Vec<String> {
        self.bindings.live(self.now, "alice").map(|binding| binding.listed(self.now)).collect()
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.bindings.fire(self.now);
    }
}

const ADDED: Result<Change, Refused> = Ok(Change { added: 1, refreshed: 0, removed: 0 });
const REFRESHED: Result<Change, Refused> = Ok(Change { added: 0, refreshed: 1, removed: 0 });
const REMOVED: Result<Change, Refused> = Ok(Change { added: 0, refreshed: 0, removed: 1 });

#[test]
fn a_binding_is_made_listed_refreshed_and_ends() {
    let mut bench = Bench::new();
    assert_eq!(bench.register("Contact: <sip:alice@10.0.0.1;transport=tcp>;q=0.5\nExpires: 600"), ADDED);
    assert_eq!(bench.listed(), ["<sip:alice@10.0.0.1;transport=tcp>;expires=600;q=0.500"]);
    bench.wait(599);
    assert_eq!(bench.register("Contact: <sip:alice@10.0.0.1;transport=TCP>;expires=90"), REFRESHED);
    assert_eq!(bench.listed(), ["<sip:alice@10.0.0.1;transport=TCP>;expires=90"]);
    assert_eq!(bench.register(""), Ok(Change::default()), "only asks");
    bench.wait(89);
    assert_eq!(bench.bindings.len(), 1);
    assert_eq!(bench.bindings.deadline(), Some(bench.now + Duration::from_secs(1)));
    bench.wait(1);
    assert!(bench.bindings.is_empty());
    assert_eq!((bench.bindings.deadline(), bench.contacts()), (None, vec![]));
}

#[test]
fn the_flow_and_what_a_request_needs_are_kept() {
    let mut bench = Bench::new();
    bench
        .register("Contact: <sip:alice@10.0.0.1?Route=%3Csip:sip.example.com%3E>\nUser-Agent: Desk 3")
        .expect("taken");
    let binding = bench.bindings.lookup(bench.now, "alice").remove(0);
    assert_eq!(binding.flow, bench.flow);
    assert_eq!(binding.target().as_str(), "sip:alice@10.0.0.1");
    assert_eq!(binding.user_agent.as_deref(), Some("Desk 3"));
    assert_eq!(bench.listed(), ["<sip:alice@10.0.0.1?Route=%3Csip:sip.example.com%3E>;expires=3600"]);
}

#[test]
fn lengths_are_bounded() {
    for (lines, expires) in [
        ("Contact: <sip:a@h>", Ok(3_600)),
        ("Contact: <sip:a@h>;expires=60\nExpires: 1", Ok(60)),
        ("Contact: <sip:a@h>\nExpires: 99999999999", Ok(7_200)),
        ("Contact: <sip:a@h>;expires=4294967296", Ok(7_200)),
        ("Contact: <sip:a@h>;expires=soon\nExpires: 70", Ok(3_600)),
        ("Contact: <sip:a@h>;expires=59", Err(Refused::TooBrief)),
        ("Contact: <sip:a@h>\nExpires: 1", Err(Refused::TooBrief)),
    ] {
        let mut bench = Bench::new();
        let done = bench
            .register(lines)
            .map(|_| bench.bindings.lookup(bench.now, "alice")[0].remaining_s(bench.now));
        assert_eq!(done, expires, "{lines}");
    }
    assert_eq!((Refused::TooBrief.status(), bounds::EXPIRES_MIN), (423, Duration::from_secs(60)));
}

#[test]
fn contacts_that_are_none_are_refused_as_a_whole() {
    for lines in [
        "Contact: *",
        "Contact: *\nExpires: 60",
        "Contact: *, <sip:a@h>\nExpires: 0",
        "Contact: <sip:a@h>, <sip:>",
        "Contact: <sip:a@h>, <name:John_Smith>",
        "Contact: <sip:a@h>, <tel:+4930>",
    ] {
        let mut bench = Bench::new();
        assert_eq!(bench.register(lines), Err(Refused::Malformed), "{lines}");
        assert!(bench.bindings.is_empty(), "{lines}");
    }
}

#[test]
fn contacts_come_and_go_one_by_one_or_all_at_once() {
    let mut bench = Bench::new();
    bench.register("Contact: <sip:a@h1>;q=0.2, <sip:a@h2>;q=0.9\nContact: <sip:a@h3>").expect("taken");
    assert_eq!(bench.contacts(), ["a@h3", "a@h2", "a@h1"]);
    assert_eq!(bench.register("Contact: <sip:a@h2>;expires=0"), REMOVED);
    assert_eq!(bench.register("Contact: <sip:a@h2>;expires=0"), Ok(Change::default()));
    assert_eq!(bench.contacts(), ["a@h3", "a@h1"]);
    assert_eq!(bench.register("Contact: *\nExpires: 0"), Ok(Change { removed: 2, ..Change::default() }));
    assert!(bench.bindings.is_empty());
    assert_eq!(bench.bindings.deadline(), None);
}

/// Class 11.
#[test]
fn a_user_has_few_contacts() {
    let mut bench = Bench::new();
    for host in 1..=bounds::BINDINGS_PER_USER {
        assert_eq!(bench.register(&format!("Contact: <sip:a@h{host}>")), ADDED);
    }
    assert_eq!(bench.register("Contact: <sip:a@more>"), Err(Refused::TooMany));
    assert_eq!(Refused::TooMany.status(), 403);
    assert_eq!(bench.register("Contact: <sip:a@h1>"), REFRESHED, "those it has go on");
    assert!(bench.register("Contact: <sip:a@h1>;expires=0, <sip:a@more>").is_ok(), "one for another");
    let flood: Vec<String> = (0..200).map(|i| format!("<sip:f@{i}.example>")).collect();
    assert_eq!(bench.register(&format!("Contact: {}", flood.join(", "))), Err(Refused::TooMany));
    assert_eq!(bench.contacts().len(), bounds::BINDINGS_PER_USER);
}

#[test]
fn an_older_request_changes_nothing() {
    let mut bench = Bench::new();
    bench.register_as("Contact: <sip:a@h1>, <sip:a@h2>", "x", 5).expect("taken");
    for (lines, seq) in [
        ("Contact: <sip:a@h1>;expires=0", 5),
        ("Contact: <sip:a@h1>;expires=600", 4),
        ("Contact: *\nExpires: 0", 5),
        ("Contact: <sip:a@new>, <sip:a@h2>", 5),
    ] {
        assert_eq!(bench.register_as(lines, "x", seq), Err(Refused::OutOfOrder), "{lines}");
    }
    assert_eq!(Refused::OutOfOrder.status(), 500);
    assert_eq!(bench.contacts(), ["a@h1", "a@h2"], "all or nothing");
    assert_eq!(bench.register_as("Contact: <sip:a@h1>;expires=0", "x", 6), REMOVED);
    assert_eq!(bench.register_as("Contact: <sip:a@h2>;expires=0", "after a restart", 1), REMOVED);
}

#[test]
fn a_phone_that_restarts_replaces_itself() {
    let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";
    let mut bench = Bench::new();
    assert_eq!(bench.register(&format!("Contact: <sip:a@h:1111>;{instance}")), ADDED);
    assert_eq!(bench.register_as(&format!("Contact: <sip:a@h:2222>;{instance}"), "new", 1), REFRESHED);
    assert_eq!(bench.contacts(), ["a@h:2222"]);
    assert_eq!(
        bench.register(&format!("Supported: outbound\nContact: <sip:a@h:2222>;{instance};reg-id=1")),
        ADDED,
        "RFC 5626: another flow"
    );
    assert!(bench.listed()[1].ends_with(&format!(";{instance};reg-id=1")), "{:?}", bench.listed());
}

#[test]
fn a_broken_stream_takes_its_bindings_with_it() {
    let mut bench = Bench::new();
    bench.register("Contact: <sip:a@h1>").expect("taken");
    let first = bench.flow;
    bench.flow.connection = 2;
    bench.register("Contact: <sip:a@h2>").expect("taken");
    assert_eq!(bench.bindings.flow_failed(&first), ["alice"]);
    assert_eq!(bench.contacts(), ["a@h2"]);
    assert!(bench.bindings.flow_failed(&first).is_empty());
    let datagrams = Flow { transport: Transport::Udp, connection: 0, ..bench.flow };
    bench.flow = datagrams;
    bench.register("Contact: <sip:a@h3>").expect("taken");
    assert!(
        bench.bindings.flow_failed(&datagrams).is_empty(),
        "a datagram that was lost says nothing of the phone"
    );
}

/// Random registrations: what is listed is alive, few and in step with the alarms.
#[test]
fn bindings_and_alarms_stay_in_step() {
    for seed in 0..200 {
        let (mut bench, mut dice) = (Bench::new(), Random::from_number(seed));
        for _ in 0..60 {
            let contact = match dice.below(8) {
                0 => "*".to_string(),
                n => format!("<sip:a@h{n}>;expires={}", [0, 60, 61, 300][dice.below(4) as usize]),
            };
            let lines = format!("Contact: {contact}\nExpires: 0");
            let (call_id, seq) = (["x", "y"][dice.below(2) as usize], dice.below(100) as u32);
            let _ = bench.register_as(&lines, call_id, seq);
            bench.wait(dice.below(40));
            let found = bench.bindings.lookup(bench.now, "alice");
            assert!(found.len() <= bounds::BINDINGS_PER_USER, "seed {seed}");
            let first = found.iter().map(|b| b.expires).min();
            assert_eq!(bench.bindings.deadline(), first, "seed {seed}");
            assert_eq!(bench.bindings.is_empty(), found.is_empty(), "seed {seed}");
        }
        bench.wait(8_000);
        assert!(bench.bindings.is_empty() && bench.bindings.deadline().is_none(), "seed {seed}");
    }
}

#[test]
fn bindings_print_no_names() {
    let mut bench = Bench::new();
    bench.register("Contact: <sip:13812345678@h>").expect("taken");
    let text = format!("{:?} {:?}", bench.bindings, bench.bindings.lookup(bench.now, "alice"));
    assert!(!text.contains("alice") && !text.contains("13812345678"), "{text}");
}

const DEVICE: &str = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";

/// RFC 5626 §6.
#[test]
fn a_flow_is_kept_only_for_phones_and_proxies_that_know_flows() {
    let through = "Via: SIP/2.0/UDP edge;branch=z9hG4bKe, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKp";
    let contact = format!("Contact: <sip:a@h>;{DEVICE};reg-id=3");
    for (lines, kept) in [
        (format!("Supported: outbound\n{contact}"), Ok(Some(3))),
        (contact.clone(), Ok(None)),
        (format!("Supported: outbound\n{contact}").replace("reg-id=3", "reg-id=0"), Ok(None)),
        (format!("Supported: outbound\n{contact}").replace(DEVICE, "x=y"), Ok(None)),
        (format!("{through}\nSupported: outbound\n{contact}"), Err(Refused::NoOutbound)),
        (format!("{through}\nSupported: outbound\nPath: <sip:edge;lr>\n{contact}"), Err(Refused::NoOutbound)),
        (format!("{through}\nSupported: outbound\nPath: <sip:edge;lr;ob>\n{contact}"), Ok(Some(3))),
        (format!("{through}\n{contact}"), Ok(None)),
        (
            format!("Supported: outbound\n{contact}, <sip:b@h>;+sip.instance=\"<urn:uuid:2>\";reg-id=4"),
            Err(Refused::Malformed),
        ),
    ] {
        let mut bench = Bench::new();
        let done = bench.register(&lines).map(|_| bench.bindings.lookup(bench.now, "alice")[0].reg_id);
        assert_eq!(done, kept, "{lines}");
    }
}

/// RFC 3327 §5.3.
#[test]
fn the_path_is_kept_as_the_route_to_the_phone() {
    let mut bench = Bench::new();
    let lines = "Path: <sip:near.example;lr>, <sip:edge.example;lr>\nContact: <sip:a@h>";
    assert_eq!(bench.register(lines), ADDED);
    let routes: Vec<String> = bench.bindings.lookup(bench.now, "alice")[0].routes().collect();
    assert_eq!(routes, ["<sip:near.example;lr>", "<sip:edge.example;lr>"]);
    let long = vec!["<sip:p;lr>"; bounds::ROUTES + 1].join(", ");
    assert_eq!(bench.register(&format!("Path: {long}\nContact: <sip:b@h>")), Err(Refused::Malformed));
}

/// RFC 5627 §5.3.
#[test]
fn a_device_is_named_to_the_phone_and_found_again() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.register(&format!("Supported: gruu\nContact: <sip:a@h>;{DEVICE}, <sip:b@h>")),
        ADDED_TWO
    );
    let found = bench.bindings.lookup(bench.now, "alice");
    let device = found.iter().find(|b| b.instance.is_some()).expect("bound");
    let listed = device.listed_with_gruus(bench.now, "alice", "pbx.test");
    assert!(
        listed.contains(";pub-gruu=\"sip:alice@pbx.test;gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128\""),
        "{listed}"
    );
    assert!(device.is_device("urn:uuid:00000000-0000-1000-8000-000a95a0e128") && !device.is_device(""));
    let first = device.temporary[0].to_string();
    assert!(listed.contains(&format!(";temp-gruu=\"sip:{first}@pbx.test;gr\"")), "{listed}");
    for _ in 0..bounds::TEMPORARY_GRUUS {
        assert_eq!(bench.bindings.temporary(&first).map(|(user, _)| user), Some("alice"));
        bench.wait(1);
        bench.register(&format!("Supported: gruu\nContact: <sip:a@h>;{DEVICE}")).expect("refreshed");
    }
    assert_eq!(bench.bindings.temporary(&first), None, "the oldest makes room");
    bench.register("Contact: *\nExpires: 0").expect("gone");
    assert!(bench.bindings.is_empty(), "and nothing is left");
}

const ADDED_TWO: Result<Change, Refused> = Ok(Change { added: 2, refreshed: 0, removed: 0 });

#[test]
fn contacts_are_asked_whether_they_are_there() {
    let every = Duration::from_secs(60);
    let mut bench = Bench::new();
    bench.bindings =
        Bindings::new(Rules { ping: Some(every), ..Rules::default() }, &mut Random::from_number(1));
    bench.register("Contact: <sip:a@h1>, <sip:a@h2>").expect("taken");
    let mut asked = Vec::new();
    for _ in 0..170 {
        bench.wait(1);
        while let Some((user, binding)) = bench.bindings.ping_due(bench.now) {
            match binding.contact.as_str() {
                "sip:a@h1" => bench.bindings.answered(&user, binding.id, Duration::from_millis(7)),
                _ => drop(bench.bindings.missed(&user, binding.id)),
            }
            asked.push(binding.contact.as_str().to_string());
        }
    }
    assert_eq!(asked.iter().filter(|contact| *contact == "sip:a@h1").count(), 3, "{asked:?}");
    assert_eq!(bench.contacts(), ["a@h1"], "who does not answer is not rung while another does");
    bench.register("Contact: <sip:a@h1>;expires=0").expect("gone");
    assert_eq!(bench.contacts(), ["a@h2"], "but when there is no other");
    bench.register("Contact: <sip:a@h2>;expires=0").expect("gone");
    assert!(bench.bindings.is_empty() && bench.bindings.deadline().is_none());
}

/// What outlives the node has what is left of its time, and nothing of the run before.
#[test]
fn bindings_outlive_the_node() {
    let wall = crate::base::Wall::from_micros(1_800_000_000_000_000);
    let mut bench = Bench::new();
    bench
        .register(&format!(
            "User-Agent: Desk 3\nPath: <sip:edge;lr;ob>\nSupported: gruu, outbound\n\
             Contact: <sip:a@192.0.2.9:5070;transport=tcp>;q=0.3;expires=600;{DEVICE};reg-id=1"
        ))
        .expect("taken");
    bench
        .register_as("Contact: <sip:b@192.0.2.9:5071;transport=tcp>;expires=100", "other", 1)
        .expect("taken");
    let before = bench.bindings.lookup(bench.now, "alice");
    let kept = bench.bindings.take_changed(bench.now, wall);
    assert!(bench.bindings.take_changed(bench.now, wall).is_empty(), "told once");
    let text = serde_json::to_string(&kept).expect("JSON");
    for (passed_s, left) in [(0, &[600, 100][..]), (99, &[501, 1]), (100, &[500]), (599, &[1]), (600, &[])] {
        let back: Vec<crate::registrar::Kept> = serde_json::from_str(&text).expect("JSON");
        let mut again = Bench::new();
        again.now = Time::from_millis(5);
        for kept in back {
            again.bindings.restore(again.now, wall + Duration::from_secs(passed_s), kept);
        }
        let found: Vec<_> = again.bindings.live(again.now, "alice").cloned().collect();
        let remaining: Vec<u64> = found.iter().map(|b| b.remaining_s(again.now)).collect();
        assert_eq!(remaining, left, "after {passed_s} s");
        for (new, old) in found.iter().zip(before.iter().rev()) {
            assert_eq!((&new.contact, &new.instance, new.reg_id), (&old.contact, &old.instance, old.reg_id));
            assert_eq!(
                (new.q_thousandths, &new.path, &new.temporary),
                (old.q_thousandths, &old.path, &old.temporary)
            );
            assert_eq!(new.flow.connection, 0, "the stream is gone");
        }
        if let [_, plain] = &found[..] {
            assert_eq!(plain.flow.remote.to_string(), "192.0.2.9:5071", "reached where its contact says");
        }
        again.wait(1_000);
        assert!(again.bindings.is_empty());
    }
}

#[test]
fn a_sips_contact_needs_a_flow_that_keeps_its_promise() {
    let mut bench = Bench::new();
    assert_eq!(bench.register("Contact: <sips:alice@192.0.2.9>"), Err(Refused::Malformed));
    bench.flow.transport = Transport::Tls;
    assert_eq!(bench.register("Contact: <sips:alice@192.0.2.9>"), ADDED);
}

#[test]
fn an_address_is_known_while_somebody_is_registered_from_it() {
    let mut bench = Bench::new();
    (bench.flow.transport, bench.flow.connection) = (Transport::Udp, 0);
    let (here, elsewhere) = (bench.flow.remote, "192.0.2.9:40001".parse().expect("an address"));
    assert!(!bench.bindings.knows(here));
    bench.register("Contact: <sip:a@h>, <sip:b@h>").expect("taken");
    assert!(bench.bindings.knows(here) && !bench.bindings.knows(elsewhere));
    bench.register("Contact: <sip:a@h>;expires=0").expect("taken");
    assert!(bench.bindings.knows(here), "the other contact is there");
    bench.register("Contact: *\nExpires: 0").expect("taken");
    assert!(!bench.bindings.knows(here) && bench.bindings.is_empty());
}
