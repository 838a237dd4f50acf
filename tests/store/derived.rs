//! Items derived from recordings over a real store: found, read, verified, held and backed up with their recording, and
//! destroyed with it (DES-04, TAM-04).

use std::path::PathBuf;

use ledgerline::base::{ItemId, RecordingId};
use ledgerline::compliance::retention::Select;
use ledgerline::io::store::{Depth, Making, Options, Store, StoreError, restore, verify_copy};
use ledgerline::vault::{Certificate, Damage, Erasure, Holding, LedgerPublic, Scope, Subject, Suite};

use crate::keeping::{class, job, made};
use crate::world::{World, files};

const TEXT: &str = "{\"said\":\"保本保息的暗号\"}";
const TRANSCRIPT: Making<'static> =
    Making { kind: "transcript", media_type: "application/json", by: "a recogniser 1.0" };

fn append(world: &World, recording: RecordingId) -> ItemId {
    world.store().append_derived(recording, &TRANSCRIPT, TEXT.as_bytes()).expect("taken")
}

fn file_of(world: &World, item: ItemId) -> PathBuf {
    let mut all = files(world.dir()).into_iter();
    all.find(|path| path.to_string_lossy().contains(&item.to_string())).expect("it has a file")
}

fn public(world: &World) -> LedgerPublic {
    let text = std::fs::read_to_string(world.dir().join("ledger/ledger.pub")).expect("there");
    LedgerPublic::parse(&text).expect("a point")
}

#[test]
fn an_item_stands_beside_its_recording_through_restarts_and_a_new_index() {
    for suite in [Suite::Intl, Suite::Gm] {
        let mut world = World::of(suite);
        let (recording, _) = world.record(200);
        let (other, _) = world.record(200);
        let item = append(&world, recording);
        let opus = Making { kind: "opus", media_type: "audio/ogg", by: "tests" };
        let second = world.store().append_derived(recording, &opus, &[7; 3_000_000]).expect("taken");
        let look = |world: &World| {
            let rows = world.store().derived(recording).expect("an index");
            assert_eq!(rows.iter().map(|row| row.item).collect::<Vec<_>>(), [item, second]);
            assert_eq!(rows[0].derivation.kind, "transcript");
            assert_eq!(world.store().derived(other).expect("an index"), []);
            let (derivation, octets) = world.store().read_derived(recording, item).expect("whole");
            assert_eq!((&derivation, &octets[..]), (&rows[0].derivation, TEXT.as_bytes()));
            assert_eq!(*world.store().read_derived(recording, second).expect("whole").1, [7; 3_000_000]);
            let report = world.store().verify(Scope::All).expect("readable");
            assert_eq!((report.findings, report.derived), (vec![], 2));
            assert_eq!(world.store().verify(Scope::One(recording)).expect("readable").derived, 2);
            assert_eq!(world.store().verify(Scope::Index).expect("readable").derived, 2);
        };
        look(&world);
        let proof = world.store().prove_derived(&world.store().derived(recording).expect("rows")[1]);
        assert!(proof.expect("readable").expect("a leaf").check(&public(&world)).is_some());
        world.restart();
        look(&world);
        world.store().reindex(&mut |_, _| ()).expect("room");
        look(&world);
        world.store().rotate().expect("room");
        world.store().rewrap(&mut |_, _| ()).expect("room");
        let keys = world.store().key_use().expect("readable");
        look(&world);
        world.store.take().expect("open").close();
        let on_disk = files(world.dir()).into_iter().map(|path| std::fs::read(path).expect("readable"));
        assert!(
            !on_disk.into_iter().any(|octets| memchr::memmem::find(&octets, "保本保息".as_bytes()).is_some())
        );
        // Two recordings, and the two items: everything was wrapped anew.
        assert_eq!((keys.versions[&1].0, keys.versions[&2].0), (0, 4), "{keys:?}");
        let copy = verify_copy(world.dir(), &public(&world), "", Depth::Content, &mut |_, _| ());
        let copy = copy.expect("readable");
        assert_eq!((copy.findings, copy.derived), (vec![], 2));
    }
}

#[test]
fn nothing_is_derived_from_what_runs_or_was_asked_to_be_erased() {
    let mut world = World::new();
    let (running, _) = world.begin();
    let refused = world.store().append_derived(running, &TRANSCRIPT, b"{}");
    assert!(matches!(refused, Err(StoreError::Rule(_))), "{refused:?}");
    world.end(running);
    for kind in ["", "../x", "Text"] {
        let refused = world.store().append_derived(running, &Making { kind, ..TRANSCRIPT }, b"{}");
        assert!(matches!(refused, Err(StoreError::Rule(_))), "{refused:?}");
    }
    world.store().settle();
    let erasure = Erasure { recording: running, reason: "asked".into() };
    world.store().ask_erasure("li", erasure).expect("written");
    let (gone, _) = made(&mut world, 400, class("call.end", 365, None));
    world.store().destroy("li", job(&world, vec![gone])).expect("done");
    let refused = world.store().append_derived(gone, &TRANSCRIPT, b"{}");
    assert!(matches!(refused, Err(StoreError::Withheld(..))), "{refused:?}");
}

