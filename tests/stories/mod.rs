//! The stories.

mod afterwards;
mod besides;
mod calls;
mod conference;
mod dialogs;
mod encryption;
mod every_step;
mod every_verb;
mod forwarding;
mod groups;
mod lamps;
mod masked;
mod model;
mod outside;
mod pages;
mod parking;
mod personal;
mod pickup;
mod places;
mod presence;
mod quality;
mod redial;
mod registrar;
mod registrations;
mod reloads;
mod screening;
mod seeds;
mod sessions;
mod states;
mod strangers;
mod supervision;
mod texts;
mod transfers;
mod trouble;
mod trunks;
mod verbs;

use crate::world::World;

/// Holds the ladder of a story that is over to its golden file. Recordings' identifiers are left out.
fn golden(world: &mut World, name: &str) {
    world.settle();
    let ladder = world.ladder();
    let words =
        ladder.split_inclusive(' ').map(|word| if word.starts_with("r-01") { "r-... " } else { word });
    expect_test::expect_file![format!("../golden/ladders/{name}.txt")].assert_eq(&words.collect::<String>());
}
