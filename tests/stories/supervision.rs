//! Supervisors: who hears whom while one listens, whispers, barges in or takes over; how they come and go; what the recording says of it.

use ledgerline::call::Supervision::{self, Barge, Listen, TakeOver, Whisper};
use ledgerline::config::Srtp;
use ledgerline::registrar::{Setting, change};
use ledgerline::switch::{Answer, Command};

use crate::world::*;

/// Alice talks with Bob, who answered her, from 2 s on; Carol is at her phone.
fn talking(seed: u64) -> World {
    let mut world = World::seeded(seed);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.phone("carol").answers().after(secs(1));
    world
}

/// A supervisor is brought in, now.
fn supervise(world: &mut World, user: &str, how: Supervision) -> Option<Answer> {
    let id = world.calls()[0];
    let before = world.answers.len();
    let command = Command::Supervise { id, user: user.into(), how };
    world.at(world.since() + ms(1), Deed::Ask(command));
    let soon = world.since() + ms(2);
    world.run_until(soon);
    world.answers.get(before).cloned()
}

#[test]
fn each_way_of_supervising_is_heard_by_whom_it_should_be() {
    for (seed, how, heard) in [
        (720, Listen, "ab ba ca cb "),
        (721, Whisper, "ab ba bc ca cb "),
        (722, Barge, "ab ac ba bc ca cb "),
        (723, TakeOver, "ac ca "),
    ] {
        let mut world = talking(seed);
        world.run_until(secs(6));
        assert_eq!(supervise(&mut world, "8003", how), Some(Answer::Done));
        world.run_until(secs(10));
        assert_eq!(world.ways(), heard, "{how:?}\n{}", world.ladder());
        assert_eq!(world.phone("bob").ended().is_some(), how == TakeOver, "the agent is let go");
        world.run_until(secs(14));
        world.settle();
    }
}

#[test]
fn a_supervisors_phone_is_held_to_its_policy_of_encryption_as_any_other() {
    use Encryption::{Insists, Never, Offers};
    for (seed, policy, phone, comes, rung_twice) in [
        (730, Srtp::Optional, Never, true, false),
        (731, Srtp::Optional, Offers, true, false),
        // One that takes RTP/SAVP only is rung once more with it, and one under `required` with nothing else.
        (732, Srtp::Optional, Insists, true, true),
        (733, Srtp::Required, Insists, true, false),
        (734, Srtp::Required, Never, false, false),
        (735, Srtp::Off, Insists, false, false),
    ] {
        let mut world = World::made(seed, Plan::Required, |setup| {
            change(&mut setup.settings, "carol", &Setting::Srtp(Some(policy)));
        });
        world.phone("alice").dials("8002").at(secs(1));
        world.phone("bob").answers().after(secs(1));
        world.phone("carol").encryption = phone;
        world.phone("carol").answers().after(secs(1));
        world.run_until(secs(6));
        assert_eq!(supervise(&mut world, "carol", Listen), Some(Answer::Done));
        world.run_until(secs(10));
        let heard = if comes { "ab ba ca cb " } else { "ab ba " };
        assert_eq!(world.ways(), heard, "{policy:?} {phone:?}\n{}", world.ladder());
        let again =
            world.ladder().contains("leg2 refuses what it is offered: leg3 offers it encryption only");
        assert_eq!(again, rung_twice, "{policy:?} {phone:?}\n{}", world.ladder());
        let ports: Vec<_> = world.phone("carol").dialogs.iter().map(|at| at.session.here).collect();
        let aims: Vec<bool> = world
            .plane
            .aimed
            .iter()
            .filter(|(_, _, aim)| ports.contains(&aim.rtp))
            .map(|(_, _, aim)| aim.secure.is_some())
            .collect();
        assert_eq!(!aims.is_empty(), comes, "nothing is sent to whom the policy forbids");
        assert!(aims.iter().all(|sealed| *sealed == (phone != Never)), "{policy:?} {phone:?} {aims:?}");
        world.settle();
    }
}

