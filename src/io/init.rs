//! A new node's folder: configuration, plans, keys, certificate, store, first administrator.
//!
//! Invariants: nothing that exists is touched; everything is the owner's alone; no secret has a default, each is drawn here
//! and told once.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};

use super::clock;
use super::password;
use super::people::{NewPerson, People, PeopleError};
use super::shipped;
use super::store::{self, Store, StoreError};
use crate::base::Secret;
use crate::compliance::role::Role;
use crate::vault::Suite;

/// Name of the first administrator.
pub const ADMINISTRATOR: &str = "admin";

/// Name of the account for emergencies.
pub const BREAK_GLASS: &str = "break-glass";

/// How long the self-signed certificate is good for.
const CERTIFICATE_DAYS: i64 = 825;

/// What varies between new nodes.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// `[sip] listen`.
    pub listen: Vec<String>,
    /// `[media] ports`.
    pub ports: String,
    /// What the store writes with, for good.
    pub suite: Suite,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes {
            listen: ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061"]
                .map(String::from)
                .to_vec(),
            ports: "20000-29999".to_string(),
            suite: Suite::Intl,
        }
    }
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// The configuration file.
    pub config: PathBuf,
    /// The first administrator's password; not stored anywhere.
    pub password: Secret<String>,
    /// The password of the account for emergencies; not stored anywhere.
    pub break_glass: Secret<String>,
    /// The certificate.
    pub certificate: PathBuf,
    /// The keys' folder.
    pub keys: PathBuf,
}

/// Why no node was made. The folder is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something in the folder.
    #[error("{0} is not empty: nothing was touched")]
    NotEmpty(PathBuf),
    /// The file system said no.
    #[error("{0}: {1}")]
    Disk(PathBuf, io::Error),
    /// The store could not be made.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The administrator could not be recorded.
    #[error("administrator: {0}")]
    People(#[from] PeopleError),
    /// The certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

/// Makes a node in `folder`, which must be empty or not there yet.
///
/// # Errors
/// Why not; whatever was made until then is removed again.
pub fn init(folder: &Path, wishes: &Wishes) -> Result<Made, InitError> {
    let disk = |error| InitError::Disk(folder.to_path_buf(), error);
    let was_there = folder.exists();
    if was_there && fs::read_dir(folder).map_err(disk)?.next().is_some() {
        return Err(InitError::NotEmpty(folder.to_path_buf()));
    }
    make_folder(folder)?;
    fill(folder, wishes).inspect_err(|_| clear(folder, was_there))
}

fn fill(folder: &Path, wishes: &Wishes) -> Result<Made, InitError> {
    let config = folder.join("ledgerline.toml");
    write(&config, configuration(wishes).as_bytes())?;
    plans(&folder.join("dialplans"))?;
    let (keys, records) = (folder.join("keys"), folder.join("store"));
    make_folder(&records)?;
    Store::create(
        &records,
        &store::Options { keys: Some(keys.clone()), suite: wishes.suite, ..store::Options::default() },
    )?;
    let certificate = certificate(&folder.join("certs"))?;
    let password = password::generate()?;
    let glass = password::generate()?;
    let people = People::new(&records, Arc::new(store::load_keys(&keys)?));
    let administrator = NewPerson { wants_code: false, ..NewPerson::new(ADMINISTRATOR, &[Role::Security]) };
    people.add(&administrator, &password, clock::wall())?;
    let emergency = NewPerson {
        wants_code: false,
        break_glass: true,
        ..NewPerson::new(BREAK_GLASS, &[Role::Supervisor])
    };
    people.add(&emergency, &glass, clock::wall())?;
    Ok(Made { config, password, break_glass: glass, certificate, keys })
}

/// The text of a new configuration file.
fn configuration(wishes: &Wishes) -> String {
    let listen: Vec<String> = wishes.listen.iter().map(|listen| format!("\"{listen}\"")).collect();
    format!(
        r#"# Ledgerline: what varies by machine. Everything that a site changes in its working life is in dialplans/.
# Paths are meant from this file's folder. `ledgerline plan check` checks the plans.

[node]
name = "ledgerline"
# The digest realm. Accounts are bound to it: changing it asks for new passwords.
realm = "ledgerline"

[sip]
listen = [{}]

[tls]
# PEM files, read again when they change. These two are self-signed: phones need certs/ledgerline.crt, or put in a pair of
# your own authority.
certificate = "certs/ledgerline.crt"
key = "certs/ledgerline.key"
# Only phones with a certificate of these authorities are let in:
# clients = "certs/phones-ca.pem"
# The authorities that connections to carriers must prove themselves by:
# trust = "certs/trust.pem"

[media]
# UDP ports for RTP and RTCP: four a call.
ports = "{}"
# The address that phones reach this machine by, where it is not the one that they send SIP to:
# address = "198.51.100.7"

[plan]
folder = "dialplans"
# What the switch follows. office.plan is a larger example; without this line every plan of the folder counts.
files = ["hello.plan"]

[store]
folder = "store"
# Who has these and the store has the recordings: keep a copy apart from both.
keys = "keys"
# Country code of numbers that are written without one, for search.
country = "86"

[features]
# Park slots: `*68701` pressed in a call parks the other side, dialling 701 takes it. None without this line.
# slots = "701-720"
# Who picks up for whom with `*8` and `**`; without groups everybody for everybody:
# groups.front = ["anna", "ben"]

[presence]
# Whose lamps a user may watch: "users" (everybody's) or "own".
# watch = "users"
# Whose number a lamp shows: "nobody", "users", "all".
# show = "users"

[admin]
socket = "admin.sock"

[log]
level = "info"
format = "text"
"#,
        listen.join(", "),
        wishes.ports,
    )
}

fn plans(folder: &Path) -> Result<(), InitError> {
    make_folder(folder)?;
    for (path, octets) in shipped::plans() {
        let to = folder.join(path.as_ref());
        if let Some(parent) = to.parent() {
            make_folder(parent)?;
        }
        write(&to, &octets)?;
    }
    Ok(())
}

/// A self-signed certificate for this machine and its key, which TLS shows until the site has its own.
fn certificate(folder: &Path) -> Result<PathBuf, InitError> {
    make_folder(folder)?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut names = vec!["localhost".to_string()];
    if host.is_ascii() && !host.is_empty() && host != "localhost" {
        names.insert(0, host.clone());
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, host);
    let today = jiff::Zoned::now().date();
    let last = today.saturating_add(jiff::Span::new().days(CERTIFICATE_DAYS));
    let midnight = |date: jiff::civil::Date| {
        let (month, day) = (u8::try_from(date.month()).unwrap_or(1), u8::try_from(date.day()).unwrap_or(1));
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    (params.not_before, params.not_after) = (midnight(today), midnight(last));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let path = folder.join("ledgerline.crt");
    write(&path, certificate.pem().as_bytes())?;
    write(&folder.join("ledgerline.key"), key.serialize_pem().as_bytes())?;
    Ok(path)
}

fn make_folder(folder: &Path) -> Result<(), InitError> {
    DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder)
        .map_err(|error| InitError::Disk(folder.to_path_buf(), error))
}

fn write(path: &Path, octets: &[u8]) -> Result<(), InitError> {
    let put = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(octets)?;
        file.sync_all()
    };
    put().map_err(|error| InitError::Disk(path.to_path_buf(), error))
}

