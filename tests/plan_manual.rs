//! The manual keeps to the language: every example in it is checked, and its reference is what the switch says of itself.

use std::fs;
use std::path::{Path, PathBuf};

use ledgerline::plan::{Diagnostic, Folder, Lang, fmt, load, reference, rehearse};

const MANUALS: [(&str, Lang); 2] = [("docs/dialplan.md", Lang::En), ("docs/zh/dialplan.md", Lang::Zh)];

/// Further pages with examples.
const LIVES: [(&str, Lang); 2] = [("docs/plan-life.md", Lang::En), ("docs/zh/plan-life.md", Lang::Zh)];

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn manual(file: &str) -> String {
    fs::read_to_string(path(file)).expect(file)
}

/// The examples of a manual: what follows ` ```plan ` on its line, the line, the text.
fn examples(manual: &str) -> Vec<(String, usize, String)> {
    let mut out = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for (number, line) in manual.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_string(), number + 1, String::new())),
            (Some(_), Some(_)) => out.extend(open.take()),
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    out.retain(|(info, ..)| info == "plan" || info.starts_with("plan "));
    out
}

#[test]
fn every_example_is_as_right_or_as_wrong_as_the_manual_says() {
    for (file, lang) in MANUALS.into_iter().chain(LIVES) {
        let examples = examples(&manual(file));
        let least = if file.ends_with("dialplan.md") { 9 } else { 1 };
        assert!(examples.len() >= least, "{file} has examples");
        for (info, line, text) in examples.into_iter().filter(|(info, ..)| info != "plan grow") {
            let folder = Folder::new().with_plan("office.plan", text.as_str()).with_any_sound();
            let (program, found) = load(&folder, &["office.plan"]);
            let said: String = found.iter().map(|found| found.render(lang)).collect();
            match info.strip_prefix("plan wrong ") {
                None => {
                    assert!(program.is_some() && found.is_empty(), "{file}:{line}\n{said}");
                    for verdict in program.iter().flat_map(rehearse) {
                        assert!(verdict.passed(), "{file}:{line} {}: {:?}", verdict.name, verdict.failures);
                    }
                }
                Some(code) => {
                    let codes: Vec<String> = found.iter().map(|found| found.code().to_string()).collect();
                    assert_eq!(codes, [code], "{file}:{line}\n{said}");
                }
            }
        }
    }
}

#[test]
fn a_finding_that_is_shown_is_what_is_said() {
    for (file, lang) in MANUALS {
        let manual = manual(file);
        let (_, _, text) =
            examples(&manual).into_iter().find(|(info, ..)| info.ends_with("P0403")).expect("an example");
        let (_, found) =
            load(&Folder::new().with_plan("office.plan", text).with_any_sound(), &["office.plan"]);
        let said: String = found.iter().map(|found: &Diagnostic| found.render(lang)).collect();
        assert!(manual.contains(&said), "{file} should show\n{said}");
    }
}

#[test]
fn both_manuals_have_the_same_examples_in_their_own_words() {
    let shape = |file| {
        examples(&manual(file))
            .into_iter()
            .map(|(info, _, text)| (info, text.lines().count()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shape(MANUALS[0].0), shape(MANUALS[1].0));
}

#[test]
fn the_reference_is_written_by_the_switch() {
    const BEGIN: &str = "<!-- reference -->\n";
    const END: &str = "<!-- /reference -->";
    for (file, lang) in MANUALS {
        let manual = manual(file);
        let (head, rest) = manual.split_once(BEGIN).expect("where the reference begins");
        let (written, tail) = rest.split_once(END).expect("where the reference ends");
        let said = format!("{}\n", reference(lang));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            // Renamed into place: the other tests may be reading it.
            let new = path(file).with_extension("md.new");
            fs::write(&new, format!("{head}{BEGIN}{said}{END}{tail}")).expect(file);
            fs::rename(new, path(file)).expect(file);
        } else {
            assert!(written == said, "{file}: the reference is old; UPDATE_EXPECT=1 writes it anew");
        }
    }
}

/// The declarations of an example: what each is called, and its text. One begins with a word at the beginning of a line.
fn declarations(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with(|ch: char| ch.is_ascii_lowercase()) {
            let named = line.starts_with("test ").then(|| line.to_string());
            let name = named.unwrap_or_else(|| line.split([' ', '(']).take(2).collect::<Vec<_>>().join(" "));
            out.push((name, String::new()));
        }
        let (_, text) = out.last_mut().expect("an example begins with a declaration");
        text.push_str(line);
        text.push('\n');
    }
    out
}

#[test]
fn the_tutorials_plan_grows_and_is_right_at_every_step() {
    for (file, lang) in MANUALS {
        let mut plan: Vec<(String, String)> = Vec::new();
        let (mut steps, mut tests) = (0, 0);
        for (_, line, text) in examples(&manual(file)).into_iter().filter(|(info, ..)| info == "plan grow") {
            for (name, text) in declarations(&text) {
                match plan.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, old)) => *old = text,
                    None => plan.push((name, text)),
                }
            }
            let text: String = plan.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(fmt::format(file, &text).as_ref(), Ok(&text), "{file}:{line} is in the layout");
            let (program, found) =
                load(&Folder::new().with_plan("hotline.plan", text).with_any_sound(), &["hotline.plan"]);
            let said: String = found.iter().map(|found| found.render(lang)).collect();
            assert!(found.is_empty(), "{file}:{line}\n{said}");
            for verdict in program.iter().flat_map(rehearse) {
                assert!(verdict.passed(), "{file}:{line} {}: {:?}", verdict.name, verdict.failures);
                tests += 1;
            }
            steps += 1;
        }
        assert!(steps >= 8 && tests >= 3, "{file}: {steps} steps, {tests} tests");
    }
}
