//! Hearing and unmasking, as the policies of the recorded call have it: role, second person, times a day.
//!
//! Invariant: what a second person has to agree to names the recording, who asks and what for; it serves the one who asked, for a day.

use super::actor::Actor;
use super::desk::{Desk, store};
use super::persons;
use super::protocol::{Failure, Kind};
use crate::base::{RecordingId, bounds, presentable};
use crate::compliance::approval::{Standing, Weighty};
use crate::compliance::disclosure::{Demands, To};
use crate::io::clock::wall;
use crate::vault::Event;

impl Desk {
    /// That a person who has the right, is there and says what for (`purpose`) may have `recording` disclosed. What is revealed
    /// is counted.
    ///
    /// # Errors
    /// Refused, with what would help.
    pub(super) fn disclosed(
        &self,
        actor: &Actor,
        recording: RecordingId,
        to: To,
        purpose: Option<&str>,
    ) -> Result<(), Failure> {
        let demands = self.demands(recording, to)?;
        let me = actor.somebody()?;
        for title in &demands.roles {
            match self.plan.role(title) {
                Some(role) if me.roles.has(role) => {}
                Some(role) => {
                    let text = format!("the plan of this call wants `{title}` ({role}) for this");
                    return Err(Failure::new(Kind::Refused, text));
                }
                None => {
                    let text = format!(
                        "the plan of this call wants `{title}` for this, which is no role of this node: name one under [plan.roles] of ledgerline.toml"
                    );
                    return Err(Failure::new(Kind::Refused, text));
                }
            }
        }
        if demands.second {
            self.agreed_by_another(actor, recording, to, purpose)?;
        }
        if to == To::Reveal {
            let most = demands.limit.unwrap_or(bounds::REVEALS_A_DAY);
            self.people.count_reveal(&me.account, most, wall()).map_err(persons::people)?;
        }
        Ok(())
    }

    /// Whether a plan's demands of whoever wants to `to` are met without anybody else.
    pub(super) fn is_open_to(&self, actor: &Actor, recording: RecordingId, to: To) -> Result<bool, Failure> {
        let (demands, me) = (self.demands(recording, to)?, actor.somebody()?);
        let has = |title: &String| self.plan.role(title).is_some_and(|role| me.roles.has(role));
        Ok(!demands.second && demands.roles.iter().all(has))
    }

    fn demands(&self, recording: RecordingId, to: To) -> Result<Demands, Failure> {
        let record = self.store()?.show(recording).map_err(store)?;
        let named = record.events.iter().filter_map(|(_, event)| match event {
            Event::Other { name, value } => Some((name.as_str(), value)),
            _ => None,
        });
        Ok(Demands::of(to, named))
    }

    /// That somebody else has agreed within the day; else it is laid before others.
    fn agreed_by_another(
        &self,
        actor: &Actor,
        recording: RecordingId,
        to: To,
        purpose: Option<&str>,
    ) -> Result<(), Failure> {
        let (me, now) = (actor.somebody()?, wall());
        let what = match to {
            To::Play => "hear",
            To::Reveal => "see unmasked",
        };
        let purpose = presentable(purpose.unwrap_or_default().trim(), bounds::PURPOSE);
        let text = format!("{what} {recording}\npurpose {purpose}\nrequester {} {}\n", me.account, me.person);
        let spent = self.motions.list().map_err(persons::motions)?.into_iter().any(|motion| {
            let same = motion.act == Weighty::Disclose && motion.author == me.person && motion.text == text;
            same && motion.used.is_some_and(|used| now < used + bounds::APPROVAL_HOLDS)
        });
        if spent || self.motions.spend_any(Weighty::Disclose, &text, now).map_err(persons::motions)?.is_some()
        {
            return Ok(());
        }
        let motion =
            self.motions.propose(Weighty::Disclose, &text, me.person, now).map_err(persons::motions)?;
        let missing = match motion.standing(now) {
            Standing::Waits(missing) => missing,
            _ => motion.act.votes(),
        };
        let id = motion.id;
        Err(Failure::new(
            Kind::Refused,
            format!(
                "the plan of this call wants {missing} other person to approve this: `ledgerline approve sign {id}`; \
                 then give this command again, within a day"
            ),
        ))
    }
}
