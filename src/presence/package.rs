//! The event packages that the switch serves, and the Event header that names them (RFC 6665 §8.2.1).

use crate::sip::{Message, Name};

/// An event package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Package {
    /// Busy lamps: the calls of a user or of a park slot (RFC 4235).
    Dialog,
    /// Waiting messages of one's own mailbox (RFC 3842).
    MessageSummary,
    /// Whether a user is there (RFC 3856).
    Presence,
}

/// The packages, as Allow-Events lists them (RFC 6665 §8.2.2).
pub const ALLOW_EVENTS: &str = "dialog, message-summary, presence";

impl Package {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Package::Dialog => "dialog",
            Package::MessageSummary => "message-summary",
            Package::Presence => "presence",
        }
    }

    /// What its documents are written in.
    pub const fn content_type(self) -> &'static str {
        match self {
            Package::Dialog => "application/dialog-info+xml",
            Package::MessageSummary => "application/simple-message-summary",
            Package::Presence => "application/pidf+xml",
        }
    }

    fn of(name: &str) -> Option<Package> {
        [Package::Dialog, Package::MessageSummary, Package::Presence]
            .into_iter()
            .find(|package| package.as_str().eq_ignore_ascii_case(name))
    }
}

/// An Event header: a package, and the `id` that tells subscriptions of one watcher apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The package.
    pub package: Package,
    /// The value of `id`, if there is one.
    pub id: Option<Box<str>>,
}

/// The longest `id` that is kept: a watcher counts its subscriptions with it.
const ID_BYTES: usize = 64;

impl Named {
    /// What the Event header of a SUBSCRIBE or PUBLISH names. `None`: no package that is served here (answer 489), or no header.
    pub fn of(message: &Message) -> Option<Named> {
        let mut parts = message.header_str(Name::Event)?.split(';').map(str::trim);
        let package = Package::of(parts.next()?)?;
        let id = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("id").then(|| value.trim())
        });
        if id.is_some_and(|id| id.is_empty() || id.len() > ID_BYTES) {
            return None;
        }
        Some(Named { package, id: id.map(Into::into) })
    }

    /// As a NOTIFY repeats it.
    pub fn value(&self) -> String {
        match &self.id {
            Some(id) => format!("{};id={id}", self.package.as_str()),
            None => self.package.as_str().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_header_names_a_package_and_perhaps_an_id() {
        for (value, named) in [
            ("dialog", Some("dialog")),
            ("Dialog;id=7", Some("dialog;id=7")),
            ("dialog;sla;ma=x; ID = a1", Some("dialog;id=a1")),
            ("message-summary", Some("message-summary")),
            ("presence", Some("presence")),
            ("presence.winfo", None),
            ("refer", None),
            ("dialog;id=", None),
            ("", None),
        ] {
            let text = format!(
                "SUBSCRIBE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n\
                 Call-ID: 1\r\nCSeq: 1 SUBSCRIBE\r\nEvent: {value}\r\n\r\n"
            );
            let message = Message::parse(text.into()).expect("well formed");
            assert_eq!(Named::of(&message).map(|named| named.value()).as_deref(), named, "{value}");
        }
    }
}
