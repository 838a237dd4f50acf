//! `serve`: the switch itself.

use std::path::Path;

use super::door;
use super::exit::{Exit, Stop};
use crate::io::harden;
use crate::io::log;
use crate::io::node::{self, StartError};
use crate::io::store::lock::wait_until_unsealed;

pub(super) fn run(config: Option<&Path>) -> Result<Exit, Stop> {
    let config = door::configuration(config)?;
    let _log = log::start(&config.log).map_err(Stop::failed)?;
    harden::lock_memory();
    wait_until_unsealed(&config.store.keys).map_err(Stop::failed)?;
    node::run(&config, std::future::pending(), |_| ()).map_err(|error| match error {
        StartError::Plan(_) | StartError::PlanFolder(..) => Stop::usage(error),
        _ => Stop::failed(error),
    })?;
    Ok(Exit::Done)
}
