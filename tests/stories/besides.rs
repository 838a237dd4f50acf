//! Video and fax: offered to the other side, answered by it, passed on only between two who have agreed, recorded where the call is.

use ledgerline::media::Strand;
use ledgerline::registrar::{Setting, change};

use crate::world::*;
use Strand::{Fax, Video};

/// Alice calls Bob at 1 s, who answers at 2 s; who of them has video, who is a fax machine.
fn call(seed: u64, plan: Plan, video: &[&str], faxes: &[&str]) -> World {
    let mut world = World::with_plan(seed, plan);
    video.iter().for_each(|name| world.phone(name).video = true);
    faxes.iter().for_each(|name| world.phone(name).faxes = true);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world
}

/// Whether Alice's and Bob's strands of this kind are passed on to each other, where each has said that it receives.
fn linked(world: &mut World, strand: Strand) -> bool {
    let at = |world: &mut World, name: &str| {
        let session = &world.phone(name).last().expect("a call").session;
        if strand == Video { session.video_at() } else { session.fax_at() }
    };
    let (alice, bob) = (at(world, "alice"), at(world, "bob"));
    let pairs = world.plane.linked(strand);
    assert!(pairs.len() <= 1, "{pairs:?}");
    pairs.contains(&(alice, bob)) || pairs.contains(&(bob, alice))
}

/// Gives a phone a camera in the call that it is in.
fn has_video(world: &mut World, name: &str) {
    if let Some(dialog) = world.phone(name).dialogs.last_mut() {
        dialog.session.video = true;
    }
}

/// What the switch told a phone last of its video and its fax.
fn told(world: &mut World, name: &str, strand: Strand) -> bool {
    let there = world.phone(name).last().and_then(|dialog| dialog.session.there.clone()).expect("a session");
    if strand == Video { there.video.is_some() } else { there.fax.is_some() }
}

/// How long alice has heard bob from `from` to `to`, in seconds.
fn heard_between(world: &mut World, from: u64, to: u64) -> u64 {
    world.run_until(secs(from));
    let before = world.heard("alice", "bob");
    world.run_until(secs(to));
    (world.heard("alice", "bob") - before).as_secs()
}

