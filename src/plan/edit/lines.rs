//! Offsets and the positions of editors, which count lines from 0 and UTF-16 units in them.

/// Line and UTF-16 unit, both from 0.
pub type Position = (u32, u32);

/// The position of an octet offset; one inside of a character is that character's.
pub fn position(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = text.get(..offset).unwrap_or("");
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let units: usize = before.get(start..).unwrap_or("").chars().map(char::len_utf16).sum();
    (count(line), count(units))
}

/// The octet offset of a position; one behind the end of its line is the end.
pub fn offset(text: &str, (line, unit): Position) -> usize {
    let mut start = 0;
    for _ in 0..line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(at) => start += at + 1,
            None => return text.len(),
        }
    }
    let mut units = 0;
    for (at, ch) in text.get(start..).unwrap_or("").char_indices() {
        if units >= unit || ch == '\n' || ch == '\r' {
            return start + at;
        }
        units += count(ch.len_utf16());
    }
    text.len()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_what_editors_count() {
        let text = "flow 夜间 {\r\n  play 😀欢迎\n}";
        for (piece, want) in
            [("flow", (0, 0)), ("{", (0, 8)), ("play", (1, 2)), ("欢迎", (1, 9)), ("}", (2, 0))]
        {
            let at = text.find(piece).unwrap_or(0);
            assert_eq!(position(text, at), want, "{piece}");
            assert_eq!(offset(text, want), at, "{piece}");
        }
        assert_eq!(offset(text, (0, 99)), text.find('\r').unwrap_or(0));
        assert_eq!(offset(text, (9, 0)), text.len());
    }
}