/// TAM-01 for items: flipped, cut, exchanged, removed, brought in.
#[test]
fn every_change_of_an_item_is_named() {
    let mut world = World::new();
    let (one, _) = world.record(200);
    let (other, _) = world.record(200);
    let (item, second) = (append(&world, one), append(&world, other));
    let (path, foreign) = (file_of(&world, item), file_of(&world, second));
    let good = std::fs::read(&path).expect("there");
    let strange = std::fs::read(&foreign).expect("there");
    let found = |world: &World| {
        let inside = world.store().verify(Scope::All).expect("readable").findings;
        let outside = verify_copy(world.dir(), &public(world), "", Depth::Content, &mut |_, _| ());
        let outside = outside.expect("readable").findings;
        let about = |all: &[ledgerline::vault::Finding]| {
            all.iter().any(|found| found.subject == Subject::Derived(one, item))
        };
        assert_eq!(about(&inside), about(&outside), "{inside:?}\n{outside:?}");
        about(&inside)
    };
    assert!(!found(&world));
    for at in (0..good.len()).step_by(37).filter(|at| !(64..108).contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).expect("ours");
        assert!(found(&world), "octet {at}");
    }
    for bad in [&good[..good.len() - 1], &good[..200], b"", &strange[..]] {
        std::fs::write(&path, bad).expect("ours");
        assert!(found(&world));
    }
    std::fs::remove_file(&path).expect("ours");
    assert!(found(&world), "removed");
    std::fs::write(&path, &good).expect("ours");
    assert!(!found(&world));
    let name =
        path.file_name().expect("a name").to_string_lossy().replace(&item.to_string(), &second.to_string());
    std::fs::copy(&path, path.with_file_name(name)).expect("room");
    let extra = world.store().verify(Scope::All).expect("readable").findings;
    assert!(extra.iter().all(|found| found.damage == Damage::NotInLedger) || extra.is_empty(), "{extra:?}");
}

/// DES-04: what is derived goes with its recording: from the store, from its backup, and from an old backup that comes back.
#[test]
fn what_is_derived_is_destroyed_with_its_recording() {
    let mut world = World::new();
    let (gone, _) = made(&mut world, 400, class("call.end", 365, None));
    let (held, _) = made(&mut world, 400, class("call.end", 365, None));
    let (item, stays) = (append(&world, gone), append(&world, held));
    let select = Select { recordings: vec![held], ..Select::default() };
    world.store().hold("li", Holding { case: "C-7".into(), select, reason: String::new() }).expect("held");
    let outer = tempfile::tempdir().expect("a folder");
    let (old, to) = (outer.path().join("old"), outer.path().join("backup"));
    for folder in [&old, &to] {
        world.store().backup(folder, Depth::Content, &mut |_, _| ()).expect("copied");
    }
    assert!(world.store().destroy("li", job(&world, vec![held])).is_err(), "what holds one holds the other");
    let done = job(&world, vec![gone]);
    let no = done.no.clone();
    world.store().destroy("li", done).expect("done");
    world.store().settle();
    let with_item = |folder: &std::path::Path, item: ItemId| {
        files(folder).iter().any(|path| path.to_string_lossy().contains(&item.to_string()))
    };
    assert!(!with_item(world.dir(), item) && with_item(world.dir(), stays));
    assert_eq!(world.store().derived(gone).expect("an index"), []);
    assert!(world.store().read_derived(gone, item).is_err());
    let certificate = std::fs::read_to_string(world.dir().join(format!("certificates/{no}.json")));
    let certificate = Certificate::verify(&certificate.expect("there"), &public(&world)).expect("signed");
    assert!(
        certificate.also.iter().any(|also| also == "1 items derived from them"),
        "{:?}",
        certificate.also
    );
    let report = world.store().verify(Scope::All).expect("readable");
    assert_eq!((report.findings, report.derived, report.destroyed), (vec![], 1, 1));
    // The replica, when it is next made.
    world.store().backup(&to, Depth::Content, &mut |_, _| ()).expect("copied");
    assert!(!with_item(&to, item) && with_item(&to, stays));
    // An old one that is brought back beside the newer ledger.
    world.store.take().expect("open").close();
    let back = outer.path().join("back");
    restore(&old, &back, &public(&world), Some(world.dir()), &mut |_| ()).expect("brought back");
    assert!(with_item(&back, item));
    let options = Options { keys: Some(world.dir().join("keys")), ..Options::default() };
    let store = Store::open(&back, &options, |_| {}).expect("opens");
    store.settle();
    assert!(!with_item(&back, item) && with_item(&back, stays));
    assert_eq!(store.verify(Scope::All).expect("readable").findings, []);
}

