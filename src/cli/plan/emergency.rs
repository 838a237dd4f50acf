//! `plan emergency`: the emergency plans of the program that runs.

use std::path::Path;

use serde_json::Value;

use crate::cli::args;
use crate::cli::door::{self, Node};
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::{Printer, table};
use crate::io::admin::emergency::{EmergencyAct, EmergencyView};
use crate::io::admin::protocol::Act;
use crate::io::programs::Emergency;

pub(super) fn run(act: &args::Emergency, config: Option<&Path>, printer: &Printer) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let mut node = Node::open(&config)?;
    match act {
        args::Emergency::List => {
            let plans: Vec<EmergencyView> = node.value(Act::Emergency(EmergencyAct::List))?;
            printer.value(&plans, |plans| listed(plans));
        }
        args::Emergency::On { name, reason } => {
            let act = EmergencyAct::On { name: name.clone(), reason: reason.clone() };
            let on: Emergency = node.value(Act::Emergency(act))?;
            printer.value(&on, |on| format!("On: {}, for every call from now on\n", on.name));
        }
        args::Emergency::Off => {
            let off: Value = node.value(Act::Emergency(EmergencyAct::Off))?;
            printer.value(&off, |off| format!("Off: {}\n", off["name"].as_str().unwrap_or_default()));
        }
    }
    Ok(Exit::Done)
}

fn listed(plans: &[EmergencyView]) -> String {
    if plans.is_empty() {
        return "The program that runs has no emergency plan\n".to_string();
    }
    let rows: Vec<[String; 5]> = plans
        .iter()
        .map(|plan| {
            let (state, who, why) = match &plan.on {
                Some(on) => (format!("on since {}", on.since.rfc3339()), on.who.clone(), on.reason.clone()),
                None => ("off".to_string(), String::new(), String::new()),
            };
            [plan.name.clone(), state, who, why, plan.routes.join("; ")]
        })
        .collect();
    table(["PLAN", "STATE", "BY", "WHY", "ROUTES"], &rows)
}