/// Removes what a failed start left; the folder held nothing else.
fn clear(folder: &Path, keep_folder: bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
    if !keep_folder {
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn a_new_node_is_the_owners_alone_and_its_configuration_is_valid() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("node");
        let made = init(&folder, &Wishes::default()).expect("made");
        for path in ["", "keys", "store", "certs", "dialplans"] {
            assert_eq!(mode(&folder.join(path)), 0o700, "{path}");
        }
        for path in ["ledgerline.toml", "certs/ledgerline.key", "certs/ledgerline.crt"] {
            assert_eq!(mode(&folder.join(path)), 0o600, "{path}");
        }
        let text = fs::read_to_string(&made.config).expect("text");
        let config = crate::config::check(&made.config, &text).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.sip.listen.len(), 3);
        assert_eq!((config.store.folder, config.store.keys), (folder.join("store"), folder.join("keys")));
        assert!(!text.contains(made.password.expose()));
        let keys = Arc::new(store::load_keys(&folder.join("keys")).expect("keys"));
        let people = People::new(&folder.join("store"), keys);
        for (name, password) in [(ADMINISTRATOR, &made.password), (BREAK_GLASS, &made.break_glass)] {
            assert!(people.log_in(name, password.expose(), None, clock::wall()).is_ok(), "{name}");
            assert!(people.log_in(name, name, None, clock::wall()).is_err(), "no default password: {name}");
        }
    }

    #[test]
    fn a_folder_that_holds_anything_is_left_alone() {
        let outer = tempfile::tempdir().expect("a folder");
        fs::write(outer.path().join("mine"), "mine").expect("written");
        assert!(matches!(init(outer.path(), &Wishes::default()), Err(InitError::NotEmpty(_))));
        assert_eq!(fs::read_dir(outer.path()).expect("there").count(), 1);
    }

    #[test]
    fn two_nodes_share_no_secret() {
        let outer = tempfile::tempdir().expect("a folder");
        let [a, b] = ["a", "b"].map(|name| init(&outer.path().join(name), &Wishes::default()).expect("made"));
        assert_ne!(a.password.expose(), b.password.expose());
        for file in ["certs/ledgerline.key", "keys"] {
            let read = |name: &str| contents(&outer.path().join(name).join(file));
            assert!(read("a").iter().zip(read("b")).all(|(a, b)| *a != b), "{file}");
        }
    }

    fn contents(path: &Path) -> Vec<Vec<u8>> {
        match fs::read_dir(path) {
            Ok(folder) => folder.flatten().map(|entry| fs::read(entry.path()).expect("octets")).collect(),
            Err(_) => vec![fs::read(path).expect("octets")],
        }
    }
}
