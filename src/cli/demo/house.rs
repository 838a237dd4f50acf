//! The switch of the demo: a node of its own in a folder of its own, on loopback, started as `serve` starts it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use super::HOTLINE;
use super::line::Account;
use crate::base::{Masked, PromptId, Random, Secret};
use crate::cli::door::{self, Node};
use crate::cli::exit::Stop;
use crate::cli::print::Printer;
use crate::compliance::role::Role;
use crate::config::{Config, Log};
use crate::io::admin::UserMade;
use crate::io::admin::persons::{PersonAct, PersonMade};
use crate::io::admin::protocol::{Act, Word};
use crate::io::init::{self, Wishes};
use crate::io::node::{self, StartError};
use crate::io::{clock, log, plans};
use crate::media::PromptLibrary;
use crate::plan::{Facts, Origin};

/// A running node and what the demo knows of it.
pub struct House {
    /// Its folder.
    pub folder: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Where it listens for SIP.
    pub server: SocketAddr,
    /// The caller's account.
    pub alice: Account,
    /// The callee's account.
    pub bob: Account,
    /// The person who may hear the recording.
    pub listener: Account,
    /// Every prompt of the plan.
    pub prompts: PromptLibrary,
    /// Those that the policy has played first.
    pub notice: Vec<PromptId>,
    /// The others.
    pub greeting: Vec<PromptId>,
    stop: oneshot::Sender<()>,
    node: JoinHandle<Result<(), StartError>>,
    _log: log::Started,
}

impl House {
    /// Makes a node in `folder` (a new temporary one without), adds alice and bob, and starts it.
    ///
    /// # Errors
    /// The folder is not empty, or something of the node does not start.
    pub fn build(folder: Option<&Path>) -> Result<House, Stop> {
        let folder = match folder {
            Some(folder) => folder.to_path_buf(),
            None => temporary()?,
        };
        let port = free_port()?;
        let wishes = Wishes {
            listen: ["udp", "tcp"].map(|scheme| format!("{scheme}://127.0.0.1:{port}")).to_vec(),
            ..Wishes::default()
        };
        let made = init::init(&folder, &wishes).map_err(|error| match error {
            init::InitError::NotEmpty(_) => Stop::refused(error),
            _ => Stop::failed(error),
        })?;
        let config = door::configuration(Some(&made.config))?;
        let [alice, bob] =
            [("alice", "8001"), ("bob", "8002")].map(|(name, number)| account(&config, name, number));
        let (alice, bob) = (alice?, bob?);
        let listener = listener(&config, &made.password)?;
        let loaded = plans::load(&config.plan, &plans::site(&config)).map_err(Stop::failed)?;
        let program = loaded.program.ok_or_else(|| Stop::failed("the demo's plan does not load"))?;
        let facts = Facts {
            caller: Masked::new("alice"),
            dialled: Masked::new(HOTLINE),
            display: Masked::default(),
            origin: Origin::Users,
            wall: clock::wall(),
        };
        let notice = program.policy(&facts).notice.to_vec();
        let greeting =
            program.prompts().iter().map(|prompt| prompt.id).filter(|id| !notice.contains(id)).collect();
        let log =
            log::start(&Log { level: "warn".to_string(), ..config.log.clone() }).map_err(Stop::failed)?;
        let (stop, node) = start(&config)?;
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Ok(House {
            folder,
            config,
            server,
            alice,
            bob,
            listener,
            prompts: loaded.prompts,
            notice,
            greeting,
            stop,
            node,
            _log: log,
        })
    }

    /// A random source for a phone: its tokens need to differ, not to be secret.
    pub fn random(&self) -> Random {
        Random::from_number(u64::try_from(clock::wall().as_micros()).unwrap_or(1))
    }

    /// The way to the running node, as every command goes.
    ///
    /// # Errors
    /// It is gone.
    pub fn node(&self) -> Result<Node, Stop> {
        Node::open(&self.config)
    }

    /// The same, logged in as the demo's listener: root hears nothing.
    ///
    /// # Errors
    /// It is gone.
    pub fn listening(&self) -> Result<Node, Stop> {
        let mut node = Node::open(&self.config)?;
        let Account { name, password } = &self.listener;
        node.log_in(Act::LogIn { name: name.clone(), password: Word(password.clone()), code: None })?;
        Ok(node)
    }

