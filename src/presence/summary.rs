//! Waiting messages: RFC 3842 `application/simple-message-summary`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// How many voice messages wait in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// Not heard yet, urgent ones included.
    pub new: u32,
    /// Heard and kept.
    pub old: u32,
    /// Of the new ones: marked urgent.
    #[serde(default)]
    pub urgent: u32,
}

impl Waiting {
    /// The document for the mailbox `account`, a URI.
    pub(super) fn document(&self, account: &str) -> String {
        let waiting = if self.new > 0 { "yes" } else { "no" };
        let mut text = format!("Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\n");
        // Writing to a string does not fail. Of the old ones none is urgent: whoever heard it knows.
        let _ =
            write!(text, "Voice-Message: {}/{} ({}/0)\r\n", self.new, self.old, self.urgent.min(self.new));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_in_four_states() {
        for (new, old, urgent, text) in [
            (0, 0, 0, "no, 0/0 (0/0)"),
            (2, 8, 1, "yes, 2/8 (1/0)"),
            (0, 3, 0, "no, 0/3 (0/0)"),
            (1, 0, 9, "yes, 1/0 (1/0)"),
        ] {
            let (waiting, counts) = text.split_once(", ").expect("two parts");
            let expected = format!(
                "Messages-Waiting: {waiting}\r\nMessage-Account: sip:a@h\r\nVoice-Message: {counts}\r\n"
            );
            assert_eq!(Waiting { new, old, urgent }.document("sip:a@h"), expected);
        }
    }
}
