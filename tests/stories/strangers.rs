//! Those who may not: whatever they say, nothing starts, and they learn nothing.

use crate::world::*;

const STRANGER: &str = "198.51.100.9";

/// A request outside any dialog that claims to come from Alice.
fn claim(method: &str, uri: &str, more: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:alice@pbx.test>;tag={{tag}}\nTo: <{uri}>\n\
         Call-ID: {{call_id}}\nCSeq: 1 {method}\nContact: <sip:alice@{{own}}>\n{more}Content-Length: {{length}}\n\n"
    )
}

fn invite(uri: &str, more: &str) -> String {
    claim("INVITE", uri, &format!("{more}Content-Type: application/sdp\n")) + "{sdp}"
}

/// What a stranger is answered who says each of `texts`, one a second.
fn answers(world: &mut World, texts: &[String]) -> Vec<u16> {
    for (n, text) in texts.iter().enumerate() {
        world.stranger(STRANGER).says(text).at(secs(1 + n as u64));
    }
    world.run_until(secs(60));
    world.stranger(STRANGER).answers.iter().map(|(_, status)| *status).collect()
}

#[test]
fn nothing_starts_without_proof() {
    let mut world = World::seeded(70);
    world.phone("bob").answers().after(ms(100));
    let to = "sip:8002@pbx.test";
    let texts = [
        (invite(to, ""), 401),
        (claim("REGISTER", "sip:pbx.test", "Expires: 3600\n"), 401),
        (claim("MESSAGE", to, ""), 401),
        (claim("SUBSCRIBE", to, "Event: dialog\n"), 401),
        (claim("REFER", to, "Refer-To: <sip:8003@pbx.test>\n"), 401),
        (claim("PUBLISH", to, "Event: presence\n"), 401),
        (claim("BYE", to, ""), 401),
        (claim("INFO", to, ""), 401),
        (claim("UPDATE", to, ""), 401),
        (claim("NOTIFY", to, "Event: refer\n"), 401),
        (claim("CANCEL", to, ""), 481),
        (claim("TELEPORT", to, ""), 501),
        (claim("OPTIONS", "sip:pbx.test", ""), 200),
    ];
    let (texts, expected): (Vec<String>, Vec<u16>) = texts.into_iter().unzip();
    assert_eq!(answers(&mut world, &texts), expected);
    assert!(world.calls().is_empty() && world.phone("bob").last().is_none(), "nothing started");
    assert!(world.switch.is_quiet(), "and nothing is kept");
    world.settle();
}

#[test]
fn who_exists_cannot_be_guessed() {
    let mut world = World::seeded(71);
    world.phone("bob");
    let forged = |user: &str| {
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"pbx.test\", nonce=\"{}\", uri=\"sip:pbx.test\", \
             response=\"{}\", algorithm=MD5, cnonce=\"x\", qop=auth, nc=00000001\n",
            "0".repeat(40),
            "0".repeat(32)
        )
    };
    let texts = [
        invite("sip:8002@pbx.test", ""),
        invite("sip:8099@pbx.test", ""),
        invite("sip:nobody@pbx.test", ""),
        claim("REGISTER", "sip:pbx.test", &forged("alice")),
        claim("REGISTER", "sip:pbx.test", &forged("nobody")),
    ];
    assert_eq!(answers(&mut world, &texts), [401; 5]);
    let heard = &world.stranger(STRANGER).heard;
    let shapes: Vec<String> = heard.iter().map(|text| shape(text)).collect();
    assert_eq!(shapes[0], shapes[1], "a number that exists and one that does not");
    assert_eq!(shapes[0], shapes[2]);
    assert_eq!(shapes[3], shapes[4], "a user who exists and one who does not");
    world.settle();
}

/// A message without what differs between any two.
fn shape(text: &str) -> String {
    let kept = text
        .lines()
        .filter(|line| !["Via", "From", "To", "Call-ID"].iter().any(|name| line.starts_with(name)));
    let mut shape: Vec<String> =
        kept.map(|line| line.split("nonce=").next().unwrap_or(line).to_string()).collect();
    shape.sort();
    shape.join("\n")
}

