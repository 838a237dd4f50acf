//! Pieces → lines: where lines begin, how deep they stand, which of their parts stand in columns.

use super::outline::{Outline, Spot};
use super::space::gap;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;

/// Blanks for each level.
const STEP: usize = 2;

/// Lines that stand in columns with each other: what they are, and the node that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key<'t> {
    pub kind: NodeKind,
    pub word: &'t str,
    pub parent: usize,
}

impl Key<'_> {
    /// Whether all such lines of a block stand in columns, and not only those that follow each other.
    pub fn is_wide(self) -> bool {
        self.kind == NodeKind::Policy
    }
}

/// A line.
#[derive(Debug)]
pub(super) struct Line<'t> {
    /// Whether a blank line stands in front of it.
    pub blank: bool,
    pub indent: usize,
    /// Its parts; each but the last is filled up to its column. A line of a comment alone has none.
    pub cells: Vec<String>,
    pub key: Option<Key<'t>>,
    pub comment: Option<&'t str>,
    /// How far the comment stands behind the text.
    pub gap: usize,
}

/// Cuts a file into lines.
pub(super) fn lines<'t>(outline: &Outline<'t>) -> Vec<Line<'t>> {
    let mut out: Vec<Line<'t>> = Vec::new();
    // The indents of the lines whose spread braces are open, and the braces.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut start = 0;
    while start < outline.pieces.len() {
        let end = (start + 1..outline.pieces.len())
            .find(|at| begins_line(outline, *at))
            .unwrap_or(outline.pieces.len());
        let inside = open.last().map_or(0, |(indent, _)| indent + 1);
        let closes =
            outline.pieces.get(start).is_some_and(|piece| piece.kind == Kind::RightBrace && piece.spread);
        let deeper = usize::from(!closes && goes_on(outline, start, open.last().map(|(_, brace)| *brace)));
        let indent = if closes { open.pop().map_or(0, |(indent, _)| indent) } else { inside + deeper };
        let Some(first) = outline.pieces.get(start) else {
            break;
        };
        for (blank, comment) in &first.above {
            let indent = inside + deeper;
            out.push(Line {
                blank: *blank,
                indent,
                cells: Vec::new(),
                key: None,
                comment: Some(comment),
                gap: 0,
            });
        }
        let (key, cuts) = columns(outline, start, end);
        let comment = outline.pieces.get(end - 1).and_then(|piece| piece.behind);
        let cells = cells(outline, start, end, &cuts);
        out.push(Line { blank: first.blank && !closes, indent, cells, key, comment, gap: 0 });
        for at in start..end {
            match outline.pieces.get(at) {
                Some(piece) if piece.spread && piece.kind == Kind::LeftBrace => open.push((indent, at)),
                Some(piece) if piece.spread && piece.kind == Kind::RightBrace && at > start => {
                    open.pop();
                }
                _ => {}
            }
        }
        start = end;
    }
    for (blank, comment) in &outline.rest {
        out.push(Line {
            blank: *blank,
            indent: 0,
            cells: Vec::new(),
            key: None,
            comment: Some(comment),
            gap: 0,
        });
    }
    tidy(&mut out);
    out
}

/// No blank line begins a file or a block, or ends one.
fn tidy(lines: &mut [Line]) {
    let mut opens = true;
    for line in lines.iter_mut() {
        line.blank &= !opens;
        opens = line.cells.last().is_some_and(|cell| cell.ends_with('{'));
    }
}

/// Whether a piece begins a line: where its author began one, behind the opening and at the closing of a spread brace.
fn begins_line(outline: &Outline, at: usize) -> bool {
    let Some(piece) = outline.pieces.get(at) else {
        return true;
    };
    let before = at.checked_sub(1).and_then(|at| outline.pieces.get(at));
    piece.begins_line
        || piece.spread && piece.kind == Kind::RightBrace
        || before.is_some_and(|before| before.spread && before.kind == Kind::LeftBrace)
}

/// Whether the line that begins here goes on with what began on an earlier line inside of the same brace.
fn goes_on(outline: &Outline, at: usize, brace: Option<usize>) -> bool {
    if is_else_of_if(outline, at) {
        return false;
    }
    let mut number = outline.pieces.get(at).map_or(0, |piece| piece.spot);
    while let Some(spot) = outline.spots.get(number) {
        let rows =
            !matches!(spot.kind, NodeKind::File | NodeKind::Block | NodeKind::Choice | NodeKind::Expression);
        if rows && spot.first < at && brace.is_none_or(|brace| spot.first > brace) {
            return true;
        }
        if spot.parent == number {
            break;
        }
        number = spot.parent;
    }
    false
}

fn is_else_of_if(outline: &Outline, at: usize) -> bool {
    let text = |at: usize| outline.pieces.get(at).map_or("", |piece| piece.text);
    let spot = outline.spot_of(at);
    text(at) == "else"
        && spot.is_some_and(|spot| spot.kind == NodeKind::Statement && text(spot.first) == "if")
}

