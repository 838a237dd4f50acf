//! Sessions that change: hold in every notation, offers in odd places, early media, other transports.

use super::golden;
use crate::world::*;

/// Alice calls Bob at 1 s, who answers at 2 s.
fn talking(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world
}

#[test]
fn a_hold_silences_in_all_three_notations() {
    for (seed, notation, holder_is_heard) in
        [(20, Notation::SendOnly, true), (21, Notation::Inactive, false), (22, Notation::Zero, true)]
    {
        for holder in ["alice", "bob"] {
            let held = if holder == "alice" { "bob" } else { "alice" };
            let mut world = talking(seed);
            world.phone(holder).holds(notation).after(secs(4));
            world.phone(holder).resumes().after(secs(14));
            world.run_until(secs(10));
            let before = (world.heard(holder, held), world.heard(held, holder));
            world.run_until(secs(15));
            let during = (world.heard(holder, held), world.heard(held, holder));
            assert_eq!(
                before.0,
                during.0,
                "{notation:?}: {holder} hears nobody while it holds\n{}",
                world.ladder()
            );
            assert_eq!(during.1 > before.1, holder_is_heard, "{notation:?}: {held}\n{}", world.ladder());
            world.run_until(secs(25));
            assert!(
                world.heard(holder, held) > during.0,
                "{notation:?}: {holder} hears again\n{}",
                world.ladder()
            );
            if holder == "bob" {
                golden(&mut world, &format!("hold_{notation:?}").to_lowercase());
            } else {
                world.settle();
            }
        }
    }
}