/// A crash between the leaf and the file's place, and one before the leaf.
#[test]
fn a_crash_leaves_an_item_whole_or_none() {
    let mut world = World::new();
    let (recording, _) = world.record(200);
    let item = append(&world, recording);
    let place = file_of(&world, item);
    world.store.take().expect("open").close();
    let making = world.dir().join("making");
    let made = making.join(place.file_name().expect("a name"));
    std::fs::rename(&place, &made).expect("ours");
    let unfinished = making.join(format!("{recording}.{}.lld", ItemId::from_bytes([9; 16])));
    std::fs::copy(&made, &unfinished).expect("ours");
    world.open();
    assert!(place.exists() && !made.exists() && !unfinished.exists());
    assert!(world.store().read_derived(recording, item).is_ok());
    assert_eq!(world.store().verify(Scope::All).expect("readable").findings, []);
}

/// The archivist puts Opus copies beside what is old enough, and touches nothing else.
#[test]
fn old_recordings_get_an_opus_copy_beside_them() {
    let mut world = World::new();
    let (old, _) = made(&mut world, 40, class("call.end", 365, None));
    let (sealed, _) = made(&mut world, 40, class("call.end", 365, None));
    let (young, _) = made(&mut world, 1, class("call.end", 365, None));
    let erasure = Erasure { recording: sealed, reason: "asked".into() };
    world.store().ask_erasure("li", erasure).expect("written");
    let original = std::fs::read(world.file_of(old)).expect("there");
    let age = Some(std::time::Duration::from_secs(30 * 86_400));
    world.options = Options { opus_after: age, ..Options::default() };
    world.restart();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let copies = |world: &World, id| world.store().derived(id).expect("an index");
    while copies(&world, old).is_empty() {
        assert!(std::time::Instant::now() < deadline, "no copy is made");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    // The others would have their turn within this time, were they old enough, or free.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(3);
    while std::time::Instant::now() < until {
        assert_eq!((copies(&world, sealed).len(), copies(&world, young).len()), (0, 0));
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    world.restart();
    let rows = copies(&world, old);
    assert_eq!(rows.iter().map(|row| row.derivation.kind.as_str()).collect::<Vec<_>>(), ["opus"]);
    assert!(world.store().read_derived(old, rows[0].item).expect("whole").1.starts_with(b"OggS"));
    assert_eq!((copies(&world, sealed).len(), copies(&world, young).len()), (0, 0));
    assert_eq!(std::fs::read(world.file_of(old)).expect("there"), original);
    assert_eq!(world.store().verify(Scope::All).expect("readable").findings, []);
}

/// An envelope to an SM2 key is opened by others: the key by OpenSSL, the content by Python's SM4-GCM.
#[test]
fn an_sm2_envelope_is_opened_by_strangers() {
    use ledgerline::base::{Random, Secret};
    let there = |program: &str, argument: &[&str]| {
        std::process::Command::new(program).args(argument).output().is_ok_and(|done| done.status.success())
    };
    if !there("openssl", &["version"]) || !there("python3", &["-c", "import cryptography"]) {
        assert!(
            std::env::var_os("LEDGERLINE_LIVE").is_none(),
            "openssl or python3 with cryptography is missing"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let scalar = Secret::new([7; 32]);
    let recipient = ledgerline::vault::Recipient::of_sm2(&scalar).expect("a scalar");
    let sealed = recipient.seal("所说的话".as_bytes(), &mut Random::from_number(1)).expect("a good key");
    let key = folder.path().join("key.pem");
    let pem = {
        use sm2::pkcs8::{EncodePrivateKey, LineEnding};
        sm2::SecretKey::from_slice(scalar.expose()).expect("a scalar").to_pkcs8_pem(LineEnding::LF)
    };
    std::fs::write(&key, pem.expect("a text").as_bytes()).expect("room");
    let script = format!("{OPEN}\nopen_it({:?}, {:?})", key.to_str().expect("text"), sealed);
    let done = std::process::Command::new("python3").args(["-c", &script]).output().expect("runs");
    assert_eq!(
        String::from_utf8_lossy(&done.stdout),
        "所说的话",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

const OPEN: &str = r#"
import base64, subprocess, sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

def open_it(key, envelope):
    decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    header, wrapped, nonce, content, tag = envelope.split(".")
    found = subprocess.run(["openssl", "pkeyutl", "-decrypt", "-inkey", key], input=decode(wrapped), capture_output=True)
    if found.returncode:
        sys.exit(found.stderr.decode())
    opener = Cipher(algorithms.SM4(found.stdout), modes.GCM(decode(nonce), decode(tag))).decryptor()
    opener.authenticate_additional_data(header.encode())
    sys.stdout.write((opener.update(decode(content)) + opener.finalize()).decode())
"#;
