//! One search: RFC 3263 §4.1 (which transport) and §4.2 (which port and address), a question at a time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Answer, Domain, Naptr, Place, Question, Srv, Wanted, order};
use crate::base::{Random, bounds};
use crate::sip::Transport;

/// What a search wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An answer to this.
    Ask(Question),
    /// Nothing: these are the places, the first to be tried first. Empty: it leads nowhere.
    Done(Vec<Place>),
}

/// A search that is not over.
#[derive(Debug)]
pub struct Search {
    wanted: Wanted,
    /// What is still to be asked, in the order of preference.
    todo: VecDeque<Todo>,
    places: Vec<Place>,
    asked: usize,
}

#[derive(Debug)]
enum Todo {
    Naptr,
    Srv {
        name: Arc<str>,
        transport: Transport,
    },
    Host {
        name: Arc<str>,
        port: u16,
        transport: Transport,
    },
    /// When no service was found: the domain itself at the default port.
    Bare(Transport),
}

impl Search {
    /// A search, and its first step.
    pub fn new(wanted: Wanted) -> (Search, Step) {
        let todo = first(&wanted);
        let mut search = Search { wanted, todo, places: Vec::new(), asked: 0 };
        let step = search.next();
        (search, step)
    }

    /// Takes the answer to what was asked last.
    pub fn answer(&mut self, answer: Answer, random: &mut Random) -> Step {
        match (self.todo.pop_front(), answer) {
            (Some(Todo::Naptr), Answer::Naptr(records)) => self.on_naptr(records),
            (Some(Todo::Naptr), _) => self.on_naptr(Vec::new()),
            (Some(Todo::Srv { transport, .. }), Answer::Srv(records)) => {
                self.on_srv(records, transport, random)
            }
            (Some(Todo::Host { port, transport, .. }), Answer::Addresses(paths)) => {
                for path in paths {
                    let remote = SocketAddr::new(path.remote, port);
                    let place = Place { transport, local: path.local, remote };
                    if self.places.len() < bounds::PLACES && !self.places.contains(&place) {
                        self.places.push(place);
                    }
                }
            }
            _ => {}
        }
        self.next()
    }

    /// The time is over: what was found until now.
    pub fn give_up(self) -> Vec<Place> {
        self.places
    }

    fn next(&mut self) -> Step {
        loop {
            if self.asked >= bounds::LOCATE_QUESTIONS || self.places.len() >= bounds::PLACES {
                self.todo.clear();
            }
            let question = match self.todo.front() {
                None => return Step::Done(std::mem::take(&mut self.places)),
                Some(Todo::Bare(transport)) => {
                    let transport = *transport;
                    self.todo.pop_front();
                    if self.places.is_empty() {
                        let port = self.wanted.port.unwrap_or(transport.default_port());
                        let name = self.domain();
                        self.todo.push_front(Todo::Host { name, port, transport });
                    }
                    continue;
                }
                Some(Todo::Naptr) => Question::Naptr(self.domain()),
                Some(Todo::Srv { name, .. }) => Question::Srv(Arc::clone(name)),
                Some(Todo::Host { name, .. }) => Question::Address(Arc::clone(name)),
            };
            self.asked += 1;
            return Step::Ask(question);
        }
    }

    fn domain(&self) -> Arc<str> {
        match &self.wanted.host {
            Domain::Name(name) => Arc::clone(name),
            Domain::Ip(ip) => ip.to_string().into(),
        }
    }

    /// RFC 3263 §4.1: the services that we speak, in the domain's order; without any, each service is asked for by its name.
    fn on_naptr(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        let secure = self.wanted.secure;
        let found: Vec<Todo> = records
            .into_iter()
            .filter_map(|record| {
                let transport =
                    service(&record.service).filter(|transport| !secure || transport.is_secure())?;
                Some(Todo::Srv { name: record.replacement, transport })
            })
            .collect();
        let bare = Todo::Bare(if secure { Transport::Tls } else { Transport::Udp });
        match found.is_empty() {
            false => self.todo.extend(found),
            true => {
                let domain = self.domain();
                let spoken = [Transport::Udp, Transport::Tcp, Transport::Tls];
                let spoken = spoken.into_iter().filter(|transport| !secure || transport.is_secure());
                self.todo.extend(spoken.map(|transport| by_name(&domain, transport)));
            }
        }
        self.todo.push_back(bare);
    }

    fn on_srv(&mut self, records: Vec<Srv>, transport: Transport, random: &mut Random) {
        let there =
            records.into_iter().filter(|record| &*record.host != "." && !record.host.is_empty()).collect();
        for record in order::srv(there, random).into_iter().take(bounds::PLACES).rev() {
            self.todo.push_front(Todo::Host { name: record.host, port: record.port, transport });
        }
    }
}

/// What is asked first: RFC 3263 §4.1 and §4.2.
fn first(wanted: &Wanted) -> VecDeque<Todo> {
    let transport = match (wanted.transport, wanted.secure) {
        // A `sips` URI over TCP means TLS over TCP (RFC 3261 §26.2.2).
        (Some(_), true) => Some(Transport::Tls),
        (named, _) => named,
    };
    let plain = if wanted.secure { Transport::Tls } else { Transport::Udp };
    match (&wanted.host, wanted.port, transport) {
        (Domain::Ip(_), _, transport) => [Todo::Bare(transport.unwrap_or(plain))].into(),
        (Domain::Name(_), Some(_), transport) => [Todo::Bare(transport.unwrap_or(plain))].into(),
        (Domain::Name(domain), None, Some(transport)) => {
            [by_name(domain, transport), Todo::Bare(transport)].into()
        }
        (Domain::Name(_), None, None) => [Todo::Naptr].into(),
    }
}

fn by_name(domain: &str, transport: Transport) -> Todo {
    let service = match transport {
        Transport::Tls => "_sips._tcp",
        Transport::Tcp => "_sip._tcp",
        _ => "_sip._udp",
    };
    Todo::Srv { name: format!("{service}.{domain}").into(), transport }
}

fn service(name: &str) -> Option<Transport> {
    [("SIPS+D2T", Transport::Tls), ("SIP+D2T", Transport::Tcp), ("SIP+D2U", Transport::Udp)]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, transport)| transport)
}
