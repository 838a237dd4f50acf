//! What the desk does about keeping: where recordings stand, holds, anchors, requests for erasure, destruction.
//!
//! Invariant: what takes other people's agreement is laid before them in words that say all that it depends on, and is done
//! for exactly these words.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actor::Actor;
use super::desk::{Desk, Out, Reply, failed, store, value};
use super::persons::motions as motions_fault;
use super::protocol::{Failure, Kind};
use super::trail::Deed;
use crate::base::{Masked, MotionId, PersonId, Wall, bounds};
use crate::compliance::approval::Weighty;
use crate::compliance::retention::{Select, State};
use crate::io::clock::wall;
use crate::io::store::{Kept, Listing};
use crate::vault::{Anchor, Erasure, Grounds, Holding, Job};

/// A request about keeping.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum KeepAct {
    /// Where recordings stand.
    List {
        /// Which.
        listing: Listing,
        /// At most so many.
        limit: usize,
    },
    /// Lay a hold.
    Hold(Holding),
    /// End a hold: takes a second person.
    Release {
        /// The case.
        case: String,
    },
    /// The holds.
    Holds,
    /// An event that terms count from has come; to shorten a term takes two others.
    Anchor(Anchor),
    /// Whom it concerns asked for the erasure of a recording.
    Erase(Erasure),
    /// Somebody has looked at the clock that jumped.
    Thaw {
        /// What was found.
        reason: String,
    },
    /// Lay a destruction before others: takes two.
    Propose(Box<Order>),
    /// Carry out a destruction that was approved.
    Destroy {
        /// The motion.
        motion: MotionId,
    },
    /// Destructions that are not done.
    Jobs,
}

/// A destruction, as it is asked for.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    /// Why.
    #[serde(flatten)]
    pub grounds: Grounds,
    /// Which: nothing given means all that are past their maximum.
    pub select: Select,
}

impl KeepAct {
    /// What of it is audited.
    pub fn deed(&self) -> Deed {
        let named = |name: &String| Some(name.clone());
        let about = |select: &Select| select.number.iter().chain(&select.name).map(Masked::new).collect();
        match self {
            KeepAct::List { .. } => Deed::new("retention.list", None),
            KeepAct::Hold(Holding { case, select, reason }) => Deed {
                about: about(select),
                reason: Some(reason.clone()),
                ..Deed::new("hold.add", named(case))
            },
            KeepAct::Release { case } => Deed::new("hold.release", named(case)),
            KeepAct::Holds => Deed::new("hold.list", None),
            KeepAct::Anchor(Anchor { event, moment, select }) => Deed {
                about: about(select),
                detail: json!({ "moment": moment }),
                ..Deed::new("rec.anchor", named(event))
            },
            KeepAct::Erase(Erasure { recording, reason }) => {
                Deed { reason: Some(reason.clone()), ..Deed::new("rec.erase", recording.to_string()) }
            }
            KeepAct::Thaw { reason } => {
                Deed { reason: Some(reason.clone()), ..Deed::new("retention.thaw", None) }
            }
            KeepAct::Propose(order) => Deed {
                reason: Some(order.grounds.basis.clone()),
                ..Deed::new("destroy.propose", named(&order.grounds.counterparty))
            },
            KeepAct::Destroy { motion } => Deed::new("destroy.run", motion.to_string()),
            KeepAct::Jobs => Deed::new("destroy.list", None),
        }
    }
}

