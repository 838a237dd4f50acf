//! How many blanks stand between two tokens of a line.

use super::outline::{Outline, Piece};
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;

/// The blanks in front of piece `at`, which stands on the line of the piece before it.
pub(super) fn gap(outline: &Outline, at: usize) -> &'static str {
    let (Some(before), Some(next)) =
        (at.checked_sub(1).and_then(|at| outline.pieces.get(at)), outline.pieces.get(at))
    else {
        return "";
    };
    match (before.kind, next.kind) {
        (_, Kind::Comma | Kind::Semicolon | Kind::Colon | Kind::RightParen) => "",
        (Kind::LeftParen, _) => "",
        (before, next) if sticks(before) || sticks(next) => "",
        (Kind::LeftBrace, _) if is_tight(outline, at - 1) => "",
        (_, Kind::RightBrace) if next.partner.is_some_and(|open| is_tight(outline, open)) => "",
        (_, Kind::LeftParen) => match outline.spot_of(at).map(|spot| spot.kind) {
            Some(NodeKind::Expression) => " ",
            _ => "",
        },
        _ if follows_sibling(outline, at) => "  ",
        _ => " ",
    }
}

/// Signs that join what stands around them: `call.end`, `16..19`, `5y+90d`, `08:00-20:00`, `VIP|plain`.
fn sticks(kind: Kind) -> bool {
    matches!(kind, Kind::Dot | Kind::DotDot | Kind::Plus | Kind::Minus | Kind::Bar)
}

/// Whether a brace holds a value or languages: `{callee}`, `{zh, en}`.
fn is_tight(outline: &Outline, open: usize) -> bool {
    let Some(close) = outline.pieces.get(open).and_then(|piece| piece.partner) else {
        return false;
    };
    let within = outline.pieces.get(open + 1..close).unwrap_or(&[]);
    if within.is_empty() {
        return false;
    }
    let text = |at: usize| outline.pieces.get(at).map_or("", |piece: &Piece| piece.text);
    match outline.spot_of(open) {
        Some(spot) if matches!(spot.kind, NodeKind::Statement | NodeKind::Choice) => {
            let fields = open.checked_sub(1).is_some_and(|before| text(before) == "pop");
            !fields && !within.iter().any(|piece| piece.kind == Kind::Colon)
        }
        Some(spot) if spot.kind == NodeKind::Clause => text(spot.first) == "notice",
        _ => false,
    }
}

/// Whether an arm or a clause ends in front of this piece and another begins with it, with no sign between them.
fn follows_sibling(outline: &Outline, at: usize) -> bool {
    const ROWS: [NodeKind; 2] = [NodeKind::Arm, NodeKind::Clause];
    let Some((_, begun)) = outline.begins(at, &ROWS) else {
        return false;
    };
    let mut number = outline.pieces.get(at - 1).map_or(0, |piece| piece.spot);
    while let Some(spot) = outline.spots.get(number) {
        if spot.kind == begun.kind && spot.parent == begun.parent && spot.end == at {
            return true;
        }
        if spot.parent == number {
            break;
        }
        number = spot.parent;
    }
    false
}
