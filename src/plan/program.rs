//! The compiled plan: flat, immutable, named by the hash of its canonical text.
//!
//! Invariant: nothing in a program changes after `load`; a call keeps the program that it started with.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Masked, PromptId, Wall};

use super::policy::Policy;

/// Who a call comes from, as far as routes and policies care.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// An authenticated user of this switch.
    Users,
    /// A trunk, by its name in the plan.
    Trunk(Arc<str>),
}

/// What is known of a call when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Who calls: the user's name or number, or the caller's number on a trunk.
    pub caller: Masked,
    /// What was dialled: the user part of the Request-URI, unescaped.
    pub dialled: Masked,
    /// The caller's display name; may be empty.
    pub display: Masked,
    /// Where the call comes from.
    pub origin: Origin,
    /// When the call started.
    pub wall: Wall,
}

/// A route of a program: an index that only its own program understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub(crate) u32);

/// A route as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRef {
    /// The pattern, e.g. `8XXX`.
    pub pattern: Arc<str>,
    /// The file, relative to the plan folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

/// One sound of one prompt in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRef {
    /// The sound's content, by which an ask names it.
    pub id: PromptId,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The prompt's name in the plan.
    pub name: Arc<str>,
    /// The language: `zh`, `en`.
    pub lang: Arc<str>,
    /// The file, relative to the plan folder.
    pub path: Arc<str>,
    /// What the sound says, where the plan tells.
    pub says: Option<Arc<str>>,
    /// How long it plays.
    pub duration: Duration,
}

/// A checked and compiled plan.
#[derive(Debug)]
pub struct Program {
    hash: [u8; 32],
    prompts: Vec<PromptRef>,
}

impl Program {
    /// SHA-256 over the canonical text of all files and the content of all sounds.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The hash as 64 lower-case hexadecimal digits.
    pub fn hash_hex(&self) -> String {
        self.hash.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// Every sound that an ask of this program may name, in the order of the files. Two may share an id.
    pub fn prompts(&self) -> &[PromptRef] {
        &self.prompts
    }

    /// The route for a call from `origin` to `dialled`; `None` when nobody is reached that way (404).
    pub fn route(&self, origin: &Origin, dialled: &str) -> Option<RouteId> {
        let _ = (origin, dialled);
        None
    }

    /// A route as it is written; `None` when `route` is of another program.
    pub fn route_ref(&self, route: RouteId) -> Option<&RouteRef> {
        let _ = route;
        None
    }

    /// What all policies that match a call with these facts ask for together.
    pub fn policy(&self, facts: &Facts) -> Policy {
        let _ = facts;
        Policy::default()
    }
}