impl Desk {
    /// Carries `act` out for `actor`.
    pub(super) fn keep(&self, actor: &Actor, act: KeepAct, out: Out<'_>) -> Result<Value, Failure> {
        let (kept, by, author) = (self.store()?, actor.who().name(), actor.human());
        let leaf = match act {
            KeepAct::List { listing, limit } => return self.standings(listing, limit, out),
            KeepAct::Holds => return value(kept.holds()),
            KeepAct::Jobs => return value(kept.jobs()),
            KeepAct::Hold(asked) => kept.hold(&by, asked),
            KeepAct::Release { case } => {
                if kept.holds().iter().all(|(held, _)| *held != case) {
                    return Err(Failure::new(Kind::NotFound, format!("there is no hold of case {case}")));
                }
                let text = format!("release the hold of case {case}\n");
                let approved_by = self.agreed(Weighty::HoldRelease, &text, author)?;
                kept.release(&by, &case, approved_by)
            }
            KeepAct::Anchor(anchor) => match kept.anchor(&by, anchor.clone(), Vec::new()) {
                Err(crate::io::store::StoreError::Rule(why)) if why.contains("two approvals") => {
                    let chosen = serde_json::to_string(&anchor.select).map_err(failed)?;
                    let (event, moment) = (&anchor.event, anchor.moment.rfc3339());
                    let text = format!("set {event} to {moment} for {chosen}\n{why}\n");
                    let approved_by = self.agreed(Weighty::RetentionShorten, &text, author)?;
                    kept.anchor(&by, anchor, approved_by)
                }
                done => done,
            },
            KeepAct::Erase(asked) => kept.ask_erasure(&by, asked),
            KeepAct::Thaw { reason } => kept.thaw(&by, &reason),
            KeepAct::Propose(order) => return self.propose(&order, author),
            KeepAct::Destroy { motion } => return self.destroy(&by, motion),
        };
        Ok(json!({ "leaf": leaf.map_err(store)? }))
    }

    fn standings(&self, listing: Listing, limit: usize, out: Out<'_>) -> Result<Value, Failure> {
        let found = self.store()?.retention(listing, limit.clamp(1, bounds::SEARCH_ROWS)).map_err(store)?;
        let count = found.len();
        for kept in found {
            if !out(Reply::Item(value(kept)?)) {
                break;
            }
        }
        Ok(json!({ "found": count }))
    }

    /// Who agreed to exactly this. When nobody has, it is laid before others.
    pub(super) fn agreed(
        &self,
        act: Weighty,
        text: &str,
        author: Result<PersonId, Failure>,
    ) -> Result<Vec<String>, Failure> {
        let motions = &self.motions;
        if let Some((_, people)) = motions.spend_any(act, text, wall()).map_err(motions_fault)? {
            return Ok(people.iter().map(ToString::to_string).collect());
        }
        let author = author?;
        let waits = motions.propose(act, text, author, wall()).map_err(motions_fault)?;
        let votes = match act.votes() {
            1 => "one approval".to_string(),
            votes => format!("{votes} approvals"),
        };
        let text = format!("laid before others as {}: it takes {votes}; then ask again", waits.id);
        Err(Failure::new(Kind::Refused, text))
    }

    /// Lays before others what may be destroyed now of what `order` selects.
    fn propose(&self, order: &Order, author: Result<PersonId, Failure>) -> Result<Value, Failure> {
        let kept = self.store()?;
        let listing = if order.select.is_empty() { Listing::Due } else { Listing::In(State::Expired) };
        let mut candidates = kept.retention(listing, usize::MAX).map_err(store)?;
        if !order.select.is_empty() {
            let chosen = kept.selected(&order.select).map_err(store)?;
            candidates.retain(|kept: &Kept| chosen.binary_search(&kept.recording).is_ok());
        }
        let (recordings, held) = kept
            .destroyable(candidates.iter().map(|kept| kept.recording).take(bounds::JOB_RECORDINGS))
            .map_err(store)?;
        let job = Job {
            grounds: order.grounds.clone(),
            scope: scope_of(&candidates),
            recordings,
            held,
            also: vec!["index".into()],
            ..Job::default()
        };
        if job.recordings.is_empty() {
            let held: Vec<&str> = job.held.iter().map(|(case, _)| case.as_str()).collect();
            let why = if held.is_empty() { String::new() } else { format!(" (held by {})", held.join(", ")) };
            return Err(Failure::new(Kind::NotFound, format!("nothing of it may be destroyed now{why}")));
        }
        let text = words(&job);
        let waits = self.motions.propose(Weighty::Destroy, &text, author?, wall()).map_err(motions_fault)?;
        Ok(json!({ "motion": waits.id, "recordings": job.recordings.len(), "held": job.held, "text": text }))
    }