#[test]
fn comfort_noise_is_agreed_on_where_both_take_it() {
    for (seed, alice, bob, agreed) in [
        (45, &[8, 13, 101][..], &[8, 13, 101][..], true),
        (46, &[8, 13, 101], &[8, 101], false),
        (47, &[8, 101], &[8, 13, 101], false),
        (48, &[8, 13, 101], &[9, 101], false),
    ] {
        let mut world = talking(seed);
        world.phone("alice").codecs = alice.to_vec();
        world.phone("bob").codecs = bob.to_vec();
        world.run_until(secs(6));
        let noisy = world.plane.aimed.iter().filter(|(_, _, aim)| aim.formats.iter().any(|f| f.pt == 13));
        assert_eq!(noisy.count(), if agreed { 2 } else { 0 }, "{alice:?} {bob:?}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_caller_without_an_offer_is_made_one() {
    let mut world = World::seeded(23);
    world.phone("alice").dials_without_offer("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "without_offer");
}

#[test]
fn a_menu_waits_for_the_answer_of_a_caller_without_an_offer() {
    let mut world = World::seeded(24);
    world.phone("alice").dials_without_offer("9").at(secs(1));
    world.phone("alice").presses('1').after(ms(2_500));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(15));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_reinvite_without_an_offer_is_made_one() {
    for who in ["alice", "bob"] {
        let mut world = talking(25);
        world.phone(who).renews_without_offer().after(secs(3));
        world.run_until(secs(20));
        assert!(
            world.heard("alice", "bob") > secs(16) && world.heard("bob", "alice") > secs(16),
            "{}",
            world.ladder()
        );
        match who {
            "alice" => golden(&mut world, "renewed_without_offer"),
            _ => world.settle(),
        }
    }
}

#[test]
fn both_hold_and_both_resume() {
    let mut world = talking(26);
    world.phone("alice").holds(Notation::SendOnly).after(secs(2));
    world.phone("bob").holds(Notation::SendOnly).after(secs(3));
    world.phone("alice").resumes().after(secs(5));
    world.phone("bob").resumes().after(secs(7));
    world.run_until(secs(20));
    let after = world.heard("alice", "bob");
    world.run_until(secs(22));
    assert_eq!(world.heard("alice", "bob") - after, secs(2), "{}", world.ladder());
    world.settle();
}

#[test]
fn both_hold_at_the_same_moment() {
    let mut world = talking(27).delay_ms(30..30);
    world.phone("alice").holds(Notation::Inactive).at(secs(5));
    world.phone("bob").holds(Notation::Inactive).at(secs(5));
    world.phone("alice").resumes().at(secs(8));
    world.phone("bob").resumes().at(secs(8));
    world.run_until(secs(12));
    let then = world.heard("bob", "alice");
    world.run_until(secs(14));
    assert_eq!(world.heard("bob", "alice") - then, secs(2), "{}", world.ladder());
    world.settle();
}

#[test]
fn the_caller_hears_early_media() {
    let mut world = World::seeded(28);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers_with_early_media().after(secs(4));
    world.run_until(secs(4));
    assert!(world.heard("alice", "bob") > secs(2), "{}", world.ladder());
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    golden(&mut world, "early_media");
}

#[test]
fn early_media_of_a_phone_that_declines_ends() {
    let mut world = World::seeded(29);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers_with_early_media().at(secs(60));
    world.run_until(secs(30));
    assert_eq!(world.phone("alice").ended(), Some(How::Refused(480)));
    assert!(world.only_cdr().answered.is_none());
    world.settle();
}

#[test]
fn phones_meet_over_every_transport() {
    for (seed, a, b) in [
        (30, Over::Tcp, Over::Udp),
        (31, Over::Udp, Over::Tcp),
        (32, Over::Tcp, Over::Tcp),
        (33, Over::Ipv6, Over::Ipv6),
    ] {
        let mut world = World::seeded(seed);
        world.phone("alice").over(a).dials("8002").at(secs(1));
        world.phone("bob").over(b).answers().after(secs(1));
        world.phone("bob").hangs_up().after(secs(5));
        world.run_until(secs(20));
        assert!(world.talked("alice", "bob"), "{a:?} {b:?}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn phones_behind_nat_are_reached_where_their_signalling_comes_from() {
    let mut world = World::seeded(34);
    world.phone("alice").behind_nat().dials("8002").at(secs(1));
    world.phone("bob").behind_nat().answers().after(secs(1));
    world.phone("bob").hangs_up().after(secs(5));
    world.run_until(secs(20));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn every_digest_opens_the_door() {
    for (seed, hash) in [(35, Hash::Sha256), (36, Hash::Md5), (37, Hash::Oldest)] {
        for remembers in [false, true] {
            let mut world = World::seeded(seed);
            world.phone("alice").hash = hash;
            world.phone("alice").remembers = remembers;
            for n in 0..3 {
                world.phone("alice").dials("8002").at(secs(1 + 10 * n));
                world.phone("alice").hangs_up().at(secs(8 + 10 * n));
            }
            world.phone("bob").hash = hash;
            world.phone("bob").answers().after(secs(1));
            world.run_until(secs(40));
            assert!(world.heard("alice", "bob") > secs(14), "{hash:?}\n{}", world.ladder());
            world.settle();
        }
    }
}

#[test]
fn codecs_decide_who_can_talk() {
    for (alice, bob, talk) in [
        (&[8, 0, 101][..], &[0, 101][..], true),
        (&[0], &[8], true),
        (&[9, 8, 101], &[9, 101], true),
        (&[9], &[9], true),
        (&[9], &[8], true),
        (&[9, 18], &[18], true),
        (&[9], &[18], false),
        (&[8], &[18], false),
    ] {
        let mut world = World::seeded(38);
        world.phone("alice").codecs = alice.to_vec();
        world.phone("bob").codecs = bob.to_vec();
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(10));
        assert_eq!(world.talked("alice", "bob"), talk, "{alice:?} {bob:?}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn an_answer_without_a_usable_codec_ends_that_leg_only() {
    let mut world = World::seeded(39);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").codecs = vec![18];
    world.phone("bob").answers().after(secs(1));
    world.phone("bob/mobile").answers().after(secs(3));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob/mobile"), "{}", world.ladder());
    golden(&mut world, "no_usable_codec");
}

#[test]
fn media_move_within_a_call() {
    for who in ["alice", "bob"] {
        let mut world = talking(130);
        world.phone(who).moves_its_media().after(secs(3));
        world.run_until(secs(20));
        assert!(
            world.heard("alice", "bob") > secs(17) && world.heard("bob", "alice") > secs(17),
            "{}",
            world.ladder()
        );
        world.settle();
    }
}

#[test]
fn an_offer_that_nobody_can_use_leaves_the_call_as_it_was() {
    for who in ["alice", "bob"] {
        let mut world = talking(131);
        world.phone(who).offers_what_nobody_has().after(secs(3));
        world.run_until(secs(20));
        let statuses = world.phone(who).last().map(|dialog| dialog.statuses.clone()).unwrap_or_default();
        assert_eq!(statuses.last(), Some(&488), "{}", world.ladder());
        assert!(world.heard("alice", "bob") > secs(17), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn video_is_declined_and_audio_goes_on() {
    let mut world = talking(132);
    world.phone("alice").video = true;
    world.phone("alice").holds(Notation::SendOnly).after(secs(2));
    world.phone("alice").resumes().after(secs(4));
    world.run_until(secs(20));
    assert!(world.heard("alice", "bob") > secs(15), "{}", world.ladder());
    world.settle();
}

#[test]
fn two_phones_behind_one_contact_answer_and_the_second_is_let_go() {
    let mut world = World::seeded(133);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").manners.answers_twice = true;
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(10));
    assert!(world.heard("alice", "bob") > secs(7), "{}", world.ladder());
    let [first, second] = world.phone("bob").dialogs.as_slice() else { panic!("two dialogs") };
    assert_eq!(first.stage, Stage::Confirmed);
    assert_eq!(second.stage, Stage::Over(How::FarSideHungUp));
    world.settle();
}

#[test]
fn ring_back_from_another_machine_gives_way_to_the_answer() {
    let mut world = World::seeded(134);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").manners.rings_as_another = true;
    world.phone("bob").answers_with_early_media().after(secs(4));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_session_that_was_described_early_need_not_be_described_again() {
    let mut world = World::seeded(135);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").manners.answers_bare = true;
    world.phone("bob").answers_with_early_media().after(secs(4));
    world.run_until(secs(10));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    world.settle();
}

#[test]
fn what_the_callee_learns_of_the_caller() {
    let mut world = World::seeded(136);
    world.phone("alice").behind_nat().dials("8002").at(secs(1));
    world.phone("bob");
    world.run_until(secs(5));
    let rung = world.phone("bob").rung.clone().expect("it rings");
    assert!(rung.contains("\r\nMax-Forwards: 69\r\n"), "{rung}");
    assert!(rung.contains("From: \"Alice\" <sip:8001@pbx.test>"), "{rung}");
    for secret in ["10.0.0.10", "192.0.2.10", "Authorization", "secret"] {
        assert!(!rung.contains(secret), "{secret}: {rung}");
    }
    world.settle();
}

#[test]
fn a_nonce_that_has_grown_old_is_exchanged_without_the_user() {
    let mut world = World::seeded(137);
    world.phone("alice").remembers = true;
    for at in [1, 200, 400, 900] {
        world.phone("alice").dials("8002").at(secs(at));
        world.phone("alice").hangs_up().at(secs(at + 10));
    }
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(1_000));
    let ends: Vec<Stage> = world.phone("alice").dialogs.iter().map(|dialog| dialog.stage).collect();
    assert_eq!(ends, [Stage::Over(How::HungUp); 4], "{}", world.ladder());
    world.settle();
}

#[test]
fn a_number_is_understood_in_every_spelling() {
    for (seed, number) in [(138, "8002"), (139, "%38002"), (140, "8%3002")] {
        let mut world = World::seeded(seed);
        world.phone("alice").dials(number).at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(10));
        assert!(world.talked("alice", "bob"), "{number}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn a_held_party_hears_music_in_all_three_notations() {
    for (seed, notation) in [(330, Notation::SendOnly), (331, Notation::Inactive), (332, Notation::Zero)] {
        for (holder, held) in [("alice", "bob"), ("bob", "alice")] {
            let mut world = World::with_music(seed);
            world.phone("alice").dials("8002").at(secs(1));
            world.phone("bob").answers().after(secs(1));
            world.phone(holder).holds(notation).after(secs(4));
            world.phone(holder).resumes().after(secs(14));
            world.run_until(secs(5));
            assert!(!world.is_played_to(held));
            world.run_until(secs(10));
            assert!(
                world.is_played_to(held) && !world.is_played_to(holder),
                "{notation:?}\n{}",
                world.ladder()
            );
            world.run_until(secs(20));
            assert!(!world.is_played_to(held), "{notation:?}\n{}", world.ladder());
            assert!(world.heard(held, holder) > secs(6), "{notation:?}\n{}", world.ladder());
            world.settle();
        }
    }
}

#[test]
fn two_who_hold_each_other_hear_nothing() {
    let mut world = World::with_music(333);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("alice").holds(Notation::SendOnly).after(secs(4));
    world.phone("bob").holds(Notation::SendOnly).after(secs(6));
    world.phone("alice").resumes().after(secs(8));
    world.phone("bob").resumes().after(secs(10));
    world.run_until(secs(11));
    assert!(world.is_played_to("alice"), "{}", world.ladder());
    world.run_until(secs(16));
    assert!(!world.is_played_to("alice") && !world.is_played_to("bob"), "{}", world.ladder());
    let then = world.heard("alice", "bob");
    world.run_until(secs(20));
    assert_eq!(world.heard("alice", "bob") - then, secs(4), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_party_that_is_being_transferred_hears_music_until_it_rings() {
    let mut world = World::with_music(334);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("carol").rejects(486).after(secs(3));
    world.phone("bob").holds(Notation::SendOnly).after(secs(2));
    world.phone("bob").will(When::At(secs(8)), Act::Refer("8003".into(), ""));
    world.run_until(secs(10));
    assert!(world.is_played_to("alice"), "{}", world.ladder());
    world.run_until(secs(14));
    // The transfer has failed, and Bob still holds.
    assert!(world.is_played_to("alice"), "{}", world.ladder());
    world.phone("bob").resumes().at(secs(15));
    world.run_until(secs(20));
    assert!(!world.is_played_to("alice") && world.heard("alice", "bob") > secs(5), "{}", world.ladder());
    world.settle();
}
