//! What is measured of a call is shown to whoever looks at it, and stays in its record.

use ledgerline::switch::{Answer, Command, Input};

use crate::world::*;

/// What an administrator who looks at the only call is answered within two seconds, and how long that took.
fn look(world: &mut World) -> Option<(Answer, std::time::Duration)> {
    let id = *world.calls().last()?;
    let (before, now) = (world.answers.len(), world.now);
    world.switch.handle(now, Input::Command { ticket: 5, command: Command::Look { id } });
    let from = world.since();
    while world.answers.len() == before && world.since() < from + secs(2) {
        let next = world.since() + ms(10);
        world.run_until(next);
        // The world reads what the switch wants at its own events.
        world.at(next, Deed::LookAround);
    }
    let answer =
        world.answers.iter().skip(before).find(|answer| matches!(answer, Answer::Call(_) | Answer::NotFound));
    answer.cloned().map(|answer| (answer, world.since() - from))
}

#[test]
fn whoever_looks_at_a_call_is_shown_what_was_measured() {
    let mut world = World::seeded(700);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(6));
    let Some((Answer::Call(view), _)) = look(&mut world) else { panic!("{:?}", world.answers) };
    for leg in &view.legs {
        let quality = leg.quality.as_ref().expect("measured");
        assert!(quality.packets_in > 150 && quality.packets_out > 150, "{quality:?}");
    }
    assert!(!world.ladder().contains("packets in"), "the log keeps what was counted at the end");
    world.settle();
    assert_eq!(world.ladder().matches("packets in").count(), 2, "once a leg");
}

#[test]
fn a_media_plane_that_does_not_answer_keeps_nobody_waiting() {
    let mut world = World::seeded(701);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(6));
    world.plane.is_mute = true;
    let Some((Answer::Call(view), took)) = look(&mut world) else { panic!("{:?}", world.answers) };
    assert!(view.legs.iter().all(|leg| leg.quality.is_none()));
    assert!(took >= secs(1) && took < ms(1_100), "{took:?}");
    world.plane.is_mute = false;
}