/// The text of a line, cut in front of the pieces `cuts`.
fn cells(outline: &Outline, start: usize, end: usize, cuts: &[usize]) -> Vec<String> {
    let (mut out, mut cell) = (Vec::new(), String::new());
    for (at, piece) in outline.pieces.iter().enumerate().take(end).skip(start) {
        if cuts.contains(&at) {
            out.push(std::mem::take(&mut cell));
        } else if at > start {
            cell.push_str(gap(outline, at));
        }
        cell.push_str(piece.text);
    }
    out.push(cell);
    out
}

/// Declarations of which several stand one a line, with their names in a column.
const NAMED: [NodeKind; 6] =
    [NodeKind::Prompt, NodeKind::Lines, NodeKind::Script, NodeKind::Words, NodeKind::Class, NodeKind::Hours];

/// With which lines this one stands in columns, and where they are cut.
fn columns<'t>(outline: &Outline<'t>, start: usize, end: usize) -> (Option<Key<'t>>, Vec<usize>) {
    let text = |at: usize| outline.pieces.get(at).map_or("", |piece| piece.text);
    let kind = |at: usize| outline.pieces.get(at).map(|piece| piece.kind);
    let key = |kind, word, parent| Some(Key { kind, word, parent });
    let find = |from: usize, to: usize, is: &dyn Fn(usize) -> bool| (from..to.min(end)).find(|at| is(*at));
    if let Some((_, arm)) = outline.begins(start, &[NodeKind::Arm]) {
        let arrow = find(start, arm.end, &|at| kind(at) == Some(Kind::Arrow));
        return (key(arm.kind, "", arm.parent), arrow.into_iter().collect());
    }
    if let Some((_, route)) = outline.begins(start, &[NodeKind::Route]) {
        let from = find(start + 1, route.end, &|at| text(at) == "from");
        let arrow = find(start + 1, route.end, &|at| kind(at) == Some(Kind::Arrow));
        return (key(route.kind, "", route.parent), from.into_iter().chain(arrow).collect());
    }
    if let Some((_, clause)) = outline.begins(start, &[NodeKind::Clause]) {
        return clause_columns(outline, clause, end);
    }
    if let Some((_, item)) = outline.begins(start, &NAMED) {
        let whole = item.end <= end && item.end > start + 2;
        return (key(item.kind, text(start), item.parent), whole.then_some(start + 2).into_iter().collect());
    }
    if let Some((_, statement)) = outline.begins(start, &[NodeKind::Statement])
        && matches!(text(start), "collect" | "secret")
    {
        let choices =
            ["digits", "prompt", "wait"].map(|word| find(start + 2, statement.end, &|at| text(at) == word));
        let cuts: Option<Vec<usize>> = choices.into_iter().collect();
        let cuts = cuts.filter(|cuts| cuts.is_sorted()).unwrap_or_default();
        let parent = outline.spots.get(statement.parent).map_or(0, |block| block.first);
        return (key(NodeKind::Statement, "", parent), std::iter::once(start + 1).chain(cuts).collect());
    }
    (None, Vec::new())
}

/// Clauses of policies and tables of holidays stand behind their words, hours behind their days.
fn clause_columns<'t>(outline: &Outline<'t>, clause: &Spot, end: usize) -> (Option<Key<'t>>, Vec<usize>) {
    let of = outline.spots.get(clause.parent).map(|spot| spot.kind);
    let first = outline.pieces.get(clause.first);
    let cut = match of {
        Some(NodeKind::Policy | NodeKind::Holidays) => Some(clause.first + 1),
        Some(NodeKind::Hours) => (clause.first..clause.end)
            .find(|at| outline.pieces.get(*at).is_some_and(|piece| piece.kind == Kind::Clock)),
        _ => None,
    };
    let is_days = first.is_some_and(|first| first.kind == Kind::Word);
    match (of, cut) {
        (Some(kind), Some(cut)) if is_days && cut < clause.end.min(end) => {
            (Some(Key { kind, word: "", parent: clause.parent }), vec![cut])
        }
        _ => (None, Vec::new()),
    }
}

/// The lines, put together.
pub(super) fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        if line.blank {
            out.push('\n');
        }
        out.push_str(&" ".repeat(line.indent * STEP));
        line.cells.iter().for_each(|cell| out.push_str(cell));
        if let Some(comment) = line.comment {
            out.push_str(&" ".repeat(line.gap));
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}

impl Line<'_> {
    /// Columns of a terminal that its text takes.
    pub fn width(&self) -> usize {
        use unicode_width::UnicodeWidthStr;
        self.indent * STEP + self.cells.iter().map(|cell| cell.width()).sum::<usize>()
    }
}
