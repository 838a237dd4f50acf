//! Who may know what of whom, and is told when it changes: events (RFC 6665) with the packages `dialog` (RFC 4235, busy lamps),
//! `message-summary` (RFC 3842) and `presence` (RFC 3856), PUBLISH (RFC 3903); MESSAGE between users (RFC 3428).
//!
//! [`Events`] is the whole of it: the switch gives it requests of proven users, answers and time; it knows nothing of calls beyond the
//! [`Line`]s that it is told.
//!
//! Invariant: a watcher has at most one NOTIFY out and hears at most one a second that it did not ask for; whatever it missed, the
//! next one says all of it.

mod dialog_info;
mod events;
mod facts;
pub mod figure;
mod lines;
mod outside;
mod package;
mod pidf;
mod publications;
mod readable;
mod report;
mod requests;
mod subscription;
mod subscriptions;
mod summary;
mod texts;
mod xml;

pub use events::{Desk, Events, Policy};
pub use facts::{Content, Facts};
pub use lines::{Direction, Line, Lines, Party, Stage};
pub use package::{ALLOW_EVENTS, Named, Package};
pub use pidf::Status;
pub use publications::{Publications, Published};
pub use report::Report;
pub use subscription::{Reason, Topic};
pub use subscriptions::SubscriptionId;
pub use summary::Waiting;
pub use xml::Unreadable;
