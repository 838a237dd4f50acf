//! Whatever comes in whatever order, nothing panics, and in the end nothing is left.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::sip::{Builder, Method};
use crate::transaction::ClientKey;

const METHODS: [Method; 5] = [Method::Invite, Method::Bye, Method::Options, Method::Ack, Method::Cancel];

fn pick<T: Clone>(dice: &mut Random, of: &[T]) -> Option<T> {
    of.get(dice.below(of.len() as u64) as usize).cloned()
}

struct Walk {
    bench: Bench,
    dice: Random,
    servers: Vec<ServerKey>,
    clients: Vec<ClientKey>,
    requests: Vec<Message>,
}

impl Walk {
    fn seeded(seed: u64) -> Walk {
        let transport = if seed.is_multiple_of(2) { Transport::Udp } else { Transport::Tcp };
        let (servers, clients, requests) = (Vec::new(), Vec::new(), Vec::new());
        Walk { bench: Bench::over(transport), dice: Random::from_number(seed), servers, clients, requests }
    }

    fn status(&mut self) -> u16 {
        pick(&mut self.dice, &[100, 180, 183, 200, 202, 302, 401, 408, 486, 487, 503, 603]).unwrap_or(200)
    }

    fn step(&mut self) {
        let (now, flow) = (self.bench.now, self.bench.flow);
        match self.dice.below(10) {
            0..=2 => self.peer_asks(),
            3 | 4 => {
                if let Some(key) = pick(&mut self.dice, &self.servers) {
                    let status = self.status();
                    match (self.bench.layer.reply(key, status), self.dice.below(6)) {
                        (Some(answer), 0) => self.bench.layer.refuse(key, answer),
                        (Some(answer), _) => self.bench.layer.respond(now, key, answer),
                        (None, _) => self.bench.layer.repeat(key),
                    }
                }
            }
            5 => {
                let method = pick(&mut self.dice, &[Method::Invite, Method::Bye, Method::Options])
                    .unwrap_or(Method::Bye);
                let request = Builder::request(&method, "sip:b")
                    .header(Name::From, "<sip:a>;tag=a")
                    .header(Name::To, "<sip:b>")
                    .header(Name::CallId, "w")
                    .header(Name::CSeq, format!("1 {method}"));
                self.clients.extend(self.bench.layer.request(now, flow, request).ok());
            }
            6 | 7 => {
                if let Some(request) = pick(&mut self.dice, &self.requests) {
                    let status = self.status();
                    let response =
                        Builder::reply_to(&request, status).to_tag("b").message().expect("a message");
                    self.bench.layer.receive(now, flow, response);
                }
            }
            8 => {
                if let Some(key) = pick(&mut self.dice, &self.clients) {
                    self.bench.layer.cancel(now, key, None);
                }
            }
            _ if self.dice.below(20) == 0 => self.bench.layer.transport_failed(now, &flow),
            _ => {
                let span = Duration::from_millis(self.dice.below(9_000));
                self.bench.run(span);
            }
        }
        let sent = self.bench.sent();
        self.requests.extend(sent.into_iter().filter(Message::is_request));
    }

    fn peer_asks(&mut self) {
        let method = pick(&mut self.dice, &METHODS).unwrap_or(Method::Invite);
        let (branch, seq) = (self.dice.below(6), self.dice.below(3));
        let cookie = if self.dice.below(4) == 0 { "" } else { "z9hG4bK" };
        let text = format!(
            "{method} sip:bob SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch={cookie}{branch}\nCSeq: {seq} {method}\nCall-ID: w{branch}"
        );
        if let Received::Request { key, .. } = self.bench.receive(&text) {
            self.servers.push(key);
        }
    }

    /// Every key that was handed out is reported over exactly once, and last.
    fn check(mut self, seed: u64) {
        for key in std::mem::take(&mut self.servers) {
            if let Some(answer) = self.bench.layer.reply(key, 480) {
                self.bench.layer.respond(self.bench.now, key, answer);
            }
        }
        self.bench.run(Duration::from_secs(1_000));
        assert!(self.bench.layer.is_empty(), "seed {seed}: {:?}", self.bench.layer);
        let mut ended: BTreeMap<Key, u32> = BTreeMap::new();
        for output in &self.bench.told {
            let (key, end) = match output {
                Output::Ended(key) => (*key, 1),
                Output::TimedOut(key) | Output::Unreachable(key) => (*key, 0),
                Output::Send { .. } => continue,
            };
            let count = ended.entry(key).or_default();
            assert_eq!(*count, 0, "seed {seed}: {key:?} was over already");
            *count += end;
        }
        assert!(self.clients.iter().all(|key| ended.get(&Key::Client(*key)) == Some(&1)), "seed {seed}");
        assert!(ended.values().all(|count| *count == 1), "seed {seed}");
    }
}

#[test]
fn nothing_panics_and_no_alarm_outlives_its_owner() {
    for seed in 0..150 {
        let mut walk = Walk::seeded(seed);
        for _ in 0..120 {
            walk.step();
        }
        walk.check(seed);
    }
}

/// Every response at every moment of an INVITE and of another request, twice each, over both kinds of transport.
#[test]
fn all_pairs_of_events_end_clean() {
    let statuses = [100_u16, 180, 200, 300, 404, 486, 487, 600];
    for (transport, method) in
        [Transport::Udp, Transport::Tcp].into_iter().flat_map(|t| [(t, Method::Invite), (t, Method::Bye)])
    {
        for (first, second) in statuses.iter().flat_map(|a| statuses.iter().map(move |b| (*a, *b))) {
            let mut bench = Bench::over(transport);
            let key = bench.request(&format!("{method} sip:bob SIP/2.0"));
            for status in [first, second] {
                if let Some(answer) = bench.layer.reply(key, status) {
                    bench.layer.respond(bench.now, key, answer);
                }
                if transport == Transport::Udp {
                    bench.receive(&format!("{method} sip:bob SIP/2.0"));
                }
                bench.receive("ACK sip:bob SIP/2.0\nCSeq: 1 ACK");
                bench.receive("CANCEL sip:bob SIP/2.0");
            }
            bench.run(Duration::from_secs(100));
            if first >= 200 || second >= 200 || method == Method::Bye {
                assert!(bench.layer.is_empty(), "{transport} {method} {first} {second}");
                assert_eq!(
                    bench.told_of(Key::Server(key)).last(),
                    Some(&"ended"),
                    "{transport} {method} {first} {second}"
                );
            }
        }
    }
}
