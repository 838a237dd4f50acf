//! Busy lamps: one phone watches the calls of another user (RFC 4235 over RFC 6665).

use crate::world::*;

/// Bob talks with Alice from 2 s to 10 s; Carol watches him.
fn carol_watches_bob(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(5));
    world.phone("alice").hangs_up().after(secs(6));
    world.phone("bob").answers().after(secs(3));
    world.phone("carol").watches("dialog", "8002").at(secs(1));
    world
}

#[test]
fn a_lamp_follows_a_call() {
    let mut world = carol_watches_bob(300);
    world.run_until(secs(30));
    let watch = world.phone("carol").watch();
    assert_eq!(watch.answers, [(200, "3600".to_string())]);
    assert_eq!(watch.story(), ["", "trying", "early", "confirmed", "terminated"], "{watch:#?}");
    let early = &watch.notices.iter().find(|notice| notice.body.contains("early")).expect("rang").body;
    for part in [
        "entity=\"sip:8002@pbx.test\"",
        "direction=\"recipient\"",
        "<remote><identity display=\"Alice\">sip:8001@pbx.test</identity><target uri=\"sip:8001@pbx.test\"/></remote>",
        "<local><identity display=\"Bob\">sip:8002@pbx.test</identity>",
    ] {
        assert!(early.contains(part), "{part} in {early}");
    }
    world.settle();
}

/// RFC 3323: a caller who wants privacy is nobody on the lamps too.
#[test]
fn a_lamp_does_not_show_a_caller_who_wants_privacy() {
    let mut world = carol_watches_bob(309);
    world.phone("alice").skills.says = "Privacy: id\n".into();
    world.run_until(secs(30));
    let watch = world.phone("carol").watch();
    assert_eq!(watch.story(), ["", "trying", "early", "confirmed", "terminated"], "{watch:#?}");
    for notice in &watch.notices {
        assert!(!notice.body.contains("8001") && !notice.body.contains("Alice"), "{}", notice.body);
    }
    world.settle();
}

#[test]
fn the_callers_lamp_burns_too() {
    let mut world = carol_watches_bob(301);
    world.phone("dave").watches("dialog;id=3", "alice").at(secs(1));
    world.run_until(secs(30));
    let watch = world.phone("dave").watch();
    assert_eq!(watch.story(), ["", "trying", "early", "confirmed", "terminated"]);
    assert!(watch.notices[1].body.contains("direction=\"initiator\""));
    world.settle();
}

#[test]
fn a_refresh_tells_the_whole_state_and_the_version_goes_on() {
    let mut world = carol_watches_bob(302);
    world.phone("carol").watches_on_for(600).at(secs(9));
    world.run_until(secs(10));
    let watch = world.phone("carol").watch();
    assert_eq!(watch.answers.last(), Some(&(200, "600".to_string())));
    let (last, before) = (watch.notices.len() - 1, watch.notices.len() - 2);
    assert_eq!(watch.lamps(), ["confirmed"]);
    assert!(watch.notices[before].body.contains("confirmed"), "asked for, although nothing changed");
    assert_eq!(watch.notices[last].state, "active;expires=600");
    world.settle();
}

#[test]
fn a_watcher_that_unsubscribes_or_only_asks_hears_once_more() {
    let mut world = carol_watches_bob(303);
    world.phone("carol").watches_on_for(0).at(secs(3));
    world.phone("dave").watches_for("dialog", "bob", 0).at(secs(9));
    world.run_until(secs(30));
    let watch = world.phone("carol").watch();
    assert_eq!((watch.ended(), watch.notices.len()), (Some("timeout"), 2));
    let asked = world.phone("dave").watch();
    assert_eq!(
        (asked.ended(), asked.notices.len(), asked.lamps()),
        (Some("timeout"), 1, vec!["confirmed".into()])
    );
    world.settle();
}

#[test]
fn a_subscription_ends_by_itself() {
    let mut world = carol_watches_bob(304);
    world.phone("dave").watches_for("dialog", "bob", 60).at(secs(1));
    world.run_until(secs(100));
    assert_eq!(world.phone("dave").watch().ended(), Some("timeout"));
    world.settle();
}

