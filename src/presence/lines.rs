//! The calls of users as lamps show them: each call says what its legs are to their users, and here it is kept by user.
//!
//! Invariant: a call that is over has no line; a user without calls owns no memory here.

use std::collections::BTreeSet;

use crate::base::{CallId, Masked, OwnMap};

/// Who a line's user is to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It called.
    Initiator,
    /// It was called.
    Recipient,
}

/// RFC 4235 §3.7.1, as far as a lamp tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The INVITE is out; nothing rings.
    Trying,
    /// It rings.
    Early,
    /// They talk.
    Confirmed,
}

impl Stage {
    /// As the document writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Trying => "trying",
            Stage::Early => "early",
            Stage::Confirmed => "confirmed",
        }
    }
}

/// The other side of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Number or name.
    pub user: Masked,
    /// What people see; may be empty.
    pub display: Masked,
    /// Whether it asked not to be shown (RFC 3323).
    pub private: bool,
}

/// One dialog of one user (RFC 4235 §4.1.1). Tags are the user's phone's point of view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Names the dialog in the document for as long as it lives.
    pub id: String,
    /// Call-ID, the phone's tag and ours, once all three are there: what a pickup by Replaces needs.
    pub dialog: Option<(String, String, String)>,
    /// Who called.
    pub direction: Direction,
    /// How far it is.
    pub stage: Stage,
    /// The other side, if there is one yet.
    pub remote: Option<Party>,
}

/// All lines of all users.
#[derive(Debug, Default)]
pub struct Lines {
    of_call: OwnMap<CallId, Vec<(String, Line)>>,
    of_user: BTreeSet<(String, CallId)>,
}

impl Lines {
    /// Makes `lines` all that `call` has, each with its user. Returns whose lines are not what they were.
    pub fn set(&mut self, call: CallId, lines: Vec<(String, Line)>) -> Vec<String> {
        let old = self.of_call.get(&call).map_or(&[][..], Vec::as_slice);
        if old == lines.as_slice() {
            return Vec::new();
        }
        let both = old.iter().chain(&lines).map(|(user, _)| user);
        let users: BTreeSet<&String> = both.collect();
        let changed: Vec<String> =
            users.into_iter().filter(|user| of(old, user).ne(of(&lines, user))).cloned().collect();
        self.put(call, lines);
        changed
    }

    fn put(&mut self, call: CallId, lines: Vec<(String, Line)>) {
        let old = self.of_call.get(&call).map_or(&[][..], Vec::as_slice);
        if !old.iter().map(|(user, _)| user).eq(lines.iter().map(|(user, _)| user)) {
            for (user, _) in self.of_call.remove(&call).into_iter().flatten() {
                self.of_user.remove(&(user, call));
            }
            self.of_user.extend(lines.iter().map(|(user, _)| (user.clone(), call)));
        }
        if !lines.is_empty() {
            self.of_call.insert(call, lines);
        }
    }

    /// The calls in which `user` has a line, the oldest first.
    pub fn calls(&self, user: &str) -> impl Iterator<Item = CallId> {
        let from = (user.to_string(), CallId::from_bytes([0; 16]));
        self.of_user.range(from..).take_while(move |(of, _)| of == user).map(|(_, call)| *call)
    }

    /// The lines of `user`, the oldest call first.
    pub fn of(&self, user: &str) -> Vec<Line> {
        let lines = self.calls(user).flat_map(|call| self.of_call.get(&call).into_iter().flatten());
        lines.filter(|(of, _)| of == user).map(|(_, line)| line.clone()).collect()
    }

    /// Whether nobody has a line.
    pub fn is_empty(&self) -> bool {
        self.of_call.is_empty() && self.of_user.is_empty()
    }
}

/// The lines of one user among those of a call.
fn of<'a>(all: &'a [(String, Line)], user: &'a str) -> impl Iterator<Item = &'a Line> {
    all.iter().filter(move |(of, _)| of == user).map(|(_, line)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, stage: Stage) -> Line {
        Line { id: id.into(), dialog: None, direction: Direction::Initiator, stage, remote: None }
    }

    #[test]
    fn only_users_whose_lines_change_are_named() {
        let mut lines = Lines::default();
        let call = |n: u8| CallId::from_bytes([n; 16]);
        let both =
            |stage| vec![("a".to_string(), line("1", Stage::Early)), ("b".to_string(), line("2", stage))];
        assert_eq!(lines.set(call(1), both(Stage::Trying)), ["a", "b"]);
        assert_eq!(lines.set(call(1), both(Stage::Trying)), [""; 0]);
        assert_eq!(lines.set(call(1), both(Stage::Early)), ["b"]);
        assert_eq!(lines.set(call(2), vec![("a".into(), line("3", Stage::Confirmed))]), ["a"]);
        let ids: Vec<String> = lines.of("a").into_iter().map(|line| line.id).collect();
        assert_eq!(ids, ["1", "3"]);
        assert_eq!(lines.set(call(1), Vec::new()), ["a", "b"]);
        assert_eq!((lines.of("a").len(), lines.of("b").len()), (1, 0));
        lines.set(call(2), Vec::new());
        assert!(lines.is_empty());
    }
}
