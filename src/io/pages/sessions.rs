//! Who is logged in to a page.
//!
//! Invariant: a session that nobody has used for a while is over, so that those who close their browsers without logging out keep
//! nobody else out.

use std::collections::HashMap;
use std::time::Instant;

use super::server::Guest;
use crate::base::bounds;

/// The sessions of a server, by the random names in their cookies.
#[derive(Default)]
pub(super) struct Sessions(HashMap<String, Seat>);

struct Seat {
    guest: Guest,
    used: Instant,
}

impl Sessions {
    /// Lets somebody in. False: too many are.
    pub fn add(&mut self, now: Instant, name: String, guest: Guest) -> bool {
        self.0.retain(|_, seat| now.duration_since(seat.used) < bounds::PAGE_IDLE);
        let room = self.0.len() < bounds::PAGE_SESSIONS;
        if room {
            self.0.insert(name, Seat { guest, used: now });
        }
        room
    }

    /// Whose session this is; it counts as used.
    pub fn get(&mut self, now: Instant, name: &str) -> Option<Guest> {
        let fresh = |seat: &&mut Seat| now.duration_since(seat.used) < bounds::PAGE_IDLE;
        let seat = self.0.get_mut(name).filter(fresh)?;
        seat.used = now;
        Some(seat.guest.clone())
    }

    /// Puts what proves somebody next time in the place of what did; false when the session was ended meanwhile.
    pub fn renew(&mut self, name: &str, guest: Guest) -> bool {
        self.0.get_mut(name).map(|seat| seat.guest = guest).is_some()
    }

    /// Ends a session.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use std::time::Duration;

    fn guest(name: &str) -> Guest {
        Guest { account: name.into(), user: name.into(), token: Secret::new("t".into()) }
    }

    #[test]
    fn who_left_without_a_word_keeps_nobody_out() {
        let (begun, mut sessions) = (Instant::now(), Sessions::default());
        for n in 0..bounds::PAGE_SESSIONS {
            assert!(sessions.add(begun, n.to_string(), guest("anna")));
        }
        let later = begun + bounds::PAGE_IDLE - Duration::from_secs(1);
        assert!(!sessions.add(later, "ben".into(), guest("ben")), "all may still be there");
        assert_eq!(sessions.get(later, "0").map(|guest| guest.account), Some("anna".into()));
        let after = begun + bounds::PAGE_IDLE;
        assert!(sessions.get(after, "1").is_none(), "unused for too long");
        assert!(sessions.add(after, "ben".into(), guest("ben")));
        assert!(sessions.get(after, "0").is_some() && sessions.get(after, "ben").is_some());
        sessions.remove("ben");
        assert!(
            !sessions.renew("ben", guest("ben")) && sessions.get(after, "ben").is_none(),
            "ended is ended"
        );
    }
}
