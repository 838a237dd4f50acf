//! A token (PKCS#11: a smart card, a network HSM, SoftHSM) that holds key-encryption keys and wraps data keys itself, with
//! `CKM_AES_KEY_WRAP` (RFC 3394): a data key goes in as an object of the session and comes out wrapped, and back. The keys that
//! wrap are made in the token, sensitive and not extractable.
//!
//! Invariants: the module is called by one thread, and nobody waits for it longer than [`PATIENCE`]: a token that hangs is one
//! that is away. A PIN that was refused is not tried again by itself, so that no token locks itself because of us.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::StoreError;
use crate::base::Secret;
use crate::vault::Wrapper;

/// How long an answer is waited for. A new recording waits as long at worst, once; then the token is away.
const PATIENCE: Duration = Duration::from_secs(2);
/// Requests that wait for the token's thread.
const WAITING: usize = 64;

/// A wrapped key.
type Wrapped = [u8; 40];

/// A token, logged in to. Cheap to clone.
#[derive(Clone)]
pub(super) struct Token {
    requests: SyncSender<(What, SyncSender<Option<Answer>>)>,
    away: Arc<Mutex<Option<Instant>>>,
}

/// What is asked of it; `key` is the label of the key's object.
enum What {
    Wrap { key: String, octets: Secret<[u8; 32]> },
    Unwrap { key: String, wrapped: Wrapped },
    Make { key: String },
    Destroy { key: String },
    Look { key: String },
}

enum Answer {
    Done,
    Wrapped(Wrapped),
    /// `None`: it was altered, or wrapped by another key.
    Key(Option<Secret<[u8; 32]>>),
}

/// Modules that this process has loaded: one is initialised once a process.
static MODULES: Mutex<Option<HashMap<PathBuf, Pkcs11>>> = Mutex::new(None);

impl Token {
    /// The token labelled `label` behind the module (a shared library) at `module`, logged in to with `pin`.
    ///
    /// # Errors
    /// [`StoreError::Rule`]: no such module or token, or the PIN is not taken.
    pub(super) fn open(module: &Path, label: &str, pin: &str) -> Result<Token, StoreError> {
        let rule = |what: String| StoreError::Rule(format!("the token `{label}`: {what}"));
        let context = load(module).map_err(|error| rule(error.to_string()))?;
        let mut desk = Desk {
            module: module.to_path_buf(),
            context,
            label: label.to_string(),
            pin: Some(AuthPin::new(pin.to_string().into_boxed_str())),
            session: None,
        };
        desk.session().map_err(|error| rule(error.to_string()))?;
        let (requests, asked) = sync_channel(WAITING);
        let token = Token { requests, away: Arc::default() };
        let thread = std::thread::Builder::new().name("ledgerline-token".into());
        thread.spawn(move || desk.serve(&asked)).map_err(|error| rule(error.to_string()))?;
        Ok(token)
    }

