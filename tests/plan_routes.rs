//! Which route takes which call, what a program is called by, and what its policies add up to.

use std::sync::Arc;

use ledgerline::base::{Masked, Wall};
use ledgerline::plan::{
    Code, Diagnostic, Facts, Folder, Lang, OnFailure, Origin, Program, Record, Sound, Sources, load,
};
use proptest::prelude::*;

fn check(text: &str) -> (Option<Arc<Program>>, Vec<Diagnostic>) {
    load(&Folder::new().with_plan("test.plan", text).with_any_sound(), &["test.plan"])
}

fn program(text: &str) -> Arc<Program> {
    let (program, found) = check(text);
    let said: String = found.iter().map(|found| found.render(Lang::En)).collect();
    program.unwrap_or_else(|| panic!("{said}"))
}

fn taken(program: &Program, origin: &Origin, dialled: &str) -> String {
    let route = program.route(origin, dialled).and_then(|route| program.route_ref(route));
    route.map_or("nobody", |route| &route.pattern).to_string()
}

#[test]
fn the_most_specific_route_wins_wherever_it_stands() {
    let lines = [
        "route \".\" from anyone -> end",
        "route \"8XXX\" from users -> end",
        "route \"80XX\" from users -> end",
        "route \"8001\" from users -> end",
        "route \"8001\" from anyone -> end",
        "route \"0{number: X.}\" from users -> end",
        "route \"00{number: X.}\" from users -> end",
        "route \"*98\" from users -> end",
        "route names from users -> end",
        "route \"bob\" from users -> end",
        "route \"N\", \"[0-1]\" from users -> end",
    ];
    let forward = format!("edition 2026\n{}\n", lines.join("\n"));
    let backward = format!("edition 2026\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"));
    for text in [forward, backward] {
        let program = program(&text);
        let trunk = Origin::Trunk("carrier".into());
        for (origin, dialled, pattern) in [
            (&Origin::Users, "8001", "8001"),
            (&Origin::Users, "8002", "80XX"),
            (&Origin::Users, "8102", "8XXX"),
            (&Origin::Users, "81020", "."),
            (&Origin::Users, "0138", "0{number: X.}"),
            (&Origin::Users, "0086", "00{number: X.}"),
            (&Origin::Users, "00", "."),
            (&Origin::Users, "0a", "."),
            (&Origin::Users, "*98", "*98"),
            (&Origin::Users, "bob", "bob"),
            (&Origin::Users, "Bob", "names"),
            (&Origin::Users, "5", "N"),
            (&Origin::Users, "1", "[0-1]"),
            (&Origin::Users, "", "nobody"),
            (&trunk, "8001", "8001"),
            (&trunk, "8002", "."),
            (&trunk, "bob", "."),
        ] {
            assert_eq!(taken(&program, origin, dialled), pattern, "{dialled} from {origin:?}");
        }
    }
}

#[test]
fn a_third_route_settles_what_two_could_both_take() {
    let two = "edition 2026\nroute \"8XXX\" from users -> end\nroute \"80.\" from users -> end\n";
    let (none, found) = check(two);
    assert!(none.is_none());
    assert_eq!(found.iter().map(Diagnostic::code).collect::<Vec<_>>(), [Code::ROUTES_OVERLAP]);
    let settled = program(&format!("{two}route \"80XX\" from users -> end\n"));
    for (dialled, pattern) in [("8012", "80XX"), ("8112", "8XXX"), ("80123", "80."), ("8", "nobody")] {
        assert_eq!(taken(&settled, &Origin::Users, dialled), pattern);
    }
    let (none, _) = check(&format!("{two}route \"800X\" from users -> end\n"));
    assert!(none.is_none(), "a third route that settles a part only is not enough");
}

proptest! {
    /// Whatever set of patterns loads, the route of a number is the most specific of those that match it.
    #[test]
    fn no_number_has_two_routes(
        patterns in proptest::collection::vec("[0-2XN]{1,3}\\.?", 1..7),
        numbers in proptest::collection::vec("[0-3]{1,4}", 20),
    ) {
        let routes: String = patterns.iter().map(|text| format!("route \"{text}\" from users -> end\n")).collect();
        let (Some(all), _) = check(&format!("edition 2026\n{routes}")) else {
            return Ok(());
        };
        for number in numbers {
            let alone = |text: &String| program(&format!("edition 2026\nroute \"{text}\" from users -> end\n"));
            let matching: Vec<&String> =
                patterns.iter().filter(|text| alone(text).route(&Origin::Users, &number).is_some()).collect();
            let won = taken(&all, &Origin::Users, &number);
            prop_assert_eq!(won == "nobody", matching.is_empty());
            // Nothing that matches is strictly within the winner: together with it, it would have won.
            for other in matching.into_iter().filter(|other| **other != won) {
                let pair = format!("edition 2026\nroute \"{other}\" from users -> end\nroute \"{won}\" from users -> end\n");
                if let (Some(pair), _) = check(&pair) {
                    prop_assert_eq!(taken(&pair, &Origin::Users, &number), won.clone());
                }
            }
        }
    }
}

