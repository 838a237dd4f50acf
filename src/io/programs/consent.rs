//! Whether a program may be loaded by a node in production: what is laid before others, who must agree, and what is missing.
//!
//! Invariant: consent is to a program's hash, which stands in the first line of what was signed; it is made use of within
//! its day or never; a signature under a key that is no more in force at that moment does not count.

use std::fmt::Write;

use super::{Book, Change, Kept};
use crate::base::Wall;
use crate::compliance::approval::{Motion, Standing, Weighty};
use crate::compliance::needs::Need;
use crate::compliance::role::{Right, Role, who_may};
use crate::config;
use crate::io::motions::Motions;
use crate::io::people::People;
use crate::plan::Program;

/// Octets of a change that are laid before others line by line; what is longer is read with `plan show`.
const CHANGE_BYTES: usize = 1 << 20;

/// How the text of a proposal begins; the hash follows.
const FIRST: &str = "load the plan program ";

/// A plan's header wants the approval of a role that this node does not know, or that approves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file} wants the approval of `{title}`, which is no role here that approves: name one under [plan.roles] of \
     ledgerline.toml (`\"{title}\" = \"quality\"`)"
)]
pub struct UnknownRole {
    /// As the header writes it.
    pub title: String,
    /// Whose header.
    pub file: String,
}

/// Who must approve `program`: of every role the most that one of its files asks for. Without any, empty: then one person of
/// those who may approve plans does.
///
/// # Errors
/// [`UnknownRole`].
pub fn needs_of(program: &Program, plan: &config::Plan) -> Result<Vec<Need>, UnknownRole> {
    let mut needs: Vec<Need> = Vec::new();
    for module in &program.declared().modules {
        for (title, count) in &module.approvals {
            let unknown = || UnknownRole { title: title.to_string(), file: module.file.to_string() };
            let role: Role = plan.role(title).ok_or_else(unknown)?;
            if !who_may(Right::Approve).contains(&role) {
                return Err(unknown());
            }
            match needs.iter_mut().find(|need| *need.title == **title) {
                Some(need) => need.count = need.count.max(*count),
                None => needs.push(Need { title: title.to_string(), roles: vec![role], count: *count }),
            }
        }
    }
    Ok(needs)
}

/// A program that is laid before others.
#[derive(Debug, Clone, Copy)]
pub struct Proposed<'a> {
    /// Its hash.
    pub hash: &'a str,
    /// What it is made of.
    pub kept: &'a Kept,
    /// Who must agree.
    pub needs: &'a [Need],
    /// Why; may be empty.
    pub reason: &'a str,
    /// What changes for calls, a line each.
    pub calls: &'a [String],
}

/// What is laid before others: the program by its hash, who must agree, its files, and what changes against what runs.
pub fn text_of(proposed: &Proposed<'_>, before: Option<(&str, &Kept)>) -> String {
    let Proposed { hash, kept, needs, reason, calls } = proposed;
    let mut text = format!("{FIRST}{hash}\n");
    if !reason.is_empty() {
        let _ = writeln!(text, "reason {reason}");
    }
    for need in *needs {
        let _ = writeln!(text, "needs {need}");
    }
    for (path, content) in &kept.files {
        let _ = writeln!(text, "file {path}, {} lines", content.lines().count());
    }
    for (path, sha256) in &kept.sounds {
        let _ = writeln!(text, "sound {path} {sha256}");
    }
    if !calls.is_empty() {
        let _ = writeln!(text, "\nwhat changes for calls");
        for call in *calls {
            let _ = writeln!(text, "{call}");
        }
    }
    match before {
        Some((hash, _)) => drop(writeln!(text, "\nwhat changes against program {hash}")),
        None => drop(writeln!(text, "\nwhat it says (no program ran before)")),
    }
    let change = Change::between(before.map(|(_, kept)| kept), kept).text();
    if change.len() > CHANGE_BYTES {
        let _ = writeln!(text, "too much to be shown here: `ledgerline plan show {hash}`");
    } else {
        text += &change;
    }
    text
}

