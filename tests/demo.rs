//! The demo as a newcomer runs it, and what its folder is good for afterwards.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A command of the binary, whose session lies apart from whoever runs the tests.
fn command(args: &[&str]) -> Command {
    let session = std::env::temp_dir().join(format!("ledgerline-demo-test-{}.session", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
    command.args(args).env("LEDGERLINE_SESSION", session);
    command
}

fn ledgerline(args: &[&str]) -> Output {
    command(args).stdin(Stdio::null()).output().expect("runs")
}

/// What a command says as JSON, and its exit code.
fn json(config: &Path, args: &[&str]) -> (Value, i32) {
    let config = config.to_str().expect("text");
    let output = ledgerline(&[&["--json", "--config", config], args].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{args:?}: {error}\n{text}{}", String::from_utf8_lossy(&output.stderr))
    });
    (value, output.status.code().expect("an exit code"))
}

#[test]
fn one_call_is_made_measured_recorded_found_verified_and_played() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("demo");
    let output = ledgerline(&["demo", "--json", "--dir", folder.to_str().expect("text")]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().expect("a list");
    let failed: Vec<&Value> = checks.iter().filter(|check| check["held"] != true).collect();
    assert!(failed.is_empty() && checks.len() >= 12, "{failed:#?}\n{:#}", report["trace"]);
    assert_eq!((report["held"].as_bool(), output.status.code()), (Some(true), Some(0)));

    let config = folder.join("ledgerline.toml");
    let (found, code) = json(&config, &["rec", "search", "8001"]);
    assert_eq!((found.as_array().expect("a list").len(), code), (1, 0), "found by the caller's number");
    let (recording, call) =
        (found[0]["recording"].as_str().expect("an id"), found[0]["call"].as_str().expect("an id"));
    let (nobody, _) = json(&config, &["rec", "search", "8003"]);
    assert_eq!(nobody, Value::Array(Vec::new()));
    let (trace, _) = json(&config, &["call", "explain", call]);
    assert_eq!(trace, report["trace"], "a stopped node explains what the running one did");

    let again = outer.path().join("again.wav");
    let play = ["rec", "play", recording, "-o", again.to_str().expect("text"), "--purpose", "case 7"];
    let refused = ledgerline(&[&["--config", config.to_str().expect("text")], &play[..]].concat());
    assert_eq!(refused.status.code(), Some(4), "DUAL-03: whoever runs the machine hears nothing");
    log_in(&config, &report["listener"]);
    let (_, code) = json(&config, &play);
    assert_eq!(code, 0);
    let again = std::fs::read(again).expect("a WAV");
    assert_eq!(again, std::fs::read(folder.join("recording.wav")).expect("the demo's WAV"));
    let (_, code) = json(&config, &["logout"]);
    assert_eq!(code, 0);

    flip_a_bit(&folder.join("store"), recording);
    let (verified, code) = json(&config, &["rec", "verify"]);
    assert_eq!((verified["clean"].as_bool(), code), (Some(false), 1), "a flipped bit is found");
    assert!(verified["words"].to_string().contains(recording), "{verified:#}");
}

/// As the person that the demo made.
fn log_in(config: &Path, listener: &Value) {
    let name = listener["name"].as_str().expect("a name");
    let mut command =
        command(&["--config", config.to_str().expect("text"), "login", name, "--password-stdin"]);
    let mut login = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("runs");
    let password = listener["password"].as_str().expect("a password");
    writeln!(login.stdin.take().expect("piped"), "{password}").expect("written");
    assert!(login.wait().expect("ends").success());
}

/// In the middle of the recording's file, wherever the store keeps it.
fn flip_a_bit(store: &Path, recording: &str) {
    let mut folders = vec![store.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(recording)) {
                let mut octets = std::fs::read(&path).expect("octets");
                let middle = octets.len() / 2;
                octets[middle] ^= 1;
                return std::fs::write(&path, octets).expect("written");
            }
        }
    }
    panic!("no file of {recording}");
}