#[test]
fn an_overheard_proof_is_worth_nothing() {
    let mut world = World::seeded(72);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").rejects(486).after(ms(100));
    world.run_until(secs(5));
    let proof = world.phone("alice").last_proof("INVITE").expect("alice proved herself");
    let calls = world.calls().len();
    let texts = [invite("sip:8002@pbx.test", &proof), claim("REGISTER", "sip:pbx.test", &proof)];
    for text in &texts {
        world.stranger(STRANGER).says(text).at(secs(6));
    }
    world.run_until(secs(20));
    let answered: Vec<u16> = world.stranger(STRANGER).answers.iter().map(|(_, status)| *status).collect();
    assert_eq!(answered, [401, 401]);
    assert_eq!(world.calls().len(), calls);
    world.settle();
}

#[test]
fn nobody_calls_in_anothers_name() {
    let mut world = World::seeded(73);
    world.phone("alice");
    world.phone("carol").answers().after(ms(100));
    world.run_until(secs(1));
    world.phone("alice").claims("bob").dials("8003").at(secs(2));
    world.run_until(secs(10));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(403)));
    assert!(world.calls().is_empty() && world.phone("carol").last().is_none());
    world.settle();
}

#[test]
fn nobody_registers_in_anothers_name() {
    let mut world = World::seeded(74);
    world.phone("alice");
    world.phone("bob");
    world.run_until(secs(1));
    world.phone("alice").claims("bob").registers().at(secs(2));
    world.phone("carol").dials("8002").at(secs(4));
    world.run_until(secs(6));
    assert_eq!(world.phone("alice").answers.last(), Some(&("REGISTER".to_string(), 403)));
    assert!(
        world.phone("alice").last().is_none() && world.phone("bob").last().is_some(),
        "{}",
        world.ladder()
    );
    world.settle();
}

#[test]
fn a_wrong_password_registers_nobody() {
    let mut world = World::seeded(75);
    let mallory = world.phone("alice/mallory");
    mallory.id.password = "guess".into();
    mallory.registers_first = false;
    mallory.registers().at(secs(1));
    world.run_until(secs(20));
    assert!(!world.phone("alice/mallory").registered);
    world.settle();
}

#[test]
fn a_blind_bye_from_elsewhere_ends_nothing() {
    let mut world = World::seeded(76);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(5));
    for (n, victim) in ["alice", "bob"].into_iter().enumerate() {
        let dialog = world.phone(victim).last().expect("in a call").clone();
        let requests = [
            within_dialog("BYE", &dialog, ""),
            within_dialog("INVITE", &dialog, "{sdp}"),
            within_dialog("INFO", &dialog, ""),
        ];
        for (m, request) in requests.iter().enumerate() {
            world.stranger(STRANGER).says(request).at(secs(6 + 3 * n as u64 + m as u64));
        }
    }
    world.run_until(secs(20));
    let answered: Vec<u16> = world.stranger(STRANGER).answers.iter().map(|(_, status)| *status).collect();
    assert!(answered.len() == 6 && answered.iter().all(|status| matches!(status, 401 | 481)), "{answered:?}");
    assert_eq!(world.phone("alice").ended(), None);
    assert_eq!(world.phone("bob").ended(), None);
    assert!(world.heard("alice", "bob") > secs(17), "the media stayed where it was\n{}", world.ladder());
    world.settle();
}

fn within_dialog(method: &str, dialog: &Dialog, body: &str) -> String {
    let Dialog { call_id, local_tag, remote_tag, local, remote, target, cseq, .. } = dialog;
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    format!(
        "{method} {target} SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <{local}>;tag={local_tag}\nTo: <{remote}>;tag={remote_tag}\n\
         Call-ID: {call_id}\nCSeq: {} {method}\nContact: <sip:x@{{own}}>\n{kind}Content-Length: {{length}}\n\n{body}",
        cseq + 1
    )
}

