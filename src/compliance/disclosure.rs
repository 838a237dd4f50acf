//! What a plan asks of whoever hears a recording or sees it unmasked (`play needs …`, `reveal … needs …`). The demands of a call's
//! policies stand on the recording's own event track, so that they hold whatever plan runs later.
//!
//! Invariant: demands only add up; a role that nobody knows lets nobody in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the event that holds them.
pub const EVENT: &str = "demands";

/// What is asked of whoever wants to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// Hear it, or read what was said.
    Play,
    /// See numbers and names unmasked.
    Reveal,
}

/// One clause of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Of whom.
    pub to: To,
    /// The role that may, as the plan calls it; `None`: whoever has the right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether somebody else has to agree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second: bool,
    /// How often a person may on one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// All that is asked of whoever wants to do one thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demands {
    /// Roles, as plans call them: each of them is needed.
    pub roles: Vec<String>,
    /// Whether somebody else has to agree.
    pub second: bool,
    /// The least of the limits.
    pub limit: Option<u32>,
}

impl Demands {
    /// Those `to` do something, of the `events` of a recording (name and value). What is not understood is a role that nobody has.
    pub fn of<'e>(to: To, events: impl IntoIterator<Item = (&'e str, &'e Value)>) -> Demands {
        let mut sum = Demands::default();
        for (_, value) in events.into_iter().filter(|(name, _)| *name == EVENT) {
            match serde_json::from_value::<Vec<Demand>>(value.clone()) {
                Ok(demands) => {
                    demands.into_iter().filter(|demand| demand.to == to).for_each(|one| sum.add(one))
                }
                Err(_) => sum.roles.push("?".into()),
            }
        }
        sum
    }

    fn add(&mut self, demand: Demand) {
        self.roles.extend(demand.role.filter(|role| !self.roles.contains(role)));
        self.second |= demand.second;
        self.limit = match (self.limit, demand.limit) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn demands_add_up_and_what_is_not_understood_lets_nobody_in() {
        let track = [
            json!([{ "to": "play", "role": "质控" }, { "to": "reveal", "limit": 20 }]),
            json!([{ "to": "reveal", "second": true, "limit": 5 }, { "to": "play", "role": "质控" }]),
        ];
        let events = || track.iter().map(|value| (EVENT, value)).chain([("monitor", &Value::Null)]);
        let play = Demands { roles: vec!["质控".into()], ..Demands::default() };
        assert_eq!(Demands::of(To::Play, events()), play);
        let reveal = Demands { roles: Vec::new(), second: true, limit: Some(5) };
        assert_eq!(Demands::of(To::Reveal, events()), reveal);
        let odd = json!([{ "to": "sing" }]);
        assert_eq!(Demands::of(To::Play, [(EVENT, &odd)]).roles, ["?"]);
        assert_eq!(Demands::of(To::Play, [("tag", &odd)]), Demands::default());
    }
}
