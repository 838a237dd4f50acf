//! Text that strangers wrote, made fit for people: log lines, tables, telephone displays.
//!
//! Invariant: what comes out has one line, reads in one direction, and is as short as it was asked to be.

/// `text` without what could forge a line, hide a part of itself or turn its reading around, cut to `most` characters: control
/// characters, line and paragraph separators, and Unicode's marks of direction and invisible signs are left out.
pub fn presentable(text: &str, most: usize) -> String {
    if text.len() <= most && text.bytes().all(|c| matches!(c, b' '..=b'~')) {
        return text.to_string();
    }
    text.chars().filter(|c| !is_treacherous(*c)).take(most).collect()
}

/// Whether a character shows nothing and does something (UAX #9, UTR #36 §2.7).
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_left_out_and_the_rest_stays() {
        for (text, shown) in [
            ("Alice 王 é", "Alice 王 é"),
            ("a\r\nINFO forged", "aINFO forged"),
            ("\u{202e}0009 sip\u{202c}", "0009 sip"),
            ("\u{feff}\u{200b}bob\u{2066}\u{1b}[31m", "bob[31m"),
            ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ] {
            assert_eq!(presentable(text, 100), shown);
        }
        assert_eq!(presentable(&"王".repeat(10_000), 64).chars().count(), 64);
    }
}