    /// Asks; `None` when the token does not do it now, or not in time. While it is away only looking asks it, so that
    /// nobody waits for it in vain but who looks.
    fn ask(&self, what: What) -> Option<Answer> {
        if self.away_since().is_some() && !matches!(what, What::Look { .. }) {
            return None;
        }
        let (answer, answered) = sync_channel(1);
        let sent = match self.requests.try_send((what, answer)) {
            Ok(()) => answered.recv_timeout(PATIENCE).ok().flatten(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        };
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match &sent {
            Some(_) => *away = None,
            None => *away = away.or_else(|| Some(Instant::now())),
        }
        sent
    }

    fn away_since(&self) -> Option<Instant> {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a key labelled `key` in the token.
    pub(super) fn make(&self, key: &str) -> Result<(), StoreError> {
        let made = self.ask(What::Make { key: key.into() });
        made.map(drop).ok_or_else(|| StoreError::Rule("the token makes no key of AES-256 that wraps".into()))
    }

    /// Destroys the key labelled `key`. One that is not there is destroyed.
    pub(super) fn destroy(&self, key: &str) -> Result<(), StoreError> {
        let done = self.ask(What::Destroy { key: key.into() });
        done.map(drop).ok_or_else(|| StoreError::Rule("the token does not destroy the key now".into()))
    }

    /// `octets` wrapped by the key labelled `key`.
    pub(super) fn wrap(&self, key: &str, octets: &Secret<[u8; 32]>) -> Option<Wrapped> {
        match self.ask(What::Wrap { key: key.into(), octets: octets.clone() })? {
            Answer::Wrapped(wrapped) => Some(wrapped),
            _ => None,
        }
    }

    /// What is in `wrapped`; see [`Wrapper::unwrap`].
    pub(super) fn unwrap(&self, key: &str, wrapped: &Wrapped) -> Option<Option<Secret<[u8; 32]>>> {
        match self.ask(What::Unwrap { key: key.into(), wrapped: *wrapped })? {
            Answer::Key(key) => Some(key),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// One key-encryption key in a token.
#[derive(Debug)]
pub(super) struct Held {
    pub token: Token,
    /// Label of the key's object.
    pub key: String,
    /// How long after the token went away what begins is wrapped by the escrow key; `None`: nothing begins.
    pub escrow: Option<Duration>,
}

impl Wrapper for Held {
    fn wrap(&self, key: &Secret<[u8; 32]>) -> Option<[u8; 40]> {
        self.token.wrap(&self.key, key)
    }

    fn unwrap(&self, wrapped: &[u8; 40]) -> Option<Option<Secret<[u8; 32]>>> {
        self.token.unwrap(&self.key, wrapped)
    }

    fn lends_escrow(&self) -> bool {
        self.escrow.zip(self.token.away_since()).is_some_and(|(lent, since)| since.elapsed() < lent)
    }

    fn look(&self) -> bool {
        self.token.ask(What::Look { key: self.key.clone() }).is_some()
    }
}

fn load(module: &Path) -> Result<Pkcs11, Error> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let modules = modules.get_or_insert_with(HashMap::new);
    if let Some(loaded) = modules.get(module) {
        return Ok(loaded.clone());
    }
    let context = Pkcs11::new(module)?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(error),
    }
    modules.insert(module.to_path_buf(), context.clone());
    Ok(context)
}

/// The token's thread.
struct Desk {
    module: PathBuf,
    context: Pkcs11,
    label: String,
    /// Forgotten when the token refuses it.
    pin: Option<AuthPin>,
    session: Option<(Session, HashMap<String, ObjectHandle>)>,
}

impl Desk {
    fn serve(mut self, asked: &Receiver<(What, SyncSender<Option<Answer>>)>) {
        while let Ok((what, answer)) = asked.recv() {
            let mut done = self.act(&what);
            if done.is_err() {
                // The session may have died with a token that is back: once more with a new one.
                self.session = None;
                done = self.act(&what);
            }
            if done.is_err() && matches!(what, What::Look { .. }) {
                // Some modules find a token again only when they begin anew.
                done = self.begin_anew().and_then(|()| self.act(&what));
            }
            if let Err(error) = &done {
                self.session = None;
                tracing::warn!(token = self.label, %error, "the token does not answer");
            }
            // Who asked may have gone.
            let _ = answer.try_send(done.ok());
        }
    }

    fn begin_anew(&mut self) -> Result<(), Error> {
        self.session = None;
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = modules.as_mut().and_then(|modules| modules.remove(&self.module)) {
            let _ = before.finalize();
        }
        drop(modules);
        self.context = load(&self.module)?;
        Ok(())
    }

    fn act(&mut self, what: &What) -> Result<Answer, Error> {
        match what {
            What::Wrap { key, octets } => self.wrap(key, octets).map(Answer::Wrapped),
            What::Unwrap { key, wrapped } => self.unwrap(key, wrapped).map(Answer::Key),
            What::Make { key } => self.make(key).map(|()| Answer::Done),
            What::Destroy { key } => self.destroy(key).map(|()| Answer::Done),
            What::Look { key } => self.look(key).map(|()| Answer::Done),
        }
    }

    /// The session, logged in.
    fn session(&mut self) -> Result<&mut (Session, HashMap<String, ObjectHandle>), Error> {
        if self.session.is_none() {
            let slots = self.context.get_slots_with_initialized_token()?;
            let is_it = |slot: &&cryptoki::slot::Slot| {
                self.context.get_token_info(**slot).is_ok_and(|token| token.label() == self.label)
            };
            let slot = slots.iter().find(is_it).ok_or(Error::InvalidValue)?;
            let session = self.context.open_rw_session(*slot)?;
            let pin = self.pin.as_ref().ok_or(Error::PinNotSet)?;
            match session.login(UserType::User, Some(pin)) {
                Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(error) => {
                    if matches!(error, Error::Pkcs11(RvError::PinIncorrect | RvError::PinLocked, _)) {
                        self.pin = None;
                    }
                    return Err(error);
                }
            }
            self.session = Some((session, HashMap::new()));
        }
        self.session.as_mut().ok_or(Error::InvalidValue)
    }

    /// The object of the key labelled `label`.
    fn key(&mut self, label: &str) -> Result<ObjectHandle, Error> {
        let (session, known) = self.session()?;
        if let Some(key) = known.get(label) {
            return Ok(*key);
        }
        let found = session.find_objects(&named(label))?;
        let key = *found.first().ok_or(Error::InvalidValue)?;
        known.insert(label.to_string(), key);
        Ok(key)
    }

    fn wrap(&mut self, label: &str, octets: &Secret<[u8; 32]>) -> Result<Wrapped, Error> {
        let key = self.key(label)?;
        let (session, _) = self.session()?;
        let mut template = passing().to_vec();
        template.push(Attribute::Value(octets.expose().to_vec()));
        let data = session.create_object(&template);
        if let Some(Attribute::Value(copy)) = template.last_mut() {
            zeroize::Zeroize::zeroize(copy);
        }
        let data = data?;
        let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, key, data);
        session.destroy_object(data)?;
        wrapped?.try_into().map_err(|_| Error::InvalidValue)
    }

    fn unwrap(&mut self, label: &str, wrapped: &Wrapped) -> Result<Option<Secret<[u8; 32]>>, Error> {
        let key = self.key(label)?;
        let (session, _) = self.session()?;
        let data = match session.unwrap_key(&Mechanism::AesKeyWrap, key, wrapped, &passing()) {
            Err(Error::Pkcs11(RvError::WrappedKeyInvalid | RvError::WrappedKeyLenRange, _)) => {
                return Ok(None);
            }
            // SoftHSM says only that it failed; a token that still looks its key up is one that found it altered.
            Err(Error::Pkcs11(RvError::GeneralError | RvError::FunctionFailed, _)) => {
                return self.look(label).map(|()| None);
            }
            data => data?,
        };
        let value = session.get_attributes(data, &[AttributeType::Value]);
        session.destroy_object(data)?;
        match value?.into_iter().next() {
            Some(Attribute::Value(octets)) => {
                let octets = Zeroizing::new(octets);
                Ok(octets.as_slice().try_into().ok().map(Secret::new))
            }
            _ => Err(Error::InvalidValue),
        }
    }

    fn make(&mut self, label: &str) -> Result<(), Error> {
        let (session, _) = self.session()?;
        if !session.find_objects(&named(label))?.is_empty() {
            return Err(Error::InvalidValue);
        }
        let mut template = named(label);
        template.extend([
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::ValueLen(32_u64.into()),
        ]);
        session.generate_key(&Mechanism::AesKeyGen, &template).map(drop)
    }

    fn destroy(&mut self, label: &str) -> Result<(), Error> {
        let (session, known) = self.session()?;
        known.remove(label);
        for key in session.find_objects(&named(label))? {
            session.destroy_object(key)?;
        }
        Ok(())
    }

    /// Whether the key is there.
    fn look(&mut self, label: &str) -> Result<(), Error> {
        let (session, _) = self.session()?;
        let found = session.find_objects(&named(label))?;
        let key = found.first().ok_or(Error::InvalidValue)?;
        session.get_attributes(*key, &[AttributeType::KeyType]).map(drop)
    }
}

/// What a key of ours is found by.
fn named(label: &str) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

/// A data key on its way through: of the session only, and it may leave.
fn passing() -> [Attribute; 5] {
    [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ]
}
