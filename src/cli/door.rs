//! The way to a node: over its admin socket when it runs, else beside it on its files.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::exit::Stop;
use crate::config::{self, Config};
use crate::io::admin::protocol::{Act, Failure, Kind, Line, Request};
use crate::io::admin::{Desk, Reply, trail};
use crate::io::node;
use crate::io::plans;
use crate::io::secrets::Secrets;
use crate::io::settings::SettingsFile;
use crate::io::users::Users;
use crate::switch::Command;

/// Where a configuration is looked for when none is named.
const PLACES: [&str; 3] =
    ["ledgerline.toml", "/etc/ledgerline/ledgerline.toml", "/var/lib/ledgerline/ledgerline.toml"];

/// Reads the configuration: the given file, else the first of [`PLACES`] that exists.
///
/// # Errors
/// Usage: there is none, or it is wrong.
pub fn configuration(given: Option<&Path>) -> Result<Config, Stop> {
    let file = match given {
        Some(file) => file.to_path_buf(),
        None => {
            let none = "there is no ledgerline.toml here; name one with --config, or make a node with `ledgerline init`";
            PLACES
                .into_iter()
                .map(PathBuf::from)
                .find(|place| place.exists())
                .ok_or_else(|| Stop::usage(none))?
        }
    };
    let text =
        fs::read_to_string(&file).map_err(|error| Stop::usage(format!("{}: {error}", file.display())))?;
    config::check(&file, &text).map_err(Stop::usage)
}

/// A connection to a running node.
#[derive(Debug)]
pub struct Socket {
    reader: BufReader<UnixStream>,
}

impl Socket {
    /// Connects to the node of `config`; `None` when it does not run.
    ///
    /// # Errors
    /// Refused when the socket is not ours to use.
    pub fn connect(config: &Config) -> Result<Option<Socket>, Stop> {
        let path = &config.admin.socket;
        match UnixStream::connect(path) {
            Ok(stream) => Ok(Some(Socket { reader: BufReader::new(stream) })),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(Stop::refused(format!("{}: {error}; be root or the node's own user", path.display())))
            }
            Err(_) => Ok(None),
        }
    }

    /// Connects to the node of `config`.
    ///
    /// # Errors
    /// Unreachable when it does not run; else as [`Socket::connect`].
    pub fn reach(config: &Config) -> Result<Socket, Stop> {
        let nobody = || Stop::unreachable(format!("no switch answers at {}", config.admin.socket.display()));
        Socket::connect(config)?.ok_or_else(nobody)
    }

    /// Asks the core.
    ///
    /// # Errors
    /// What the node said, or that it is gone.
    pub fn ask<T: DeserializeOwned>(&mut self, command: Command) -> Result<T, Stop> {
        let value = self.send(Request::Ask(command), &mut |_| true)?;
        // The answer's kind is that of the question.
        typed(value.get("value").cloned().unwrap_or(Value::Null))
    }

    /// Has the shell do something; replies go to `out` until it says false.
    ///
    /// # Errors
    /// What the node said, or that it is gone.
    pub fn act(&mut self, act: Act, out: &mut dyn FnMut(Reply) -> bool) -> Result<Value, Stop> {
        self.send(Request::Do(act), out)
    }

    fn send(&mut self, request: Request, out: &mut dyn FnMut(Reply) -> bool) -> Result<Value, Stop> {
        let gone = |error: io::Error| Stop::unreachable(format!("the switch went away: {error}"));
        match self.reader.get_mut().write_all(request.to_line().as_bytes()) {
            // A switch that refuses us says so and closes at once: what it said is still there to read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.map_err(gone)?,
        }
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).map_err(gone)? == 0 {
                return Err(gone(io::ErrorKind::UnexpectedEof.into()));
            }
            let reply = match serde_json::from_str(&line) {
                Ok(Line::Ok(value)) => return Ok(value),
                Ok(Line::Error(failure)) => return Err(failure.into()),
                Ok(Line::Item(value)) => Reply::Item(value),
                Ok(Line::Octets(len)) => {
                    let mut octets = vec![0; len];
                    self.reader.read_exact(&mut octets).map_err(gone)?;
                    Reply::Octets(octets)
                }
                Err(error) => {
                    return Err(Stop::failed(format!("the switch speaks another version: {error}")));
                }
            };
            if !out(reply) {
                return Ok(Value::Null);
            }
        }
    }
}

/// A node that may run or not.
pub enum Node {
    /// It runs.
    Running(Socket),
    /// It is stopped: its files are ours for the moment.
    Stopped(Box<Desk>),
}

impl Node {
    /// Reaches the node of `config`, running or not.
    ///
    /// # Errors
    /// The socket is not ours to use, or the files do not open.
    pub fn open(config: &Config) -> Result<Node, Stop> {
        if let Some(socket) = Socket::connect(config)? {
            return Ok(Node::Running(socket));
        }
        let keys = node::load_keys(config).map_err(Stop::failed)?;
        // Whatever is done is audited, so the store is opened for accounts too.
        let store = Some(node::open_stopped(config).map_err(Stop::failed)?);
        let desk = Desk {
            settings: SettingsFile::new(&config.store.folder, keys.clone()),
            secrets: Secrets::new(&config.store.folder, keys.clone()),
            users: Users::new(&config.store.folder, keys, &config.node.realm),
            realm: config.node.realm.clone(),
            store,
            plan: config.plan.clone(),
            site: plans::site(config),
            door: None,
            trunks: None,
        };
        Ok(Node::Stopped(Box::new(desk)))
    }

    /// Has something done; replies go to `out` until it says false.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn act(&mut self, act: Act, out: &mut dyn FnMut(Reply) -> bool) -> Result<Value, Stop> {
        match self {
            Node::Running(socket) => socket.act(act, out),
            Node::Stopped(desk) => Ok(desk.act(&trail::beside(), act, out)?),
        }
    }

    /// As [`Node::act`], for acts that yield one value.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn value<T: DeserializeOwned>(&mut self, act: Act) -> Result<T, Stop> {
        typed(self.act(act, &mut |_| true)?)
    }

    /// As [`Node::act`], for acts that yield several values of one kind.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn items<T: DeserializeOwned>(&mut self, act: Act) -> Result<Vec<T>, Stop> {
        let mut items = Vec::new();
        self.act(act, &mut |reply| {
            if let Reply::Item(value) = reply {
                items.push(value);
            }
            true
        })?;
        items.into_iter().map(typed).collect()
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Stop> {
    serde_json::from_value(value).map_err(|error| {
        Failure::new(Kind::Failed, format!("an answer that is not understood: {error}")).into()
    })
}
