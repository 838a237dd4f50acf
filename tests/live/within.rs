//! Words in the live call, with a recogniser within the node: sherpa-onnx as a library, opened at run time.
//!
//! Its network takes tones for characters (`speech/tones.py`), so that a phone can say a phrase.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::ear::seconds_with;
use crate::talk::{self, MENU, Office, Phones};
use crate::world::{run, wait_for};

/// What stands for 保, 本, 息 and for no character.
const BAO: f64 = 400.0;
const BEN: f64 = 600.0;
const XI: f64 = 800.0;
const HUM: f64 = 2_000.0;

/// The library of PyPI's `sherpa-onnx-core`, and the network, in one folder.
fn fill(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let core = run("python3", &["-c", "import sherpa_onnx; print(list(sherpa_onnx.__path__)[0])"]);
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/speech");
    for (from, name) in [
        (format!("{}/lib", core.trim()), "libonnxruntime.so"),
        (format!("{}/lib", core.trim()), "libsherpa-onnx-c-api.so"),
        (network.to_string(), "tones.onnx"),
        (network.to_string(), "tokens.txt"),
    ] {
        symlink(Path::new(&from).join(name), folder.join(name)).expect("linked");
    }
}

#[test]
fn sherpa_in_the_node_itself_hears_what_its_server_hears() {
    if !crate::world::entered() {
        return;
    }
    let node = talk::node(include_str!("plans/screened.plan"));
    fill(&node.path("sherpa"));
    node.add(
        "[recogniser]",
        "name = \"own\"\nkind = \"sherpa-library\"\nfolder = \"sherpa\"\nnetwork = \"t-one-ctc\"\nstreams = 2",
    );
    let phrase: Vec<f64> = [vec![HUM; 15], vec![BAO, BEN, BAO, XI], vec![HUM; 200]].concat();
    let mut office = Office::with(node, "udp", Phones { bob_says: &phrase, ..Phones::default() });
    let call = office.call("8002");
    let id = call["id"].as_str().expect("an id").to_string();
    wait_for("the hit", Duration::from_secs(20), || {
        let told = office.node.command(&["call", "explain", &id]).succeeded().out;
        told.contains("agent said").then_some(())
    });
    office.talk(5);
    office.hang_up();
    let told = office.node.command(&["call", "explain", &id]).succeeded().out;
    assert!(told.contains("\"保本保息\" of promises v1 (exact)"), "{told}");
    assert!(!told.contains("not listened to"), "{told}");
    for (tone, character) in [(BAO, '保'), (BEN, '本'), (XI, '息')] {
        let heard = seconds_with(&office.alice.heard(), tone, 0.3);
        assert_eq!(heard, 0.0, "the customer hears nothing of {character}");
    }
    let whisper = seconds_with(&office.bob.heard(), MENU, 0.3);
    assert!((1.5..2.5).contains(&whisper), "the agent alone is reminded: {whisper} s");
    let audited = office.node.rows(&["audit", "list", "--act", "words.spoken"]);
    let [entry] = &audited[..] else { panic!("one hit is one entry: {audited:#?}") };
    println!("from the end of the words to the hit: {} ms", entry["detail"]["known_after_ms"]);
    office.node.stop();
}
