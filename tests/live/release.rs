//! The release file: one static executable that runs where nothing is installed.
//!
//! It is built here with the release profile's optimisation but without link-time optimisation, which would double the time
//! of the whole test run; that changes neither what the file links nor what it needs. `LEDGERLINE_RELEASE` names a file that
//! was built already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::node::{Node, SIP};
use crate::probe;
use crate::world::{entered, run, wait_for};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const LOAD: &str = include_str!("plans/load.plan");

/// The release file, built once into a folder of its own and kept there.
fn built() -> PathBuf {
    if let Some(path) = std::env::var_os("LEDGERLINE_RELEASE") {
        return PathBuf::from(path);
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = repository.join("target/static");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--bin",
            "ledgerline",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(&folder)
        .current_dir(repository)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo build: {status}");
    folder.join(TARGET).join("release/ledgerline")
}

#[test]
fn the_release_file_needs_nothing_and_starts_at_once() {
    if !entered() {
        return;
    }
    let file = built();
    let path = file.to_str().expect("UTF-8");
    let headers = run("readelf", &["--wide", "--program-headers", "--dynamic", path]);
    assert!(!headers.contains("(NEEDED)") && !headers.contains("INTERP"), "it links nothing:\n{headers}");
    let linked = Command::new("ldd").arg(path).output().expect("ldd runs");
    let said = String::from_utf8_lossy(&[linked.stdout, linked.stderr].concat()).into_owned();
    assert!(said.contains("statically linked") || said.contains("not a dynamic executable"), "{said}");
    println!("{} octets", fs::metadata(&file).expect("a file").len());

    a_demo_runs_where_nothing_is(&file);
    it_starts_at_once_and_is_small(&file);
}

/// Outside of the repository, in an empty folder, with an empty environment.
fn a_demo_runs_where_nothing_is(file: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("ledgerline");
    fs::copy(file, &copy).expect("copied");
    let done =
        Command::new(&copy).arg("demo").current_dir(folder.path()).env_clear().output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{}\n{said}{}", done.status, String::from_utf8_lossy(&done.stderr));
}

fn it_starts_at_once_and_is_small(file: &Path) {
    let mut node = Node::with_binary(file, LOAD);
    let mut starts: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        node.serve_unwaited();
        wait_for("the first SIP answer", Duration::from_secs(5), || {
            probe::options_once(SIP, Duration::from_millis(5))
        });
        starts.push(began.elapsed());
        println!("{} kB resident when idle", node.resident() / 1_024);
        assert!(node.resident() < 64 << 20);
        node.stop();
    }
    starts.sort();
    println!("start to first SIP answer: {starts:?}");
    assert!(starts[2] < Duration::from_secs(1), "{starts:?}");
}
