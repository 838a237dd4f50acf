//! The way to a node: over its admin socket when it runs, else beside it on its files.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::exit::{Exit, Stop};
use super::session;
use crate::base::Secret;
use crate::config::{self, Config};
use crate::io::admin::persons::SessionView;
use crate::io::admin::protocol::{Act, Failure, Kind, Line, Request, Word};
use crate::io::admin::{Actor, Desk, Reply, trail};
use crate::io::motions::Motions;
use crate::io::node;
use crate::io::people::People;
use crate::io::plans;
use crate::io::programs::Programs;
use crate::io::sealed;
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
    session: Option<Secret<String>>,
}

impl Socket {
    /// Connects to the node of `config`; `None` when it does not run.
    ///
    /// # Errors
    /// Refused when the socket is not ours to use.
    pub fn connect(config: &Config) -> Result<Option<Socket>, Stop> {
        let path = &config.admin.socket;
        match UnixStream::connect(path) {
            Ok(stream) => {
                let mut socket = Socket { reader: BufReader::new(stream), session: None };
                socket.session = resume(config, &mut |act| socket.act(act, &mut |_| true))?;
                Ok(Some(socket))
            }
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

    /// The node's process.
    pub fn process(&self) -> Option<i32> {
        let peer = rustix::net::sockopt::socket_peercred(self.reader.get_ref()).ok()?;
        Some(peer.pid.as_raw_nonzero().get())
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
    Stopped(Box<Beside>),
}

/// The desk beside a stopped node, and who sits at it.
pub struct Beside {
    desk: Desk,
    actor: Actor,
    session: Option<Secret<String>>,
}

/// Goes on with the session that is kept, or begins the one that `--person` asks for: its token.
fn resume(
    config: &Config,
    act: &mut dyn FnMut(Act) -> Result<Value, Stop>,
) -> Result<Option<Secret<String>>, Stop> {
    if let Some(name) = session::whom() {
        let password = Word(session::ask_hidden(&format!("Password of {name}"))?);
        let code = session::ask_hidden("One-time code, if you have one")?;
        let code = Some(code.expose().clone()).filter(|code| !code.is_empty());
        let view: SessionView = typed(act(Act::LogIn { name: name.to_string(), password, code })?)?;
        return Ok(Some(view.token.0));
    }
    let Some(token) = session::token(config) else { return Ok(None) };
    match act(Act::Enter { token: Word(token) }) {
        Ok(view) => {
            let view: SessionView = typed(view)?;
            session::keep(config, &view.token.0)?;
            Ok(Some(view.token.0))
        }
        Err(stop) if stop.exit == Exit::Refused => {
            session::forget(config);
            eprintln!("ledgerline: {stop}; this command is the system administrator's");
            Ok(None)
        }
        Err(stop) => Err(stop),
    }
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
        let programs = Programs::new(&config.store.folder, keys.clone());
        // As a start does: nobody else has them open while the store is held.
        sealed::renew_all(&config.store.folder, &keys).map_err(Stop::failed)?;
        let desk = Desk {
            settings: SettingsFile::new(&config.store.folder, keys.clone()),
            people: People::new(&config.store.folder, keys.clone()),
            motions: Motions::new(&config.store.folder, keys.clone()),
            secrets: Secrets::new(&config.store.folder, keys.clone()),
            users: Users::new(&config.store.folder, keys, &config.node.realm),
            realm: config.node.realm.clone(),
            store,
            plan: config.plan.clone(),
            mode: config.node.mode,
            programs,
            site: plans::site(config),
            door: None,
            trunks: None,
            outside: None,
        };
        let mut beside = Beside { desk, actor: trail::beside().into(), session: None };
        beside.session = resume(config, &mut |act| beside.enter(&act))?;
        Ok(Node::Stopped(Box::new(beside)))
    }

    /// Has something done; replies go to `out` until it says false. Where it takes a proof of presence and somebody sits
    /// at the terminal, they are asked for it.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn act(&mut self, act: Act, out: &mut dyn FnMut(Reply) -> bool) -> Result<Value, Stop> {
        match self.once(act.clone(), out) {
            Err(stop) if stop.presence && session::is_attended() => {
                self.prove(session::ask_hidden("One-time code, or the password where there is none")?)?;
                self.once(act, out)
            }
            done => done,
        }
    }

    fn once(&mut self, act: Act, out: &mut dyn FnMut(Reply) -> bool) -> Result<Value, Stop> {
        match self {
            Node::Running(socket) => socket.act(act, out),
            Node::Stopped(beside) => Ok(beside.desk.act(&beside.actor, act, out)?),
        }
    }

    /// Whether a person is logged in.
    pub fn is_somebody(&self) -> bool {
        self.session().is_some()
    }

    /// Logs in (`act` is an [`Act::LogIn`]) for what follows.
    ///
    /// # Errors
    /// Not let in.
    pub fn log_in(&mut self, act: Act) -> Result<SessionView, Stop> {
        let view: SessionView = typed(match self {
            Node::Running(socket) => socket.act(act, &mut |_| true)?,
            Node::Stopped(beside) => beside.enter(&act)?,
        })?;
        *self.session_mut() = Some(view.token.0.clone());
        Ok(view)
    }

    /// Proves to be there, for the next minutes.
    ///
    /// # Errors
    /// Nobody is logged in, or the proof is none.
    pub fn prove(&mut self, proof: Secret<String>) -> Result<SessionView, Stop> {
        let nobody = || Stop::refused("nobody is logged in: `ledgerline login NAME`");
        let token = Word(self.session().ok_or_else(nobody)?.clone());
        self.log_in(Act::Prove { token, proof: Word(proof) })
    }

    fn session(&self) -> Option<&Secret<String>> {
        match self {
            Node::Running(socket) => socket.session.as_ref(),
            Node::Stopped(beside) => beside.session.as_ref(),
        }
    }

    fn session_mut(&mut self) -> &mut Option<Secret<String>> {
        match self {
            Node::Running(socket) => &mut socket.session,
            Node::Stopped(beside) => &mut beside.session,
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

impl Beside {
    fn enter(&mut self, act: &Act) -> Result<Value, Stop> {
        let (actor, view) = self.desk.enter(&self.actor, act)?;
        self.actor = actor;
        serde_json::to_value(view).map_err(Stop::failed)
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Stop> {
    serde_json::from_value(value).map_err(|error| {
        Failure::new(Kind::Failed, format!("an answer that is not understood: {error}")).into()
    })
}
