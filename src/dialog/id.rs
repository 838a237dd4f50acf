//! A dialog's identity: Call-ID, local tag, remote tag (RFC 3261 §12).

use std::fmt;

use crate::sip::Message;

/// Identifies a dialog on this node. A missing tag (RFC 2543 peers) is an empty one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    call_id: Box<[u8]>,
    local: Box<str>,
    remote: Box<str>,
}

impl Id {
    /// Of the parts.
    pub fn new(call_id: &[u8], local: &str, remote: &str) -> Id {
        Id { call_id: call_id.into(), local: local.into(), remote: remote.into() }
    }

    /// The dialog that a request from the peer belongs to; `None` when its To has no tag: it is outside any dialog.
    pub fn of_request(request: &Message) -> Option<Id> {
        Some(Id::new(request.call_id()?, request.to_tag()?, request.from_tag().unwrap_or("")))
    }

    /// The dialog that a response to a request of ours belongs to or makes; `None` when its To has no tag.
    pub fn of_response(response: &Message) -> Option<Id> {
        Some(Id::new(response.call_id()?, response.from_tag().unwrap_or(""), response.to_tag()?))
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.local
    }

    /// The peer's tag.
    pub fn remote_tag(&self) -> &str {
        &self.remote
    }
}

impl fmt::Debug for Id {
    /// Call-ID and tags name no person, but whoever knows them can speak in the dialog: only the beginnings are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = |text: &str| text.chars().take(4).collect::<String>();
        let call_id = String::from_utf8_lossy(&self.call_id);
        write!(f, "Id({}…, {}…, {}…)", start(&call_id), start(&self.local), start(&self.remote))
    }
}
