//! `[presence]`: who may know what of whom.

use super::checked::Check;
use super::written;

/// `[presence]`: who may know what of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Presence {
    /// Whose calls and presence a user may watch.
    pub watch: Watching,
    /// Whose number a busy lamp shows beside its state.
    pub show: Shown,
}

/// Whose calls and presence a user may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watching {
    /// Those of every user of this node.
    #[default]
    Users,
    /// Only its own (other phones of the same user) and park slots.
    Own,
}

/// Whose number a busy lamp shows beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// Nobody's.
    Nobody,
    /// That of a user of this node; a customer's stays hidden.
    #[default]
    Users,
    /// Everybody's who did not ask for privacy.
    All,
}

/// Gives the section as written its meaning.
pub(super) fn checked(check: &mut Check<'_>, written: &written::Presence) -> Presence {
    let watch = [("users", Watching::Users), ("own", Watching::Own)];
    let show = [("nobody", Shown::Nobody), ("users", Shown::Users), ("all", Shown::All)];
    Presence {
        watch: check.one_of(written.watch.as_ref(), &watch),
        show: check.one_of(written.show.as_ref(), &show),
    }
}