    /// Tells how to register a softphone and waits until the node is stopped from outside (Ctrl-C).
    ///
    /// # Errors
    /// None yet.
    pub fn keep(&self, printer: &Printer) -> Result<(), Stop> {
        let accounts: Vec<_> = [(&self.alice, "8001"), (&self.bob, "8002")]
            .map(|(account, number)| json!({ "user": account.name, "number": number, "password": account.password.expose() }))
            .to_vec();
        let result = json!({ "server": self.server.to_string(), "realm": self.config.node.realm, "accounts": accounts });
        printer.value(&result, |_| {
            format!(
                "\nThe switch goes on until Ctrl-C. Register a softphone on this machine:\n\
                 \x20 server    {} (UDP or TCP)\n\
                 \x20 alice     number 8001, password {}\n\
                 \x20 bob       number 8002, password {}\n\
                 and call {HOTLINE}, 8001 or 8002.\n",
                self.server,
                self.alice.password.expose(),
                self.bob.password.expose(),
            )
        });
        while !self.node.is_finished() {
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Stops the node and waits for its end.
    ///
    /// # Errors
    /// It did not end well.
    pub fn close(self) -> Result<(), Stop> {
        // It may have been stopped by a signal already.
        let _ = self.stop.send(());
        match self.node.join() {
            Ok(ended) => ended.map_err(Stop::failed),
            Err(_) => Err(Stop::failed("the node ended in a panic")),
        }
    }
}

type Running = (oneshot::Sender<()>, JoinHandle<Result<(), StartError>>);

fn start(config: &Config) -> Result<Running, Stop> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = mpsc::channel();
    let config = config.clone();
    let stop_future = async move {
        // The sender goes when the demo does.
        let _ = stopped.await;
    };
    let node = std::thread::Builder::new()
        .name("ledgerline-node".to_string())
        .spawn(move || {
            node::run(&config, stop_future, |_| {
                let _ = ready.send(());
            })
        })
        .map_err(Stop::failed)?;
    match is_ready.recv() {
        Ok(()) => Ok((stop, node)),
        Err(_) => Err(match node.join() {
            Ok(Err(error)) => Stop::failed(error),
            _ => Stop::failed("the node did not start"),
        }),
    }
}

fn account(config: &Config, name: &str, number: &str) -> Result<Account, Stop> {
    let act = Act::UserAdd {
        name: name.to_string(),
        display: String::new(),
        numbers: vec![number.to_string()],
        password: None,
    };
    let made: UserMade = Node::open(config)?.value(act)?;
    let Some(Word(password)) = made.password else { return Err(Stop::failed("no password was made")) };
    Ok(Account { name: name.to_string(), password })
}

/// A person who may hear the demo's recording, made by its security administrator.
fn listener(config: &Config, password: &Secret<String>) -> Result<Account, Stop> {
    let mut node = Node::open(config)?;
    let name = init::ADMINISTRATOR.to_string();
    node.log_in(Act::LogIn { name, password: Word(password.clone()), code: None })?;
    let act = PersonAct::Add {
        name: "listener".to_string(),
        same_as: None,
        roles: vec![Role::Listener.to_string()],
        scope: None,
        // Whoever tries this out has no authenticator at hand; where it matters, `person add` asks for one.
        no_code: true,
        break_glass: false,
        password: None,
    };
    let made: PersonMade = node.value(Act::Person(act))?;
    let Some(Word(password)) = made.password else { return Err(Stop::failed("no password was made")) };
    Ok(Account { name: made.person.of.name, password })
}

/// A new folder under the system's one for temporary things. It stays: the demo says where its files are.
fn temporary() -> Result<PathBuf, Stop> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(Stop::failed)?;
    Ok(std::env::temp_dir().join(format!("ledgerline-demo-{}", Random::seeded(seed).token(8))))
}

/// A port of loopback that is free for UDP and TCP now.
fn free_port() -> Result<u16, Stop> {
    for _ in 0..64 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Stop::failed)?;
        let port = tcp.local_addr().map_err(Stop::failed)?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Stop::failed("no port is free on loopback"))
}
