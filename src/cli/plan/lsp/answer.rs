//! What a plan says, in the words of the protocol.

use std::collections::BTreeMap;

use lsp_types::{
    CompletionItem, CompletionItemKind, DiagnosticSeverity, DocumentSymbol, Position, Range,
    SymbolKind as Shape, TextEdit,
};
use serde_json::{Value, json};

use super::desk::{At, Desks, uri as address};
use crate::plan::edit::{Desk, Found, Spot, Symbol, SymbolKind, is_error, lines};
use crate::plan::{Lang, fmt};

/// The file that a message is about.
pub(super) fn uri(params: &Value) -> Option<&str> {
    params.pointer("/textDocument/uri")?.as_str()
}

/// The answer to a request; `None`: nobody knows it.
pub(super) fn answer(
    desks: &mut Desks,
    lang: Lang,
    method: &str,
    params: &Value,
) -> Option<Result<Value, String>> {
    let known = [
        "textDocument/hover",
        "textDocument/definition",
        "textDocument/references",
        "textDocument/rename",
        "textDocument/completion",
        "textDocument/documentSymbol",
        "textDocument/formatting",
        "textDocument/codeAction",
    ];
    if !known.contains(&method) {
        return None;
    }
    let Some(at) = uri(params).and_then(|uri| desks.at(uri)) else {
        return Some(Ok(Value::Null));
    };
    let offset = position(params.get("position")).map(|position| offset(&at, position)).unwrap_or(0);
    Some(Ok(match method {
        "textDocument/hover" => match at.desk.hover(&at.path, offset, lang) {
            Some((run, text)) => {
                let spot = Spot { path: at.path.as_str().into(), range: run };
                json!({ "contents": { "kind": "markdown", "value": text }, "range": range(&at.desk, &spot) })
            }
            None => Value::Null,
        },
        "textDocument/definition" => {
            at.desk.definition(&at.path, offset).map_or(Value::Null, |spot| location(&at, &spot))
        }
        "textDocument/references" => {
            at.desk.references(&at.path, offset).iter().map(|spot| location(&at, spot)).collect()
        }
        "textDocument/rename" => {
            let name = params.get("newName").and_then(Value::as_str).unwrap_or_default();
            match at.desk.rename(&at.path, offset, name, lang) {
                Ok(spots) => renamed(&at, &spots, name),
                Err(why) => return Some(Err(why)),
            }
        }
        "textDocument/completion" => {
            let offers = at.desk.complete(&at.path, offset, lang);
            offers
                .into_iter()
                .map(|offer| {
                    json!(CompletionItem {
                        kind: Some(if offer.is_word {
                            CompletionItemKind::KEYWORD
                        } else {
                            CompletionItemKind::REFERENCE
                        }),
                        label: offer.text,
                        detail: Some(offer.about).filter(|about| !about.is_empty()),
                        documentation: offer
                            .form
                            .map(|form| lsp_types::Documentation::String(form.to_string())),
                        ..CompletionItem::default()
                    })
                })
                .collect()
        }
        "textDocument/documentSymbol" => {
            at.desk.symbols(&at.path, lang).iter().map(|one| symbol(&at.desk, one)).collect()
        }
        "textDocument/formatting" => formatted(&at),
        _ => actions(&at, lang, params),
    }))
}

/// What is wrong in a file and in those that it uses, by their addresses; a file without findings is told so.
pub(super) fn diagnostics(desks: &mut Desks, lang: Lang, uri: &str) -> Vec<(String, Value)> {
    let Some(at) = desks.at(uri) else {
        return Vec::new();
    };
    let mut files: BTreeMap<String, Vec<Value>> =
        at.desk.files().map(|(path, _)| (path.to_string(), Vec::new())).collect();
    for found in at.desk.findings(lang) {
        let one = diagnostic(&at, &found);
        files.entry(found.spot.path.to_string()).or_default().push(one);
    }
    files
        .into_iter()
        .map(|(path, found)| {
            // The editor's own address of the file, which may be spelt in another way.
            let address = if path == at.path { uri.to_string() } else { address(&at.folder.join(path)) };
            (address, Value::Array(found))
        })
        .collect()
}

