//! What operators are told: every plan in `tests/golden/plan/*.plan` is wrong in some way, and beside it stands what the
//! checker says of it, in English and then in Chinese. `UPDATE_EXPECT=1` writes the expectations anew; read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use expect_test::expect_file;
use ledgerline::base::Wall;
use ledgerline::base::bounds::{PLAN_FILE_BYTES, PLAN_FINDINGS};
use ledgerline::plan::{Code, Diagnostic, Folder, Lang, Site, Sound, SoundError, Sources, load};
use proptest::prelude::*;

/// One wrong plan in a folder where every sound is there, but for `missing/` and `broken/`, of a node with a trunk and a ring group.
struct Wrong(Vec<u8>);

impl Sources for Wrong {
    fn plan(&self, path: &str) -> Option<Vec<u8>> {
        (path == "wrong.plan").then(|| self.0.clone())
    }

    fn sound(&self, path: &str) -> Result<Sound, SoundError> {
        if path.starts_with("missing/") {
            return Err(SoundError::Missing);
        }
        if path.starts_with("broken/") {
            return Err(SoundError::Unplayable("two channels".to_string()));
        }
        Folder::new().with_any_sound().sound(path)
    }

    /// Sunday, 22 November 2026.
    fn now(&self) -> Option<Wall> {
        Some(Wall::from_micros(1_795_337_972_120_000))
    }

    fn site(&self) -> Option<&Site> {
        static SITE: LazyLock<Site> = LazyLock::new(|| {
            let set = |name: &str| BTreeSet::from([name.to_string()]);
            Site { trunks: set("carrier"), trunk_groups: set("carriers"), ring: set("sales") }
        });
        Some(&SITE)
    }
}

