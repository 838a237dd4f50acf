//! A tree made flat: every token that means something, with where it stands and what surrounds it.
//!
//! Invariant: pieces are in the order of the text, and every comment of the file belongs to exactly one of them or to the end.

use crate::plan::token::Kind;
use crate::plan::tree::{Node, NodeKind, Tree};

/// A node, by its number in the order in which nodes begin.
pub(super) struct Spot {
    pub kind: NodeKind,
    pub parent: usize,
    /// Its pieces: from the first to behind the last.
    pub first: usize,
    pub end: usize,
}

/// A token that means something.
pub(super) struct Piece<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// The innermost node around it.
    pub spot: usize,
    /// Whether it begins a line as its author wrote it.
    pub begins_line: bool,
    /// Comments on lines of their own in front of it, each with whether a blank line stands in front of it.
    pub above: Vec<(bool, &'t str)>,
    /// Whether a blank line stands in front of it, behind what is above.
    pub blank: bool,
    /// A comment behind it on its line.
    pub behind: Option<&'t str>,
    /// The piece that closes or opens what this opens or closes.
    pub partner: Option<usize>,
    /// Of an opening brace: whether what it encloses runs over several lines.
    pub spread: bool,
}

/// A file, flat.
pub(super) struct Outline<'t> {
    pub pieces: Vec<Piece<'t>>,
    pub spots: Vec<Spot>,
    /// Comments behind the last piece.
    pub rest: Vec<(bool, &'t str)>,
}

impl<'t> Outline<'t> {
    /// `drops`: without every `;` that ends a line or stands in front of a brace.
    pub fn of(tree: &'t Tree, drops: bool) -> Outline<'t> {
        let mut out = Outline { pieces: Vec::new(), spots: Vec::new(), rest: Vec::new() };
        let mut owner = vec![0; tree.tokens().len()];
        out.spot(tree.root(), 0, &mut owner);
        let places = out.cut(tree, &owner, drops);
        for spot in &mut out.spots {
            let at = |token: usize| places.partition_point(|place| *place < token);
            (spot.first, spot.end) = (at(spot.first), at(spot.end));
        }
        out.pair();
        out
    }

    /// The spot of a piece's innermost node.
    pub fn spot_of(&self, piece: usize) -> Option<&Spot> {
        self.spots.get(self.pieces.get(piece)?.spot)
    }

    /// The outermost node of one of `kinds` that begins with this piece, with its number.
    pub fn begins(&self, piece: usize, kinds: &[NodeKind]) -> Option<(usize, &Spot)> {
        let mut at = self.pieces.get(piece)?.spot;
        let mut found = None;
        loop {
            let spot = self.spots.get(at)?;
            if spot.first != piece {
                return found;
            }
            if kinds.contains(&spot.kind) {
                found = Some((at, spot));
            }
            if at == spot.parent {
                return found;
            }
            at = spot.parent;
        }
    }

    fn spot(&mut self, node: &Node, parent: usize, owner: &mut [usize]) {
        let number = self.spots.len();
        let run = node.run();
        self.spots.push(Spot { kind: node.kind, parent, first: run.start, end: run.end });
        if let Some(own) = owner.get_mut(run) {
            own.fill(number);
        }
        for child in &node.children {
            self.spot(child, number, owner);
        }
    }

    /// Makes the pieces; returns the number of each one's token.
    fn cut(&mut self, tree: &'t Tree, owner: &[usize], drops: bool) -> Vec<usize> {
        let mut places = Vec::new();
        let (mut line, mut ends, mut above) = (true, 0, Vec::new());
        for (number, token) in tree.tokens().iter().enumerate() {
            match token.kind {
                Kind::Newline => {
                    line = true;
                    ends += 1;
                }
                Kind::Blank => {}
                Kind::Comment => {
                    let text = tree.raw(*token).trim_end();
                    match self.pieces.last_mut() {
                        Some(piece) if !line => piece.behind = Some(text),
                        _ => above.push((ends > 1, text)),
                    }
                    ends = 0;
                }
                Kind::Semicolon if drops && ends_line(tree, number) => {}
                kind => {
                    self.pieces.push(Piece {
                        kind,
                        text: tree.raw(*token),
                        spot: owner.get(number).copied().unwrap_or(0),
                        begins_line: std::mem::take(&mut line),
                        blank: ends > 1,
                        above: std::mem::take(&mut above),
                        behind: None,
                        partner: None,
                        spread: false,
                    });
                    places.push(number);
                    ends = 0;
                }
            }
        }
        self.rest = above;
        places
    }

    fn pair(&mut self) {
        let mut open = Vec::new();
        for at in 0..self.pieces.len() {
            match self.pieces.get(at).map(|piece| piece.kind) {
                Some(Kind::LeftBrace) => open.push(at),
                Some(Kind::RightBrace) => {
                    let Some(start) = open.pop() else {
                        continue;
                    };
                    let within = self.pieces.get(start + 1..=at).unwrap_or(&[]);
                    let spread = within.iter().any(|piece| piece.begins_line);
                    if let Some(piece) = self.pieces.get_mut(start) {
                        (piece.partner, piece.spread) = (Some(at), spread);
                    }
                    if let Some(piece) = self.pieces.get_mut(at) {
                        (piece.partner, piece.spread) = (Some(start), spread);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether nothing but comments stands on the line behind this token, or a closing brace or one more `;`.
fn ends_line(tree: &Tree, number: usize) -> bool {
    let behind = tree.tokens().iter().skip(number + 1);
    let next = behind.map(|token| token.kind).find(|kind| !matches!(kind, Kind::Blank | Kind::Comment));
    matches!(next, None | Some(Kind::Newline | Kind::RightBrace | Kind::Semicolon))
}
