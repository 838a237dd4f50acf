//! The agent's page: what it is told of a call, when, and what goes to the phone instead.

use ledgerline::call::{OnPage, Page};
use ledgerline::speech::{News, Said};
use ledgerline::switch::Input;

use crate::world::*;

const MORE: &str = r#"card hardship { title "Hardship"; text "offer a plan"; on customer says excuses }
script offer v1 { en "a rate of 3 percent" }
route "50" from users -> hotline
flow hotline {
  pop { caller caller, script offer }
  dial user bob for 20s { answered -> end  else -> apology }
}
policy heard"#;

fn world(seed: u64, open: bool) -> World {
    let program = Plan::Screened.changed("policy heard", MORE);
    let mut world = World::made(seed, Plan::Screened, |setup| setup.program = program);
    if open {
        world.handle(Input::Page { user: "bob".into(), open: true });
    }
    world.phone("erin").dials("50").at(secs(1));
    world.phone("bob").answers().after(secs(2));
    world
}

fn page(world: &World) -> Page {
    world.pages.get("bob").cloned().flatten().unwrap_or_else(|| panic!("bob's page shows nothing"))
}

#[test]
fn a_page_shows_what_the_plan_pops_before_the_phone_is_answered_and_what_comes_after() {
    let mut world = world(850, true);
    world.run_until(secs(2));
    let rings = page(&world);
    assert_eq!(
        (rings.stage.as_str(), rings.caller.contains('*') || rings.caller.len() <= 6),
        ("rings", true)
    );
    assert!(
        matches!(&rings.shows[..], [OnPage::Value { .. }, OnPage::Script { version, .. }] if version == "v1")
    );
    world.run_until(secs(5));
    assert_eq!(page(&world).stage, "talks");
    let said = |text: &str| {
        News::Said(Said {
            segment: 0,
            text: text.into(),
            from_ms: 0,
            to_ms: 500,
            marks: Vec::new(),
            last: true,
        })
    };
    world.hears("erin", said("我还不上了"));
    let talks = page(&world);
    assert!(matches!(&talks.cards[..], [OnPage::Card { title, .. }] if title == "Hardship"), "{talks:#?}");
    assert_eq!(world.texts_of("bob"), [""; 0], "nothing goes to the phone");
    world.phone("erin").hangs_up().at(secs(7));
    world.run_until(secs(9));
    assert_eq!(world.pages.get("bob"), Some(&None), "the call is over");
    world.settle();
}

#[test]
fn without_a_page_the_phone_shows_it_and_a_page_that_is_opened_later_shows_all() {
    let mut world = world(851, false);
    world.run_until(secs(5));
    let texts = world.texts_of("bob").join("\n");
    assert!(texts.contains("script offer v1: a rate of 3 percent"), "{texts}");
    assert!(world.pages.is_empty(), "nobody looks, nothing is made");
    world.handle(Input::Page { user: "bob".into(), open: true });
    assert_eq!(page(&world).stage, "talks");
    assert_eq!(page(&world).shows.len(), 2);
    world.pages.clear();
    world.handle(Input::Page { user: "bob".into(), open: false });
    world.handle(Input::Page { user: "carol".into(), open: true });
    world.phone("erin").hangs_up().at(secs(7));
    world.run_until(secs(9));
    assert!(world.pages.is_empty(), "carol sees nothing of it: {:?}", world.pages);
    world.settle();
}
