//! The stranger's verifier, `tests/verify_recording.py`, against what this program writes: they agree on good and on
//! damaged files.

use std::path::Path;
use std::process::Command;

use ledgerline::base::Random;
use ledgerline::io::store::{Making, load_keys};
use ledgerline::vault::{Opener, Suite};

use crate::world::{World, files};

/// Whether the verifier can run here. Where live tests are wanted it must.
fn at_hand() -> bool {
    let found = Command::new("python3").args(["-c", "import cryptography"]).output();
    let there = found.is_ok_and(|done| done.status.success());
    if !there {
        let message = "python3 with the package `cryptography` is missing (tests/run installs it)";
        assert!(std::env::var_os("LEDGERLINE_LIVE").is_none(), "{message}");
        eprintln!("not run: {message}");
    }
    there
}

/// Exit code and lines.
fn verify(arguments: &[&Path]) -> (i32, Vec<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_recording.py");
    let done = Command::new("python3").arg(script).args(arguments).output().expect("python3 runs");
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    (done.status.code().expect("ended"), text.lines().map(str::to_string).collect())
}

fn flag(name: &str) -> &Path {
    Path::new(name)
}

#[test]
fn a_stranger_verifies_a_store_with_and_without_the_secret_key() {
    for suite in [Suite::Intl, Suite::Gm] {
        if at_hand() {
            verified_by_a_stranger(suite);
        }
    }
}

fn verified_by_a_stranger(suite: Suite) {
    let mut world = World::of(suite);
    let ids: Vec<_> = (0..3).map(|_| world.record(500)).collect();
    for (_, call) in &ids {
        world.cdr(*call);
    }
    let making = Making { kind: "transcript", media_type: "application/json", by: "tests" };
    world.store().append_derived(ids[2].0, &making, b"{}").expect("taken");
    world.store.take().expect("open").close();
    let keys = world.dir().join("keys");
    let with_key = [flag("--keys"), &keys, flag("--store"), world.dir()];
    let without = [flag("--store"), world.dir()];
    let (code, lines) = verify(&with_key);
    assert_eq!((code, lines.len()), (0, 6), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains(".d-") && line.contains("transcript")), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("whole")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("in_order")), "{lines:?}");
    assert_eq!(verify(&without).0, 0);

    let item = files(world.dir()).into_iter().find(|path| path.extension().is_some_and(|end| end == "lld"));
    let item = item.expect("it has a file");
    let file = |index: usize| world.file_of(ids[index].0);
    let alter = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = std::fs::read(path).expect("there");
        change(&mut bytes);
        std::fs::write(path, bytes).expect("ours");
    };
    alter(&file(0), &|bytes| bytes[500] ^= 1);
    std::fs::remove_file(file(1)).expect("ours");
    alter(&world.dir().join("ledger/leaves"), &|leaves| leaves[5 * 96 + 60] ^= 1);
    let named = |lines: &[String], item: &str, words: &str| {
        let found = lines.iter().any(|line| line.starts_with(item) && line.contains(words));
        assert!(found, "{item} … {words}: {lines:?}");
    };
    let (code, lines) = verify(&with_key);
    assert_eq!(code, 1);
    named(&lines, &ids[0].0.to_string(), "chunk 1 altered");
    named(&lines, &ids[1].0.to_string(), "gone");
    named(&lines, &ids[2].0.to_string(), "whole");
    alter(&item, &|bytes| bytes[200] ^= 1);
    let (_, changed) = verify(&with_key);
    assert!(changed.iter().any(|line| line.contains(".d-") && line.contains("altered")), "{changed:?}");
    named(&lines, "ledger", "leaves 1 to 6 are not those of head");
    let (code, lines) = verify(&without);
    assert_eq!(code, 1);
    named(&lines, &ids[0].0.to_string(), "not the file of leaf 0");
    named(&lines, &ids[2].0.to_string(), "whole");
}

/// KEY-05: both suites pass the same.
#[test]
fn both_verifiers_agree_on_damaged_files() {
    for suite in [Suite::Intl, Suite::Gm] {
        if at_hand() {
            agreed_on_damaged_files(suite);
        }
    }
}

fn agreed_on_damaged_files(suite: Suite) {
    let mut world = World::of(suite);
    let (one, _) = world.begin();
    for portion in 0..6 {
        world.talk(one, portion * 100, portion * 100 + 100, 0x2a);
        world.store().settle();
    }
    world.end(one);
    let (other, _) = world.record(300);
    world.store.take().expect("open").close();
    let keys = world.dir().join("keys");
    let ring = load_keys(&keys).expect("ours");
    let (good, foreign) = (
        std::fs::read(world.file_of(one)).expect("there"),
        std::fs::read(world.file_of(other)).expect("there"),
    );
    let starts: Vec<usize> = memchr::memmem::find_iter(&good, b"LLCK").chain([good.len()]).collect();
    assert!(starts.len() > 7, "enough chunks: {starts:?}");

    let mut random = Random::from_number(5);
    let mut below = |bound: usize| random.below(bound as u64) as usize;
    let folder = world.dir().join("damaged");
    let mut paths = Vec::new();
    for number in 0..300 {
        let mut bad = good.clone();
        match number % 8 {
            0 => {}
            1 | 2 => bad[below(good.len())] ^= 1 << below(8),
            3 => bad.truncate(below(good.len())),
            4 => {
                let at = starts[below(starts.len() - 1)];
                let until = starts[below(starts.len())].max(at);
                drop(bad.drain(at..until));
            }
            5 => {
                let (a, b) = (below(starts.len() - 2), below(starts.len() - 1));
                let (a, b) = (a.min(b), b.max(a + 1));
                let chunk = bad[starts[b]..starts[b + 1]].to_vec();
                drop(bad.drain(starts[b]..starts[b + 1]));
                drop(bad.splice(starts[a]..starts[a], chunk));
            }
            6 => drop(bad.splice(starts[below(starts.len())].., foreign[128..300].to_vec())),
            _ => bad.extend_from_slice(&good[..below(200)]),
        }
        let path = folder.join(format!("{number:03}")).join(format!("{one}.llr"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("room");
        std::fs::write(&path, bad).expect("room");
        paths.push(path);
    }
    assert_eq!(files(&folder).len(), paths.len());
    let arguments: Vec<&Path> =
        [flag("--keys"), &keys].into_iter().chain(paths.iter().map(|path| path.as_path())).collect();
    let (code, lines) = verify(&arguments);
    assert_eq!((code, lines.len()), (1, paths.len()));
    let mut whole = 0;
    for (path, line) in paths.iter().zip(&lines) {
        let mut opener = Opener::new(&ring, Some(one));
        opener.push(&std::fs::read(path).expect("ours"));
        let damages = opener.finish().damages;
        whole += usize::from(damages.is_empty());
        assert_eq!(damages.is_empty(), line.contains("whole"), "{}: {damages:?}\n{line}", path.display());
    }
    assert!((38..150).contains(&whole), "{whole} of {} are whole", paths.len());
}
