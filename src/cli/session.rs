//! Who the command line is: the session that `login` began, kept in a file of the user's own, and what is asked at the
//! terminal.
//!
//! Invariant: a token lies in a file that only its owner may read; a file that others may read is not used.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::exit::Stop;
use crate::base::Secret;
use crate::config::Config;

/// The name that `--person` gave, for this process.
static AS: OnceLock<String> = OnceLock::new();

/// Says that this command is done as `name`, who is asked for the password.
pub fn be(name: &str) {
    // Set once, before anything reads it.
    let _ = AS.set(name.to_string());
}

/// Whom `--person` named.
pub fn whom() -> Option<&'static str> {
    AS.get().map(String::as_str)
}

/// Where the session with the node of `config` is kept: `LEDGERLINE_SESSION`, or a file of this user named after the node's
/// socket.
pub fn path(config: &Config) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("LEDGERLINE_SESSION") {
        return Some(path.into());
    }
    let socket = std::path::absolute(&config.admin.socket).ok()?;
    let hash = Sha256::digest(socket.as_os_str().as_encoded_bytes());
    let name: String = hash.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    match folder("XDG_RUNTIME_DIR") {
        Some(folder) => Some(folder.join(format!("ledgerline-{name}.session"))),
        None => Some(folder("HOME")?.join(format!(".ledgerline-{name}.session"))),
    }
}

/// The token that is kept, if there is one that nobody else may read.
pub fn token(config: &Config) -> Option<Secret<String>> {
    let path = path(config)?;
    let facts = fs::metadata(&path).ok()?;
    if facts.mode() & 0o077 != 0 {
        let _ = writeln!(io::stderr(), "ledgerline: {} is open to others and not used", path.display());
        return None;
    }
    Some(Secret::new(fs::read_to_string(&path).ok()?))
}

/// Keeps `token`.
///
/// # Errors
/// There is no place for it.
pub fn keep(config: &Config, token: &Secret<String>) -> Result<(), Stop> {
    let path = path(config).ok_or_else(|| Stop::failed("no place for a session: set LEDGERLINE_SESSION"))?;
    write(&path, token.expose()).map_err(|error| Stop::failed(format!("{}: {error}", path.display())))
}

/// Written beside and renamed: commands side by side see one token or the other.
fn write(path: &Path, token: &str) -> io::Result<()> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(token.as_bytes())?;
    fs::rename(&fresh, path)
}

/// Forgets the session. Says whether there was one.
pub fn forget(config: &Config) -> bool {
    path(config).is_some_and(|path| fs::remove_file(path).is_ok())
}

/// Whether somebody sits there who can be asked.
pub fn is_attended() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret without showing it.
///
/// # Errors
/// Nobody sits there, or nothing comes.
pub fn ask_hidden(what: &str) -> Result<Secret<String>, Stop> {
    if !is_attended() {
        return Err(Stop::usage(format!("{what}: nobody to ask; give it on standard input")));
    }
    let _ = write!(io::stderr(), "{what}: ");
    let echo = |word: &str| Command::new("stty").arg(word).stdin(Stdio::inherit()).status();
    let hidden = echo("-echo").is_ok_and(|status| status.success());
    let line = line();
    if hidden {
        let _ = echo("echo");
        let _ = writeln!(io::stderr());
    }
    line
}

/// The next line of standard input, without its end.
///
/// # Errors
/// Standard input cannot be read.
pub fn line() -> Result<Secret<String>, Stop> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(Stop::failed)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(line))
}
