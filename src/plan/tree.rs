//! The lossless tree: what stands where in a plan file, comments and blanks kept. The formatter, the diff and editors
//! read it; the checker reads the [`ast`](super::ast) that is made in the same pass.
//!
//! Invariant: the root holds every token of the file, children lie inside their parents and in order, so that
//! [`Tree::text`] is the file, octet for octet, however broken the file is.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use super::token::{Kind, Token};

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A whole file.
    File,
    /// `edition 2026`, `module …`, `use …`, `language …`, `zone …`.
    Head,
    /// `class … { … }`.
    Class,
    /// `policy … { … }`.
    Policy,
    /// One line of a policy, class, hours or holidays block.
    Clause,
    /// `prompt … { … }`.
    Prompt,
    /// `holidays … { … }`.
    Holidays,
    /// `hours … { … }`.
    Hours,
    /// `route …`.
    Route,
    /// `flow … { … }`.
    Flow,
    /// `lookup …`.
    Lookup,
    /// `script … { … }`.
    Script,
    /// `words … { … }`.
    Words,
    /// A declaration that is a list of lines: `queue … { … }`.
    Lines,
    /// `emergency … { … }`.
    Emergency,
    /// `on feature … { … }`.
    Feature,
    /// `test … { … }`.
    Test,
    /// `{ … }` of statements.
    Block,
    /// One statement: a verb with its options and arms, `if`, `let`, `-> …`.
    Statement,
    /// A verb's option with its value.
    Choice,
    /// `labels -> action`.
    Arm,
    /// A condition or value.
    Expression,
    /// What could not be read.
    Error,
}

/// A node: a run of tokens, some of which belong to children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its children, in order.
    pub children: Vec<Node>,
    tokens: Range<u32>,
}

impl Node {
    /// The numbers of its tokens, those of its children included.
    pub(crate) fn run(&self) -> Range<usize> {
        self.tokens.start as usize..self.tokens.end as usize
    }
}

/// The tree of one file.
#[derive(Debug, Clone)]
pub struct Tree {
    text: Arc<str>,
    tokens: Vec<Token>,
    root: Node,
}

impl Tree {
    /// The file's node.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The file again, put together from the nodes.
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        self.write(&self.root, &mut out);
        out
    }

    /// The text of one node, comments and blanks inside it included.
    pub fn text_of(&self, node: &Node) -> String {
        let mut out = String::new();
        self.write(node, &mut out);
        out
    }

    fn write(&self, node: &Node, out: &mut String) {
        let mut at = node.tokens.start;
        for child in &node.children {
            self.copy(at..child.tokens.start, out);
            self.write(child, out);
            at = child.tokens.end;
        }
        self.copy(at..node.tokens.end, out);
    }

    fn copy(&self, run: Range<u32>, out: &mut String) {
        for token in self.tokens.get(run.start as usize..run.end as usize).unwrap_or(&[]) {
            out.push_str(self.text.get(token.start as usize..token.end as usize).unwrap_or(""));
        }
    }

    /// Every token of the file.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// A token as it is written.
    pub(crate) fn raw(&self, token: Token) -> &str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// The text that the program's hash is made of: the tree without comments, blanks, line ends and the `;` between
    /// statements. A line for each token, with a blank in front; a line for each end of a node, with the node's kind at
    /// its beginning. It changes when the meaning may change, not when the layout does.
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::with_capacity(self.text.len() * 2);
        self.canonical_of(&self.root, &mut out);
        out
    }

    fn canonical_of(&self, node: &Node, out: &mut String) {
        let _ = writeln!(out, "({:?}", node.kind);
        let mut at = node.tokens.start;
        for child in &node.children {
            self.meaning(at..child.tokens.start, out);
            self.canonical_of(child, out);
            at = child.tokens.end;
        }
        self.meaning(at..node.tokens.end, out);
        out.push_str(")\n");
    }

    fn meaning(&self, run: Range<u32>, out: &mut String) {
        for token in self.tokens.get(run.start as usize..run.end as usize).unwrap_or(&[]) {
            if !token.kind.is_trivia() && token.kind != Kind::Semicolon {
                let _ = writeln!(out, " {}", self.raw(*token));
            }
        }
    }
}

/// Builds a tree while the parser walks.
pub(crate) struct Builder {
    open: Vec<Node>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder { open: vec![Node { kind: NodeKind::File, children: Vec::new(), tokens: 0..0 }] }
    }

    /// Opens a node that begins with token number `first`.
    pub fn open(&mut self, kind: NodeKind, first: u32) {
        self.open.push(Node { kind, children: Vec::new(), tokens: first..first });
    }

    /// Closes the innermost node in front of token number `end`.
    pub fn close(&mut self, end: u32) {
        if self.open.len() < 2 {
            return;
        }
        if let Some(mut node) = self.open.pop() {
            if end <= node.tokens.start && node.children.is_empty() {
                return; // it took nothing, and may stand behind its parent's end
            }
            node.tokens.end = end.max(node.tokens.start);
            if let Some(parent) = self.open.last_mut() {
                parent.children.push(node);
            }
        }
    }

    /// The finished tree over all `tokens`.
    pub fn finish(mut self, text: Arc<str>, tokens: Vec<Token>) -> Tree {
        let all = super::file::offset(tokens.len());
        while self.open.len() > 1 {
            self.close(all);
        }
        let children = self.open.pop().map(|node| node.children).unwrap_or_default();
        Tree { text, tokens, root: Node { kind: NodeKind::File, children, tokens: 0..all } }
    }
}