#[test]
fn a_supervisor_changes_over_without_ringing_and_goes_and_the_two_talk_on() {
    let mut world = talking(724);
    world.run_until(secs(6));
    supervise(&mut world, "carol", Listen);
    world.run_until(secs(10));
    assert_eq!(world.ways(), "ab ba ca cb ");
    for (how, heard) in
        [(Whisper, "ab ba bc ca cb "), (Barge, "ab ac ba bc ca cb "), (Listen, "ab ba ca cb ")]
    {
        assert_eq!(supervise(&mut world, "carol", how), Some(Answer::Done));
        assert_eq!(world.ways(), heard, "{how:?}");
    }
    assert_eq!(world.phone("carol").dialogs.len(), 1, "she was rung once");
    world.at(world.since() + ms(1), Deed::Do("carol", Act::HangUp));
    let soon = world.since() + secs(1);
    world.run_until(soon);
    assert_eq!(world.ways(), "ab ba ");
    let (_, recording) = world.store.of(world.calls()[0]).expect("recorded");
    let told: Vec<String> = recording
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            ledgerline::vault::Event::Other { name, value } if name == "monitor" => {
                assert_eq!(value["user"], "carol");
                Some(format!("{} {}", value["how"].as_str()?, value["when"].as_str()?))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, ["listen begins", "whisper changes", "barge changes", "listen changes", "listen ends"]);
    world.settle();
}

#[test]
fn of_one_who_called_out_the_agent_is_told_apart_by_the_trunk_only() {
    // Between two of the house it is the one who was called.
    let mut world = World::seeded(725);
    world.phone("bob").dials("8001").at(secs(1));
    world.phone("alice").answers().after(secs(1));
    world.phone("carol").answers().after(secs(1));
    world.run_until(secs(6));
    supervise(&mut world, "carol", Whisper);
    world.run_until(secs(10));
    assert_eq!(world.ways(), "ab ac ba ca cb ");
    world.settle();
}

#[test]
fn who_is_left_when_one_of_the_three_goes() {
    for (seed, how, goes, left) in [
        // The agent leaves: one who had barged in stays with the caller, one who listened does not.
        (730, Barge, "bob", "ac ca "),
        (731, Listen, "bob", ""),
        (732, Whisper, "bob", ""),
        (733, Barge, "alice", ""),
        (734, Listen, "alice", ""),
    ] {
        let mut world = talking(seed);
        world.run_until(secs(6));
        supervise(&mut world, "carol", how);
        world.run_until(secs(10));
        world.at(secs(10), Deed::Do(if goes == "bob" { "bob" } else { "alice" }, Act::HangUp));
        world.run_until(secs(12));
        assert_eq!(world.ways(), left, "{how:?} {goes}\n{}", world.ladder());
        assert_eq!(world.phone("carol").ended().is_some(), left.is_empty());
        world.settle();
    }
}

#[test]
fn whoever_is_set_aside_by_a_transfer_or_parked_is_not_overheard() {
    for (seed, transfers) in [(740, true), (741, false)] {
        let mut world = talking(seed);
        world.phone("dave");
        world.run_until(secs(6));
        supervise(&mut world, "carol", Barge);
        world.run_until(secs(10));
        if transfers {
            world.at(secs(10), Deed::Do("bob", Act::Refer("8004".into(), "")));
        } else {
            for (n, key) in "*68701".chars().enumerate() {
                world.at(secs(10) + ms(250 * n as u64), Deed::Do("bob", Act::Press(key)));
            }
        }
        world.run_until(secs(13));
        assert_eq!(world.ways(), "", "{}", world.ladder());
        assert!(world.phone("carol").ended().is_some(), "she has nobody to listen to");
        world.settle();
    }
}

#[test]
fn nobody_is_brought_into_what_is_no_conversation() {
    let mut world = World::seeded(750);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(5));
    world.phone("carol").rejects(486).after(secs(1));
    world.run_until(secs(3));
    assert_eq!(supervise(&mut world, "carol", Listen), Some(Answer::NotFound), "it rings still");
    world.run_until(secs(9));
    assert_eq!(supervise(&mut world, "nobody", Listen), Some(Answer::NotFound));
    assert_eq!(supervise(&mut world, "dave", Listen), Some(Answer::NotFound), "no phone");
    assert_eq!(supervise(&mut world, "carol", Listen), Some(Answer::Done));
    world.run_until(secs(14));
    assert_eq!(world.ways(), "ab ba ", "she declined");
    world.phone("carol").answers().after(secs(60));
    assert_eq!(supervise(&mut world, "carol", Listen), Some(Answer::Done));
    world.run_until(secs(50));
    assert_eq!(world.ways(), "ab ba ", "she did not answer");
    assert_eq!(world.phone("carol").ended(), Some(How::Cancelled));
    world.settle();
}