    /// Carries out what was approved.
    fn destroy(&self, by: &str, id: MotionId) -> Result<Value, Failure> {
        let (kept, motions) = (self.store()?, &self.motions);
        let laid = motions.get(id).map_err(motions_fault)?;
        let job =
            job_in(&laid.text).ok_or_else(|| failed("the motion's words are not those of a destruction"))?;
        let approved_by = motions.spend(id, Weighty::Destroy, &laid.text, wall()).map_err(motions_fault)?;
        let job = Job {
            no: kept.next_job(),
            requested_by: laid.author.to_string(),
            approved_by: approved_by.iter().map(ToString::to_string).collect(),
            ..job
        };
        let no = job.no.clone();
        let destroyed = kept.destroy(by, job).map_err(store)?;
        let certificate = kept.folder().join("certificates").join(&no);
        Ok(json!({ "job": no, "destroyed": destroyed, "certificate": certificate.with_extension("pdf") }))
    }
}

/// The classes of what is destroyed, in words.
fn scope_of(candidates: &[Kept]) -> String {
    let mut classes: Vec<&str> = candidates.iter().filter_map(|kept| kept.class.as_deref()).collect();
    classes.sort_unstable();
    classes.dedup();
    classes.join("、")
}

/// All that a destruction depends on, as it is shown to who approves it.
fn words(job: &Job) -> String {
    let mut text = format!(
        "destroy {} recordings\norg: {}\ncounterparty: {}\nbasis: {}\nbasis at: {}\nscope: {}\n",
        job.recordings.len(),
        one_line(&job.grounds.org),
        one_line(&job.grounds.counterparty),
        one_line(&job.grounds.basis),
        job.grounds.basis_at.as_micros(),
        one_line(&job.scope),
    );
    for (case, count) in &job.held {
        let _ = writeln!(text, "held: {count} by {}", one_line(case));
    }
    for id in &job.recordings {
        let _ = writeln!(text, "recording: {id}");
    }
    text
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The destruction that [`words`] put into words.
fn job_in(text: &str) -> Option<Job> {
    let mut job = Job { also: vec!["index".into()], ..Job::default() };
    for line in text.lines().skip(1) {
        let (name, told) = line.split_once(": ")?;
        match name {
            "org" => job.grounds.org = told.into(),
            "counterparty" => job.grounds.counterparty = told.into(),
            "basis" => job.grounds.basis = told.into(),
            "basis at" => job.grounds.basis_at = Wall::from_micros(told.parse().ok()?),
            "scope" => job.scope = told.into(),
            "held" => {
                let (count, case) = told.split_once(" by ")?;
                job.held.push((case.into(), count.parse().ok()?));
            }
            "recording" => job.recordings.push(told.parse().ok()?),
            _ => return None,
        }
    }
    (words(&job) == text).then_some(job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordingId;

    /// DUAL-04: what is approved is what is done, to the letter.
    #[test]
    fn a_destruction_is_in_its_words() {
        let job = Job {
            grounds: Grounds {
                org: "××医院".into(),
                counterparty: "××外包\nrecording: r-forged".into(),
                basis: "合同终止: 2026".into(),
                basis_at: Wall::from_micros(77),
            },
            scope: "合作项目".into(),
            recordings: vec![RecordingId::from_bytes([1; 16]), RecordingId::from_bytes([2; 16])],
            held: vec![("C-7".into(), 3)],
            also: vec!["index".into()],
            ..Job::default()
        };
        let text = words(&job);
        let read = job_in(&text).expect("its own words");
        assert_eq!(
            (&read.recordings, &read.held, &read.grounds.basis),
            (&job.recordings, &job.held, &job.grounds.basis)
        );
        assert_eq!(read.grounds.counterparty, "××外包 recording: r-forged", "no line can be smuggled in");
        for (from, to) in
            [("destroy 2", "destroy 1"), ("\nrecording: r-", "\nrecordings: r-"), ("held: 3", "held: x")]
        {
            assert_eq!(job_in(&text.replacen(from, to, 1)), None, "{from}");
        }
    }
}
