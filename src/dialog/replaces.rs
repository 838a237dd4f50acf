//! The Replaces header (RFC 3891): which dialog a new INVITE takes the place of.

use super::id::Id;
use crate::sip::{Message, Name};

/// The option tag.
pub const OPTION: &str = "replaces";

/// What a Replaces value names, as its recipient sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaces {
    /// The dialog: `to-tag` is ours, `from-tag` the peer's.
    pub dialog: Id,
    /// Only while it has not been answered (`early-only`).
    pub early_only: bool,
}

/// Why there is no [`Replaces`]. Both are a 400 (RFC 3891 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The header stands twice.
    #[error("more than one Replaces")]
    Twice,
    /// A tag or the Call-ID is missing.
    #[error("Replaces names no dialog")]
    Broken,
}

impl Replaces {
    /// Of a request; `None` when it has none.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn of(request: &Message) -> Result<Option<Replaces>, Unusable> {
        let mut values = request.headers(Name::Replaces);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(Unusable::Twice),
            (Some(value), None) => {
                let text = std::str::from_utf8(value).map_err(|_| Unusable::Broken)?;
                Replaces::read(text).map(Some).ok_or(Unusable::Broken)
            }
        }
    }

    /// Of a value, e.g. of the header part of a Refer-To URI, unescaped.
    pub fn read(value: &str) -> Option<Replaces> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty() && !id.contains([' ', ',']))?;
        let (mut to, mut from, mut early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value.trim())) {
                (name, value) if name.eq_ignore_ascii_case("to-tag") => to = Some(value),
                (name, value) if name.eq_ignore_ascii_case("from-tag") => from = Some(value),
                (name, _) if name.eq_ignore_ascii_case("early-only") => early_only = true,
                _ => {}
            }
        }
        // RFC 3891 §3: a tag of `0` stands for a peer of RFC 2543 that has none.
        let tag = |tag: &str| if tag == "0" { String::new() } else { tag.to_string() };
        Some(Replaces { dialog: Id::new(call_id.as_bytes(), &tag(to?), &tag(from?)), early_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_a_dialog_from_the_recipients_side() {
        for (value, expected) in [
            ("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", Some(("r33th4x0r", "ff87ff", false))),
            ("a ; to-tag=1 ; from-tag=2 ; early-only", Some(("2", "1", true))),
            ("a;to-tag=1;from-tag=0", Some(("", "1", false))),
            ("a;to-tag=1", None),
            ("a;from-tag=1", None),
            (";from-tag=1;to-tag=2", None),
            ("", None),
        ] {
            let read = Replaces::read(value);
            let got = read.as_ref().map(|r| (r.dialog.remote_tag(), r.dialog.local_tag(), r.early_only));
            assert_eq!(got, expected, "{value}");
        }
    }
}