/// A policy that wants one of carol and dave to listen before anybody is reached.
fn requiring(seed: u64) -> World {
    let program = Plan::Required.changed(
        "  retain standard\n}",
        "  retain standard\n  monitors { require 1 from bosses within 10s else { play sorry; hangup failed } }\n}\n\
         group bosses { members user carol, user dave }\n",
    );
    let mut world = World::made(seed, Plan::Required, |setup| setup.program = program);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world
}

/// RISK-01.
#[test]
fn nobody_is_reached_before_those_listen_whom_a_policy_requires() {
    let mut world = requiring(760);
    world.phone("carol").answers().after(secs(3));
    world.phone("dave").answers().after(secs(9));
    world.run_until(secs(3));
    assert_eq!(world.phone("bob").rung, None, "nobody listens yet");
    world.run_until(secs(8));
    assert_eq!(world.ways(), "ab ba ca cb ", "{}", world.ladder());
    assert_eq!(world.phone("dave").ended(), Some(How::Cancelled), "one is enough");
    let (_, recording) = world.store.of(world.calls()[0]).expect("recorded");
    let told: Vec<String> = recording
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            ledgerline::vault::Event::Other { name, value } if name.starts_with("monitor") => {
                Some(format!("{name} {}{}", value["when"].as_str().unwrap_or(""), value["met"]))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, ["monitors true", "monitor beginsnull"]);
    world.settle();
}

#[test]
fn without_those_whom_a_policy_requires_its_else_arm_runs() {
    // Nobody answers in time; both decline; nobody has a phone.
    for (seed, declines, phones) in [(761, false, true), (762, true, true), (763, false, false)] {
        let mut world = requiring(seed);
        for boss in if phones { &["carol", "dave"][..] } else { &[] } {
            match declines {
                true => world.phone(boss).rejects(486).after(secs(1)),
                false => world.phone(boss).answers().after(secs(30)),
            }
        }
        world.run_until(secs(20));
        let lines = world.ladder();
        assert_eq!(world.phone("bob").rung, None, "{lines}");
        assert!(lines.contains("play sorry"), "{lines}");
        world.settle();
    }
}

#[test]
fn gathering_races_with_everything() {
    for seed in 0..40 {
        let mut world = requiring(seed).delay_ms(5..40);
        world.phone("carol").answers().after(secs(1) + ms(seed * 13));
        let moment = secs(1) + ms(900 + seed * 37);
        let deed = match seed % 4 {
            0 => Deed::Do("alice", Act::HangUp),
            1 => Deed::Do("carol", Act::HangUp),
            2 => Deed::Do("carol", Act::Vanish),
            _ => Deed::HangUpAll,
        };
        world.at(moment, deed);
        world.run_until(secs(60));
        world.settle();
    }
}

#[test]
fn supervising_races_with_everything() {
    for seed in 0..60 {
        let mut world = talking(seed).delay_ms(5..40);
        world.run_until(secs(6));
        let how = [Listen, Whisper, Barge, TakeOver][seed as usize % 4];
        supervise(&mut world, "carol", how);
        let moment = world.since() + secs(1) + ms(seed * 3);
        let deed = match seed % 7 {
            0 => Deed::Do("bob", Act::HangUp),
            1 => Deed::Do("alice", Act::HangUp),
            2 => Deed::Do("carol", Act::HangUp),
            3 => Deed::Do("bob", Act::Hold(Notation::SendOnly)),
            4 => Deed::Do("carol", Act::Vanish),
            5 => Deed::HangUpAll,
            _ => Deed::Do("bob", Act::Refer("8004".into(), "")),
        };
        world.at(moment, deed);
        world.run_until(secs(40));
        world.settle();
    }
}
