//! `plan import asterisk`: dialplans of another switch become plans that check, with a list of what could not be carried over.
//! `UPDATE_EXPECT=1` writes the expectations anew; read them.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use ledgerline::plan::import::asterisk;
use ledgerline::plan::{Diagnostic, Folder, Lang, Origin, fmt, load};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import")
}

fn conf(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect(name)
}

#[test]
fn dialplans_of_another_switch_become_plans_that_check() {
    for name in ["office.conf", "ivr.conf", "strange.conf"] {
        let imported = asterisk(&conf(name));
        let errors: String = imported
            .found
            .iter()
            .filter(|found| found.is_error())
            .map(|found| found.render(Lang::En))
            .collect();
        assert!(errors.is_empty(), "{name}:\n{errors}\n{}", imported.plan);
        assert_eq!(fmt::format(name, &imported.plan).as_ref(), Ok(&imported.plan), "{name} is formatted");
        let notes =
            imported.notes.iter().map(|note| format!("{}\n{}\n", note.say(Lang::En), note.say(Lang::Zh)));
        let sounds = imported.sounds.iter().map(|(path, sound)| format!("{path} is {sound}\n"));
        let found = imported.found.iter().map(|found: &Diagnostic| found.render(Lang::En));
        let said = imported.plan.clone()
            + "\n=== notes\n"
            + &notes.collect::<String>()
            + "\n=== sounds\n"
            + &sounds.collect::<String>()
            + "\n=== findings\n"
            + &found.collect::<String>();
        expect_file![folder().join(name).with_extension("txt")].assert_eq(&said);
    }
}

#[test]
fn every_line_that_is_left_out_is_noted_with_its_number() {
    let text = conf("strange.conf");
    let imported = asterisk(&text);
    for (number, line) in (1..).zip(text.lines()) {
        let left_out = [
            "Macro(",
            "AGI(",
            "Local/",
            "RAND",
            "${WHERE}",
            "MixMonitor",
            "gM(",
            "sound-$",
            "nobody",
            "switch",
            "nowhere",
            "means nothing",
        ];
        if left_out.iter().any(|piece| line.contains(piece)) {
            assert!(imported.notes.iter().any(|note| note.line == number), "line {number}: {line}");
        }
    }
}

#[test]
fn calls_of_the_imported_plan_go_where_they_went() {
    let imported = asterisk(&conf("office.conf"));
    let folder = Folder::new().with_plan("a.plan", imported.plan).with_any_sound();
    let program = load(&folder, &["a.plan"]).0.expect("it checks");
    let takes = |origin: &Origin, number: &str| program.route(origin, number).is_some();
    let carrier = Origin::Trunk("from-carrier-trunk".into());
    for (number, users, trunk) in [
        ("8123", true, false),
        ("8023", false, false),
        ("alice", true, false),
        ("962881234", true, false),
        ("62881234", false, true),
    ] {
        assert_eq!((takes(&Origin::Users, number), takes(&carrier, number)), (users, trunk), "{number}");
    }
}

proptest! {
    #[test]
    fn any_text_is_imported(text in "(\\[[a-z]{1,3}\\]\n|exten => [_XZN0-9s.!\\[\\]-]{0,6},[1n](\\([a-z]\\))?,[A-Za-z]{0,8}\\([$A-Z{}():,0-9/&@a-z?]{0,20}\\)\n| same => n,(Goto|Dial|GotoIf|Background|Read|Set)\\([a-z,0-9${}?:=/]{0,16}\\)\n|\\PC{0,20}\n){0,20}") {
        asterisk(&text);
    }
}
