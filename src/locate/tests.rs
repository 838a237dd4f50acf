//! Searches over a small DNS of text.

use super::*;
use crate::base::{Random, bounds};

/// `NAME NAPTR order preference service replacement`, `NAME SRV priority weight port host`, `NAME A address`.
const ZONE: &str = "
    full.test NAPTR 20 1 SIP+D2U _sip._udp.full.test
    full.test NAPTR 10 2 SIP+D2T _sip._tcp.full.test
    full.test NAPTR 10 1 SIPS+D2T _sips._tcp.full.test
    full.test NAPTR 1 1 E2U+email x.full.test
    _sips._tcp.full.test SRV 1 0 5061 a.full.test
    _sip._tcp.full.test SRV 2 0 5060 b.full.test
    _sip._tcp.full.test SRV 1 0 5070 a.full.test
    _sip._udp.full.test SRV 1 0 5060 gone.full.test
    a.full.test A 192.0.2.1
    b.full.test A 192.0.2.2
    b.full.test A 2001:db8::2
    srv.test A 192.0.2.9
    _sip._udp.srv.test SRV 1 0 5066 a.full.test
    off.test A 192.0.2.10
    _sip._udp.off.test SRV 0 0 0 .
    plain.test A 192.0.2.3
";

fn records<'z>(name: &str, kind: &str) -> Vec<Vec<&'z str>> {
    ZONE.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 2 && fields[0] == name && fields[1] == kind)
        .map(|fields| fields[2..].to_vec())
        .collect()
}

fn path(address: &str) -> Path {
    let remote: IpAddr = address.parse().expect("an address");
    let local = if remote.is_ipv4() { "192.0.2.254" } else { "2001:db8::fe" };
    Path { local: local.parse().expect("an address"), remote }
}

fn ask(question: &Question) -> Answer {
    let number = |text: &str| text.parse().expect("a number");
    match question {
        Question::Naptr(name) => Answer::Naptr(
            records(name, "NAPTR")
                .into_iter()
                .map(|f| Naptr {
                    order: number(f[0]),
                    preference: number(f[1]),
                    service: f[2].into(),
                    replacement: f[3].into(),
                })
                .collect(),
        ),
        Question::Srv(name) => Answer::Srv(
            records(name, "SRV")
                .into_iter()
                .map(|f| Srv {
                    priority: number(f[0]),
                    weight: number(f[1]),
                    port: number(f[2]),
                    host: f[3].into(),
                })
                .collect(),
        ),
        Question::Address(name) if name.parse::<IpAddr>().is_ok() => Answer::Addresses(vec![path(name)]),
        Question::Address(name) => {
            Answer::Addresses(records(name, "A").into_iter().map(|f| path(f[0])).collect())
        }
    }
}

fn wanted(uri: &str) -> Wanted {
    Wanted::of(&Uri::parse(uri.as_bytes()).expect("a URI")).expect("wanted")
}

/// Runs a search against the zone: its places as text, and how many questions it took.
fn located(uri: &str) -> (Vec<String>, usize) {
    let mut random = Random::from_number(1);
    let (mut search, mut step) = Search::new(wanted(uri));
    let mut questions = 0;
    loop {
        match step {
            Step::Ask(question) => {
                questions += 1;
                step = search.answer(ask(&question), &mut random);
            }
            Step::Done(places) => {
                return (places.iter().map(|p| format!("{} {}", p.transport, p.remote)).collect(), questions);
            }
        }
    }
}

#[test]
fn a_uri_leads_where_rfc_3263_says() {
    for (uri, expected) in [
        // The transport by NAPTR, in the domain's order; a host that is nowhere is passed over.
        (
            "sip:full.test",
            &["TLS 192.0.2.1:5061", "TCP 192.0.2.1:5070", "TCP 192.0.2.2:5060", "TCP [2001:db8::2]:5060"][..],
        ),
        ("sips:full.test", &["TLS 192.0.2.1:5061"]),
        (
            "sip:full.test;transport=tcp",
            &["TCP 192.0.2.1:5070", "TCP 192.0.2.2:5060", "TCP [2001:db8::2]:5060"],
        ),
        ("sip:srv.test", &["UDP 192.0.2.1:5066"]),
        // No service at all: the domain itself. A service that is decidedly not there is no service either.
        ("sip:plain.test", &["UDP 192.0.2.3:5060"]),
        ("sips:plain.test", &["TLS 192.0.2.3:5061"]),
        ("sip:off.test", &["UDP 192.0.2.10:5060"]),
        ("sip:plain.test;transport=tls", &["TLS 192.0.2.3:5061"]),
        // With a port nothing but the address is asked for.
        ("sip:full.test:5080", &[]),
        ("sip:srv.test:5080", &["UDP 192.0.2.9:5080"]),
        ("sip:srv.test:5080;transport=tcp", &["TCP 192.0.2.9:5080"]),
        ("sips:srv.test:5081;transport=tcp", &["TLS 192.0.2.9:5081"]),
        ("sip:192.0.2.7", &["UDP 192.0.2.7:5060"]),
        ("sip:[2001:db8::7]:5070;transport=tcp", &["TCP [2001:db8::7]:5070"]),
        ("sip:nowhere.test", &[]),
    ] {
        assert_eq!(located(uri).0, expected, "{uri}");
    }
    assert_eq!(located("sip:192.0.2.7").1, 1, "an address asks only for our side of the path");
    let uri = Uri::parse(b"sip:a.test;transport=sctp").expect("a URI");
    assert_eq!(Wanted::of(&uri), None);
}

#[test]
fn equals_are_drawn_by_weight_and_the_lower_priority_waits() {
    let record = |priority, weight, host: &str| Srv { priority, weight, port: 1, host: host.into() };
    let all = vec![record(2, 0, "last"), record(1, 30, "heavy"), record(1, 10, "light")];
    let mut random = Random::from_number(7);
    let mut heavy_first = 0;
    for _ in 0..1_000 {
        let order = order::srv(all.clone(), &mut random);
        assert_eq!(&*order[2].host, "last");
        heavy_first += usize::from(&*order[0].host == "heavy");
    }
    assert!((700..800).contains(&heavy_first), "{heavy_first} of 1000, three quarters expected");
}

#[test]
fn a_dns_that_never_ends_or_never_answers_is_bounded() {
    let (mut search, mut step) = Search::new(wanted("sip:full.test"));
    let mut random = Random::from_number(1);
    let mut asked = 0;
    while let Step::Ask(question) = step {
        asked += 1;
        let answer = match question {
            Question::Naptr(_) => Answer::Naptr(
                (0..1_000)
                    .map(|n| Naptr {
                        order: n,
                        preference: 0,
                        service: "SIP+D2U".into(),
                        replacement: "x".into(),
                    })
                    .collect(),
            ),
            Question::Srv(_) => Answer::Srv(
                (0..1_000).map(|n| Srv { priority: n, weight: 0, port: n, host: "h".into() }).collect(),
            ),
            Question::Address(_) => Answer::Nothing,
        };
        step = search.answer(answer, &mut random);
    }
    assert!(asked <= bounds::LOCATE_QUESTIONS, "{asked} questions");
    let (search, step) = Search::new(wanted("sip:full.test"));
    assert!(matches!(step, Step::Ask(_)));
    assert_eq!(search.give_up(), []);
}
