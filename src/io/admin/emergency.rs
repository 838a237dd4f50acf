//! Emergency plans of the program that runs, switched on by two people and off by one.
//!
//! Invariant: what is on is written down before the core is told of it, so that a restart goes on where the node stood; at most one
//! plan is on, so that no two of them can want the same call.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Actor;
use super::desk::{Desk, failed, value};
use super::planning::kept;
use super::protocol::{Failure, Kind};
use super::trail::Deed;
use crate::base::bounds;
use crate::compliance::approval::Weighty;
use crate::compliance::role::Right;
use crate::io::clock::wall;
use crate::io::programs::Emergency;
use crate::plan::Program;

/// A request about emergency plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum EmergencyAct {
    /// Which there are, and which is on.
    List,
    /// Switch one on. It takes another person's approval.
    On {
        /// Which.
        name: String,
        /// Why, in a line: whoever approves reads it.
        reason: String,
    },
    /// Switch off whatever is on.
    Off,
}

/// An emergency plan, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyView {
    /// Its name.
    pub name: String,
    /// Its routes: what is dialled, and where each is written.
    pub routes: Vec<String>,
    /// Since when, by whom and why it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Emergency>,
}

impl EmergencyAct {
    /// What of it is audited.
    pub(super) fn deed(&self) -> Deed {
        match self {
            EmergencyAct::List => Deed::new("emergency.list", None),
            EmergencyAct::On { name, reason } => {
                Deed { reason: Some(reason.clone()), ..Deed::new("emergency.on", name.clone()) }
            }
            EmergencyAct::Off => Deed::new("emergency.off", None),
        }
    }
}

impl Desk {
    pub(super) fn emergency(&self, actor: &Actor, act: EmergencyAct) -> Result<Value, Failure> {
        if !actor.may(Right::Approve) {
            actor.check(Right::Operate)?;
        }
        match act {
            EmergencyAct::List => self.emergencies(),
            EmergencyAct::On { name, reason } => self.emergency_on(actor, &name, &reason),
            EmergencyAct::Off => self.emergency_off(),
        }
    }

    fn emergencies(&self) -> Result<Value, Failure> {
        let book = self.programs.book().map_err(kept)?;
        let last = || self.programs.get(&book.active()?.program);
        let program = self.programs.current();
        let program = program.or_else(|| self.programs.load(&last()?, &self.site).program);
        let names = program.iter().flat_map(|program| program.declared().emergencies.iter());
        let on = |name: &str| book.emergency.clone().filter(|on| on.name == name);
        let mut views: Vec<EmergencyView> = names
            .map(|name| EmergencyView {
                name: name.to_string(),
                routes: program.iter().flat_map(|program| routes(program, name)).collect(),
                on: on(name),
            })
            .collect();
        // What is on although the program has lost it must not go unseen.
        if let Some(on) = book.emergency.clone().filter(|on| views.iter().all(|view| view.name != on.name)) {
            views.push(EmergencyView { name: on.name.clone(), routes: Vec::new(), on: Some(on) });
        }
        value(views)
    }

    fn emergency_on(&self, actor: &Actor, name: &str, reason: &str) -> Result<Value, Failure> {
        let reason = reason.trim();
        if reason.is_empty() || reason.contains(['\n', '\r']) || reason.chars().count() > bounds::PURPOSE {
            return Err(Failure::new(Kind::Usage, "say in a line why: --reason TEXT"));
        }
        let door = self.running()?;
        let _turn = self.programs.turn();
        let program = self.programs.current();
        let program = program.ok_or_else(|| Failure::new(Kind::Failed, "no program runs"))?;
        let known = &program.declared().emergencies;
        if known.iter().all(|plan| **plan != *name) {
            let names = known.iter().map(|plan| &**plan).collect::<Vec<_>>().join(", ");
            let there = if names.is_empty() { "none".to_string() } else { names };
            let text = format!("the program that runs has no emergency plan {name} (it has: {there})");
            return Err(Failure::new(Kind::NotFound, text));
        }
        if let Some(on) = self.programs.book().map_err(kept)?.emergency {
            let text = match on.name == name {
                true => format!("the emergency plan {name} is on since {}", on.since.rfc3339()),
                false => format!("the emergency plan {} is on: switch it off first", on.name),
            };
            return Err(Failure::new(Kind::Refused, text));
        }
        let approved_by =
            self.agreed(Weighty::EmergencyPlan, &laid(&program, name, reason), actor.human())?;
        let on = Emergency {
            name: name.to_string(),
            since: wall(),
            who: actor.who().name(),
            approved_by,
            reason: reason.to_string(),
        };
        self.programs.switch_emergency(Some(on.clone())).map_err(kept)?;
        door.emergency(Some(Arc::from(name))).map_err(failed)?;
        tracing::warn!(plan = name, "an emergency plan is on: its routes go before all others");
        value(on)
    }

    fn emergency_off(&self) -> Result<Value, Failure> {
        let door = self.running()?;
        let _turn = self.programs.turn();
        let on = self.programs.book().map_err(kept)?.emergency;
        let on = on.ok_or_else(|| Failure::new(Kind::NotFound, "no emergency plan is on"))?;
        self.programs.switch_emergency(None).map_err(kept)?;
        door.emergency(None).map_err(failed)?;
        tracing::warn!(plan = on.name, "the emergency plan is off");
        Ok(json!({ "name": on.name, "since": on.since }))
    }

    /// What somebody should know of emergency plans.
    pub(super) fn emergency_alarm(&self) -> Option<String> {
        let on = self.programs.book().ok()?.emergency?;
        let known = self
            .programs
            .current()
            .is_none_or(|program| program.declared().emergencies.iter().any(|plan| **plan == *on.name));
        Some(match known {
            true => format!("the emergency plan {} is on since {}", on.name, on.since.rfc3339()),
            false => {
                format!("the emergency plan {} is on, and the program that runs does not have it", on.name)
            }
        })
    }
}

/// What is laid before others.
fn laid(program: &Program, name: &str, reason: &str) -> String {
    let mut text =
        format!("switch on the emergency plan {name}\nreason {reason}\nprogram {}\n", program.hash_hex());
    for route in routes(program, name) {
        let _ = writeln!(text, "{route}");
    }
    text
}

/// The routes of an emergency plan, in words.
fn routes(program: &Program, name: &str) -> Vec<String> {
    let said = program
        .routes_of(name)
        .map(|route| format!("route \"{}\" ({}:{})", route.pattern, route.file, route.line));
    said.collect()
}