#[test]
fn the_hash_is_of_the_meaning_not_of_the_layout() {
    let text =
        "edition 2026\nprompt p zh \"p.wav\"\nroute \"1\" from users -> a\nflow a { play p; hangup }\n";
    let hash = program(text).hash();
    let same = [
        text.replace("flow a { play p; hangup }", "flow a   {  play p;\thangup } # said"),
        text.replace('\n', "\r\n"),
        text.replace("edition 2026\n", "\u{feff}# head\n\n\nedition 2026\n\n"),
    ];
    for text in same {
        assert_eq!(program(&text).hash(), hash, "{text}");
    }
    for text in [
        text.replace("hangup", "hangup busy"),
        text.replace("\"1\"", "\"2\""),
        text.replace("p.wav", "q.wav"),
    ] {
        assert_ne!(program(&text).hash(), hash, "{text}");
    }
    let sound = |octet: u8| Sound::new([octet; 32], std::time::Duration::from_secs(1));
    let with = |octet| {
        let folder = Folder::new().with_plan("test.plan", text).with_sound("p.wav", sound(octet));
        load(&folder, &["test.plan"]).0.map(|program| program.hash())
    };
    assert!(with(1).is_some() && with(1) != with(2), "another sound is another program");
    assert_eq!(program(text).hash_hex().len(), 64);
}

#[test]
fn the_hash_does_not_depend_on_the_order_of_files() {
    let folder = Folder::new()
        .with_plan("a.plan", "edition 2026\nroute \"1\" from users -> b\n")
        .with_plan("b.plan", "edition 2026\nflow b { hangup }\n");
    let hash = |roots: &[&str]| load(&folder as &dyn Sources, roots).0.map(|program| program.hash());
    assert!(hash(&["a.plan", "b.plan"]).is_some());
    assert_eq!(hash(&["a.plan", "b.plan"]), hash(&["b.plan", "a.plan"]));
}

const POLICIES: &str = r#"edition 2026
prompt 甲 zh "a.wav"
prompt 乙 zh "b.wav"
class 短 { from call.end; at least 1y; at most 10y }
class 长 { from call.end; at least 5y }
policy 一 for all calls { record all, on failure continue; retain 短 }
policy 二 for calls from users to "955XX" { record all, on failure refuse; retain 长; notice prompt 甲 before media }
policy 三 for calls to "95599", "*." { notice prompt 乙 before media }
policy 四 for calls to "8." { record off; retain 长 }
route "." from anyone -> end
"#;

#[test]
fn policies_add_up_and_none_weakens_another() {
    let program = program(POLICIES);
    let keep = Record::All { on_failure: OnFailure::Continue };
    let refuse = Record::All { on_failure: OnFailure::Refuse };
    let trunk = Origin::Trunk("carrier".into());
    for (origin, dialled, names, record, class, max, notices) in [
        (Origin::Users, "10086", "一", keep, "短", Some("10y"), 0),
        (Origin::Users, "95588", "一 二", refuse, "短+长", Some("10y"), 1),
        (Origin::Users, "95599", "一 二 三", refuse, "短+长", Some("10y"), 2),
        (trunk, "95599", "一 三", keep, "短", Some("10y"), 1),
        (Origin::Users, "*1", "一 三", keep, "短", Some("10y"), 1),
        (Origin::Users, "8001", "一 四", keep, "短+长", Some("10y"), 0),
    ] {
        let facts = Facts {
            caller: Masked::new("8001"),
            dialled: Masked::new(dialled),
            display: Masked::default(),
            origin,
            wall: Wall::from_micros(0),
        };
        let policy = program.policy(&facts);
        let retain = policy.retain.expect("a recorded call is kept");
        assert_eq!(policy.names.iter().map(|name| &**name).collect::<Vec<_>>().join(" "), names, "{dialled}");
        assert_eq!(
            (policy.record, &*retain.name, policy.notice.len()),
            (record, class, notices),
            "{dialled}"
        );
        assert_eq!(retain.max.map(|max| max.to_string()).as_deref(), max);
        assert_eq!(retain.min.to_string(), if class == "短" { "1y" } else { "5y" });
    }
}

#[test]
fn a_call_without_a_policy_is_not_recorded() {
    let program = program("edition 2026\nroute \".\" from anyone -> end\n");
    let facts = Facts {
        caller: Masked::new("1"),
        dialled: Masked::new("2"),
        display: Masked::default(),
        origin: Origin::Users,
        wall: Wall::from_micros(0),
    };
    let policy = program.policy(&facts);
    assert_eq!((policy.record, policy.retain, policy.notice.len()), (Record::Off, None, 0));
}