#[test]
fn a_lamp_changes_once_a_second_and_ends_right() {
    let mut world = World::seeded(305);
    // Eight calls in four seconds: rejected, dialled again.
    for n in 0..8 {
        world.phone("alice").dials("8002").at(secs(2) + ms(500 * n));
    }
    world.phone("bob").rejects(486).after(ms(100));
    world.phone("carol").watches("dialog", "bob").at(secs(1));
    world.run_until(secs(20));
    let notices = &world.phone("carol").watch().notices;
    assert!(notices.len() >= 4, "{notices:#?}");
    for pair in notices.windows(2) {
        assert!(pair[1].at.since(pair[0].at) >= secs(1) - ms(20), "{:?} after {:?}", pair[1].at, pair[0].at);
    }
    let lamps = world.phone("carol").watch().lamps();
    assert!(lamps.iter().all(|lamp| lamp == "terminated"), "{lamps:?}");
    world.settle();
}

#[test]
fn what_cannot_be_watched_is_said() {
    for (event, user, expires, status) in [
        ("dialog", "bob", 600, 200),
        ("dialog", "nobody", 600, 404),
        ("dialog", "bob", 30, 423),
        ("conference", "bob", 600, 489),
        ("message-summary", "bob", 600, 403),
        ("message-summary", "8003", 600, 200),
    ] {
        let mut world = World::seeded(306);
        world.phone("bob");
        world.phone("carol").watches_for(event, user, expires).at(secs(1));
        world.run_until(secs(5));
        let watch = world.phone("carol").watch();
        assert_eq!(watch.answers.last().map(|(status, _)| *status), Some(status), "{event} {user}");
        assert_eq!(watch.notices.is_empty(), status != 200);
        world.settle();
    }
}

#[test]
fn nobody_watches_without_proof_or_in_anothers_name() {
    let mut world = World::seeded(307);
    world.phone("bob");
    world.run_until(secs(1));
    world.phone("carol").claims("alice").watches("dialog", "bob").at(secs(2));
    let mallory = world.phone("carol/mallory");
    mallory.id.password = "guess".into();
    mallory.registers_first = false;
    mallory.watches("dialog", "bob").at(secs(3));
    world.run_until(secs(10));
    assert_eq!(world.phone("carol").watch().answers, [(403, String::new())]);
    assert_eq!(world.phone("carol/mallory").watch().answers, [(401, String::new())]);
    assert!(world.phone("carol").watch().notices.is_empty());
    world.settle();
}

#[test]
fn a_watcher_that_refuses_or_is_silent_is_told_no_more() {
    for (manner, notices) in [(481, 1), (500, 1), (401, 1), (1, 1)] {
        let mut world = carol_watches_bob(308);
        world.phone("carol").manners.refuses_notices = manner;
        world.run_until(secs(60));
        assert_eq!(world.phone("carol").watch().notices.len(), notices, "{manner}");
        world.settle();
    }
}

#[test]
fn a_watcher_that_vanishes_costs_nothing_after_a_while() {
    let mut world = carol_watches_bob(309);
    world.phone("carol").vanishes().at(secs(3));
    world.run_until(secs(60));
    assert!(world.switch.is_quiet(), "the NOTIFY that got no answer ended the subscription");
    world.settle();
}

#[test]
fn a_watcher_over_tcp_is_found_again_when_its_stream_broke() {
    let mut world = World::seeded(310);
    world.phone("carol").over(Over::Tcp).watches("dialog", "bob").at(secs(1));
    world.phone("carol").loses_its_connection().at(secs(3));
    world.phone("alice").dials("8002").at(secs(5));
    world.phone("alice").hangs_up().after(secs(3));
    world.phone("bob").answers().after(secs(2));
    world.run_until(secs(30));
    assert_eq!(world.phone("carol").watch().story().last().map(String::as_str), Some("terminated"));
    world.settle();
}

#[test]
fn an_account_that_goes_takes_its_subscriptions_along() {
    let mut world = carol_watches_bob(311);
    world.phone("bob").watches("dialog", "carol").at(secs(1));
    world.at(secs(20), Deed::Leaves("bob"));
    world.run_until(secs(30));
    assert_eq!(world.phone("carol").watch().ended(), Some("noresource"));
    assert_eq!(world.phone("bob").watch().ended(), Some("rejected"));
    world.settle();
}

#[test]
fn a_node_that_goes_down_sends_its_watchers_away_for_a_while() {
    let mut world = carol_watches_bob(312);
    world.at(secs(7), Deed::Ask(ledgerline::switch::Command::Drain));
    world.run_until(secs(30));
    assert_eq!(world.phone("carol").watch().ended(), Some("probation;retry-after=30"));
    world.settle();
}

