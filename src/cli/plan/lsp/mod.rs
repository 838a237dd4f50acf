//! `plan lsp`: a language server over standard input and output.
//!
//! `desk` keeps the open files and says in whose folder a file is, `answer` puts what a plan says into the words of the protocol.
//! What is known of plans is in [`plan::edit`](crate::plan::edit).
//!
//! Invariant: standard output carries the protocol and nothing else.

mod answer;
mod desk;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use serde_json::{Value, json};

use super::language;
use crate::cli::exit::{Exit, Stop};
use crate::plan::Lang;
use desk::Desks;

pub(super) fn run() -> Result<Exit, Stop> {
    let (connection, threads) = Connection::stdio();
    let capabilities = json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": { "openClose": true, "change": 1, "save": true },
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "renameProvider": true,
        "documentSymbolProvider": true,
        "documentFormattingProvider": true,
        "codeActionProvider": { "codeActionKinds": ["quickfix"] },
        "completionProvider": { "triggerCharacters": [" ", ">", "{"] },
    });
    let begun = connection.initialize(capabilities).map_err(Stop::failed)?;
    let mut server = Server { desks: Desks::default(), lang: spoken(&begun), connection };
    server.serve()?;
    drop(server);
    threads.join().map_err(Stop::failed)?;
    Ok(Exit::Done)
}

/// The language of the editor, where it says so and nothing else was asked for.
fn spoken(begun: &Value) -> Lang {
    match begun.get("locale").and_then(Value::as_str) {
        Some(locale) if super::LANG.get().is_none() => Lang::from_tag(locale),
        _ => language(),
    }
}

struct Server {
    desks: Desks,
    lang: Lang,
    connection: Connection,
}

impl Server {
    fn serve(&mut self) -> Result<(), Stop> {
        while let Ok(message) = self.connection.receiver.recv() {
            match message {
                Message::Request(request) => {
                    if self.connection.handle_shutdown(&request).map_err(Stop::failed)? {
                        return Ok(());
                    }
                    let response = self.asked(request);
                    self.send(Message::Response(response))?;
                }
                Message::Notification(note) => self.told(&note)?,
                Message::Response(_) => {}
            }
        }
        Ok(())
    }

    fn send(&self, message: Message) -> Result<(), Stop> {
        self.connection.sender.send(message).map_err(Stop::failed)
    }

    fn asked(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
        match answer::answer(&mut self.desks, self.lang, &method, &params) {
            Some(Ok(value)) => Response::new_ok(id, value),
            Some(Err(why)) => Response::new_err(id, ErrorCode::RequestFailed as i32, why),
            None => Response::new_err(id, ErrorCode::MethodNotFound as i32, method),
        }
    }

    /// A file was opened, changed, saved or closed: what is wrong in it, and in what it uses, is said anew.
    fn told(&mut self, note: &Notification) -> Result<(), Stop> {
        let uri = answer::uri(&note.params).unwrap_or_default().to_string();
        match note.method.as_str() {
            "textDocument/didOpen" => {
                let text = note.params.pointer("/textDocument/text").and_then(Value::as_str);
                self.desks.put(&uri, text.unwrap_or_default());
            }
            "textDocument/didChange" => {
                let changes = note.params.pointer("/contentChanges").and_then(Value::as_array);
                let text = changes.and_then(|changes| changes.last()?.get("text")?.as_str());
                self.desks.put(&uri, text.unwrap_or_default());
            }
            "textDocument/didSave" => {}
            "textDocument/didClose" => {
                self.desks.close(&uri);
                return self.publish(&uri, json!([]));
            }
            _ => return Ok(()),
        }
        for (uri, found) in answer::diagnostics(&mut self.desks, self.lang, &uri) {
            self.publish(&uri, found)?;
        }
        Ok(())
    }

    fn publish(&self, uri: &str, found: Value) -> Result<(), Stop> {
        let params = json!({ "uri": uri, "diagnostics": found });
        let method = "textDocument/publishDiagnostics".to_string();
        self.send(Message::Notification(Notification { method, params }))
    }
}