#[test]
fn a_cancel_from_elsewhere_cancels_nothing() {
    let mut world = World::seeded(77);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(6));
    world.run_until(secs(3));
    let invite = world.phone("alice").last_sent("INVITE").expect("alice dialled");
    let cancel = invite
        .split("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .replace("\r\n", "\n")
        .replace("INVITE", "CANCEL")
        .lines()
        .filter(|line| !line.starts_with("Content") && !line.starts_with("Authorization"))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        + "Content-Length: {length}\n\n";
    world.stranger(STRANGER).says(&cancel).at(secs(4));
    world.run_until(secs(12));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_loop_is_seen() {
    let mut world = World::seeded(78);
    let mut texts = vec![invite("sip:8002@pbx.test", "").replace("Max-Forwards: 70", "Max-Forwards: 0")];
    texts.push(claim("OPTIONS", "sip:pbx.test", "").replace("Max-Forwards: 70", "Max-Forwards: 300"));
    let answered = answers(&mut world, &texts);
    assert_eq!(answered[0], 483);
    assert!(answered[1] >= 400, "{answered:?}");
    world.settle();
}

#[test]
fn noise_is_not_answered_and_harms_nobody() {
    let mut world = World::seeded(79);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").hangs_up().after(secs(20));
    let mut random = ledgerline::base::Random::from_number(79);
    for n in 0..200 {
        let mut noise = vec![0; 1 + random.below(300) as usize];
        random.fill(&mut noise);
        world.at(ms(1_000 + 50 * n), Deed::Noise { from: STRANGER.into(), octets: noise });
    }
    world.stranger(STRANGER);
    world.run_until(secs(40));
    assert!(world.heard("alice", "bob") > secs(19), "{}", world.ladder());
    assert!(world.stranger(STRANGER).heard.is_empty());
    world.settle();
}

#[test]
fn what_the_switch_does_not_serve_is_said_only_to_users() {
    let mut world = World::seeded(80);
    let to = "sip:8002@pbx.test";
    for (n, method) in ["MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH"].into_iter().enumerate() {
        world.phone("alice").says(&claim(method, to, "{proof}")).at(secs(1 + n as u64));
    }
    world.run_until(secs(10));
    let answered: Vec<u16> = world.phone("alice").answers.iter().skip(1).map(|(_, status)| *status).collect();
    // Bob has no phone; no event package is named; not served; somebody else's presence.
    assert_eq!(answered, [480, 489, 403, 403]);
    world.settle();
}

#[test]
fn a_phone_that_has_moved_proves_itself_before_it_hangs_up() {
    for (seed, mover) in [(81, "alice"), (82, "bob")] {
        let mut world = World::seeded(seed);
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.phone(mover).moves_to([192, 0, 2, 200]).after(secs(4));
        world.phone(mover).hangs_up().after(secs(6));
        world.run_until(secs(20));
        assert_eq!(world.phone(mover).ended(), Some(How::HungUp), "{}", world.ladder());
        let other = if mover == "alice" { "bob" } else { "alice" };
        assert_eq!(world.phone(other).ended(), Some(How::FarSideHungUp), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_call_of_ours_that_comes_back_is_a_loop() {
    let mut world = World::seeded(83);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(8));
    world.run_until(secs(3));
    let call_id = world.phone("bob").last().expect("it rings").call_id.clone();
    let back =
        invite("sip:8003@pbx.test", "{proof}").replace("{call_id}", &call_id).replace("sip:alice", "sip:bob");
    world.phone("bob").says(&back).at(secs(4));
    world.phone("carol").answers().after(ms(100));
    world.run_until(secs(20));
    assert_eq!(world.phone("bob").answers.last(), Some(&("INVITE".to_string(), 482)));
    assert!(world.phone("carol").last().is_none());
    world.settle();
}

#[test]
fn within_a_call_unknown_requests_are_refused_and_nothing_more() {
    let mut world = World::seeded(84);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    for (n, method) in ["OPTIONS", "UPDATE", "REFER", "MESSAGE", "TELEPORT"].into_iter().enumerate() {
        let text = format!(
            "{method} {{target}} SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:alice@pbx.test>;tag={{local_tag}}\n\
             To: <sip:8002@pbx.test>;tag={{remote_tag}}\nCall-ID: {{dialog_call_id}}\nCSeq: {{next_cseq}} {method}\n\
             Content-Length: {{length}}\n\n"
        );
        world.phone("alice").says(&text).at(secs(4 + n as u64));
    }
    world.run_until(secs(20));
    let answered: Vec<u16> = world.phone("alice").answers.iter().skip(1).map(|(_, status)| *status).collect();
    assert_eq!(answered, [200, 200, 400, 405, 405]);
    assert!(world.heard("alice", "bob") > secs(17), "{}", world.ladder());
    world.settle();
}
