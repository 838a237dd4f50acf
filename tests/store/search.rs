//! What a search finds, and for whom (SRCH-01, SRCH-02, SRCH-04).

use ledgerline::base::{CallId, LegId, Masked, RecordingId, Wall};
use ledgerline::compliance::role::Scope;
use ledgerline::vault::{Closing, News, Opening, Order, Party, Query, TapItem};

use crate::world::World;

/// A recording of `ms` milliseconds by `caller` over `route`, answered by `agent`, with these tags.
fn kept(
    world: &mut World,
    caller: &str,
    route: &str,
    agent: &str,
    ms: u64,
    tags: &[(&str, &str)],
) -> RecordingId {
    world.now += 1_000_000;
    let at = Wall::from_micros(world.now);
    let recording = RecordingId::new(at, &mut world.random);
    let call = CallId::new(at, &mut world.random);
    let facts = Opening {
        caller: Masked::new(caller),
        dialled: Masked::new("8000"),
        route: Some(route.to_string()),
        ..Opening::default()
    };
    world.store().order(Order::Open { recording, call, at, facts: Box::new(facts) }).expect("taken");
    world.expect(|news| *news == News::Opened { recording });
    world.talk(recording, 0, ms, 0x2a);
    world.store().tap().try_send(TapItem::Ended { recording }).expect("never refused");
    let facts = Closing {
        parties: vec![Party { leg: LegId(1), who: Masked::new(agent), name: Masked::default() }],
        tags: tags.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        ..Closing::default()
    };
    let order = Order::Close { recording, at: Wall::from_micros(world.now + 1), facts: Box::new(facts) };
    world.store().order(order).expect("taken");
    world.expect(|news| matches!(news, News::Closed { recording: closed, .. } if *closed == recording));
    recording
}

#[test]
fn a_search_finds_by_everything_and_only_within_the_scope() {
    let mut world = World::new();
    let loans =
        kept(&mut world, "13812345678", "hotline", "anna", 3_000, &[("queue", "loans"), ("case", "C-7")]);
    let north = kept(&mut world, "+86 139 0000 5678", "hotline", "ben", 400, &[("tenant", "north")]);
    let south = kept(&mut world, "8001", "office", "anna", 900, &[("tenant", "south")]);
    world.restart();
    let found = |query: Query| -> Vec<RecordingId> {
        world.store().search(&query).expect("index").iter().map(|row| row.recording).collect()
    };
    let all = || Query { newest_first: false, ..Query::default() };
    let masked = |text: &str| Some(Masked::new(text));
    let tag = |name: &str, value: &str| vec![(name.to_string(), value.to_string())];
    for (query, expected) in [
        (all(), vec![loans, north, south]),
        (Query { tail: masked("5678"), ..all() }, vec![loans, north]),
        (Query { tail: masked("５６７８"), ..all() }, vec![loans, north]),
        (Query { tail: masked("8001"), ..all() }, vec![]),
        (Query { tail: masked("678"), ..all() }, vec![]),
        (Query { number: masked("8001"), ..all() }, vec![south]),
        (Query { number: masked("０１３９ ００００ ５６７８"), ..all() }, vec![north]),
        (Query { agent: masked("Anna"), ..all() }, vec![loans, south]),
        (Query { agent: masked("anna"), tail: masked("5678"), ..all() }, vec![loans]),
        (Query { queue: Some("loans".into()), ..all() }, vec![loans]),
        (Query { queue: Some("hotline".into()), ..all() }, vec![loans, north]),
        (Query { tags: tag("case", "C-7"), ..all() }, vec![loans]),
        (Query { tags: tag("case", "C-8"), ..all() }, vec![]),
        (Query { least_us: Some(800_000), ..all() }, vec![loans, south]),
        (Query { most_us: Some(500_000), ..all() }, vec![north]),
    ] {
        assert_eq!(found(query.clone()), expected, "{query:?}");
    }
    for (scope, expected) in [
        ("everything", vec![loans, north, south]),
        ("nothing", vec![]),
        ("tenant=north", vec![north]),
        ("tenant=north tenant=south", vec![north, south]),
        ("queue:hotline tenant=north", vec![loans, north]),
        ("party:anna", vec![loans, south]),
        ("tenant=west", vec![]),
    ] {
        let scope: Scope = scope.parse().expect("a scope");
        let within = |query: Query| found(Query { scope: scope.clone(), ..query });
        assert_eq!(within(all()), expected, "SRCH-02: {scope}");
        // What lies outside does not use up the limit: its number cannot be told from what is shown.
        let two = within(Query { limit: 2, ..all() });
        assert_eq!(two, expected[..expected.len().min(2)], "SRCH-02: {scope}");
        let theirs = within(Query { tail: masked("5678"), ..all() });
        assert!(theirs.iter().all(|id| expected.contains(id)), "SRCH-02: {scope}");
    }
}
