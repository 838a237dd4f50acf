//! The text of a message's body, as whoever gets it would read it.
//!
//! A body travels on with its type alone, so a transfer encoding that its sender names is read by nobody.
//!
//! Invariant: what is returned holds everything that a phone would show; a body of which that is not sure has no text.

use std::borrow::Cow;

/// The text of `body`; `None`: it is no text, or in letters that are not UTF-8. Of markup (HTML, XML) what stands between the tags.
pub(super) fn readable<'b>(content_type: &str, body: &'b [u8]) -> Option<Cow<'b, str>> {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let charset = parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let charset = charset.map_or("utf-8", |(_, value)| value.trim().trim_matches('"'));
    if !["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let is_markup =
        kind == "text/html" || kind == "text/xml" || kind == "application/xml" || kind.ends_with("+xml");
    match kind.as_str() {
        _ if is_markup => Some(Cow::Owned(between_tags(text))),
        "message/cpim" => Some(Cow::Borrowed(text)),
        kind if kind.starts_with("text/") => Some(Cow::Borrowed(text)),
        _ => None,
    }
}

/// What markup shows: tags and comments taken out, character references resolved.
fn between_tags(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let end =
            if from.starts_with('<') { from.find('>') } else { from.find(';').filter(|end| *end <= 10) };
        let Some(end) = end else {
            text.push_str(from);
            return text;
        };
        let (inside, behind) =
            (from.get(1..end).unwrap_or_default(), from.get(end + 1..).unwrap_or_default());
        if from.starts_with('&') {
            match reference(inside) {
                Some(c) => text.push(c),
                None => text.push_str(from.get(..=end).unwrap_or_default()),
            }
        }
        rest = behind;
    }
    text + rest
}

/// `#20445`, `#x4fdd`, `amp`
fn reference(name: &str) -> Option<char> {
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => {
            return Some(match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => ' ',
                _ => return None,
            });
        }
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_a_phone_would_show_it() {
        for (kind, body, text) in [
            ("text/plain", "保本保息", Some("保本保息")),
            ("Text/Plain; Charset=\"UTF-8\"", "保本", Some("保本")),
            ("text/html", "<b>保</b>本&#20445;&#x606f;&amp;<!-- x -->&x;<", Some("保本保息&&x;<")),
            ("application/im-iscomposing+xml", "<state>active</state>", Some("active")),
            ("message/cpim", "Content-Type: text/plain\n\n保本", Some("Content-Type: text/plain\n\n保本")),
            ("text/plain;charset=gbk", "x", None),
            ("application/octet-stream", "x", None),
            ("multipart/mixed", "x", None),
        ] {
            let read = readable(kind, body.as_bytes());
            assert_eq!(read.as_deref(), text, "{kind}: {body}");
        }
        assert_eq!(readable("text/plain", b"\xb1\xa3"), None);
    }
}
