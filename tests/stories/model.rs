//! The model itself: a world in which something is wrong must not pass.

use crate::world::*;

/// A call through the menu, with a recording, in a world that loses every order that begins with `word`.
fn faults_of_a_world_without(word: &'static str) -> Vec<String> {
    let mut world = World::seeded(90);
    world.loses_orders(word);
    world.phone("alice").dials("9").at(secs(1));
    world.phone("alice").presses('1').after(ms(2_500));
    world.phone("bob").answers().after(secs(1));
    world.phone("bob").hangs_up().after(secs(5));
    world.run_until(secs(30));
    world.faults_at_the_end()
}

#[test]
fn a_world_that_loses_nothing_is_faultless() {
    assert_eq!(faults_of_a_world_without("Nothing"), Vec::<String>::new());
}

#[test]
fn what_the_core_forgets_the_model_misses() {
    for (word, fault) in [
        ("Tap", "recorded for 0ns"),
        ("Join", "does not hear"),
        ("Close { recording", "was never closed"),
        ("Cdr", "has 0 CDRs"),
        ("End", "ports are not returned"),
    ] {
        let faults = faults_of_a_world_without(word);
        assert!(faults.iter().any(|found| found.contains(fault)), "{word}: {faults:?}");
    }
}

#[test]
fn an_early_picture_is_seen_through() {
    let mut world = World::seeded(91);
    world.phone("alice").dials("8002").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(secs(5));
    let open = world.faults_so_far();
    assert!(open.iter().any(|fault| fault.contains("still moves")), "{open:?}");
    assert!(open.iter().any(|fault| fault.contains("a dialog is left")), "{open:?}");
    world.settle();
}
