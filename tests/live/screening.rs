//! Words in the live call, with a recogniser that others wrote: sherpa-onnx's server hears what bob's phone says, the words reach
//! neither the customer's phone nor a late plan, and a server that dies is an event.
//!
//! The server runs a network that takes tones for characters (`speech/tones.py`), so that a phone can say a phrase.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::ear::{self, seconds_with};
use crate::talk::{self, MENU, Office, Phones};
use crate::world::{run, wait_for, wait_until};

/// What stands for 保, 本, 息 and for no character.
const BAO: f64 = 400.0;
const BEN: f64 = 600.0;
const XI: f64 = 800.0;
const HUM: f64 = 2_000.0;

/// Tones that are there in this share of a tenth of a second are heard.
const HEARD: f64 = 0.3;

/// sherpa-onnx's own server; it ends with its value.
struct Server(Child);

impl Server {
    fn start() -> Server {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/speech");
        let scripts = run("python3", &["-c", "import sysconfig; print(sysconfig.get_path('scripts'))"]);
        let program = format!("{}/sherpa-onnx-online-websocket-server", scripts.trim());
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", &program, "--port=6006", "--input-sample-rate=8000"])
            .args(["--t-one-ctc-model=tones.onnx", "--tokens=tokens.txt", "--log-file=/dev/null"])
            .args(["--num-work-threads=1", "--num-io-threads=1", "--max-batch-size=1"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sherpa-onnx's server runs; tests/run installs it");
        wait_until("the recogniser", Duration::from_secs(20), || {
            std::net::TcpStream::connect(("127.0.0.1", 6_006)).is_ok()
        });
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn explained(office: &Office, call: &str) -> String {
    office.node.command(&["call", "explain", call]).succeeded().out
}

#[test]
fn forbidden_words_are_heard_by_a_real_server_and_not_by_the_customer() {
    if !crate::world::entered() {
        return;
    }
    let server = Server::start();
    let node = talk::node(include_str!("plans/screened.plan"));
    node.add(
        "[recogniser]",
        "name = \"one\"\nkind = \"sherpa\"\nurl = \"ws://127.0.0.1:6006\"\nrate = 8000\nstreams = 2",
    );
    // Three seconds of nothing in particular, the phrase, and nothing in particular again.
    let phrase: Vec<f64> = [vec![HUM; 15], vec![BAO, BEN, BAO, XI], vec![HUM; 200]].concat();
    let mut office = Office::with(node, "udp", Phones { bob_says: &phrase, ..Phones::default() });
    let call = office.call("8002");
    let id = call["id"].as_str().expect("an id").to_string();
    let recording = call["recording"].as_str().expect("it is recorded").to_string();
    wait_for("the hit", Duration::from_secs(20), || {
        explained(&office, &id).contains("agent said").then_some(())
    });
    office.talk(5);
    // The server dies in the middle of the call: never silence.
    drop(server);
    wait_until("the deafness", Duration::from_secs(10), || {
        explained(&office, &id).contains("not listened to")
    });
    office.hang_up();
    let told = explained(&office, &id);
    for line in ["leg1 is heard 2000 ms later", "\"保本保息\" of promises v1 (exact)", "tag \"unheard\""]
    {
        assert!(told.contains(line), "{line}\n{told}");
    }

    let (alice, bob) = (office.alice.heard(), office.bob.heard());
    for (tone, character) in [(BAO, '保'), (BEN, '本'), (XI, '息')] {
        assert_eq!(seconds_with(&alice, tone, HEARD), 0.0, "the customer hears nothing of {character}");
    }
    let tenths = alice.chunks(800).map(|tenth| {
        let heard = [(HUM, '-'), (BAO, '保'), (BEN, '本'), (XI, '息')];
        heard
            .into_iter()
            .find(|(tone, _)| seconds_with(tenth, *tone, HEARD) > 0.0)
            .map_or('.', |(_, mark)| mark)
    });
    println!("the customer heard, by tenths of a second: {}", tenths.collect::<String>());
    let hum = seconds_with(&alice, HUM, HEARD);
    assert!(hum > 5.0, "the customer hears what is said before and after: {hum} s");
    let whisper = seconds_with(&bob, MENU, HEARD);
    assert!((1.5..2.5).contains(&whisper), "the agent alone is reminded: {whisper} s");
    // The recording holds what was said, whatever the customer heard.
    let wav = office.node.path("played.wav");
    office.node.play(&recording, &wav);
    let said = &ear::read(&wav)[1];
    let spoken = [BAO, BEN, XI].map(|tone| seconds_with(said, tone, HEARD));
    assert!(spoken[0] >= 0.2 && spoken[1] >= 0.1 && spoken[2] >= 0.1, "{spoken:?}");

    let audited = office.node.rows(&["audit", "list", "--act", "words.spoken"]);
    let [entry] = &audited[..] else { panic!("one hit is one entry: {audited:#?}") };
    let detail = &entry["detail"];
    assert_eq!((&detail["phrase"], &detail["intercepted"]), (&"保本保息".into(), &Value::Bool(true)));
    println!(
        "from the end of the words to the hit: {} ms; words at {} to {} ms",
        detail["known_after_ms"], detail["from_ms"], detail["to_ms"]
    );
    office.node.stop();
}
