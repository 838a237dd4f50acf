//! The language server as an editor meets it: the real program, its protocol through a pipe.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const PLAN: &str = "edition 2026\nlanguage zh\nzone \"Asia/Shanghai\"\n\
# 夜间 in a comment\n\
prompt 欢迎 zh \"a.wav\"\n\
class 五年 { from call.end; at least 5y }\n\
hours 工作时间 { mon-fri 09:00-18:00 }\n\
policy 录音 for calls to \"95599\" { record all; retain 五年 }\n\
route \"95599\" from users -> 总机\n\
flow 总机 {\n  when not 工作时间 { -> 夜间 }\n  play 欢迎; -> 夜间\n}\n\
flow 夜间 {\n  let 主叫 = caller\n  tag \"😀\"; say {主叫}\n  hangup\n}\n";

/// An editor with one file open.
struct Editor {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    uri: String,
    next: i64,
    _folder: tempfile::TempDir,
}

impl Editor {
    fn open(text: &str) -> (Editor, Value) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("总机.plan");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::copy(root.join("dialplans/prompts/zh/ivr_welcome.wav"), folder.path().join("a.wav"))
            .expect("a sound");
        fs::write(&path, text).expect("a plan");
        let uri = format!("file://{}/%E6%80%BB%E6%9C%BA.plan", folder.path().display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_ledgerline"))
            .args(["plan", "lsp", "--lang", "en"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut editor = Editor { child, to, from, uri, next: 0, _folder: folder };
        let begun =
            editor.ask("initialize", json!({ "capabilities": {}, "processId": null, "rootUri": null }));
        assert_eq!(begun["capabilities"]["renameProvider"], true);
        editor.tell("initialized", json!({}));
        let uri = editor.uri.clone();
        editor.tell(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": "plan", "version": 1, "text": text } }),
        );
        let found = editor.published();
        (editor, found)
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{body}", body.len())
            .and_then(|()| self.to.flush())
            .expect("sent");
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).expect("a header");
            match line.trim().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().expect("a length"),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn asked(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.read();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked(method, params)["result"].clone()
    }

    /// Asks about the place where `piece` stands for the `nth` time, from 0.
    fn at(&mut self, method: &str, text: &str, piece: &str, nth: usize, more: Value) -> Value {
        let (line, character) = place(text, piece, nth);
        let mut params = json!({ "textDocument": { "uri": self.uri }, "position": { "line": line, "character": character } });
        params.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        self.ask(&format!("textDocument/{method}"), params)
    }

    /// What the server says of the open file; of files that it uses nothing is looked at.
    fn published(&mut self) -> Value {
        loop {
            let note = self.read();
            assert_eq!(note["method"], "textDocument/publishDiagnostics", "{note}");
            if note["params"]["uri"] == self.uri {
                return note["params"]["diagnostics"].clone();
            }
        }
    }

    fn change(&mut self, text: &str) -> Value {
        let uri = self.uri.clone();
        self.tell(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": 2 }, "contentChanges": [{ "text": text }] }),
        );
        self.published()
    }

    fn close(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Line and UTF-16 unit of a piece, counted here anew.
fn place(text: &str, piece: &str, nth: usize) -> (usize, usize) {
    let at = text.match_indices(piece).nth(nth).unwrap_or_else(|| panic!("{piece} stands {nth} times")).0;
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    (text[..at].matches('\n').count(), text[start..at].encode_utf16().count())
}

fn start(value: &Value) -> (u64, u64) {
    let start = if value["range"].is_null() { &value["start"] } else { &value["range"]["start"] };
    (start["line"].as_u64().expect("a line"), start["character"].as_u64().expect("a unit"))
}

fn labels(offers: &Value) -> Vec<String> {
    offers
        .as_array()
        .expect("offers")
        .iter()
        .map(|offer| offer["label"].as_str().unwrap_or("").to_string())
        .collect()
}

#[test]
fn a_right_plan_is_told_right_and_names_are_known() {
    let (mut editor, found) = Editor::open(PLAN);
    assert_eq!(found, json!([]));
    let there = editor.at("definition", PLAN, "夜间", 1, json!({}));
    let (line, unit) = place(PLAN, "夜间 {\n", 0);
    assert_eq!(start(&there), (line as u64, unit as u64), "{there}");
    let all = editor.at("references", PLAN, "夜间", 2, json!({ "context": { "includeDeclaration": true } }));
    assert_eq!(all.as_array().map(Vec::len), Some(3), "two jumps and the flow, not the comment: {all}");
    // Behind a character of two UTF-16 units.
    let value = editor.at("definition", PLAN, "主叫}", 0, json!({}));
    let (line, unit) = place(PLAN, "主叫", 0);
    assert_eq!(start(&value), (line as u64, unit as u64), "{value}");
    let symbols = editor.at("documentSymbol", PLAN, "edition", 0, json!({}));
    let names: Vec<&str> =
        symbols.as_array().expect("symbols").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["欢迎", "五年", "工作时间", "录音", "总机", "夜间"]);
    editor.close();
}

#[test]
fn hovers_say_what_a_name_is_and_what_policy_holds() {
    let (mut editor, _) = Editor::open(PLAN);
    for (piece, nth, wants) in [
        ("play", 0, vec!["play PROMPT", "plays prompts"]),
        ("欢迎", 1, vec!["prompt 欢迎", "总机.plan:5"]),
        ("总机", 1, vec!["flow 总机", "policy **录音**", "the whole call", "五年: at least 5y"]),
        ("route", 0, vec!["calls to 95599 from users", "policy **录音**"]),
    ] {
        let said = editor.at("hover", PLAN, piece, nth, json!({}));
        let said = said["contents"]["value"].as_str().unwrap_or_default();
        for want in wants {
            assert!(said.contains(want), "{piece}: {want:?} in {said}");
        }
    }
    editor.close();
}

#[test]
fn faults_are_told_as_they_are_typed_and_mended_by_an_action() {
    let (mut editor, _) = Editor::open(PLAN);
    let wrong = PLAN.replace("-> 夜间 }", "-> 夜问 }").replace("play 欢迎;", "play 欢迎；");
    let found = editor.change(&wrong);
    let found = found.as_array().expect("findings");
    let codes: Vec<&str> = found.iter().filter_map(|one| one["code"].as_str()).collect();
    assert!(codes.contains(&"P0201") && codes.contains(&"P0004"), "{found:?}");
    let unknown = found.iter().find(|one| one["code"] == "P0201").expect("the name");
    let (line, unit) = place(&wrong, "夜问", 0);
    assert_eq!(start(unknown), (line as u64, unit as u64));
    let uri = editor.uri.clone();
    let range = unknown["range"].clone();
    let actions = editor.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri }, "range": range, "context": { "diagnostics": [] } }),
    );
    let edit = &actions[0]["edit"]["changes"][&editor.uri][0];
    assert_eq!(edit["newText"], "夜间", "{actions}");
    assert_eq!(edit["range"], range);
    assert_eq!(editor.change(PLAN), json!([]));
    let twice = PLAN.replace("flow 夜间 {", "flow 总机 { hangup }\nflow 夜间 {");
    let found = editor.change(&twice);
    let related = found
        .as_array()
        .expect("findings")
        .iter()
        .find(|one| one["code"] == "P0202")
        .expect("declared twice");
    let first = &related["relatedInformation"][0];
    assert_eq!(first["message"], "first declared here");
    assert_eq!(start(&first["location"]).0, place(&twice, "flow 总机", 0).0 as u64);
    editor.close();
}

