//! Sensitive words on sentences whose truth is known: what each level finds of what was said, and what it finds besides.
//!
//! `tests/words/labelled.txt` is made by `make.py` beside it, which says what the kinds mean. Run with `--nocapture` for the table.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use ledgerline::compliance::words::{Level, WordSet, Words};

const KINDS: [&str; 7] = ["said", "dressed", "homophone", "accent", "garbled", "excused", "innocent"];

/// A sentence with what was said in it.
struct Sentence {
    kind: &'static str,
    phrase: &'static str,
    text: &'static str,
}

fn labelled() -> (Vec<Arc<str>>, Vec<Sentence>) {
    let (mut phrases, mut sentences) = (Vec::new(), Vec::new());
    for line in include_str!("words/labelled.txt").lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["set", phrase] => phrases.push(phrase.into()),
            [kind, phrase, text] => sentences.push(Sentence { kind, phrase, text }),
            _ => panic!("{line}"),
        }
    }
    (phrases, sentences)
}

/// What a level made of the sentences.
#[derive(Default)]
struct Score {
    /// By kind: how many, and how many of them right.
    kinds: BTreeMap<&'static str, (usize, usize)>,
    said: usize,
    found: usize,
    wrong: usize,
    /// Sentences that it judged wrongly, for whoever reads.
    misjudged: Vec<String>,
}

impl Score {
    fn of(level: Level) -> Score {
        let (phrases, sentences) = labelled();
        let set = WordSet { name: "金融".into(), level, phrases, ..WordSet::default() };
        let words = Words::compile(&[set]).expect("good phrases");
        let mut score = Score::default();
        for sentence in &sentences {
            score.judge(&words, sentence);
        }
        score
    }

    fn judge(&mut self, words: &Words, sentence: &Sentence) {
        let hits = words.scan(sentence.text);
        let charged = hits.iter().filter(|hit| !hit.excused);
        let (right, wrong) = charged.fold((0, 0), |(right, wrong), hit| {
            let is_right = sentence.kind != "excused" && *hit.phrase == *sentence.phrase && right == 0;
            if is_right { (1, wrong) } else { (right, wrong + 1) }
        });
        let was_said = !matches!(sentence.kind, "excused" | "innocent");
        let is_right = if was_said { right == 1 && wrong == 0 } else { wrong == 0 };
        let kind = self.kinds.entry(sentence.kind).or_default();
        kind.0 += 1;
        kind.1 += usize::from(is_right);
        self.said += usize::from(was_said);
        self.found += right;
        self.wrong += wrong;
        if !is_right {
            let found: Vec<&str> = hits.iter().filter(|hit| !hit.excused).map(|hit| &*hit.phrase).collect();
            self.misjudged
                .push(format!("{} [{}] found {found:?}: {}", sentence.kind, sentence.phrase, sentence.text));
        }
    }

    fn recall(&self) -> f64 {
        self.found as f64 / self.said as f64
    }

    fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.wrong) as f64
    }
}

#[test]
fn sounding_alike_finds_what_recognisers_write() {
    let scores = [Level::Exact, Level::Homophone, Level::Near].map(|level| (level, Score::of(level)));
    println!("{:<10} {:>9} {:>9}  right of each kind", "level", "recall", "precision");
    for (level, score) in &scores {
        let kinds = KINDS.map(|kind| {
            let (all, right) = score.kinds.get(kind).copied().unwrap_or_default();
            format!("{kind} {right}/{all}")
        });
        println!(
            "{level:<10} {:>8.1}% {:>8.1}%  {}",
            100.0 * score.recall(),
            100.0 * score.precision(),
            kinds.join("  ")
        );
    }
    for (level, score) in &scores {
        println!("\n{level}, misjudged:\n  {}", score.misjudged.join("\n  "));
    }
    let sentences: usize = scores[0].1.kinds.values().map(|(all, _)| all).sum();
    assert!(sentences >= 300, "{sentences}");
    for ((level, score), (recall, precision)) in scores.iter().zip(FLOORS) {
        assert!(score.recall() >= recall, "{level}: recall {:.3}", score.recall());
        assert!(score.precision() >= precision, "{level}: precision {:.3}", score.precision());
    }
    assert!(scores.windows(2).all(|pair| pair[0].1.recall() < pair[1].1.recall()), "each level finds more");
}

/// Recall and precision that each level may not fall below.
const FLOORS: [(f64, f64); 3] = [(0.32, 0.97), (0.67, 0.93), (0.85, 0.93)];

/// Runs `ledgerline words …` with `text` on its standard input.
fn command(args: &[&str], text: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledgerline"))
        .arg("words")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    // A command that stops before it reads leaves a broken pipe; what it said is what counts.
    let _ = child.stdin.take().expect("piped").write_all(text.as_bytes());
    child.wait_with_output().expect("ends")
}

#[test]
fn the_command_finds_words_of_files_and_of_plans() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_string();
    let (set, plan) = (path("催收.words"), path("wording.plan"));
    std::fs::write(&set, "@version v1\n@party agent\n爆通讯录\n").expect("written");
    std::fs::write(
        &plan,
        "edition 2026\nwords 金融 v1 until 2025-12-31 { \"保本\" }\nwords 金融 v2 from 2026-01-01 { \"保本保息\" \"!不承诺[..2]*\" near }\n\
         words 以后 v1 from 2999-01-01 { \"很久以后\" }\n",
    )
    .expect("written");

    let text = "我们宝本保息，\n不承诺保本保息。很久以后爆通讯录";
    let found = command(&["scan", "-", "--set", &set, "--plan", &plan, "--json"], text);
    let hits: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let hits: Vec<String> = hits
        .as_array()
        .expect("a list")
        .iter()
        .map(|hit| {
            let word = |name: &str| hit[name].as_str().unwrap_or_default().to_string();
            format!(
                "{}:{} {} {} {} {}",
                hit["line"],
                hit["column"],
                word("set"),
                word("version"),
                word("text"),
                hit["excused"]
            )
        })
        .collect();
    assert_eq!(
        hits,
        ["1:3 金融 v2 宝本保息 false", "2:4 金融 v2 保本保息 true", "2:13 催收 v1 爆通讯录 false"]
    );
    assert_eq!(found.status.code(), Some(1));

    for (args, text, code) in [
        (&["scan", "-", "--set", &set, "--by", "customer"][..], "爆通讯录", 0),
        (&["scan", "-", "--plan", &plan], "不承诺保本保息", 0),
        (&["scan", "-", "--plan", &path("none.plan")], "", 2),
        (&["explain", "保本保息", "--set", &set], "", 0),
        (&["explain", "保[", "--set", &set], "", 2),
    ] {
        let output = command(args, text);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_command_masks_personal_data() {
    let masked =
        command(&["mask", "-"], "我叫张三丰，\n电话一三八一二三四五六七八，身份证11010519491231002X\n");
    assert_eq!(
        String::from_utf8_lossy(&masked.stdout),
        "我叫张**，\n电话138****5678，身份证110105****002X\n"
    );
    assert_eq!(masked.status.code(), Some(0));
}