/// The hash of the program that a motion is about; `None`: it is about something else.
pub fn program_of(motion: &Motion) -> Option<&str> {
    let first = motion.text.lines().next().filter(|_| motion.act == Weighty::Plan)?;
    first.strip_prefix(FIRST)
}

/// What consent is looked for in.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// Proposals and votes.
    pub motions: &'a Motions,
    /// Whose keys are in force.
    pub people: &'a People,
    /// Which roles the headers mean.
    pub plan: &'a config::Plan,
}

impl Consent<'_> {
    /// Makes use of the approval of `program`: `None` when it was loaded with one before.
    ///
    /// # Errors
    /// In words, what is missing.
    pub fn spend(&self, program: &Program, book: &Book, now: Wall) -> Result<Option<Motion>, String> {
        let hash = program.hash_hex();
        if book.approved.contains_key(&hash) {
            return Ok(None);
        }
        let needs = needs_of(program, self.plan).map_err(|error| error.to_string())?;
        let all = self.motions.list().map_err(|error| error.to_string())?;
        let mut missing = Vec::new();
        for motion in all.iter().filter(|motion| program_of(motion) == Some(&hash)) {
            match self.lacks(motion, &needs, now)? {
                Some(lack) => missing.push(format!("{}: {lack}", motion.id)),
                // Spent, and then the node went down before it could say so: it is the same approval.
                None if motion.used.is_some() => return Ok(Some(motion.clone())),
                None => {
                    let spent = self.motions.spend(motion.id, Weighty::Plan, &motion.text, now);
                    spent.map_err(|error| error.to_string())?;
                    return Ok(Some(motion.clone()));
                }
            }
        }
        if missing.is_empty() {
            missing.push("nobody has proposed it: `ledgerline plan propose`".to_string());
            let waits = |motion: &&Motion| {
                matches!(motion.standing(now), Standing::Waits(_) | Standing::Approved)
                    && program_of(motion).is_some()
            };
            if let Some(other) = all.iter().find(waits).and_then(program_of) {
                missing.push(format!(
                    "what was proposed is program {}: the plan was changed since, or load that one by its hash",
                    short(other)
                ));
            }
        }
        Err(missing.join("; "))
    }

    /// Why `motion` does not let its program be loaded; `None`: it does.
    fn lacks(&self, motion: &Motion, needs: &[Need], now: Wall) -> Result<Option<String>, String> {
        let people = self.people.list().map_err(|error| error.to_string())?;
        let in_force = |key: &str| {
            people
                .iter()
                .any(|view| !view.of.disabled && view.of.key.as_deref().is_some_and(|known| known == key))
        };
        let mut motion = motion.clone();
        let used = motion.used.take();
        // What was spent within its day stays spent after it.
        let standing = motion.standing(used.unwrap_or(now));
        motion.votes.retain(|vote| in_force(&vote.key));
        let now_standing = motion.standing(used.unwrap_or(now));
        Ok(Some(match (standing, now_standing) {
            (Standing::Approved, Standing::Approved) if motion.needs == needs => return Ok(None),
            (Standing::Approved, Standing::Approved) => {
                "who must approve is not what it was when it was proposed: propose it again".to_string()
            }
            (Standing::Approved, _) => {
                "an approval was signed with a key that is not in force any more: propose it again"
                    .to_string()
            }
            (Standing::Waits(missing), _) => {
                let wanted: Vec<String> = needs.iter().map(ToString::to_string).collect();
                let of = if wanted.is_empty() { String::new() } else { format!(" of {}", wanted.join(", ")) };
                format!("{missing} approval(s) missing{of}: `ledgerline plan approve {}`", short_of(&motion))
            }
            (Standing::Expired, _) => {
                "the day in which it could be approved and loaded is over: propose it again".into()
            }
            (Standing::Refused, _) => "somebody refused it".to_string(),
            (Standing::Used, _) => "its approval was used".to_string(),
        }))
    }
}

fn short_of(motion: &Motion) -> &str {
    short(program_of(motion).unwrap_or_default())
}

/// As much of a hash as people read.
fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}