fn diagnostic(at: &At, found: &Found) -> Value {
    let related: Vec<Value> = found
        .related
        .iter()
        .map(|(spot, note)| json!({ "location": location(at, spot), "message": note }))
        .collect();
    json!({
        "range": range(&at.desk, &found.spot),
        "severity": if is_error(found) { DiagnosticSeverity::ERROR } else { DiagnosticSeverity::WARNING },
        "code": found.code.to_string(),
        "source": "ledgerline",
        "message": found.message,
        "relatedInformation": related,
    })
}

/// What would mend the findings of a range.
fn actions(at: &At, lang: Lang, params: &Value) -> Value {
    let bound =
        |name: &str| position(params.pointer(&format!("/range/{name}"))).map(|position| offset(at, position));
    let (start, end) = (bound("start").unwrap_or(0), bound("end").unwrap_or(usize::MAX));
    let here = |found: &Found| {
        *found.spot.path == *at.path && found.spot.range.start <= end && start <= found.spot.range.end
    };
    let found = at.desk.findings(lang);
    let all = found.iter().filter(|found| here(found)).filter_map(|found| {
        let instead = found.instead.as_ref()?;
        let edit = TextEdit { range: range(&at.desk, &found.spot), new_text: instead.clone() };
        let title = match lang {
            Lang::En => format!("write `{instead}`"),
            Lang::Zh => format!("改为 `{instead}`"),
        };
        Some(json!({
            "title": title,
            "kind": "quickfix",
            "isPreferred": true,
            "diagnostics": [diagnostic(at, found)],
            "edit": { "changes": { uri(params).unwrap_or_default(): [edit] } },
        }))
    });
    all.collect()
}

fn renamed(at: &At, spots: &[Spot], name: &str) -> Value {
    let mut changes: BTreeMap<String, Vec<TextEdit>> = BTreeMap::new();
    for spot in spots {
        let edit = TextEdit { range: range(&at.desk, spot), new_text: name.to_string() };
        changes.entry(address(&at.folder.join(&*spot.path))).or_default().push(edit);
    }
    json!({ "changes": changes })
}

/// The whole file anew where it can be read; nothing where it is as it should be, or broken.
fn formatted(at: &At) -> Value {
    let text = at.desk.text(&at.path).unwrap_or_default();
    match fmt::format(&at.path, text) {
        Ok(done) if done != text => {
            let end = lines::position(text, text.len());
            json!([TextEdit {
                range: Range { start: Position::new(0, 0), end: Position::new(end.0, end.1) },
                new_text: done
            }])
        }
        _ => json!([]),
    }
}

#[allow(deprecated)] // the field stands in the type all the same
fn symbol(desk: &Desk, symbol: &Symbol) -> Value {
    let range = range(desk, &symbol.spot);
    let kind = match symbol.kind {
        SymbolKind::Flow => Shape::FUNCTION,
        SymbolKind::Policy => Shape::INTERFACE,
        SymbolKind::Text => Shape::STRING,
        SymbolKind::Other => Shape::OBJECT,
    };
    json!(DocumentSymbol {
        name: symbol.name.clone(),
        detail: Some(symbol.about.to_string()),
        kind,
        tags: None,
        deprecated: None,
        range,
        selection_range: range,
        children: None,
    })
}

fn position(value: Option<&Value>) -> Option<Position> {
    serde_json::from_value(value?.clone()).ok()
}

fn offset(at: &At, position: Position) -> usize {
    lines::offset(at.desk.text(&at.path).unwrap_or_default(), (position.line, position.character))
}

fn range(desk: &Desk, spot: &Spot) -> Range {
    let text = desk.text(&spot.path).unwrap_or_default();
    let at = |offset: usize| {
        let (line, unit) = lines::position(text, offset);
        Position::new(line, unit)
    };
    Range { start: at(spot.range.start), end: at(spot.range.end) }
}

fn location(at: &At, spot: &Spot) -> Value {
    json!({ "uri": address(&at.folder.join(&*spot.path)), "range": range(&at.desk, spot) })
}