#[test]
fn what_may_stand_at_a_place_is_offered_there() {
    let (mut editor, _) = Editor::open(PLAN);
    for (typed, want, not) in [
        ("flow 新 {\n  §\n}\n", vec!["play", "queue", "hangup"], vec!["policy", "whisper"]),
        ("flow 新 {\n  pl§\n}\n", vec!["play"], vec!["policy"]),
        ("flow 新 {\n  play §\n}\n", vec!["欢迎"], vec!["夜间", "play"]),
        ("flow 新 {\n  -> §\n}\n", vec!["夜间", "总机", "end"], vec!["欢迎"]),
        ("flow 新 {\n  when not §\n}\n", vec!["工作时间"], vec!["欢迎"]),
        ("flow 新 {\n  menu prompt 欢迎 §\n}\n", vec!["wait", "tries"], vec!["欢迎"]),
        (
            "flow 新 {\n  dial user bob for 5s {\n    §\n  }\n}\n",
            vec!["busy", "no-answer", "else"],
            vec!["play"],
        ),
        ("policy 新 for all calls {\n  §\n}\n", vec!["record", "retain", "mask"], vec!["play PROMPT"]),
        ("policy 新 for all calls {\n  retain §\n}\n", vec!["五年"], vec!["欢迎"]),
        ("§\n", vec!["flow", "route", "queue"], vec!["play"]),
        ("# flow §\n", vec![], vec!["flow"]),
    ] {
        let text = format!("{PLAN}{}", typed.replace('§', ""));
        let at = format!("{PLAN}{typed}");
        editor.change(&text);
        let (line, character) = place(&at, "§", 0);
        let params = json!({ "textDocument": { "uri": editor.uri }, "position": { "line": line, "character": character } });
        let offers = labels(&editor.ask("textDocument/completion", params));
        for want in want {
            assert!(offers.iter().any(|offer| offer == want), "{typed:?}: {want} in {offers:?}");
        }
        for not in not {
            assert!(!offers.iter().any(|offer| offer == not), "{typed:?}: {not} in {offers:?}");
        }
    }
    editor.close();
}

#[test]
fn a_file_is_formatted_and_a_name_changed_everywhere() {
    let (mut editor, _) = Editor::open(PLAN);
    let edits = editor.at(
        "formatting",
        PLAN,
        "edition",
        0,
        json!({ "options": { "tabSize": 2, "insertSpaces": true } }),
    );
    assert_eq!(edits, json!([]), "it is as it should be");
    let ragged = PLAN.replace("  play 欢迎", "      play   欢迎");
    editor.change(&ragged);
    let edits = editor.at(
        "formatting",
        &ragged,
        "edition",
        0,
        json!({ "options": { "tabSize": 2, "insertSpaces": true } }),
    );
    assert_eq!(edits[0]["newText"], PLAN);
    editor.change(PLAN);
    let renamed = editor.at("rename", PLAN, "夜间", 1, json!({ "newName": "下班" }));
    let changes = renamed["changes"].as_object().expect("changes").values().next().expect("a file").clone();
    assert_eq!(changes.as_array().map(Vec::len), Some(3), "{renamed}");
    for bad in ["两 词", "play", "总机"] {
        let (line, character) = place(PLAN, "夜间", 1);
        let params = json!({ "textDocument": { "uri": editor.uri }, "position": { "line": line, "character": character }, "newName": bad });
        assert!(editor.asked("textDocument/rename", params)["error"]["message"].is_string(), "{bad}");
    }
    editor.close();
}
