//! `rec play --to`: a recording heard on a real phone, which the switch calls for it.

use std::time::Duration;

use crate::ear::seconds_with;
use crate::talk::{self, ALICE, BOB, OFFICE, Office};
use crate::world::{entered, wait_until};

/// A tone that has more than this share of what is heard is heard, beside another too.
const HEARD: f64 = 0.15;

#[test]
fn a_recording_is_heard_on_a_phone_that_is_called_for_it() {
    if !entered() {
        return;
    }
    let mut office = Office::of(talk::node(OFFICE), "udp");
    let recording = office.recorded(4);
    // Bob has heard alice by now, and never himself: his own tone comes from the recording alone.
    let before = office.bob.heard();
    assert_eq!(seconds_with(&before, BOB, HEARD), 0.0);
    let play = |user| ["rec", "play", &recording, "--to", user, "--purpose", "case 7"];
    assert_eq!(office.node.command(&play("8002")).code, 4, "root hears nothing");
    let nobody = office.node.command_of("listener", &play("8999"));
    assert_ne!(nobody.code, 0, "{}", nobody.out);
    let done = office.node.command_of("listener", &play("8002"));
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("rings 8002"), "{}", done.out);
    wait_until("the playback's end", Duration::from_secs(30), || {
        office.bob.heard().len() > before.len() + 3 * 8_000 && office.node.ask(&["status"])["calls"] == 0
    });
    let heard = office.bob.heard();
    let played = &heard[before.len()..];
    for tone in [ALICE, BOB] {
        let seconds = seconds_with(played, tone, HEARD);
        assert!(seconds > 3.0, "{tone} Hz for {seconds} s of {}", played.len() / 8_000);
    }
    // The call is no recording of its own, and the act is in the book with who was called.
    assert_eq!(office.node.rows(&["rec", "search"]).len(), 1);
    let book = office.node.rows(&["audit", "list", "--act", "rec.play"]);
    assert_eq!((&book[0]["detail"]["to"], &book[0]["reason"]), (&"8002".into(), &"case 7".into()));
    assert_eq!(book[0]["who"]["person"], "listener");
    office.node.stop();
}