fn check(bytes: &[u8]) -> (bool, Vec<Diagnostic>) {
    let (program, diagnostics) = load(&Wrong(bytes.to_vec()), &["wrong.plan"]);
    (program.is_some(), diagnostics)
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plan");
    let all = fs::read_dir(folder).expect("the folder of wrong plans");
    let mut cases: Vec<PathBuf> = all
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "plan"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn wrong_plans_are_told_what_is_wrong() {
    let cases = cases();
    assert!(cases.len() >= 150, "{} wrong plans", cases.len());
    for path in cases {
        let (_, diagnostics) = check(&fs::read(&path).expect("a readable plan"));
        assert!(!diagnostics.is_empty(), "{} is not wrong", path.display());
        let mut said = String::new();
        for lang in [Lang::En, Lang::Zh] {
            for diagnostic in &diagnostics {
                said.push_str(&diagnostic.render(lang));
            }
        }
        expect_file![path.with_extension("txt")].assert_eq(&said);
    }
}

#[test]
fn a_plan_loads_exactly_if_nothing_is_an_error() {
    for path in cases() {
        let (loads, diagnostics) = check(&fs::read(&path).expect("a readable plan"));
        assert_eq!(loads, !diagnostics.iter().any(Diagnostic::is_error), "{}", path.display());
    }
}

#[test]
fn without_a_configuration_at_hand_every_trunk_and_group_is_taken_as_good() {
    let folder = |text: &str| Folder::new().with_plan("a.plan", text);
    let text = "edition 2026\nzone \"UTC\"\nroute \"0.\" from users, trunk a -> dial trunk b number {callee}, group c, group {callee}\n";
    let (program, found) = load(&folder(text), &["a.plan"]);
    assert!(program.is_some() && found.is_empty(), "{found:?}");
    let (program, found) = load(&folder(text).of(Site::default()), &["a.plan"]);
    assert!(program.is_none());
    assert_eq!(found.iter().map(Diagnostic::code).collect::<Vec<_>>(), [Code::NOT_CONFIGURED; 3]);
}

#[test]
fn every_code_has_a_plan_that_earns_it() {
    let mut earned: BTreeSet<Code> = BTreeSet::new();
    for path in cases() {
        earned.extend(check(&fs::read(&path).expect("a readable plan")).1.iter().map(Diagnostic::code));
    }
    // Earned by plans that are too large to keep, below; the last means that the checker itself is at fault.
    let elsewhere = [
        Code::FILE_TOO_LONG,
        Code::TOO_MANY_FINDINGS,
        Code::TOO_MANY_FILES,
        Code::NOT_PROVEN,
        Code::TOO_MANY_TESTS,
    ];
    let idle: Vec<Code> =
        Code::all().filter(|code| !earned.contains(code) && !elsewhere.contains(code)).collect();
    assert!(idle.is_empty(), "no plan earns {idle:?}");
}

#[test]
fn large_plans_are_refused_with_a_reason() {
    let (_, found) = check(&vec![b' '; PLAN_FILE_BYTES + 1]);
    assert_eq!(found.iter().map(Diagnostic::code).collect::<Vec<_>>(), [Code::FILE_TOO_LONG]);
    let (_, found) = check("}".repeat(PLAN_FINDINGS + 5).as_bytes());
    assert_eq!(found.len(), PLAN_FINDINGS + 1);
    assert_eq!(found.last().map(Diagnostic::code), Some(Code::TOO_MANY_FINDINGS));
    let mut folder = Folder::new();
    for number in 0..300 {
        let text = format!("edition 2026\nuse \"{}.plan\"\n", number + 1);
        folder = folder.with_plan(&format!("{number}.plan"), text);
    }
    let (program, found) = load(&folder, &["0.plan"]);
    assert!(program.is_none() && found.iter().any(|found| found.code() == Code::TOO_MANY_FILES));
}

#[test]
fn a_root_that_is_not_there_is_named() {
    let (program, found) = load(&Folder::new(), &["gone.plan"]);
    assert!(program.is_none());
    let first = found.first().map(|found| (found.code(), found.place().file.to_string()));
    assert_eq!(first, Some((Code::NO_FILE, "gone.plan".to_string())));
}

#[test]
fn files_that_use_each_other_are_read_once() {
    let a = "edition 2026\nuse \"b.plan\"\nroute \"1\" from users -> b\n";
    let b = "edition 2026\nuse \"a.plan\"\nuse \"b.plan\"\nflow b { hangup }\n";
    let folder = Folder::new().with_plan("a.plan", a).with_plan("b.plan", b);
    let (program, found) = load(&folder, &["a.plan", "b.plan"]);
    assert!(found.is_empty() && program.is_some(), "{found:?}");
}

/// Words and signs that make texts look like plans, right and wrong.
const PIECES: &[&str] = &[
    "edition 2026\n",
    "route ",
    "\"8XXX\" ",
    "\"{n: X.}\" ",
    "from users ",
    "-> ",
    "end\n",
    "flow ",
    "a ",
    "夜间 ",
    "{ ",
    "}\n",
    "menu ",
    "prompt ",
    "p ",
    "zh ",
    "\"a.wav\"\n",
    "wait 6s ",
    "tries 3 ",
    "1, 2 ",
    "none, wrong ",
    "else ",
    "collect ",
    "x ",
    "digits 4 ",
    "dial ",
    "user {callee} ",
    "number \"10086\" ",
    "for 25s ",
    "busy ",
    "if ",
    "when ",
    "not ",
    "caller ",
    "== \"1\" ",
    "matches ",
    "let ",
    "= 5\n",
    "hangup ",
    "policy ",
    "for all calls ",
    "record all\n",
    "retain k\n",
    "class k ",
    "from call.end; ",
    "at least 5y ",
    "hours ",
    "mon-fri 08:00-18:00\n",
    "holidays ",
    "off 2026-10-01\n",
    "play ",
    "( ",
    ") ",
    ", ",
    "; ",
    "\n",
    "\" ",
    "# ",
    "“",
    "，",
    "\u{202e}",
    "8XXX ",
    "25sec ",
    "\\",
    "use \"wrong.plan\"\n",
    "language zh\n",
    "lookup ",
    "(x: phone) -> { y: A|B } ",
    "get \"http://h/c\" timeout 1s\n",
    "else { y: A } ",
    "secret ",
    "say a, {x} ",
    "tag \"a{x}b\"\n",
    "queue ",
    "skill a >= 2 ",
    "priority (if x 1 else 2) ",
    "script ",
    "v7 from 2026-01-01 until 2026-12-31T24:00 supersedes v6 ",
    "words ",
    "screen agent for ",
    "on recogniser-down ",
    "when hits >= 3 ",
    "monitors when ",
    "require 2 from ",
    "within 20s ",
    "egress \"h\"\n",
    "group ",
    "members user a\n",
    "campaign ",
    "emergency ",
    "on feature \"*7\" ",
    "test \"t\" at 2026-10-08 10:00 ",
    "stub a = { y: A }\n",
    "call from \"1\" to \"1\" press 1, \"23\"\n",
    "expect played ",
    "3.65% ",
    "99.50元 ",
    "pop { ",
    "| ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (loads, found) = check(&bytes);
        prop_assert_eq!(loads, !found.iter().any(Diagnostic::is_error));
    }

    #[test]
    fn any_pieces_are_judged(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..120)) {
        let text: String = pieces.concat();
        let (loads, found) = check(text.as_bytes());
        prop_assert_eq!(loads, !found.iter().any(Diagnostic::is_error));
        for diagnostic in &found {
            let place = diagnostic.place();
            prop_assert!(place.line >= 1 && place.column >= 1 && place.width >= 1);
            for lang in [Lang::En, Lang::Zh] {
                prop_assert!(!diagnostic.message(lang).contains("{0}"), "{}", diagnostic.render(lang));
            }
        }
    }

    /// A plan that is right, with one piece cut out or put in: most faults of people look like this.
    #[test]
    fn a_right_plan_with_a_slip_is_judged(at in 0usize..4_000, cut in 0usize..30, piece in proptest::sample::select(PIECES)) {
        let text: Vec<char> = include_str!("../dialplans/office.plan").chars().collect();
        let at = at.min(text.len());
        let rest = text.iter().skip(at + cut);
        let slipped: String = text.iter().take(at).copied().chain(piece.chars()).chain(rest.copied()).collect();
        let (loads, found) = check(slipped.as_bytes());
        prop_assert_eq!(loads, !found.iter().any(Diagnostic::is_error));
    }
}
