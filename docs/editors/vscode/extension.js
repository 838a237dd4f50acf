// A client of `ledgerline plan lsp`, without any library: it frames messages, keeps the server told of open plans,
// and asks it what the editor asks. Needs Visual Studio Code 1.75 or later.
'use strict';
const vscode = require('vscode');
const { spawn } = require('child_process');

const LANGUAGE = 'ledgerline-plan';
let server;

class Server {
  constructor(found) {
    const settings = vscode.workspace.getConfiguration('ledgerline');
    const language = settings.get('language') || vscode.env.language;
    this.found = found;
    this.waiting = new Map();
    this.next = 0;
    this.rest = Buffer.alloc(0);
    this.child = spawn(settings.get('path'), ['plan', 'lsp', '--lang', language.startsWith('zh') ? 'zh' : 'en']);
    this.child.stdout.on('data', (octets) => this.read(octets));
    this.child.on('error', (error) => vscode.window.showErrorMessage(`ledgerline plan lsp: ${error.message}`));
    this.child.stdin.on('error', () => {});
    this.ready = this.ask('initialize', { processId: process.pid, rootUri: null, capabilities: {} }).then(() => this.tell('initialized', {}));
  }

  send(message) {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }), 'utf8');
    this.child.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.child.stdin.write(body);
  }

  tell(method, params) {
    this.send({ method, params });
  }

  ask(method, params) {
    const id = ++this.next;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send({ id, method, params });
    });
  }

  async about(method, document, more) {
    await this.ready;
    return this.ask(`textDocument/${method}`, { textDocument: { uri: document.uri.toString() }, ...more });
  }

  read(octets) {
    this.rest = Buffer.concat([this.rest, octets]);
    for (;;) {
      const head = this.rest.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.rest.toString('ascii', 0, head))[1]);
      if (this.rest.length < head + 4 + length) return;
      const body = this.rest.toString('utf8', head + 4, head + 4 + length);
      this.rest = this.rest.subarray(head + 4 + length);
      this.came(JSON.parse(body));
    }
  }

  came(message) {
    const waiting = this.waiting.get(message.id);
    if (waiting) {
      this.waiting.delete(message.id);
      return message.error ? waiting.reject(new Error(message.error.message)) : waiting.resolve(message.result);
    }
    if (message.method === 'textDocument/publishDiagnostics') {
      const { uri, diagnostics } = message.params;
      this.found.set(vscode.Uri.parse(uri), diagnostics.map(diagnostic));
    }
  }

  stop() {
    return this.ask('shutdown', null).then(() => this.tell('exit', null)).catch(() => this.child.kill());
  }
}

const range = (it) => new vscode.Range(it.start.line, it.start.character, it.end.line, it.end.character);
const location = (it) => new vscode.Location(vscode.Uri.parse(it.uri), range(it.range));

function diagnostic(it) {
  const severity = it.severity === 1 ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
  const out = new vscode.Diagnostic(range(it.range), it.message, severity);
  out.code = it.code;
  out.source = it.source;
  out.relatedInformation = (it.relatedInformation || []).map(
    (related) => new vscode.DiagnosticRelatedInformation(location(related.location), related.message),
  );
  return out;
}

function changes(it) {
  const out = new vscode.WorkspaceEdit();
  for (const [uri, edits] of Object.entries(it.changes)) {
    for (const edit of edits) out.replace(vscode.Uri.parse(uri), range(edit.range), edit.newText);
  }
  return out;
}

function activate(context) {
  const found = vscode.languages.createDiagnosticCollection(LANGUAGE);
  server = new Server(found);
  const ours = (document) => document.languageId === LANGUAGE;
  const opened = (document) => {
    if (!ours(document)) return;
    const text = document.getText();
    const uri = document.uri.toString();
    server.ready.then(() => server.tell('textDocument/didOpen', { textDocument: { uri, languageId: LANGUAGE, version: document.version, text } }));
  };
  const changed = ({ document }) => {
    if (!ours(document)) return;
    const contentChanges = [{ text: document.getText() }];
    const uri = document.uri.toString();
    server.ready.then(() => server.tell('textDocument/didChange', { textDocument: { uri, version: document.version }, contentChanges }));
  };
  const closed = (document) => {
    if (ours(document)) server.tell('textDocument/didClose', { textDocument: { uri: document.uri.toString() } });
  };
  const { languages, workspace } = vscode;
  context.subscriptions.push(
    found,
    workspace.onDidOpenTextDocument(opened),
    workspace.onDidChangeTextDocument(changed),
    workspace.onDidCloseTextDocument(closed),
    languages.registerHoverProvider(LANGUAGE, {
      async provideHover(document, position) {
        const it = await server.about('hover', document, { position });
        return it && new vscode.Hover(new vscode.MarkdownString(it.contents.value), range(it.range));
      },
    }),
    languages.registerDefinitionProvider(LANGUAGE, {
      async provideDefinition(document, position) {
        const it = await server.about('definition', document, { position });
        return it && location(it);
      },
    }),
    languages.registerReferenceProvider(LANGUAGE, {
      async provideReferences(document, position) {
        return (await server.about('references', document, { position, context: { includeDeclaration: true } })).map(location);
      },
    }),
    languages.registerRenameProvider(LANGUAGE, {
      async provideRenameEdits(document, position, newName) {
        return changes(await server.about('rename', document, { position, newName }));
      },
    }),
    languages.registerCompletionItemProvider(
      LANGUAGE,
      {
        async provideCompletionItems(document, position) {
          const all = (await server.about('completion', document, { position })) || [];
          return all.map((it) => {
            // The protocol counts kinds from 1, the editor from 0.
            const out = new vscode.CompletionItem(it.label, it.kind - 1);
            out.detail = it.detail;
            out.documentation = it.documentation;
            return out;
          });
        },
      },
      ' ',
      '>',
      '{',
    ),
    languages.registerDocumentSymbolProvider(LANGUAGE, {
      async provideDocumentSymbols(document) {
        const all = await server.about('documentSymbol', document, {});
        return all.map((it) => new vscode.DocumentSymbol(it.name, it.detail || '', it.kind - 1, range(it.range), range(it.selectionRange)));
      },
    }),
    languages.registerDocumentFormattingEditProvider(LANGUAGE, {
      async provideDocumentFormattingEdits(document) {
        const all = await server.about('formatting', document, { options: { tabSize: 2, insertSpaces: true } });
        return all.map((it) => vscode.TextEdit.replace(range(it.range), it.newText));
      },
    }),
    languages.registerCodeActionsProvider(LANGUAGE, {
      async provideCodeActions(document, where) {
        const all = await server.about('codeAction', document, { range: where, context: { diagnostics: [] } });
        return all.map((it) => {
          const out = new vscode.CodeAction(it.title, vscode.CodeActionKind.QuickFix);
          out.edit = changes(it.edit);
          out.isPreferred = true;
          return out;
        });
      },
    }),
  );
  workspace.textDocuments.forEach(opened);
}

function deactivate() {
  return server && server.stop();
}

module.exports = { activate, deactivate };