#[test]
fn a_lamp_is_right_in_the_end_over_a_line_that_loses_a_third() {
    for seed in 0..30 {
        let mut world = carol_watches_bob(seed).loss_percent(33).delay_ms(20..80);
        world.run_until(secs(120));
        let carol = world.phone("carol");
        if let Some(notice) = carol.watch().notices.last()
            && carol.watch().ended().is_none()
            && carol.watch().answers.last().is_some_and(|(status, _)| *status == 200)
        {
            assert!(!notice.body.contains("confirmed"), "seed {seed}: {notice:?}");
        }
        world.settle();
    }
}

/// A SUBSCRIBE as nobody's phone writes it.
fn odd_subscribe(lines: &str) -> String {
    format!(
        "SUBSCRIBE sip:bob@pbx.test SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:{{user}}@pbx.test>;tag={{tag}}\n\
         To: <sip:bob@pbx.test>\nCall-ID: {{call_id}}\nCSeq: 1 SUBSCRIBE\n{lines}{{proof}}Content-Length: {{length}}\n\n"
    )
}

#[test]
fn odd_subscriptions_are_refused_and_cost_nothing() {
    let contact = "Contact: <sip:carol@{own}>\n";
    let accepts = "Accept: application/x-other\n".repeat(50);
    let long_id = format!("Event: dialog;id={}\n", "9".repeat(4_000));
    for (lines, status) in [
        (format!("{contact}Event: dialog\n{accepts}"), 406),
        (format!("{contact}{long_id}"), 489),
        (format!("{contact}Event: dialog;id=\"\n"), 200),
        (format!("{contact}Event: dialog\nRequire: eventlist\n"), 420),
        (format!("{contact}Event: dialog\nExpires: 99999999999999999999\n"), 200),
        (format!("{contact}Event: dialog\nEvent: presence\n"), 400),
        ("Event: dialog\n".to_string(), 400),
    ] {
        let mut world = World::seeded(313);
        world.phone("bob");
        world.phone("carol").says(&odd_subscribe(&lines)).at(secs(1));
        world.run_until(secs(3));
        let answers = &world.phone("carol").answers;
        assert_eq!(
            answers.last(),
            Some(&("SUBSCRIBE".to_string(), status)),
            "{}",
            &lines[..60.min(lines.len())]
        );
        world.settle();
    }
}

#[test]
fn whoever_watches_too_much_is_stopped() {
    let mut world = World::seeded(314);
    world.phone("bob");
    let most = ledgerline::base::bounds::SUBSCRIPTIONS_PER_USER;
    world.phone("carol").remembers = true;
    for n in 0..=most as u64 {
        world.phone("carol").watches("dialog", "bob").at(secs(1) + ms(20 * n));
    }
    world.run_until(secs(60));
    let watches = &world.phone("carol").watches;
    let refused =
        watches.iter().filter(|watch| watch.answers.last().is_some_and(|(status, _)| *status == 403)).count();
    assert_eq!((watches.len(), refused), (most + 1, 1));
    world.settle();
}

#[test]
fn who_has_overheard_a_subscription_can_neither_end_nor_prolong_it() {
    let mut world = carol_watches_bob(315);
    world.phone("carol").watches_on_for(600).at(secs(2));
    world.run_until(secs(3));
    let overheard = world.phone("carol").last_sent("SUBSCRIBE").expect("she has prolonged it");
    let line = |name: &str| {
        let found = overheard.lines().find(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("a {name} in {overheard}")).to_string()
    };
    let proof = line("Authorization");
    for (n, proof) in [String::new(), format!("{proof}\n")].into_iter().enumerate() {
        let text = format!(
            "{} \nVia: {{via}}\nMax-Forwards: 70\n{}\n{}\n{}\nCSeq: 99 SUBSCRIBE\nContact: <sip:x@{{own}}>\nEvent: dialog\n\
             Expires: 0\n{proof}Content-Length: {{length}}\n\n",
            overheard.lines().next().unwrap_or_default(),
            line("From"),
            line("To"),
            line("Call-ID"),
        );
        world.stranger("198.51.100.9").says(&text.replacen(" \n", "\n", 1)).at(secs(4 + n as u64));
    }
    world.run_until(secs(30));
    let answered: Vec<u16> =
        world.stranger("198.51.100.9").answers.iter().map(|(_, status)| *status).collect();
    assert_eq!(answered, [401, 401]);
    let watch = world.phone("carol").watch();
    assert_eq!((watch.ended(), watch.lamps().as_slice()), (None, &["terminated".to_string()][..]));
    world.settle();
}
