//! Which names led the switch to which addresses: what a TLS peer there must prove (RFC 5922 §4).

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::base::bounds;

/// Names by address; of more than [`bounds::TLS_NAMES`] addresses the oldest is forgotten, and then proves itself as an address.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: HashMap<SocketAddr, Vec<String>>,
    order: VecDeque<SocketAddr>,
}

/// Names of one address: a carrier's host under its own name and a few more.
const NAMES: usize = 16;

/// Stands for every name past those: no certificate names it, so an address with too many proves nothing.
const UNPROVABLE: &str = "";

impl Names {
    /// `name` led to `remote`.
    pub fn add(&mut self, remote: SocketAddr, name: &str) {
        let known = self.names.entry(remote).or_default();
        if known.is_empty() {
            self.order.push_back(remote);
        }
        let is_new = !known.iter().any(|known| known.eq_ignore_ascii_case(name));
        match known.len() {
            0..NAMES if is_new => known.push(name.to_ascii_lowercase()),
            NAMES if is_new => known.push(UNPROVABLE.to_string()),
            _ => {}
        }
        while self.order.len() > bounds::TLS_NAMES {
            self.order.pop_front().and_then(|oldest| self.names.remove(&oldest));
        }
    }

    /// The names that led to `remote`.
    pub fn of(&self, remote: SocketAddr) -> &[String] {
        self.names.get(&remote).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_every_name_once_and_the_oldest_address_goes() {
        let at = |port: usize| SocketAddr::from(([192, 0, 2, 1], u16::try_from(port).expect("a port")));
        let mut names = Names::default();
        for name in ["A.example", "b.example", "a.EXAMPLE"] {
            names.add(at(1), name);
        }
        assert_eq!(names.of(at(1)), ["a.example", "b.example"]);
        for port in 2..=bounds::TLS_NAMES + 1 {
            names.add(at(port), "c.example");
        }
        assert!(names.of(at(1)).is_empty());
        assert_eq!((names.of(at(2)), names.names.len()), (&["c.example".to_string()][..], bounds::TLS_NAMES));
    }
}
