//! The way to the core for everything that is not a packet.
//!
//! Invariant: every command is answered at once; a door outlives its control task and then says so.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot};

use super::playback::{NotStarted, Playback};
use crate::base::{CallId, bounds};
use crate::call::view::Happening;
use crate::media::PromptLibrary;
use crate::plan::Program;
use crate::registrar::Directory;
use crate::sip::Transport;
use crate::switch::{Answer, Command};
use crate::trunk;

/// Something for the core from another task or thread.
pub(super) enum Knock {
    Ask { command: Command, answer: oneshot::Sender<Answer> },
    Program { program: Arc<Program>, prompts: PromptLibrary },
    Emergency(Option<Arc<str>>),
    Directory(Arc<Directory>),
    Playback { playback: Box<Playback>, answer: oneshot::Sender<Result<CallId, NotStarted>> },
    Trunks { rules: Vec<trunk::Rules>, listeners: Vec<(Transport, SocketAddr)> },
}

/// The way to the core for everything that is not a packet. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    knocks: mpsc::Sender<Knock>,
    happenings: broadcast::Sender<Arc<Happening>>,
}

/// The control task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is going down")]
pub struct Gone;

impl Door {
    /// Asks the core and waits for its answer. Not to be called from a task: it blocks.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn ask(&self, command: Command) -> Result<Answer, Gone> {
        let (answer, answered) = oneshot::channel();
        self.knocks.blocking_send(Knock::Ask { command, answer }).map_err(|_| Gone)?;
        answered.blocking_recv().map_err(|_| Gone)
    }

    /// Asks the core and waits for its answer.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn ask_async(&self, command: Command) -> Result<Answer, Gone> {
        let (answer, answered) = oneshot::channel();
        self.knocks.send(Knock::Ask { command, answer }).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }

    /// Rings somebody's phones and plays something to whoever answers. Not to be called from a task: it blocks.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn play(&self, playback: Playback) -> Result<Result<CallId, NotStarted>, Gone> {
        let (answer, answered) = oneshot::channel();
        let playback = Box::new(playback);
        self.knocks.blocking_send(Knock::Playback { playback, answer }).map_err(|_| Gone)?;
        answered.blocking_recv().map_err(|_| Gone)
    }

    /// Lets new calls start with `program`. Not to be called from a task: it may block.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn program(&self, program: Arc<Program>, prompts: PromptLibrary) -> Result<(), Gone> {
        self.knocks.blocking_send(Knock::Program { program, prompts }).map_err(|_| Gone)
    }

    /// Switches an emergency plan on, or all off. Not to be called from a task: it may block.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn emergency(&self, plan: Option<Arc<str>>) -> Result<(), Gone> {
        self.knocks.blocking_send(Knock::Emergency(plan)).map_err(|_| Gone)
    }

    /// Swaps the accounts. Not to be called from a task: it may block.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn directory(&self, directory: Arc<Directory>) -> Result<(), Gone> {
        self.knocks.blocking_send(Knock::Directory(directory)).map_err(|_| Gone)
    }

    /// Swaps the trunks. Not to be called from a task: it may block.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn trunks(
        &self,
        rules: Vec<trunk::Rules>,
        listeners: Vec<(Transport, SocketAddr)>,
    ) -> Result<(), Gone> {
        self.knocks.blocking_send(Knock::Trunks { rules, listeners }).map_err(|_| Gone)
    }

    /// Every change in a call's life from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.happenings.subscribe()
    }
}

/// The core's side of a door.
pub(super) struct Porter {
    /// Who knocks.
    pub knocks: mpsc::Receiver<Knock>,
    /// Where changes in calls' lives are told.
    pub happenings: broadcast::Sender<Arc<Happening>>,
}

/// A door and who minds it.
pub(super) fn door() -> (Door, Porter) {
    let (sender, knocks) = mpsc::channel(bounds::ADMIN_CLIENTS);
    let (happenings, _) = broadcast::channel(bounds::WATCH_LAG);
    (Door { knocks: sender, happenings: happenings.clone() }, Porter { knocks, happenings })
}
