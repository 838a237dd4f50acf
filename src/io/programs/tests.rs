//! What is kept, and what is not taken back when it was touched.

use std::fs;
use std::path::Path;

use super::*;
use crate::base::{Secret, Wall, bounds};
use crate::io::plans::{Folder, load_files};
use crate::vault::Keyring;

const PLAN: &str = "edition 2026\nlanguage en\nprompt hi en \"hi.wav\"\n# why\nroute \"8XXX\" from users -> main\nflow main { play hi; hangup }\n";

fn wav(sample: u8) -> Vec<u8> {
    let data = [sample; 1_600];
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    for part in
        [16_u32.to_le_bytes(), [1, 0, 1, 0], 8_000_u32.to_le_bytes(), 16_000_u32.to_le_bytes(), [2, 0, 16, 0]]
    {
        file.extend(part);
    }
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn programs(store: &Path) -> Programs {
    let mut keys = Keyring::new();
    keys.insert(1, Secret::new([1; 32]));
    Programs::new(store, Arc::new(keys))
}

fn write(folder: &Path, text: &str, sound: u8) {
    fs::write(folder.join("a.plan"), text).expect("written");
    fs::write(folder.join("hi.wav"), wav(sound)).expect("written");
}

fn keep(programs: &Programs, folder: &Path) -> String {
    let loaded = load_files(folder, vec!["a.plan".into()], None).expect("readable");
    let hash = loaded.program.expect("clean").hash_hex();
    assert_eq!(loaded.kept.hash_hex(), hash, "whoever has the text has the hash");
    assert_eq!(programs.keep(&loaded.kept, &Folder::open(folder).expect("open")).expect("kept"), hash);
    hash
}

#[test]
fn a_program_comes_back_from_its_shelf_as_it_was() {
    let (plans, store) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let kept = programs(store.path());
    write(plans.path(), PLAN, 1);
    let first = keep(&kept, plans.path());
    write(plans.path(), &PLAN.replace("8XXX", "7XXX"), 2);
    let second = keep(&kept, plans.path());
    // The folder is gone: both load, sounds and all.
    fs::remove_file(plans.path().join("a.plan")).expect("removed");
    fs::remove_file(plans.path().join("hi.wav")).expect("removed");
    for hash in [&first, &second] {
        let (found, of) = kept.find(&hash[..8]).expect("kept");
        let loaded = kept.load(&of, &Site::default());
        assert_eq!(
            (found, loaded.program.map(|program| program.hash_hex())),
            (hash.clone(), Some(hash.clone()))
        );
        assert_eq!(loaded.prompts.len(), 1);
    }
    assert!(matches!(kept.find(""), Err(ProgramsError::Unknown(_))));
}

#[test]
fn what_was_touched_on_the_shelf_is_not_taken() {
    let (plans, store) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let kept = programs(store.path());
    write(plans.path(), PLAN, 1);
    let hash = keep(&kept, plans.path());
    let file = store.path().join("plans").join(&hash).with_extension("json");
    let text = fs::read_to_string(&file).expect("text");
    fs::write(&file, text.replace("8XXX", "9XXX")).expect("written");
    assert!(kept.find(&hash).is_err() && kept.get(&hash).is_none(), "another text");
    fs::write(&file, text.replace("# why", "# other")).expect("written");
    assert!(kept.get(&hash).is_some(), "a comment says nothing");
    let sounds = fs::read_dir(store.path().join("plans/sounds")).expect("a folder");
    let sound = sounds.flatten().next().expect("one").path();
    fs::write(&sound, wav(9)).expect("written");
    let loaded = kept.load(&kept.get(&hash).expect("kept"), &Site::default());
    assert!(loaded.program.is_none(), "another sound");
}

/// A sound that changes between the check and the keeping is found, so that what is kept is what was checked.
#[test]
fn what_changes_under_the_hand_is_not_kept() {
    let (plans, store) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    write(plans.path(), PLAN, 1);
    let loaded = load_files(plans.path(), vec!["a.plan".into()], None).expect("readable");
    write(plans.path(), PLAN, 2);
    let programs = programs(store.path());
    let kept = programs.keep(&loaded.kept, &Folder::open(plans.path()).expect("open"));
    assert!(matches!(kept, Err(ProgramsError::Keep(_))));
    assert!(programs.get(&loaded.kept.hash_hex()).is_none());
}

#[test]
fn old_programs_go_with_their_sounds() {
    let (plans, store) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let kept = programs(store.path());
    for number in 0..bounds::PROGRAMS + 3 {
        write(plans.path(), &PLAN.replace("8XXX", &format!("{}", 1_000 + number)), number as u8);
        let program = keep(&kept, plans.path());
        let entry = Entry {
            at: Wall::from_micros(0),
            step: Step::Loaded,
            program,
            who: "li".into(),
            from: String::new(),
            files: vec!["a.plan".into()],
            change: String::new(),
        };
        kept.record(entry, None).expect("written");
    }
    assert_eq!(kept.shelves.list().len(), bounds::PROGRAMS);
    assert_eq!(fs::read_dir(store.path().join("plans/sounds")).expect("a folder").count(), bounds::PROGRAMS);
    assert_eq!(kept.book().expect("opens").entries.len(), bounds::PROGRAMS + 3);
}
