//! Several phones of one user: whom a call rings first, which device an address of its own reaches, what a restart leaves.

use std::time::Duration;

use ledgerline::switch::{Answer, Command, PhoneView};

use crate::world::*;

const DEVICE: &str = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\"";

/// The statuses that a phone said to the INVITEs that rang it.
fn rung(world: &mut World, name: &str) -> usize {
    world.phone(name).dialogs.len()
}

fn phones(world: &mut World) -> Vec<PhoneView> {
    world.at(world.since(), Deed::Ask(Command::Phone { user: "bob".into() }));
    world.run_until(world.since() + ms(1));
    match world.answers.pop() {
        Some(Answer::Phones(phones)) => phones,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_preferred_phone_rings_first_and_the_next_joins_in() {
    let mut world = World::seeded(200);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob/mobile").contact_params = ";q=0.3".into();
    world.phone("bob/mobile").answers().after(secs(1));
    world.phone("bob/desk");
    world.run_until(secs(10));
    assert_eq!((rung(&mut world, "bob/desk"), rung(&mut world, "bob/mobile")), (1, 0));
    world.run_until(secs(19));
    assert!(world.talked("alice", "bob/mobile"), "{}", world.ladder());
    let reasons = world.phone("bob/desk").last().expect("it rang").reasons.join(" ");
    assert!(reasons.contains("cause=200"), "completed elsewhere: {reasons}");
    world.settle();
}

#[test]
fn the_next_phone_rings_at_once_when_the_preferred_one_refuses() {
    let mut world = World::seeded(201);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob/desk").rejects(480).after(ms(100));
    world.phone("bob/mobile").contact_params = ";q=0.3".into();
    world.phone("bob/mobile").answers().after(ms(500));
    world.run_until(secs(5));
    assert!(world.talked("alice", "bob/mobile"), "{}", world.ladder());
    world.settle();
}

/// RFC 5627: a device has an address of its own.
#[test]
fn a_call_to_a_devices_own_address_reaches_that_device_alone() {
    let mut world = World::seeded(202);
    world.phone("bob/desk");
    let mobile = world.phone("bob/mobile");
    mobile.contact_params = DEVICE.into();
    mobile.register_lines = "Supported: gruu\n".into();
    mobile.registers_first = false;
    mobile.registers().at(secs(1));
    mobile.answers().after(ms(100));
    world.run_until(secs(3));
    let answer = world.phone("bob/mobile").heard.join("\n");
    let gruu = |name: &str| {
        let (_, rest) = answer.rsplit_once(&format!("{name}=\"sip:")).unwrap_or_else(|| panic!("{answer}"));
        rest.split('"').next().unwrap_or_default().to_string()
    };
    let (public, temporary) = (gruu("pub-gruu"), gruu("temp-gruu"));
    assert!(public.starts_with("bob@pbx.test;gr=urn:uuid:"), "{public}");
    assert!(temporary.starts_with("tgruu.") && !temporary.contains("bob"), "{temporary}");
    for (n, gruu) in [public.as_str(), temporary.as_str()].into_iter().enumerate() {
        let (user, rest) = gruu.split_once('@').expect("a user");
        let uri = format!("sip:{user}@{rest}");
        let invite = format!(
            "INVITE {uri} SIP/2.0\nVia: {{via}}\nMax-Forwards: 70\nFrom: <sip:alice@pbx.test>;tag={{tag}}\nTo: <{uri}>\n\
             Call-ID: {{call_id}}\nCSeq: 1 INVITE\nContact: <sip:alice@{{own}}>\n{{proof}}Content-Type: application/sdp\n\
             Content-Length: {{length}}\n\n{{sdp}}"
        );
        world.phone("alice").says(&invite).at(secs(4 + 40 * n as u64));
    }
    world.run_until(secs(100));
    assert_eq!((rung(&mut world, "bob/mobile"), rung(&mut world, "bob/desk")), (2, 0), "{}", world.ladder());
    world.settle();
}

/// RFC 5626 §5.3: two flows are one phone.
#[test]
fn a_device_with_two_flows_rings_once_and_over_the_other_when_one_fails() {
    let mut world = World::seeded(203);
    for (name, flow) in [("bob/one", 1), ("bob/two", 2)] {
        let phone = world.phone(name);
        phone.contact_params = format!("{DEVICE};reg-id={flow}");
        phone.register_lines = "Supported: outbound, path\n".into();
        phone.answers().after(ms(100));
    }
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("alice").hangs_up().after(secs(1));
    world.run_until(secs(5));
    let rung_first = if rung(&mut world, "bob/one") == 1 { "bob/one" } else { "bob/two" };
    let other = if rung_first == "bob/one" { "bob/two" } else { "bob/one" };
    assert_eq!(rung(&mut world, other), 0, "{}", world.ladder());
    world.phone(rung_first).rejects(430).after(ms(10));
    world.phone("alice").dials("8002").at(secs(6));
    world.run_until(secs(9));
    assert!(world.talked("alice", other), "{}", world.ladder());
    world.settle();
}

/// RFC 3327: proxies between us and the phone are passed through again.
#[test]
fn the_path_of_a_registration_is_the_route_of_its_calls() {
    let mut world = World::seeded(204);
    world.phone("bob").register_lines =
        "Supported: path\nPath: <sip:near.example;lr>, <sip:edge.example;lr;ob>\n".into();
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob");
    world.run_until(secs(3));
    let invite = world.phone("bob").rung.clone().expect("it rings");
    let routes: Vec<&str> = invite.lines().filter(|line| line.starts_with("Route:")).collect();
    assert_eq!(routes, ["Route: <sip:near.example;lr>", "Route: <sip:edge.example;lr;ob>"]);
    world.settle();
}

#[test]
fn contacts_that_do_not_answer_are_seen_and_passed_over() {
    let mut world =
        World::made(205, Plan::Required, |setup| setup.registrar.ping = Some(Duration::from_secs(30)));
    world.phone("alice");
    world.phone("bob/desk").answers().after(ms(100));
    world.phone("bob/gone").vanishes().at(secs(10));
    world.run_until(secs(5));
    let shown = phones(&mut world);
    assert_eq!(shown.len(), 2);
    for phone in &shown {
        assert_eq!((phone.state.as_str(), phone.round_trip_ms), ("answers", Some(20.0)), "{phone:?}");
    }
    world.run_until(secs(150));
    let states: Vec<String> = phones(&mut world).into_iter().map(|phone| phone.state).collect();
    assert!(states.contains(&"answers".into()) && states.contains(&"dead".into()), "{states:?}");
    world.phone("alice").dials("8002").at(secs(160));
    world.run_until(secs(170));
    assert!(world.talked("alice", "bob/desk"), "{}", world.ladder());
    assert!(!world.ladder().contains("L2"), "the dead one was not rung\n{}", world.ladder());
    world.settle();
}

#[test]
fn registrations_outlive_a_restart() {
    let mut world = World::seeded(206);
    world.phone("alice").registers_for(3_600).at(secs(1));
    world.phone("bob").registers_for(100).at(secs(1));
    world.phone("bob").rejects(486).after(ms(10));
    world.run_until(secs(20));
    world.restarts(|_| ());
    world.phone("alice").dials("8002").at(secs(30));
    world.run_until(secs(40));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(486)), "bob is reached without registering");
    world.phone("alice").dials("8002").at(secs(110));
    world.run_until(secs(120));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)), "and for no longer than he asked for");
    world.settle();
}

#[test]
fn a_user_who_was_removed_meanwhile_does_not_come_back() {
    let mut world = World::seeded(207);
    world.phone("alice");
    world.phone("bob").rejects(486).after(ms(10));
    world.run_until(secs(5));
    world.restarts(|setup| {
        setup.kept.iter_mut().for_each(|kept| kept.user = kept.user.replace("bob", "nobody"))
    });
    world.phone("alice").dials("8002").at(secs(10));
    world.run_until(secs(20));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)));
    world.settle();
}