#[test]
fn two_who_have_video_see_each_other_and_one_alone_is_told_so() {
    for (seed, video, sees) in [
        (1_000, &["alice", "bob"][..], true),
        (1_001, &["alice"][..], false),
        (1_002, &["bob"][..], false),
        (1_003, &[][..], false),
    ] {
        let mut world = call(seed, Plan::Unrecorded, video, &[]);
        world.run_until(secs(10));
        assert_eq!(linked(&mut world, Video), sees, "{video:?}\n{}", world.ladder());
        // What was offered to Bob and refused by him was still said to him.
        let rung = world.phone("bob").rung.clone().unwrap_or_default();
        assert_eq!(rung.contains("m=video"), video.contains(&"alice"), "{rung}");
        assert_eq!(told(&mut world, "alice", Video), sees, "{video:?}\n{}", world.ladder());
        assert!(world.heard("alice", "bob") > secs(7), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn what_one_says_of_its_video_is_what_the_other_is_told() {
    let mut world = call(1_010, Plan::Unrecorded, &["alice", "bob"], &[]);
    world.run_until(secs(10));
    for name in ["alice", "bob"] {
        let texts = world.phone(name).last().expect("a call").descriptions.clone();
        let (_, text) = texts.last().expect("a description");
        let lines = text.split("m=video").nth(1).expect("video").lines();
        let video: String =
            lines.filter(|line| !line.contains("crypto")).map(|line| format!("{line}\n")).collect();
        let (port, rest) = video.trim_start().split_once(' ').expect("a port");
        assert!(port.parse::<u16>().expect("a number") % 2 == 0, "{text}");
        // The rate is held to the node's limit; everything else is the other phone's.
        assert_eq!(
            rest,
            "RTP/AVP 97\nb=AS:4096\na=rtpmap:97 H264/90000\na=fmtp:97 profile-level-id=42e01f\na=rtcp-fb:97 nack pli\n\
             a=sendrecv\n",
            "{name}"
        );
    }
    world.settle();
}

#[test]
fn a_recorded_call_has_only_what_is_recorded() {
    for (seed, plan, sees) in
        [(1_020, Plan::Required, false), (1_021, Plan::Wished, false), (1_022, Plan::Whole, true)]
    {
        let mut world = call(seed, plan, &["alice", "bob"], &["alice", "bob"]);
        world.phone("bob").turns_to_fax(Faxing::InPlace).after(secs(10));
        world.run_until(secs(8));
        assert_eq!(linked(&mut world, Video), sees, "{plan:?}\n{}", world.ladder());
        let mut tracks: Vec<u8> =
            world.plane.strands.values().flat_map(|line| &line.taps).map(|(_, track)| *track).collect();
        tracks.sort_unstable();
        assert_eq!(tracks, if sees { vec![2, 3] } else { vec![] }, "{plan:?}");
        world.run_until(secs(20));
        assert_eq!(linked(&mut world, Fax), sees, "{plan:?}\n{}", world.ladder());
        if !sees {
            let refused = world.phone("bob").last().is_some_and(|dialog| dialog.statuses.contains(&488));
            assert!(refused, "the fax machine falls back to tones\n{}", world.ladder());
            assert!(heard_between(&mut world, 20, 25) == 5, "{}", world.ladder());
        }
        world.settle();
    }
}

#[test]
fn a_user_and_a_node_may_forbid_video() {
    for (seed, who) in [(1_030, "alice"), (1_031, "bob")] {
        let mut world = World::made(seed, Plan::Unrecorded, |setup| {
            change(&mut setup.settings, who, &Setting::Video(Some(false)));
        });
        world.phone("alice").video = true;
        world.phone("bob").video = true;
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.run_until(secs(10));
        assert!(!linked(&mut world, Video) && !told(&mut world, "alice", Video), "{}", world.ladder());
        assert!(world.heard("alice", "bob") > secs(7), "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn video_comes_and_goes_within_a_call() {
    for (seed, who, other) in [(1_040, "alice", "bob"), (1_041, "bob", "alice")] {
        let mut world = call(seed, Plan::Unrecorded, &[], &[]);
        world.run_until(secs(4));
        has_video(&mut world, other);
        world.at(secs(5), Deed::Do(who, Act::Video(true)));
        world.run_until(secs(8));
        assert!(linked(&mut world, Video), "{who}\n{}", world.ladder());
        assert!(told(&mut world, who, Video) && told(&mut world, other, Video), "{}", world.ladder());
        world.at(secs(9), Deed::Do(who, Act::Video(false)));
        world.run_until(secs(12));
        assert!(!linked(&mut world, Video), "{who}\n{}", world.ladder());
        assert!(!told(&mut world, who, Video) && !told(&mut world, other, Video), "{}", world.ladder());
        world.at(secs(13), Deed::Do(other, Act::Video(true)));
        has_video(&mut world, who);
        world.run_until(secs(16));
        assert!(linked(&mut world, Video), "again\n{}", world.ladder());
        assert!(heard_between(&mut world, 16, 20) == 4, "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn who_will_not_be_seen_answers_with_port_0_and_the_talk_goes_on() {
    let mut world = call(1_050, Plan::Unrecorded, &[], &[]);
    world.phone("alice").adds_video().after(secs(3));
    world.run_until(secs(10));
    assert!(!linked(&mut world, Video) && !told(&mut world, "alice", Video), "{}", world.ladder());
    let statuses = world.phone("alice").last().map(|dialog| dialog.statuses.clone()).unwrap_or_default();
    assert_eq!(statuses.last(), Some(&200), "{}", world.ladder());
    // A hold that repeats the wish disturbs nobody: it is answered here.
    let asked = world.phone("bob").renewed;
    world.at(secs(11), Deed::Do("alice", Act::Hold(Notation::SendOnly)));
    world.at(secs(13), Deed::Do("alice", Act::Resume));
    world.run_until(secs(15));
    let again = world.phone("bob").renewed;
    assert_eq!(again, asked, "{}", world.ladder());
    assert!(heard_between(&mut world, 15, 18) == 3, "{}", world.ladder());
    world.settle();
}

#[test]
fn a_hold_keeps_the_video_for_afterwards() {
    let mut world = call(1_060, Plan::Unrecorded, &["alice", "bob"], &[]);
    world.phone("alice").holds(Notation::SendOnly).after(secs(3));
    world.phone("alice").resumes().after(secs(6));
    world.run_until(secs(6));
    let asked = world.phone("bob").renewed;
    world.run_until(secs(12));
    assert!(linked(&mut world, Video), "{}", world.ladder());
    let again = world.phone("bob").renewed;
    assert_eq!(again, asked, "a hold is answered here\n{}", world.ladder());
    world.settle();
}

#[test]
fn a_caller_who_was_answered_first_sees_whom_it_reaches() {
    // A menu answers the caller, whose video there is nobody for; then Bob has some.
    let mut world = World::with_plan(1_070, Plan::Unrecorded);
    world.phone("alice").video = true;
    world.phone("bob").video = true;
    world.phone("alice").dials("9").at(secs(1));
    world.phone("alice").presses('1').after(secs(4));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(20));
    assert!(world.talked("alice", "bob"), "{}", world.ladder());
    assert!(linked(&mut world, Video), "{}", world.ladder());
    world.settle();
}

#[test]
fn a_fax_machine_turns_to_t38_and_back_whoever_begins_and_however_it_says_so() {
    for (seed, who) in [(1_080, "alice"), (1_081, "bob")] {
        for how in [Faxing::InPlace, Faxing::Beside] {
            for plan in [Plan::Unrecorded, Plan::Whole] {
                let mut world = call(seed, plan, &[], &["alice", "bob"]);
                world.phone(who).turns_to_fax(how).after(secs(3));
                world.run_until(secs(10));
                assert!(linked(&mut world, Fax), "{who} {how:?} {plan:?}\n{}", world.ladder());
                assert_eq!(heard_between(&mut world, 10, 15), 0, "no sound beside it\n{}", world.ladder());
                let mut tracks: Vec<u8> = world
                    .plane
                    .strands
                    .values()
                    .flat_map(|line| &line.taps)
                    .map(|(_, track)| *track)
                    .collect();
                tracks.sort_unstable();
                assert_eq!(tracks, if plan == Plan::Whole { vec![4, 5] } else { vec![] });
                world.at(secs(16), Deed::Do(who, Act::Fax(Faxing::Not)));
                world.run_until(secs(20));
                assert!(!linked(&mut world, Fax), "{who} {how:?}\n{}", world.ladder());
                assert_eq!(heard_between(&mut world, 20, 25), 5, "{who} {how:?}\n{}", world.ladder());
                let other = if who == "alice" { "bob" } else { "alice" };
                let asked = world.phone(other).renewed;
                assert_eq!(asked, 2, "once for each turn\n{}", world.ladder());
                for name in ["alice", "bob"] {
                    let session = world.phone(name).last().expect("a call").session.clone();
                    assert_eq!(session.faxing, Faxing::Not, "{name} {who} {how:?}\n{}", world.ladder());
                }
                world.settle();
            }
        }
    }
}

#[test]
fn a_refusal_of_t38_is_carried_back_and_the_sound_goes_on() {
    for (seed, who) in [(1_090, "alice"), (1_091, "bob")] {
        for how in [Faxing::InPlace, Faxing::Beside] {
            let mut world = call(seed, Plan::Unrecorded, &[], &[who]);
            world.phone(who).turns_to_fax(how).after(secs(3));
            world.run_until(secs(10));
            let statuses = world.phone(who).last().map(|dialog| dialog.statuses.clone()).unwrap_or_default();
            assert_eq!(statuses.last(), Some(&488), "{who} {how:?}\n{}", world.ladder());
            assert!(!linked(&mut world, Fax));
            assert_eq!(heard_between(&mut world, 10, 15), 5, "{}", world.ladder());
            // Both may still change the session.
            world.at(secs(16), Deed::Do("alice", Act::Hold(Notation::Inactive)));
            world.at(secs(18), Deed::Do("alice", Act::Resume));
            assert_eq!(heard_between(&mut world, 20, 25), 5, "{}", world.ladder());
            world.settle();
        }
    }
}

#[test]
fn two_that_turn_at_once_come_to_one_fax() {
    for seed in 1_100..1_110 {
        let mut world = call(seed, Plan::Whole, &[], &["alice", "bob"]);
        world.phone("alice").turns_to_fax(Faxing::InPlace).at(secs(5));
        world.phone("bob").turns_to_fax(Faxing::InPlace).at(secs(5));
        world.run_until(secs(20));
        assert!(linked(&mut world, Fax), "{seed}\n{}", world.ladder());
        world.settle();
    }
}

#[test]
fn whoever_hangs_up_in_the_middle_leaves_nothing_behind() {
    for seed in 1_120..1_140 {
        for who in ["alice", "bob"] {
            let mut world = call(seed, Plan::Whole, &["alice", "bob"], &["alice", "bob"]);
            world.phone("bob").turns_to_fax(Faxing::Beside).at(secs(5));
            world.phone(who).hangs_up().at(secs(5) + ms((seed - 1_120) * 3));
            world.run_until(secs(20));
            assert!(world.plane.strands.is_empty(), "{seed} {who}\n{}", world.ladder());
            world.settle();
        }
    }
}

#[test]
fn who_talks_to_somebody_else_next_has_what_that_one_has() {
    for (seed, carol_sees) in [(1_150, true), (1_151, false)] {
        let mut world = call(seed, Plan::Whole, &["alice", "bob"], &[]);
        world.phone("carol").video = carol_sees;
        world.phone("carol").answers().after(secs(1));
        world.phone("bob").will(When::At(secs(6)), Act::Refer("8003".into(), ""));
        world.run_until(secs(20));
        assert!(world.talked("alice", "carol"), "{}", world.ladder());
        let pairs = world.plane.linked(Video);
        assert_eq!(pairs.len(), usize::from(carol_sees), "{pairs:?}\n{}", world.ladder());
        assert_eq!(told(&mut world, "alice", Video), carol_sees, "{}", world.ladder());
        world.settle();
    }
}

#[test]
fn media_of_a_call_that_is_over_are_none() {
    let mut world = call(1_160, Plan::Whole, &["alice", "bob"], &[]);
    world.phone("alice").hangs_up().after(secs(5));
    world.run_until(secs(20));
    assert!(world.plane.strands.is_empty());
    world.settle();
}
