//! What the service manager is told: ready, stopping, alive (sd_notify(3)). Without `NOTIFY_SOCKET` nothing is said.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager's ear.
#[derive(Debug)]
pub struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// As the environment says: `NOTIFY_SOCKET` (a path, or `@` and an abstract name) and `WATCHDOG_USEC`.
    pub fn from_environment() -> Notify {
        let name = std::env::var("NOTIFY_SOCKET").ok();
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|us| us.parse::<u64>().ok());
        Notify::new(name.as_deref(), watchdog.map(Duration::from_micros))
    }

    fn new(name: Option<&str>, watchdog: Option<Duration>) -> Notify {
        let address = name.and_then(|name| match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok(),
            None => SocketAddr::from_pathname(name).ok(),
        });
        let socket = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        Notify { socket, watchdog }
    }

    /// The node serves.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// The node is going down.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// The control task goes round.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// How often [`Notify::alive`] is to be said: half of what the manager allows. `None`: never.
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    fn say(&self, what: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), address)
        {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_what_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        let notify = Notify::new(path.to_str(), Some(Duration::from_secs(10)));
        notify.ready();
        let mut heard = [0; 32];
        let len = manager.recv(&mut heard).expect("a datagram");
        assert_eq!(&heard[..len], b"READY=1");
        assert_eq!(notify.alive_every(), Some(Duration::from_secs(5)));
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let notify = Notify::new(None, None);
        notify.ready();
        assert_eq!(notify.alive_every(), None);
    }
}
