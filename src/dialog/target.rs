//! The Target-Dialog header (RFC 4538): the dialog that a request outside of it is about.

use super::id::Id;
use crate::sip::{Message, Name};

/// The option tag.
pub const OPTION: &str = "tdialog";

/// The header stands twice, or a tag or the Call-ID is missing: a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Target-Dialog names no dialog")]
pub struct Broken;

/// The dialog that `request` is about, as its recipient sees it: `remote-tag` is ours, `local-tag` the sender's. `None` when it says
/// nothing.
///
/// # Errors
/// [`Broken`].
pub fn of(request: &Message) -> Result<Option<Id>, Broken> {
    let mut values = request.headers(Name::TargetDialog);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Broken),
        (Some(value), None) => std::str::from_utf8(value).ok().and_then(read).map(Some).ok_or(Broken),
    }
}

fn read(value: &str) -> Option<Id> {
    let mut parts = value.split(';').map(str::trim);
    let call_id = parts.next().filter(|id| !id.is_empty() && !id.contains([' ', ',']))?;
    let (mut theirs, mut ours) = (None, None);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim() {
            name if name.eq_ignore_ascii_case("local-tag") => theirs = Some(value.trim()),
            name if name.eq_ignore_ascii_case("remote-tag") => ours = Some(value.trim()),
            _ => {}
        }
    }
    Some(Id::new(call_id.as_bytes(), ours?, theirs?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_from_the_senders_side() {
        for (lines, expected) in [
            ("Target-Dialog: a@b;local-tag=theirs;remote-tag=ours\r\n", Ok(Some(("ours", "theirs")))),
            ("Target-Dialog: a@b ; remote-tag=ours;x=y ; Local-Tag=theirs\r\n", Ok(Some(("ours", "theirs")))),
            ("Target-Dialog: a@b;local-tag=theirs\r\n", Err(Broken)),
            ("Target-Dialog: ;local-tag=1;remote-tag=2\r\n", Err(Broken)),
            (
                "Target-Dialog: a;local-tag=1;remote-tag=2\r\nTarget-Dialog: a;local-tag=1;remote-tag=2\r\n",
                Err(Broken),
            ),
            ("", Ok(None)),
        ] {
            let text = format!(
                "REFER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
                 Call-ID: 1\r\nCSeq: 1 REFER\r\n{lines}\r\n"
            );
            let message = Message::parse(text.into()).expect("well formed");
            let read = of(&message);
            let tags = read.as_ref().map(|id| id.as_ref().map(|id| (id.local_tag(), id.remote_tag())));
            assert_eq!(tags.map_err(|broken| *broken), expected, "{lines}");
        }
    }
}
